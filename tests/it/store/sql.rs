//! Every statement is understood by both databases, with the types that are bound.

use sereno::store::sql;
use sqlx::{
    Connection as _, Either, Executor as _, PgConnection, SqlSafeStr as _, SqliteConnection, Statement as _,
    TypeInfo as _,
};

use crate::database;

fn statements() -> Vec<&'static str> {
    let batches = sql::batches().into_iter().flat_map(sql::Batch::texts);
    sql::ALL.iter().copied().chain(batches).collect()
}

#[tokio::test]
async fn sqlite_prepares_every_statement() {
    let db = database::sqlite().await;
    db.open().await.close().await;
    let mut connection = SqliteConnection::connect(db.url()).await.unwrap();
    for text in statements().into_iter().chain([sql::VACUUM_INTO, sql::QUICK_CHECK]) {
        let prepared = (&mut connection).prepare(text.into_sql_str()).await;
        assert!(prepared.is_ok(), "{text}\n{:?}", prepared.err());
    }
}

#[tokio::test]
async fn postgres_prepares_every_statement_with_the_types_that_are_bound() {
    let db = database::postgres().await;
    db.open().await.close().await;
    let mut connection = PgConnection::connect(db.url()).await.unwrap();
    for text in statements() {
        let prepared = (&mut connection).prepare(text.into_sql_str()).await;
        let prepared = prepared.unwrap_or_else(|error| panic!("{text}\n{error}"));
        let Some(Either::Left(types)) = prepared.parameters() else { panic!("no types for {text}") };
        for kind in types {
            // Rust binds i64, text and bytes, and PostgreSQL converts none of them.
            assert!(["INT8", "TEXT", "BYTEA"].contains(&kind.name()), "{}: {text}", kind.name());
        }
    }
}

#[test]
fn a_batch_binds_every_column_of_every_row() {
    for batch in sql::batches() {
        for size in sql::SIZES {
            let text = batch.text(size);
            assert!(text.contains(&format!("${})", size * batch.columns)), "{text}");
            assert!(!text.contains(&format!("${}", size * batch.columns + 1)), "{text}");
        }
    }
}
