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

/// The number of our format where the World stands in a snapshot as a whole, as it was written once.
const WHOLE: i64 = World::FORMAT as i64;
/// The number of our format where it stands in parts behind the snapshot.
const IN_PARTS: i64 = WHOLE + 1000;

impl Store {
    /// The World of the newest snapshot, or a new one, and the position at which it stands.
    ///
    /// # Errors
    /// When the database refuses, or the snapshot cannot be read.
    pub async fn load_snapshot(&self) -> Result<World> {
        let rows = fetch!(self, sql::SELECT_SNAPSHOT, [WHOLE, IN_PARTS], |row| {
            (row.try_get::<i64, _>("pos")?, row.try_get::<i64, _>("format")?, row.try_get::<Vec<u8>, _>("body")?)
        });
        match rows.into_iter().next() {
            Some((pos, format, body)) => Ok(World::read(&self.body_of(pos, format, body).await?)?),
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
        let rows = fetch!(self, sql::SELECT_SNAPSHOTS, [WHOLE, IN_PARTS], |row| {
            (row.try_get::<i64, _>("pos")?, row.try_get::<i64, _>("format")?, row.try_get::<Vec<u8>, _>("body")?)
        });
        let mut snapshots = Vec::new();
        for (pos, format, body) in rows {
            snapshots.push((pos.cast_unsigned(), self.body_of(pos, format, body).await?));
        }
        Ok(snapshots)
    }

    /// What a snapshot holds: its body, or its parts one behind the other.
    async fn body_of(&self, pos: i64, format: i64, mut body: Vec<u8>) -> Result<Vec<u8>> {
        if format == IN_PARTS {
            for number in 0_i64.. {
                let part = fetch!(self, sql::SELECT_PART, [pos, number], |row| row.try_get::<Vec<u8>, _>("body")?);
                let Some(part) = part.first() else { break };
                body.extend_from_slice(part);
            }
        }
        Ok(body)
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

    /// Writes a snapshot in parts, none of which is copied, and drops all but the one before it. One of another format
    /// stays for a week, so that the version that wrote it can take over again.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn save_snapshot(&self, pos: u64, at: Ts, parts: Vec<Vec<u8>>) -> Result<()> {
        let pos = pos.cast_signed();
        let before = fetch!(self, sql::SELECT_SNAPSHOT_POS, [IN_PARTS], |row| row.try_get::<i64, _>("pos")?);
        let mut tx = self.begin().await?;
        execute!(&mut tx, sql::INSERT_SNAPSHOT, pos, at.0, IN_PARTS, Vec::<u8>::new());
        execute!(&mut tx, sql::DELETE_PARTS, pos);
        for (number, part) in (0_i64..).zip(parts) {
            execute!(&mut tx, sql::INSERT_PART, pos, number, part);
        }
        if let Some(before) = before.first() {
            execute!(&mut tx, sql::DELETE_SNAPSHOTS, IN_PARTS, *before, at.minus(OTHERS).0);
            execute!(&mut tx, sql::DELETE_LOST_PARTS);
        }
        kill_point!("engine.snapshot.before");
        tx.commit().await
    }
}
