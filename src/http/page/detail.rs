//! The detail of what is selected: an agent, a session, a task, an alert, a card, or one of the answers behind *More*.
//!
//! Each has an address of its own. On a wide screen it stands beside the list to which it belongs, on a narrow one in
//! its place: it is the same page either way. What it tells is asked of the fold, which decides who may see it; what
//! the visitor may not see is not there.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Serialize;

use super::super::Shared;
use super::super::problem::Problem;
use super::control::{Control, of_agent, of_alert, revoking};
use super::look::{Looked, look, look_once};
use super::session::{self, Visitor};
use super::{cards, feed_page, html, views};
use crate::core::command::quoted;
use crate::core::message::{AgentView, Content, EventsView, LogsView, SessionView, TaskView, Who, WhyView};
use crate::core::reason::Reason;
use crate::render::{RENDERER, Words, chart, html as draw};

/// Lines of a log's tail.
const TAIL: usize = 40;
/// Cards of the feed beside a selected one, besides those that wait.
const BESIDE: usize = 20;

/// The list to which a detail belongs.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
enum List {
    Feed,
    Agents,
    Sessions,
    Tasks,
    Alerts,
    More,
}

/// What is shown of what is selected. What there is nothing of, or what the visitor may not see, is left out.
#[derive(Debug, Serialize)]
pub struct Detail {
    /// Its own address.
    address: String,
    list: List,
    /// What it is called on top, where no part of it says so.
    title: Option<String>,
    /// Why it is not shown.
    refused: Option<String>,
    /// A card or an answer as it is drawn.
    card: Option<String>,
    agent: Option<AgentView>,
    session: Option<SessionView>,
    task: Option<TaskView>,
    why: Option<WhyView>,
    timeline: Option<EventsView>,
    logs: Option<LogsView>,
    /// What can be asked of it.
    controls: Vec<Control>,
    #[serde(skip)]
    status: StatusCode,
}

impl Detail {
    fn new(list: List, address: &[&str]) -> Self {
        let address: Vec<String> = address.iter().map(|part| (*part).to_owned()).collect();
        Self {
            address: html::address(&address),
            list,
            title: None,
            refused: None,
            card: None,
            agent: None,
            session: None,
            task: None,
            why: None,
            timeline: None,
            logs: None,
            controls: Vec::new(),
            status: StatusCode::OK,
        }
    }

    fn refuse(&mut self, door: &Shared, visitor: &Visitor, reason: &Reason) {
        let unknown = matches!(reason, Reason::NotFound { .. } | Reason::NothingToDo);
        self.status = if unknown { StatusCode::NOT_FOUND } else { StatusCode::FORBIDDEN };
        self.refused = Some(html::sentence(door, visitor, reason));
    }

    /// Takes over what looks have brought; what was refused is left out.
    fn add<const N: usize>(&mut self, looked: [Looked; N]) {
        for content in looked.into_iter().flatten() {
            match content {
                Content::Agent(view) => self.agent = Some(view),
                Content::Session(view) => self.session = Some(view),
                Content::Task(view) => self.task = Some(view),
                Content::Why(view) => self.why = Some(view),
                Content::Events(view) => self.timeline = Some(view).filter(|view| !view.rows.is_empty()),
                Content::Logs(view) => self.logs = Some(view),
                _ => {}
            }
        }
    }
}

macro_rules! visitor {
    ($door:expr, $headers:expr) => {
        match session::visitor(&$door, &$headers).await? {
            Some(visitor) => visitor,
            None => return Ok(Redirect::to("/").into_response()),
        }
    };
}

