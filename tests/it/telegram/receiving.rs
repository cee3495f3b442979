//! What is somebody's word on Telegram and what is nobody's, by polling and by webhook.

use axum::http::HeaderMap;
use serde_json::{Value, json};
use sereno::channel::{Channel as _, Incoming, PollError, PushError};
use sereno::core::policy::Lang;
use tokio::net::TcpListener;

use super::fake::Fake;
use super::{UNPACED, adapter, config, scene, taken};
use crate::channel::contract::push;
use crate::database::{Database, on_both};
use crate::scene::Scene;

/// What a bot that is pushed makes of an update.
async fn read(change: impl FnOnce(&mut Value)) -> Option<Incoming> {
    let fake = Fake::start().await;
    let telegram = adapter(&fake, true);
    telegram.prepare().await.unwrap();
    let (url, secret) = fake.memory().webhook.clone().unwrap();
    assert_eq!(url, "https://sereno.example/channels/tg");
    let mut update = fake.message("-100500/7", 77, "/agents");
    update["update_id"] = json!(9);
    change(&mut update);
    telegram.pushed(&push(&super::secret(&secret), update.to_string().as_bytes())).unwrap().incoming.pop()
}

#[tokio::test]
async fn a_message_is_its_senders_word() {
    let incoming = read(|update| update["message"]["from"]["language_code"] = json!("es-AR")).await.unwrap();
    assert_eq!((incoming.key.as_str(), incoming.account.as_str()), ("9", "77"));
    assert_eq!((incoming.origin.target.as_str(), incoming.text.as_str()), ("-100500/7", "/agents"));
    assert_eq!(incoming.lang, Some(Lang::Es));
    assert_eq!(incoming.tap, None);
}

#[tokio::test]
async fn forwarded_words_and_other_bots_are_nobodys_word() {
    let forwarded = json!({ "type": "hidden_user", "sender_user_name": "ana", "date": 1 });
    assert_eq!(read(|update| update["message"]["forward_origin"] = forwarded).await, None);
    assert_eq!(read(|update| update["message"]["from"]["is_bot"] = json!(true)).await, None);
    assert_eq!(read(|update| update["message"]["text"] = json!("good morning")).await, None);
    assert_eq!(read(|update| update["message"]["from"] = Value::Null).await, None);
    let edited = |update: &mut Value| *update = json!({ "update_id": 9, "edited_message": update["message"] });
    assert_eq!(read(edited).await, None);
    let post = |update: &mut Value| *update = json!({ "update_id": 9, "channel_post": update["message"] });
    assert_eq!(read(post).await, None);
    let unknown = |update: &mut Value| *update = json!({ "update_id": 9, "brain_wave": { "strength": 3 } });
    assert_eq!(read(unknown).await, None);
}

#[tokio::test]
async fn an_anonymous_admin_is_known_to_be_unknown() {
    let from = json!({ "id": 1_087_968_824, "is_bot": true, "first_name": "Group", "username": "GroupAnonymousBot" });
    let incoming = read(|update| update["message"]["from"] = from).await.unwrap();
    assert_eq!((incoming.account.as_str(), incoming.display), ("anonymous", None));
}

#[tokio::test]
async fn a_push_needs_the_secret() {
    let fake = Fake::start().await;
    let telegram = adapter(&fake, true);
    telegram.prepare().await.unwrap();
    let (_, secret) = fake.memory().webhook.clone().unwrap();
    assert!((32..=256).contains(&secret.len()) && secret.chars().all(|c| c.is_ascii_alphanumeric()));
    assert_eq!(telegram.pushed(&push(&HeaderMap::new(), b"{}")), Err(PushError::Forged));
    for wrong in ["", "guess", &secret[1..], &*secret.to_uppercase()] {
        assert_eq!(telegram.pushed(&push(&super::secret(wrong), b"{}")), Err(PushError::Forged), "{wrong:?}");
    }
    let headers = super::secret(&secret);
    for body in ["", "{", "[]", "{}", "null", "{\"message\":{}}"] {
        assert_eq!(telegram.pushed(&push(&headers, body.as_bytes())), Err(PushError::Unreadable), "{body}");
    }
    // Each way of receiving excludes the other.
    assert!(matches!(telegram.poll(0).await, Err(PollError::NotPolled)));
    assert_eq!(adapter(&fake, false).pushed(&push(&headers, b"{}")), Err(PushError::NotPushed));
}

#[tokio::test]
async fn a_poll_goes_on_where_it_stopped() {
    let fake = Fake::start().await;
    let telegram = adapter(&fake, false);
    let (_, last) = (fake.says("77", 77, "/agents"), fake.update(json!({ "brain_wave": {} })));
    let polled = telegram.poll(0).await.unwrap();
    assert_eq!((polled.incoming.len(), polled.next), (1, last + 1));
    // What was not confirmed comes again, and what arrives while we wait comes at once.
    assert_eq!(telegram.poll(0).await.unwrap().incoming, polled.incoming);
    let (polled, said) = tokio::join!(telegram.poll(last + 1), async { fake.says("77", 77, "/status") });
    assert_eq!(polled.unwrap().next, said + 1);
}

on_both![
    what_is_typed_is_answered_there,
    a_stranger_and_an_anonymous_admin_are_refused,
    nothing_is_lost_when_telegram_is_away_at_the_start,
    a_pushed_command_runs_once,
];

