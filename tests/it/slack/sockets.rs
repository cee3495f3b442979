//! Socket Mode: what comes over it is confirmed once it is stored, counts once, and goes on when connections break.

use std::sync::Arc;

use serde_json::json;
use sereno::channel::Channel as _;

use super::fake::Fake;
use super::{Hand, adapter, restarted, scene, taken};
use crate::database::{Database, on_both};

/// An adapter that listens, with its inbox; it ends with the test.
async fn listening(fake: &Fake) -> Arc<Hand> {
    let (slack, hand) = (adapter(fake), Arc::new(Hand::default()));
    slack.prepare().await.unwrap();
    let inbox = hand.clone();
    tokio::spawn(async move { slack.listen(inbox.as_ref()).await });
    // With both open, nothing changes over which of them frames come.
    fake.until("both connections are open", |memory| memory.hellos > 1).await;
    hand
}

#[tokio::test]
async fn what_is_not_stored_is_not_confirmed() {
    let fake = Fake::start().await;
    let hand = listening(&fake).await;
    *hand.broken.lock().unwrap() = true;
    let payload = fake.direct("U77", "agents");
    let lost = fake.says(&payload);
    // Frames are taken one after the other, so what follows is confirmed after it.
    let envelope = json!({ "type": "something_new", "envelope_id": "e-new", "payload": { "x": 1 } });
    fake.sends(&envelope);
    fake.acked("e-new").await;
    assert_eq!(fake.memory().acks, ["e-new"]);
    *hand.broken.lock().unwrap() = false;
    // Slack sends it again, in an envelope of its own.
    let again = fake.says(&payload);
    fake.acked(&again).await;
    assert_eq!(fake.memory().acks, ["e-new".to_owned(), again]);
    assert!(!fake.memory().acks.contains(&lost));
    let keys: Vec<String> = hand.said.lock().unwrap().iter().map(|said| said.key.clone()).collect();
    assert_eq!((keys.len(), &keys[0]), (2, &keys[1]));
}

