//! The API: lists page by page, a stream of what changes, and a description that keeps its word.

use std::process::Command;

use futures_util::StreamExt as _;
use serde_json::{Value, json};
use sereno::core::time::Span;

use crate::binary::Home;
use crate::database::{Database, on_both};
use crate::scene::Scene;

const TOKENS: &str = "[api.tokens.reader]\nrole = \"viewer\"\ntoken = \"reader-token-for-tests\"\n\
                      [api.tokens.chief]\nrole = \"admin\"\ntoken = \"chief-token-for-tests\"\n";

async fn ask(scene: &Scene, who: &str, path: &str) -> (u16, Value) {
    let request = scene.client.get(scene.url(path)).bearer_auth(format!("{who}-token-for-tests"));
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

/// What a reader is told.
async fn read(scene: &Scene, path: &str) -> Value {
    let (status, answer) = ask(scene, "reader", path).await;
    assert_eq!(status, 200, "{path}: {answer}");
    answer
}

/// Three agents on two tasks; one of them asks.
async fn at_work(db: Database) -> Scene {
    let scene = Scene::start(db, TOKENS).await;
    for (agent, model, cost) in
        [("a", "claude-sonnet-4-5", "0.10"), ("b", "gpt-5.1-codex", "0.25"), ("c", "claude-sonnet-4-5", "1.50")]
    {
        scene
            .event(json!({
                "type": "model.call", "agent": { "id": agent, "role": "Coder" }, "session": { "id": format!("s-{agent}") },
                "task": { "id": if agent == "c" { "T-2" } else { "T-1" }, "title": "Work" }, "model": model,
                "usage": { "input_tokens": 1000, "output_tokens": 100, "cost_usd": cost }
            }))
            .await;
    }
    scene.asks("q1", "pytest tests/").await;
    scene.settle().await;
    // Read models follow the fold.
    scene.advance(Span::secs(10)).await;
    scene
}

async fn an_export_is_a_file_in_the_answer(db: Database) {
    let scene = at_work(db).await;
    let say = async |text: &str| {
        let request = scene.client.post(scene.url("/v1/commands")).bearer_auth("reader-token-for-tests");
        let answer = request.json(&json!({ "text": text })).send().await.unwrap();
        answer.json::<Value>().await.unwrap()
    };
    let said = say("/export costs").await;
    let file = &said["file"];
    assert_eq!((&file["name"], &file["media_type"]), (&json!("sereno-costs-2026-11-20.csv"), &json!("text/csv")));
    assert_eq!(file["text"].as_str().unwrap().lines().count(), 4, "{file}");
    assert_eq!(said["content"]["rows"], json!([]), "they stand in the file");
    assert!(say("/agents").await.get("file").is_none());
    assert_eq!(say("/export audit").await["reason"]["code"], "role_missing");
    scene.finish(&[]).await;
}

async fn every_row_is_on_exactly_one_page(db: Database) {
    let scene = at_work(db).await;
    let (mut ids, mut after) = (Vec::new(), String::new());
    loop {
        let page = read(&scene, &format!("/v1/agents?limit=1{after}")).await;
        ids.extend(page["items"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        after = format!("&after={next}");
    }
    assert_eq!(ids, ["a", "b", "build-1", "c"]);
    let b = read(&scene, "/v1/agents").await["items"][1].clone();
    assert_eq!(
        (&b["name"], &b["role"], &b["runtime"], &b["status"], &b["task"], &b["session"]),
        (&json!("b"), &json!("Coder"), &json!("fleet"), &json!("running"), &json!("T-1"), &json!("s-b"))
    );
    assert_eq!(
        (&b["tokens"], &b["cost_usd"], &b["last_seen"]),
        (&json!(1100), &json!(0.25), &json!("2026-11-20T09:00:00.000Z"))
    );
    let filtered = read(&scene, "/v1/agents?status=waiting").await;
    assert_eq!(filtered["items"].as_array().unwrap().len(), 1);
    assert_eq!(filtered["items"][0]["id"], "build-1");
    assert_eq!(read(&scene, "/v1/agents?runtime=other").await["items"], json!([]));
    assert_eq!(read(&scene, "/v1/agents?since=5s").await["items"], json!([]), "nobody was heard of in that time");
    let sessions = read(&scene, "/v1/sessions?since=1h").await;
    let own = sessions["items"].as_array().unwrap().iter().find(|row| row["agent"] == "a").unwrap();
    assert_eq!((&own["id"], &own["usage"]["cost_usd"]), (&json!("s-a"), &json!(0.1)));
    assert_eq!((&own["cost_basis"], &sessions["next"]), (&json!("reported"), &Value::Null));
    let tasks = read(&scene, "/v1/tasks?column=running").await;
    assert_eq!(tasks["items"][0]["agents"], json!(["a", "b"]));
    assert_eq!(tasks["items"][0]["usage"]["cost_usd"], 0.35);
    drop_question(&scene).await;
    scene.finish(&[]).await;
}
on_both!(an_export_is_a_file_in_the_answer, every_row_is_on_exactly_one_page);

/// Nothing may be left open at the end.
async fn drop_question(scene: &Scene) {
    let code = read(scene, "/v1/approvals?state=pending").await["items"][0]["code"].as_str().unwrap().to_owned();
    let request = scene.client.post(scene.url("/v1/commands")).bearer_auth("chief-token-for-tests");
    let answer = request.json(&json!({ "text": format!("/deny {code} not now") })).send().await.unwrap();
    let answer: Value = answer.json().await.unwrap();
    assert_eq!(answer["refused"], false, "{answer}");
    scene.settle().await;
}

async fn costs_add_up_however_they_are_grouped(db: Database) {
    let scene = at_work(db).await;
    for (by, wanted) in [
        ("agent", json!([["fleet/a", 0.1], ["fleet/b", 0.25], ["fleet/c", 1.5]])),
        ("model", json!([["Claude", 1.6], ["Codex", 0.25]])),
        ("task", json!([["T-1", 0.35], ["T-2", 1.5]])),
    ] {
        let page = read(&scene, &format!("/v1/costs?by={by}&since=2026-11-20T08:00:00Z")).await;
        let rows = page["items"].as_array().unwrap().iter().map(|row| json!([row["name"], row["cost_usd"]]));
        assert_eq!(rows.collect::<Value>(), wanted, "{by}");
    }
    let first = read(&scene, "/v1/costs?limit=2").await;
    let after = first["next"].as_str().unwrap();
    let second = read(&scene, &format!("/v1/costs?limit=2&after={after}")).await;
    assert_eq!((&second["items"][0]["name"], &second["next"]), (&json!("fleet/c"), &Value::Null));
    assert_eq!(read(&scene, "/v1/costs?until=2026-11-20T08:59:00Z").await["items"], json!([]));
    drop_question(&scene).await;
    scene.finish(&[]).await;
}
on_both!(costs_add_up_however_they_are_grouped);

async fn an_approval_is_listed_as_it_was_asked_and_decided(db: Database) {
    let scene = at_work(db).await;
    let asked = read(&scene, "/v1/approvals").await["items"][0].clone();
    assert_eq!(
        (&asked["id"], &asked["state"], &asked["agent"], &asked["tool"], &asked["input"]),
        (&json!("q1"), &json!("pending"), &json!("build-1"), &json!("Bash"), &json!({ "command": "pytest tests/" }))
    );
    drop_question(&scene).await;
    let decided = read(&scene, "/v1/approvals?state=denied").await["items"][0].clone();
    assert_eq!((&decided["decided_by"], &decided["note"]), (&json!("chief"), &json!("not now")));
    let (status, audit) = ask(&scene, "chief", "/v1/audit?action=approval.").await;
    assert_eq!(status, 200);
    let actions: Vec<&str> =
        audit["items"].as_array().unwrap().iter().map(|row| row["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["approval.requested", "approval.denied"]);
    assert_eq!(audit["items"][1]["actor"], "chief");
    scene.finish(&[]).await;
}
on_both!(an_approval_is_listed_as_it_was_asked_and_decided);

#[tokio::test]
async fn who_may_not_read_is_told_nothing_and_what_cannot_be_read_is_told_why() {
    let scene = Scene::start(crate::database::sqlite().await, TOKENS).await;
    let lists = ["agents", "sessions", "tasks", "costs", "alerts", "approvals", "audit", "stream"];
    for list in lists {
        // Whoever is wrong too often is told to wait; a minute later it is a wrong token again.
        scene.advance(Span::mins(2)).await;
        for token in ["", "wrong", "reader", "reader-token-for-test", "fleet-token-fleet-token"] {
            let request = scene.client.get(scene.url(&format!("/v1/{list}"))).bearer_auth(token);
            assert_eq!(request.send().await.unwrap().status(), 401, "{list} {token}");
        }
        assert_eq!(scene.client.get(scene.url(&format!("/v1/{list}"))).send().await.unwrap().status(), 401, "{list}");
    }
    let (status, answer) = ask(&scene, "reader", "/v1/audit").await;
    assert_eq!((status, answer["detail"].as_str().unwrap()), (403, "This needs a token with the role admin."));
    let mut told = Vec::new();
    for path in [
        "agents?limit=0",
        "agents?limit=501",
        "agents?limit=x",
        "agents?colour=red",
        "agents?status=tired",
        "agents?after=nonsense",
        "tasks?column=done",
        "costs?by=person",
        "costs?since=yesterday",
        "alerts?after=ImEi",
        "approvals?state=maybe",
    ] {
        let (status, answer) = ask(&scene, "reader", &format!("/v1/{path}")).await;
        assert_eq!(status, 400, "{path}");
        told.push(format!("{path}: {}", answer["detail"].as_str().unwrap()));
    }
    insta::assert_snapshot!(told.join("\n"));
    scene.finish(&[]).await;
}

async fn a_token_for_a_part_asks_by_commands_only(db: Database) {
    let part =
        "[api.tokens.part]\nrole = \"operator\"\ntoken = \"part-token-for-tests\"\nwithin = { agents = [\"a\"] }\n";
    let scene = Scene::start(db, &format!("{TOKENS}{part}")).await;
    for agent in ["a", "b"] {
        scene.event(json!({ "type": "session.started", "agent": { "id": agent }, "session": { "id": agent } })).await;
    }
    scene.settle().await;
    for list in ["agents", "sessions", "tasks", "costs", "alerts", "approvals", "stream"] {
        let (status, answer) = ask(&scene, "part", &format!("/v1/{list}")).await;
        assert_eq!(status, 403, "{list}");
        assert!(answer["detail"].as_str().unwrap().contains("POST /v1/commands"), "{answer}");
    }
    let say = async |text: &str| -> Value {
        let request = scene.client.post(scene.url("/v1/commands")).bearer_auth("part-token-for-tests");
        request.json(&json!({ "text": text })).send().await.unwrap().json().await.unwrap()
    };
    let agents = say("/agents").await;
    assert_eq!(agents["content"]["rows"].as_array().unwrap().len(), 1, "{agents}");
    let refused = say("/pause b").await;
    assert_eq!((&refused["refused"], &refused["reason"]["code"]), (&json!(true), &json!("out_of_scope")));
    assert_eq!(say("/pause a").await["refused"], false);
    scene.settle().await;
    scene.finish(&[]).await;
}
on_both!(a_token_for_a_part_asks_by_commands_only);

async fn a_stream_begins_with_what_is_open_and_goes_on_with_what_changes(db: Database) {
    let scene = at_work(db).await;
    let request = scene.client.get(scene.url("/v1/stream")).bearer_auth("reader-token-for-tests");
    let mut body = request.send().await.unwrap().bytes_stream();
    let mut text = String::new();
    let mut until = async |what: &str| {
        while !text.contains(what) {
            text.push_str(std::str::from_utf8(&body.next().await.unwrap().unwrap()).unwrap());
        }
        std::mem::take(&mut text)
    };
    let open = until("event: summary").await;
    assert!(open.contains("event: approval") && open.contains("\"state\":\"pending\""), "{open}");
    drop_question(&scene).await;
    scene.advance(Span::secs(2)).await;
    let changed = until("\"state\":\"denied\"").await;
    assert!(!changed.contains("pending"), "{changed}");
    let figures = until("\"approvals\":0").await;
    assert!(figures.contains("\"today_usd\":1.85"), "{figures}");
    scene.finish(&[]).await;
}
on_both!(a_stream_begins_with_what_is_open_and_goes_on_with_what_changes);

#[test]
fn the_description_that_is_kept_is_the_one_that_is_served() {
    let ran = Home::empty().run(&["openapi"]);
    let kept = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/openapi.json")).unwrap();
    assert_eq!(ran.code, 0);
    assert!(ran.out == kept, "docs/openapi.json is behind: sereno openapi > docs/openapi.json");
}

#[test]
fn nothing_that_is_asked_by_the_description_breaks_the_api_or_its_word() {
    let home = Home::new("");
    let _serve = home.serve(&[]);
    let judge = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/.cache/python/bin/schemathesis");
    let examples = crate::dose::times(15, 300).to_string();
    // The stream never ends, so it is judged by a test of its own.
    let mut command = Command::new(judge);
    command.current_dir(home.path(".")).arg("run").arg(format!("{}/openapi.json", home.url())).args([
        "--max-examples",
        &examples,
        "--seed",
        "7",
        "--no-color",
        "--exclude-path",
        "/v1/stream",
        "--header",
        "Authorization: Bearer ops-token-for-tests",
        "--exclude-checks",
        "unsupported_method,positive_data_acceptance",
    ]);
    let ran = command.output().unwrap();
    assert!(ran.status.success(), "{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
}
