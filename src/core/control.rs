//! Control: what people ask of agents, through their runtimes.
//!
//! A control call is an outbox row with an expiry. A runtime that is called answers through its
//! courier; one that pulls gets the call in the answer to its next sign of life (a [`Gate`]). Either
//! way the operator sees asked, waiting, confirmed or failed, and never a promise.

mod gate;
mod order;

use serde_json::json;

use super::approval::Receipt;
use super::arena::Ix;
use super::delivery::{Class, HELD, OutboxRow, Outstanding, RowState, Work, holds};
use super::message::{Content, ControlTarget, ControlView};
use super::policy::Verb;
use super::reason::Reason;
use super::schedule::Timer;
use super::step::Fold;
use super::time::{Span, Ts};
use super::world::{Agent, Pause, Scope, Session, World};

pub use gate::{Gate, Point};
pub use order::{Control, ControlCall, ControlOutcome, ControlResult, ControlState, Order, Verdict};

/// A call that was not carried out within this time is not carried out at all.
const EXPIRES: Span = Span::mins(5);
/// A yes is for the moment in which it was given: one that reaches nobody within this time has failed.
const YES_EXPIRES: Span = Span::secs(60);
/// A no stays true, and whoever asked may have waited while nothing could be told.
const NO_EXPIRES: Span = Span::hours(1);
/// A call that waits for the next sign of life lives this long.
const MAIL_EXPIRES: Span = Span::hours(12);

/// Receipts that sereno writes itself; texts know them by these names, and no runtime can write them,
/// because its words never begin with the prefix.
pub mod receipt {
    /// Begins every receipt of sereno's own.
    pub const PREFIX: &str = "sereno:";
    /// The session ended before, or by, what was asked.
    pub const SESSION_ENDED: &str = "sereno:session_ended";
    /// There is no session that could fetch it.
    pub const NO_SESSION: &str = "sereno:no_session";
    /// Nobody carried it out in time.
    pub const TOO_LATE: &str = "sereno:too_late";
    /// The agent was being held and goes on.
    pub const RELEASED: &str = "sereno:released";
    /// The agent was not being held.
    pub const NOT_HELD: &str = "sereno:not_held";
    /// The agent is held before its next tool.
    pub const HELD: &str = "sereno:held";
    /// It was handed over at a sign of life.
    pub const HANDED_OVER: &str = "sereno:handed_over";
    /// The agent was told to stop at a sign of life.
    pub const STOPPED: &str = "sereno:stopped";
    /// The agent has its answer.
    pub const ANSWERED: &str = "sereno:answered";
    /// Nobody is waiting for the answer.
    pub const NOBODY_WAITS: &str = "sereno:nobody_waits";
    /// Somebody decided where the agent runs, and was first.
    pub const DECIDED_THERE: &str = "sereno:decided_there";
    /// The agent has the words, and works on them.
    pub const GIVEN: &str = "sereno:given";
    /// What it was doing was aborted.
    pub const ABORTED: &str = "sereno:aborted";
    /// What it was doing was aborted, and it is held until it is resumed.
    pub const ABORTED_AND_HELD: &str = "sereno:aborted_and_held";
    /// It was doing nothing.
    pub const NOTHING_RAN: &str = "sereno:nothing_ran";
    /// It was told to take up again what it was doing.
    pub const TOLD_TO_GO_ON: &str = "sereno:told_to_go_on";
    /// A new run has begun.
    pub const BEGUN: &str = "sereno:begun";
}

