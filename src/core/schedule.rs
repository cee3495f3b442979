//! Deadlines: what must be looked at, and when.
//!
//! Timers are lazy. They are never moved or cancelled; when one fires, its owner looks whether it
//! still means anything. So an agent that reports ten times a second costs one timer, not ten.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::arena::Ix;
use super::time::Ts;
use super::world::{Agent, Scope};

/// What a deadline is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Timer {
    /// Something may be true of this scope now because time has passed.
    Judge(Scope),
    /// An alert has held for as long as its rule asks.
    Hold(u64),
    /// An approval expires.
    Approval(u64),
    /// A pause ends by itself.
    PauseEnds(Ix<Agent>),
    /// A control call was handed out at a sign of life and not confirmed since.
    HandedOut(String),
    /// A control call is too late to be carried out.
    Control(String),
    /// A copy that has not been sent is told somewhere else.
    Fallback(u64),
    /// Finished things may be forgotten.
    Forget,
    /// Digests may be due.
    Digests,
    /// Somebody's quiet hours are over.
    QuietEnds(String),
}

/// All deadlines, in time order; of the same instant, in the order in which they were set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Schedule(BTreeMap<Ts, Vec<Timer>>);

impl Schedule {
    /// Sets a deadline.
    pub fn set(&mut self, at: Ts, timer: Timer) {
        // An instant has one deadline as a rule; a list that grows by itself begins with room for four.
        let due = self.0.entry(at).or_insert_with(|| Vec::with_capacity(1));
        if due.last() != Some(&timer) {
            due.push(timer);
        }
    }

    /// The next deadline.
    pub fn next(&self) -> Option<Ts> {
        self.0.keys().next().copied()
    }

    /// Takes the first deadline that is due at `now`.
    pub fn take_due(&mut self, now: Ts) -> Option<(Ts, Vec<Timer>)> {
        let at = self.next().filter(|at| *at <= now)?;
        self.0.remove(&at).map(|timers| (at, timers))
    }
}
