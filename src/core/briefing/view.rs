//! What a digest says, from what the World knows of a time.

use std::cmp::Reverse;

use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::Reader;
use crate::core::alert::Alert;
use crate::core::calendar::{Unit, begins};
use crate::core::message::{
    CostGroup, CostRow, DigestAlert, DigestAsk, DigestDone, DigestEnd, DigestGap, DigestMoney, DigestNeeds, DigestView,
    action_text,
};
use crate::core::money::{self, Micros, Sums};
use crate::core::policy::DigestSpec;
use crate::core::status::Status;
use crate::core::time::{Span, Ts, zone};
use crate::core::world::{ByName, Column, Fired, OTHERS, Page, Spent, Tally, World};

/// Questions, alerts, tasks and gaps that are listed.
const LISTED: usize = 5;
/// Rows of a grouping; the rest is summed up in a last one.
const MAX_ROWS: usize = 8;
/// Days (weeks, months) that are listed one by one; more are summed up.
const EACH: usize = 7;
/// The most slices of a line of cost.
const MAX_SLICES: usize = 62;
/// More days (weeks, months) than this are not counted.
const MOST_UNITS: usize = 4000;

impl World {
    /// A digest for a reader of the time from the first on and before the second instant.
    pub fn digest_view(
        &self,
        name: &str,
        spec: &DigestSpec,
        reader: &Reader,
        (from, until): (Ts, Ts),
        so_far: bool,
    ) -> DigestView {
        let on = zone(&reader.tz).unwrap_or(TimeZone::UTC);
        let unit = spec.period;
        let units: Vec<Date> = unit.between(from, until, &on).take(MOST_UNITS).collect();
        let Page { money, tally, .. } = self.account(&reader.tz, from, until);
        let told = self.briefings.told(name, &reader.key);
        let (missed, late) = told.map(|told| (told.missed, told.late)).unwrap_or_default();
        let (gaps, unheard) = (self.gaps_between(from, until), self.unheard(&tally));
        let needs = self.needs();
        let first = units.first().copied().unwrap_or_else(|| from.zoned(&on).date());
        let time = Time { tz: &reader.tz, on: &on, unit, units: &units, from, until, so_far };
        let running = self.tasks.iter().filter(|(_, task)| task.column == Column::Running).count();
        let at_work = self.agents.iter().any(|(_, agent)| matches!(agent.status(), Status::Running | Status::Error));
        let mut view = DigestView {
            name: name.to_owned(),
            unit,
            count: units.len(),
            first,
            last: until.minus(Span(1)).zoned(&on).date().max(first),
            from,
            until,
            so_far,
            quiet: false,
            needs,
            done: done(&tally),
            money: self.digest_money(&time, &money, missed, late),
            alerts: alerts(&tally.alerts),
            fired: tally.fired,
            gaps_in_all: gaps.len(),
            gaps: gaps.into_iter().take(LISTED).collect(),
            unheard,
            feeds: self.policy.runtimes.len(),
            running,
            next: super::next(spec, &reader.tz, self.now),
            at: self.now,
        };
        view.quiet = is_quiet(&view) && running == 0 && !at_work;
        view
    }

    fn needs(&self) -> DigestNeeds {
        let mut asks: Vec<_> = self.approvals.values().filter(|approval| approval.is_pending()).collect();
        asks.sort_by_key(|approval| (approval.expires, approval.number));
        let mut open: Vec<&Alert> = self.alerts.values().map(Box::as_ref).filter(|alert| alert.is_open()).collect();
        open.sort_by_key(|alert| (alert.severity, alert.number));
        let name = |ix| self.agents.get(ix).map(|agent| agent.name.clone());
        DigestNeeds {
            count: asks.len() + open.len(),
            asks: asks
                .into_iter()
                .take(LISTED)
                .map(|approval| DigestAsk {
                    code: approval.code.clone(),
                    who: name(approval.agent).unwrap_or_default(),
                    headline: action_text(&approval.action).0,
                    expires: approval.expires,
                })
                .collect(),
            alerts: open
                .into_iter()
                .take(LISTED)
                .map(|alert| DigestAlert {
                    code: alert.code(),
                    rule: alert.rule.clone(),
                    severity: alert.severity,
                    who: alert.agent.and_then(name),
                    since: alert.fired.unwrap_or(alert.since),
                    over: None,
                })
                .collect(),
        }
    }