impl Fold<'_> {
    /// Tells the runtime how an approval was decided.
    pub fn control_approval(
        &mut self,
        approval: u64,
        agent: Ix<Agent>,
        session: Option<Ix<Session>>,
        order: Order,
        by: &str,
    ) {
        let lives = match &order {
            Order::Decide { verdict: Verdict::Approved, .. } => YES_EXPIRES,
            _ => NO_EXPIRES,
        };
        let id = self.ask_runtime(agent, session, order, by, lives);
        if let Some(control) = self.w.controls.get_mut(&id) {
            control.approval = Some(approval);
        }
        if let Some(approval) = self.w.approvals.get_mut(&approval) {
            approval.receipt = Some(Receipt::Asked);
        }
    }

    /// Asks the runtime of an agent for something a person wants. Returns the outbox row.
    pub fn control_agent(&mut self, agent: Ix<Agent>, session: Option<Ix<Session>>, order: Order, by: &str) -> String {
        let verb = order.verb();
        let data =
            json!({ "order": order, "session": session.and_then(|ix| self.w.sessions.get(ix)).map(|s| s.id.clone()) });
        let object = format!("agent:{}", self.w.agent_key(agent));
        self.audit(by, &format!("control.{}", verb.as_str()), &object, data);
        self.ask_runtime(agent, session, order, by, EXPIRES)
    }

    fn ask_runtime(
        &mut self,
        agent: Ix<Agent>,
        session: Option<Ix<Session>>,
        order: Order,
        by: &str,
        lives: Span,
    ) -> String {
        let id = self.row_id();
        let expires = self.at.plus(lives);
        let whose = self.w.agents.get(agent);
        let call = ControlCall {
            id: id.clone(),
            runtime: whose.map(|a| a.runtime.clone()).unwrap_or_default(),
            agent: whose.map(|a| a.id.clone()).unwrap_or_default(),
            session: session.and_then(|ix| self.w.sessions.get(ix)).map(|s| s.id.clone()),
            order: order.clone(),
            by: by.to_owned(),
            at: self.at,
            expires,
        };
        self.out.outbox.push(OutboxRow {
            id: id.clone(),
            via: call.runtime.clone(),
            work: Work::Control(call),
            class: Class::Decision,
            due: self.at,
            expires,
        });
        self.w.outstanding.insert(id.clone(), Outstanding::new(None, Class::Decision, self.at, expires));
        self.w.schedule.set(expires, Timer::Control(id.clone()));
        let control = Control {
            id: id.clone(),
            agent,
            session,
            order,
            by: by.to_owned(),
            at: self.at,
            expires,
            state: ControlState::Asked,
            note: None,
            card: None,
            approval: None,
        };
        self.w.controls.insert(id.clone(), control);
        id
    }

    /// A runtime has answered.
    pub(super) fn controlled(&mut self, outcome: &ControlOutcome) {
        let state = self.w.controls.get(&outcome.id).map(|c| c.state);
        if state.is_none_or(ControlState::is_final) {
            return;
        }
        match &outcome.result {
            ControlResult::Confirmed { receipt } => {
                self.end_control(&outcome.id, ControlState::Confirmed, RowState::Sent, receipt);
            }
            ControlResult::Accepted { receipt } => {
                self.settle(&outcome.id, RowState::Sent, self.at, None, Some(receipt.clone()));
                self.w.outstanding.remove(&outcome.id);
                self.note_control(&outcome.id, ControlState::Asked, Some(receipt));
            }
            ControlResult::Waiting => self.put_in_mailbox(&outcome.id),
            ControlResult::Retry { error, after, uncertain } => {
                self.ask_again(outcome, error, *after, *uncertain);
            }
            ControlResult::Failed { error } => {
                self.end_control(&outcome.id, ControlState::Failed, RowState::Dropped, error);
            }
            ControlResult::Overruled { outcome: said, by } => {
                let approval = self.w.controls.get(&outcome.id).and_then(|control| control.approval);
                self.end_control(&outcome.id, ControlState::Failed, RowState::Dropped, receipt::DECIDED_THERE);
                if let Some(number) = approval {
                    self.overruled(number, said, by.as_deref());
                }
            }
        }
    }

    fn ask_again(&mut self, outcome: &ControlOutcome, error: &str, after: Option<Span>, uncertain: bool) {
        let Some(waits) = self.w.outstanding.get_mut(&outcome.id) else { return };
        let at = self.at;
        waits.uncertain += u32::from(uncertain);
        let due = waits
            .class
            .next_attempt(&outcome.id, outcome.attempt, waits.uncertain, self.at, after)
            .filter(|due| *due < waits.expires);
        match due {
            Some(due) => {
                let state = if uncertain { RowState::Uncertain } else { RowState::Ready };
                let first = *waits.tried.get_or_insert(at);
                let held = if after.is_some() { HELD } else { holds(outcome.attempt, first) };
                self.settle_held(&outcome.id, state, due, held, error);
            }
            None => self.end_control(&outcome.id, ControlState::Failed, RowState::Dropped, error),
        }
    }

    fn put_in_mailbox(&mut self, id: &str) {
        let expires = self.at.plus(MAIL_EXPIRES);
        let Some(control) = self.w.controls.get_mut(id) else { return };
        control.expires = expires;
        // A gate may have handed it out already.
        let state = if control.state == ControlState::HandedOut { control.state } else { ControlState::Waiting };
        let session = control.session.and_then(|ix| self.w.sessions.get_mut(ix));
        let Some(session) = session else {
            self.end_control(id, ControlState::Failed, RowState::Dropped, receipt::NO_SESSION);
            return;
        };
        session.mailbox.push(id.to_owned());
        self.settle(id, RowState::Waiting, expires, None, None);
        self.w.schedule.set(expires, Timer::Control(id.to_owned()));
        self.note_control(id, state, None);
    }

    /// Nobody has carried it out in time.
    pub(super) fn control_expires(&mut self, id: &str) {
        let due = self.w.controls.get(id).is_some_and(|c| !c.state.is_final() && self.at >= c.expires);
        if due {
            self.end_control(id, ControlState::Expired, RowState::Dropped, receipt::TOO_LATE);
        }
    }

    /// Gives a control call its end.
    pub(super) fn end_control(&mut self, id: &str, state: ControlState, row: RowState, note: &str) {
        let failed = state != ControlState::Confirmed;
        let (error, receipt) = if failed { (Some(note.to_owned()), None) } else { (None, Some(note.to_owned())) };
        if self.w.outstanding.remove(id).is_some() {
            self.settle(id, row, self.at, error, receipt);
        }
        if let Some(session) = self.w.controls.get(id).and_then(|c| c.session)
            && let Some(session) = self.w.sessions.get_mut(session)
        {
            session.mailbox.retain(|mail| mail != id);
        }
        self.note_control(id, state, Some(note));
        self.take_effect(id, state);
    }

    fn note_control(&mut self, id: &str, state: ControlState, note: Option<&str>) {
        let Some(control) = self.w.controls.get_mut(id) else { return };
        control.state = state;
        control.note = note.filter(|n| !n.is_empty()).map(|n| super::text::clip(n, 200));
        let (card, approval) = (control.card, control.approval);
        if let Some(number) = approval {
            self.receipt_for_approval(number, id, state);
        }
        if let Some(card) = card {
            self.redraw_control(card);
        }
    }

    fn receipt_for_approval(&mut self, number: u64, id: &str, state: ControlState) {
        let at = self.at;
        let note = self.w.controls.get(id).and_then(|c| c.note.clone()).unwrap_or_default();
        let Some(approval) = self.w.approvals.get_mut(&number) else { return };
        let verb = Verb::Decide.as_str().to_owned();
        let (receipt, reason) = match state {
            ControlState::Confirmed => (Receipt::Confirmed, Reason::ControlConfirmed { verb, receipt: note }),
            ControlState::Failed => (Receipt::Failed(note.clone()), Reason::ControlFailed { verb, error: note }),
            ControlState::Expired => (Receipt::Failed(note), Reason::ControlExpired { verb }),
            _ => return,
        };
        approval.receipt = Some(receipt);
        approval.trail.push(at, reason);
        self.redraw_approval(number);
    }

    /// What is believed of the agent once a control call has ended.
    fn take_effect(&mut self, id: &str, state: ControlState) {
        let Some(control) = self.w.controls.get(id) else { return };
        let (ix, order) = (control.agent, control.order.clone());
        let confirmed = state == ControlState::Confirmed;
        let Some(agent) = self.w.agents.get_mut(ix) else { return };
        match order {
            Order::Pause if confirmed => {
                if let Some(pause) = &mut agent.pause {
                    pause.confirmed = true;
                }
            }
            Order::Pause => agent.pause = None,
            Order::Resume if confirmed => agent.pause = None,
            _ => return,
        }
        self.out.changed.agent(ix);
        self.fact_changed(Scope::Agent(ix));
        self.judge_all(&[Scope::Agent(ix)]);
    }

    /// A person holds an agent; what its runtime makes of it shows later.
    pub fn set_pause(&mut self, ix: Ix<Agent>, by: &str, until: Option<Ts>) {
        let at = self.at;
        if let Some(agent) = self.w.agents.get_mut(ix) {
            agent.pause = Some(Box::new(Pause { by: by.to_owned(), at, confirmed: false, until }));
            self.out.changed.agent(ix);
        }
        if let Some(until) = until {
            self.w.schedule.set(until, Timer::PauseEnds(ix));
        }
        self.fact_changed(Scope::Agent(ix));
        self.judge_all(&[Scope::Agent(ix)]);
    }

    /// A pause that was set for some time ends.
    pub(super) fn pause_ends(&mut self, ix: Ix<Agent>) {
        let pause = self.w.agents.get(ix).and_then(|a| a.pause.clone());
        let Some(pause) = pause.filter(|p| p.until.is_some_and(|until| self.at >= until)) else {
            return;
        };
        for session in self.w.live_sessions(ix) {
            self.control_agent(ix, session, Order::Resume, &pause.by);
        }
    }

    /// Draws the card of calls that were asked together anew.
    fn redraw_control(&mut self, number: u64) {
        let Some(Content::Control(view)) = self.w.cards.get(&number).map(|c| c.content.clone()) else {
            return;
        };
        let targets = self.w.control_targets(number);
        let content = Content::Control(ControlView { targets, ..view });
        self.revise(number, content, Vec::new());
    }
}

