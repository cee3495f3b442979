//! Entries of the log that are passed over because a newer fold breaks over them, and where a fold that has left
//! something out goes on: behind everything that was written, so that no number is given twice.

use sqlx::Row as _;

use super::{Result, Store, execute, fetch, sql};
use crate::core::audit::ChainHead;
use crate::core::world::World;

/// The fact that names them.
const PASSED_OVER: &str = "passed_over";

impl Store {
    /// What is passed over, as whoever noted it wrote it.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn passed_over(&self) -> Result<Option<String>> {
        self.meta(PASSED_OVER).await
    }

    /// Notes what is passed over.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn pass_over(&self, all: &str) -> Result<()> {
        let mut tx = self.begin().await?;
        execute!(&mut tx, sql::UPSERT_META, PASSED_OVER, all);
        tx.commit().await
    }

    /// Sets a World that has left something out behind everything that is written: the end of the audit, and the
    /// numbers of what people see.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn go_on_behind(&self, world: &mut World) -> Result<()> {
        let ends = fetch!(self, sql::SELECT_AUDIT_END, [], |row| ChainHead {
            seq: row.try_get::<i64, _>("seq")?.cast_unsigned(),
            hash: serde_json::from_value(row.try_get::<String, _>("hash")?.into())?,
        });
        world.audit = ends.into_iter().next().unwrap_or_default();
        let used = fetch!(self, sql::SELECT_NUMBERS, [], |row| [
            row.try_get::<i64, _>("alerts")?.cast_unsigned(),
            row.try_get::<i64, _>("approvals")?.cast_unsigned(),
            row.try_get::<i64, _>("cards")?.cast_unsigned(),
            row.try_get::<i64, _>("copies")?.cast_unsigned(),
        ]);
        let counters = &mut world.counters;
        for [alerts, approvals, cards, copies] in used {
            counters.alerts = counters.alerts.max(alerts);
            counters.approvals = counters.approvals.max(approvals);
            counters.cards = counters.cards.max(cards);
            counters.copies = counters.copies.max(copies);
        }
        Ok(())
    }
}