    /// Gaps in what is known of a time, oldest first: noted ones, those that go on, and what was before the diary.
    fn gaps_between(&self, from: Ts, until: Ts) -> Vec<DigestGap> {
        let noted = self.diary.gaps(from, until).map(|gap| DigestGap {
            feed: gap.feed.clone(),
            who: gap.who.clone(),
            agents: gap.agents,
            from: gap.from,
            until: Some(gap.until),
        });
        let mut gaps: Vec<DigestGap> = noted.collect();
        let silent = self.agents.iter().map(|(_, agent)| agent).filter(|agent| agent.silent);
        for agent in silent.filter(|agent| agent.last_seen < until) {
            let since = agent.last_seen.max(self.attentive);
            let open = gaps.iter_mut().find(|gap| gap.until.is_none() && gap.feed.as_ref() == Some(&agent.runtime));
            match open {
                Some(open) => {
                    open.from = open.from.min(since);
                    open.agents += 1;
                    open.who = None;
                }
                None => gaps.push(DigestGap {
                    feed: Some(agent.runtime.clone()),
                    who: Some(agent.name.clone()),
                    agents: 1,
                    from: since,
                    until: None,
                }),
            }
        }
        if let Some(begun) = self.diary.begun.filter(|begun| *begun > from) {
            gaps.push(DigestGap { feed: None, who: None, agents: 0, from, until: Some(begun.min(until)) });
        }
        gaps.sort_by_key(|gap| (gap.from, gap.until));
        gaps
    }

    /// Runtimes of which nothing was heard.
    fn unheard(&self, tally: &Tally) -> Vec<String> {
        self.policy.runtimes.keys().filter(|runtime| !tally.heard.contains(runtime)).cloned().collect()
    }

    fn digest_money(
        &self,
        time: &Time<'_>,
        money: &crate::core::world::Money,
        missed: Micros,
        late: Micros,
    ) -> DigestMoney {
        let groups = [("model", &money.families), ("agent", &money.agents), ("task", &money.tasks)];
        let before = time.before().filter(|(from, _)| self.diary.begun.is_some_and(|begun| begun <= *from));
        let before = before.map(|(from, until)| self.account(time.tz, from, until).money.total.cost);
        let total = money.total.cost;
        DigestMoney {
            total: money.total,
            cents: total.cents(),
            groups: groups.into_iter().map(|(by, sums)| group(by, sums)).collect(),
            each: self.each(time),
            slices: self.slices(time, total),
            before,
            change: before.and_then(|before| change(before, total)),
            missed,
            late,
        }
    }

    /// Cost of each day (week, month), when there are a few.
    fn each(&self, time: &Time<'_>) -> Vec<(Date, i64)> {
        if !(2..=EACH).contains(&time.units.len()) {
            return Vec::new();
        }
        let edges: Vec<Ts> = time.units.iter().map(|first| begins(*first, time.on)).collect();
        let (cents, _) = money::apportion_cents(&self.cost_in_slices(time.tz, &edges, time.from, time.until));
        time.units.iter().copied().zip(cents).collect()
    }

    /// Cost by the hour of a day, and by the day of anything longer; none where it is not known so finely.
    fn slices(&self, time: &Time<'_>, total: Micros) -> Vec<Micros> {
        if time.unit == Unit::Day && time.units.len() <= 1 {
            let hours = std::iter::successors(Some(time.from), |at| Some(at.plus(Span::hours(1))));
            let edges: Vec<Ts> = hours.take_while(|at| *at < time.until).take(MAX_SLICES).collect();
            // On no clock, for a page knows no hours.
            let slices = self.cost_in_slices("", &edges, time.from, time.until);
            return if slices.iter().copied().sum::<Micros>() == total { slices } else { Vec::new() };
        }
        let days: Vec<Date> = Unit::Day.between(time.from, time.until, time.on).take(MAX_SLICES + 1).collect();
        if days.len() > MAX_SLICES {
            return Vec::new();
        }
        let edges: Vec<Ts> = days.into_iter().map(|date| begins(date, time.on)).collect();
        self.cost_in_slices(time.tz, &edges, time.from, time.until)
    }
}

/// The time that a digest is about.
struct Time<'a> {
    tz: &'a str,
    on: &'a TimeZone,
    unit: Unit,
    units: &'a [Date],
    from: Ts,
    until: Ts,
    so_far: bool,
}

