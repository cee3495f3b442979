//! The one connection that writes to SQLite, and its transactions.
//!
//! SQLite has one writer at a time, so a pool of one connection would only add journeys to its thread: it asks
//! the connection whether it lives when it is taken and again when it is given back. Who waits here is
//! served in order. A transaction that is dropped, as on a failure, is rolled back before the next one
//! begins; whoever changes their mind ends theirs.

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

/// A transaction on SQLite.
pub(crate) struct Writing(OwnedMutexGuard<Line>);

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
        let was_open = std::mem::replace(&mut line.open, true);
        let connection = line.connection.as_mut().ok_or(sqlx::Error::PoolClosed)?;
        if was_open {
            // SQLite rolls some failures back by itself, and refuses to do it again.
            let _rolled_back_already = sqlx::query("ROLLBACK").execute(&mut *connection).await;
        }
        sqlx::query("BEGIN IMMEDIATE").execute(connection).await?;
        Ok(Writing(line))
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
        self.0.open = false;
        Ok(())
    }
}

impl Deref for Writing {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        self.0.connection.as_ref().expect("it is only taken away under the same lock")
    }
}

impl DerefMut for Writing {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        self.0.connection.as_mut().expect("it is only taken away under the same lock")
    }
}
