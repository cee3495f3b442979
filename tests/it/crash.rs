//! Kills under load, judged by a ledger that shares no code with sereno: `tests/ledger`.

use std::process::Command;

use crate::database::{self, Database};
use crate::dose;

/// Lets the ledger kill the real binary on `store`; it says itself what it found.
fn survives(store: &str) {
    let ledger = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/ledger/crash.py");
    let binary = env!("CARGO_BIN_EXE_sereno");
    let kills = dose::times(30, 1000).to_string();
    let arguments = [ledger, "--binary", binary, "--store", store, "--kills", &kills];
    let run = Command::new("python3").args(arguments).output().unwrap();
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
