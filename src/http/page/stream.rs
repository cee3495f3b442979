//! What changes, as it changes: server-sent events with resume by position.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::Duration;

use axum::Json;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream::{self, Stream};
use serde::{Deserialize, Serialize};
use tokio::sync::{broadcast, watch};

use super::super::Shared;
use super::super::problem::Problem;
use super::cards;
use super::session::{self, Visitor};
use crate::channel::web::Changed;
use crate::core::money::Micros;
use crate::core::status::Status;
use crate::core::text::{clip, one_line};
use crate::core::time::{Span, Ts, zone};
use crate::render::{Words, span};
use crate::stop::Stop;

/// Cards that are caught up on at once.
const CATCH_UP: i64 = 200;
/// The head is sent at most this often.
const HEAD_EVERY: Span = Span::secs(1);
/// Agents that were not heard of for longer do not count.
const LATELY: Span = Span::days(2);
/// An event is sent at least this often: a page that hears nothing for longer connects anew.
const ALIVE: Duration = Duration::from_secs(15);

/// The one sentence at the top, and the figures behind it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// The sentence.
    pub sentence: String,
    /// Decisions that wait.
    pub waiting: i64,
    /// `quiet`, `busy` or `unsure`.
    pub mood: &'static str,
}

/// Where a stream goes on.
#[derive(Deserialize)]
pub struct Since {
    since: Option<u64>,
}

/// `GET /head`
pub async fn head(State(door): State<Shared>, headers: HeaderMap) -> Result<Json<Summary>, Problem> {
    let visitor = session::visitor(&door, &headers).await?.ok_or_else(Problem::unauthorized)?;
    Ok(Json(summary(&door, &visitor).await?))
}

/// How everything is, in one sentence; never a false all-clear.
pub async fn summary(door: &Shared, visitor: &Visitor) -> Result<Summary, Problem> {
    let words = Words::of(visitor.lang);
    let Figures { counts, waiting, alerts, today } = figures(door, visitor).await?;
    let agents: i64 = counts.values().sum();
    let silent = counts.get(Status::Silent.as_str()).copied().unwrap_or(0);
    let fill = |path: &str, n: i64| words.get(path).replace("{}", &n.to_string());
    let mut parts = Vec::new();
    match waiting {
        0 => {}
        1 => parts.push(words.get("page.needs_one").to_owned()),
        n => parts.push(fill("page.needs_many", n)),
    }
    match alerts {
        0 => {}
        1 => parts.push(words.get("page.alerts_one").to_owned()),
        n => parts.push(format!("{n} {}", words.get("page.alerts_open"))),
    }
    let mood = if !parts.is_empty() {
        "busy"
    } else if silent > 0 {
        let who = match who_is_silent(door, visitor).await? {
            Some((name, since)) if silent == 1 => {
                words.get("page.silent_one").replacen("{}", &name, 1).replacen("{}", &since, 1)
            }
            _ => fill("page.silent_agents", silent),
        };
        parts.push(format!("{}: {who}", words.get("page.cannot_tell")));
        "unsure"
    } else {
        parts.push(words.get("page.quiet").to_owned());
        "quiet"
    };
    parts.push(fill("page.agents_count", agents));
    parts.push(format!("{today} {}", words.get("page.today")));
    Ok(Summary { sentence: parts.join(" · "), waiting, mood })
}

/// The agent that has been silent longest, and for how long.
async fn who_is_silent(door: &Shared, visitor: &Visitor) -> Result<Option<(String, String)>, Problem> {
    let now = door.sources.now();
    let sight = visitor.sight(door, "status").await?;
    let rows = door.store.agents_seen(&sight, now.minus(LATELY), usize::MAX).await?;
    let silent = rows.into_iter().filter(|row| row.status == Status::Silent);
    let longest = silent.min_by_key(|row| row.last_seen);
    Ok(longest.map(|row| (clip(&one_line(&row.who.name), 40), span(now.since(row.last_seen).0))))
}

/// What the sentence is about.
struct Figures {
    counts: BTreeMap<String, i64>,
    waiting: i64,
    alerts: i64,
    today: Micros,
}

/// The figures of all that the visitor may see.
async fn figures(door: &Shared, visitor: &Visitor) -> Result<Figures, Problem> {
    let now = door.sources.now();
    let from = zone(&visitor.tz).map_or(now, |zone| now.start_of_day(&zone));
    let fleet = visitor.sight(door, "status").await?;
    Ok(Figures {
        counts: door.store.count_seen(&fleet, now.minus(LATELY)).await?,
        waiting: door.store.count_waiting(&visitor.sight(door, "approvals").await?).await?,
        alerts: door.store.count_alerts(&visitor.sight(door, "alerts").await?).await?,
        today: door.store.cost_seen(&fleet, from).await?,
    })
}

