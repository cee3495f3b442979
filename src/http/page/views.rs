//! Views beside the feed: agents, cost, more; and what the command line offers.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Redirect, Response};
use jiff::tz::TimeZone;
use serde::Serialize;
use serde_json::{Value, json};

use super::super::Shared;
use super::super::problem::Problem;
use super::html;
use super::session::{self, Visitor};
use super::stream::{self, Summary};
use crate::core::access::Ruling;
use crate::core::calendar::{Unit, begins};
use crate::core::chart::{Begin, Chart, Course, Each, Panel, Slice};
use crate::core::command::CATALOGUE;
use crate::core::message::{AgentRow, Who};
use crate::core::money::{self, Micros, Sums};
use crate::core::policy::Policy;
use crate::core::status::Status;
use crate::core::time::{Span, Ts, zone};
use crate::render::chart;

/// Agents that the view lists.
const AGENTS: i64 = 500;
/// An agent that was not heard of for longer is not listed.
const LISTED: Span = Span::days(2);

/// Asked for in place: only what the view holds.
fn is_fragment(headers: &HeaderMap) -> bool {
    headers.get("accept").is_some_and(|accept| accept == "text/x-view")
}

macro_rules! view {
    ($door:expr, $headers:expr, $name:literal, |$visitor:ident| $content:expr) => {{
        let Some($visitor) = session::visitor(&$door, &$headers).await? else {
            return Ok(Redirect::to("/").into_response());
        };
        let content = $content;
        if is_fragment(&$headers) {
            return Ok(html::fragment(&$visitor, $name, &content).into_response());
        }
        Ok(html::page(&$visitor, $name, &content).into_response())
    }};
}

#[derive(Serialize)]
struct AgentsPage {
    head: Summary,
    /// How many there are in each state, as a drawing; empty when there are none.
    states: String,
    rows: Vec<AgentLine>,
}

/// An agent as the view shows it.
#[derive(Serialize)]
struct AgentLine {
    #[serde(flatten)]
    row: AgentRow,
    icon: &'static str,
    cost_text: Option<String>,
    tokens_text: String,
    seen: String,
    percent: Option<u32>,
    handle: String,
}

/// `GET /agents`
pub async fn agents(State(door): State<Shared>, headers: HeaderMap) -> Result<Response, Problem> {
    view!(door, headers, "agents", |visitor| {
        let now = door.sources.now();
        let mut rows = door.store.agents(now.minus(LISTED), AGENTS).await?;
        let policy = door.progress.policy.borrow().clone();
        rows.retain(|row| may_see(&policy, &visitor, row));
        rows.sort_by(|a, b| {
            (a.status, std::cmp::Reverse(a.last_seen), &a.who.name).cmp(&(
                b.status,
                std::cmp::Reverse(b.last_seen),
                &b.who.name,
            ))
        });
        let states = states(&rows, &visitor);
        let rows = rows.into_iter().map(|row| line(row, &visitor)).collect();
        AgentsPage { head: stream::summary(&door, &visitor).await?, states, rows }
    })
}

fn states(rows: &[AgentRow], visitor: &Visitor) -> String {
    let count = |status: Status| u32::try_from(rows.iter().filter(|row| row.status == status).count()).unwrap_or(0);
    let counts: Vec<(Status, u32)> = Status::ALL.into_iter().map(|status| (status, count(status))).collect();
    let chart = Chart::of_agents(&counts);
    chart.map_or_else(String::new, |chart| chart::picture(&chart, visitor.lang, &visitor.tz).svg())
}

/// Whether an agent is within what the visitor may see.
pub(super) fn may_see(policy: &Policy, visitor: &Visitor, row: &AgentRow) -> bool {
    if policy.is_unbounded(&visitor.person) {
        return true;
    }
    let (rights, spec) = (policy.rights_of(&visitor.person), CATALOGUE.find("agent"));
    let target = policy.target(&row.who.runtime, &row.who.id, &row.tags);
    rights.zip(spec).is_some_and(|(rights, spec)| rights.on(spec, &target) == Ruling::Allowed)
}

