//! Snapshots of the World, and the tail of the log behind them.

use sqlx::Row as _;

use super::{Result, Store, execute, fetch, sql};
use crate::core::input::Input;
use crate::core::time::Ts;
use crate::core::world::World;

/// Entries that are read from the log at once.
const STRETCH: i64 = 2000;

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
        kill_point!("engine.snapshot.before");
        tx.commit().await
    }
}
