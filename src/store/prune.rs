//! What is old goes, in steps of a few hundred rows: found by a reader, removed in one short transaction each.
//!
//! Knows what may never go: the log behind the older snapshot's back, rows that are not done, questions and
//! alerts that are open with their cards, the newest end of the audit. How long the rest is kept, it is told.

use std::collections::BTreeSet;

use sqlx::Row as _;

use super::{Result, Store, execute, fetch, sql};
use crate::core::alert::Alert;
use crate::core::approval::Approval;
use crate::core::audit::ChainHead;
use crate::core::time::{Span, Ts};

/// Rows that one step removes at most.
pub const STEP: i64 = 500;
/// Stretches into which the keys are cut; each is looked through in one step.
pub const KEY_STRETCHES: u32 = 4096;
/// Quarters of an hour are kept this long: longer than the World can still change one.
const QUARTERS: Span = Span::days(9);
/// The name of the fact that says where the audit begins.
const ANCHOR: &str = "audit_anchor";

/// What is kept for how long, by class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// The log, behind the older snapshot.
    Log,
    /// Outbox rows that are done.
    Outbox,
    /// Sessions that were not heard of.
    Sessions,
    /// Tasks that were not heard of.
    Tasks,
    /// Agents that were not heard of.
    Agents,
    /// Alerts that are resolved.
    Alerts,
    /// Approvals that are decided.
    Approvals,
    /// Cards that nobody waits for, with their copies.
    Cards,
    /// The beginning of the audit.
    Audit,
    /// Sessions of the page that have ended.
    SignIns,
    /// Cost by the quarter of an hour that is kept by the hour.
    Quarters,
}

impl Class {
    /// Its name in figures.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Outbox => "outbox",
            Self::Sessions => "sessions",
            Self::Tasks => "tasks",
            Self::Agents => "agents",
            Self::Alerts => "alerts",
            Self::Approvals => "approvals",
            Self::Cards => "cards",
            Self::Audit => "audit",
            Self::SignIns => "sign_ins",
            Self::Quarters => "quarters",
        }
    }
}

/// Finds old rows by their key with a reader, and removes them if they are still old.
macro_rules! prune {
    ($store:expr, $select:expr, $delete:expr, $before:expr, $key:ty) => {{
        let keys: Vec<$key> = fetch!($store, $select, [$before.0, STEP], |row| row.try_get(0)?);
        if keys.is_empty() {
            return Ok(0);
        }
        let mut tx = $store.begin().await?;
        let mut gone = 0;
        for key in &keys {
            gone += execute!(&mut tx, $delete, key, $before.0);
        }
        tx.commit().await?;
        gone
    }};
}

