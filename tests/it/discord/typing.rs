//! What whoever types a slash command is offered: names that fit, of what they may touch.

use serde_json::json;
use sereno::core::time::Span;

use super::fake::Fake;
use super::{ANA, STRANGER, VICTOR, config, key, scene, signed};
use crate::database::{Database, on_both};
use crate::scene::Scene;

on_both![
    names_that_fit_are_offered,
    whoever_sees_a_part_is_offered_that_part,
    among_very_many_the_old_are_found_by_more_letters,
    a_pushed_question_is_answered_by_a_call,
];

/// Agents with sessions and tasks, of two runtimes' names.
async fn fleet(scene: &Scene) {
    for (agent, name, task) in
        [("debug-1", "Debug", "T-1"), ("build-1", "Web Builder", "T-2"), ("docs-1", "Docs", "T-3")]
    {
        scene
            .event(json!({
                "type": "session.started", "agent": { "id": agent, "name": name, "tags": [format!("team-{name}")] },
                "session": { "id": format!("{agent}-session") }, "task": { "id": task, "title": format!("{name} something") },
            }))
            .await;
    }
    // Read models follow a moment later.
    scene.advance(Span::secs(2)).await;
}

async fn offered(fake: &Fake, account: u64, command: &str, typed: (&str, &str)) -> Vec<String> {
    fake.is_offered(fake.says(fake.types(account, command, typed))).await
}

async fn names_that_fit_are_offered(db: Database) {
    let fake = Fake::start().await;
    let scene = scene(db, &fake, "").await;
    fleet(&scene).await;
    let before = *scene.app.door.progress.committed.borrow();
    assert_eq!(offered(&fake, ANA, "agent", ("name", "")).await, ["Debug", "Docs", "\"Web Builder\""]);
    assert_eq!(offered(&fake, ANA, "agent", ("name", "D")).await, ["Debug", "Docs", "\"Web Builder\""]);
    assert_eq!(offered(&fake, VICTOR, "pause", ("target", "\"web")).await, ["\"Web Builder\""]);
    assert_eq!(offered(&fake, ANA, "session", ("id", "docs")).await, ["docs-1-session"]);
    assert_eq!(offered(&fake, ANA, "task", ("id", "t-2")).await, ["T-2"]);
    assert_eq!(offered(&fake, ANA, "task", ("id", "nothing like it")).await, [""; 0]);
    assert_eq!(*scene.app.door.progress.committed.borrow(), before, "what is typed is nobody's word yet");
    // What is chosen is a line that works.
    let chosen = fake.command(VICTOR, "agent", &[("name", "\"Web Builder\"")]);
    assert!(super::said(&scene, &fake, chosen).await.contains("Web Builder"));
    scene.finish(&[]).await;
}

async fn whoever_sees_a_part_is_offered_that_part(db: Database) {
    let fake = Fake::start().await;
    let part = "[[people.dora.deny]]\nwithin = { agents = [\"docs-*\", \"build-*\"] }\n";
    let config = config(&fake, "") + part;
    let scene = Scene::start(db, &config).await;
    fake.until("the bot is connected", |memory| memory.identified > 0 && !memory.commands.is_null()).await;
    fleet(&scene).await;
    assert_eq!(offered(&fake, ANA, "agent", ("name", "")).await, ["Debug"]);
    assert_eq!(offered(&fake, ANA, "session", ("id", "")).await, ["debug-1-session"]);
    assert_eq!(offered(&fake, ANA, "task", ("id", "")).await, ["T-1"]);
    assert_eq!(offered(&fake, VICTOR, "task", ("id", "")).await, ["T-1", "T-2", "T-3"]);
    // A task at which their agent works no more is still one of theirs.
    let next = json!({ "type": "session.started", "agent": { "id": "debug-1", "name": "Debug" },
        "session": { "id": "debug-1-again" }, "task": { "id": "T-4" } });
    scene.event(next).await;
    scene.advance(Span::secs(2)).await;
    let mut tasks = offered(&fake, ANA, "task", ("id", "")).await;
    tasks.sort();
    assert_eq!(tasks, ["T-1", "T-4"]);
    assert_eq!(offered(&fake, ANA, "task", ("id", "T-2")).await, [""; 0]);
    // Nobody whom we know, and a command that is none.
    assert_eq!(offered(&fake, STRANGER, "agent", ("name", "")).await, [""; 0]);
    assert_eq!(offered(&fake, ANA, "no-such-command", ("name", "")).await, [""; 0]);
    scene.finish(&[]).await;
}

