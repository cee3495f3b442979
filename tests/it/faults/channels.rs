//! F1: every fault between us and Telegram, and between us and a runtime that is called: what it means is judged right
//! each time, nothing is lost, nothing is followed, nothing is read without end.

use serde_json::json;
use sereno::channel::telegram::{Settings, Telegram};
use sereno::channel::{Channel as _, Verdict};
use sereno::core::time::Span;

use super::proxy::{Fault, Proxy, QUICK, SLOW};
use crate::channel::contract::line;
use crate::database;
use crate::dose;
use crate::scene::Scene;
use crate::telegram::fake::{Fake, TOKEN};

/// What a send through each fault must be taken for.
const fn meaning(fault: Fault) -> &'static str {
    match fault {
        Fault::LimitHeader | Fault::LimitFloat | Fault::LimitBody | Fault::LimitDate => "wait 7 s",
        Fault::LimitNone => "not sent",
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
    let channel = telegram(&proxy);
    let times = dose::times(2, 50);
    for fault in QUICK {
        for _ in 0..times {
            proxy.meets(fault);
            let verdict = channel.send(&line("77", "hello")).await;
            assert_eq!(said(&verdict), meaning(fault), "{fault:?} gave {verdict:?}");
            assert!(!format!("{verdict:?}").contains(TOKEN), "{fault:?} told the token");
        }
    }
    assert_eq!(proxy.strangers(), 0, "a redirect was followed");
    let slow = SLOW.map(|fault| {
        proxy.meets(fault);
        fault
    });
    // At the same time: each takes as long as a call may.
    let (a, b) = (line("77", "hello"), line("78", "hello"));
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
    let mut total = 0;
    for (n, fault) in QUICK.into_iter().enumerate() {
        for round in 0..dose::times(1, 50) {
            proxy.meets(fault);
            let seen = proxy.seen();
            scene.asks(&format!("q{n}-{round}"), &format!("make target-{n}-{round}")).await;
            scene.advance(Span::secs(40)).await;
            let chat = fake.chat(77);
            let copies = chat[total..].iter().filter(|m| m.text.contains(&format!("make target-{n}-{round}"))).count();
            assert!((1..=2).contains(&copies) && chat.len() - total == copies, "{fault:?}: {copies} copies");
            assert!(proxy.seen() - seen <= 2, "{fault:?}: {} requests for one message", proxy.seen() - seen);
            total = chat.len();
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
