//! Whole days on the clocks of those who read digests: money and tallies, added up once and kept for two months.
//!
//! A page is written before the ledger forgets the tasks and quarters of its day; what is booked on that day later is
//! added to it. Pages add up to weeks and months. Where somebody's last digest ended within a day, as on another clock,
//! that day has two pages. Of many agents, families and tasks the dearest are named.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound::Excluded;

use serde::{Deserialize, Serialize};

use super::tally::{OTHERS, Tally};
use super::{CellKey, World};
use crate::core::calendar::{Unit, begins};
use crate::core::money::{Micros, Sums};
use crate::core::step::Fold;
use crate::core::time::{Span, Ts, zone};

/// A page is written when its day is over for so long: what is late by an hour or two stands in the ledger by then.
const SETTLED: Span = Span::hours(12);
/// The first page of a zone is of this long ago: what the ledger still knows.
const BACK: Span = Span::days(6);
/// Pages are kept this long: two months.
const KEPT: Span = Span::days(65);
/// So many agents, families and tasks of a day keep their names.
const NAMED: usize = 200;
/// A clock that has no pages.
const UNWRITTEN: &str = "";

/// Cost and calls of somebody or something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Spent(pub Micros, pub u64);

impl Spent {
    fn add(&mut self, other: Self) {
        self.0 += other.0;
        self.1 = self.1.saturating_add(other.1);
    }
}

/// Money by name.
pub type ByName = BTreeMap<String, Spent>;

/// Money of a time. Each of the groups adds up to the total.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Money {
    /// Everything.
    pub total: Sums,
    /// By family of models.
    pub families: ByName,
    /// By name of the agent. Hostile.
    pub agents: ByName,
    /// By task; empty where it belongs to none.
    pub tasks: ByName,
}

impl Money {
    fn add(&mut self, other: &Self) {
        self.total += other.total;
        for (sums, more) in
            [(&mut self.families, &other.families), (&mut self.agents, &other.agents), (&mut self.tasks, &other.tasks)]
        {
            for (name, spent) in more {
                book(sums, name, *spent);
            }
        }
    }

    fn bounded(mut self) -> Self {
        for sums in [&mut self.families, &mut self.agents, &mut self.tasks] {
            if sums.len() > NAMED {
                let mut order: Vec<(Spent, String)> =
                    std::mem::take(sums).into_iter().map(|(name, spent)| (spent, name)).collect();
                order.sort_by(|a, b| b.cmp(a));
                for (place, (spent, name)) in order.into_iter().enumerate() {
                    book(sums, if place < NAMED { &name } else { OTHERS }, spent);
                }
            }
        }
        self
    }
}

fn book(sums: &mut ByName, name: &str, spent: Spent) {
    match sums.get_mut(name) {
        Some(sum) => sum.add(spent),
        None => {
            sums.insert(name.to_owned(), spent);
        }
    }
}

/// What a time has cost and what happened in it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Page {
    /// When the time is over.
    pub until: Ts,
    /// Money.
    pub money: Money,
    /// What happened.
    pub tally: Tally,
}

/// Pages by zone and by when their day begins.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Pages(BTreeMap<String, BTreeMap<Ts, Page>>);

/// A part of a time.
enum Part<'a> {
    /// A day that has a page, and when it begins.
    Written(Ts, &'a Page),
    /// What stands in the ledger and the diary alone.
    Unwritten(Ts, Ts),
}

impl Pages {
    /// The parts of a time: days that have a page on the clock of `tz`, and what is between them.
    fn parts(&self, tz: &str, from: Ts, until: Ts) -> Vec<Part<'_>> {
        let (mut parts, mut open) = (Vec::new(), from);
        let pages = self.0.get(tz).into_iter().flat_map(|pages| pages.range(from..until.max(from)));
        for (begin, page) in pages.filter(|(_, page)| page.until <= until) {
            if open < *begin {
                parts.push(Part::Unwritten(open, *begin));
            }
            parts.push(Part::Written(*begin, page));
            open = page.until;
        }
        if open < until {
            parts.push(Part::Unwritten(open, until));
        }
        parts
    }
}

impl World {
    /// What the time from `from` on and before `until` has cost and what happened in it, on the clock of `tz`.
    pub fn account(&self, tz: &str, from: Ts, until: Ts) -> Page {
        let mut sum = Page { until, ..Page::default() };
        for part in self.pages.parts(tz, from, until) {
            match part {
                Part::Written(_, page) => {
                    sum.money.add(&page.money);
                    sum.tally.add(&page.tally);
                }
                Part::Unwritten(from, until) => {
                    sum.money.add(&self.money(from, until));
                    sum.tally.add(&self.diary.between(from, until));
                }
            }
        }
        sum
    }

    /// The cost of the same time in slices that begin at `edges`, the first at `from`; a day that has a page belongs
    /// to the slice in which it begins.
    pub fn cost_in_slices(&self, tz: &str, edges: &[Ts], from: Ts, until: Ts) -> Vec<Micros> {
        let mut slices = vec![Micros(0); edges.len()];
        let mut book = |at: Ts, cost: Micros| {
            let place = edges.partition_point(|edge| *edge <= at).saturating_sub(1);
            if let Some(slice) = slices.get_mut(place) {
                *slice += cost;
            }
        };
        for part in self.pages.parts(tz, from, until) {
            match part {
                Part::Written(begin, page) => book(begin, page.money.total.cost),
                Part::Unwritten(from, until) => {
                    self.ledger.between(from, until).for_each(|(key, sums)| book(key.at, sums.cost));
                }
            }
        }
        slices
    }

