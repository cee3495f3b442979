//! Plays operations: a World that lives through them, the log that they make, and the same log folded again.

use std::collections::{BTreeMap, BTreeSet};

use sereno::core::access::Actor;
use sereno::core::control::{ControlOutcome, ControlResult};
use sereno::core::delivery::{SendOutcome, SendResult, Told};
use sereno::core::input::{Body, Input, Invocation, Origin, Reported, Tap};
use sereno::core::policy::Policy;
use sereno::core::step::{Decision, step};
use sereno::core::time::Span;
use sereno::core::world::World;

use super::logs::{Op, Verdict, many_rules};
use crate::sim::Sim;

/// A World that lives through operations, and what every copy of an alert has told so far.
pub struct Run {
    pub sim: Sim,
    pub told: BTreeMap<u64, Vec<Told>>,
    /// Copies whose destination was given up: nothing can be told there any more.
    pub given_up: BTreeSet<u64>,
    /// Messages can be changed after they were sent.
    pub edits: bool,
}

impl Run {
    pub fn new() -> Self {
        Self::where_messages(true)
    }

    fn where_messages(edits: bool) -> Self {
        let mut sim = Sim::with(policy_where(edits));
        sim.delivers = false;
        Self { sim, told: BTreeMap::new(), given_up: BTreeSet::new(), edits }
    }

    pub fn of(ops: &[Op]) -> Self {
        Self::of_where(ops, true)
    }

    /// The same where no message can be changed.
    pub fn of_mails(ops: &[Op]) -> Self {
        Self::of_where(ops, false)
    }

    fn of_where(ops: &[Op], edits: bool) -> Self {
        let mut run = Self::where_messages(edits);
        for op in ops {
            run.act(op);
        }
        run
    }

    pub fn act(&mut self, op: &Op) {
        match op {
            Op::Event(runtime, event, point) => {
                let event = sereno::runtime::decode::event(event.clone(), None).expect("a valid event");
                let mut reported = Reported::new(runtime, self.sim.now, event);
                reported.gate = *point;
                self.sim.input(Body::Event(Box::new(reported)));
            }
            Op::Say(person, line) => {
                let code = self.sim.world.approvals.values().last().map_or("7K3F", |a| a.code.as_str()).to_owned();
                self.sim.say(person, &line.replace("{}", &code));
            }
            Op::Tap { person, copy, button, foreign, receipt } => {
                if let Some(tap) = self.invocation(person, *copy, *button, *foreign, *receipt) {
                    self.sim.input(Body::Command(tap));
                }
            }
            Op::Answer(row, verdict) => self.answer_nth(*row, *verdict),
            Op::Wait(span) => self.sim.advance(*span),
            Op::Jump(wall) => self.sim.jump(*wall),
            Op::Away(span) => self.sim.away(*span),
            Op::Policy(fewer) => {
                let mut policy = policy_where(self.edits);
                if *fewer {
                    policy.rules.truncate(4);
                    policy.rules.reverse();
                }
                self.sim.input(Body::Policy(Box::new(policy)));
            }
        }
    }

    /// A tap on the nth copy that is on the page.
    pub fn invocation(
        &self,
        person: &str,
        copy: usize,
        button: u16,
        foreign: bool,
        receipt: bool,
    ) -> Option<Invocation> {
        let copies: Vec<_> = self.sim.world.copies.values().filter(|c| c.to.channel == "page").collect();
        let copy = copies.get(copy.checked_rem(copies.len())?)?;
        let target = if foreign { person.to_owned() } else { copy.to.target.clone() };
        let tapped = if receipt { copy.receipt.clone() } else { Some("another message".into()) };
        Some(Invocation {
            actor: Actor { channel: "page".into(), account: person.into(), display: None },
            text: String::new(),
            tap: Some(Tap { copy: copy.number, button, receipt: tapped }),
            origin: Some(Origin { channel: "page".into(), target, reply_to: None }),
            device: None,
            secret: None,
        })
    }

