//! What a digest shows, and its parts: numbers and names whose parts add up to the totals beside them.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::CostGroup;
use crate::core::calendar::Unit;
use crate::core::event::Progress;
use crate::core::money::{Micros, Sums};
use crate::core::policy::Severity;
use crate::core::time::{Span, Ts};

/// A digest, or the part of one that is known so far.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DigestView {
    /// Its name in the configuration; empty when none is configured.
    pub name: String,
    /// In what it counts.
    pub unit: Unit,
    /// How many of them it tells of.
    pub count: usize,
    /// The first day of the first one.
    pub first: Date,
    /// The last day of the last one.
    pub last: Date,
    /// From when on.
    pub from: Ts,
    /// Until when.
    pub until: Ts,
    /// It is not over yet.
    pub so_far: bool,
    /// Nothing has happened, and every runtime has been heard of.
    pub quiet: bool,
    /// What waits for somebody.
    pub needs: DigestNeeds,
    /// What has happened.
    pub done: DigestDone,
    /// What it has cost.
    pub money: DigestMoney,
    /// Alerts that fired, the most severe first; not all when there are many.
    pub alerts: Vec<DigestAlert>,
    /// How many fired.
    pub fired: u32,
    /// Times for which nobody can speak, oldest first; not all when there are many.
    pub gaps: Vec<DigestGap>,
    /// How many there were.
    pub gaps_in_all: usize,
    /// Runtimes that have said nothing in all that time.
    pub unheard: Vec<String>,
    /// How many runtimes there are.
    pub feeds: usize,
    /// Tasks under way.
    pub running: usize,
    /// When the next one is due.
    pub next: Option<Ts>,
    /// When this was true.
    pub at: Ts,
}

/// What waits for somebody when a digest is told.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DigestNeeds {
    /// How much.
    pub count: usize,
    /// Questions that wait, the soonest deadline first; not all when there are many.
    pub asks: Vec<DigestAsk>,
    /// Open alerts, the most severe first; not all when there are many.
    pub alerts: Vec<DigestAlert>,
}

/// A question that waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DigestAsk {
    /// Four characters to say or type.
    pub code: String,
    /// Who asks. Hostile.
    pub who: String,
    /// What would run. Hostile.
    pub headline: String,
    /// When silence denies it.
    pub expires: Ts,
}

/// An alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DigestAlert {
    /// Such as `A17`.
    pub code: String,
    /// Name of the rule.
    pub rule: String,
    /// Severity.
    pub severity: Severity,
    /// About whom. Hostile.
    pub who: Option<String>,
    /// When it fired.
    pub since: Ts,
    /// When it was over.
    pub over: Option<Ts>,
}

/// What has happened.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DigestDone {
    /// Tasks that were completed.
    pub completed: u32,
    /// Tasks that failed.
    pub failed: u32,
    /// How many of a hundred tasks that ended were completed.
    pub success: Option<u32>,
    /// Sessions that began.
    pub sessions: u32,
    /// The dearest of the tasks that ended.
    pub ends: Vec<DigestEnd>,
    /// Questions that a person decided.
    pub decided: u32,
    /// Questions that nobody decided in time.
    pub expired: u32,
    /// How long the decided ones waited, together.
    pub waited: Span,
    /// Half of them waited no longer than this.
    pub median: Option<Span>,
}

/// A task that ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DigestEnd {
    /// Its identity.
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
    pub progress: Progress,
}

/// What it has cost.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DigestMoney {
    /// Everything.
    pub total: Sums,
    /// The total in cents, to which every group adds up.
    pub cents: i64,
    /// By model, by agent and by task.
    pub groups: Vec<CostGroup>,
    /// Cents of each day (week, month), when there are a few; they add up to the total.
    pub each: Vec<(Date, i64)>,
    /// Cost in slices of the time, oldest first.
    pub slices: Vec<Micros>,
    /// What the same length before has cost, when that is known.
    pub before: Option<Micros>,
    /// By how many percent it is more than before, when that was more than nothing.
    pub change: Option<i64>,
    /// Cost of earlier digests that came after them: it stands in no total.
    pub missed: Micros,
    /// Cost in this total that happened before, by the clock of whoever reported it.
    pub late: Micros,
}

/// A time for which nobody can speak.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DigestGap {
    /// The runtime; none for sereno itself.
    pub feed: Option<String>,
    /// The agent, when it was one. Hostile.
    pub who: Option<String>,
    /// How many agents.
    pub agents: u32,
    /// When it began.
    pub from: Ts,
    /// When it was over; none while it goes on.
    pub until: Option<Ts>,
}
