//! Processes on one database: each says that it lives, and sees who else does.

use sqlx::Row as _;

use super::outbox::Share;
use super::{Result, Store, execute, fetch, sql};

/// The processes on this database, as this one knows them.
#[derive(Clone, Debug)]
pub struct Fellows {
    /// This process.
    pub own: String,
    /// Those that live, this one included, in order.
    pub live: Vec<String>,
    /// The part of the outbox that is ours.
    pub share: Share,
}

impl Default for Fellows {
    fn default() -> Self {
        Self { own: String::new(), live: Vec::new(), share: Share::WHOLE }
    }
}

impl Store {
    /// Says that the process `id` lives. Returns every process that is known, with its beat, in order.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn beat(&self, id: &str) -> Result<Vec<(String, i64)>> {
        let mut tx = self.begin().await?;
        execute!(&mut tx, sql::UPSERT_REPLICA, id);
        tx.commit().await?;
        Ok(fetch!(self, sql::SELECT_REPLICAS, [], |row| (row.try_get("id")?, row.try_get("beat")?)))
    }

    /// Forgets a process, and who waited there.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn forget_replica(&self, id: &str) -> Result<()> {
        let mut tx = self.begin().await?;
        execute!(&mut tx, sql::DELETE_REPLICA, id);
        execute!(&mut tx, sql::DELETE_HOLDS, id);
        tx.commit().await
    }

    /// Says that somebody waits at a place in this process.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn hold(&self, runtime: &str, place: &str) -> Result<()> {
        let mut tx = self.begin().await?;
        execute!(&mut tx, sql::INSERT_HOLD, runtime, place, &self.fellows().own);
        tx.commit().await
    }

    /// Says that nobody waits there any more.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn let_go(&self, runtime: &str, place: &str) -> Result<()> {
        let mut tx = self.begin().await?;
        execute!(&mut tx, sql::DELETE_HOLD, runtime, place, &self.fellows().own);
        tx.commit().await
    }

    /// Whether somebody waits at a place in another process that lives.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn is_held_elsewhere(&self, runtime: &str, place: &str) -> Result<bool> {
        let Fellows { own, live, .. } = self.fellows();
        if self.is_exclusive() {
            return Ok(false);
        }
        let owners = fetch!(self, sql::SELECT_HOLDERS, [runtime, place], |row| row.try_get::<String, _>("owner")?);
        Ok(owners.iter().any(|owner| *owner != own && live.contains(owner)))
    }
}