impl Store {
    /// Removes at most a few hundred rows of a class that are from before `before`. Returns how many went; with
    /// none there is nothing more to do now.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn prune(&self, class: Class, before: Ts) -> Result<u64> {
        Ok(match class {
            Class::Log => self.prune_log(before).await?,
            Class::Outbox => prune!(self, sql::OLD_OUTBOX, sql::DELETE_OUTBOX, before, String),
            Class::Sessions => prune!(self, sql::OLD_SESSIONS, sql::DELETE_SESSION, before, String),
            Class::Tasks => prune!(self, sql::OLD_TASKS, sql::DELETE_TASK, before, String),
            Class::Agents => prune!(self, sql::OLD_AGENTS, sql::DELETE_AGENT, before, String),
            Class::Alerts => prune!(self, sql::OLD_ALERTS, sql::DELETE_ALERT, before, i64),
            Class::Approvals => prune!(self, sql::OLD_APPROVALS, sql::DELETE_APPROVAL, before, i64),
            Class::SignIns => prune!(self, sql::OLD_SIGN_INS, sql::DELETE_OLD_SIGN_IN, before, String),
            Class::Cards => self.prune_cards(before).await?,
            Class::Audit => self.prune_audit(before).await?,
            Class::Quarters => self.prune_quarters(before.minus(QUARTERS)).await?,
        })
    }

    /// Forgets idempotency keys of one of [`KEY_STRETCHES`]: those that were noted before `before`, and of those
    /// that last before `lasting_before`.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn prune_keys(&self, stretch: u32, before: Ts, lasting_before: Ts) -> Result<u64> {
        // Keys are hashes, so stretches of equal width hold about as many.
        let edge = |n: u32| u128::from(n) << (128 - KEY_STRETCHES.ilog2());
        let from = edge(stretch % KEY_STRETCHES).to_be_bytes();
        let last = stretch % KEY_STRETCHES + 1 == KEY_STRETCHES;
        let to = if last { [0xFF; 17].to_vec() } else { edge(stretch % KEY_STRETCHES + 1).to_be_bytes().to_vec() };
        let mut tx = self.begin().await?;
        let gone = execute!(&mut tx, sql::DELETE_SEEN, &from[..], &to[..], before.0, lasting_before.0);
        tx.commit().await?;
        Ok(gone)
    }

    /// Whether the lease of `term` still holds: whoever has lost it leaves the store alone.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn is_term(&self, term: i64) -> Result<bool> {
        let terms = fetch!(self, sql::SELECT_ENGINE, [], |row| row.try_get::<i64, _>("term")?);
        Ok(terms.first() == Some(&term))
    }

    /// Everything up to here can be folded again from the older snapshot without the log before it.
    pub(super) async fn log_not_needed(&self) -> Result<Option<i64>> {
        let rows = fetch!(self, sql::OLDEST_SNAPSHOT, [], |row| row.try_get::<Option<i64>, _>("pos")?);
        Ok(rows.into_iter().next().flatten())
    }

    async fn prune_log(&self, before: Ts) -> Result<u64> {
        let Some(until) = self.log_not_needed().await? else { return Ok(0) };
        if !self.is_exclusive() {
            return self.prune_partitions(before, until, STEP).await;
        }
        let mut tx = self.begin().await?;
        let gone = execute!(&mut tx, sql::DELETE_LOG, until, before.0, STEP);
        tx.commit().await?;
        Ok(gone)
    }

    async fn prune_cards(&self, before: Ts) -> Result<u64> {
        let mut kept: BTreeSet<u64> = BTreeSet::new();
        let alerts = fetch!(self, sql::SELECT_OPEN_ALERTS, [], |row| serde_json::from_str::<Alert>(
            row.try_get::<&str, _>("body")?
        )?);
        kept.extend(alerts.iter().filter_map(|alert| alert.card));
        let approvals = fetch!(self, sql::SELECT_OPEN_APPROVALS, [], |row| serde_json::from_str::<Approval>(
            row.try_get::<&str, _>("body")?
        )?);
        kept.extend(approvals.iter().flat_map(|a| a.card.iter().chain(&a.text_cards)));
        let limit = STEP + i64::try_from(kept.len()).unwrap_or(i64::MAX / 2);
        let old = fetch!(self, sql::OLD_CARDS, [before.0, limit], |row| row.try_get::<i64, _>("number")?);
        let old: Vec<i64> = old.into_iter().filter(|number| !kept.contains(&number.cast_unsigned())).collect();
        if old.is_empty() {
            return Ok(0);
        }
        let mut tx = self.begin().await?;
        let mut gone = 0;
        for number in &old {
            let card = execute!(&mut tx, sql::DELETE_CARD, number, before.0);
            if card > 0 {
                execute!(&mut tx, sql::DELETE_COPIES, number);
            }
            gone += card;
        }
        tx.commit().await?;
        Ok(gone)
    }

    /// Cuts the beginning of the audit. What the rest follows is noted, so that it can still be verified.
    async fn prune_audit(&self, before: Ts) -> Result<u64> {
        let old = fetch!(self, sql::OLD_AUDIT, [before.0, STEP], |row| {
            let hash: String = row.try_get("hash")?;
            ChainHead { seq: row.try_get::<i64, _>("seq")?.cast_unsigned(), hash: serde_json::from_value(hash.into())? }
        });
        let Some(last) = old.last() else { return Ok(0) };
        let mut tx = self.begin().await?;
        execute!(&mut tx, sql::UPSERT_META, ANCHOR, serde_json::to_string(last)?);
        let gone = execute!(&mut tx, sql::DELETE_AUDIT, last.seq.cast_signed());
        tx.commit().await?;
        Ok(gone)
    }

    /// What the first row of the audit follows: zeros, unless its beginning was cut.
    ///
    /// # Errors
    /// When the database refuses, or the fact cannot be read.
    pub async fn audit_anchor(&self) -> Result<ChainHead> {
        let anchor = self.meta(ANCHOR).await?;
        Ok(anchor.map(|text| serde_json::from_str(&text)).transpose()?.unwrap_or_default())
    }
}
