//! What is promised of SQLite alone: how its file is opened, and what is said when it cannot be.

use sereno::store::{Error, Store, check_sqlite, sqlite_options, sqlite_path};
use sqlx::{AssertSqlSafe, ConnectOptions as _};

use super::night::{Folding, clock, night, whole_log};
use crate::database::{self, Database};

#[tokio::test]
async fn the_file_is_opened_as_promised() {
    let db = database::sqlite().await;
    let store = db.open().await;
    let path = sqlite_path(db.url()).unwrap();
    let mut connection = sqlite_options(&path, false).connect().await.unwrap();
    for (pragma, value) in [
        ("journal_mode", "wal"),
        ("synchronous", "2"),
        ("foreign_keys", "1"),
        ("trusted_schema", "0"),
        ("cell_size_check", "1"),
        ("busy_timeout", "5000"),
    ] {
        let query = format!("SELECT CAST((SELECT * FROM pragma_{pragma}) AS TEXT)");
        let found: String = sqlx::query_scalar(AssertSqlSafe(query)).fetch_one(&mut connection).await.unwrap();
        assert_eq!(found, value, "{pragma}");
    }
    store.close().await;
}

#[tokio::test]
async fn nobody_but_its_owner_may_read_it_or_a_copy() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sereno.db");
    let store = Store::open(&format!("sqlite://{}", path.display())).await.unwrap();
    store.verified_copy(&folder.path().join("copy.db")).await.unwrap();
    let files: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(Result::unwrap).collect();
    assert!(files.len() >= 4, "the store, its WAL, its lock, the copy: {files:?}");
    for file in files {
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", file.path());
    }
    store.close().await;
}

#[tokio::test]
async fn the_linked_sqlite_is_new_enough_and_an_older_one_is_refused() {
    let db = database::sqlite().await;
    db.open().await.close().await;
    let version = db.texts("SELECT sqlite_version()").await.remove(0);
    check_sqlite(&version).unwrap();
    for old in ["3.51.2", "3.50.9", "2.99.99", "nonsense"] {
        let error = check_sqlite(old).unwrap_err().to_string();
        assert_eq!(error, format!("SQLite {old} was linked, but 3.51.3 is needed: older ones can corrupt the log"));
    }
    for new in ["3.51.3", "3.52.0", "4.0.0"] {
        check_sqlite(new).unwrap();
    }
}

#[tokio::test]
async fn a_file_is_owned_by_one_store_at_a_time() {
    let db = database::sqlite().await;
    let store = db.open().await;
    let second = Store::open(db.url()).await.err().expect("the file is owned");
    assert!(matches!(second, Error::Owned(_)), "{second}");
    let reader = Store::open_reader(db.url()).await.unwrap();
    reader.count_outbox().await.unwrap();
    reader.close().await;
    store.close().await;
    drop(store);
    Store::open(db.url()).await.expect("it was given up").close().await;
}

#[tokio::test]
async fn a_copy_of_a_store_in_use_is_whole() {
    let db = database::sqlite().await;
    let (store, night) = (db.open().await, night());
    let engine = Folding::start(&store, clock()).await;
    let (first, second) = night.log.split_at(night.log.len() / 2);
    engine.play(first).await;
    let to = database::sqlite().await;
    let path = sqlite_path(to.url()).unwrap();
    let (copied, ()) = tokio::join!(store.copy_to(&path), engine.play(second));
    copied.unwrap();
    engine.stop().await;
    let copy = to.open().await;
    copy.quick_check().await.unwrap();
    let (of_copy, whole) = (whole_log(&copy).await, whole_log(&store).await);
    assert!(of_copy.len() >= first.iter().filter(|i| !matches!(i.body, sereno::core::input::Body::Tick)).count());
    assert_eq!(of_copy[..], whole[..of_copy.len()], "a whole beginning of the log");
    // Whoever starts on the copy folds from there.
    let lease = copy.seize_engine("restored", night.now).await.unwrap();
    assert_eq!(lease.cursor, of_copy.len() as u64);
}

#[tokio::test]
async fn a_file_that_is_no_database_is_named() {
    let db = database::sqlite().await;
    let path = sqlite_path(db.url()).unwrap();
    std::fs::write(&path, "this is a letter, and no database at all. ".repeat(200)).unwrap();
    for error in [Store::open(db.url()).await.err(), Store::open_reader(db.url()).await.err()] {
        let error = error.expect("it is no database").to_string();
        assert_eq!(error, format!("{}: this is no SQLite database", path.display()));
    }
}

#[tokio::test]
async fn a_file_that_is_not_there_is_named() {
    let db = database::sqlite().await;
    let path = sqlite_path(db.url()).unwrap();
    let error = Store::open_reader(db.url()).await.err().expect("there is nothing to read").to_string();
    assert_eq!(error, format!("{}: there is no store yet; `sereno serve` makes it", path.display()));
}

#[tokio::test]
async fn a_damaged_file_is_found_out() {
    let db = filled().await;
    let path = sqlite_path(db.url()).unwrap();
    let whole = std::fs::read(&path).unwrap();
    let tear = |from: usize| {
        let torn = whole.iter().enumerate().map(|(at, byte)| if at < from { *byte } else { 0xA5 });
        std::fs::write(&path, torn.collect::<Vec<u8>>()).unwrap();
    };
    tear(4096);
    let error = Store::open_reader(db.url()).await.err().expect("nothing but its first page is left");
    assert_eq!(error.to_string(), "the store is damaged: database disk image is malformed; restore a backup");

    // Its last pages may be free ones, which hold nothing that could be damaged.
    tear(whole.len() / 2 / 4096 * 4096);
    let store = Store::open_reader(db.url()).await.unwrap();
    let error = store.quick_check().await.unwrap_err();
    assert!(matches!(error, Error::Damaged(_)), "{error}");
    store.close().await;
}

/// A store with a night in it, closed.
async fn filled() -> Database {
    let db = database::sqlite().await;
    let store = db.open().await;
    let engine = Folding::start(&store, clock()).await;
    engine.play(&night().log).await;
    engine.stop().await;
    store.close().await;
    db
}
