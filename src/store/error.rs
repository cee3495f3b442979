//! What a store says when it cannot, and what that means: whether the disk is full, whether the file is damaged.

use std::path::PathBuf;

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
    /// The file is where locks and syncs do not hold.
    #[error(
        "{path} is on {kind}, a network file system, where locks and syncs cannot be relied on; put it on a local disk, or use PostgreSQL"
    )]
    Network {
        /// The file.
        path: PathBuf,
        /// What kind of file system it is.
        kind: &'static str,
    },
    /// The schema was changed by a newer version, in a way that this one cannot work with.
    #[error(
        "the store was changed by a newer sereno: it needs schema {needs}, and this version knows {knows}; install the newer version, or restore the copy that it made before"
    )]
    TooNew {
        /// What the store needs.
        needs: i64,
        /// What we know.
        knows: i64,
    },
    /// The World cannot be rebuilt.
    #[error(
        "there is no snapshot that this version can read, and the log begins only at {0}; start the version that wrote it, or restore a backup"
    )]
    Cut(i64),
    /// A copy is not to be relied on.
    #[error("the copy's audit is broken: {0}")]
    Audit(String),
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
    /// The fold breaks whatever is left out.
    #[error("the fold breaks: {0}")]
    Fold(String),
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
            sqlx::Error::Database(said) if said.code().is_some_and(|code| code == NOT_A_DATABASE) => {
                Self::Damaged("its file is no database any more; restore a backup".into())
            }
            sqlx::Error::Database(said) if said.code().is_some_and(|code| code == UNDEFINED_TABLE) => Self::Empty,
            _ => Self::Sql(error),
        }
    }
}

impl Error {
    /// Whether the disk is full.
    pub fn is_full(&self) -> bool {
        let Self::Sql(sqlx::Error::Database(said)) = self else { return false };
        said.code().is_some_and(|code| code == FULL)
    }

    /// Whether the store is damaged, so that nothing may be written to it any more. A file that never was a store is not.
    pub const fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged(_))
    }
}

/// Whether this is SQLite's `SQLITE_CORRUPT`, or one of its kinds; PostgreSQL's codes are longer.
fn is_corrupt(code: &str) -> bool {
    code.len() < 5 && code.parse().is_ok_and(|code: u32| code & 0xff == 11)
}

/// PostgreSQL's `undefined_table`.
const UNDEFINED_TABLE: &str = "42P01";
/// SQLite's `SQLITE_FULL`.
const FULL: &str = "13";
/// SQLite's `SQLITE_NOTADB`.
pub(super) const NOT_A_DATABASE: &str = "26";

/// A result of the store.
pub type Result<T> = std::result::Result<T, Error>;
