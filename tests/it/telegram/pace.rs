//! How fast a conversation is fed: a burst at once, then no faster than the platform takes, each chat for itself.

use serde_json::json;
use sereno::core::time::Span;

use super::config;
use super::fake::Fake;
use crate::database;
use crate::scene::Scene;

/// Messages in a chat, once no more come while the clock stands.
async fn taken(fake: &Fake, chat: i64, wanted: usize) {
    fake.until(&format!("{wanted} messages in {chat}"), |memory| memory.chat(chat).len() == wanted).await;
    fake.soon(|memory| memory.chat(chat).len() > wanted).await;
    assert_eq!(fake.chat(chat).len(), wanted);
}

#[tokio::test]
async fn a_chat_is_fed_a_burst_and_then_one_message_a_second() {
    let fake = Fake::start().await;
    let scene = Scene::start(database::sqlite().await, &config(&fake.url(), "per_chat = 1\nrate = 0", "")).await;
    for n in 1..=8 {
        let task = json!({ "id": format!("T-{n}"), "title": "A task" });
        scene.event(json!({ "type": "task.completed", "agent": { "id": "a" }, "task": task })).await;
    }
    for chat in [77, 1234, 5] {
        taken(&fake, chat, 5).await;
    }
    for wanted in 6..=8 {
        scene.clock.advance(Span::secs(1));
        for chat in [77, 1234, 5] {
            taken(&fake, chat, wanted).await;
        }
    }
    let told: Vec<bool> = (1..=8).map(|n| fake.chat(77)[n - 1].text.contains(&format!("T-{n} "))).collect();
    assert_eq!(told, [true; 8], "in order");
    scene.finish(&[]).await;
}
