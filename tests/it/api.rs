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

/// For agents whose names begin with `web-`; every other one is somebody's secret.
const PART: &str = "[api.tokens.part]\nrole = \"operator\"\ntoken = \"part-token-for-tests\"\n\
                    within = { agents = [\"web-*\"] }\n\
                    [api.tokens.tagged]\nrole = \"viewer\"\ntoken = \"tagged-token-for-tests\"\n\
                    within = { tags = [\"shop\"] }\n\
                    [api.tokens.nobody]\nrole = \"viewer\"\ntoken = \"nobody-token-for-tests\"\n\
                    within = { agents = [\"no-such-agent\"] }\n\
                    [[rules]]\nname = \"dear-agent\"\nwhen = \"cost('1h') > 0.2\"\n\
                    [[rules]]\nname = \"dear-task\"\nwhen = \"cost('1h') > 0.2\"\nper = \"task\"\n\
                    [[rules]]\nname = \"dear-fleet\"\nwhen = \"cost('1h') > 0.2\"\nper = \"fleet\"\n";

/// Agents of two houses: `web-1` and `web-2` in the middle of others, one of which works on a task of theirs.
async fn two_houses(db: Database) -> Scene {
    let scene = Scene::start(db, &format!("{TOKENS}{PART}")).await;
    for (agent, task, cost) in [
        ("secret-1", "secret-task", "1.00"),
        ("secret-2", "shared", "2.00"),
        ("web-1", "shared", "0.25"),
        ("web-2", "own", "0.50"),
        ("zz-secret", "secret-task", "4.00"),
    ] {
        scene
            .event(json!({
                "type": "model.call", "agent": { "id": agent, "tags": [if agent == "web-1" { "shop" } else { "house" }] },
                "session": { "id": format!("s-{agent}") }, "task": { "id": task, "title": format!("{task} work") },
                "model": if agent.contains("secret") { "gpt-5.1-codex" } else { "claude-sonnet-4-5" },
                "usage": { "input_tokens": 1000, "output_tokens": 100, "cost_usd": cost }
            }))
            .await;
        scene
            .event(json!({
                "type": "approval.requested", "agent": { "id": agent }, "session": { "id": format!("s-{agent}") },
                "approval": { "id": format!("q-{agent}"), "action": { "tool": "Bash", "input": { "command": format!("ls {agent}") } } },
            }))
            .await;
    }
    // The last one who worked on it is one of the others.
    scene
        .event(json!({
            "type": "model.call", "agent": { "id": "secret-2" }, "session": { "id": "s-secret-2" }, "task": { "id": "shared" },
            "model": "gpt-5.1-codex", "usage": { "input_tokens": 1, "output_tokens": 1, "cost_usd": "0.01" }
        }))
        .await;
    scene.settle().await;
    scene.advance(Span::secs(10)).await;
    scene
}

/// All rows of a list, read `limit` at a time, by the value of one field.
async fn all_rows(scene: &Scene, token: &str, path: &str, limit: usize) -> Vec<Value> {
    let (mut rows, mut after) = (Vec::new(), String::new());
    loop {
        let (status, page) = ask(scene, token, &format!("{path}limit={limit}{after}")).await;
        assert_eq!(status, 200, "{path}: {page}");
        let items = page["items"].as_array().unwrap();
        rows.extend(items.iter().cloned());
        let Some(next) = page["next"].as_str() else { return rows };
        assert_eq!(items.len(), limit, "{path}: a page that is not the last one is full");
        after = format!("&after={next}");
    }
}

async fn a_token_for_a_part_sees_that_part_and_no_sign_of_the_rest(db: Database) {
    let scene = two_houses(db).await;
    let names = |rows: &[Value], field: &str| rows.iter().map(|row| row[field].clone()).collect::<Value>();
    for (path, field, part, tagged) in [
        ("agents?", "id", json!(["web-1", "web-2"]), json!(["web-1"])),
        ("agents?status=waiting&", "id", json!(["web-1", "web-2"]), json!(["web-1"])),
        ("sessions?", "id", json!(["s-web-1", "s-web-2"]), json!(["s-web-1"])),
        ("tasks?", "id", json!(["own", "shared"]), json!(["shared"])),
        ("costs?", "name", json!(["fleet/web-1", "fleet/web-2"]), json!(["fleet/web-1"])),
        ("costs?by=model&", "name", json!(["Claude"]), json!(["Claude"])),
        ("costs?by=task&", "name", json!(["own", "shared"]), json!(["shared"])),
        ("approvals?", "id", json!(["q-web-2", "q-web-1"]), json!(["q-web-1"])),
        ("approvals?state=denied&", "id", json!([]), json!([])),
        ("alerts?rule=dear-agent&", "agent", json!(["web-2", "web-1"]), json!(["web-1"])),
        ("alerts?rule=dear-task&", "task", json!(["own", "shared"]), json!(["shared"])),
        ("alerts?rule=dear-fleet&", "id", json!([]), json!([])),
    ] {
        for (token, wanted) in [("part", part), ("tagged", tagged), ("nobody", json!([]))] {
            for limit in [1, 2, 100] {
                let rows = all_rows(&scene, token, &format!("/v1/{path}"), limit).await;
                assert_eq!(names(&rows, field), wanted, "{token} {path} by {limit}");
                assert!(!json!(rows).to_string().contains("secret"), "{token} {path}: {rows:?}");
            }
        }
    }
    let shared = all_rows(&scene, "part", "/v1/tasks?", 9).await.remove(1);
    assert_eq!(
        (&shared["agents"], &shared["sessions"], &shared["usage"]["cost_usd"]),
        (&json!(["web-1"]), &json!(["s-web-1"]), &json!(0.25))
    );
    let whole = all_rows(&scene, "reader", "/v1/tasks?", 9).await;
    assert_eq!(whole.iter().find(|task| task["id"] == "shared").unwrap()["usage"]["cost_usd"], 2.26);
    assert_eq!(ask(&scene, "part", "/v1/audit").await.0, 403);
    // What it says by commands is the same.
    for line in
        ["/agents", "/sessions", "/tasks", "/task shared", "/alerts", "/approvals", "/cost", "/events", "/status"]
    {
        let request = scene.client.post(scene.url("/v1/commands")).bearer_auth("part-token-for-tests");
        let said: Value = request.json(&json!({ "text": line })).send().await.unwrap().json().await.unwrap();
        assert_eq!(said["refused"], false, "{line}: {said}");
        assert!(!said.to_string().contains("secret"), "{line}: {said}");
    }
    drop_questions(&scene).await;
    scene.finish(&[]).await;
}

