//! `sereno audit`: every way of meddling is found out, and an export says the same as the store.

use serde_json::Value;

use crate::binary::{Home, Ran};
use crate::database::execute;
use crate::store::night::{Folding, clock, night};

/// A folder with a store in which a night has passed.
async fn home() -> Home {
    let home = Home::new("");
    fill(&home.store_url()).await;
    home
}

async fn fill(url: &str) {
    let store = sereno::store::Store::open(url).await.unwrap();
    let engine = Folding::start(&store, clock()).await;
    engine.play(&night().log).await;
    engine.stop().await;
    store.close().await;
}

fn verdict(ran: &Ran) -> (i32, &str) {
    (ran.code, ran.err.trim_end().trim_start_matches("sereno: "))
}

#[tokio::test]
async fn a_whole_chain_is_confirmed_with_its_head() {
    let home = home().await;
    let ran = home.run(&["audit", "verify"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    let head = ran.out.trim().rsplit(' ').next().unwrap().to_owned();
    assert_eq!(head.len(), 64);
    assert_eq!(home.run(&["audit", "verify", "--head", &head]).code, 0);
    let json: Value = serde_json::from_str(&home.run(&["audit", "verify", "-o", "json"]).out).unwrap();
    assert_eq!(json["ok"], true);
    assert_eq!(json["head"], head.as_str());
    assert_eq!(ran.out, format!("ok: {} rows, head {head}\n", json["rows"]));
}

#[tokio::test]
async fn every_way_of_meddling_is_found_out() {
    let swap = "UPDATE audit SET seq = -1 WHERE seq = 2; UPDATE audit SET seq = 2 WHERE seq = 3; UPDATE audit SET seq = 3 WHERE seq = -1";
    let cases = [
        ("UPDATE audit SET actor = 'nobody' WHERE seq = 2", "row 2 was changed after it was written"),
        ("UPDATE audit SET at = at + 1 WHERE seq = 2", "row 2 was changed after it was written"),
        ("UPDATE audit SET action = 'x' WHERE seq = 2", "row 2 was changed after it was written"),
        ("UPDATE audit SET object = 'x' WHERE seq = 2", "row 2 was changed after it was written"),
        ("UPDATE audit SET data = '{}' WHERE seq = 1", "row 1 was changed after it was written"),
        ("UPDATE audit SET hash = prev WHERE seq = 2", "row 2 was changed after it was written"),
        ("UPDATE audit SET prev = hash WHERE seq = 2", "row 2 does not follow row 1"),
        ("DELETE FROM audit WHERE seq = 2", "row 2 is missing; the next one is 3"),
        ("DELETE FROM audit WHERE seq = 1", "row 1 is missing; the next one is 2"),
        (swap, "row 2 does not follow row 1"),
    ];
    for (meddling, wanted) in cases {
        let home = home().await;
        execute(&home.store_url(), meddling).await;
        let ran = home.run(&["audit", "verify"]);
        assert_eq!(verdict(&ran), (1, wanted), "{meddling}");
        let ran = home.run(&["audit", "verify", "-o", "json"]);
        assert_eq!(ran.code, 1);
        assert_eq!(serde_json::from_str::<Value>(&ran.out).unwrap()["error"], wanted);
        let to = home.path("copy.db");
        let ran = home.run(&["backup", &to.display().to_string()]);
        assert_eq!(verdict(&ran), (1, format!("the copy's audit is broken: {wanted}").as_str()));
    }
}

#[tokio::test]
async fn the_audit_on_postgres_is_verified_in_the_same_way() {
    let db = crate::database::postgres().await;
    let home = Home::new("");
    let vars = [("SERENO_STORE__URL", db.url())];
    let none_yet = home.run_with(&["audit", "verify"], &vars, "");
    assert_eq!(verdict(&none_yet), (1, "there is no store in this database yet; `sereno serve` makes it"));
    fill(db.url()).await;
    assert_eq!(home.run_with(&["audit", "verify"], &vars, "").code, 0);
    db.execute("UPDATE audit SET data = '{}' WHERE seq = 1").await;
    let ran = home.run_with(&["audit", "verify"], &vars, "");
    assert_eq!(verdict(&ran), (1, "row 1 was changed after it was written"));
    let ran = home.run_with(&["backup", "copy.db"], &vars, "");
    assert_eq!(verdict(&ran), (1, "this is for SQLite; a PostgreSQL database is copied with pg_dump"));
}

#[tokio::test]
async fn a_cut_tail_is_found_out_by_the_head_that_was_kept() {
    let home = home().await;
    let head = home.run(&["audit", "verify"]).out.trim().rsplit(' ').next().unwrap().to_owned();
    execute(&home.store_url(), "DELETE FROM audit WHERE seq = (SELECT MAX(seq) FROM audit)").await;
    assert_eq!(home.run(&["audit", "verify"]).code, 0, "the rest is whole");
    let ran = home.run(&["audit", "verify", "--head", &head]);
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("rows are missing at the end"), "{}", ran.err);
}

#[tokio::test]
async fn an_export_says_the_same_as_the_store() {
    let home = home().await;
    let whole = home.run(&["audit", "export"]);
    assert_eq!((whole.code, whole.err.as_str()), (0, ""));
    home.write("audit.jsonl", &whole.out);
    let of_file = home.run(&["audit", "verify", "--file", "audit.jsonl"]);
    assert_eq!((of_file.code, &of_file.out), (0, &home.run(&["audit", "verify"]).out));

    // A part begins in the middle and can be verified all the same.
    let rows: Vec<Value> = whole.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let from = sereno::core::time::Ts(rows[2]["at"].as_i64().unwrap()).rfc3339();
    let part = home.run(&["audit", "export", "--from", &from]);
    assert!(part.out.lines().count() < rows.len() && !part.out.is_empty());
    home.write("part.jsonl", &part.out);
    assert_eq!(home.run(&["audit", "verify", "--file", "part.jsonl"]).code, 0);
    let until = home.run(&["audit", "export", "--to", &from]);
    assert_eq!(until.out.lines().count() + part.out.lines().count(), rows.len(), "nothing is in both or in none");

    home.write("audit.jsonl", &whole.out.replacen("policy.changed", "policy.checked", 1));
    let ran = home.run(&["audit", "verify", "--file", "audit.jsonl"]);
    assert_eq!(verdict(&ran), (1, "row 1 was changed after it was written"));
    home.write("audit.jsonl", "this is no row\n");
    let ran = home.run(&["audit", "verify", "--file", "audit.jsonl"]);
    assert_eq!(ran.code, 1);
    assert!(ran.err.starts_with("sereno: line 1: "), "{}", ran.err);
}

#[tokio::test]
async fn an_export_for_a_spreadsheet_runs_nothing() {
    let home = home().await;
    execute(&home.store_url(), "UPDATE audit SET actor = '=HYPERLINK(\"http://x\")' WHERE seq = 1").await;
    let ran = home.run(&["audit", "export", "--format", "csv"]);
    assert_eq!(ran.code, 0);
    let mut lines = ran.out.lines();
    assert_eq!(lines.next(), Some("seq,at,actor,action,object,data,hash"));
    let first = lines.next().unwrap();
    assert!(first.contains("\"'=HYPERLINK(\"\"http://x\"\")\""), "{first}");
}
