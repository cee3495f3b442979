//! F2 to F5: channels that are away for minutes or hours, that want to be left alone, or that come and go; on a clock
//! that only the test moves.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::routing::get;
use serde_json::json;
use sereno::core::delivery::{Class, Copy, gate};
use sereno::core::time::{Span, Ts};
use tokio::net::TcpListener;

use super::proxy::Proxy;
use crate::database::{self, Database, on_both};
use crate::dose;
use crate::scene::Scene;
use crate::slack::{self, fake::Fake as Slack};
use crate::telegram::fake::{Fake, TOKEN as BOT};
use crate::telegram::faults::Fault;

on_both![
    half_an_hour_without_telegram_loses_nothing_and_ends_without_a_storm,
    half_an_hour_without_slack_loses_nothing_and_ends_without_a_storm,
    a_channel_that_comes_and_goes_loses_nothing,
];

const ALARMS: &str = "[[routes]]\nmatch = \"\"\nto = [\"tg:77\"]\n[[rules]]\nname = \"broken\"\nwhen = \"errors('10m') >= 1\"\n\
                      per = \"agent\"\nseverity = \"critical\"\n\
                      [[rules]]\nname = \"silent\"\nwhen = \"idle() > 900\"\nenabled = false\n";

fn config(url: &str, extra: &str) -> String {
    format!(
        "[channels.tg]\nkind = \"telegram\"\ntoken = \"{BOT}\"\napi_url = \"{url}\"\nper_chat = 1e6\nrate = 1e6\n{extra}"
    )
}

async fn start(db: Database, fake: &Fake, extra: &str) -> (Scene, Proxy) {
    let proxy = Proxy::start(fake.address, "message").await;
    let scene = Scene::start(db, &config(&proxy.url(), extra)).await;
    fake.until("the bot has begun to poll", |memory| memory.polls() > 0).await;
    (scene, proxy)
}

/// An agent whose call failed: a critical alert.
fn failure(agent: usize) -> serde_json::Value {
    json!({
        "type": "model.call", "agent": { "id": format!("agent-{agent}") }, "model": "claude-sonnet-4-5",
        "error": { "type": "rate_limit", "message": "no more" },
    })
}

/// Copies on the page of whoever reads the conversation.
async fn told_on_page(scene: &Scene) -> Vec<Copy> {
    let feed = scene.app.door.store.feed("page", "ana", 5000).await.unwrap();
    feed.into_iter().map(|row| row.copy).collect()
}

async fn half_an_hour_without_telegram_loses_nothing_and_ends_without_a_storm(db: Database) {
    let fake = Fake::start().await;
    let (scene, proxy) = start(db, &fake, ALARMS).await;
    half_an_hour_away(scene, proxy, || fake.chat(77).into_iter().map(|message| message.text).collect()).await;
}

async fn half_an_hour_without_slack_loses_nothing_and_ends_without_a_storm(db: Database) {
    let fake = Slack::start().await;
    let proxy = Proxy::start(fake.address, "chat.").await;
    let alarms = ALARMS.replace("tg:77", "team:C100");
    let config = slack::config(&format!("{}/api", proxy.url()), &slack::with_sockets(), &alarms);
    let scene = Scene::start(db, &config).await;
    fake.until("a connection is open", |memory| memory.hellos > 0).await;
    half_an_hour_away(scene, proxy, || fake.channel("C100").iter().map(slack::fake::Message::text).collect()).await;
}

/// `chat` is what stands in the conversation, in order.
async fn half_an_hour_away(scene: Scene, proxy: Proxy, chat: impl Fn() -> Vec<String>) {
    let (steps, each) = (60, dose::times(1, 10));
    proxy.cuts(true);
    let began = scene.now();
    let mut made: Vec<Ts> = Vec::new();
    for step in 0..steps {
        for n in 0..each {
            scene.event(failure(step * each + n)).await;
            made.push(scene.now());
        }
        scene.advance(Span::secs(30)).await;
        let on_time = made.iter().filter(|at| scene.now().since(**at) > Span::secs(130)).count();
        let page = told_on_page(&scene).await.len();
        assert!(page >= on_time, "{page} of {on_time} were told elsewhere in time, at step {step}");
    }
    assert!(chat().is_empty());
    let attempts = proxy.seen();
    assert!(attempts < 40, "{attempts} requests to a channel that is away");
    let told = told_on_page(&scene).await;
    assert!(told.iter().all(|copy| copy.remark.is_some()), "each says why it comes there");
    proxy.cuts(false);
    let mut last = 0;
    for minute in 0..10 {
        scene.advance(Span::mins(1)).await;
        let now = chat().len();
        assert!(minute >= 6 || now - last <= 5, "{} messages in minute {minute}", now - last);
        last = now;
    }
    scene.advance(Span::mins(20)).await;
    let chat = chat();
    let summary = chat.iter().find(|text| text.starts_with("📬")).expect("one message tells what was late");
    // The probe keeps its own message; all others are in the summary.
    let (_, counted) = summary.split_once(": ").unwrap();
    let counted: usize = counted.split(' ').next().unwrap().parse().unwrap();
    assert_eq!(counted, steps * each - 1, "{summary}");
    assert_eq!(told_on_page(&scene).await.len(), steps * each, "nothing was lost");
    assert!(scene.now().since(began) > Span::mins(50));
    scene.finish(&["trouble"]).await;
}

