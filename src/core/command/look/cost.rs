//! `/cost`: sums of the ledger whose parts add up to the total that is shown.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;

use super::super::{Answer, Call};
use super::budget;
use super::period::{own_zone, period, start_of_today};
use crate::core::arena::Ix;
use crate::core::calendar::{Unit, begins};
use crate::core::message::{Content, CostGroup, CostRow, CostView};
use crate::core::money::{self, Micros, Sums};
use crate::core::reason::Reason;
use crate::core::step::Fold;
use crate::core::time::{Span, Ts};
use crate::core::world::{Agent, CellKey, QUARTER, Task};

/// The most rows of a grouping; the rest is summed up in a last one.
const MAX_ROWS: usize = 8;
/// How long a slice of a period may be, the shortest first: as finely as one line shows. Longer ones are days.
const SLICES: [Span; 5] = [QUARTER, Span::mins(30), Span::hours(1), Span::hours(2), Span::hours(3)];
/// The most slices in which a period is shown, if they are shorter than a day.
const MOST_SLICES: i64 = 24;

/// Cost since midnight, by the zone of whoever asks.
pub fn today(f: &Fold<'_>, call: &Call) -> Micros {
    let since = start_of_today(f, call);
    if call.who.is_unbounded() {
        return f.w.ledger.total_since(since).cost;
    }
    f.w.ledger.since(since).filter(|(key, _)| call.who.may(f.w, key.agent)).map(|(_, sums)| sums.cost).sum()
}

/// `/cost [today|24h|7d] [by agent|model|task] [agent:x] [task:x]`
pub fn cost(f: &Fold<'_>, call: &Call) -> Result<Answer, Reason> {
    let period = period(f, call, "today")?;
    let agent = call.line.key("agent").map(|name| f.w.agent_named(name)).transpose()?;
    let task = call.line.key("task").map(|name| f.w.task_named(name)).transpose()?;
    if let Some(agent) = agent {
        call.who.check_all(f.w, &[agent])?;
    }
    let cells: Vec<(&CellKey, &Sums)> =
        f.w.ledger
            .since(period.from)
            .filter(|(key, _)| agent.is_none_or(|a| key.agent == a) && call.who.may(f.w, key.agent))
            .filter(|(key, _)| task.is_none_or(|t| key.task == Some(t)))
            .collect();
    let mut total = Sums::default();
    for (_, sums) in &cells {
        total += **sums;
    }
    let groups = groups(f, call, &cells, agent, task)?;
    let (edges, slice) = edges(period.from, f.at, &own_zone(f, call));
    let mut slices = vec![Micros(0); edges.len()];
    for (key, used) in &cells {
        let place = edges.partition_point(|edge| *edge <= key.at).saturating_sub(1);
        slices[place] += used.cost;
    }
    let last_hour = cells.iter().filter(|(key, _)| key.at > f.at.minus(Span::hours(1)));
    let sessions =
        f.w.sessions.iter().filter(|(_, s)| agent.is_none_or(|a| s.agent == a) && call.who.may(f.w, s.agent));
    // A budget is the fleet's, and is told to those who see all of it.
    let everything = period.name == "today" && agent.is_none() && task.is_none() && call.who.is_unbounded();
    Ok(Answer::Content(Content::Cost(CostView {
        budget: everything.then(|| budget::of_the_day(f)).flatten(),
        period: period.name,
        from: period.from,
        total_cents: total.cost.cents(),
        total,
        groups,
        slices,
        slice,
        edges,
        last_hour: last_hour.map(|(_, sums)| sums.cost).sum(),
        difference: sessions.map(|(_, s)| s.difference).sum::<Micros>().worth_telling(),
        filter: filter(f, agent, task),
        prices: money::prices_as_of().to_owned(),
        at: f.at,
    })))
}

fn filter(f: &Fold<'_>, agent: Option<Ix<Agent>>, task: Option<Ix<Task>>) -> Option<String> {
    let agent = agent.map(|ix| f.w.agents[ix].name.clone());
    let task = task.map(|ix| f.w.tasks[ix].id.clone());
    let parts: Vec<String> = agent.into_iter().chain(task).collect();
    (!parts.is_empty()).then(|| parts.join(" · "))
}

fn groups(
    f: &Fold<'_>,
    call: &Call,
    cells: &[(&CellKey, &Sums)],
    agent: Option<Ix<Agent>>,
    task: Option<Ix<Task>>,
) -> Result<Vec<CostGroup>, Reason> {
    let after_by = call.line.words.iter().skip_while(|w| !matches!(w.to_lowercase().as_str(), "by" | "por")).nth(1);
    let by = call.line.key("by").or(after_by.map(String::as_str)).map(str::to_lowercase);
    let wanted: Vec<&str> = match by.as_deref() {
        Some("model" | "modelo") => vec!["model"],
        Some("agent" | "agente") => vec!["agent"],
        Some("task" | "tarea") => vec!["task"],
        Some(other) => {
            return Err(Reason::BadArgument { command: call.spec.name.clone(), argument: other.to_owned() });
        }
        None if agent.is_some() => vec!["model", "task"],
        None if task.is_some() => vec!["model", "agent"],
        None => vec!["model", "agent"],
    };
    Ok(wanted.into_iter().map(|by| group(f, by, cells)).collect())
}

fn group(f: &Fold<'_>, by: &str, cells: &[(&CellKey, &Sums)]) -> CostGroup {
    let mut sums: BTreeMap<String, Sums> = BTreeMap::new();
    for (key, used) in cells {
        let name = match by {
            "model" => f.w.policy.price_of(&key.model).family.to_owned(),
            "agent" => f.w.agents.get(key.agent).map(|a| a.name.clone()).unwrap_or_default(),
            _ => key.task.and_then(|ix| f.w.tasks.get(ix)).map(|t| t.id.clone()).unwrap_or_default(),
        };
        *sums.entry(name).or_default() += **used;
    }
    let mut rows: Vec<(String, Sums)> = sums.into_iter().collect();
    rows.sort_by(|a, b| (b.1.cost, b.1.tokens.total(), &a.0).cmp(&(a.1.cost, a.1.tokens.total(), &b.0)));
    if rows.len() > MAX_ROWS {
        let mut rest = Sums::default();
        for (_, used) in rows.drain(MAX_ROWS - 1..) {
            rest += used;
        }
        rows.push(("…".into(), rest));
    }
    let costs: Vec<Micros> = rows.iter().map(|(_, used)| used.cost).collect();
    let (cents, _) = money::apportion_cents(&costs);
    let percents = money::percentages(&costs);
    let rows = rows.into_iter().zip(cents.into_iter().zip(percents));
    CostGroup {
        by: by.to_owned(),
        rows: rows.map(|((name, sums), (cents, percent))| CostRow { name, cents, percent, sums }).collect(),
    }
}

/// When slices of a period begin, and how long they are: at whole hours or days of whoever asks.
fn edges(from: Ts, now: Ts, zone: &TimeZone) -> (Vec<Ts>, Span) {
    let midnight = from.start_of_day(zone);
    let length = SLICES.into_iter().find(|slice| now.since(from).0 <= slice.0 * MOST_SLICES);
    let marks: Vec<Ts> = match length {
        Some(length) => std::iter::successors(Some(midnight), |mark| Some(mark.plus(length)))
            .skip_while(|mark| *mark <= from)
            .take_while(|mark| *mark < now)
            .collect(),
        None => Unit::Day.between(from, now, zone).skip(1).map(|date| begins(date, zone)).collect(),
    };
    (std::iter::once(from).chain(marks).collect(), length.unwrap_or(Span::days(1)))
}
