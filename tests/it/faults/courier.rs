//! What holds back what: order within a conversation, its bounds, rows over which the courier breaks down, and rows
//! that were given up.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::json;
use sereno::channel::token::Tokens;
use sereno::channel::{Channel, Outgoing, Verdict, carries};
use sereno::clock::{CountingEntropy, ManualClock, Sources, within};
use sereno::core::policy::ChannelPolicy;
use sereno::core::step::step;
use sereno::core::time::Span;
use sereno::courier::Courier;
use sereno::engine::{Keeper, NewInput};
use sereno::health::Health;
use sereno::render::plain;
use sereno::stop::Stopper;

use crate::database::{Database, on_both};
use crate::scene::{PATIENCE, Scene};
use crate::sim::{Sim, at, policy};
use crate::store::night::LEASE;
use crate::telegram::fake::{Fake, TOKEN};
use crate::telegram::faults::Fault;

on_both![
    a_message_that_fails_holds_back_those_behind_it_and_nothing_more_urgent,
    a_message_holds_back_no_longer_than_a_minute,
    what_breaks_the_courier_twice_becomes_a_plain_word,
    what_was_given_up_is_tried_again_with_its_identity,
    a_question_that_is_over_is_not_asked_again,
];

const LATER: Fault = Fault::Refusal(429, "Too Many Requests: slow down");
const REFUSED: Fault = Fault::Refusal(400, "Bad Request: BUTTON_DATA_INVALID");

async fn scene(db: Database, fake: &Fake) -> Scene {
    let url = fake.url();
    let channel = format!("kind = \"telegram\"\ntoken = \"{TOKEN}\"\napi_url = \"{url}\"\nper_chat = 1e6\nrate = 1e6");
    let scene =
        Scene::start(db, &format!("[channels.tg]\n{channel}\n[[routes]]\nmatch = \"\"\nto = [\"tg:77\"]\n")).await;
    fake.until("the bot has begun to poll", |memory| memory.polls() > 0).await;
    scene
}

async fn completed(scene: &Scene, task: &str) {
    let task = json!({ "id": task, "title": "A task" });
    scene.event(json!({ "type": "task.completed", "agent": { "id": "a" }, "task": task })).await;
    scene.settle().await;
}

/// Which of the words each message of the chat holds.
fn told(fake: &Fake, words: &[&str]) -> Vec<String> {
    let word = |text: &str| words.iter().find(|word| text.contains(**word)).map(|word| (*word).to_owned());
    fake.chat(77).iter().filter_map(|message| word(&message.text)).collect()
}

async fn a_message_that_fails_holds_back_those_behind_it_and_nothing_more_urgent(db: Database) {
    let fake = Fake::start().await;
    let scene = scene(db, &fake).await;
    fake.fails("sendMessage", LATER);
    for task in ["T-1", "T-2", "T-3"] {
        completed(&scene, task).await;
    }
    assert!(fake.chat(77).is_empty());
    scene.asks("q1", "make it").await;
    let words = ["T-1", "T-2", "T-3", "make it"];
    assert_eq!(told(&fake, &words), ["make it"], "a question does not wait behind news");
    scene.advance(Span::secs(31)).await;
    assert_eq!(told(&fake, &words), ["make it", "T-1", "T-2", "T-3"]);
    scene.finish(&["trouble"]).await;
}

async fn a_message_holds_back_no_longer_than_a_minute(db: Database) {
    let fake = Fake::start().await;
    let scene = scene(db, &fake).await;
    fake.fails("sendMessage", LATER);
    fake.fails("sendMessage", LATER);
    completed(&scene, "T-1").await;
    completed(&scene, "T-2").await;
    scene.advance(Span::secs(59)).await;
    assert!(fake.chat(77).is_empty());
    scene.advance(Span::secs(2)).await;
    assert_eq!(told(&fake, &["T-1", "T-2"]), ["T-2"]);
    scene.advance(Span::mins(3)).await;
    assert_eq!(told(&fake, &["T-1", "T-2"]), ["T-2", "T-1"], "overtaken, and not lost");
    scene.finish(&["trouble"]).await;
}

/// A channel that breaks down over some messages.
#[derive(Default)]
struct Brittle {
    sent: Mutex<Vec<String>>,
    broke: Mutex<usize>,
}

#[async_trait]
impl Channel for Brittle {
    fn policy(&self) -> ChannelPolicy {
        carries("web")
    }

    async fn send(&self, out: &Outgoing) -> Verdict {
        let text = plain(&out.doc);
        if text.contains("T-1") {
            *self.broke.lock().unwrap() += 1;
            panic!("this one is too much");
        }
        self.sent.lock().unwrap().push(text);
        Verdict::Sent(out.copy.to_string())
    }

    async fn edit(&self, out: &Outgoing, _receipt: &str) -> Verdict {
        self.send(out).await
    }
}

