//! How much happened in a time, and how well it went: counts that add up, and the few names that are worth a line.
//!
//! A tally of a quarter of an hour is of the same kind as one of a month: adding is all there is to do. Money stands in
//! the ledger. Nothing is judged here, and nothing is told.

use serde::{Deserialize, Serialize};

use crate::core::event::Progress;
use crate::core::money::Micros;
use crate::core::policy::Severity;
use crate::core::signal::Measure;
use crate::core::time::{Span, Ts};

/// Tasks that ended, the dearest, and alerts, the most severe, that a tally names.
const NAMED: usize = 8;
/// Waits that a tally keeps for the median.
const MOST_WAITS: usize = 500;
/// Types of faults that a tally tells apart.
const MOST_TYPES: usize = 12;
/// The name of the others, where only some keep theirs.
pub const OTHERS: &str = "…";

/// A task that came to its end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ended {
    /// The task.
    pub id: String,
    /// Its title. Hostile.
    pub title: Option<String>,
    /// Whether it was completed.
    pub ok: bool,
    /// What it cost.
    pub cost: Micros,
    /// How long it took.
    pub took: Span,
    /// How many sessions served it.
    pub sessions: usize,
    /// How far it got.
    #[serde(default)]
    pub progress: Progress,
}

/// An alert that fired.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fired {
    /// Its number.
    pub number: u64,
    /// Its rule.
    pub rule: String,
    /// How important it is.
    pub severity: Severity,
    /// About whom. Hostile.
    pub who: Option<String>,
    /// When it fired.
    pub at: Ts,
    /// When it was over.
    pub over: Option<Ts>,
}

/// How much happened.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tally {
    /// Tasks that were completed.
    pub done: u32,
    /// Tasks that failed.
    pub failed: u32,
    /// Sessions that began.
    pub sessions: u32,
    /// Questions that a person decided.
    pub decided: u32,
    /// Questions that nobody decided in time.
    pub expired: u32,
    /// For how long the decided ones waited, together.
    pub waited: Span,
    /// Alerts that fired.
    pub fired: u32,
    /// How long decided questions waited, one by one; not all when there are many.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub waits: Vec<Span>,
    /// The dearest of the tasks that ended.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ends: Vec<Ended>,
    /// The most severe of the alerts that fired.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub alerts: Vec<Fired>,
    /// Runtimes that said something.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub heard: Vec<String>,
    /// How well the work went.
    #[serde(skip_serializing_if = "Work::is_nothing")]
    pub work: Work,
    /// What went wrong, by type; the last one stands for all others when there are many.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<Faults>,
}

/// Sums that windows add up for rules, over a whole tally.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Work {
    /// Calls of models.
    pub calls: i64,
    /// Calls of tools.
    pub tools: i64,
    /// Faults of any type.
    pub errors: i64,
    /// Faults of type `timeout`.
    pub timeouts: i64,
    /// Tasks and sessions that ended well.
    pub succeeded: i64,
    /// Tasks and sessions that failed.
    pub failed: i64,
    /// Milliseconds that timed calls took.
    pub latency: i64,
    /// Calls that said how long they took.
    pub timed: i64,
}

impl Work {
    /// Adds to a sum. Money and tokens stand in the ledger.
    pub const fn add(&mut self, measure: Measure, amount: i64) {
        let sum = match measure {
            Measure::Cost | Measure::Tokens => return,
            Measure::Calls => &mut self.calls,
            Measure::Tools => &mut self.tools,
            Measure::Errors => &mut self.errors,
            Measure::Timeouts => &mut self.timeouts,
            Measure::Succeeded => &mut self.succeeded,
            Measure::Failed => &mut self.failed,
            Measure::Latency => &mut self.latency,
            Measure::Timed => &mut self.timed,
        };
        *sum = sum.saturating_add(amount);
    }

