//! The file of a SQLite store: how it is opened, and whose it is.
//!
//! One process owns it, by a lock beside it, in which that process leaves a word while it is at work: whoever finds
//! the word looks first whether the file is whole. Nobody but its owner may read it.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};

use super::{Error, Result};
use crate::disk;

/// SQLite before this version can corrupt a WAL that is reset under load (fixed 2026-03-13).
const SQLITE_AT_LEAST: (u32, u32, u32) = (3, 51, 3);

/// The name of a file that lies beside another: that one's, with `suffix`.
pub fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// The folder in which a file is.
pub fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes an empty file for a database, if there is none, that nobody but its owner may read. SQLite gives what it
/// lays beside it the same mode.
pub(super) fn make_private(path: &Path) -> Result<()> {
    let made = File::options().write(true).create_new(true).mode(0o600).open(path);
    match made {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(Error::File { path: path.to_owned(), error }),
        _ => Ok(()),
    }
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

/// Takes a file for oneself without opening it, as long as the value lives.
///
/// # Errors
/// When another process has it.
pub fn own(path: &Path) -> Result<File> {
    let (lock, clean) = lock(path)?;
    if clean {
        // Nothing is at work on it.
        let _looked_for = lock.set_len(0);
    }
    Ok(lock)
}

/// Takes the lock of a file, and says whether its last holder had given it up in order.
pub(super) fn lock(path: &Path) -> Result<(File, bool)> {
    let lock = beside(path, ".lock");
    let failed = |error| Error::File { path: lock.clone(), error };
    if let Some(kind) = disk::network_file_system(folder_of(path)) {
        return Err(Error::Network { path: path.to_owned(), kind });
    }
    let mut options = File::options();
    let mut file =
        options.read(true).write(true).create(true).truncate(false).mode(0o600).open(&lock).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {
            let clean = file.metadata().map_err(failed)?.len() == 0;
            // A disk that is full shall not keep the bot from starting: then only the check is missed.
            let _noted = file.write_all(b"at work\n");
            Ok((file, clean))
        }
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
