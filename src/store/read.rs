//! Reading what is committed: the page, lists, the audit, facts about the store.

use sqlx::Row as _;

use super::{Result, Store, execute, fetch, sql};
use crate::core::alert::Alert;
use crate::core::approval::Approval;
use crate::core::audit::AuditRow;
use crate::core::delivery::{Card, Copy};
use crate::core::device::Notified;
use crate::core::digest::Digest;
use crate::core::message::{AgentRow, SessionRow, TaskRow};
use crate::core::money::{Micros, Sums};
use crate::core::time::Ts;

/// A copy with its card, for the page.
#[derive(Debug)]
pub struct FeedRow {
    /// Position of the commit that changed it last.
    pub changed: u64,
    /// The copy.
    pub copy: Copy,
    /// The card.
    pub card: Card,
}

/// An approval as stored.
#[derive(Debug)]
pub struct ApprovalRow {
    /// Its state, in one word.
    pub state: String,
    /// All of it.
    pub approval: Approval,
}

/// Which rows of the audit are wanted.
#[derive(Clone, Copy, Debug)]
pub struct AuditFilter {
    /// Not before.
    pub from: Ts,
    /// Before.
    pub until: Ts,
}

impl Default for AuditFilter {
    fn default() -> Self {
        Self { from: Ts(i64::MIN), until: Ts(i64::MAX) }
    }
}

/// Rows of the audit that are read at once.
const AUDIT_STRETCH: i64 = 1000;

/// Reads the sums of a row.
macro_rules! sums {
    ($row:expr) => {{
        let count = |name: &str| -> Result<u64> { Ok($row.try_get::<i64, _>(name)?.cast_unsigned()) };
        $crate::core::money::Sums {
            calls: count("calls")?,
            unpriced: count("unpriced")?,
            tokens: $crate::core::money::Tokens {
                input: count("input")?,
                output: count("output")?,
                cache_read: count("cache_read")?,
                cache_write: count("cache_write")?,
            },
            cost: $crate::core::money::Micros($row.try_get("micros")?),
        }
    }};
}
pub(super) use sums;

macro_rules! feed_rows {
    ($store:expr, $sql:expr, [$($bind:expr),*]) => {
        fetch!($store, $sql, [$($bind),*], |row| FeedRow {
            changed: row.try_get::<i64, _>("changed")?.cast_unsigned(),
            copy: serde_json::from_str(row.try_get::<&str, _>("copy_body")?)?,
            card: serde_json::from_str(row.try_get::<&str, _>("card_body")?)?,
        })
    };
}

macro_rules! bodies {
    ($store:expr, $sql:expr, [$($bind:expr),*]) => {
        fetch!($store, $sql, [$($bind),*], |row| serde_json::from_str(row.try_get::<&str, _>("body")?)?)
    };
}

