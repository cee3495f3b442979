//! Thirty kills under load, judged by a ledger that shares no code with sereno: `tests/ledger`.

use std::process::Command;

use crate::database::{self, Database};

/// Lets the ledger kill the real binary on `store`; it says itself what it found.
fn survives(store: &str) {
    let ledger = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/ledger/crash.py");
    let binary = env!("CARGO_BIN_EXE_sereno");
    let run = Command::new("python3").args([ledger, "--binary", binary, "--store", store]).output().unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{said}{}", String::from_utf8_lossy(&run.stderr));
}

#[test]
fn nothing_is_lost_on_sqlite() {
    survives("sqlite://sereno.db");
}

#[tokio::test]
async fn nothing_is_lost_on_postgres() {
    let database: Database = database::postgres().await;
    survives(database.url());
}
