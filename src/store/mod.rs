//! The store: the log, what follows from it, and nothing else persistent.
//!
//! One SQL text runs on SQLite and on PostgreSQL (see [`sql`]); identifiers are made in Rust, times are
//! parameters, and no statement reads a clock. Facts are written by the engine's commit alone; a courier
//! only takes leases. On SQLite one process owns the file, by a lock beside it.

mod bell;
mod commit;
mod lease;
mod migrate;
mod outbox;
mod read;
mod replicas;
mod requests;
mod snapshot;
pub mod sql;
mod writer;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{PgPool, Postgres, SqlitePool, Transaction};

pub use bell::{Bell, Ring};
pub use commit::{Appended, Entry, Tx, Writes, idempotency_key};
pub use lease::{ENGINE, Lease, Standing};
pub use migrate::migrations;
pub use outbox::{Claimed, ClaimedWork, Listed, Lost, Share, Shut};
pub use read::{ApprovalRow, AuditFilter, FeedRow};
pub use replicas::Fellows;
pub use requests::{Answered, Folded, Waiting};
use writer::{Writer, Writing};

/// SQLite before this version can corrupt a WAL that is reset under load (fixed 2026-03-13).
const SQLITE_AT_LEAST: (u32, u32, u32) = (3, 51, 3);
/// Connections that read from SQLite; the one that writes is apart.
const SQLITE_READERS: u32 = 4;
/// Connections to PostgreSQL.
const POSTGRES_CONNECTIONS: u32 = 8;

/// What can go wrong with the store.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address cannot be used.
    #[error("store.url `{0}` is not usable: write sqlite://FILE or postgres://USER@HOST/DATABASE")]
    Url(String),
    /// Another process owns the file.
    #[error("another sereno is running on {0}; stop it first, or give this one a store of its own")]
    Owned(PathBuf),
    /// The bundled SQLite is not the one that was meant.
    #[error("SQLite {found} was linked, but {wanted} is needed: older ones can corrupt the log")]
    OldSqlite {
        /// What was linked.
        found: String,
        /// What is needed.
        wanted: String,
    },
    /// The file cannot be opened or locked.
    #[error("{path}: {error}")]
    File {
        /// Which file.
        path: PathBuf,
        /// What happened.
        error: std::io::Error,
    },
    /// There is nothing to read.
    #[error("{0}: there is no store yet; `sereno serve` makes it")]
    Missing(PathBuf),
    /// There is nothing to read in the database.
    #[error("there is no store in this database yet; `sereno serve` makes it")]
    Empty,
    /// The file is something else.
    #[error("{0}: this is no SQLite database")]
    NotDatabase(PathBuf),
    /// SQLite says that its file is damaged.
    #[error("the store is damaged: {0}")]
    Damaged(String),
    /// This is done otherwise on PostgreSQL.
    #[error("this is for SQLite; a PostgreSQL database is copied with pg_dump")]
    NotSqlite,
    /// Somebody else folds the log now.
    #[error("the engine lease was lost to another process")]
    LeaseLost,
    /// A migration needs a connection of its own.
    #[error("the store must be migrated, which cannot be done through a pooler: set store.direct_url")]
    Pooled,
    /// Somebody gave up waiting for what was just being folded.
    #[error("a request was taken back while it was folded")]
    Withdrawn,
    /// The database said no.
    #[error("database: {0}")]
    Sql(sqlx::Error),
    /// A migration failed.
    #[error("migration: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// What was stored cannot be read.
    #[error("stored data cannot be read: {0}")]
    Json(#[from] serde_json::Error),
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(said) if said.code().is_some_and(|code| is_corrupt(&code)) => {
                Self::Damaged(format!("{}; restore a backup", said.message()))
            }
            sqlx::Error::Database(said) if said.code().is_some_and(|code| code == UNDEFINED_TABLE) => Self::Empty,
            _ => Self::Sql(error),
        }
    }
}

/// Whether this is SQLite's `SQLITE_CORRUPT`, or one of its kinds; PostgreSQL's codes are longer.
fn is_corrupt(code: &str) -> bool {
    code.len() < 5 && code.parse().is_ok_and(|code: u32| code & 0xff == 11)
}

/// PostgreSQL's `undefined_table`.
const UNDEFINED_TABLE: &str = "42P01";

/// PostgreSQL's `protocol_violation`, with which `PgBouncer` refuses settings at the start.
const REFUSED_SETTING: &str = "08P01";
/// Bounds how long a process that was stopped in the middle of a transaction keeps others from theirs.
const IDLE: &str = "idle_in_transaction_session_timeout";
/// Begins a transaction where settings cannot be given for a whole connection, and where others have left their
/// prepared statements behind.
pub(crate) const BEGIN_POOLED: &str = "DEALLOCATE ALL; BEGIN; SET LOCAL synchronous_commit = on; SET LOCAL statement_timeout = 30000; \
                            SET LOCAL idle_in_transaction_session_timeout = 10000";

