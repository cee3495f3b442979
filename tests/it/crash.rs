//! Crashes under load, judged by ledgers that share no code with sereno: `tests/ledger`.
//!
//! Each test lets one of those programs do its worst to the real binary. They say themselves what they did
//! and what they found; in the full dose that is shown as it comes.

use std::process::Command;

use crate::database;
use crate::dose;

/// Runs a ledger on the real binary.
fn ledger(program: &str, arguments: &[(&str, &str)]) {
    run(program, env!("CARGO_BIN_EXE_sereno"), arguments);
}

fn run(program: &str, binary: &str, arguments: &[(&str, &str)]) {
    let path = format!("{}/tests/ledger/{program}.py", env!("CARGO_MANIFEST_DIR"));
    let mut command = Command::new("python3");
    command.args(["-u", &path, "--binary", binary]);
    for (name, value) in arguments {
        command.args([&format!("--{name}"), *value]);
    }
    if dose::times(0, 1) == 1 {
        assert!(command.status().unwrap().success(), "{program} found faults");
        return;
    }
    let ran = command.output().unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success(), "{said}{}", String::from_utf8_lossy(&ran.stderr));
}

/// As an argument.
fn times(small: usize, full: usize) -> String {
    dose::times(small, full).to_string()
}

const SQLITE: &str = "sqlite://sereno.db";
/// Replicas side by side.
const REPLICAS: &str = "3";

#[test]
fn killed_at_any_moment_nothing_is_lost_on_sqlite() {
    let longest = times(1, 5);
    ledger("crash", &[("store", SQLITE), ("times", &times(10, 1000)), ("longest", &longest)]);
}

#[tokio::test]
async fn killed_at_any_moment_nothing_is_lost_on_postgres() {
    let database = database::postgres().await;
    let longest = times(1, 5);
    ledger("crash", &[("store", database.url()), ("times", &times(10, 1000)), ("longest", &longest)]);
}

#[test]
fn asked_to_stop_nothing_is_left_in_doubt() {
    ledger("crash", &[("store", SQLITE), ("signal", "TERM"), ("times", &times(3, 200))]);
}

#[test]
fn postgres_that_goes_away_takes_nothing_with_it() {
    if dose::times(0, 1) == 0 {
        ledger("postgres", &[("how", "each"), ("times", "6"), ("pause", "0.5")]);
        return;
    }
    for (how, times, pause) in
        [("immediate", "200", "1"), ("restart", "60", "20"), ("readonly", "60", "2"), ("commit-unknown", "300", "1")]
    {
        ledger("postgres", &[("how", how), ("times", times), ("pause", pause)]);
    }
}

#[test]
fn replicas_are_killed_and_one_folds_at_a_time() {
    let small = dose::times(0, 1) == 0;
    let (seconds, lease) = if small { ("20", "3s") } else { ("1200", "15s") };
    ledger("replicas", &[("replicas", REPLICAS), ("seconds", seconds), ("lease", lease)]);
}

#[test]
fn replicas_behind_a_pooler_are_killed_too() {
    ledger("replicas", &[("through", "pooler"), ("seconds", &times(10, 600)), ("lease", "3s")]);
}

#[test]
fn versions_follow_each_other_one_replica_at_a_time() {
    let pause = times(1, 20);
    ledger("upgrade", &[("pause", &pause)]);
}

#[test]
fn what_is_acknowledged_was_synced_before() {
    ledger("sync", &[("store", SQLITE), ("times", &times(50, 1000)), ("rate", "20")]);
}

#[test]
fn what_is_used_knows_no_place_to_end_itself() {
    let holds = |text: &str| {
        let looked = Command::new("grep").args(["-qaF", text, env!("CARGO_BIN_EXE_sereno")]).status().unwrap();
        looked.success()
    };
    assert!(holds("SERENO_CONFIG"), "the search is blind");
    for text in ["SERENO_KILL_POINT", "engine.commit.before", "courier.send.after"] {
        assert!(!holds(text), "{text} is in the binary");
    }
}
