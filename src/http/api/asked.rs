//! What may be asked of a list: its parameters, and how each is read.
//!
//! A parameter that nobody knows, or that cannot be read, is a problem with a remedy and never passed over: a filter
//! that is not heard would show too much.

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

use crate::core::time::{Span, Ts};
use crate::http::Shared;
use crate::http::problem::Problem;

/// Rows of a page when nobody says how many.
const ROWS: u32 = 100;
/// Rows of a page at most.
const MOST_ROWS: u32 = 500;

/// Query parameters; what cannot be read is told as a problem.
pub struct Asked<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let read = Query::<T>::from_request_parts(parts, state).await;
        read.map(|Query(asked)| Self(asked))
            .map_err(|error| Problem::new(400, format!("{}.", unreadable(&error.body_text()))))
    }
}

/// What is wrong with a query, without the words that say that it is one.
fn unreadable(text: &str) -> &str {
    text.trim_start_matches("Failed to deserialize query string: ")
}

/// Parameters that are texts, and with them what every list takes.
macro_rules! asked {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident),* $(,)? })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Deserialize, IntoParams)]
        #[into_params(parameter_in = Query)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $($(#[$field_doc])* pub(super) $field: Option<String>,)*
            /// Rows of the page, 1 to 500; 100 by default.
            #[param(minimum = 1, maximum = 500)]
            pub(super) limit: Option<u32>,
            /// `next` of the page before.
            pub(super) after: Option<String>,
        }
    )*};
}

asked! {
    /// Which agents or sessions.
    ActorsAsked {
        /// Of this runtime.
        runtime,
        /// In this state: `waiting`, `error`, `silent`, `running`, `paused`, `stopped`, `idle` or `completed`.
        status,
        /// Heard of since: an instant in RFC 3339, or how long ago, such as `24h`.
        since,
    }
    /// Which tasks.
    TasksAsked {
        /// In this column: `inbox`, `assigned`, `running`, `completed` or `failed`.
        column,
        /// Heard of since: an instant in RFC 3339, or how long ago, such as `24h`.
        since,
    }
    /// Which costs.
    CostsAsked {
        /// `agent`, `model` or `task`; `agent` by default.
        by,
        /// Since: an instant in RFC 3339, or how long ago, such as `7d`; a day ago by default.
        since,
        /// Before this instant in RFC 3339; now by default. Both are widened to whole quarters of an hour.
        until,
    }
    /// Which alerts.
    AlertsAsked {
        /// Of this rule.
        rule,
        /// In this state: `pending`, `firing`, `acked` or `resolved`.
        state,
    }
    /// Which approvals.
    ApprovalsAsked {
        /// Of this runtime.
        runtime,
        /// In this state: `pending`, `approved`, `denied`, `expired`, `cancelled` or `superseded`.
        state,
    }
    /// Which rows of the audit.
    AuditAsked {
        /// By this actor.
        actor,
        /// What was done begins with this, such as `approval.`.
        action,
        /// Since: an instant in RFC 3339, or how long ago, such as `7d`.
        since,
        /// Before this instant in RFC 3339.
        until,
    }
}

/// How many rows a page has.
pub(super) fn rows_of(limit: Option<u32>) -> Result<i64, Problem> {
    match limit.unwrap_or(ROWS) {
        limit @ 1..=MOST_ROWS => Ok(i64::from(limit)),
        _ => Err(Problem::new(400, format!("limit is 1 to {MOST_ROWS}."))),
    }
}

/// A word that must be one of a few; empty for none.
pub(super) fn one_of(name: &str, word: Option<String>, words: &[&str]) -> Result<String, Problem> {
    match word {
        None => Ok(String::new()),
        Some(word) if words.contains(&word.as_str()) => Ok(word),
        Some(_) => Err(Problem::new(400, format!("{name} is one of {}.", words.join(", ")))),
    }
}

/// An instant in RFC 3339.
pub(super) fn instant(text: Option<&str>, standard: Ts) -> Result<Ts, Problem> {
    let unreadable = || Problem::new(400, "A time is written as in RFC 3339, such as 2026-11-20T09:15:00Z.");
    text.map_or(Ok(standard), |text| Ts::parse(text).ok_or_else(unreadable))
}

/// An instant, or how long ago.
pub(super) fn since(door: &Shared, text: Option<&str>, standard: Ts) -> Result<Ts, Problem> {
    match text.map(Span::parse) {
        Some(Ok(ago)) => Ok(door.sources.now().minus(ago)),
        _ => instant(text, standard),
    }
}

/// A key as it is handed out.
pub(super) fn written<K: Serialize>(key: &K) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(key).unwrap_or_default())
}

/// A key as it was handed out.
pub(super) fn key<K: DeserializeOwned>(after: Option<&str>) -> Result<Option<K>, Problem> {
    let read = |text: &str| {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        serde_json::from_slice(&bytes).ok()
    };
    let unreadable = || Problem::new(400, "after is not `next` of a page of this list.");
    after.map(|text| read(text).ok_or_else(unreadable)).transpose()
}