/// What a stream knows.
struct Watching {
    door: Shared,
    visitor: Visitor,
    changes: broadcast::Receiver<Changed>,
    committed: watch::Receiver<u64>,
    stopping: Stop,
    since: u64,
    /// The store must be asked what has changed since then.
    behind: bool,
    head: Option<Summary>,
    head_due: Option<Ts>,
    ready: std::collections::VecDeque<Event>,
}

/// What a stream waits for.
enum Happened {
    Card(Result<Changed, broadcast::error::RecvError>),
    Commit,
    HeadDue,
}

/// `GET /stream`
pub async fn stream(
    State(door): State<Shared>,
    headers: HeaderMap,
    Query(query): Query<Since>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let visitor = session::visitor(&door, &headers).await?.ok_or_else(Problem::unauthorized)?;
    let resumed = headers.get("last-event-id").and_then(|v| v.to_str().ok()).and_then(|v| v.parse().ok());
    let watching = Watching {
        changes: door.page.1.changes(),
        committed: door.progress.committed.clone(),
        stopping: door.stopping.clone(),
        since: resumed.or(query.since).unwrap_or(0),
        behind: true,
        head: None,
        head_due: None,
        ready: std::collections::VecDeque::new(),
        door,
        visitor,
    };
    let events = stream::unfold(watching, |mut watching| async move {
        let event = watching.next().await?;
        Some((Ok(event), watching))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(ALIVE).event(Event::default().event("alive").data("."))))
}

impl Watching {
    /// The next event; `None` when we stop.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            if self.behind {
                self.catch_up().await;
                self.refresh_head().await;
                if !self.ready.is_empty() {
                    continue;
                }
            }
            let clock = self.door.sources.clock.clone();
            let head_due = self.head_due;
            let change = tokio::select! {
                () = self.stopping.asked() => return None,
                change = self.changes.recv() => Happened::Card(change),
                _ = self.committed.changed(), if head_due.is_none() => Happened::Commit,
                () = clock.sleep_until(head_due.unwrap_or_default()), if head_due.is_some() => Happened::HeadDue,
            };
            match change {
                Happened::Card(Ok(change)) if change.person == self.visitor.person => self.add(change.copy).await,
                Happened::Card(Ok(_)) => {}
                Happened::Card(Err(broadcast::error::RecvError::Lagged(_))) => self.behind = true,
                Happened::Card(Err(broadcast::error::RecvError::Closed)) => return None,
                // Read models follow a moment later, and the head need not change with every commit.
                Happened::Commit => self.head_due = Some(self.door.sources.now().plus(HEAD_EVERY)),
                Happened::HeadDue => {
                    self.head_due = None;
                    self.refresh_head().await;
                }
            }
        }
    }

    async fn catch_up(&mut self) {
        let rows = self.door.store.feed_since(&self.door.page.0, &self.visitor.person, self.since, CATCH_UP).await;
        let Ok(rows) = rows else { return };
        // As many as were asked for: there may be more.
        self.behind = i64::try_from(rows.len()).is_ok_and(|count| count >= CATCH_UP);
        for row in rows {
            let drawn = cards::draw(&self.door, &self.visitor, &row);
            self.push(drawn);
        }
    }

    async fn add(&mut self, copy: u64) {
        let row = self.door.store.feed_one(&self.door.page.0, &self.visitor.person, copy).await;
        match row {
            Ok(Some(row)) => {
                let drawn = cards::draw(&self.door, &self.visitor, &row);
                self.push(drawn);
            }
            Ok(None) => {}
            Err(_) => self.behind = true,
        }
    }

    fn push(&mut self, drawn: cards::Drawn) {
        self.since = self.since.max(drawn.changed);
        let event = Event::default().event("card").id(self.since.to_string());
        if let Ok(event) = event.json_data(&drawn) {
            self.ready.push_back(event);
        }
    }

    async fn refresh_head(&mut self) {
        let Ok(head) = summary(&self.door, &self.visitor).await else { return };
        if self.head.as_ref() != Some(&head) {
            if let Ok(event) = Event::default().event("head").json_data(&head) {
                self.ready.push_back(event);
            }
            self.head = Some(head);
        }
    }
}