#[tokio::test]
async fn nobodys_word_and_what_cannot_be_read_are_confirmed_and_left() {
    let fake = Fake::start().await;
    let hand = listening(&fake).await;
    let mut foreign = fake.direct("U77", "agents");
    foreign["team_id"] = json!("T2");
    fake.acked(&fake.says(&foreign)).await;
    let mut odd = fake.direct("U77", "agents");
    odd["event"] = json!({ "type": "brain_wave", "strength": 3 });
    fake.acked(&fake.says(&odd)).await;
    for (id, payload) in [("e-1", json!(null)), ("e-2", json!([])), ("e-3", json!("x"))] {
        for kind in ["slash_commands", "interactive", "events_api"] {
            let id = format!("{id}-{kind}");
            fake.sends(&json!({ "type": kind, "envelope_id": id, "payload": payload }));
            fake.acked(&id).await;
        }
    }
    fake.sends(&json!({ "no": "frame" }));
    fake.sends(&json!([1, 2]));
    fake.acked(&fake.says(&fake.direct("U77", "agents"))).await;
    assert_eq!(hand.said.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_token_that_slack_does_not_take_is_told_with_its_remedy() {
    let fake = Fake::start().await;
    let slack = super::adapter_at(&fake.url(), sereno::channel::slack::Way::Socket("xapp-another".into()));
    slack.prepare().await.unwrap();
    let why = slack.listen(&Hand::default()).await;
    assert!(why.starts_with("Socket Mode: Slack does not take this token (invalid_auth)"), "{why}");
    assert!(why.contains("connections:write") && !why.contains("another"), "{why}");
}

#[tokio::test]
async fn an_app_whose_sockets_are_switched_off_is_told() {
    let fake = Fake::start().await;
    let slack = adapter(&fake);
    slack.prepare().await.unwrap();
    let hand = Hand::default();
    let (why, ()) = tokio::join!(slack.listen(&hand), async {
        fake.until("a connection is open", |memory| memory.hellos > 0).await;
        fake.sends(&json!({ "type": "disconnect", "reason": "link_disabled", "debug_info": { "host": "applink" } }));
    });
    assert!(why.contains("switch it on"), "{why}");
}

on_both![the_same_envelope_counts_once, connections_that_end_are_made_again, the_window_brings_the_words_of_a_no,];

async fn the_same_envelope_counts_once(db: Database) {
    let fake = Fake::start().await;
    let scene = scene(db, &fake, "").await;
    scene.asks("q1", "pytest tests/").await;
    let tap = fake.envelope(&fake.tap("D77", "U77", &fake.newest("D77"), "✅"));
    let command = fake.command("D77", "U77", "/sereno", "whoami");
    for _ in 0..3 {
        let before = fake.memory().acks.len();
        fake.sends(&tap);
        taken(&scene, &fake, &command).await;
        fake.until("both are confirmed", |memory| memory.acks.len() == before + 2).await;
    }
    assert_eq!(scene.fleet.heard(), ["control.decide approved"]);
    assert_eq!(fake.channel("D77").len(), 2);
    // So it does after a restart.
    let scene = restarted(scene, &fake).await;
    taken(&scene, &fake, &command).await;
    assert_eq!(fake.channel("D77").len(), 2);
    assert_eq!(fake.answered(1).await.len(), 1);
    scene.finish(&[]).await;
}

async fn connections_that_end_are_made_again(db: Database) {
    let fake = Fake::start().await;
    let scene = scene(db, &fake, "").await;
    let mut said = 0;
    let frames = [
        Some(json!({ "type": "disconnect", "reason": "refresh_requested", "debug_info": { "host": "applink" } })),
        Some(json!({ "type": "disconnect", "reason": "warning" })),
        None,
    ];
    for frame in frames {
        let hellos = fake.memory().hellos;
        match frame {
            Some(frame) => fake.sends(&frame),
            None => fake.cuts(),
        }
        fake.until("a new connection is open", |memory| memory.hellos > hellos).await;
        taken(&scene, &fake, &fake.direct("U77", "whoami")).await;
        said += 1;
        assert_eq!(fake.channel("D77").len(), said);
    }
    assert_eq!(scene.app.door.health.channels()["team"].trouble, None);
    scene.finish(&[]).await;
}

async fn the_window_brings_the_words_of_a_no(db: Database) {
    let fake = Fake::start().await;
    let scene = scene(db, &fake, "").await;
    scene.asks("q1", "make deploy").await;
    let card = fake.newest("D1234");
    taken(&scene, &fake, &fake.tap("D1234", "U1234", &card, "💬")).await;
    fake.until("a window is open", |memory| memory.views.len() == 1).await;
    let (_, view) = fake.memory().views[0].clone();
    assert_eq!(view["blocks"][0]["label"]["text"], "Tus palabras");
    assert_eq!(view["submit"]["text"], "Enviar");
    assert!(scene.fleet.calls().is_empty(), "nothing is decided by opening a window");
    let words = fake.words("U1234", "hoy es viernes\n<!channel>");
    for _ in 0..2 {
        taken(&scene, &fake, &words).await;
    }
    assert_eq!(scene.fleet.heard(), ["control.decide denied"]);
    let now = fake.newest("D1234");
    assert!(now.text().starts_with("❌ Rechazado por victor · Slack · 09:00"), "{}", now.text());
    assert!(now.text().contains("hoy es viernes") && !now.has_buttons(), "{}", now.text());
    assert_eq!(fake.answered(1).await.len(), 1);
    // A trigger that has expired opens nothing; whoever tapped is told how else to answer.
    scene.asks("q2", "make deploy").await;
    let late = fake.tap("D77", "U77", &fake.newest("D77"), "💬");
    fake.change(|memory| memory.triggers.clear());
    taken(&scene, &fake, &late).await;
    let told = fake.answered(2).await.pop().unwrap();
    assert!(told.starts_with("The window could not be opened"), "{told}");
    // Words for a card that is over change nothing.
    taken(&scene, &fake, &fake.tap("D77", "U77", &fake.newest("D77"), "✅")).await;
    assert_eq!(scene.fleet.heard(), ["control.decide denied", "control.decide approved"]);
    scene.finish(&[]).await;
}
