//! Everything that is sent to Discord, judged by Discord's own description of its API.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use sereno::channel::{Channel as _, Outgoing, Verdict};

use super::fake::{CHANNEL, Fake};
use super::people::at_home;
use super::{ANA, adapter, said, scene};
use crate::database;
use crate::render::scenes;

/// What the description finds wrong with each request.
fn judged(calls: &[(String, Value)]) -> Vec<Vec<String>> {
    let python = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/.cache/python/bin/python");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/discord/judge.py");
    let mut judge = Command::new(python);
    let judge = judge.arg(script).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut judge = judge.spawn().expect("jsonschema is there: run ./tests/run");
    let lines: Vec<String> =
        calls.iter().map(|(call, body)| json!({ "call": call, "body": body }).to_string()).collect();
    let mut input = judge.stdin.take().unwrap();
    let writer = std::thread::spawn(move || input.write_all(lines.join("\n").as_bytes()).unwrap());
    let told = judge.wait_with_output().unwrap();
    writer.join().unwrap();
    let told = String::from_utf8(told.stdout).unwrap();
    let told: Vec<Vec<String>> = told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(told.len(), calls.len(), "every request was judged");
    told
}

fn assert_taken(fake: &Fake) {
    let calls = fake.memory().calls.clone();
    assert!(calls.len() > 5, "{}", calls.len());
    let faults: Vec<String> = judged(&calls).into_iter().flatten().collect();
    assert!(faults.is_empty(), "{faults:#?}");
}

#[tokio::test]
async fn registration_and_every_message_are_as_discord_describes_them() {
    let fake = Fake::start().await;
    let channel = adapter(&fake);
    channel.prepare().await.unwrap();
    for (name, out) in scenes::outgoing(&CHANNEL.to_string()) {
        let Verdict::Sent(receipt) = channel.send(&out).await else { panic!("{name} was not sent") };
        let changed = Outgoing { version: 2, ..out.clone() };
        assert!(matches!(channel.edit(&changed, &receipt).await, Verdict::Sent(_)), "{name} was not changed");
        let under = Outgoing { id: format!("{}-under", out.id), under: Some(receipt), ..out };
        assert!(matches!(channel.send(&under).await, Verdict::Sent(_)), "{name} was not sent under another");
    }
    assert_taken(&fake);
}

#[tokio::test]
async fn conversations_are_as_discord_describes_them() {
    let fake = Fake::start().await;
    let scene = scene(database::sqlite().await, &fake, "").await;
    scene.asks("q1", "pytest tests/ <&> @everyone").await;
    for line in ["agents", "cost", "help"] {
        said(&scene, &fake, fake.command(ANA, line, &[])).await;
    }
    said(&scene, &fake, fake.command(ANA, "agent", &[("agent", "nobody")])).await;
    let card = fake.home(ANA).pop().unwrap();
    let asked = fake.says(fake.tap(ANA, &card, &card.button("💬")));
    fake.until("words are asked for", |memory| memory.asked[&asked].modal.is_some()).await;
    let mut words = fake.words(asked, "not on a Friday");
    at_home(&mut words);
    said(&scene, &fake, words).await;
    let home: Vec<String> = fake.home(ANA).into_iter().map(|message| message.text).collect();
    assert!(home.iter().any(|text| text.contains("not on a Friday")), "{home:#?}");
    assert_taken(&fake);
    scene.finish(&[]).await;
}

#[test]
fn a_judge_that_finds_nothing_anywhere_would_be_no_judge() {
    let long = "x".repeat(4100);
    let post = |body: Value| ("POST /channels/500/messages".to_owned(), body);
    let button = |id: String| json!({ "type": 2, "style": 1, "label": "a", "custom_id": id });
    let row = |id: String| post(json!({ "content": "a", "components": [{ "type": 1, "components": [button(id)] }] }));
    let told = judged(&[
        post(json!({ "content": long })),
        row("y".repeat(101)),
        post(json!({ "embeds": "none" })),
        ("PUT /applications/4242/commands".into(), json!([{ "name": "agents", "description": "y".repeat(101) }])),
        ("POST /channels/500/nothing".into(), json!({})),
        ("GET /gateway/bot".into(), json!({ "a": 1 })),
        post(json!({ "content": "hello" })),
        row("y".repeat(100)),
    ]);
    let wrong: Vec<bool> = told.iter().map(|faults| !faults.is_empty()).collect();
    assert_eq!(wrong, [true, true, true, true, true, true, false, false], "{told:#?}");
}
