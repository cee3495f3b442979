//! A store of its own for each test: a SQLite file in a folder of its own, or a PostgreSQL database.
//!
//! Both are gone when the value is dropped, also after a failure. A missing server is a failure, never a
//! reason to skip. It knows nothing of what is stored.

use std::collections::BTreeMap;

use sereno::clock::{SystemEntropy, random_hex};
use sereno::store::Store;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};

/// An empty database.
pub struct Database {
    url: String,
    /// Goes with the value.
    _folder: Option<tempfile::TempDir>,
    /// Address of the maintenance database, and the name of this one.
    server: Option<(String, String)>,
}

/// Runs an `async fn NAME(db: Database)` as a test on both databases.
macro_rules! on_both {
    ($($name:ident),* $(,)?) => {$(
        mod $name {
            #[tokio::test]
            async fn sqlite() {
                super::$name($crate::database::sqlite().await).await;
            }

            #[tokio::test]
            async fn postgres() {
                super::$name($crate::database::postgres().await).await;
            }
        }
    )*};
}

pub(crate) use on_both;

/// A SQLite file that is not there yet, in a folder of its own.
pub async fn sqlite() -> Database {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("sereno.db").display());
    Database { url, _folder: Some(folder), server: None }
}

/// A new database on the PostgreSQL server of the tests.
pub async fn postgres() -> Database {
    let maintenance = maintenance();
    let name = format!("sereno_{}", random_hex(&SystemEntropy, 8));
    execute(&maintenance, &format!("CREATE DATABASE {name}")).await;
    let mut url: reqwest::Url = maintenance.parse().expect("SERENO_TEST_POSTGRES is an address");
    url.set_path(&name);
    Database { url: url.to_string(), _folder: None, server: Some((maintenance, name)) }
}

impl Database {
    /// Its address, as `store.url` takes it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Opens it to fold.
    pub async fn open(&self) -> Store {
        Store::open(&self.url).await.unwrap()
    }

    /// Runs statements behind the back of whoever has it open.
    pub async fn execute(&self, statements: &str) {
        execute(&self.url, statements).await;
    }

    /// The first column of a query, as texts.
    pub async fn texts(&self, query: &str) -> Vec<String> {
        let sql = AssertSqlSafe(query.to_owned());
        if self.server.is_some() {
            let mut connection = PgConnection::connect(&self.url).await.unwrap();
            sqlx::query_scalar(sql).fetch_all(&mut connection).await.unwrap()
        } else {
            let mut connection = SqliteConnection::connect(&self.url).await.unwrap();
            sqlx::query_scalar(sql).fetch_all(&mut connection).await.unwrap()
        }
    }

    /// Every table with its rows as text, those of the migrator too.
    pub async fn dump(&self) -> BTreeMap<String, Vec<String>> {
        let tables = if self.server.is_some() {
            "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'"
        } else {
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
        };
        let mut dump = BTreeMap::new();
        for table in self.texts(tables).await {
            let query = if self.server.is_some() {
                format!("SELECT t::text FROM \"{table}\" t ORDER BY 1")
            } else {
                let columns = self.texts(&format!("SELECT name FROM pragma_table_info('{table}')")).await;
                let quoted: Vec<String> = columns.iter().map(|name| format!("quote(\"{name}\")")).collect();
                format!("SELECT {} FROM \"{table}\" ORDER BY 1", quoted.join(" || ',' || "))
            };
            let rows = self.texts(&query).await;
            dump.insert(table, rows);
        }
        dump
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let Some((maintenance, name)) = &self.server else { return };
        let (maintenance, statement) = (maintenance.clone(), format!("DROP DATABASE {name} WITH (FORCE)"));
        // A test may be dropped in the middle of its own executor, so this one has a thread for itself.
        let dropped = std::thread::spawn(move || {
            let executor = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            executor.block_on(execute(&maintenance, &statement));
        });
        // Whoever drops may be failing already: a database that stays is no second failure.
        let _dropped = dropped.join();
    }
}

/// Runs statements on whatever an address names.
pub async fn execute(url: &str, statements: &str) {
    let sql = AssertSqlSafe(statements.to_owned());
    if url.starts_with("postgres") {
        let mut connection = PgConnection::connect(url).await.unwrap();
        sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
    } else {
        let mut connection = SqliteConnection::connect(url).await.unwrap();
        sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
    }
}

#[expect(clippy::disallowed_methods, reason = "tests/run says where its PostgreSQL is")]
fn maintenance() -> String {
    std::env::var("SERENO_TEST_POSTGRES").expect("SERENO_TEST_POSTGRES is not set: run ./tests/run")
}
