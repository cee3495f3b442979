//! Migrations: one folder per database, mirrored names, additive.

use std::borrow::Cow;

use include_dir::{Dir, include_dir};
use sqlx::migrate::{Migration, MigrationType, Migrator};

use super::{Error, Pool, Result, Store};

static FILES: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/migrations");

/// The migrations of a database, `sqlite` or `postgres`, as (version, name, SQL), in order.
pub fn migrations(database: &str) -> Vec<(i64, &'static str, &'static str)> {
    let files = FILES.get_dir(database).into_iter().flat_map(Dir::files);
    let mut found: Vec<_> = files
        .filter_map(|file| {
            let name = file.path().file_stem()?.to_str()?;
            let (version, _) = name.split_once('_')?;
            Some((version.parse().ok()?, name, file.contents_utf8()?))
        })
        .collect();
    found.sort_unstable();
    found
}

impl Store {
    pub(super) async fn migrate(&self) -> Result<()> {
        let database = if self.is_exclusive() { "sqlite" } else { "postgres" };
        let steps = migrations(database).into_iter().map(|(version, name, sql)| {
            Migration::new(
                version,
                Cow::Borrowed(name),
                MigrationType::Simple,
                sqlx::SqlSafeStr::into_sql_str(sql),
                false,
            )
        });
        let migrator = Migrator::with_migrations(steps.collect());
        match &self.pool {
            Pool::Sqlite { write, .. } => migrator.run(&mut *write.plain().await?).await,
            Pool::Postgres(pool) => migrator.run(pool).await,
        }
        .map_err(Error::from)
    }
}
