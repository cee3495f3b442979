//! The store: the log, what follows from it, and nothing else persistent.
//!
//! One SQL text runs on SQLite and on PostgreSQL (see [`sql`]); identifiers are made in Rust, times are
//! parameters, and no statement reads a clock. Facts are written by the engine's commit alone; a courier
//! only takes leases. On SQLite one process owns the file.

mod address;
mod backup;
mod bell;
mod check;
mod commit;
mod error;
mod file;
mod lease;
mod lists;
mod migrate;
mod models;
mod outbox;
mod partition;
mod parts;
mod passed_over;
mod prune;
mod read;
mod replicas;
mod requests;
mod rollup;
mod sight;
mod snapshot;
pub mod sql;
mod writer;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::SqlitePoolOptions;
use sqlx::{PgPool, Postgres, SqlitePool, Transaction};

use address::is_postgres;
pub use address::{check_url, hide_password, sqlite_path, with_password};
pub use bell::{Bell, Ring};
pub use check::Checked;
pub use commit::{Appended, Entry, Tx, Writes, idempotency_key};
use error::NOT_A_DATABASE;
pub use error::{Error, Result};
pub use file::{beside, check_sqlite, folder_of, own, sqlite_options};
use file::{lock, make_private};
pub use lease::{ENGINE, Lease, Standing};
pub use lists::{Wanted, concerns};
pub use migrate::{migrations, newest};
pub use outbox::{Claimed, ClaimedWork, Listed, Lost, Share, Shut};
pub use parts::parts_of;
pub use prune::{Class as Prunable, KEY_STRETCHES};
pub use read::{ApprovalRow, AuditFilter, FeedRow};
pub use replicas::Fellows;
pub use requests::{Answered, Folded, Waiting};
pub use rollup::Spender;
pub use sight::{LATEST, Sight};
use writer::{Writer, Writing};

/// Connections that read from SQLite; the one that writes is apart.
const SQLITE_READERS: u32 = 4;
/// Files up to this size, in bytes, are looked through at a start after an end in the middle of work: about 1 s.
const CHECKED_AT_ONCE: u64 = 512 * 1024 * 1024;
/// Connections to PostgreSQL.
const POSTGRES_CONNECTIONS: u32 = 8;

/// PostgreSQL's `protocol_violation`, with which `PgBouncer` refuses settings at the start.
const REFUSED_SETTING: &str = "08P01";
/// Bounds how long a process that was stopped in the middle of a transaction keeps others from theirs.
const IDLE: &str = "idle_in_transaction_session_timeout";
/// Begins a transaction where settings cannot be given for a whole connection, and where others have left their
/// prepared statements behind.
pub(crate) const BEGIN_POOLED: &str = "DEALLOCATE ALL; BEGIN; SET LOCAL synchronous_commit = on; SET LOCAL statement_timeout = 30000; \
                            SET LOCAL idle_in_transaction_session_timeout = 10000";

/// Where statements run.
#[derive(Clone)]
pub(crate) enum Pool {
    Sqlite { read: SqlitePool, write: Writer },
    Postgres(PgPool),
}

