//! Where a store is: `sqlite://FILE` or `postgres://…`, never shown with its password.

use std::path::PathBuf;
use std::str::FromStr as _;

use sqlx::postgres::PgConnectOptions;

use super::{Error, Result};

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

/// Whether this is an address of PostgreSQL.
pub(super) fn is_postgres(url: &str) -> bool {
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