impl World {
    /// The calls whose receipts a card shows.
    pub fn control_targets(&self, card: u64) -> Vec<ControlTarget> {
        let calls = self.controls.values().filter(|c| c.card == Some(card));
        calls
            .map(|control| {
                let agent = self.agents.get(control.agent);
                let runtime = agent.and_then(|a| self.policy.runtimes.get(&a.runtime));
                ControlTarget {
                    who: agent.map(|a| self.who(a)).unwrap_or_default(),
                    session: control.session.and_then(|ix| self.sessions.get(ix)).map(Session::short),
                    state: control.state.as_str().to_owned(),
                    note: control.note.clone(),
                    pull: runtime.is_some_and(|r| r.pull),
                    can: Vec::new(),
                }
            })
            .collect()
    }

    /// The sessions of an agent that still run; one `None` when there is none, so that a runtime that
    /// knows agents only can be asked all the same.
    pub fn live_sessions(&self, agent: Ix<Agent>) -> Vec<Option<Ix<Session>>> {
        let live: Vec<_> = self
            .sessions
            .iter()
            .filter(|(_, s)| s.agent == agent && s.ended.is_none())
            .map(|(ix, _)| Some(ix))
            .collect();
        if live.is_empty() { vec![None] } else { live }
    }

    /// Why a runtime is not asked.
    pub fn cannot(&self, runtime: &str, verb: Verb) -> Reason {
        let can = self.policy.runtimes.get(runtime);
        Reason::RuntimeCannot {
            runtime: runtime.to_owned(),
            verb: verb.as_str().to_owned(),
            can: can.map(|r| r.can.iter().map(|v| v.as_str().to_owned()).collect()).unwrap_or_default(),
        }
    }
}