    /// The sums of the ledger's cells between `from` and `until`.
    fn money(&self, from: Ts, until: Ts) -> Money {
        let mut money = Money::default();
        let mut models: BTreeMap<&str, Spent> = BTreeMap::new();
        // By index, for there may be a million cells.
        let (mut agents, mut tasks) = (Vec::new(), Vec::new());
        let mut nothing = Spent::default();
        for (CellKey { agent, model, task, .. }, sums) in self.ledger.between(from, until) {
            let spent = Spent(sums.cost, sums.calls);
            money.total += *sums;
            models.entry(model).or_default().add(spent);
            at(&mut agents, agent.raw()).add(spent);
            task.map_or(&mut nothing, |task| at(&mut tasks, task.raw())).add(spent);
        }
        for (model, spent) in models {
            book(&mut money.families, self.policy.price_of(model).family, spent);
        }
        for (ix, agent) in self.agents.iter() {
            if let Some(spent) = agents.get(ix.raw() as usize).filter(|spent| **spent != Spent::default()) {
                book(&mut money.agents, &agent.name, *spent);
            }
        }
        for (ix, task) in self.tasks.iter() {
            if let Some(spent) = tasks.get(ix.raw() as usize).filter(|spent| **spent != Spent::default()) {
                book(&mut money.tasks, &task.id, *spent);
            }
        }
        if nothing != Spent::default() {
            book(&mut money.tasks, "", nothing);
        }
        money
    }

    /// Writes the page of a day, or one for each of its parts when it is cut.
    fn write_day(&self, written: &mut BTreeMap<Ts, Page>, (begin, end): (Ts, Ts), cuts: &BTreeSet<Ts>) {
        let mut from = begin;
        for until in cuts.range((Excluded(begin), Excluded(end))).copied().chain([end]) {
            let Page { money, tally, .. } = self.account(UNWRITTEN, from, until);
            written.insert(from, Page { until, money: money.bounded(), tally });
            from = until;
        }
    }
}

fn at(sums: &mut Vec<Spent>, place: u32) -> &mut Spent {
    let place = place as usize;
    if sums.len() <= place {
        sums.resize(place + 1, Spent::default());
    }
    &mut sums[place]
}

impl Fold<'_> {
    /// Writes pages of the days that are over, for each of `clocks`, and forgets old ones. A page ends at the times that
    /// stand with its clock, as well as at midnight.
    pub(in crate::core) fn write_pages(&mut self, clocks: &BTreeMap<String, BTreeSet<Ts>>) {
        let mut pages = std::mem::take(&mut self.w.pages);
        for (tz, cuts) in clocks {
            let Ok(on) = zone(tz) else { continue };
            let back = Unit::Day.began(self.at.minus(BACK), &on);
            if !pages.0.contains_key(tz) {
                // What the ledger has forgotten is known of another clock, or not at all.
                let longest = pages.0.values().max_by_key(|pages| pages.len()).cloned().unwrap_or_default();
                pages.0.insert(tz.clone(), longest.into_iter().filter(|(_, page)| page.until <= back).collect());
            }
            let written = pages.0.entry(tz.clone()).or_default();
            // Whoever went away before the first page was written comes back to cells that are older than that.
            let first = self.w.ledger.oldest().map_or(back, |at| Unit::Day.began(at, &on).min(back));
            let from = written.values().next_back().map_or(first, |page| page.until);
            let until = Unit::Day.began(self.at.minus(SETTLED), &on);
            // After a long absence there is nothing to add up but the days at its ends.
            let from = from.max(until.minus(KEPT));
            for date in Unit::Day.between(from, until, &on) {
                let day = (begins(date, &on).max(from), begins(Unit::Day.next_first_day(date), &on).min(until));
                self.w.write_day(written, day, cuts);
            }
            let whole = |cut: &Ts| {
                let (begin, page) = written.range(back..*cut).next_back()?;
                (page.until > *cut).then_some((*begin, page.until))
            };
            for day in cuts.range(back..).filter_map(whole).collect::<BTreeSet<_>>() {
                self.w.write_day(written, day, cuts);
            }
            let old = self.at.minus(KEPT);
            written.retain(|_, page| page.until > old);
        }
        pages.0.retain(|tz, _| clocks.contains_key(tz));
        self.w.pages = pages;
    }

    /// What was booked at `when`, which a page has added up already.
    pub(in crate::core) fn add_to_pages(&mut self, when: Ts, agent: &str, family: &str, task: &str, sums: Sums) {
        for pages in self.w.pages.0.values_mut() {
            let Some((_, page)) = pages.range_mut(..=when).next_back() else { continue };
            if page.until <= when {
                continue;
            }
            let spent = Spent(sums.cost, sums.calls);
            page.money.total += sums;
            for (names, name) in
                [(&mut page.money.families, family), (&mut page.money.agents, agent), (&mut page.money.tasks, task)]
            {
                let known = names.len() < NAMED || names.contains_key(name);
                book(names, if known { name } else { OTHERS }, spent);
            }
        }
    }
}
