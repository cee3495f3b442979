//! What has happened lately, as digests tell it: tallies of a quarter of an hour, and times for which nobody can speak.
//!
//! Kept longer than the ledger keeps its cells, whose quarters these are; what is older stands in pages of whole days.
//! Times are those at which things were folded. Nothing is judged here, and nothing is told.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ledger::{QUARTER, floor};
use super::tally::Tally;
use crate::core::time::{Span, Ts};

/// Tallies are kept this long; longer than a week at any time of a day.
const KEPT: Span = Span::days(9);
/// Gaps are kept this long: two months.
const GAPS_KEPT: Span = Span::days(65);
/// So many gaps of one feed; beyond it the oldest two are taken for one.
const MOST_GAPS: usize = 300;

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
