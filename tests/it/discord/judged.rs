//! Everything that is sent to Discord, judged by Discord's own description of its API.

use std::sync::Arc;

use serde_json::{Value, json};
use sereno::channel::{Channel as _, Outgoing, Verdict};

use super::fake::{CHANNEL, Fake};
use super::people::at_home;
use super::prism::Prism;
use super::{ANA, adapter, said, scene};
use crate::database;
use crate::render::scenes;

#[tokio::test]
async fn everything_that_is_sent_is_as_discord_describes_it() {
    let prism = Arc::new(Prism::start());
    registration_and_every_message(&prism).await;
    conversations(&prism).await;
    what_does_not_fit(&prism).await;
}

fn assert_taken(fake: &Fake) {
    let memory = fake.memory();
    assert!(memory.calls.len() > 5, "{}", memory.calls.len());
    assert!(memory.misfits.is_empty(), "{:#?}", memory.misfits);
}

async fn registration_and_every_message(prism: &Arc<Prism>) {
    let fake = Fake::judged_by(prism).await;
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

async fn conversations(prism: &Arc<Prism>) {
    let fake = Fake::judged_by(prism).await;
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

/// A judge that finds nothing anywhere would be no judge.
async fn what_does_not_fit(prism: &Prism) {
    let post = |body: Value| ("POST /channels/500/messages", body);
    let button = |id: String| json!({ "type": 2, "style": 1, "label": "a", "custom_id": id });
    let row = |id: String| post(json!({ "content": "a", "components": [{ "type": 1, "components": [button(id)] }] }));
    for (wrong, (call, body)) in [
        (true, post(json!({ "content": "x".repeat(4100) }))),
        (true, row("y".repeat(101))),
        (true, post(json!({ "embeds": "none" }))),
        (true, ("PUT /applications/4242/commands", json!([{ "name": "agents", "description": "y".repeat(101) }]))),
        (true, ("POST /channels/500/nothing", json!({}))),
        (false, post(json!({ "content": "hello" }))),
        (false, row("y".repeat(100))),
    ] {
        let faults = prism.faults(call, &body).await;
        assert_eq!(!faults.is_empty(), wrong, "{call} {body}: {faults:#?}");
    }
}
