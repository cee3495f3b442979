//! Copies of a SQLite store: taken while it is in use, and worth nothing until they were looked through.

use std::path::Path;

use super::{Error, Pool, Result, Store, beside, make_private, sql};
use crate::core::audit::ChainHead;

impl Store {
    /// Copies a SQLite store to a new file, consistently, while it is in use.
    ///
    /// # Errors
    /// When the store is no SQLite file, or the copy cannot be written.
    pub async fn copy_to(&self, to: &Path) -> Result<()> {
        let Pool::Sqlite { read, .. } = &self.pool else {
            return Err(Error::NotSqlite);
        };
        make_private(to)?;
        kill_point!("backup.copy.before");
        sqlx::query(sql::VACUUM_INTO).bind(to.display().to_string()).execute(read).await?;
        kill_point!("backup.copy.after");
        Ok(())
    }

    /// Copies a SQLite store to a new file and looks the copy through. Returns the end of its audit.
    ///
    /// # Errors
    /// As [`Store::copy_to`], or what is wrong with the copy; no bad copy is left behind.
    pub async fn verified_copy(&self, to: &Path) -> Result<ChainHead> {
        let copied = async {
            self.copy_to(to).await?;
            let copy = Self::open_reader(&format!("sqlite://{}", to.display())).await?;
            let found = copy.looked_through().await;
            copy.close().await;
            let head = found?;
            // The copy outlives a crash of the machine, or it is none.
            let synced = std::fs::File::open(to).and_then(|file| file.sync_all());
            synced.map_err(|error| Error::File { path: to.to_owned(), error })?;
            Ok(head)
        };
        let copied = copied.await;
        for suffix in ["-wal", "-shm"] {
            // A reader leaves them behind only when they are empty.
            let _gone = std::fs::remove_file(beside(to, suffix));
        }
        if copied.is_err() {
            let _gone = std::fs::remove_file(to);
        }
        copied
    }

    /// Whether the file and its audit are whole. Returns the end of the audit.
    ///
    /// # Errors
    /// What is wrong.
    pub async fn looked_through(&self) -> Result<ChainHead> {
        self.quick_check().await?;
        self.verify_audit().await?.map_err(Error::Audit)
    }

    /// Sets the epoch in which buttons are made: those of earlier ones are dead.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn set_epoch(&self, epoch: u64) -> Result<()> {
        let mut tx = self.begin().await?;
        super::execute!(&mut tx, sql::UPSERT_META, "epoch", epoch.to_string());
        tx.commit().await
    }
}
