//! The log of PostgreSQL by days: partitions are made ahead and dropped whole.
//!
//! Bounds come from the clock of whoever folds, never from the server's. A row for which there is no day goes to
//! the partition for everything else, so a day that could not be made loses nothing. On SQLite there is nothing
//! to do: there the log is one table.

use sqlx::{AssertSqlSafe, Row as _};

use super::{AnyTx, Result, Store, execute, fetch};
use crate::core::time::{Span, Ts};

const DAY: Span = Span::days(1);
/// Days that are made ahead, with that of today.
const AHEAD: i64 = 4;
/// The beginning of the name of each; the number of the day since 1970 follows.
const NAME: &str = "log_day_";

/// PostgreSQL's `check_violation`.
const CHECK_VIOLATION: &str = "23514";

/// The tables of which the log is made.
const DAYS: &str = "SELECT c.relname::text AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid \
                    WHERE i.inhparent = 'log'::regclass";

/// Rows from before there were days, and of days that could not be made.
const DELETE_OTHER: &str =
    "DELETE FROM log_other WHERE pos IN (SELECT pos FROM log_other WHERE pos <= $1 AND at < $2 ORDER BY pos LIMIT $3)";

impl Store {
    /// Makes the partitions of the days to come. Returns how many were made.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn make_partitions(&self, now: Ts) -> Result<u64> {
        if self.is_exclusive() {
            return Ok(0);
        }
        let (have, today) = (self.days().await?, now.0.div_euclid(DAY.0));
        let mut made = 0;
        for day in (today..today + AHEAD).filter(|day| !have.contains(day)) {
            let AnyTx::Postgres(mut tx) = self.begin().await? else { return Ok(made) };
            let (from, until) = (day * DAY.0, (day + 1) * DAY.0);
            let other = format!("SELECT EXISTS (SELECT 1 FROM log_other WHERE at >= {from} AND at < {until}) AS taken");
            let taken: bool = sqlx::query(AssertSqlSafe(other)).fetch_one(&mut *tx).await?.try_get("taken")?;
            if taken {
                // What is there already stays there; the day after is the first of its own.
                tx.rollback().await?;
                continue;
            }
            let make = format!("CREATE TABLE {NAME}{day} PARTITION OF log FOR VALUES FROM ({from}) TO ({until})");
            match sqlx::query(AssertSqlSafe(make)).execute(&mut *tx).await {
                Ok(_) => {
                    tx.commit().await?;
                    made += 1;
                }
                // The fold was faster, and the first row of the day is in the other place already.
                Err(sqlx::Error::Database(said)) if said.code().is_some_and(|code| code == CHECK_VIOLATION) => {
                    tx.rollback().await?;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(made)
    }

    /// Drops days that ended before `before` and hold nothing after position `until`, and at most `limit` such rows
    /// that are in no day of their own. Returns how many rows went.
    pub(super) async fn prune_partitions(&self, before: Ts, until: i64, limit: i64) -> Result<u64> {
        let mut gone = 0;
        for day in self.days().await?.into_iter().filter(|day| (day + 1) * DAY.0 <= before.0) {
            let AnyTx::Postgres(mut tx) = self.begin().await? else { return Ok(gone) };
            let about =
                format!("SELECT COALESCE(MIN(pos), 1) AS first, COALESCE(MAX(pos), 0) AS last FROM {NAME}{day}");
            let about = sqlx::query(AssertSqlSafe(about)).fetch_one(&mut *tx).await?;
            let (first, last): (i64, i64) = (about.try_get("first")?, about.try_get("last")?);
            if last > until {
                tx.rollback().await?;
                continue;
            }
            sqlx::query(AssertSqlSafe(format!("DROP TABLE {NAME}{day}"))).execute(&mut *tx).await?;
            tx.commit().await?;
            gone += (last - first + 1).cast_unsigned();
        }
        let mut tx = self.begin().await?;
        gone += execute!(&mut tx, DELETE_OTHER, until, before.0, limit);
        tx.commit().await?;
        Ok(gone)
    }

    /// The days that have a partition.
    async fn days(&self) -> Result<Vec<i64>> {
        let names = fetch!(self, DAYS, [], |row| row.try_get::<String, _>("name")?);
        Ok(names.iter().filter_map(|name| name.strip_prefix(NAME)?.parse().ok()).collect())
    }
}