/// A transaction on either database.
pub(crate) enum AnyTx {
    Sqlite(Writing),
    Postgres(Transaction<'static, Postgres>),
}

/// Runs a statement in a transaction; the number of rows that it touched.
macro_rules! execute {
    ($tx:expr, $sql:expr $(, $bind:expr)* $(,)?) => {
        match $tx {
            $crate::store::AnyTx::Sqlite(tx) => sqlx::query($sql)$(.bind($bind))*.execute(&mut **tx).await?.rows_affected(),
            $crate::store::AnyTx::Postgres(tx) => sqlx::query($sql)$(.bind($bind))*.execute(&mut **tx).await?.rows_affected(),
        }
    };
}

/// Reads rows in a transaction, each mapped by an expression over `row`.
macro_rules! fetch_tx {
    ($tx:expr, $sql:expr, [$($bind:expr),* $(,)?], |$row:ident| $map:expr) => {
        match $tx {
            $crate::store::AnyTx::Sqlite(tx) => {
                let rows = sqlx::query($sql)$(.bind($bind))*.fetch_all(&mut **tx).await?;
                rows.iter().map(|$row| Ok($map)).collect::<$crate::store::Result<Vec<_>>>()?
            }
            $crate::store::AnyTx::Postgres(tx) => {
                let rows = sqlx::query($sql)$(.bind($bind))*.fetch_all(&mut **tx).await?;
                rows.iter().map(|$row| Ok($map)).collect::<$crate::store::Result<Vec<_>>>()?
            }
        }
    };
}

/// Reads rows from what is committed, each mapped by an expression over `row`.
macro_rules! fetch {
    ($store:expr, $sql:expr, [$($bind:expr),* $(,)?], |$row:ident| $map:expr) => {
        match &$store.pool {
            $crate::store::Pool::Sqlite { read, .. } => {
                let rows = sqlx::query($sql)$(.bind($bind))*.fetch_all(read).await?;
                rows.iter().map(|$row| Ok($map)).collect::<$crate::store::Result<Vec<_>>>()?
            }
            $crate::store::Pool::Postgres(pool) => {
                let rows = if $store.pooled {
                    // A statement is prepared and run in two steps, which only a transaction keeps together.
                    let mut tx = pool.begin_with($crate::store::BEGIN_POOLED).await?;
                    let rows = sqlx::query($sql)$(.bind($bind))*.fetch_all(&mut *tx).await?;
                    tx.commit().await?;
                    rows
                } else {
                    sqlx::query($sql)$(.bind($bind))*.fetch_all(pool).await?
                };
                rows.iter().map(|$row| Ok($map)).collect::<$crate::store::Result<Vec<_>>>()?
            }
        }
    };
}

pub(crate) use {execute, fetch, fetch_tx};

/// The store.
#[derive(Clone)]
pub struct Store {
    pub(crate) pool: Pool,
    /// Held as long as the store is open: a second process on the same file is refused.
    lock: Option<std::sync::Arc<File>>,
    path: Option<PathBuf>,
    /// Where the bells of other processes are heard.
    listens: Option<String>,
    /// Behind a pooler that hands out connections for a transaction at a time.
    pooled: bool,
    /// The processes on this database.
    fellows: std::sync::Arc<std::sync::Mutex<Fellows>>,
}

impl Store {
    /// Opens the store to fold and deliver; on SQLite no other process may do so at the same time.
    ///
    /// # Errors
    /// When the address, the file, the linked SQLite or a migration is not right.
    pub async fn open(url: &str) -> Result<Self> {
        Self::open_with(url, None).await
    }

    /// As [`Store::open`]; `direct` is an address of the same PostgreSQL database that leads past its pooler: for
    /// migrations, and to be woken by other processes.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub async fn open_with(url: &str, direct: Option<&str>) -> Result<Self> {
        let store = if let Some(path) = sqlite_path(url) {
            let (lock, clean) = lock(&path)?;
            let store = Self::sqlite(&path, true, Some(lock)).await?;
            store.after(clean).await?;
            store
        } else if is_postgres(url) {
            if let Some(direct) = direct {
                let migrating = Self::postgres(direct, None).await?;
                migrating.migrate().await?;
                migrating.close().await;
                return Self::postgres(url, Some(direct)).await;
            }
            Self::postgres(url, None).await?
        } else {
            return Err(Error::Url(hide_password(url)));
        };
        if store.pooled && !store.is_migrated().await? {
            return Err(Error::Pooled);
        }
        if store.pooled {
            store.check_compatible().await?;
        } else {
            kill_point!("store.migrate.before");
            store.migrate().await?;
            kill_point!("store.migrate.after");
        }
        Ok(store)
    }

    /// After an end in the middle of work the file is looked through, unless that would take long.
    async fn after(&self, clean: bool) -> Result<()> {
        let Some(path) = self.path.as_deref().filter(|_| !clean) else { return Ok(()) };
        let bytes = std::fs::metadata(path).map_or(0, |about| about.len());
        if bytes > CHECKED_AT_ONCE {
            tracing::warn!(bytes, "the last process did not end in order; `sereno db check` says whether all is whole");
            return Ok(());
        }
        self.quick_check().await
    }

    /// Opens the store to read only; another process may be folding.
    ///
    /// # Errors
    /// When the address or the file is not right.
    pub async fn open_reader(url: &str) -> Result<Self> {
        match sqlite_path(url) {
            Some(path) => Self::sqlite(&path, false, None).await,
            None if is_postgres(url) => Self::postgres(url, None).await,
            None => Err(Error::Url(hide_password(url))),
        }
    }

