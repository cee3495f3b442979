//! Views beside the feed: agents, cost, more, and the lists behind that.
//!
//! Each is a list in which something can be selected; what is selected is shown by [`super::detail`].

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Redirect, Response};
use jiff::tz::TimeZone;
use serde::Serialize;

use super::super::Shared;
use super::super::problem::Problem;
use super::html;
use super::look::look_once;
use super::session::{self, Visitor};
use super::stream::{self, Summary};
use crate::core::calendar::{Unit, begins};
use crate::core::chart::{Begin, Chart, Course, Each, Panel, Slice};
use crate::core::command::CATALOGUE;
use crate::core::message::{AgentRow, AlertsView, Content, SessionsView, TasksView};
use crate::core::money::{self, Micros, Sums};
use crate::core::status::Status;
use crate::core::time::{Span, Ts, zone};
use crate::render::chart;

/// Agents that the view lists.
const AGENTS: usize = 500;
/// An agent that was not heard of for longer is not listed.
const LISTED: Span = Span::days(2);

macro_rules! view {
    ($door:expr, $headers:expr, $name:literal, $page:ident) => {{
        let Some(visitor) = session::visitor(&$door, &$headers).await? else {
            return Ok(Redirect::to("/").into_response());
        };
        let content = $page(&$door, &visitor).await?;
        // Asked for in place: only what the view holds.
        if html::accepts(&$headers, "text/x-view") {
            return Ok(html::fragment(&$door, &visitor, $name, &content).into_response());
        }
        Ok(html::page(&$door, &visitor, $name, &content, None).into_response())
    }};
}

/// `GET /agents`
pub async fn agents(State(door): State<Shared>, headers: HeaderMap) -> Result<Response, Problem> {
    view!(door, headers, "agents", agents_page)
}

/// `GET /cost`
pub async fn cost(State(door): State<Shared>, headers: HeaderMap) -> Result<Response, Problem> {
    view!(door, headers, "cost", cost_page)
}

/// `GET /more`
pub async fn more(State(door): State<Shared>, headers: HeaderMap) -> Result<Response, Problem> {
    view!(door, headers, "more", more_page)
}

/// `GET /sessions`
pub async fn sessions(State(door): State<Shared>, headers: HeaderMap) -> Result<Response, Problem> {
    view!(door, headers, "sessions", sessions_page)
}

/// `GET /tasks`
pub async fn tasks(State(door): State<Shared>, headers: HeaderMap) -> Result<Response, Problem> {
    view!(door, headers, "tasks", tasks_page)
}

/// `GET /alerts`
pub async fn alerts(State(door): State<Shared>, headers: HeaderMap) -> Result<Response, Problem> {
    view!(door, headers, "alerts", alerts_page)
}

/// Agents, worst first.
#[derive(Serialize)]
pub(super) struct AgentsPage {
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
    percent: Option<u32>,
}

pub(super) async fn agents_page(door: &Shared, visitor: &Visitor) -> Result<AgentsPage, Problem> {
    let now = door.sources.now();
    let sight = visitor.sight(door, "agents").await?;
    let mut rows = door.store.agents_seen(&sight, now.minus(LISTED), AGENTS).await?;
    rows.sort_by(|a, b| {
        (a.status, std::cmp::Reverse(a.last_seen), &a.who.name).cmp(&(
            b.status,
            std::cmp::Reverse(b.last_seen),
            &b.who.name,
        ))
    });
    let states = states(&rows, visitor);
    let rows = rows.into_iter().map(line).collect();
    Ok(AgentsPage { head: stream::summary(door, visitor).await?, states, rows })
}

fn states(rows: &[AgentRow], visitor: &Visitor) -> String {
    let count = |status: Status| u32::try_from(rows.iter().filter(|row| row.status == status).count()).unwrap_or(0);
    let counts: Vec<(Status, u32)> = Status::ALL.into_iter().map(|status| (status, count(status))).collect();
    let chart = Chart::of_agents(&counts);
    chart.map_or_else(String::new, |chart| chart::picture(&chart, visitor.lang, &visitor.tz).svg())
}

fn line(row: AgentRow) -> AgentLine {
    let step = row.step.as_ref().and_then(|s| Some((s.index?, s.of.filter(|of| *of > 0)?)));
    AgentLine { percent: step.map(|(index, of)| (index * 100 / of).min(100)), row }
}

