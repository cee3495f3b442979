//! Lists: stretches of the read models in the order of their keys, for whoever reads them page by page.
//!
//! A page goes on behind a key and not at a number of rows, so a row that changes meanwhile is neither shown twice
//! nor missed. What a filter is empty for, it lets through. Who may read what is not known here.

use serde::Deserialize;
use sqlx::Row as _;

use super::{Result, Store, fetch, sql};
use crate::core::access::Concerns;
use crate::core::alert::Alert;
use crate::core::approval::Approval;
use crate::core::audit::AuditRow;
use crate::core::delivery::Card;
use crate::core::message::{AgentRow, Content, SessionRow, TaskRow};
use crate::core::time::Ts;

/// Rows under their keys.
pub type Named<T> = Vec<(String, T)>;

/// What the row of an alert or an approval says of what it is about; rows of earlier versions do not.
#[derive(Deserialize)]
struct About {
    #[serde(default)]
    concerns: Concerns,
}

/// Which rows of agents or sessions are wanted.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Of this runtime.
    pub runtime: String,
    /// In this state.
    pub status: String,
    /// Heard of after this.
    pub since: Ts,
}

macro_rules! named {
    ($store:expr, $sql:expr, [$($bind:expr),*]) => {
        fetch!($store, $sql, [$($bind),*], |row| {
            (row.try_get::<String, _>("name")?, serde_json::from_str(row.try_get::<&str, _>("body")?)?)
        })
    };
}

macro_rules! episodes {
    ($store:expr, $sql:expr, [$($bind:expr),*]) => {
        fetch!($store, $sql, [$($bind),*], |row| {
            let body = row.try_get::<&str, _>("body")?;
            (serde_json::from_str::<About>(body)?.concerns, serde_json::from_str(body)?)
        })
    };
}

macro_rules! bodies {
    ($store:expr, $sql:expr, [$($bind:expr),*]) => {
        fetch!($store, $sql, [$($bind),*], |row| serde_json::from_str(row.try_get::<&str, _>("body")?)?)
    };
}

impl Store {
    /// Agents behind the key `after`.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn list_agents(&self, wanted: &Wanted, after: &str, limit: i64) -> Result<Named<AgentRow>> {
        let Wanted { runtime, status, since } = wanted;
        Ok(named!(self, sql::LIST_AGENTS, [after, runtime.as_str(), status.as_str(), since.0, limit]))
    }

    /// Sessions behind the key `after`.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn list_sessions(&self, wanted: &Wanted, after: &str, limit: i64) -> Result<Named<SessionRow>> {
        let Wanted { runtime, status, since } = wanted;
        Ok(named!(self, sql::LIST_SESSIONS, [after, runtime.as_str(), status.as_str(), since.0, limit]))
    }

    /// Tasks in `column`, heard of after `since`, behind the key `after`.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn list_tasks(&self, column: &str, since: Ts, after: &str, limit: i64) -> Result<Named<TaskRow>> {
        Ok(named!(self, sql::LIST_TASKS, [after, column, since.0, limit]))
    }

    /// Alerts of `rule` in `state` with numbers below `before`, newest first, with what they are about.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn list_alerts(
        &self,
        rule: &str,
        state: &str,
        before: u64,
        limit: i64,
    ) -> Result<Vec<(Concerns, Alert)>> {
        Ok(episodes!(self, sql::LIST_ALERTS, [before.cast_signed(), rule, state, limit]))
    }

    /// Approvals of `runtime` in `state` with numbers below `before`, newest first, with what they are about.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn list_approvals(
        &self,
        runtime: &str,
        state: &str,
        before: u64,
        limit: i64,
    ) -> Result<Vec<(Concerns, Approval)>> {
        Ok(episodes!(self, sql::LIST_APPROVALS, [before.cast_signed(), runtime, state, limit]))
    }

    /// What a card says, while it is kept.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn card_content(&self, number: u64) -> Result<Option<Content>> {
        let cards: Vec<Card> = bodies!(self, sql::SELECT_CARD, [number.cast_signed()]);
        Ok(cards.into_iter().next().map(|card| card.content))
    }
}

/// Whether a row of the audit is by `actor` and about something whose name begins with `action`; empty is anything.
pub fn concerns(row: &AuditRow, actor: &str, action: &str) -> bool {
    (actor.is_empty() || row.actor == actor) && row.action.starts_with(action)
}
