//! Rights that one process has at a time: to fold the log, to poll a channel.
//!
//! The store knows terms and beats, no times: whoever watches a lease judges by its own clock whether its holder
//! lives. Taking one is conditional on what was seen, so of two that want it one gets it.

use sqlx::Row as _;

use super::{Result, Store, execute, fetch, fetch_tx, sql};
use crate::core::time::Ts;

/// The lease under which the log is folded.
pub const ENGINE: &str = "engine";

/// A lease as it stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Fencing term: grows whenever it is taken.
    pub term: i64,
    /// Moves whenever it is renewed.
    pub beat: i64,
    /// Who holds it; empty when it was given back.
    pub holder: String,
    /// When it was renewed last, by its holder's clock: to be told, never to be judged by.
    pub renewed: Ts,
}

/// The right to fold the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Fencing term; a commit under an older term is refused.
    pub term: i64,
    /// How far the log is folded.
    pub cursor: u64,
    /// When whoever held it before was alive last, by that one's clock; zero when nobody was.
    pub left: Ts,
}

impl Store {
    /// How a lease stands.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn lease(&self, name: &str) -> Result<Standing> {
        let rows = fetch!(self, sql::SELECT_LEASE, [name], |row| Standing {
            term: row.try_get("term")?,
            beat: row.try_get("beat")?,
            holder: row.try_get("holder")?,
            renewed: Ts(row.try_get("renewed")?),
        });
        if let Some(standing) = rows.into_iter().next() {
            return Ok(standing);
        }
        let mut tx = self.begin().await?;
        execute!(&mut tx, sql::INSERT_LEASE, name);
        tx.commit().await?;
        Ok(Standing::default())
    }

    /// Takes a lease that still stands as it was `seen`. Returns its term and how far the log is folded; `None`
    /// when somebody was faster.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn take_lease(&self, name: &str, holder: &str, seen: &Standing, now: Ts) -> Result<Option<Lease>> {
        let mut tx = self.begin().await?;
        let taken = fetch_tx!(&mut tx, sql::TAKE_LEASE, [name, holder, seen.term, seen.beat, now.0], |row| row
            .try_get::<i64, _>("term")?);
        let Some(term) = taken.first().copied() else { return Ok(None) };
        let cursor = if name == ENGINE {
            // Waits for a commit that is under way; one that comes later is refused.
            let cursors = fetch_tx!(&mut tx, sql::FENCE_ENGINE, [term], |row| row.try_get::<i64, _>("cursor")?);
            cursors.first().copied().unwrap_or(0)
        } else {
            0
        };
        kill_point!("lease.take.before");
        tx.commit().await?;
        kill_point!("lease.take.after");
        Ok(Some(Lease { term, cursor: cursor.cast_unsigned(), left: seen.renewed }))
    }

    /// Takes the right to fold, whoever has it: for a store that no other process can have open.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn seize_engine(&self, holder: &str, now: Ts) -> Result<Lease> {
        loop {
            let seen = self.lease(ENGINE).await?;
            if let Some(lease) = self.take_lease(ENGINE, holder, &seen, now).await? {
                return Ok(lease);
            }
        }
    }

    /// Keeps the lease of `term`. Returns whether it still holds.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn renew_lease(&self, name: &str, term: i64, now: Ts) -> Result<bool> {
        let mut tx = self.begin().await?;
        let kept = execute!(&mut tx, sql::RENEW_LEASE, name, term, now.0);
        kill_point!("lease.renew.before");
        tx.commit().await?;
        kill_point!("lease.renew.after");
        Ok(kept == 1)
    }

    /// Gives the lease of `term` back.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn resign_lease(&self, name: &str, term: i64) -> Result<()> {
        let mut tx = self.begin().await?;
        execute!(&mut tx, sql::RESIGN_LEASE, name, term);
        kill_point!("lease.resign.before");
        tx.commit().await
    }
}
