//! Migrations: mirrored, additive, and harmless to what is stored already.
//!
//! What they make is read from the catalogues of the real databases, never from their text.

use std::collections::BTreeMap;

use sereno::store::migrations;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{ConnectOptions as _, Connection as _, PgConnection, Row as _, SqlSafeStr as _, SqliteConnection};

use super::night::{Folding, clock, night, whole_log};
use crate::database::{self, Database, on_both};

on_both!(
    migrating_a_full_store_again_loses_nothing,
    a_store_of_a_newer_version_is_refused,
    a_store_of_the_first_version_goes_on,
);

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
    for (name, mut table) in left {
        if name == "log" {
            // A table that is cut by time must have the time in its key.
            let at = table.columns.iter_mut().find(|(column, ..)| column == "at").unwrap();
            at.3 = 2;
        }
        assert_eq!(table, right[&name], "table {name}: SQLite and PostgreSQL");
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
    // Where several processes meet: the night knows one. No channel has failed in it, and no hour was added up.
    let empty = ["requests", "answers", "replicas", "holds", "gates", "cost_hours", "devices"];
    for (table, rows) in before.iter().filter(|(table, _)| !empty.contains(&table.as_str())) {
        assert!(!rows.is_empty(), "the night leaves the table {table} empty");
    }
    db.open().await.close().await;
    assert_eq!(db.dump().await, before);
}

async fn a_store_of_a_newer_version_is_refused(db: Database) {
    db.open().await.close().await;
    // A newer schema with which this version can still work: replicas are replaced one by one.
    db.execute(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         SELECT 9999, 'newer', success, checksum, 0 FROM _sqlx_migrations WHERE version = 1",
    )
    .await;
    db.execute("INSERT INTO meta (name, value) VALUES ('schema_min_compat', '1')").await;
    db.open().await.close().await;
    // And one with which it cannot.
    db.execute("UPDATE meta SET value = '9999' WHERE name = 'schema_min_compat'").await;
    let error = sereno::store::Store::open(db.url()).await.err().expect("a newer sereno made it").to_string();
    assert!(error.starts_with("the store was changed by a newer sereno: it needs schema 9999, "), "{error}");
}

/// A store as the first version made it, with the night in its log and nothing folded into a snapshot.
async fn a_store_of_the_first_version_goes_on(db: Database) {
    let night = night();
    first_schema(&db).await;
    for input in &night.log {
        let body = serde_json::to_string(&input.body).unwrap().replace('\'', "''");
        db.execute(&format!("INSERT INTO log (pos, at, body) VALUES ({}, {}, '{body}')", input.pos, input.at.0)).await;
    }
    db.execute(&format!("UPDATE engine SET cursor = {}", night.log.len())).await;
    db.execute("INSERT INTO meta (name, value) VALUES ('epoch', '1')").await;

    let store = db.open().await;
    assert_eq!(whole_log(&store).await, night.log, "every entry is where it was");
    if let Some(path) = store.path() {
        let newest = sereno::store::newest();
        let copies = std::fs::read_dir(path.parent().unwrap()).unwrap().flatten().map(|entry| entry.file_name());
        let copies: Vec<_> = copies.filter(|name| name.to_string_lossy().contains(".before-")).collect();
        assert_eq!(copies.len(), 1, "a copy was made before the first new step, of {newest}: {copies:?}");
    }
    let engine = Folding::start(&store, sereno::clock::ManualClock::new(night.now)).await;
    assert_eq!(engine.lease.cursor, night.log.len() as u64);
    // Statements of the first version work on the new schema.
    db.execute("INSERT INTO outbox (id, kind, via, conversation, class, priority, state, due, expires, attempts, created, updated) VALUES ('old', 'deliver', 'x', 'x', 'info', 3, 'sent', 0, 0, 0, 0, 0)").await;
    db.execute(&format!(
        "INSERT INTO log (pos, at, body) VALUES ({}, {}, '{{\"kind\":\"tick\"}}')",
        1_000_000, night.now.0
    ))
    .await;
    db.execute("DELETE FROM log WHERE pos = 1000000").await;
    engine.play(&night.log[..3]).await;
    engine.stop().await;
    let log = whole_log(&store).await;
    assert!(log.len() > night.log.len());
    assert_eq!(log[..night.log.len()], night.log);
    store.close().await;
}

/// What the first version made of an empty database.
async fn first_schema(db: &Database) {
    use std::borrow::Cow;
    let database = if db.url().starts_with("postgres") { "postgres" } else { "sqlite" };
    let (version, name, sql) = migrations(database)[0];
    let step = Migration::new(version, Cow::Borrowed(name), MigrationType::Simple, sql.into_sql_str(), false);
    let migrator = Migrator::with_migrations(vec![step]);
    if database == "postgres" {
        migrator.run(&mut PgConnection::connect(db.url()).await.unwrap()).await.unwrap();
    } else {
        let path = sereno::store::sqlite_path(db.url()).unwrap();
        let mut connection = sereno::store::sqlite_options(&path, true).connect().await.unwrap();
        migrator.run(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }
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
         WHERE c.table_schema = 'public' AND c.table_name NOT LIKE '\\_sqlx%' AND c.table_name NOT LIKE 'log\\_%' ORDER BY c.ordinal_position",
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
         WHERE t.relnamespace = 'public'::regnamespace AND NOT i.indisprimary AND t.relname NOT LIKE '\\_sqlx%' AND t.relname NOT LIKE 'log\\_%'",
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