fn line(row: AgentRow, visitor: &Visitor) -> AgentLine {
    let step = row.step.as_ref().and_then(|s| Some((s.index?, s.of.filter(|of| *of > 0)?)));
    AgentLine {
        icon: row.status.icon(),
        cost_text: row.cost.map(|cost| cost.to_string()),
        tokens_text: row.tokens.to_string(),
        seen: html::clock(row.last_seen, &visitor.tz),
        percent: step.map(|(index, of)| (index * 100 / of).min(100)),
        handle: crate::core::command::quoted(&format!("{}/{}", row.who.runtime, row.who.id)),
        row,
    }
}

#[derive(Serialize)]
struct CostPage {
    head: Summary,
    total: String,
    /// The day as a drawing; empty when it has cost nothing.
    day: String,
    groups: Vec<Group>,
    unpriced: u64,
    calls: u64,
}

#[derive(Serialize)]
struct Group {
    by: &'static str,
    rows: Vec<CostLine>,
}

#[derive(Serialize)]
struct CostLine {
    name: String,
    cost: String,
    percent: i64,
    tokens: u64,
}

type CostRow = (Ts, String, String, String, Sums);

/// `GET /cost`
pub async fn cost(State(door): State<Shared>, headers: HeaderMap) -> Result<Response, Problem> {
    view!(door, headers, "cost", |visitor| {
        let now = door.sources.now();
        let zone = zone(&visitor.tz).map_err(|e| Problem::new(500, e))?;
        let mut rows = door.store.costs(now.start_of_day(&zone)).await?;
        let policy = door.progress.policy.borrow().clone();
        let agents = door.store.agents(now.minus(LISTED), AGENTS).await?.into_iter();
        let names: BTreeMap<String, String> = agents
            .filter(|row| may_see(&policy, &visitor, row))
            .map(|row| (format!("{}/{}", row.who.runtime, row.who.id), row.who.name))
            .collect();
        if !policy.is_unbounded(&visitor.person) {
            rows.retain(|row| names.contains_key(&row.1));
        }
        let mut total = Sums::default();
        for row in &rows {
            total += row.4;
        }
        let by_model = group("model", &rows, |row| policy.price_of(&row.2).family.to_owned());
        let by_agent = group("agent", &rows, |row| names.get(&row.1).cloned().unwrap_or_else(|| row.1.clone()));
        let by_task = group("task", &rows, |row| if row.3.is_empty() { "—".into() } else { row.3.clone() });
        CostPage {
            head: stream::summary(&door, &visitor).await?,
            total: total.cost.to_string(),
            day: day(&rows, (now, &zone), total.cost, &visitor),
            groups: vec![by_model, by_agent, by_task],
            unpriced: total.unpriced,
            calls: total.calls,
        }
    })
}

/// Sums by a name, the largest first; cents add up to the total, percentages to 100.
fn group(by: &'static str, rows: &[CostRow], name: impl Fn(&CostRow) -> String) -> Group {
    let mut sums: BTreeMap<String, Sums> = BTreeMap::new();
    for row in rows {
        *sums.entry(name(row)).or_default() += row.4;
    }
    let mut sums: Vec<(String, Sums)> = sums.into_iter().collect();
    sums.sort_by(|a, b| (b.1.cost, &a.0).cmp(&(a.1.cost, &b.0)));
    let costs: Vec<Micros> = sums.iter().map(|(_, s)| s.cost).collect();
    let (cents, _) = money::apportion_cents(&costs);
    let percents = money::percentages(&costs);
    let lines = sums.into_iter().zip(cents.into_iter().zip(percents));
    let lines = lines.map(|((name, sums), (cents, percent))| CostLine {
        name,
        cost: Micros(cents.saturating_mul(10_000)).to_string(),
        percent,
        tokens: sums.tokens.total(),
    });
    Group { by, rows: lines.collect() }
}