/// `GET /agent/{runtime}/{id}`
pub async fn agent(
    State(door): State<Shared>,
    headers: HeaderMap,
    Path((runtime, id)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let visitor = visitor!(door, headers);
    let mut detail = Detail::new(List::Agents, &["agent", &runtime, &id]);
    let name = quoted(&format!("{runtime}/{id}"));
    let [row, timeline, logs] = look(&door, &visitor, about(&name)).await?;
    match row {
        // A beginning of a name finds it on the command line; an address is of one thing only.
        Ok(Content::Agent(view)) if view.row.who.id != id => detail.refuse(&door, &visitor, &unknown("agent", &id)),
        Ok(row) => detail.add([Ok(row), timeline, logs]),
        Err(reason) => detail.refuse(&door, &visitor, &reason),
    }
    if let Some(view) = &detail.agent {
        detail.controls = of_agent(&door, &visitor, view);
    }
    answer(&door, &visitor, &headers, &detail).await
}

fn unknown(what: &str, name: &str) -> Reason {
    Reason::NotFound { what: what.into(), name: name.to_owned(), nearest: None }
}

/// What is asked of an agent: how it is, how it went, and what it wrote last.
fn about(name: &str) -> [String; 3] {
    [format!("/agent {name}"), format!("/timeline agent:{name}"), format!("/logs {name} {TAIL}")]
}

/// `GET /session/{runtime}/{id}`
pub async fn session(
    State(door): State<Shared>,
    headers: HeaderMap,
    Path((runtime, id)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let visitor = visitor!(door, headers);
    let mut detail = Detail::new(List::Sessions, &["session", &runtime, &id]);
    let name = quoted(&format!("{runtime}/{id}"));
    let lines = [format!("/session {name}"), format!("/timeline session:{name}"), format!("/logs {name} {TAIL}")];
    let [row, timeline, logs] = look(&door, &visitor, lines).await?;
    match row {
        Ok(Content::Session(view)) if view.row.id != id => detail.refuse(&door, &visitor, &unknown("session", &id)),
        Ok(row) => detail.add([Ok(row), timeline, logs]),
        Err(reason) => detail.refuse(&door, &visitor, &reason),
    }
    if let Some(view) = &detail.session {
        detail.controls = revoking(&door, &visitor, view);
    }
    answer(&door, &visitor, &headers, &detail).await
}

/// `GET /task/{id}`
pub async fn task(State(door): State<Shared>, headers: HeaderMap, Path(id): Path<String>) -> Result<Response, Problem> {
    let visitor = visitor!(door, headers);
    let mut detail = Detail::new(List::Tasks, &["task", &id]);
    let name = quoted(&id);
    let [row, timeline] = look(&door, &visitor, [format!("/task {name}"), format!("/timeline task:{name}")]).await?;
    match row {
        Ok(Content::Task(view)) if view.row.label.id != id => detail.refuse(&door, &visitor, &unknown("task", &id)),
        Ok(row) => detail.add([Ok(row), timeline]),
        Err(reason) => detail.refuse(&door, &visitor, &reason),
    }
    answer(&door, &visitor, &headers, &detail).await
}

/// `GET /alert/{code}`
pub async fn alert(
    State(door): State<Shared>,
    headers: HeaderMap,
    Path(code): Path<String>,
) -> Result<Response, Problem> {
    let visitor = visitor!(door, headers);
    let mut detail = Detail::new(List::Alerts, &["alert", &code]);
    let number = code.strip_prefix('A').and_then(|digits| digits.parse::<u64>().ok());
    let why = look_once(&door, &visitor, why_of_alert(&code)).await?;
    // Only what the fold has shown may be read from the store.
    match (why, number) {
        (Ok(Content::Why(why)), Some(number)) if why.subject == code => {
            detail.why = Some(why);
            let card = door.store.alert(number).await?.and_then(|alert| alert.card);
            let content = match card {
                Some(card) => door.store.card_content(card).await?,
                None => None,
            };
            detail.card = content.as_ref().map(|content| drawn(&door, &visitor, content));
            if let Some(Content::Alert(view) | Content::Loop(view)) = &content {
                concerns(&mut detail, &door, &visitor, view.who.as_ref()).await?;
                detail.controls = of_alert(&door, &visitor, view, detail.agent.as_ref());
            }
            detail.title = Some(code);
        }
        (Err(reason), Some(_)) => detail.refuse(&door, &visitor, &reason),
        _ => detail.refuse(&door, &visitor, &unknown("alert", &code)),
    }
    answer(&door, &visitor, &headers, &detail).await
}

/// Asks why an alert is there. Its number is written with zeros, for a code of an approval may look like `A123`.
fn why_of_alert(code: &str) -> String {
    format!("/why {}", quoted(&format!("A{:0>12}", code.trim_start_matches('A'))))
}

/// `GET /card/{copy}`: one card of the visitor's own, why it is there, and the agent that it is about.
pub async fn card(State(door): State<Shared>, headers: HeaderMap, Path(copy): Path<u64>) -> Result<Response, Problem> {
    let visitor = visitor!(door, headers);
    let row = door.store.feed_one(&door.page.0, &visitor.person, copy).await?;
    let row = row.ok_or_else(|| Problem::new(404, "There is no such card on your page."))?;
    if html::accepts(&headers, "text/x-card") {
        return Ok(axum::response::Html(cards::draw(&door, &visitor, &row).html).into_response());
    }
    let mut detail = Detail::new(List::Feed, &["card", &copy.to_string()]);
    detail.card = Some(cards::draw_in("d-", &door, &visitor, &row).html);
    let (why, who) = match &row.card.content {
        Content::Approval(view) => (Some(format!("/why {}", quoted(&view.code))), Some(&view.who)),
        Content::Alert(view) | Content::Loop(view) => (Some(why_of_alert(&view.code)), view.who.as_ref()),
        Content::Agent(view) => (None, Some(&view.row.who)),
        Content::Session(view) => (None, Some(&view.row.agent)),
        Content::Control(view) => (None, view.targets.first().map(|target| &target.who)),
        _ => (None, None),
    };
    if let Some(line) = why {
        detail.add([look_once(&door, &visitor, line).await?]);
    }
    concerns(&mut detail, &door, &visitor, who).await?;
    answer(&door, &visitor, &headers, &detail).await
}

/// Adds the agent that something is about, as far as the visitor may see it.
async fn concerns(detail: &mut Detail, door: &Shared, visitor: &Visitor, who: Option<&Who>) -> Result<(), Problem> {
    if let Some(who) = who {
        let looked = look(door, visitor, about(&quoted(&format!("{}/{}", who.runtime, who.id)))).await?;
        detail.add(looked);
    }
    Ok(())
}

/// `GET /more/{command}`: what a command shows that needs no more than its name.
pub async fn more(
    State(door): State<Shared>,
    headers: HeaderMap,
    Path(command): Path<String>,
) -> Result<Response, Problem> {
    let visitor = visitor!(door, headers);
    let known = views::LINKS.into_iter().find(|(name, _, list)| *name == command && !list);
    let (_, word, _) = known.ok_or_else(|| Problem::new(404, "There is nothing here."))?;
    let mut detail = Detail::new(List::More, &["more", &command]);
    match look_once(&door, &visitor, format!("/{command}")).await? {
        Ok(content) => {
            detail.title = Some(Words::of(visitor.lang).get(&format!("page.{word}")).to_owned());
            detail.card = Some(drawn(&door, &visitor, &content));
        }
        Err(reason) => detail.refuse(&door, &visitor, &reason),
    }
    answer(&door, &visitor, &headers, &detail).await
}

/// A message as it is drawn on the page, without anything to tap.
fn drawn(door: &Shared, visitor: &Visitor, content: &Content) -> String {
    let doc = RENDERER.draw(content, &visitor.reader(), door.sources.now()).unwrap_or_else(|error| {
        tracing::error!(%error, "an answer could not be drawn");
        RENDERER.fallback(0, &visitor.reader())
    });
    let picture = content.chart().map(|chart| chart::picture(&chart, visitor.lang, &visitor.tz).svg());
    format!("<article class=\"card {}\">{}{}</article>", content.name(), draw(&doc), picture.unwrap_or_default())
}

/// The detail alone, when it is asked for in place; else with the list to which it belongs.
async fn answer(door: &Shared, visitor: &Visitor, headers: &HeaderMap, detail: &Detail) -> Result<Response, Problem> {
    if html::accepts(headers, "text/x-detail") {
        return Ok((detail.status, html::detail(door, visitor, detail)).into_response());
    }
    macro_rules! page {
        ($view:literal, $content:expr) => {
            html::page(door, visitor, $view, &$content.await?, Some(detail))
        };
    }
    let page = match detail.list {
        List::Feed => page!("feed", feed_page(door, visitor, BESIDE)),
        List::Agents => page!("agents", views::agents_page(door, visitor)),
        List::Sessions => page!("sessions", views::sessions_page(door, visitor)),
        List::Tasks => page!("tasks", views::tasks_page(door, visitor)),
        List::Alerts => page!("alerts", views::alerts_page(door, visitor)),
        List::More => page!("more", views::more_page(door, visitor)),
    };
    Ok((detail.status, page).into_response())
}
