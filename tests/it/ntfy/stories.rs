//! Whole stories over ntfy.

use serde_json::{Value, json};
use sereno::core::time::Span;

use super::bench::token;
use super::fake::{Fault, Server};
use super::{ANA, TOKEN};
use crate::database::{Database, on_both};
use crate::scene::Scene;

on_both![a_question_is_decided_by_a_tap_on_a_notification, a_server_that_asks_to_wait_is_left_alone,];

async fn start(db: Database, to: &str) -> (Scene, Server) {
    let server = Server::start().await;
    // The person of every scene, with a topic.
    let config = format!(
        "[people.nia]\nrole = \"approver\"\nlang = \"es\"\nntfy = \"{ANA}\"\n\
         [channels.ntfy]\nkind = \"ntfy\"\nurl = \"{}\"\ntoken = \"{TOKEN}\"\nallow_private = true\nrate = 0.0\n\
         [[routes]]\nmatch = \"\"\nto = [{to}]\n",
        server.url()
    );
    (Scene::start(db, &config).await, server)
}

fn action<'a>(message: &'a Value, start: &str) -> &'a Value {
    let actions = message["actions"].as_array().unwrap();
    let found = actions.iter().find(|action| action["label"].as_str().unwrap().starts_with(start));
    found.unwrap_or_else(|| panic!("no button {start} on {message}"))
}

async fn a_question_is_decided_by_a_tap_on_a_notification(db: Database) {
    let (scene, server) = start(db, "\"person:nia\", \"ntfy:everybody\"").await;
    let nia = scene.visitor("nia").await;
    scene.asks("q1", "pytest tests/").await;
    let asked = server.topic(ANA).pop().unwrap();
    assert_eq!(asked["title"], "⏳ build-1 quiere ejecutar: pytest tests/");
    assert_eq!(asked["priority"], 4);
    assert!(asked["message"].as_str().unwrap().contains("    pytest tests/"), "{asked}");
    assert_eq!(server.topic("everybody")[0]["actions"], json!([]));
    // The click leads to the card, where nia is signed in.
    let click = asked["click"].as_str().unwrap().split_once("/c/").unwrap().1;
    assert_eq!(click, nia.card(&scene, "approval").await.card.number.to_string());
    // What the phone does when the button is tapped.
    let yes = action(&asked, "✅");
    assert_eq!(yes["action"], "http");
    let mut request = scene.client.post(scene.url("/m/act")).body(yes["body"].as_str().unwrap().to_owned());
    for (name, value) in yes["headers"].as_object().unwrap() {
        request = request.header(name, value.as_str().unwrap());
    }
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let said: Value = answer.json().await.unwrap();
    assert_eq!(said["text"], "Hecho: aprobado.");
    scene.settle().await;
    assert_eq!(scene.fleet.heard(), ["control.decide approved"]);
    for topic in [ANA, "everybody"] {
        let messages = server.topic(topic);
        assert_eq!(messages.len(), 2, "{messages:?}");
        assert!(messages[1]["title"].as_str().unwrap().contains("nia · ntfy"), "{messages:?}");
        assert_eq!(messages[1]["actions"], json!([]));
    }
    // A tap that comes late is told so.
    let no = json!({ "token": token(action(&asked, "❌")) });
    assert_eq!(scene.client.post(scene.url("/m/act")).json(&no).send().await.unwrap().status(), 410);
    scene.finish(&[]).await;
}

async fn a_server_that_asks_to_wait_is_left_alone(db: Database) {
    let (scene, server) = start(db, "\"person:nia\"").await;
    server.fails([Fault::Says(429, 42901, "limit reached: too many requests", Vec::new())]);
    scene.asks("q1", "pytest tests/").await;
    assert!(server.topic(ANA).is_empty());
    scene.advance(Span::secs(9)).await;
    assert!(server.topic(ANA).is_empty(), "it was asked to wait");
    scene.advance(Span::secs(10)).await;
    assert_eq!(server.topic(ANA).len(), 1);
    scene.advance(Span::mins(30)).await;
    scene.finish(&[]).await;
}