async fn a_channel_that_comes_and_goes_loses_nothing(db: Database) {
    let fake = Fake::start().await;
    let (scene, proxy) = start(db, &fake, ALARMS).await;
    let turns = dose::times(60, 720);
    let mut alerts = 0;
    for turn in 0..turns {
        proxy.cuts(turn % 2 == 1);
        if turn % 5 == 0 {
            scene.event(failure(alerts)).await;
            alerts += 1;
        }
        scene.advance(Span::secs(5)).await;
    }
    proxy.cuts(false);
    scene.advance(Span::mins(30)).await;
    let ana = scene.visitor("ana").await;
    let mut told: Vec<String> = ana.cards(&scene).await.iter().map(crate::scene::Standing::text).collect();
    told.extend(fake.chat(77).into_iter().map(|message| message.text));
    for n in 0..alerts {
        assert!(told.iter().any(|text| text.contains(&format!("agent-{n}"))), "agent-{n}: {told:#?}");
    }
    scene.finish(&["trouble"]).await;
}

#[tokio::test]
async fn with_every_channel_down_the_heartbeat_stops_and_nothing_is_lost() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let beats = Arc::new(AtomicUsize::new(0));
    let count = beats.clone();
    let router = Router::new().route(
        "/ping",
        get(async move || {
            count.fetch_add(1, Ordering::Relaxed);
        }),
    );
    tokio::spawn(async move { axum::serve(listener, router).await });
    let fake = Fake::start().await;
    let extra = format!("[heartbeat]\nurl = \"http://{address}/ping\"\nevery = \"1m\"\n{ALARMS}");
    let (scene, proxy) = start(database::sqlite().await, &fake, &extra).await;
    proxy.cuts(true);
    scene.event(failure(0)).await;
    scene.advance(Span::secs(90)).await;
    let stopped = beats.load(Ordering::Relaxed);
    let hours = dose::times(1, 2);
    for n in 1..hours * 12 {
        scene.event(failure(n)).await;
        scene.advance(Span::mins(5)).await;
    }
    assert_eq!(beats.load(Ordering::Relaxed), stopped, "somebody outside must notice");
    let open = scene.outbox().await.len();
    assert!(open <= hours * 12, "{open} rows for {} alerts", hours * 12);
    proxy.cuts(false);
    scene.advance(Span::mins(30)).await;
    assert!(!fake.chat(77).is_empty());
    assert_eq!(told_on_page(&scene).await.len(), hours * 12);
    scene.finish(&["trouble", "not well"]).await;
}

#[test]
fn a_wish_to_wait_is_kept_whatever_it_is() {
    let now = Ts(1_000_000_000);
    for n in 0..dose::times(100, 1000) {
        let wish = Span::secs(1 + i64::try_from(n).unwrap() * 3599 / 999);
        let wanted = wish.0.min(Span::mins(15).0);
        for class in [Class::Decision, Class::Critical, Class::Warning, Class::Info, Class::Reply] {
            let (id, attempt) = (format!("ob_{n}"), u32::try_from(n % 7).unwrap() + 1);
            let due = class.next_attempt(&id, attempt, 0, now, Some(wish)).unwrap();
            assert!(due.since(now).0 >= wanted, "{class:?} {wish}");
            let bucket = gate(&id, wish).0;
            assert!((wanted..=wanted + wanted / 10).contains(&bucket), "{wish}: {bucket}");
        }
    }
}

#[tokio::test]
async fn nothing_goes_to_a_conversation_that_asked_to_wait() {
    let fake = Fake::start().await;
    let (scene, _proxy) = start(database::sqlite().await, &fake, "[[routes]]\nmatch = \"\"\nto = [\"tg:77\"]\n").await;
    for trial in 0..dose::times(6, 1000) {
        let seconds = u32::try_from(1 + trial * 700 % 3600).unwrap();
        let before = fake.chat(77).len();
        fake.fails("sendMessage", Fault::Wait(seconds));
        for n in 0..2 {
            let task = json!({ "id": format!("T-{trial}-{n}"), "title": "A task" });
            scene.event(json!({ "type": "task.completed", "agent": { "id": "a" }, "task": task })).await;
            scene.settle().await;
        }
        let calls = || -> Vec<serde_json::Value> {
            let sent = |(method, said): &(String, serde_json::Value)| (method == "sendmessage").then(|| said.clone());
            fake.memory().calls.iter().filter_map(sent).collect()
        };
        let asked = calls().len();
        let window = i64::from(seconds).min(15 * 60);
        scene.advance(Span(window * 1000 - 1)).await;
        assert!(calls().len() == asked, "asked to wait {seconds} s: {:#?}", &calls()[asked..]);
        scene.advance(Span::mins(5)).await;
        assert_eq!(fake.chat(77).len(), before + 2, "asked to wait {seconds} s");
    }
    scene.finish(&[]).await;
}
