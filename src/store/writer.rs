//! The one connection that writes to SQLite, and its transactions.
//!
//! SQLite has one writer at a time, so a pool of one connection would only add journeys to its thread: it asks
//! the connection whether it lives when it is taken and again when it is given back. Who waits here is
//! served in order. A transaction that is dropped, as on a failure, is rolled back at once.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::Result;

/// The connection, shared by everything that writes.
#[derive(Clone)]
pub(crate) struct Writer(Arc<Mutex<Line>>);

struct Line {
    /// `None` once the store is closed.
    connection: Option<SqliteConnection>,
    /// A transaction may be open on it.
    open: bool,
}

/// A transaction on SQLite. The line is there until it is dropped.
pub(crate) struct Writing(Option<OwnedMutexGuard<Line>>);

impl Writer {
    /// Opens the connection.
    pub async fn open(options: &SqliteConnectOptions) -> std::result::Result<Self, sqlx::Error> {
        let connection = Some(options.connect().await?);
        Ok(Self(Arc::new(Mutex::new(Line { connection, open: false }))))
    }

    /// Begins a transaction that may write.
    ///
    /// # Errors
    /// When the database refuses, or the store is closed.
    pub async fn begin(&self) -> Result<Writing> {
        let mut line = self.0.clone().lock_owned().await;
        line.roll_back().await;
        if line.connection.is_none() {
            return Err(sqlx::Error::PoolClosed.into());
        }
        line.open = true;
        let mut writing = Writing(Some(line));
        sqlx::query("BEGIN IMMEDIATE").execute(&mut *writing).await?;
        Ok(writing)
    }

    /// The connection outside a transaction.
    ///
    /// # Errors
    /// When the database refuses, or the store is closed.
    pub async fn plain(&self) -> Result<Writing> {
        let mut writing = self.begin().await?;
        writing.end("ROLLBACK").await?;
        Ok(writing)
    }

    /// Closes the connection; the WAL is folded back into the file.
    pub async fn close(&self) {
        let connection = self.0.lock().await.connection.take();
        if let Some(connection) = connection
            && let Err(error) = connection.close().await
        {
            tracing::warn!(%error, "the store was not closed cleanly");
        }
    }
}

impl Line {
    /// Ends a transaction that somebody has left open.
    async fn roll_back(&mut self) {
        if let Some(connection) = self.connection.as_mut().filter(|_| self.open) {
            // SQLite rolls some failures back by itself, and refuses to do it again.
            let _rolled_back_already = sqlx::query("ROLLBACK").execute(connection).await;
            self.open = false;
        }
    }
}

impl Writing {
    /// Commits.
    ///
    /// # Errors
    /// When the database refuses; nothing is written then.
    pub async fn commit(mut self) -> Result<()> {
        self.end("COMMIT").await
    }

    /// Gives up what was written.
    ///
    /// # Errors
    /// When the database refuses; it is tried again before the next transaction.
    pub async fn roll_back(mut self) -> Result<()> {
        self.end("ROLLBACK").await
    }

    async fn end(&mut self, word: &'static str) -> Result<()> {
        sqlx::query(word).execute(&mut **self).await?;
        if let Some(line) = &mut self.0 {
            line.open = false;
        }
        Ok(())
    }
}

impl Drop for Writing {
    /// Other programs wait for the lock on the file: what was given up ends now, not when somebody writes next.
    fn drop(&mut self) {
        let Some(mut line) = self.0.take().filter(|line| line.open) else { return };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { line.roll_back().await });
        }
    }
}

impl Deref for Writing {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        let line = self.0.as_ref().expect("it is there until the drop");
        line.connection.as_ref().expect("it is only taken away under the same lock")
    }
}

impl DerefMut for Writing {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        let line = self.0.as_mut().expect("it is there until the drop");
        line.connection.as_mut().expect("it is only taken away under the same lock")
    }
}
