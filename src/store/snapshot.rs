//! Snapshots of the World, and the tail of the log behind them.

use sqlx::Row as _;

use super::{Error, Result, Store, execute, fetch, sql};
use crate::core::input::Input;
use crate::core::time::{Span, Ts};
use crate::core::world::World;

/// Entries that are read from the log at once.
const STRETCH: i64 = 2000;

/// How long snapshots of other formats are kept.
const OTHERS: Span = Span::days(7);

impl Store {
    /// The World of the newest snapshot, or a new one, and the position at which it stands.
    ///
    /// # Errors
    /// When the database refuses, or the snapshot cannot be read.
    pub async fn load_snapshot(&self) -> Result<World> {
        let rows =
            fetch!(self, sql::SELECT_SNAPSHOT, [i64::from(World::FORMAT)], |row| row.try_get::<Vec<u8>, _>("body")?);
        match rows.first() {
            Some(body) => Ok(World::read(body)?),
            None => match self.log_first().await? {
                Some((first, _)) if first > 1 => Err(Error::Cut(first.cast_signed())),
                _ => Ok(World::default()),
            },
        }
    }

    /// Every snapshot of our format, the oldest first, with its position.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn snapshots(&self) -> Result<Vec<(u64, Vec<u8>)>> {
        Ok(fetch!(self, sql::SELECT_SNAPSHOTS, [i64::from(World::FORMAT)], |row| {
            (row.try_get::<i64, _>("pos")?.cast_unsigned(), row.try_get::<Vec<u8>, _>("body")?)
        }))
    }

    /// Where the log begins, and when that was; `None` when it is empty.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn log_first(&self) -> Result<Option<(u64, Ts)>> {
        let first = fetch!(self, sql::SELECT_LOG_FIRST, [], |row| {
            (row.try_get::<i64, _>("pos")?.cast_unsigned(), Ts(row.try_get("at")?))
        });
        Ok(first.into_iter().next())
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

    /// Writes a snapshot, which may be long and is not copied, and drops all but the one before it. One of another format stays for a week, so that the
    /// version that wrote it can take over again.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn save_snapshot(&self, pos: u64, at: Ts, body: Vec<u8>) -> Result<()> {
        let format = i64::from(World::FORMAT);
        let before = fetch!(self, sql::SELECT_SNAPSHOT_POS, [format], |row| row.try_get::<i64, _>("pos")?);
        let mut tx = self.begin().await?;
        execute!(&mut tx, sql::INSERT_SNAPSHOT, pos.cast_signed(), at.0, format, body);
        if let Some(before) = before.first() {
            execute!(&mut tx, sql::DELETE_SNAPSHOTS, format, *before, at.minus(OTHERS).0);
        }
        kill_point!("engine.snapshot.before");
        tx.commit().await
    }
}
