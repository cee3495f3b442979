//! Lines: how each channel answers, and until when one that does not is left alone.
//!
//! A line breaks after five failures in a row, or when more than half of the last twenty attempts failed. Then it
//! is tried with one message at a time, ever more rarely, until one goes through. What a platform says about one
//! message or one conversation is no failure of the line.

use serde::{Deserialize, Serialize};

use crate::core::time::{Span, Ts};

/// Failures in a row that break a line.
const IN_A_ROW: u32 = 5;
/// Attempts of which not more than half may fail.
const LOOKED_AT: usize = 20;
/// A broken line is left alone this long at first, and twice as long after every try that fails.
const FIRST_REST: Span = Span::secs(15);
const LONGEST_REST: Span = Span::mins(5);

/// How a channel has answered lately.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Whether each of the last attempts failed, the newest last.
    recent: Vec<bool>,
    /// Failures since something went through.
    in_a_row: u32,
    /// How often it has been left alone since something went through.
    rests: u32,
    /// It is broken and left alone until then.
    pub until: Option<Ts>,
    /// Since when nothing has gone through.
    pub since: Option<Ts>,
    /// What went wrong last, without any secret.
    pub error: String,
    /// The platform does not know us.
    pub locked: bool,
}

/// A channel's entry for couriers: left alone, or open again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gate {
    /// The channel.
    pub via: String,
    /// How long and why it is left alone; `None` when it is open.
    pub shut: Option<Shut>,
}

/// How long and why a channel is left alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shut {
    /// Until when.
    pub until: Ts,
    /// Since when nothing has gone through.
    pub since: Ts,
    /// What went wrong, without any secret.
    pub why: String,
}

impl Line {
    /// Whether it is broken.
    pub const fn is_broken(&self) -> bool {
        self.until.is_some()
    }

    /// An attempt failed. Returns whether the line is left alone from now on.
    pub fn failed(&mut self, at: Ts, error: &str) -> bool {
        self.note(at, error);
        self.in_a_row += 1;
        self.recent.push(true);
        if self.recent.len() > LOOKED_AT {
            self.recent.remove(0);
        }
        let failures = self.recent.iter().filter(|failed| **failed).count();
        let breaks = self.in_a_row >= IN_A_ROW || (self.recent.len() == LOOKED_AT && failures * 2 > LOOKED_AT);
        match self.until {
            // What was on its way when the line broke says nothing new.
            Some(until) if at < until => false,
            Some(_) => self.rest(at),
            None if breaks => self.rest(at),
            None => false,
        }
    }

    /// The platform does not know us. Returns whether that is new.
    pub fn locked(&mut self, at: Ts, error: &str) -> bool {
        self.note(at, error);
        if self.until.is_none_or(|until| at >= until) {
            self.rest(at);
        }
        !std::mem::replace(&mut self.locked, true)
    }

    /// The platform asked for more patience than a message has.
    pub fn asked_to_wait(&mut self, at: Ts, until: Ts, error: &str) {
        self.note(at, error);
        self.rests = self.rests.max(1);
        self.until = Some(self.until.map_or(until, |now| now.max(until)));
    }

    /// The platform took or judged a message. Returns since when nothing had gone through, if the line was broken.
    pub fn worked(&mut self) -> Option<Ts> {
        let back = self.until.take().and(self.since);
        self.in_a_row = 0;
        self.rests = 0;
        self.since = None;
        self.locked = false;
        if back.is_some() {
            self.recent.clear();
        } else {
            self.recent.push(false);
            if self.recent.len() > LOOKED_AT {
                self.recent.remove(0);
            }
        }
        back
    }

    fn note(&mut self, at: Ts, error: &str) {
        self.since.get_or_insert(at);
        error.clone_into(&mut self.error);
    }

    fn rest(&mut self, at: Ts) -> bool {
        let rest = Span(FIRST_REST.0 << self.rests.min(8)).0.min(LONGEST_REST.0);
        self.rests += 1;
        self.until = Some(at.plus(Span(rest)));
        true
    }

    /// What couriers must know of it.
    pub(super) fn gate(&self, via: &str) -> Gate {
        let shut = self.until.map(|until| Shut { until, since: self.since.unwrap_or(until), why: self.error.clone() });
        Gate { via: via.to_owned(), shut }
    }
}
