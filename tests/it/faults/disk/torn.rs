//! K6: a write-ahead log that ends anywhere, as after a power cut: an exact beginning of what was stored is
//! there, with everything that was synced before the cut.

use sereno::store::Store;

use crate::database;
use crate::dose;
use crate::store::night::{Folding, clock, night, whole_log};

#[tokio::test]
async fn a_torn_log_is_an_exact_beginning() {
    let db = database::sqlite().await;
    let path = sereno::store::sqlite_path(db.url()).unwrap();
    let wal = path.with_extension("db-wal");
    let store = db.open().await;
    let engine = Folding::start(&store, clock()).await;
    let night = night();
    // How long the WAL was when the log had got so far.
    let mut marks: Vec<(u64, usize)> = Vec::new();
    for input in &night.log {
        engine.play(std::slice::from_ref(input)).await;
        marks.push((std::fs::metadata(&wal).unwrap().len(), whole_log(&store).await.len()));
    }
    assert!(marks.is_sorted() && marks.len() > 20, "{marks:?}");
    let (file, torn, whole) = (std::fs::read(&path).unwrap(), std::fs::read(&wal).unwrap(), whole_log(&store).await);
    engine.crash().await;
    store.close().await;

    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("torn.db");
    let rounds = dose::times(100, 2000);
    for round in 0..rounds {
        // Spread over the whole length, and never the same twice.
        let cut = torn.len() * round / rounds + round % 7;
        std::fs::write(&to, &file).unwrap();
        std::fs::write(to.with_extension("db-wal"), &torn[..cut.min(torn.len())]).unwrap();
        let store = Store::open(&format!("sqlite://{}", to.display())).await.unwrap();
        store.quick_check().await.unwrap();
        store.verify_audit().await.unwrap().unwrap();
        let found = whole_log(&store).await;
        assert_eq!(found[..], whole[..found.len()], "cut at {cut}: no beginning");
        let synced = marks.iter().filter(|(end, _)| *end <= cut as u64).map(|(_, rows)| *rows).max().unwrap_or(0);
        assert!(found.len() >= synced, "cut at {cut}: {} entries, {synced} were synced", found.len());
        store.close().await;
        let copies = ["db.before-0002", "db.before-0005", "db.before-0006", "db.before-0007"];
        for suffix in ["db", "db-wal", "db-shm", "db.lock"].into_iter().chain(copies) {
            // Not all of them are there.
            let _gone = std::fs::remove_file(to.with_extension(suffix));
        }
    }
}