    fn merge(&mut self, other: &Self) {
        for (measure, amount) in [
            (Measure::Calls, other.calls),
            (Measure::Tools, other.tools),
            (Measure::Errors, other.errors),
            (Measure::Timeouts, other.timeouts),
            (Measure::Succeeded, other.succeeded),
            (Measure::Failed, other.failed),
            (Measure::Latency, other.latency),
            (Measure::Timed, other.timed),
        ] {
            self.add(measure, amount);
        }
    }

    fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// Faults of one type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Faults {
    /// The type, in the runtime's word. Hostile.
    pub kind: String,
    /// How many.
    pub count: u32,
    /// Whose the last one was. Hostile.
    pub who: Option<String>,
    /// When that was.
    pub at: Ts,
}

impl Tally {
    /// Notes a task that came to its end.
    pub fn ended(&mut self, task: Ended) {
        if task.ok {
            self.done += 1;
        } else {
            self.failed += 1;
        }
        self.name_end(task);
    }

    fn name_end(&mut self, task: Ended) {
        let place = self.ends.partition_point(|have| have.cost >= task.cost);
        self.ends.insert(place, task);
        self.ends.truncate(NAMED);
    }

    /// Notes that a person has decided what was asked so long ago.
    pub fn decided(&mut self, wait: Span) {
        self.decided += 1;
        self.waited = Span(self.waited.0.saturating_add(wait.0));
        if self.waits.len() < MOST_WAITS {
            self.waits.push(wait);
        }
    }

    /// Notes that an alert has fired.
    pub fn fired(&mut self, alert: Fired) {
        self.fired += 1;
        self.name_alert(alert);
    }

    fn name_alert(&mut self, alert: Fired) {
        let place = self.alerts.partition_point(|have| (have.severity, have.at) <= (alert.severity, alert.at));
        self.alerts.insert(place, alert);
        self.alerts.truncate(NAMED);
    }

    /// Notes that a runtime said something.
    pub fn heard(&mut self, runtime: &str) {
        if !self.heard.iter().any(|have| have == runtime) {
            self.heard.push(runtime.to_owned());
        }
    }

    /// Notes faults of one type.
    pub fn faulted(&mut self, new: Faults) {
        let known = self.faults.iter().position(|have| have.kind == new.kind);
        let Some(place) = known.or_else(|| (self.faults.len() == MOST_TYPES).then_some(MOST_TYPES - 1)) else {
            self.faults.push(new);
            return;
        };
        let have = &mut self.faults[place];
        have.count = have.count.saturating_add(new.count);
        if known.is_none() {
            OTHERS.clone_into(&mut have.kind);
        }
        if new.at >= have.at {
            (have.who, have.at) = (new.who, new.at);
        }
    }

    /// Half of the decided questions waited no longer than this.
    pub fn median_wait(&self) -> Option<Span> {
        let mut waits = self.waits.clone();
        waits.sort_unstable();
        waits.get(waits.len().saturating_sub(1) / 2).copied()
    }

    /// Adds what happened at another time.
    pub fn add(&mut self, other: &Self) {
        for (sum, more) in [
            (&mut self.done, other.done),
            (&mut self.failed, other.failed),
            (&mut self.sessions, other.sessions),
            (&mut self.decided, other.decided),
            (&mut self.expired, other.expired),
            (&mut self.fired, other.fired),
        ] {
            *sum = sum.saturating_add(more);
        }
        self.waited = Span(self.waited.0.saturating_add(other.waited.0));
        let room = MOST_WAITS.saturating_sub(self.waits.len());
        self.waits.extend(other.waits.iter().take(room));
        for task in &other.ends {
            self.name_end(task.clone());
        }
        for alert in &other.alerts {
            self.name_alert(alert.clone());
        }
        for runtime in &other.heard {
            self.heard(runtime);
        }
        self.work.merge(&other.work);
        for faults in &other.faults {
            self.faulted(faults.clone());
        }
    }
}
