//! Migrations: one folder per database, mirrored names, additive.

use std::borrow::Cow;
use std::path::Path;

use include_dir::{Dir, include_dir};
use sqlx::migrate::{Migration, MigrationType, Migrator};

use super::{Error, Pool, Result, Store, beside};

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

/// The versions that were applied; the table is the migrator's.
const APPLIED: &str = "SELECT version FROM _sqlx_migrations ORDER BY version";

/// The newest version of the schema that this program knows.
pub fn newest() -> i64 {
    migrations("sqlite").last().map_or(0, |(version, ..)| *version)
}

impl Store {
    /// Brings the schema up to date. A newer schema that says that this version can still work with it is left as
    /// it is: that is how replicas are replaced one by one, and how a new version is taken back.
    pub(super) async fn migrate(&self) -> Result<()> {
        let have = self.versions().await?;
        if !have.is_empty() {
            self.check_compatible().await?;
            let missing = migrations("sqlite").into_iter().find(|(version, ..)| !have.contains(version));
            if let (Some((version, ..)), Some(path)) = (missing, self.path()) {
                self.back_up_before(path, version).await?;
            }
        }
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
        let mut migrator = Migrator::with_migrations(steps.collect());
        migrator.set_ignore_missing(true);
        match &self.pool {
            Pool::Sqlite { write, .. } => migrator.run(&mut *write.plain().await?).await,
            Pool::Postgres(pool) => migrator.run(pool).await,
        }
        .map_err(Error::from)
    }

    /// The versions that were applied; none in an empty database.
    async fn versions(&self) -> Result<Vec<i64>> {
        let there = match &self.pool {
            Pool::Sqlite { read, .. } => {
                sqlx::query_scalar::<_, i64>("SELECT COUNT(*) FROM sqlite_schema WHERE name = '_sqlx_migrations'")
                    .fetch_one(read)
                    .await?
            }
            Pool::Postgres(pool) => sqlx::query_scalar(
                "SELECT COUNT(*) FROM pg_tables WHERE tablename = '_sqlx_migrations' AND schemaname = CURRENT_SCHEMA",
            )
            .fetch_one(pool)
            .await?,
        };
        if there == 0 {
            return Ok(Vec::new());
        }
        Ok(match &self.pool {
            Pool::Sqlite { read, .. } => sqlx::query_scalar(APPLIED).fetch_all(read).await?,
            Pool::Postgres(pool) => sqlx::query_scalar(APPLIED).fetch_all(pool).await?,
        })
    }

    /// A migration that older versions cannot work with says so in `schema_min_compat`.
    pub(super) async fn check_compatible(&self) -> Result<()> {
        let needs = self.meta("schema_min_compat").await?.and_then(|text| text.parse().ok()).unwrap_or(0);
        if needs > newest() { Err(Error::TooNew { needs, knows: newest() }) } else { Ok(()) }
    }

    async fn back_up_before(&self, path: &Path, version: i64) -> Result<()> {
        let to = beside(path, &format!(".before-{version:04}"));
        if to.exists() {
            return Ok(());
        }
        tracing::info!(to = %to.display(), "the store is copied before its schema changes");
        self.verified_copy(&to).await.map(drop)
    }
}