    fn answer_nth(&mut self, row: usize, verdict: Verdict) {
        let waiting: Vec<_> =
            self.sim.world.outstanding.iter().filter(|(_, o)| !o.dead).map(|(id, o)| (id.clone(), o.copy)).collect();
        let Some(place) = row.checked_rem(waiting.len()) else { return };
        let (id, copy) = waiting[place].clone();
        match copy {
            Some(copy) => self.answer_send(&id, copy, verdict),
            None => self.answer_call(&id, verdict),
        }
    }

    fn answer_send(&mut self, id: &str, copy: u64, verdict: Verdict) {
        let known = self.sim.world.copies[&copy].clone();
        let version = self.sim.world.cards[&known.card].version;
        let error = || "no".to_owned();
        let result = match verdict {
            Verdict::Done | Verdict::Later => {
                SendResult::Sent { receipt: known.receipt.clone().unwrap_or_else(|| format!("m{copy}")) }
            }
            Verdict::Retry => SendResult::Retry { error: error(), after: Some(Span::secs(3)), uncertain: false },
            Verdict::Uncertain => SendResult::Retry { error: error(), after: None, uncertain: true },
            Verdict::Gone => SendResult::Gone { error: error() },
            Verdict::Moved => SendResult::Moved { target: format!("{}1", known.to.target) },
            Verdict::EditLost => SendResult::EditLost,
        };
        if let (SendResult::Sent { .. }, Some(told)) = (&result, self.sim.world.cards[&known.card].told_by(version)) {
            let before = self.told.entry(copy).or_default();
            if before.last() != Some(&told) {
                before.push(told);
            }
        }
        self.sim.input(Body::Sent(SendOutcome::new(id, 1, version, result)));
        if self.sim.world.copies.get(&copy).is_some_and(|c| c.dead.is_some()) {
            self.given_up.insert(copy);
        }
    }

    fn answer_call(&mut self, id: &str, verdict: Verdict) {
        let result = match verdict {
            Verdict::Done => ControlResult::Confirmed { receipt: "ok".into() },
            Verdict::Retry | Verdict::Uncertain => {
                ControlResult::Retry { error: "no".into(), after: None, uncertain: false }
            }
            Verdict::Gone | Verdict::Moved => ControlResult::Failed { error: "gone".into() },
            Verdict::EditLost => ControlResult::Accepted { receipt: "soon".into() },
            Verdict::Later => ControlResult::Waiting,
        };
        self.sim.input(Body::Controlled(ControlOutcome { id: id.into(), attempt: 1, result }));
    }

    pub fn answer_all(&mut self) {
        while let Some((id, copy)) =
            self.sim.world.outstanding.iter().find_map(|(id, o)| Some((id.clone(), o.copy.filter(|_| !o.dead)?)))
        {
            self.answer_send(&id, copy, Verdict::Done);
        }
    }

    /// Nothing happens any more for long enough that everything is forgotten.
    pub fn go_quiet(&mut self) {
        self.answer_all();
        for _ in 0..20 {
            self.sim.advance(Span::hours(18));
            self.answer_all();
        }
    }
}

/// Folds a log from nothing, writing the World down and reading it back before the inputs at `cuts`.
pub fn fold(log: &[Input], cuts: &[usize]) -> (World, Vec<Decision>) {
    let mut world = World::default();
    let mut decisions = Vec::new();
    for (at, input) in log.iter().enumerate() {
        if cuts.contains(&at) {
            let written = world.write().expect("every World can be written down");
            world = World::read(&written).expect("and read back");
        }
        decisions.push(step(&mut world, input));
    }
    (world, decisions)
}

fn policy_where(edits: bool) -> Policy {
    let mut policy = many_rules();
    for channel in policy.channels.values_mut() {
        channel.edits = edits;
    }
    policy
}