async fn a_stream_for_a_part_tells_of_that_part_alone(db: Database) {
    let scene = two_houses(db).await;
    let (mut part, mut nobody) = (Told::by(&scene, "part").await, Told::by(&scene, "nobody").await);
    let open = part.until("today_usd").await;
    for wanted in
        ["q-web-1", "q-web-2", "\"agents\":{\"waiting\":2}", "\"approvals\":2", "\"alerts\":4", "\"today_usd\":0.75"]
    {
        assert!(open.contains(wanted), "{wanted}: {open}");
    }
    let none = nobody.until("today_usd").await;
    assert!(none.contains("\"agents\":{},\"approvals\":0,\"alerts\":0,\"today_usd\":0.0"), "{none}");
    assert!(
        !open.contains("secret") && !none.contains("event: alert") && !none.contains("event: approval"),
        "{open}{none}"
    );
    drop_questions(&scene).await;
    scene.advance(Span::secs(2)).await;
    let changed = part.until("\"approvals\":0").await;
    assert_eq!(changed.matches("event: approval").count(), 2, "{changed}");
    assert!(!changed.contains("secret"), "{changed}");
    scene.finish(&[]).await;
}
on_both!(a_token_for_a_part_sees_that_part_and_no_sign_of_the_rest, a_stream_for_a_part_tells_of_that_part_alone);

#[tokio::test]
async fn whoever_may_not_use_a_command_may_not_read_its_list() {
    let denied = "[api.tokens.mute]\nrole = \"viewer\"\ntoken = \"mute-token-for-tests\"\n\
                  [[api.tokens.mute.deny]]\ncommands = [\"alerts\", \"cost\"]\n";
    let scene = Scene::start(crate::database::sqlite().await, &format!("{TOKENS}{denied}")).await;
    for (list, wanted) in [("agents", 200), ("tasks", 200), ("approvals", 200), ("alerts", 403), ("costs", 403)] {
        let (status, answer) = ask(&scene, "mute", &format!("/v1/{list}")).await;
        assert_eq!(status, wanted, "{list}: {answer}");
    }
    scene.finish(&[]).await;
}

/// Denies all that waits.
async fn drop_questions(scene: &Scene) {
    for row in all_rows(scene, "chief", "/v1/approvals?state=pending&", 100).await {
        let request = scene.client.post(scene.url("/v1/commands")).bearer_auth("chief-token-for-tests");
        let text = format!("/deny {} not now", row["code"].as_str().unwrap());
        let answer: Value = request.json(&json!({ "text": text })).send().await.unwrap().json().await.unwrap();
        assert_eq!(answer["refused"], false, "{answer}");
    }
    scene.settle().await;
}

/// What a stream has told.
struct Told {
    body: std::pin::Pin<Box<dyn futures_util::Stream<Item = reqwest::Result<axum::body::Bytes>>>>,
    text: String,
}

impl Told {
    async fn by(scene: &Scene, token: &str) -> Self {
        let request = scene.client.get(scene.url("/v1/stream")).bearer_auth(format!("{token}-token-for-tests"));
        Self { body: Box::pin(request.send().await.unwrap().bytes_stream()), text: String::new() }
    }

    async fn until(&mut self, what: &str) -> String {
        while !self.text.contains(what) {
            self.text.push_str(std::str::from_utf8(&self.body.next().await.unwrap().unwrap()).unwrap());
        }
        std::mem::take(&mut self.text)
    }
}

async fn a_stream_begins_with_what_is_open_and_goes_on_with_what_changes(db: Database) {
    let scene = at_work(db).await;
    let mut told = Told::by(&scene, "reader").await;
    let open = told.until("event: summary").await;
    assert!(open.contains("event: approval") && open.contains("\"state\":\"pending\""), "{open}");
    drop_question(&scene).await;
    scene.advance(Span::secs(2)).await;
    let changed = told.until("\"state\":\"denied\"").await;
    assert!(!changed.contains("pending"), "{changed}");
    let figures = told.until("\"approvals\":0").await;
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