impl Time<'_> {
    /// As many days (weeks, months) before, and of one that is under way as much as has passed of it.
    fn before(&self) -> Option<(Ts, Ts)> {
        let mut first = *self.units.first()?;
        for _ in self.units {
            first = self.unit.first_day(first.yesterday().ok()?);
        }
        let begin = begins(first, self.on);
        let end = if self.so_far { begin.plus(self.until.since(self.from)).min(self.from) } else { self.from };
        (begin < end).then_some((begin, end))
    }
}

fn done(tally: &Tally) -> DigestDone {
    let ended = u64::from(tally.done) + u64::from(tally.failed);
    // Nothing but everything is a hundred.
    let success = (u64::from(tally.done) * 100).checked_div(ended).and_then(|share| u32::try_from(share).ok());
    DigestDone {
        completed: tally.done,
        failed: tally.failed,
        success,
        sessions: tally.sessions,
        ends: tally
            .ends
            .iter()
            .take(LISTED)
            .map(|task| DigestEnd {
                id: task.id.clone(),
                title: task.title.clone(),
                ok: task.ok,
                cost: task.cost,
                took: task.took,
                sessions: task.sessions,
                progress: task.progress,
            })
            .collect(),
        decided: tally.decided,
        expired: tally.expired,
        waited: tally.waited,
        median: tally.median_wait(),
    }
}

fn alerts(fired: &[Fired]) -> Vec<DigestAlert> {
    let mut fired: Vec<&Fired> = fired.iter().collect();
    fired.sort_by_key(|alert| (alert.severity, alert.number));
    let view = |alert: &Fired| DigestAlert {
        code: format!("A{}", alert.number),
        rule: alert.rule.clone(),
        severity: alert.severity,
        who: alert.who.clone(),
        since: alert.at,
        over: alert.over,
    };
    fired.into_iter().take(LISTED).map(view).collect()
}

/// The dearest first, as many as are read on a phone; the cents add up to the total, the percentages to 100.
fn group(by: &str, sums: &ByName) -> CostGroup {
    let mut rows: Vec<(&str, Spent)> = sums.iter().map(|(name, spent)| (name.as_str(), *spent)).collect();
    rows.sort_by_key(|(name, spent)| (*name == OTHERS, Reverse(spent.0), *name));
    let mut rows: Vec<(String, Spent)> = rows.into_iter().map(|(name, spent)| (name.to_owned(), spent)).collect();
    if rows.len() > MAX_ROWS {
        let rest = rows.split_off(MAX_ROWS - 1);
        let rest = rest.into_iter().fold(Spent::default(), |sum, (_, spent)| Spent(sum.0 + spent.0, sum.1 + spent.1));
        rows.push((OTHERS.to_owned(), rest));
    }
    let costs: Vec<Micros> = rows.iter().map(|(_, spent)| spent.0).collect();
    let (cents, _) = money::apportion_cents(&costs);
    let numbers = cents.into_iter().zip(money::percentages(&costs));
    let row = |((name, spent), (cents, percent)): ((String, Spent), (i64, i64))| CostRow {
        name,
        cents,
        percent,
        sums: Sums { calls: spent.1, cost: spent.0, ..Sums::default() },
    };
    CostGroup { by: by.to_owned(), rows: rows.into_iter().zip(numbers).map(row).collect() }
}

/// By how many percent `now` is more than `before`.
fn change(before: Micros, now: Micros) -> Option<i64> {
    let (now, before) = (i128::from(now.0), i128::from(before.0));
    let percent = |more: i128| (more.abs() * 200 + before) / (2 * before) * more.signum();
    (before > 0).then(|| i64::try_from(percent(now - before)).unwrap_or(i64::MAX))
}

/// Whether nothing has happened and it is known that nothing has.
fn is_quiet(view: &DigestView) -> bool {
    let done = &view.done;
    let events =
        u64::from(done.completed) + u64::from(done.failed) + u64::from(done.sessions) + u64::from(done.decided);
    let events = events + u64::from(done.expired) + u64::from(view.fired) + view.money.total.calls;
    let money = [view.money.total.cost, view.money.missed, view.money.late];
    events == 0
        && money == [Micros(0); 3]
        && view.needs.count == 0
        && view.gaps_in_all == 0
        && view.feeds > 0
        && view.unheard.is_empty()
}