async fn what_breaks_the_courier_twice_becomes_a_plain_word(db: Database) {
    let store = db.open().await;
    let clock = ManualClock::new(at("09:00"));
    let sources = Sources { clock: Arc::new(clock.clone()), entropy: Arc::new(CountingEntropy::default()), step };
    let mut wanted = policy();
    wanted.channels.remove("tg");
    wanted.people.remove("victor");
    let (keeper, log, progress) = Keeper::start(store.clone(), sources.clone(), LEASE, wanted).await.unwrap();
    let (engine_stopper, stop) = Stopper::new();
    let folding = tokio::spawn(keeper.run(stop));
    let brittle = Arc::new(Brittle::default());
    let channels: HashMap<String, Arc<dyn Channel>> = [("page".to_owned(), brittle.clone() as Arc<dyn Channel>)].into();
    let courier = Courier {
        store: store.clone(),
        log: log.clone(),
        sources,
        channels: Arc::new(channels),
        runtimes: Arc::default(),
        tokens: Tokens::new([7; 32], 1),
        progress,
        health: Arc::new(Health::new(at("09:00"))),
    };
    let (courier_stopper, stop) = Stopper::new();
    let carrying = tokio::spawn(courier.run(stop));
    let mut sim = Sim::new();
    sim.delivers = false;
    for task in ["T-1", "T-2"] {
        let task = json!({"id": task, "title": "A task"});
        sim.event(json!({"type": "task.completed", "agent": {"id": "a"}, "task": task}));
        let body = sim.log.last().unwrap().body.clone();
        log.append_one(NewInput::unkeyed(body)).await.unwrap();
    }
    let done = within(PATIENCE, async {
        loop {
            let rows = store.list_outbox(100).await.unwrap();
            if !rows.is_empty() && rows.iter().all(|row| row.state == "dead") {
                return rows;
            }
            clock.advance(Span::secs(5));
            let _a_moment = within(Duration::from_millis(20), std::future::pending::<()>()).await;
        }
    });
    let dead = done.await.expect("it comes to rest");
    assert_eq!(dead.len(), 1, "{dead:#?}");
    assert!(dead[0].error.as_deref().unwrap().contains("broke down"), "{dead:#?}");
    assert_eq!(*brittle.broke.lock().unwrap(), 2);
    let sent = brittle.sent.lock().unwrap().join("\n");
    assert!(sent.contains("T-2") && sent.contains("could not be rendered"), "{sent}");
    courier_stopper.stop();
    carrying.await.unwrap();
    engine_stopper.stop();
    folding.await.unwrap();
    store.close().await;
}

async fn what_was_given_up_is_tried_again_with_its_identity(db: Database) {
    let fake = Fake::start().await;
    let scene = scene(db, &fake).await;
    let victor = scene.visitor("victor").await;
    for n in 0..3 {
        fake.fails("sendMessage", REFUSED);
        completed(&scene, &format!("T-{n}")).await;
    }
    let dead = scene.outbox().await;
    assert!(dead.len() == 3 && dead.iter().all(|row| row.state == "dead"), "{dead:#?}");
    victor.says(&scene, "/dead").await;
    let text = victor.card(&scene, "dead").await.text();
    assert!(text.starts_with("📭 3") && text.contains("BUTTON_DATA_INVALID"), "{text}");
    let (status, said) = victor.says(&scene, &format!("/outbox drop {}", dead[0].id)).await;
    assert_eq!(status, 409, "a reason is missing: {said}");
    assert_eq!(victor.says(&scene, &format!("/outbox drop {} why: read", dead[0].id)).await.0, 200);
    scene.advance(Span::mins(10)).await;
    assert_eq!(victor.says(&scene, "/outbox retry all since:5m").await.0, 409, "nothing was given up so lately");
    assert_eq!(victor.says(&scene, "/outbox retry all since:1h via:tg").await.0, 200);
    let chat = fake.chat(77);
    assert_eq!(chat.len(), 2);
    assert!(chat.iter().all(|message| message.text.contains("delayed, originally 09:00")), "{chat:#?}");
    scene.finish(&[]).await;
}

async fn a_question_that_is_over_is_not_asked_again(db: Database) {
    let fake = Fake::start().await;
    let scene = scene(db, &fake).await;
    let victor = scene.visitor("victor").await;
    let ana = scene.visitor("ana").await;
    fake.fails("sendMessage", REFUSED);
    scene.asks("q1", "make it").await;
    let card = ana.card(&scene, "approval").await;
    assert!(card.text().contains("Telegram did not take this"), "{}", card.text());
    ana.taps(&scene, &card.yes()).await;
    assert_eq!(scene.fleet.heard(), ["control.decide approved"]);
    let dead = scene.outbox().await;
    let (status, said) = victor.says(&scene, &format!("/outbox retry {}", dead[0].id)).await;
    assert_eq!(status, 409, "{said}");
    assert!(fake.chat(77).is_empty());
    assert_eq!(victor.says(&scene, &format!("/outbox drop {} why: over", dead[0].id)).await.0, 200);
    scene.finish(&[]).await;
}

/// Behind is not stuck: a supervisor that ends a process for having much to do makes it worse, and so does a load
/// balancer that takes it out.
#[test]
fn a_courier_with_much_to_do_does_not_hang() {
    let health = Health::new(at("09:00"));
    let late = |now: &str| health.courier_hangs(at("08:00"), at(now));
    assert!(!late("09:01"), "a start has a minute to begin");
    assert!(late("09:02"));
    health.courier_works(at("09:02"));
    assert!(!late("09:03"));
    assert!(late("09:04"));
    assert!(!health.courier_hangs(at("09:04"), at("09:05")), "what has just become due is not late");
}
