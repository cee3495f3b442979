//! F1: every fault between us and Telegram or Slack, and between us and a runtime that is called: what it means is judged
//! right each time, nothing is lost, nothing is followed, nothing is read without end.

use serde_json::json;
use sereno::channel::slack::Way;
use sereno::channel::telegram::{Settings, Telegram};
use sereno::channel::{Channel, Verdict};
use sereno::core::time::Span;

use super::proxy::{Fault, Proxy, QUICK, SLOW};
use crate::channel::contract::line;
use crate::database;
use crate::dose;
use crate::scene::Scene;
use crate::slack::{self, fake::Fake as Slack};
use crate::telegram::fake::{Fake, TOKEN};

/// What a send through each fault must be taken for on Telegram, which also says in the body how long to wait.
const fn on_telegram(fault: Fault) -> &'static str {
    match fault {
        Fault::LimitHeader | Fault::LimitFloat | Fault::LimitBody | Fault::LimitDate => "wait 7 s",
        _ => anywhere(fault),
    }
}

/// The same on Slack, which says it in the header alone.
const fn on_slack(fault: Fault) -> &'static str {
    match fault {
        Fault::LimitHeader | Fault::LimitDate => "wait 7 s",
        _ => anywhere(fault),
    }
}

const fn anywhere(fault: Fault) -> &'static str {
    match fault {
        Fault::LimitHeader | Fault::LimitFloat | Fault::LimitBody | Fault::LimitDate | Fault::LimitNone => "not sent",
        Fault::Twice => "sent",
        _ => "uncertain",
    }
}

fn said(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Sent(_) => "sent",
        Verdict::Retry { after: Some(after), uncertain: false, .. } if *after == Span::secs(7) => "wait 7 s",
        Verdict::Retry { after: None, uncertain: true, .. } => "uncertain",
        Verdict::Retry { after: None, uncertain: false, .. } => "not sent",
        _ => "something else",
    }
}

fn telegram(proxy: &Proxy) -> Telegram {
    let settings = Settings {
        name: "tg".into(),
        token: TOKEN.into(),
        api_url: Some(proxy.url().parse().unwrap()),
        webhook: None,
        rate: (1e6, 1e6),
    };
    Telegram::new(settings).unwrap()
}

#[tokio::test]
async fn telegram_every_fault_is_judged_right() {
    let fake = Fake::start().await;
    let proxy = Proxy::start(fake.address, "sendmessage").await;
    every_fault_is_judged_right(&telegram(&proxy), &proxy, ["77", "78"], TOKEN, on_telegram).await;
}

#[tokio::test]
async fn slack_every_fault_is_judged_right() {
    let fake = Slack::start().await;
    let proxy = Proxy::start(fake.address, "chat.postmessage").await;
    let channel = slack::adapter_at(&slack_url(&proxy), Way::Socket(slack::fake::APP.into()));
    every_fault_is_judged_right(&channel, &proxy, ["C100", "C200"], slack::fake::BOT, on_slack).await;
}

fn slack_url(proxy: &Proxy) -> String {
    format!("{}/api", proxy.url())
}

async fn every_fault_is_judged_right(
    channel: &dyn Channel,
    proxy: &Proxy,
    targets: [&str; 2],
    secret: &str,
    meaning: fn(Fault) -> &'static str,
) {
    let times = dose::times(2, 50);
    for fault in QUICK {
        for _ in 0..times {
            proxy.meets(fault);
            let verdict = channel.send(&line(targets[0], "hello")).await;
            assert_eq!(said(&verdict), meaning(fault), "{fault:?} gave {verdict:?}");
            assert!(!format!("{verdict:?}").contains(secret), "{fault:?} told the token");
        }
    }
    assert_eq!(proxy.strangers(), 0, "a redirect was followed");
    let slow = SLOW.map(|fault| {
        proxy.meets(fault);
        fault
    });
    // At the same time: each takes as long as a call may.
    let (a, b) = (line(targets[0], "hello"), line(targets[1], "hello"));
    let both = tokio::join!(channel.send(&a), channel.send(&b));
    assert_eq!((said(&both.0), said(&both.1)), ("uncertain", "uncertain"), "{slow:?}");
    assert_eq!(proxy.seen(), QUICK.len() * times + SLOW.len());
}

