//! `GET /v1/stream`: what changes, for programs of others, as server-sent events.
//!
//! It begins with everything that is open, so whoever connects again has missed nothing that still matters, and goes
//! on with each change of an alert or an approval and with the figures of the fleet. It knows only what is committed,
//! and tells only what its token may see, which it asks at each look.

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

use super::lists::{alert_row, approval_row};
use super::rows::dollars;
use super::{Caller, actor, caller, reader};
use crate::core::access::Concerns;
use crate::core::alert::Alert;
use crate::core::approval::Approval;
use crate::core::time::{Span, zone};
use crate::http::Shared;
use crate::http::problem::{Document, Problem};
use crate::stop::Stop;
use crate::store::{self, LATEST, Sight};

/// Changes are looked for at most this often.
const EVERY: Span = Span::secs(1);
/// The newest alerts and approvals, among which changes are looked for besides the open ones.
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

/// What whoever listens may see now: by `/status`, `/approvals` and `/alerts`.
struct Sights {
    fleet: Sight,
    approvals: Sight,
    alerts: Sight,
}

impl Sights {
    /// `None` when the token has expired, or may not even ask how everything is.
    async fn of(door: &Shared, token: &Caller) -> store::Result<Option<Self>> {
        let policy = door.progress.policy.borrow().clone();
        let is_over = policy.keys.get(&token.name).is_some_and(|key| key.expires <= door.sources.now());
        let Some(fleet) = door.sight(&actor(token), "status").await?.ok().filter(|_| !is_over) else { return Ok(None) };
        let approvals = door.sight(&actor(token), "approvals").await?.unwrap_or_else(|_| Sight::nothing());
        let alerts = door.sight(&actor(token), "alerts").await?.unwrap_or_else(|_| Sight::nothing());
        Ok(Some(Self { fleet, approvals, alerts }))
    }
}

/// What a stream has told.
struct Watching {
    door: Shared,
    token: Caller,
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
    let token = caller(&door, &headers, None)?;
    reader(&door, &token, "status").await?;
    let watching = Watching {
        committed: door.progress.committed.clone(),
        stopping: door.stopping.clone(),
        door,
        token,
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

/// Lists in which changes are looked for: what is open, what was open when it was seen last, and the newest.
macro_rules! watched {
    ($(#[$doc:meta] $name:ident $list:ident $row:ident [$($open:literal),*])*) => {$(
        #[$doc]
        async fn $name(&self, sight: &Sight) -> store::Result<BTreeMap<u64, (Concerns, $row)>> {
            let store = &self.door.store;
            let mut rows = store.$list("", "", LATEST, LOOKED_AT).await?;
            $(rows.extend(store.$list("", $open, LATEST, i64::MAX).await?);)*
            let mut found: BTreeMap<u64, _> = rows.into_iter().map(|row| (row.1.number, row)).collect();
            for (number, state) in &self.$name {
                if [$($open),*].contains(state) && !found.contains_key(number) {
                    let row = store.$list("", "", number + 1, 1).await?;
                    found.extend(row.into_iter().filter(|row| row.1.number == *number).map(|row| (*number, row)));
                }
            }
            let mut seen = BTreeMap::new();
            for (number, row) in found {
                if store.is_seen(sight, &row.0).await? {
                    seen.insert(number, row);
                }
            }
            Ok(seen)
        }
    )*};
}

impl Watching {
    /// The next event; `None` when we stop, or whoever listens may do so no more.
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
            match self.look().await {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => tracing::debug!(%error, "a stream could not look for changes"),
            }
        }
    }

    /// Looks for changes. `false` when whoever listens may do so no more.
    async fn look(&mut self) -> store::Result<bool> {
        let Some(sights) = Sights::of(&self.door, &self.token).await? else { return Ok(false) };
        let approvals = self.approvals(&sights.approvals).await?;
        let seen = approvals.iter().map(|(number, (_, approval))| (*number, approval.state.as_str())).collect();
        let before = std::mem::replace(&mut self.approvals, seen);
        for (number, (concerns, approval)) in approvals {
            if self.is_news(before.get(&number), approval.state.as_str(), approval.is_pending())
                && let Some(row) = approval_row(&self.door, &sights.approvals, concerns, approval).await?
            {
                self.push("approval", &row);
            }
        }
        let alerts = self.alerts(&sights.alerts).await?;
        let seen = alerts.iter().map(|(number, (_, alert))| (*number, alert.state.as_str())).collect();
        let before = std::mem::replace(&mut self.alerts, seen);
        for (number, (concerns, alert)) in alerts {
            if self.is_news(before.get(&number), alert.state.as_str(), alert.is_open())
                && let Some(row) = alert_row(&self.door, &sights.alerts, concerns, alert).await?
            {
                self.push("alert", &row);
            }
        }
        let summary = summary(&self.door, &sights).await?;
        if self.summary.as_ref() != Some(&summary) {
            self.push("summary", &summary);
            self.summary = Some(summary);
        }
        Ok(true)
    }

    watched! {
        /// The approvals among which changes are looked for, as far as they may be seen.
        approvals list_approvals Approval ["pending"]
        /// The alerts among which changes are looked for, as far as they may be seen.
        alerts list_alerts Alert ["firing", "acked"]
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

async fn summary(door: &Shared, sights: &Sights) -> store::Result<Summary> {
    let now = door.sources.now();
    let tz = door.progress.policy.borrow().tz.clone();
    let from = zone(&tz).map_or(now, |zone| now.start_of_day(&zone));
    Ok(Summary {
        agents: door.store.count_seen(&sights.fleet, now.minus(Span::days(2))).await?,
        approvals: door.store.count_waiting(&sights.approvals).await?,
        alerts: door.store.count_alerts(&sights.alerts).await?,
        today_usd: dollars(door.store.cost_seen(&sights.fleet, from).await?),
    })
}