impl Store {
    /// The newest cards of a conversation.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn feed(&self, channel: &str, target: &str, limit: i64) -> Result<Vec<FeedRow>> {
        Ok(feed_rows!(self, sql::SELECT_FEED, [channel, target, limit]))
    }

    /// Cards of a conversation that a commit after `since` has changed, oldest change first.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn feed_since(&self, channel: &str, target: &str, since: u64, limit: i64) -> Result<Vec<FeedRow>> {
        Ok(feed_rows!(self, sql::SELECT_FEED_SINCE, [channel, target, since.cast_signed(), limit]))
    }

    /// One card of a conversation, by the number of its copy.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn feed_one(&self, channel: &str, target: &str, copy: u64) -> Result<Option<FeedRow>> {
        let rows = feed_rows!(self, sql::SELECT_FEED_ONE, [channel, target, copy.cast_signed()]);
        Ok(rows.into_iter().next())
    }

    /// A card by its own number, as it stands in a conversation.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn feed_card(&self, channel: &str, target: &str, card: u64) -> Result<Option<FeedRow>> {
        let rows = feed_rows!(self, sql::SELECT_OWN_COPY, [channel, target, card.cast_signed()]);
        Ok(rows.into_iter().next())
    }

    /// A card by the number of one of its copies, wherever that is.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn copy(&self, copy: u64) -> Result<Option<FeedRow>> {
        let rows = feed_rows!(self, sql::SELECT_COPY, [copy.cast_signed()]);
        Ok(rows.into_iter().next())
    }

    /// Agents that were heard of after `since`.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn agents(&self, since: Ts, limit: i64) -> Result<Vec<AgentRow>> {
        Ok(bodies!(self, sql::SELECT_AGENTS, [since.0, limit]))
    }

    /// How many agents that were heard of after `since` are in each state.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn count_agents(&self, since: Ts) -> Result<Vec<(String, i64)>> {
        Ok(fetch!(self, sql::COUNT_AGENTS, [since.0], |row| (row.try_get("status")?, row.try_get("rows")?)))
    }

    /// How many approvals wait, and how many alerts are open.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn count_open(&self) -> Result<(i64, i64)> {
        let rows = fetch!(self, sql::COUNT_OPEN, [], |row| (row.try_get("approvals")?, row.try_get("alerts")?));
        Ok(rows.first().copied().unwrap_or_default())
    }

    /// Cost since `from`.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn cost_since(&self, from: Ts) -> Result<Micros> {
        let rows = fetch!(self, sql::SUM_COSTS, [from.0], |row| Micros(row.try_get("micros")?));
        Ok(rows.first().copied().unwrap_or_default())
    }

    /// The newest sessions whose name, or agent, may hold what was typed: all that do, and some that do not.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn sessions_with(&self, typed: &str, limit: i64) -> Result<Vec<SessionRow>> {
        Ok(bodies!(self, sql::SELECT_SESSIONS, [pattern(typed), limit]))
    }

    /// The newest tasks whose name, or title, may hold what was typed: all that do, and some that do not.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn tasks_with(&self, typed: &str, limit: i64) -> Result<Vec<TaskRow>> {
        Ok(bodies!(self, sql::SELECT_TASKS, [pattern(typed), limit]))
    }

    /// The newest alerts.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn alerts(&self, limit: i64) -> Result<Vec<Alert>> {
        Ok(bodies!(self, sql::SELECT_ALERTS, [limit]))
    }

    /// An alert by number.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn alert(&self, number: u64) -> Result<Option<Alert>> {
        let rows: Vec<Alert> = bodies!(self, sql::SELECT_ALERT, [number.cast_signed()]);
        Ok(rows.into_iter().next())
    }

    /// The newest approval with an identity in its runtime.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn approval(&self, runtime: &str, external: &str) -> Result<Option<ApprovalRow>> {
        let rows = fetch!(self, sql::SELECT_APPROVAL, [runtime, external], |row| ApprovalRow {
            state: row.try_get("state")?,
            approval: serde_json::from_str(row.try_get::<&str, _>("body")?)?,
        });
        Ok(rows.into_iter().next())
    }

    /// The newest approval with a code.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn approval_by_code(&self, code: &str) -> Result<Option<ApprovalRow>> {
        let rows = fetch!(self, sql::SELECT_APPROVAL_BY_CODE, [code], |row| ApprovalRow {
            state: row.try_get("state")?,
            approval: serde_json::from_str(row.try_get::<&str, _>("body")?)?,
        });
        Ok(rows.into_iter().next())
    }

    /// Approvals of a runtime that wait for a decision.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn pending_approvals(&self, runtime: &str) -> Result<Vec<Approval>> {
        Ok(bodies!(self, sql::SELECT_PENDING, [runtime]))
    }

    /// Costs since `from`: when, agent, model, task, sums.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn costs(&self, from: Ts) -> Result<Vec<(Ts, String, String, String, Sums)>> {
        Ok(fetch!(self, sql::SELECT_COSTS, [from.0], |row| {
            let sums = sums!(row);
            (Ts(row.try_get("at")?), row.try_get("agent")?, row.try_get("model")?, row.try_get("task")?, sums)
        }))
    }

    /// Whose session of the page this is, if it lives.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn sign_in(&self, session: &str, now: Ts) -> Result<Option<String>> {
        let rows = fetch!(self, sql::SELECT_SIGN_IN, [session], |row| (
            row.try_get::<String, _>("person")?,
            Ts(row.try_get("expires")?)
        ));
        Ok(rows.into_iter().find(|(_, expires)| *expires > now).map(|(person, _)| person))
    }

    /// A device that is notified, by name.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn device(&self, id: &str) -> Result<Option<Notified>> {
        let rows: Vec<Notified> = bodies!(self, sql::SELECT_DEVICE, [id]);
        Ok(rows.into_iter().next())
    }

    /// How many sessions of the page live.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn count_sign_ins(&self, now: Ts) -> Result<i64> {
        let rows = fetch!(self, sql::COUNT_SIGN_INS, [now.0], |row| row.try_get::<i64, _>("rows")?);
        Ok(rows.first().copied().unwrap_or(0))
    }

    /// Rows of the audit after `after`, as many as are read at once.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn audit_after(&self, after: u64, filter: &AuditFilter) -> Result<Vec<AuditRow>> {
        let (after, from, until) = (after.cast_signed(), filter.from.0, filter.until.0);
        Ok(fetch!(self, sql::SELECT_AUDIT, [after, from, until, AUDIT_STRETCH], |row| {
            let digest = |name: &str| -> Result<Digest> {
                let text: String = row.try_get(name)?;
                Ok(serde_json::from_value(text.into())?)
            };
            AuditRow {
                seq: row.try_get::<i64, _>("seq")?.cast_unsigned(),
                at: Ts(row.try_get("at")?),
                actor: row.try_get("actor")?,
                action: row.try_get("action")?,
                object: row.try_get("object")?,
                data: serde_json::from_str(row.try_get::<&str, _>("data")?)?,
                prev: digest("prev")?,
                hash: digest("hash")?,
            }
        }))
    }

    /// A fact about the store.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn meta(&self, name: &str) -> Result<Option<String>> {
        let rows = fetch!(self, sql::SELECT_META, [name], |row| row.try_get::<String, _>("value")?);
        Ok(rows.into_iter().next())
    }

    /// A fact about the store, set to `value` when it is not set yet.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn meta_or(&self, name: &str, value: &str) -> Result<String> {
        let mut tx = self.begin().await?;
        execute!(&mut tx, sql::INSERT_META, name, value);
        tx.commit().await?;
        Ok(self.meta(name).await?.unwrap_or_else(|| value.to_owned()))
    }

    /// A fact about the store, in place of the one that there was.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn set_meta(&self, name: &str, value: &str) -> Result<()> {
        let mut tx = self.begin().await?;
        execute!(&mut tx, sql::UPSERT_META, name, value);
        tx.commit().await?;
        Ok(())
    }
}

/// What fits every row whose name, or whose name and what stands beside it, holds what was typed: they stand in the body
/// in this order. JSON writes some signs in other ways, and the databases do not agree on the small forms of others:
/// anything may stand for those.
fn pattern(typed: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@".contains(c);
    let fit = typed.chars().map(|c| if plain(c) { c.to_ascii_lowercase() } else { '%' });
    format!("%{}%", fit.collect::<String>())
}
