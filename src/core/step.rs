//! The fold: one input in, the World changed, a [`Decision`] out.
//!
//! Pure and total: no I/O, no clock, no randomness, and no input makes it panic. Each kind of input is
//! handled where its subject lives; this module only dispatches and keeps the deadlines.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::arena::Ix;
use super::audit::AuditRow;
use super::control::Gate;
use super::delivery::{Gate as ChannelGate, OutboxRow, Settlement};
use super::input::{Body, Input};
use super::message::Content;
use super::policy::Policy;
use super::reason::Reason;
use super::rule::{RuleBook, RuleIx};
use super::schedule::Timer;
use super::time::Ts;
use super::world::{Agent, CellKey, Scope, Session, Task, World};

/// What follows from an input. Committed together with the input, in one transaction.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decision {
    /// Rows for the audit.
    pub audit: Vec<AuditRow>,
    /// New outbox rows: what must happen.
    pub outbox: Vec<OutboxRow>,
    /// Outbox rows whose state has changed.
    pub settled: Vec<Settlement>,
    /// Channels that are left alone from now on, or no longer.
    pub gates: Vec<ChannelGate>,
    /// What whoever appended the input gets to know.
    pub reply: Option<Reply>,
    /// Whose rows in the read models have changed.
    pub changed: Changed,
}

/// The answer to whoever appended the input.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reply {
    /// In one word: done, or why not.
    pub reason: Reason,
    /// Whether it was refused.
    pub refused: bool,
    /// The answer in full, when the caller wants it here instead of in a conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Box<Content>>,
    /// For an event of an agent that stands at a gate: what to tell it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<Gate>,
}

/// Whose rows in the read models have changed.
#[derive(Clone, Debug, Default, PartialEq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Changed {
    pub agents: BTreeSet<Ix<Agent>>,
    pub sessions: BTreeSet<Ix<Session>>,
    pub tasks: BTreeSet<Ix<Task>>,
    pub cells: BTreeSet<CellKey>,
    pub alerts: BTreeSet<u64>,
    pub approvals: BTreeSet<u64>,
    pub cards: BTreeSet<u64>,
    pub copies: BTreeSet<u64>,
    pub sign_ins: BTreeSet<String>,
    pub devices: BTreeSet<String>,
}

impl Changed {
    /// The agent's row has changed.
    pub fn agent(&mut self, ix: Ix<Agent>) {
        self.agents.insert(ix);
    }

    /// Takes over what another decision has changed. It is little, as a rule: joining whole sets would go
    /// through all that is here already.
    pub fn merge(&mut self, other: Self) {
        self.agents.extend(other.agents);
        self.sessions.extend(other.sessions);
        self.tasks.extend(other.tasks);
        self.cells.extend(other.cells);
        self.alerts.extend(other.alerts);
        self.approvals.extend(other.approvals);
        self.cards.extend(other.cards);
        self.copies.extend(other.copies);
        self.sign_ins.extend(other.sign_ins);
        self.devices.extend(other.devices);
    }
}

/// A step under way: the World, what is decided so far, and the time.
pub struct Fold<'a> {
    /// What is believed.
    pub w: &'a mut World,
    /// What follows.
    pub out: Decision,
    /// When the input is folded; the one source of time here.
    pub at: Ts,
    /// Rules that this input may have changed, judged at its end.
    pub suspects: Vec<(Scope, RuleIx)>,
    /// How many outbox rows this step has made; part of their identity.
    pub made: u32,
}

/// A fold: [`step`], unless somebody hands in another one.
pub type Step = fn(&mut World, &Input) -> Decision;

/// Folds one input.
pub fn step(world: &mut World, input: &Input) -> Decision {
    let at = input.at.max(world.now);
    world.now = at;
    world.pos = input.pos;
    let mut fold = Fold { w: world, out: Decision::default(), at, suspects: Vec::new(), made: 0 };
    fold.forgive(&input.body);
    fold.note_absence(&input.body);
    fold.let_go(&input.body);
    fold.deadlines();
    fold.input(&input.body);
    fold.out
}

