//! Gates: an agent that pulls shows a sign of life and is told what was asked of it meanwhile.

use serde::{Deserialize, Serialize};

use super::{ControlState, Order};
use crate::core::arena::Ix;
use crate::core::reason::Reason;
use crate::core::schedule::Timer;
use crate::core::step::{Fold, Reply};
use crate::core::time::Span;
use crate::core::world::Session;

/// A call that was handed out and is not confirmed after this time waits again.
const CONFIRM_WITHIN: Span = Span::secs(30);

/// Where in its work an agent stands when it shows a sign of life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Point {
    /// Before a tool call; it can be held here.
    BeforeTool,
    /// After a tool call; it can be told something here.
    AfterTool,
    /// At the end of a turn; it can be told to go on here.
    TurnEnd,
}

/// What to tell an agent that stands at a gate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gate {
    /// A person holds it: it must wait here.
    pub hold: bool,
    /// A person has stopped it.
    pub stop: Option<String>,
    /// Words from people, with their names.
    pub notes: Vec<(String, String)>,
    /// Control calls that are carried out by telling it this; to be confirmed.
    pub controls: Vec<String>,
}

impl Fold<'_> {
    /// Answers an agent that stands at a gate.
    pub fn gate(&mut self, session: Ix<Session>, point: Point) {
        let mut gate = Gate::default();
        let Some(about) = self.w.sessions.get(session) else { return };
        let agent = self.w.agents.get(about.agent);
        gate.hold = point == Point::BeforeTool && agent.is_some_and(|a| a.pause.is_some());
        let mut mail = about.mailbox.clone();
        if gate.hold {
            // It is held from the moment a person said so, and the courier may not have come round to putting that in
            // the mailbox yet.
            let on_its_way = self.w.controls.values().filter(|c| c.session == Some(session) && c.order == Order::Pause);
            mail.extend(on_its_way.filter(|c| c.state == ControlState::Asked).map(|c| c.id.clone()));
        }
        for id in mail {
            self.hand_out(&id, point, &mut gate);
        }
        if gate.stop.is_some() {
            gate.hold = false;
        }
        self.out.reply = Some(Reply { reason: Reason::Done, refused: false, content: None, gate: Some(gate) });
    }

    fn hand_out(&mut self, id: &str, point: Point, gate: &mut Gate) {
        let Some(control) = self.w.controls.get_mut(id) else { return };
        if !matches!(control.state, ControlState::Asked | ControlState::Waiting) {
            return;
        }
        match &control.order {
            Order::Kill => gate.stop = Some(control.by.clone()),
            Order::Tell { text } if point != Point::BeforeTool => {
                gate.notes.push((control.by.clone(), text.clone()));
            }
            Order::Pause if gate.hold => {}
            _ => return,
        }
        control.state = ControlState::HandedOut;
        gate.controls.push(id.to_owned());
        self.w.schedule.set(self.at.plus(CONFIRM_WITHIN), Timer::HandedOut(id.to_owned()));
    }

    /// A call that was handed out was never confirmed: the agent may not have got it.
    pub(in crate::core) fn take_back(&mut self, id: &str) {
        if let Some(control) = self.w.controls.get_mut(id)
            && control.state == ControlState::HandedOut
        {
            control.state = ControlState::Waiting;
        }
    }
}