    async fn is_migrated(&self) -> Result<bool> {
        let newest = async {
            Ok::<_, Error>(fetch!(self, sql::NEWEST_MIGRATION, [], |row| sqlx::Row::try_get::<i64, _>(row, "version")?))
        };
        match newest.await {
            Ok(found) => Ok(found.first().copied() >= migrations("postgres").last().map(|(version, ..)| *version)),
            Err(Error::Empty) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn sqlite(path: &Path, create: bool, lock: Option<File>) -> Result<Self> {
        if !create && !path.exists() {
            return Err(Error::Missing(path.to_owned()));
        }
        if create {
            make_private(path)?;
        }
        let options = sqlite_options(path, create);
        let write = Writer::open(&options).await;
        let write = write.map_err(|error| match &error {
            sqlx::Error::Database(said) if said.code().is_some_and(|code| code == NOT_A_DATABASE) => {
                Error::NotDatabase(path.to_owned())
            }
            _ => error.into(),
        })?;
        let read = SqlitePoolOptions::new()
            .max_connections(SQLITE_READERS)
            .connect_with(options.create_if_missing(false))
            .await?;
        let version: String = sqlx::query_scalar("SELECT sqlite_version()").fetch_one(&read).await?;
        check_sqlite(&version)?;
        let lock = lock.map(std::sync::Arc::new);
        Ok(Self {
            pool: Pool::Sqlite { read, write },
            lock,
            path: Some(path.to_owned()),
            listens: None,
            pooled: false,
            fellows: std::sync::Arc::default(),
        })
    }

    /// Connects to `url`. With a `direct` address besides, or when the server turns down settings at the start, the
    /// other side is taken for a pooler that gives us a connection for one transaction at a time.
    async fn postgres(url: &str, direct: Option<&str>) -> Result<Self> {
        let options = PgConnectOptions::from_str(url).map_err(|_| Error::Url(hide_password(url)))?;
        let options = options.application_name("sereno");
        let plain =
            options.clone().options([("synchronous_commit", "on"), ("statement_timeout", "30000"), (IDLE, "10000")]);
        let connected = if direct.is_some() { Ok(None) } else { connect(plain).await.map(Some) };
        let (pool, pooled) = match connected {
            Ok(Some(pool)) => (pool, false),
            Ok(None) => (connect(pooled_options(options)).await?, true),
            Err(sqlx::Error::Database(said)) if said.code().is_some_and(|code| code == REFUSED_SETTING) => {
                (connect(pooled_options(options)).await?, true)
            }
            Err(error) => return Err(error.into()),
        };
        let listens = direct.or((!pooled).then_some(url)).map(str::to_owned);
        Ok(Self {
            pool: Pool::Postgres(pool),
            lock: None,
            path: None,
            listens,
            pooled,
            fellows: std::sync::Arc::default(),
        })
    }

    /// Whether one process owns the whole store.
    pub const fn is_exclusive(&self) -> bool {
        matches!(self.pool, Pool::Sqlite { .. })
    }

    /// Whether no other process is known to live on this database.
    pub fn is_alone(&self) -> bool {
        self.fellows().share == Share::WHOLE
    }

    /// The processes on this database, as this one knows them.
    pub fn fellows(&self) -> Fellows {
        self.fellows.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    /// From now on this is known of them.
    pub fn set_fellows(&self, fellows: Fellows) {
        *self.fellows.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = fellows;
    }

    /// The file behind the store, on SQLite.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// Begins to write.
    ///
    /// # Errors
    /// When the database cannot begin.
    pub(crate) async fn begin(&self) -> Result<AnyTx> {
        Ok(match &self.pool {
            Pool::Sqlite { write, .. } => AnyTx::Sqlite(write.begin().await?),
            Pool::Postgres(pool) if self.pooled => AnyTx::Postgres(pool.begin_with(BEGIN_POOLED).await?),
            Pool::Postgres(pool) => AnyTx::Postgres(pool.begin().await?),
        })
    }

    /// Asks SQLite whether its file is whole.
    ///
    /// # Errors
    /// What it found.
    pub async fn quick_check(&self) -> Result<()> {
        let Pool::Sqlite { read, .. } = &self.pool else { return Ok(()) };
        let found: String = sqlx::query_scalar(sql::QUICK_CHECK).fetch_one(read).await?;
        if found == "ok" { Ok(()) } else { Err(Error::Damaged(found)) }
    }

    /// Closes every connection; on SQLite the WAL is folded back into the file.
    pub async fn close(&self) {
        match &self.pool {
            Pool::Sqlite { read, write } => {
                read.close().await;
                write.close().await;
                if let Some(lock) = &self.lock {
                    // If the word stays, the next start looks through the file once in vain.
                    let _looked_for = lock.set_len(0);
                }
            }
            Pool::Postgres(pool) => pool.close().await,
        }
    }
}

impl AnyTx {
    pub(crate) async fn commit(self) -> Result<()> {
        match self {
            Self::Sqlite(tx) => tx.commit().await,
            Self::Postgres(tx) => Ok(tx.commit().await?),
        }
    }

    pub(crate) async fn roll_back(self) -> Result<()> {
        match self {
            Self::Sqlite(tx) => tx.roll_back().await,
            Self::Postgres(tx) => Ok(tx.rollback().await?),
        }
    }
}

/// Without what a pooler refuses at the start, and without statements that outlive a transaction.
fn pooled_options(options: PgConnectOptions) -> PgConnectOptions {
    options.extra_float_digits(None).statement_cache_capacity(0)
}

async fn connect(options: PgConnectOptions) -> std::result::Result<PgPool, sqlx::Error> {
    let pool = PgPoolOptions::new().max_connections(POSTGRES_CONNECTIONS).acquire_timeout(Duration::from_secs(10));
    pool.connect_with(options).await
}
