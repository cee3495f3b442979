//! Every statement is understood by both databases, with the types that are bound.

use sereno::store::sql;
use sqlx::{
    Connection as _, Either, Executor as _, PgConnection, SqlSafeStr as _, SqliteConnection, Statement as _,
    TypeInfo as _,
};

use crate::database;

/// Numbers of rows that one statement takes.
const ROWS: [usize; 4] = [1, 2, 64, 512];

fn statements(text: impl Fn(&sql::Batch, usize) -> &'static str) -> Vec<&'static str> {
    let batches = sql::batches().into_iter();
    let batches = batches.flat_map(|batch| ROWS.map(|rows| text(batch, rows)));
    sql::ALL.iter().copied().chain(batches).collect()
}

#[tokio::test]
async fn sqlite_prepares_every_statement() {
    let db = database::sqlite().await;
    db.open().await.close().await;
    let mut connection = SqliteConnection::connect(db.url()).await.unwrap();
    for text in statements(sql::Batch::sqlite).into_iter().chain([sql::VACUUM_INTO, sql::QUICK_CHECK]) {
        let prepared = (&mut connection).prepare(text.into_sql_str()).await;
        assert!(prepared.is_ok(), "{text}\n{:?}", prepared.err());
    }
}

#[tokio::test]
async fn postgres_prepares_every_statement_with_the_types_that_are_bound() {
    let db = database::postgres().await;
    db.open().await.close().await;
    let mut connection = PgConnection::connect(db.url()).await.unwrap();
    for text in statements(sql::Batch::postgres) {
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
        for rows in ROWS {
            let text = batch.postgres(rows);
            assert!(text.contains(&format!("${})", rows * batch.columns)), "{text}");
            assert!(!text.contains(&format!("${}", rows * batch.columns + 1)), "{text}");
            assert_eq!(batch.sqlite(rows).matches('?').count(), rows * batch.columns);
        }
    }
}

#[test]
fn any_number_of_rows_takes_few_statements() {
    for rows in 1..=2000 {
        let mut shares = Vec::new();
        let mut left = rows;
        while left > 0 {
            shares.push(sql::share(left));
            left -= sql::share(left);
        }
        assert!(shares.len() <= rows / 512 + 2, "{rows}: {shares:?}");
        assert_eq!(shares.iter().sum::<usize>(), rows);
    }
}
