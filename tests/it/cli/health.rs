//! What a supervisor asks: live, ready, and figures that Prometheus accepts.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::binary::Home;
use crate::database::execute;

async fn get(home: &Home, path: &str) -> (u16, String) {
    let response = reqwest::get(format!("{}{path}", home.url())).await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

#[tokio::test]
async fn a_running_bot_is_live_and_ready() {
    let home = Home::new("");
    let serve = home.serve(&[]);
    assert_eq!(get(&home, "/healthz").await, (200, "ok\n".to_owned()));
    let (status, body) = get(&home, "/readyz").await;
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, &body["ready"], &body["why_not"]), (200, &Value::Bool(true), &serde_json::json!([])));
    assert!(body["position"].as_u64().is_some_and(|position| position > 0), "{body}");
    assert_eq!(serve.stop().0, 0);
}

#[tokio::test]
async fn trouble_with_the_store_is_told_refused_and_mended() {
    let home = Home::new("");
    let mut serve = home.serve(&[]);
    serve.wait_for("Sign in as ana");
    execute(&home.store_url(), "ALTER TABLE engine RENAME TO engine_away").await;
    let ran = home.run(&["emit", "agent.heartbeat", "--agent", "a"]);
    assert_eq!(ran.code, 1, "{}", ran.out);
    assert!(ran.err.contains("503") && ran.err.contains("Nothing was stored; try again soon."), "{}", ran.err);
    let (status, body) = get(&home, "/readyz").await;
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, &body["ready"]), (503, &Value::Bool(false)));
    let why = body["why_not"][0].as_str().unwrap();
    assert!(why.starts_with("store: ") && why.contains("no such table: engine"), "{why}");
    assert_eq!(get(&home, "/healthz").await.0, 200, "the process lives");

    execute(&home.store_url(), "ALTER TABLE engine_away RENAME TO engine").await;
    serve.wait_for("the store works again");
    assert_eq!(get(&home, "/readyz").await.0, 200);
    let ran = home.run(&["emit", "agent.heartbeat", "--agent", "a"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(serve.stop().0, 0);
}

#[tokio::test]
async fn prometheus_accepts_the_figures() {
    let home = Home::new("[heartbeat]\nurl = \"http://127.0.0.1:1/\"\n");
    let serve = home.serve(&[]);
    let event = r#"{"type": "task.created", "id": "1", "agent": {"id": "a"}, "task": {"id": "t"}}"#;
    for _ in 0..2 {
        assert_eq!(home.run_with(&["emit", "-"], &[], event).code, 0);
    }
    let client = reqwest::Client::new();
    let forged = client.post(format!("{}/hooks/claude", home.url())).bearer_auth("wrong").body("{}").send().await;
    assert_eq!(forged.unwrap().status(), 401);
    let (status, text) = get(&home, "/metrics").await;
    assert_eq!(status, 200);
    for wanted in [
        "sereno_inputs_total{kind=\"event\"} 1\n",
        "sereno_duplicates_total 1\n",
        "sereno_intake_refused_total{source=\"claude\",reason=",
        "sereno_http_requests_total{route=\"/hooks/{runtime}\",status=\"401\"} 1\n",
        "sereno_outbox_rows{state=\"dead\"} 0\n",
        "sereno_last_commit_age_seconds ",
        "sereno_commit_seconds_count ",
    ] {
        assert!(text.contains(wanted), "{wanted} is not in\n{text}");
    }
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is there: run ./tests/run");
    promtool.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}\n{text}");
    assert_eq!(serve.stop().0, 0);
}

#[test]
fn every_figure_in_the_source_has_a_meaning() {
    let known: Vec<&str> = sereno::figures::all().map(|(name, _)| name).collect();
    let mut used = Vec::new();
    let mut folders = vec![std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|kind| kind == "rs") && !path.ends_with("figures.rs") {
                let text = std::fs::read_to_string(path).unwrap();
                let names = text.split("!(\"sereno_").skip(1).filter_map(|rest| rest.split('"').next());
                used.extend(names.map(|name| format!("sereno_{name}")));
            }
        }
    }
    used.sort();
    used.dedup();
    let mut sorted = known.clone();
    sorted.sort_unstable();
    assert_eq!(used, sorted, "used in the source, and described in figures.rs");
    assert!(sereno::figures::all().all(|(_, means)| means.ends_with('.')));
}