async fn what_is_typed_is_answered_there(db: Database) {
    let fake = Fake::start().await;
    let scene = scene(db, &fake, "").await;
    scene.event(json!({ "type": "agent.started", "agent": { "id": "build-1" } })).await;
    let said = fake.says("-100500/7", 77, "/agents@sereno_bot");
    taken(&scene, &fake, said).await;
    let answer = fake.newest(-100_500);
    assert_eq!(answer.topic, Some(7));
    assert!(answer.text.contains("build-1"), "{}", answer.text);
    // The same update once more, as after a confirmation that was lost: no second answer.
    let update = fake.message("77", 77, "/agents");
    let first = fake.update(update.clone());
    taken(&scene, &fake, first).await;
    let mut again = update;
    again["update_id"] = json!(first);
    fake.repeats(again);
    let last = fake.says("77", 77, "/whoami");
    taken(&scene, &fake, last).await;
    assert_eq!(fake.chat(77).len(), 2, "{:#?}", fake.chat(77));
    scene.finish(&[]).await;
}

async fn a_stranger_and_an_anonymous_admin_are_refused(db: Database) {
    let fake = Fake::start().await;
    let scene = scene(db, &fake, "").await;
    let said = fake.says("666", 666, "/kill build-1");
    taken(&scene, &fake, said).await;
    assert!(fake.newest(666).text.contains("666"), "{}", fake.newest(666).text);
    let mut update = fake.message("-100500", 1, "/agents");
    update["message"]["from"] = json!({ "id": 1_087_968_824, "is_bot": true, "first_name": "Group" });
    update["message"]["sender_chat"] = update["message"]["chat"].clone();
    let said = fake.update(update);
    taken(&scene, &fake, said).await;
    let refusal = fake.newest(-100_500).text;
    assert!(refusal.contains("anonymous"), "{refusal}");
    assert!(scene.fleet.calls().is_empty());
    scene.finish(&[]).await;
}

async fn nothing_is_lost_when_telegram_is_away_at_the_start(db: Database) {
    // A port that was taken and left: nobody listens there yet.
    let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let extra = config(&format!("http://{address}"), UNPACED, "");
    let scene = Scene::start(db, &extra).await;
    scene.asks("q1", "pytest tests/").await;
    assert!(scene.outbox().await.iter().all(|row| row.state == "ready" && row.via == "tg"));
    let health = scene.app.door.health.channels();
    assert_eq!(health["tg"].trouble.as_deref(), Some("Telegram cannot be reached"));
    let fake = Fake::start_at(address).await;
    while fake.memory().polls() == 0 {
        scene.advance(super::MINUTE).await;
        fake.soon(|memory| memory.polls() > 0).await;
    }
    assert_eq!(fake.memory().commands.len(), 2);
    assert_eq!((fake.chat(77).len(), fake.chat(1234).len()), (1, 1));
    assert!(fake.newest(77).text.contains("pytest tests/"));
    let said = fake.taps("77", 77, &fake.newest(77), "✅");
    taken(&scene, &fake, said).await;
    assert_eq!(scene.fleet.heard(), ["control.decide approved"]);
    scene.finish(&["Telegram cannot be reached"]).await;
}

async fn a_pushed_command_runs_once(db: Database) {
    let fake = Fake::start().await;
    let scene = Scene::start(db, &config(&fake.url(), &format!("webhook = true\n{UNPACED}"), "")).await;
    fake.until("the webhook is set", |memory| memory.webhook.is_some()).await;
    let (_, secret) = fake.memory().webhook.clone().unwrap();
    let mut update = fake.message("77", 77, "/whoami");
    update["update_id"] = json!(500);
    let post = async |path: &str, secret: &str, body: String| {
        let request = scene.client.post(scene.url(path)).header("x-telegram-bot-api-secret-token", secret);
        request.body(body).send().await.unwrap().status().as_u16()
    };
    assert_eq!(post("/channels/tg", "guess", update.to_string()).await, 401);
    assert_eq!(post("/channels/tg", "", update.to_string()).await, 401);
    assert_eq!(post("/channels/tg", &secret, "{".into()).await, 400);
    assert_eq!(post("/channels/tg", &secret, "x".repeat(3_000_000)).await, 413);
    assert_eq!(post("/channels/page", &secret, update.to_string()).await, 404);
    assert_eq!(post("/channels/none", &secret, update.to_string()).await, 404);
    scene.settle().await;
    assert!(fake.chat(77).is_empty());
    for _ in 0..2 {
        assert_eq!(post("/channels/tg", &secret, update.to_string()).await, 200);
        scene.settle().await;
        assert_eq!(fake.chat(77).len(), 1);
    }
    assert!(fake.newest(77).text.contains("ana"), "{}", fake.newest(77).text);
    scene.asks("q1", "pytest tests/").await;
    let mut tap = fake.tap("77", 77, &fake.newest(77), super::updates::data(&fake.newest(77), "✅"));
    tap["update_id"] = json!(501);
    for _ in 0..2 {
        assert_eq!(post("/channels/tg", &secret, tap.to_string()).await, 200);
        scene.settle().await;
    }
    assert_eq!(scene.fleet.heard(), ["control.decide approved"]);
    assert_eq!(fake.memory().toasts.len(), 1);
    scene.finish(&[]).await;
}
