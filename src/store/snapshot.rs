//! Snapshots of the World, the tail of the log behind them, and the lease under which it is folded.

use sqlx::Row as _;

use super::{Result, Store, execute, fetch, fetch_tx, sql};
use crate::core::input::Input;
use crate::core::time::{Span, Ts};
use crate::core::world::World;

/// The right to fold the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Fencing term; a commit under an older term is refused.
    pub term: i64,
    /// How far the log is folded.
    pub cursor: u64,
    /// Until when the lease was held before, by whoever had it; zero when it was given back.
    pub left: Ts,
}

/// Entries that are read from the log at once.
const STRETCH: i64 = 2000;

impl Store {
    /// Takes the lease for `holder`, if it is free.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn acquire_lease(&self, holder: &str, now: Ts, lives: Span) -> Result<Option<Lease>> {
        let expires = now.plus(lives).0;
        let mut tx = self.begin().await?;
        let held = fetch_tx!(&mut tx, sql::SELECT_ENGINE, [], |row| row.try_get::<i64, _>("expires")?);
        // It is renewed well before it ends, so its holder was there at least until one life before that.
        let left = held.first().map_or(Ts::default(), |expires| Ts(*expires).minus(lives));
        // On SQLite the lock on the file has decided already; a crashed holder cannot come back.
        let leases = if self.is_exclusive() {
            fetch_tx!(&mut tx, sql::SEIZE_ENGINE, [holder, expires], |row| lease(
                row.try_get("term")?,
                row.try_get("cursor")?,
                left
            ))
        } else {
            fetch_tx!(&mut tx, sql::ACQUIRE_ENGINE, [holder, expires, now.0], |row| lease(
                row.try_get("term")?,
                row.try_get("cursor")?,
                left
            ))
        };
        tx.commit().await?;
        Ok(leases.first().copied())
    }

    /// Keeps the lease of `term`. Returns whether it still holds.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn renew_lease(&self, term: i64, now: Ts, lives: Span) -> Result<bool> {
        let mut tx = self.begin().await?;
        let kept = execute!(&mut tx, sql::RENEW_ENGINE, now.plus(lives).0, term);
        tx.commit().await?;
        Ok(kept == 1)
    }

    /// Gives the lease of `term` back.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn resign_lease(&self, term: i64) -> Result<()> {
        let mut tx = self.begin().await?;
        execute!(&mut tx, sql::RESIGN_ENGINE, term);
        tx.commit().await
    }

    /// Who holds the lease, and until when.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn lease_holder(&self) -> Result<(String, Ts)> {
        let rows = fetch!(self, sql::SELECT_ENGINE, [], |row| (
            row.try_get::<String, _>("holder")?,
            Ts(row.try_get("expires")?)
        ));
        Ok(rows.into_iter().next().unwrap_or_default())
    }

    /// The World of the newest snapshot, or a new one, and the position at which it stands.
    ///
    /// # Errors
    /// When the database refuses, or the snapshot cannot be read.
    pub async fn load_snapshot(&self) -> Result<World> {
        let rows =
            fetch!(self, sql::SELECT_SNAPSHOT, [i64::from(World::FORMAT)], |row| row.try_get::<Vec<u8>, _>("body")?);
        match rows.first() {
            Some(body) => Ok(World::read(body)?),
            None => Ok(World::default()),
        }
    }

    /// A stretch of the log: entries after `after` up to `until`, as many as are read at once.
    ///
    /// # Errors
    /// When the database refuses, or an entry cannot be read.
    pub async fn log_after(&self, after: u64, until: u64) -> Result<Vec<Input>> {
        let (after, until) = (after.cast_signed(), until.cast_signed());
        Ok(fetch!(self, sql::SELECT_LOG, [after, until, STRETCH], |row| {
            let body: String = row.try_get("body")?;
            Input {
                pos: row.try_get::<i64, _>("pos")?.cast_unsigned(),
                at: Ts(row.try_get("at")?),
                body: serde_json::from_str(&body)?,
            }
        }))
    }

    /// Writes a snapshot and drops all but the one before it.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn save_snapshot(&self, pos: u64, at: Ts, body: &[u8]) -> Result<()> {
        let before = fetch!(self, sql::SELECT_SNAPSHOT_POS, [], |row| row.try_get::<i64, _>("pos")?);
        let mut tx = self.begin().await?;
        execute!(&mut tx, sql::INSERT_SNAPSHOT, pos.cast_signed(), at.0, i64::from(World::FORMAT), body);
        if let Some(before) = before.first() {
            execute!(&mut tx, sql::DELETE_SNAPSHOTS, *before);
        }
        tx.commit().await
    }
}

const fn lease(term: i64, cursor: i64, left: Ts) -> Lease {
    Lease { term, cursor: cursor.cast_unsigned(), left }
}