/// SQLite's `SQLITE_NOTADB`.
const NOT_A_DATABASE: &str = "26";

/// A result of the store.
pub type Result<T> = std::result::Result<T, Error>;

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
    _lock: Option<std::sync::Arc<File>>,
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
            let lock = lock(&path)?;
            Self::sqlite(&path, true, Some(lock)).await?
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
        if !store.pooled {
            kill_point!("store.migrate.before");
            store.migrate().await?;
            kill_point!("store.migrate.after");
        }
        Ok(store)
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
            Ok(found) => Ok(found.first().copied() == migrations("postgres").last().map(|(version, ..)| *version)),
            Err(Error::Empty) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn sqlite(path: &Path, create: bool, lock: Option<File>) -> Result<Self> {
        if !create && !path.exists() {
            return Err(Error::Missing(path.to_owned()));
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
            _lock: lock,
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
            _lock: None,
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

    /// Copies a SQLite store to a new file, consistently, while it is in use.
    ///
    /// # Errors
    /// When the store is no SQLite file, or the copy cannot be written.
    pub async fn copy_to(&self, to: &Path) -> Result<()> {
        let Pool::Sqlite { read, .. } = &self.pool else {
            return Err(Error::NotSqlite);
        };
        kill_point!("backup.copy.before");
        sqlx::query(sql::VACUUM_INTO).bind(to.display().to_string()).execute(read).await?;
        kill_point!("backup.copy.after");
        Ok(())
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

/// The file of a `sqlite:` address.
pub fn sqlite_path(url: &str) -> Option<PathBuf> {
    let rest = url.strip_prefix("sqlite:")?;
    let path = rest.strip_prefix("//").unwrap_or(rest);
    (!path.is_empty()).then(|| PathBuf::from(path))
}

/// Checks that an address is one that can be opened, without opening it.
///
/// # Errors
/// [`Error::Url`], without a password.
pub fn check_url(url: &str) -> Result<()> {
    let fits = match sqlite_path(url) {
        Some(_) => true,
        None => is_postgres(url) && PgConnectOptions::from_str(url).is_ok(),
    };
    if fits { Ok(()) } else { Err(Error::Url(hide_password(url))) }
}

/// How a SQLite file is opened.
pub fn sqlite_options(path: &Path, create: bool) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(create)
        .journal_mode(SqliteJournalMode::Wal)
        // A 2xx promises that the event is on stable storage: never less than FULL.
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(5))
        .statement_cache_capacity(256)
        .pragma("trusted_schema", "OFF")
        .pragma("cell_size_check", "ON")
        .pragma("mmap_size", "0")
        .pragma("journal_size_limit", "67108864")
}

/// A PostgreSQL address with this password.
///
/// # Errors
/// [`Error::Url`], without a password.
pub fn with_password(url: &str, password: &str) -> Result<String> {
    let refused = || Error::Url(hide_password(url));
    let mut whole = reqwest::Url::parse(url).map_err(|_| refused())?;
    whole.set_password(Some(password)).map_err(|()| refused())?;
    Ok(whole.into())
}

/// Without what a pooler refuses at the start, and without statements that outlive a transaction.
fn pooled_options(options: PgConnectOptions) -> PgConnectOptions {
    options.extra_float_digits(None).statement_cache_capacity(0)
}

async fn connect(options: PgConnectOptions) -> std::result::Result<PgPool, sqlx::Error> {
    let pool = PgPoolOptions::new().max_connections(POSTGRES_CONNECTIONS).acquire_timeout(Duration::from_secs(10));
    pool.connect_with(options).await
}

fn is_postgres(url: &str) -> bool {
    url.starts_with("postgres://") || url.starts_with("postgresql://")
}

/// The address without a password, for messages.
pub fn hide_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    // PostgreSQL also takes a password there.
    let (rest, query) = rest.split_once('?').map_or((rest, ""), |(rest, _)| (rest, "?…"));
    match rest.rsplit_once('@') {
        Some((user, host)) => {
            let user = user.split(':').next().unwrap_or(user);
            format!("{scheme}://{user}@{host}{query}")
        }
        None => format!("{scheme}://{rest}{query}"),
    }
}

fn lock(path: &Path) -> Result<File> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let lock = PathBuf::from(name);
    let failed = |error| Error::File { path: lock.clone(), error };
    let file = File::create(&lock).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(Error::Owned(path.to_owned())),
        Err(std::fs::TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// Refuses a SQLite that can corrupt the log.
///
/// # Errors
/// [`Error::OldSqlite`].
pub fn check_sqlite(version: &str) -> Result<()> {
    let mut parts = version.split('.').map(|part| part.parse().unwrap_or(0));
    let mut next = || parts.next().unwrap_or(0);
    let found = (next(), next(), next());
    if found >= SQLITE_AT_LEAST {
        return Ok(());
    }
    let (major, minor, patch) = SQLITE_AT_LEAST;
    Err(Error::OldSqlite { found: version.to_owned(), wanted: format!("{major}.{minor}.{patch}") })
}
