//! Live, ready, and figures.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use super::Shared;
use crate::core::time::Span;
use crate::engine::DiskLevel;
use crate::health::LATE;

/// A store that takes nothing of what waits for this long does not work.
const STALLED: Span = Span::secs(10);
/// Now may be ahead of the wall by this much without anybody being told.
const AHEAD: Span = Span::secs(5);

/// `GET /healthz`: the process answers.
pub async fn live() -> &'static str {
    "ok\n"
}

/// How we are doing.
#[derive(Debug, Default)]
pub struct Standing {
    /// Why nothing can be taken or sent now; empty when we are well.
    pub why_not: Vec<String>,
    /// What is wrong all the same.
    pub notes: Vec<String>,
}

/// How we are doing.
pub async fn standing(door: &Shared) -> Standing {
    let mut standing = Standing::default();
    let why = &mut standing.why_not;
    if door.stopping.is_asked() {
        why.push("stopping".into());
    }
    let trouble = door.progress.trouble.borrow().clone();
    if let Some(trouble) = trouble {
        why.push(format!("store: {trouble}"));
    } else {
        why.extend(hangs(door).await);
    }
    match *door.log.disk().borrow() {
        DiskLevel::Plenty => {}
        DiskLevel::Tight => standing.notes.push("disk: less than 15 % is free".into()),
        DiskLevel::Low => standing.notes.push("disk: low; telemetry is refused".into()),
        DiskLevel::Scarce => standing.why_not.push("disk: scarce; only decisions are taken".into()),
    }
    let now = door.sources.now();
    if let Ok(Some(due)) = door.store.next_due(now).await
        && now.since(due) > LATE
    {
        standing.notes.push(format!("courier: {} behind", now.since(due)));
    }
    let ahead = now.since(door.sources.wall());
    if ahead > AHEAD {
        standing.notes.push(format!("clock: it was set back, and we are {ahead} ahead of it"));
    }
    standing
}

/// Which part has something to do and does not do it; none of them mends that by itself.
pub async fn hangs(door: &Shared) -> Option<String> {
    let now = door.sources.now();
    let engine = *door.progress.due.borrow();
    if let Some(due) = engine.filter(|due| now.since(*due) > LATE) {
        return Some(format!("engine: late by {}", now.since(due)));
    }
    let stalled = door.log.stalled();
    if stalled > STALLED {
        return Some(format!("engine: has taken nothing for {stalled}"));
    }
    match door.store.next_due(now).await {
        Ok(due) => {
            let hangs = due.filter(|due| door.health.courier_hangs(*due, now));
            hangs.map(|due| format!("courier: late by {}, and does nothing", now.since(due)))
        }
        Err(error) => Some(format!("store: {error}")),
    }
}

/// `GET /readyz`: whether it can take and send, and if not, why.
pub async fn ready(State(door): State<Shared>) -> Response {
    let Standing { why_not, notes } = standing(&door).await;
    let now = door.sources.now();
    let shut = door.store.shut().await.unwrap_or_default();
    let channels: serde_json::Map<String, Value> = door
        .health
        .channels()
        .into_iter()
        .map(|(name, about)| {
            let last = about.last_ok.map(|at| now.since(at).as_secs_f64());
            let shut = shut.iter().find(|shut| shut.via == name);
            (name, json!({ "trouble": about.trouble, "last_ok_seconds_ago": last, "breaker": shut }))
        })
        .collect();
    let status = if why_not.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let position = *door.progress.committed.borrow();
    let body = json!({
        "ready": why_not.is_empty(), "why_not": why_not, "notes": notes, "channels": channels, "position": position,
    });
    (status, Json(body)).into_response()
}

/// `GET /metrics`: Prometheus text.
pub async fn metrics(State(door): State<Shared>) -> Response {
    if let Ok(counts) = door.store.count_outbox().await {
        for state in ["ready", "leased", "uncertain", "waiting", "dead", "held"] {
            let rows = counts.iter().find(|(have, _)| have == state).map_or(0, |(_, rows)| *rows);
            #[expect(clippy::cast_precision_loss, reason = "row counts are small")]
            metrics::gauge!("sereno_outbox_rows", "state" => state).set(rows as f64);
        }
    }
    if let Ok(shut) = door.store.shut().await {
        for name in door.channels.keys() {
            let broken = shut.iter().any(|shut| shut.via == *name);
            metrics::gauge!("sereno_channel_broken", "channel" => name.clone()).set(f64::from(u8::from(broken)));
        }
    }
    let age = door.sources.now().since(*door.progress.last_commit.borrow());
    metrics::gauge!("sereno_last_commit_age_seconds").set(age.as_secs_f64());
    let ahead = door.sources.now().since(door.sources.wall());
    metrics::gauge!("sereno_clock_ahead_seconds").set(ahead.as_secs_f64());
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    (kind, door.metrics.render()).into_response()
}