/// Cost of each hour of the day, also of those that are still to come, as a drawing.
fn day(rows: &[CostRow], (now, zone): (Ts, &TimeZone), total: Micros, visitor: &Visitor) -> String {
    let midnight = now.start_of_day(zone);
    let end = begins(Unit::Day.next_first_day(now.zoned(zone).date()), zone);
    let hours = std::iter::successors(Some(midnight), |hour| Some(hour.plus(Span::hours(1))));
    let slice = |from: Ts| {
        let until = from.plus(Span::hours(1));
        let costs = rows.iter().filter(|(at, ..)| (from..until).contains(at)).map(|(.., used)| used.cost);
        Slice { from: Begin::At(from), cost: costs.sum() }
    };
    let course = Course {
        cents: total.cents(),
        each: Each::Time(Span::hours(1)),
        slices: hours.take_while(|hour| *hour < end).map(slice).collect(),
        open: false,
        last_hour: None,
    };
    let chart = Chart { panels: vec![Panel::Course(course)] };
    if total > Micros(0) { chart::picture(&chart, visitor.lang, &visitor.tz).svg() } else { String::new() }
}

#[derive(Serialize)]
struct MorePage {
    head: Summary,
    person: String,
}

/// `GET /more`
pub async fn more(State(door): State<Shared>, headers: HeaderMap) -> Result<Response, Problem> {
    view!(door, headers, "more", |visitor| {
        MorePage { head: stream::summary(&door, &visitor).await?, person: visitor.person.clone() }
    })
}

/// `GET /complete`: what the command line offers, from the catalogue and from what there is.
pub async fn complete(State(door): State<Shared>, headers: HeaderMap) -> Result<Json<Value>, Problem> {
    let visitor = session::visitor(&door, &headers).await?.ok_or_else(Problem::unauthorized)?;
    let now = door.sources.now();
    let policy = door.progress.policy.borrow().clone();
    let rights = policy.rights_of(&visitor.person);
    let commands = CATALOGUE.listed().filter(|spec| rights.as_ref().is_some_and(|rights| rights.somewhere(spec)));
    let commands: Vec<Value> = commands
        .map(|spec| {
            let texts = spec.texts(visitor.lang);
            let kinds: Vec<String> = spec.args.iter().map(|arg| format!("{:?}", arg.kind).to_lowercase()).collect();
            json!({ "name": spec.name, "aliases": spec.aliases, "usage": texts.usage, "summary": texts.summary, "args": kinds })
        })
        .collect();
    let mut agents = door.store.agents(now.minus(LISTED), AGENTS).await?;
    let mut tasks = door.store.tasks(100).await?;
    let mut sessions = door.store.sessions(50).await?;
    let mut alerts = door.store.alerts(50).await?;
    if !policy.is_unbounded(&visitor.person) {
        agents.retain(|row| may_see(&policy, &visitor, row));
        let mine = |who: &Who| agents.iter().any(|row| (&row.who.runtime, &row.who.id) == (&who.runtime, &who.id));
        sessions.retain(|row| mine(&row.agent));
        // Whose tasks and alerts are is not known here; whoever sees a part writes them out.
        tasks.clear();
        alerts.clear();
    }
    let open: Vec<String> = alerts.iter().filter(|a| a.is_open()).map(crate::core::alert::Alert::code).collect();
    let ids = |row: AgentRow| json!({ "id": crate::core::command::quoted(&row.who.id), "name": row.who.name });
    Ok(Json(json!({
        "commands": commands,
        "agent": agents.into_iter().map(ids).collect::<Vec<_>>(),
        "task": tasks.into_iter().map(|t| json!({ "id": t.label.id, "name": t.label.title })).collect::<Vec<_>>(),
        "session": sessions.into_iter().map(|s| json!({ "id": s.short, "name": s.agent.name })).collect::<Vec<_>>(),
        "alert": open.into_iter().map(|code| json!({ "id": code })).collect::<Vec<_>>(),
    })))
}