const ROUTE: &str = "[[routes]]\nmatch = \"\"\nto = [\"tg:77\"]\n";

fn config(proxy: &Proxy) -> String {
    let url = proxy.url();
    format!(
        "[channels.tg]\nkind = \"telegram\"\ntoken = \"{TOKEN}\"\napi_url = \"{url}\"\nper_chat = 1e6\nrate = 1e6\n{ROUTE}"
    )
}

#[tokio::test]
async fn telegram_no_fault_loses_a_question() {
    let fake = Fake::start().await;
    let proxy = Proxy::start(fake.address, "sendmessage").await;
    let scene = Scene::start(database::sqlite().await, &config(&proxy)).await;
    no_fault_loses_a_question(scene, &proxy, || fake.chat(77).into_iter().map(|message| message.text).collect()).await;
}

#[tokio::test]
async fn slack_no_fault_loses_a_question() {
    let fake = Slack::start().await;
    let proxy = Proxy::start(fake.address, "chat.postmessage").await;
    let config = slack::config(&slack_url(&proxy), &slack::with_sockets(), &ROUTE.replace("tg:77", "team:C100"));
    let scene = Scene::start(database::sqlite().await, &config).await;
    fake.until("a connection is open", |memory| memory.hellos > 0).await;
    no_fault_loses_a_question(scene, &proxy, || fake.channel("C100").iter().map(slack::fake::Message::text).collect())
        .await;
}

/// `chat` is what stands in the conversation, in order.
async fn no_fault_loses_a_question(scene: Scene, proxy: &Proxy, chat: impl Fn() -> Vec<String>) {
    let mut total = 0;
    for (n, fault) in QUICK.into_iter().enumerate() {
        for round in 0..dose::times(1, 50) {
            proxy.meets(fault);
            let seen = proxy.seen();
            scene.asks(&format!("q{n}-{round}"), &format!("make target-{n}-{round}")).await;
            scene.advance(Span::secs(40)).await;
            let all = chat();
            let copies = all[total..].iter().filter(|text| text.contains(&format!("make target-{n}-{round}"))).count();
            assert!((1..=2).contains(&copies) && all.len() - total == copies, "{fault:?}: {copies} copies");
            assert!(proxy.seen() - seen <= 2, "{fault:?}: {} requests for one message", proxy.seen() - seen);
            total = all.len();
            scene
                .event(json!({
                    "type": "approval.cancelled", "agent": { "id": "build-1" }, "session": { "id": "s-1" },
                    "approval": { "id": format!("q{n}-{round}") },
                }))
                .await;
            scene.settle().await;
        }
    }
    scene.finish(&["trouble"]).await;
}

#[tokio::test]
async fn runtime_no_fault_loses_an_order_or_carries_it_out_as_two() {
    let scene = Scene::start(database::sqlite().await, "").await;
    let proxy = Proxy::start(scene.fleet.address, "/control").await;
    let scene = scene.moved_to(&proxy.url()).await;
    let victor = scene.visitor("victor").await;
    scene.event(json!({ "type": "agent.heartbeat", "agent": { "id": "build-1" }, "session": { "id": "s-1" } })).await;
    for (n, fault) in QUICK.into_iter().enumerate() {
        let refused = matches!(fault, Fault::Status(_) | Fault::Redirect) && fault != Fault::Status(500);
        for round in 0..dose::times(1, 50) {
            let before = scene.fleet.calls().len();
            proxy.meets(fault);
            victor.says(&scene, &format!("/tell build words-{n}-{round}")).await;
            scene.advance(Span::mins(1)).await;
            let calls = scene.fleet.calls();
            let mut keys: Vec<&str> = calls[before..].iter().map(|call| call.id.as_str()).collect();
            keys.dedup();
            // `ok: false` is an answer that says nothing, like an empty one.
            let silent = matches!(fault, Fault::NotOk);
            assert_eq!(keys.len(), usize::from(!refused && !silent), "{fault:?}: {:?}", &calls[before..]);
            let card = victor.card(&scene, "control").await.text();
            assert_eq!(card.contains('❌'), refused, "{fault:?}: {card}");
        }
    }
    assert_eq!(proxy.strangers(), 0, "a redirect was followed");
    scene.finish(&[]).await;
}
