//! What has happened lately, as digests tell it: tallies of a quarter of an hour, and times for which nobody can speak.
//!
//! Kept longer than the ledger keeps its cells, whose quarters these are; what is older stands in pages of whole days.
//! Times are those at which things were folded. Nothing is judged here, and nothing is told.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ledger::{QUARTER, floor};
use crate::core::event::Progress;
use crate::core::money::Micros;
use crate::core::policy::Severity;
use crate::core::time::{Span, Ts};

/// Tallies are kept this long; longer than a week at any time of a day.
const KEPT: Span = Span::days(9);
/// Gaps are kept this long: two months.
const GAPS_KEPT: Span = Span::days(65);
/// So many gaps of one feed; beyond it the oldest two are taken for one.
const MOST_GAPS: usize = 300;
/// Tasks that ended, the dearest, and alerts, the most severe, that a tally names.
const NAMED: usize = 8;
/// Waits that a tally keeps for the median.
const MOST_WAITS: usize = 500;

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
    }
}

/// A time for which nobody can speak.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// The runtime that said nothing while it worked; none when sereno itself was not there.
    pub feed: Option<String>,
    /// The agent, when it was one. Hostile.
    pub who: Option<String>,
    /// How many agents.
    pub agents: u32,
    /// When it began.
    pub from: Ts,
    /// When it was over.
    pub until: Ts,
}

/// What has happened lately.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Diary {
    /// When it was begun; nothing is known of what was before.
    pub begun: Option<Ts>,
    quarters: BTreeMap<Ts, Tally>,
    gaps: Vec<Gap>,
}

impl Diary {
    /// The tally to which something at `at` belongs.
    pub fn at(&mut self, at: Ts) -> &mut Tally {
        self.quarters.entry(floor(at, QUARTER)).or_default()
    }

    /// Whether `a` and `b` belong to the same tally.
    pub const fn same(a: Ts, b: Ts) -> bool {
        a.0.div_euclid(QUARTER.0) == b.0.div_euclid(QUARTER.0)
    }

    /// An alert that fired at `fired` is over.
    pub fn alert_over(&mut self, number: u64, fired: Ts, at: Ts) {
        let tally = self.quarters.get_mut(&floor(fired, QUARTER));
        let alert = tally.and_then(|tally| tally.alerts.iter_mut().find(|alert| alert.number == number));
        if let Some(alert) = alert {
            alert.over = Some(at);
        }
    }

    /// Notes a gap. Those of the same feed that it meets are part of it.
    pub fn gap(&mut self, mut gap: Gap) {
        self.gaps.retain(|have| {
            let meets = have.feed == gap.feed && have.from <= gap.until && have.until >= gap.from;
            if meets {
                join(&mut gap, have);
            }
            !meets
        });
        self.gaps.push(gap);
        self.bound_gaps();
    }

    /// Too many of one feed: its oldest two are one, which claims less than is known, not more.
    fn bound_gaps(&mut self) {
        let Some(feed) = self.gaps.last().map(|gap| gap.feed.clone()) else { return };
        let mut of_feed = self.gaps.iter().enumerate().filter(|(_, gap)| gap.feed == feed).map(|(place, _)| place);
        let (Some(first), Some(second)) = (of_feed.next(), of_feed.next()) else { return };
        if of_feed.count() + 2 > MOST_GAPS {
            let gap = self.gaps.remove(second);
            join(&mut self.gaps[first], &gap);
        }
    }

    /// What happened from `from` on and before `until`.
    pub fn between(&self, from: Ts, until: Ts) -> Tally {
        let mut sum = Tally::default();
        for (_, tally) in self.quarters.range(floor(from, QUARTER)..until.max(from)) {
            sum.add(tally);
        }
        sum
    }

    /// Gaps that lie between `from` and `until`, also in part.
    pub fn gaps(&self, from: Ts, until: Ts) -> impl Iterator<Item = &Gap> {
        self.gaps.iter().filter(move |gap| gap.from < until && gap.until > from)
    }

    /// Forgets what is old.
    pub fn forget(&mut self, now: Ts) {
        self.quarters = self.quarters.split_off(&now.minus(KEPT));
        self.gaps.retain(|gap| gap.until >= now.minus(GAPS_KEPT));
    }
}

fn join(one: &mut Gap, other: &Gap) {
    one.from = one.from.min(other.from);
    one.until = one.until.max(other.until);
    if one.who.is_none() || one.who != other.who {
        one.who = None;
        one.agents = one.agents.saturating_add(other.agents);
    }
}