async fn among_very_many_the_old_are_found_by_more_letters(db: Database) {
    let fake = Fake::start().await;
    let config = config(&fake, "") + "[[people.dora.deny]]\nwithin = { agents = [\"docs-*\"] }\n";
    let scene = Scene::start(db, &config).await;
    fake.until("the bot is connected", |memory| memory.identified > 0 && !memory.commands.is_null()).await;
    let begins = |agent: &str, number: usize| {
        json!({ "type": "session.started", "agent": { "id": agent }, "session": { "id": format!("Sesión \"{agent}\" {number}") },
            "task": { "id": format!("T_{agent}-{number}"), "title": format!("Ünder {number}") } })
    };
    scene.event(begins("debug-1", 1)).await;
    scene.event(begins("docs-1", 1)).await;
    scene.advance(Span::secs(2)).await;
    for stretch in 0..3 {
        let many: Vec<_> = (0..800).map(|number| begins("docs-1", 1000 + stretch * 800 + number)).collect();
        scene.event(json!(many)).await;
    }
    scene.advance(Span::secs(2)).await;
    let session = |agent: &str, number: usize| format!("\"Sesión \"\"{agent}\"\" {number}\"");
    let hers = session("debug-1", 1);
    // The newest are looked at; of what is older, what fits.
    assert_eq!(offered(&fake, VICTOR, "session", ("id", "")).await.len(), 25);
    assert_eq!(offered(&fake, ANA, "session", ("id", "")).await, [""; 0]);
    for typed in ["debug", "SESIÓN \"debug", "debug-1\" 1"] {
        assert_eq!(offered(&fake, ANA, "session", ("id", typed)).await, [hers.as_str()], "{typed}");
    }
    assert_eq!(offered(&fake, VICTOR, "session", ("id", "debug-1")).await, [hers]);
    assert_eq!(offered(&fake, ANA, "session", ("id", "docs")).await, [""; 0]);
    assert!(offered(&fake, VICTOR, "session", ("id", "Sesión \"docs-1\" 1")).await.len() > 1);
    assert_eq!(offered(&fake, ANA, "task", ("id", "t_debug")).await, ["T_debug-1-1"]);
    assert_eq!(offered(&fake, VICTOR, "task", ("id", "T_debug-1-1 · Ü")).await, ["T_debug-1-1"]);
    assert_eq!(offered(&fake, VICTOR, "session", ("id", "docs-1\" 1000")).await, [session("docs-1", 1000)]);
    scene.finish(&[]).await;
}

async fn a_pushed_question_is_answered_by_a_call(db: Database) {
    let fake = Fake::start().await;
    let public = hex::encode(key().verifying_key().as_bytes());
    let config = config(&fake, &format!("public_key = \"{public}\""));
    let portal = json!({ "interactions_endpoint_url": "https://sereno.example/channels/dc" });
    fake.change(|memory| memory.application = portal);
    let scene = Scene::start(db, &config).await;
    fleet(&scene).await;
    let asked = fake.types(ANA, "agent", ("name", "de"));
    let id: u64 = asked["id"].as_str().unwrap().parse().unwrap();
    let body = asked.to_string();
    let headers = signed(body.as_bytes(), scene.now().0 / 1000);
    let sent = scene.client.post(scene.url("/channels/dc")).headers(headers).body(body).send().await.unwrap();
    assert_eq!(sent.status(), 202);
    assert_eq!(fake.is_offered(id).await, ["Debug", "\"Web Builder\""]);
    scene.finish(&[]).await;
}