/// What today has cost.
#[derive(Serialize)]
pub(super) struct CostPage {
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

pub(super) async fn cost_page(door: &Shared, visitor: &Visitor) -> Result<CostPage, Problem> {
    let now = door.sources.now();
    let zone = zone(&visitor.tz).map_err(|e| Problem::new(500, e))?;
    let mut rows = door.store.costs(now.start_of_day(&zone)).await?;
    let policy = door.progress.policy.borrow().clone();
    let sight = visitor.sight(door, "cost").await?;
    rows.retain(|row| sight.agent(&row.1));
    let agents = door.store.agents_seen(&sight, now.minus(LISTED), AGENTS).await?.into_iter();
    let names: BTreeMap<String, String> =
        agents.map(|row| (format!("{}/{}", row.who.runtime, row.who.id), row.who.name)).collect();
    let mut total = Sums::default();
    for row in &rows {
        total += row.4;
    }
    let by_model = group("model", &rows, |row| policy.price_of(&row.2).family.to_owned());
    let by_agent = group("agent", &rows, |row| names.get(&row.1).cloned().unwrap_or_else(|| row.1.clone()));
    let by_task = group("task", &rows, |row| if row.3.is_empty() { "—".into() } else { row.3.clone() });
    Ok(CostPage {
        head: stream::summary(door, visitor).await?,
        total: total.cost.to_string(),
        day: day(&rows, (now, &zone), total.cost, visitor),
        groups: vec![by_model, by_agent, by_task],
        unpriced: total.unpriced,
        calls: total.calls,
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

/// What `/more` leads to: the command, the key of the word, and whether it is a list with a view of its own.
pub(super) const LINKS: [(&str, &str, bool); 15] = [
    ("status", "status", false),
    ("sessions", "sessions", true),
    ("tasks", "tasks", true),
    ("alerts", "alerts", true),
    ("approvals", "decide_now", false),
    ("health", "health", false),
    ("errors", "errors", false),
    ("events", "events", false),
    ("budget", "budget", false),
    ("digest", "digest", false),
    ("people", "people", false),
    ("audit", "audit", false),
    ("notify", "notify_settings", false),
    ("settings", "settings", false),
    ("help", "help", false),
];

/// What else there is to see.
#[derive(Serialize)]
pub(super) struct MorePage {
    head: Summary,
    links: Vec<Link>,
}

#[derive(Serialize)]
struct Link {
    href: String,
    word: &'static str,
    command: &'static str,
    /// It leads to a list, and not to a detail beside this one.
    list: bool,
}

pub(super) async fn more_page(door: &Shared, visitor: &Visitor) -> Result<MorePage, Problem> {
    let rights = door.progress.policy.borrow().rights_of(&visitor.person);
    let may =
        |name: &str| rights.as_ref().zip(CATALOGUE.find(name)).is_some_and(|(rights, spec)| rights.somewhere(spec));
    let links = LINKS.into_iter().filter(|(command, ..)| may(command)).map(|(command, word, list)| Link {
        href: if list { format!("/{command}") } else { format!("/more/{command}") },
        word,
        command,
        list,
    });
    Ok(MorePage { head: stream::summary(door, visitor).await?, links: links.collect() })
}

/// A list as the fold tells it.
#[derive(Serialize)]
pub(super) struct ListPage<T> {
    head: Summary,
    list: T,
}

macro_rules! list {
    ($(#[$doc:meta] $page:ident $line:literal $kind:ident $view:ident)*) => {$(
        #[$doc]
        pub(super) async fn $page(door: &Shared, visitor: &Visitor) -> Result<ListPage<$view>, Problem> {
            match look_once(door, visitor, $line.to_owned()).await? {
                Ok(Content::$kind(list)) => Ok(ListPage { head: stream::summary(door, visitor).await?, list }),
                Ok(_) => Err(Problem::new(500, "There is no answer.")),
                Err(reason) => Err(Problem::new(403, html::sentence(door, visitor, &reason))),
            }
        }
    )*};
}

list! {
    /// Sessions, those that run first.
    sessions_page "/sessions" Sessions SessionsView
    /// Tasks, those that are open first.
    tasks_page "/tasks" Tasks TasksView
    /// Alerts, those that are open first.
    alerts_page "/alerts" Alerts AlertsView
}
