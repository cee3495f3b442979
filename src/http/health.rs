//! Live, ready, and figures.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use super::Shared;
use crate::core::time::{Span, Ts};

/// What should have been done this long ago is not being done.
const LATE: Span = Span::mins(1);

/// `GET /healthz`: the process answers.
pub async fn live() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: whether it can take and send, and if not, why.
pub async fn ready(State(door): State<Shared>) -> Response {
    let mut why: Vec<String> = Vec::new();
    if door.stopping.is_asked() {
        why.push("stopping".into());
    }
    why.extend(door.progress.trouble.borrow().as_ref().map(|trouble| format!("store: {trouble}")));
    let now = door.sources.now();
    let channels: serde_json::Map<String, Value> = door
        .health
        .channels()
        .into_iter()
        .map(|(name, about)| {
            let last = about.last_ok.map(|at| now.since(at).as_secs_f64());
            (name, json!({ "trouble": about.trouble, "last_ok_seconds_ago": last }))
        })
        .collect();
    let status = if why.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = json!({ "ready": why.is_empty(), "why_not": why, "channels": channels, "position": *door.progress.committed.borrow() });
    (status, Json(body)).into_response()
}

/// `GET /metrics`: Prometheus text.
pub async fn metrics(State(door): State<Shared>) -> Response {
    if let Ok(counts) = door.store.count_outbox().await {
        for state in ["ready", "leased", "uncertain", "waiting", "dead"] {
            let rows = counts.iter().find(|(have, _)| have == state).map_or(0, |(_, rows)| *rows);
            #[expect(clippy::cast_precision_loss, reason = "row counts are small")]
            metrics::gauge!("sereno_outbox_rows", "state" => state).set(rows as f64);
        }
    }
    let age = door.sources.now().since(*door.progress.last_commit.borrow());
    metrics::gauge!("sereno_last_commit_age_seconds").set(age.as_secs_f64());
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    (kind, door.metrics.render()).into_response()
}

/// Whether intake, store and at least one channel work: what the heartbeat vouches for.
pub async fn is_well(door: &Shared) -> bool {
    let now = door.sources.now();
    let late = |due: Option<Ts>| due.is_some_and(|due| now.since(due) > LATE);
    let folds = door.progress.trouble.borrow().is_none() && !late(*door.progress.due.borrow());
    let sends = door.store.next_due().await.is_ok_and(|due| !late(due));
    let channels = door.health.channels();
    folds && sends && (channels.is_empty() || channels.values().any(|c| c.trouble.is_none()))
}
