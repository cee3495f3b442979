//! `/cost`: sums of the ledger whose parts add up to the total that is shown.

use std::collections::BTreeMap;

use super::super::{Answer, Call};
use crate::core::arena::Ix;
use crate::core::message::{Content, CostGroup, CostRow, CostView};
use crate::core::money::{self, Micros, Sums};
use crate::core::reason::Reason;
use crate::core::step::Fold;
use crate::core::time::{Span, Ts, zone};
use crate::core::world::{Agent, CellKey, Task};

/// The longest time that the World remembers money for.
const LONGEST: Span = Span::days(7);
/// The most rows of a grouping; the rest is summed up in a last one.
const MAX_ROWS: usize = 8;
/// In how many slices a period is shown.
const SLICES: i64 = 12;

/// What is asked for.
struct Period {
    name: String,
    from: Ts,
}

/// Cost since midnight, by the zone of whoever asks.
pub fn today(f: &Fold<'_>, call: &Call) -> Micros {
    let since = start_of_today(f, call);
    if call.who.is_unbounded() {
        return f.w.ledger.total_since(since).cost;
    }
    f.w.ledger.since(since).filter(|(key, _)| call.who.may(f.w, key.agent)).map(|(_, sums)| sums.cost).sum()
}

fn start_of_today(f: &Fold<'_>, call: &Call) -> Ts {
    let person = f.w.policy.people.get(&call.who.person);
    let name = person.map_or(f.w.policy.tz.as_str(), |p| p.tz.as_str());
    zone(name).map_or(f.at.minus(Span::days(1)), |zone| f.at.start_of_day(&zone))
}

/// `/cost [today|24h|7d] [by agent|model|task] [agent:x] [task:x]`
pub fn cost(f: &mut Fold<'_>, call: &Call) -> Result<Answer, Reason> {
    let period = period(f, call)?;
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
    let (slices, slice) = slices(&cells, period.from, f.at);
    let last_hour = cells.iter().filter(|(key, _)| key.at > f.at.minus(Span::hours(1)));
    let sessions =
        f.w.sessions.iter().filter(|(_, s)| agent.is_none_or(|a| s.agent == a) && call.who.may(f.w, s.agent));
    Ok(Answer::Content(Content::Cost(CostView {
        period: period.name,
        from: period.from,
        total_cents: total.cost.cents(),
        total,
        groups,
        slices,
        slice,
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

fn period(f: &Fold<'_>, call: &Call) -> Result<Period, Reason> {
    let is_period = |word: &&String| {
        let word = word.to_lowercase();
        matches!(word.as_str(), "today" | "hoy") || Span::parse(&word).is_ok()
    };
    let word = call.line.words.iter().find(is_period).map(|w| w.to_lowercase());
    match word.as_deref() {
        None | Some("today" | "hoy") => Ok(Period { name: "today".into(), from: start_of_today(f, call) }),
        Some(word) => {
            let span = Span::parse(word).ok().filter(|span| *span > Span(0) && *span <= LONGEST);
            let span =
                span.ok_or_else(|| Reason::BadArgument { command: call.spec.name.clone(), argument: word.to_owned() })?;
            Ok(Period { name: word.to_owned(), from: f.at.minus(span) })
        }
    }
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

/// Cost in slices of whole quarters of an hour, oldest first.
fn slices(cells: &[(&CellKey, &Sums)], from: Ts, now: Ts) -> (Vec<Micros>, Span) {
    let quarter = crate::core::world::QUARTER.0;
    let quarters = (now.since(from).0 + quarter) / quarter;
    let slice = Span(((quarters + SLICES - 1) / SLICES).max(1) * quarter);
    let count = usize::try_from(now.since(from).0 / slice.0 + 1).unwrap_or(1).min(64);
    let mut sums = vec![Micros(0); count];
    for (key, used) in cells {
        let place = usize::try_from(key.at.since(from).0 / slice.0).unwrap_or(0).min(count - 1);
        sums[place] += used.cost;
    }
    (sums, slice)
}
