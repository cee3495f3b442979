//! Migrations: mirrored, additive, and harmless to what is stored already.
//!
//! What they make is read from the catalogues of the real databases, never from their text.

use std::collections::BTreeMap;

use sereno::store::migrations;
use sqlx::{Connection as _, PgConnection, Row as _, SqliteConnection};

use super::night::{Folding, clock, night};
use crate::database::{self, Database, on_both};

on_both!(migrating_a_full_store_again_loses_nothing, a_store_of_a_newer_version_is_refused);

/// A table: its columns with type, nullability and place in the primary key, and its indexes.
#[derive(Debug, Default, PartialEq, Eq)]
struct Table {
    columns: Vec<(String, String, bool, i64)>,
    indexes: BTreeMap<String, Index>,
}

/// Columns in order, whether it is unique, and whether it covers only some rows.
#[derive(Debug, PartialEq, Eq)]
struct Index {
    columns: Vec<String>,
    unique: bool,
    partial: bool,
}

#[test]
fn both_databases_have_the_same_migrations() {
    let names = |database| migrations(database).into_iter().map(|(n, name, _)| (n, name)).collect::<Vec<_>>();
    assert!(!names("sqlite").is_empty());
    assert_eq!(names("sqlite"), names("postgres"));
    let in_order: Vec<i64> = names("sqlite").into_iter().map(|(version, _)| version).collect();
    assert_eq!(in_order[0], 1);
    assert!(in_order.is_sorted_by(|a, b| a < b), "{in_order:?}");
}

#[tokio::test]
async fn both_databases_have_the_same_tables_columns_and_indexes() {
    let (left, right) = (database::sqlite().await, database::postgres().await);
    left.open().await.close().await;
    right.open().await.close().await;
    let (left, right) = (sqlite_catalogue(&left).await, postgres_catalogue(&right).await);
    assert!(left.len() > 10, "{left:?}");
    assert_eq!(left.keys().collect::<Vec<_>>(), right.keys().collect::<Vec<_>>());
    for (name, table) in &left {
        assert_eq!(table, &right[name], "table {name}: SQLite and PostgreSQL");
    }
}

async fn migrating_a_full_store_again_loses_nothing(db: Database) {
    let store = db.open().await;
    store.meta_or("epoch", "1").await.unwrap();
    let engine = Folding::start(&store, clock()).await;
    engine.play(&night().log).await;
    engine.deliver(&store).await;
    engine.stop().await;
    store.close().await;
    drop(store);
    let before = db.dump().await;
    // Where several processes meet: the night knows one. No channel has failed in it either.
    let empty = ["requests", "answers", "replicas", "holds", "gates"];
    for (table, rows) in before.iter().filter(|(table, _)| !empty.contains(&table.as_str())) {
        assert!(!rows.is_empty(), "the night leaves the table {table} empty");
    }
    db.open().await.close().await;
    assert_eq!(db.dump().await, before);
}

async fn a_store_of_a_newer_version_is_refused(db: Database) {
    db.open().await.close().await;
    db.execute("UPDATE _sqlx_migrations SET version = 9999 WHERE version = 1").await;
    let error = sereno::store::Store::open(db.url()).await.err().expect("a newer sereno made it").to_string();
    assert!(error.starts_with("migration: "), "{error}");
    assert!(error.contains("9999"), "{error}");
}

/// What SQLite says about its tables.
async fn sqlite_catalogue(db: &Database) -> BTreeMap<String, Table> {
    let mut connection = SqliteConnection::connect(db.url()).await.unwrap();
    let names: Vec<String> = sqlx::query_scalar(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND name NOT LIKE '\\_sqlx%' ESCAPE '\\'",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    let mut tables = BTreeMap::new();
    for name in names {
        let mut table = Table::default();
        let columns = sqlx::query("SELECT name, type, \"notnull\", pk FROM pragma_table_info($1) ORDER BY cid")
            .bind(&name)
            .fetch_all(&mut connection)
            .await
            .unwrap();
        for row in columns {
            let kind: String = row.get("type");
            table.columns.push((row.get("name"), family(&kind), row.get("notnull"), row.get("pk")));
        }
        let indexes = sqlx::query("SELECT name, \"unique\", partial FROM pragma_index_list($1) WHERE origin = 'c'")
            .bind(&name)
            .fetch_all(&mut connection)
            .await
            .unwrap();
        for row in indexes {
            let index: String = row.get("name");
            let columns = sqlx::query_scalar("SELECT name FROM pragma_index_info($1) ORDER BY seqno")
                .bind(&index)
                .fetch_all(&mut connection)
                .await
                .unwrap();
            table.indexes.insert(index, Index { columns, unique: row.get("unique"), partial: row.get("partial") });
        }
        tables.insert(name, table);
    }
    tables
}

/// What PostgreSQL says about its tables.
async fn postgres_catalogue(db: &Database) -> BTreeMap<String, Table> {
    let mut connection = PgConnection::connect(db.url()).await.unwrap();
    let mut tables: BTreeMap<String, Table> = BTreeMap::new();
    let columns = sqlx::query(
        "SELECT c.table_name::text, c.column_name::text, c.data_type::text, c.is_nullable = 'NO' AS fixed, \
         COALESCE(k.ordinal_position, 0)::bigint AS key \
         FROM information_schema.columns c \
         LEFT JOIN information_schema.table_constraints p \
           ON p.table_schema = c.table_schema AND p.table_name = c.table_name AND p.constraint_type = 'PRIMARY KEY' \
         LEFT JOIN information_schema.key_column_usage k \
           ON k.constraint_schema = p.constraint_schema AND k.constraint_name = p.constraint_name \
           AND k.table_name = c.table_name AND k.column_name = c.column_name \
         WHERE c.table_schema = 'public' AND c.table_name NOT LIKE '\\_sqlx%' ORDER BY c.ordinal_position",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    for row in columns {
        let kind: String = row.get("data_type");
        let column = (row.get("column_name"), family(&kind), row.get("fixed"), row.get("key"));
        tables.entry(row.get("table_name")).or_default().columns.push(column);
    }
    let indexes = sqlx::query(
        "SELECT t.relname::text AS table_name, n.relname::text AS index_name, i.indisunique, \
         i.indpred IS NOT NULL AS partial, \
         ARRAY(SELECT a.attname::text FROM unnest(i.indkey) WITH ORDINALITY AS k(number, place) \
               JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.number ORDER BY k.place) AS columns \
         FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid JOIN pg_class n ON n.oid = i.indexrelid \
         WHERE t.relnamespace = 'public'::regnamespace AND NOT i.indisprimary AND t.relname NOT LIKE '\\_sqlx%'",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    for row in indexes {
        let index = Index { columns: row.get("columns"), unique: row.get("indisunique"), partial: row.get("partial") };
        tables.entry(row.get("table_name")).or_default().indexes.insert(row.get("index_name"), index);
    }
    tables
}

/// The common name of what both databases call differently.
fn family(kind: &str) -> String {
    match kind.to_ascii_lowercase().as_str() {
        "integer" | "bigint" => "integer",
        "blob" | "bytea" => "bytes",
        "text" => "text",
        other => panic!("a type that is not portable: {other}"),
    }
    .to_owned()
}