impl Fold<'_> {
    fn input(&mut self, body: &Body) {
        match body {
            Body::Event(reported) => self.event(reported),
            Body::Command(invocation) => self.command(invocation),
            Body::Sent(outcome) => self.sent(outcome),
            Body::Controlled(outcome) => self.controlled(outcome),
            Body::Tick => {}
            Body::ClockJumped(jump) => self.clock_jumped(jump),
            Body::Returned { since } => self.returned(*since),
            Body::Skewed { source, percent } => self.skewed(source, *percent),
            Body::Contact(contact) => self.contact(contact),
            Body::Policy(policy) => self.policy(policy),
            Body::Quarantined(about) => self.quarantined(about),
            Body::LinkIssued { token, person, expires } => self.link_issued(token, person, *expires),
            Body::LinkUsed { token, session, expires } => self.link_used(token, session, *expires),
            Body::SignedOut { session } => self.signed_out(session),
            Body::Restored { epoch, replaced } => self.restored(*epoch, replaced.as_ref()),
        }
    }

    /// Everything that was due before the input happened comes before it.
    fn deadlines(&mut self) {
        while let Some((_, timers)) = self.w.schedule.take_due(self.at) {
            for timer in timers {
                self.deadline(timer);
            }
        }
    }

    fn deadline(&mut self, timer: Timer) {
        match timer {
            Timer::Judge(scope) => self.judge_later(scope),
            Timer::Hold(alert) => self.hold_ended(alert),
            Timer::Approval(approval) => self.approval_expires(approval),
            Timer::PauseEnds(agent) => self.pause_ends(agent),
            Timer::HandedOut(control) => self.take_back(&control),
            Timer::Control(control) => self.control_expires(&control),
            Timer::Fallback(copy) => self.patience_ends(copy),
            Timer::Forget => self.forget(),
            Timer::Digests => self.digests_due(),
            Timer::QuietEnds(person) => self.reconsider(&person),
        }
    }

    fn policy(&mut self, policy: &Policy) {
        let book = Arc::new(RuleBook::compile_lossy(&policy.rules));
        let old = std::mem::replace(&mut self.w.rules, book);
        self.w.policy = self.in_force(policy);
        // Of a runtime that is not there any more nobody will say that it is back.
        self.w.lost.retain(|runtime, _| policy.runtimes.contains_key(runtime));
        self.keep_windows(&old);
        self.close_removed_rules();
        self.w.diary.begun.get_or_insert(self.at);
        self.plan_digests();
        self.reconsider_all();
        let data = json!({
            "people": policy.people.keys().collect::<Vec<_>>(),
            "rules": policy.rules.iter().map(|r| &r.name).collect::<Vec<_>>(),
            "channels": policy.channels.keys().collect::<Vec<_>>(),
            "runtimes": policy.runtimes.keys().collect::<Vec<_>>(),
        });
        self.audit("sereno", "policy.changed", "policy", data);
        if self.w.pos == 1 {
            self.w.schedule.set(self.at.plus(super::world::FORGET_EVERY), Timer::Forget);
        }
    }

    /// Writes an audit row.
    pub fn audit(&mut self, actor: &str, action: &str, object: &str, data: Value) {
        self.w.deeds.keep(self.at, actor, action, object, &data);
        let row = self.w.audit.append(self.at, actor, action, object, data);
        self.out.audit.push(row);
    }

    /// Answers whoever appended the input.
    pub fn answer(&mut self, reason: Reason) {
        self.out.reply = Some(Reply { reason, refused: false, content: None, gate: None });
    }

    /// Refuses what was asked.
    pub fn refuse(&mut self, reason: Reason) {
        self.out.reply = Some(Reply { reason, refused: true, content: None, gate: None });
    }
}
