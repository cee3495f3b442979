//! Commands beside a running bot, and bots beside each other.

use serde_json::Value;
use sereno::clock::Clock as _;
use sereno::core::delivery::{SendOutcome, SendResult};
use sereno::core::input::Body;
use sereno::core::time::Span;
use sereno::engine::NewInput;
use sereno::store::{ClaimedWork, Store};

use crate::binary::Home;
use crate::database;
use crate::store::night::{Folding, clock, night, whole_log};

/// A folder with a store in which a night has passed, and whose rows for the page were refused.
async fn home() -> Home {
    let home = Home::new("");
    let store = Store::open(&home.store_url()).await.unwrap();
    let engine = Folding::start(&store, clock()).await;
    engine.play(&night().log).await;
    for row in store.claim("courier", engine.clock.now(), Span::mins(1), 100).await.unwrap() {
        let ClaimedWork::Deliver { card, .. } = row.work else { continue };
        let result = SendResult::Rejected { error: "no such place".into() };
        let outcome = SendOutcome::new(&row.id, row.attempt, card.version, result);
        engine.log.append_one(NewInput::unkeyed(Body::Sent(outcome))).await.unwrap();
    }
    engine.stop().await;
    store.close().await;
    home
}

/// Rows for the page in a state.
fn rows(home: &Home, state: &str) -> Vec<String> {
    let ran = home.run(&["outbox", "list", "-o", "json"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let rows: Vec<Value> = serde_json::from_str(&ran.out).unwrap();
    let fitting = rows.iter().filter(|row| row["state"] == state && row["via"] == "page");
    fitting.map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn what_could_not_be_sent_is_listed_tried_again_or_dropped() {
    let home = home().await;
    let dead = rows(&home, "dead");
    assert!(dead.len() >= 3, "{dead:?}");
    let listed = home.run(&["outbox", "list"]).out;
    assert!(listed.lines().any(|line| line.starts_with(&dead[0]) && line.ends_with("no such place")), "{listed}");

    let ran = home.run(&["outbox", "drop", &dead[0], "--reason", "read"]);
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("sereno cannot be reached at 127.0.0.1:"), "{}", ran.err);

    let serve = home.serve(&[]);
    for (verb, id) in [("drop", &dead[0]), ("retry", &dead[1])] {
        let ran = home.run(&["outbox", verb, id, "--reason", "read"]);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{verb}");
        assert!(!ran.out.trim().is_empty());
        assert!(!rows(&home, "dead").contains(id), "{verb}");
        let ran = home.run(&["outbox", verb, id, "--reason", "read"]);
        assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{verb} again");
        assert!(ran.err.contains(id.as_str()), "{}", ran.err);
    }
    assert!(rows(&home, "dead").contains(&dead[2]), "the others are as they were");
    let ran = home.run(&["outbox", "drop", "--all", "--since", "1ms", "--reason", "read"]);
    assert_eq!(ran.code, 1, "nothing was given up just now: {}", ran.out);
    let ran = home.run(&["outbox", "drop", "--all", "--channel", "page", "--reason", "read"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert!(rows(&home, "dead").is_empty(), "{}", ran.out);
    assert_eq!(serve.stop().0, 0);
}

#[test]
fn a_change_needs_a_token() {
    let home = Home::empty();
    home.write("sereno.toml", "[people.ana]\nrole = \"admin\"\n");
    let ran = home.run(&["outbox", "drop", "x", "--reason", "read"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("add [api.tokens.NAME] with role = \"admin\" and token_file"), "{}", ran.err);
}

#[tokio::test]
async fn a_trail_is_explained_from_the_store() {
    let home = home().await;
    let alert = home.run(&["explain", "A1"]);
    assert_eq!((alert.code, alert.err.as_str()), (0, ""));
    insta::assert_snapshot!("alert", alert.out);
    let store = Store::open_reader(&home.store_url()).await.unwrap();
    let asked = store.approval("fleet", "ask-1").await.unwrap().unwrap().approval.code;
    store.close().await;
    let approval = home.run(&["explain", &asked.to_lowercase()]);
    assert_eq!(approval.code, 0);
    insta::assert_snapshot!("approval", approval.out);
    let json: Value = serde_json::from_str(&home.run(&["explain", "a1", "-o", "json"]).out).unwrap();
    assert_eq!(json["subject"], "A1");
    for unknown in ["A99", "ZZZZ", "", "A", "🙂"] {
        let ran = home.run(&["explain", unknown]);
        let said = format!("sereno: there is no alert or approval `{unknown}`\n");
        assert_eq!((ran.code, ran.err), (1, said));
    }
}

#[tokio::test]
async fn an_event_from_a_shell_is_in_the_log() {
    let home = Home::new("");
    let unreachable = home.run(&["emit", "agent.heartbeat", "--agent", "a"]);
    assert_eq!(unreachable.code, 1);
    assert_eq!(unreachable.err, format!("sereno: sereno cannot be reached at {}; is it running?\n", home.url()));
    let serve = home.serve(&[]);
    let args = ["emit", "step.ended", "--agent", "a", "--task", "t", "--message", "done"];
    let ran = home.run(&[&args[..], &["--set", "step.name=Build", "--set", "progress.percent=50"]].concat());
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert!(serde_json::from_str::<Value>(&ran.out).is_ok(), "{}", ran.out);
    let many =
        r#"[{"type": "agent.heartbeat", "agent": {"id": "b"}}, {"type": "agent.heartbeat", "agent": {"id": "c"}}]"#;
    assert_eq!(home.run_with(&["emit", "-"], &[], many).code, 0);
    home.write("fleet.secret", "whsec_b3RoZXJvdGhlcm90aGVyb3RoZXJvdGhlcm90aGVy");
    let ran = home.run(&["emit", "agent.heartbeat", "--agent", "a"]);
    assert_eq!(ran.code, 1);
    assert!(ran.err.starts_with("sereno: sereno answered 401 Unauthorized"), "{}", ran.err);
    assert_eq!(serve.stop().0, 0);

    let store = Store::open(&home.store_url()).await.unwrap();
    let log = whole_log(&store).await;
    let events: Vec<_> = log
        .iter()
        .filter_map(|input| match &input.body {
            Body::Event(reported) => Some(&reported.event),
            _ => None,
        })
        .collect();
    assert_eq!(events.len(), 3);
    assert_eq!(events[0].step.as_ref().unwrap().name, "Build");
    assert_eq!(events[0].progress.unwrap().percent, Some(50.0));
    assert_eq!(events[2].agent.as_ref().unwrap().id, "c");
}

#[test]
fn a_channel_is_proven_by_a_real_message() {
    let home =
        Home::new("[channels.tg]\nkind = \"telegram\"\ntoken_file = \"ops.token\"\napi_url = \"http://127.0.0.1:1\"\n");
    let ran = home.run(&["notify", "test", "out"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    let mut lines = ran.out.lines();
    let message: Value = serde_json::from_str(lines.next().unwrap()).unwrap();
    assert_eq!(message["text"], "👋 sereno reaches you here.\nsent by sereno notify test");
    assert_eq!(lines.next(), Some("out:stdout: sent (0)"));

    let ran = home.run(&["notify", "test", "tg"]);
    assert_eq!(ran.code, 2);
    assert_eq!(ran.err, "sereno: nobody has an account on `tg`; name a conversation with --to\n");
    let ran = home.run(&["notify", "test", "tg", "--to", "77"]);
    assert_eq!((ran.code, ran.out.as_str()), (1, ""));
    assert!(ran.err.starts_with("tg:77: not sent: "), "{}", ran.err);
    assert!(ran.err.ends_with("\nsereno: not everybody was reached\n"), "{}", ran.err);
}

#[tokio::test]
async fn a_backup_of_a_bot_at_work_is_whole_and_opens() {
    let home = home().await;
    let serve = home.serve(&[]);
    let ran = home.run(&["backup", "copy.db"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert!(ran.out.starts_with("copy.db: verified, ") && ran.out.contains(" audit rows, head "), "{}", ran.out);
    let again = home.run(&["backup", "copy.db"]);
    assert_eq!((again.code, again.err.as_str()), (2, "sereno: copy.db is there already; it was not touched\n"));
    let ran = home.run(&["backup", "nowhere/copy.db"]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert_eq!(serve.stop().0, 0);

    let vars = [("SERENO_STORE__URL", "sqlite://copy.db")];
    assert_eq!(home.run_with(&["audit", "verify"], &vars, "").code, 0);
    let from_copy = home.serve(&vars);
    assert_eq!(home.run(&["emit", "agent.heartbeat", "--agent", "a"]).code, 0);
    assert_eq!(from_copy.stop().0, 0);
    let elsewhere = [("SERENO_STORE__URL", "postgres://sereno@127.0.0.1:1/db")];
    assert_eq!(home.run_with(&["backup", "other.db"], &elsewhere, "").code, 1);
}

#[test]
fn a_second_process_on_the_same_file_is_refused() {
    let home = Home::new("");
    let serve = home.serve(&[]);
    let ran = home.run_with(&["serve"], &[("SERENO_HTTP__LISTEN", "127.0.0.1:0")], "");
    assert_eq!((ran.code, ran.out.as_str()), (1, ""));
    let said = "sereno: another sereno is running on sereno.db; stop it first, or give this one a store of its own\n";
    assert_eq!(ran.err, said);
    let ran = home.run_with(&["serve"], &[("SERENO_STORE__URL", "sqlite://other.db")], "");
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("is another program listening there?"), "{}", ran.err);
    assert_eq!(home.run(&["emit", "agent.heartbeat", "--agent", "a"]).code, 0, "the first one is unharmed");
    assert_eq!(serve.stop().0, 0);
    assert_eq!(home.serve(&[]).stop().0, 0, "its file is free again");
}

#[test]
fn a_store_that_cannot_be_opened_is_told() {
    let home = Home::new("");
    let ran = home.run(&["outbox", "list"]);
    assert_eq!(
        (ran.code, ran.err.as_str()),
        (1, "sereno: sereno.db: there is no store yet; `sereno serve` makes it\n")
    );
    home.write("sereno.db", &"this is a letter. ".repeat(1000));
    for args in [&["serve"][..], &["outbox", "list"], &["audit", "verify"], &["explain", "A1"], &["backup", "x.db"]] {
        let ran = home.run(args);
        assert_eq!((ran.code, ran.err.as_str()), (1, "sereno: sereno.db: this is no SQLite database\n"), "{args:?}");
    }
    let ran = home.run_with(&["serve"], &[("SERENO_STORE__URL", "sqlite://nowhere/sereno.db")], "");
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("nowhere/sereno.db"), "{}", ran.err);
    let ran = Home::new("").run(&["serve", "--link", "nobody"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.ends_with("sereno: there is no person `nobody`\n"), "{}", ran.err);
}

#[tokio::test]
async fn a_process_that_follows_takes_over_and_the_one_that_slept_follows() {
    let db = database::postgres().await;
    let home = Home::new("");
    let vars = [("SERENO_STORE__URL", db.url()), ("SERENO_STORE__LEASE", "2s"), ("SERENO_HTTP__LISTEN", "127.0.0.1:0")];
    let mut first = home.serve(&vars);
    first.wait_for("this process folds the log");
    let mut second = home.begin_serve(&vars);
    second.wait_for(" ready ");
    first.signal("STOP");
    second.wait_for("this process folds the log");
    first.signal("CONT");
    first.wait_for("this process folds the log no more");
    assert_eq!(second.stop().0, 0);
    let (code, said) = first.stop();
    assert_eq!(code, 0, "{said}");
}
