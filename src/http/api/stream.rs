//! `GET /v1/stream`: what changes, for programs of others, as server-sent events.
//!
//! It begins with everything that is open, so whoever connects again has missed nothing that still matters, and goes
//! on with each change of an alert or an approval and with the figures of the fleet. It knows only what is committed.

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream::{self, Stream};
use serde::Serialize;
use tokio::sync::watch;
use utoipa::ToSchema;

use super::lists::{LATEST, alert_row, approval_row};
use super::reader;
use super::rows::dollars;
use crate::core::time::{Span, Ts, zone};
use crate::http::Shared;
use crate::http::problem::{Document, Problem};
use crate::stop::Stop;
use crate::store;

/// Changes are looked for at most this often.
const EVERY: Span = Span::secs(1);
/// The newest alerts and approvals, and the newest open ones, among which changes are looked for.
const LOOKED_AT: i64 = 200;
/// An event is sent at least this often.
const ALIVE: Duration = Duration::from_secs(15);

/// The fleet in figures.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Summary {
    /// Agents by state, of those that were heard of in the last two days.
    pub agents: BTreeMap<String, i64>,
    /// Approvals that wait.
    pub approvals: i64,
    /// Alerts that fire, seen or not.
    pub alerts: i64,
    /// Cost since midnight in the zone of `defaults.tz`.
    pub today_usd: f64,
}

/// What a stream has told.
struct Watching {
    door: Shared,
    committed: watch::Receiver<u64>,
    stopping: Stop,
    /// The state in which each alert and each approval was seen last, by number.
    alerts: BTreeMap<u64, &'static str>,
    approvals: BTreeMap<u64, &'static str>,
    summary: Option<Summary>,
    begun: bool,
    ready: VecDeque<Event>,
}

/// Alerts, approvals and figures of the fleet: first what is open, then what changes. Events are named `alert`,
/// `approval` and `summary`, and hold a row of the list of that name.
#[utoipa::path(get, path = "/v1/stream", security(("token" = [])),
    responses((status = 200, body = String, content_type = "text/event-stream"),
        (status = "4XX", body = Document, content_type = "application/problem+json")))]
pub async fn stream(
    State(door): State<Shared>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    reader(&door, &headers, None)?;
    let watching = Watching {
        committed: door.progress.committed.clone(),
        stopping: door.stopping.clone(),
        door,
        alerts: BTreeMap::new(),
        approvals: BTreeMap::new(),
        summary: None,
        begun: false,
        ready: VecDeque::new(),
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
            if self.begun {
                tokio::select! {
                    () = self.stopping.asked() => return None,
                    changed = self.committed.changed() => changed.ok()?,
                }
                // Read models follow a moment later, and many commits are one look.
                let clock = self.door.sources.clock.clone();
                tokio::select! {
                    () = self.stopping.asked() => return None,
                    () = clock.sleep(EVERY) => {}
                }
            }
            self.begun = true;
            self.committed.borrow_and_update();
            if let Err(error) = self.look().await {
                tracing::debug!(%error, "a stream could not look for changes");
            }
        }
    }

    async fn look(&mut self) -> store::Result<()> {
        let mut approvals = BTreeMap::new();
        for state in ["pending", ""] {
            let rows = self.door.store.list_approvals("", state, LATEST, LOOKED_AT).await?;
            approvals.extend(rows.into_iter().map(|approval| (approval.number, approval)));
        }
        let seen = approvals.iter().map(|(number, approval)| (*number, approval.state.as_str())).collect();
        let before = std::mem::replace(&mut self.approvals, seen);
        for (number, approval) in approvals {
            if self.is_news(before.get(&number), approval.state.as_str(), approval.is_pending()) {
                let row = approval_row(&self.door, approval).await?;
                self.push("approval", &row);
            }
        }
        let mut alerts = BTreeMap::new();
        for state in ["firing", "acked", ""] {
            let rows = self.door.store.list_alerts("", state, LATEST, LOOKED_AT).await?;
            alerts.extend(rows.into_iter().map(|alert| (alert.number, alert)));
        }
        let seen = alerts.iter().map(|(number, alert)| (*number, alert.state.as_str())).collect();
        let before = std::mem::replace(&mut self.alerts, seen);
        for (number, alert) in alerts {
            if self.is_news(before.get(&number), alert.state.as_str(), alert.is_open()) {
                let row = alert_row(&self.door, alert).await?;
                self.push("alert", &row);
            }
        }
        let now = self.door.sources.now();
        let summary = summary(&self.door, now).await?;
        if self.summary.as_ref() != Some(&summary) {
            self.push("summary", &summary);
            self.summary = Some(summary);
        }
        Ok(())
    }

    /// Whether a state is another one than was seen before. What was over before the stream began is no news.
    fn is_news(&self, before: Option<&&'static str>, now: &str, open: bool) -> bool {
        before.is_none_or(|before| *before != now) && (open || self.summary.is_some())
    }

    fn push(&mut self, kind: &str, row: &impl Serialize) {
        if let Ok(event) = Event::default().event(kind).json_data(row) {
            self.ready.push_back(event);
        }
    }
}

async fn summary(door: &Shared, now: Ts) -> store::Result<Summary> {
    let agents = door.store.count_agents(now.minus(Span::days(2))).await?;
    let (approvals, alerts) = door.store.count_open().await?;
    let tz = door.progress.policy.borrow().tz.clone();
    let from = zone(&tz).map_or(now, |zone| now.start_of_day(&zone));
    let today = door.store.cost_since(from).await?;
    Ok(Summary { agents: agents.into_iter().collect(), approvals, alerts, today_usd: dollars(today) })
}
