//! F1: every fault between us and Telegram, Slack, Discord or a mail server, and between us and a runtime that is called:
//! what it means is judged right each time, nothing is lost, nothing is followed, nothing is read without end.
//!
//! What Discord and mail servers say is broken by their servers themselves, because a proxy cannot look into TLS and
//! knows no SMTP.

use serde_json::json;
use sereno::channel::slack::Way;
use sereno::channel::telegram::{Settings, Telegram};
use sereno::channel::{Channel, Verdict};
use sereno::core::time::Span;

use super::proxy::{Fault, Proxy, QUICK, SLOW};
use crate::channel::contract::line;
use crate::database;
use crate::discord::{self, faults::Fault as OnDiscord};
use crate::dose;
use crate::email;
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
    let chat = || fake.chat(77).into_iter().map(|message| message.text).collect();
    let line = Line { faults: &QUICK, meets: &|fault| proxy.meets(*fault), requests: &|| proxy.seen(), chat: &chat };
    line.loses_no_question(scene, Span::secs(40), &["trouble"]).await;
}

#[tokio::test]
async fn slack_no_fault_loses_a_question() {
    let fake = Slack::start().await;
    let proxy = Proxy::start(fake.address, "chat.postmessage").await;
    let config = slack::config(&slack_url(&proxy), &slack::with_sockets(), &ROUTE.replace("tg:77", "team:C100"));
    let scene = Scene::start(database::sqlite().await, &config).await;
    fake.until("a connection is open", |memory| memory.hellos > 0).await;
    let chat = || fake.channel("C100").iter().map(slack::fake::Message::text).collect();
    let line = Line { faults: &QUICK, meets: &|fault| proxy.meets(*fault), requests: &|| proxy.seen(), chat: &chat };
    line.loses_no_question(scene, Span::secs(40), &["trouble"]).await;
}

/// What Discord and those before it answer when a message may go through another time.
const DISCORD: [OnDiscord; 20] = [
    OnDiscord::Wait(0.25),
    OnDiscord::Wait(1.5),
    OnDiscord::Wait(7.0),
    answers(429, ("retry-after", "7"), ""),
    answers(429, ("retry-after", "1"), "<html>"),
    answers(429, ("retry-after", "soon"), "{}"),
    answers(429, ("x-none", "1"), "<html>"),
    answers(403, ("x-none", "1"), "<html>banned</html>"),
    answers(404, ("x-none", "1"), "<html>"),
    answers(408, ("x-none", "1"), ""),
    answers(500, ("x-none", "1"), "{}"),
    answers(502, ("x-none", "1"), "<html>"),
    answers(503, ("retry-after", "2"), ""),
    answers(504, ("x-none", "1"), ""),
    answers(302, ("location", "https://evil.example"), ""),
    answers(200, ("x-none", "1"), "not JSON"),
    answers(200, ("x-none", "1"), "{}"),
    answers(200, ("x-none", "1"), "{\"id\":tru"),
    OnDiscord::ResetBefore,
    OnDiscord::ResetAfter,
];

const fn answers(status: u16, field: (&'static str, &'static str), body: &'static str) -> OnDiscord {
    OnDiscord::Raw(status, field, body)
}

#[tokio::test]
async fn discord_no_fault_loses_a_question() {
    let fake = discord::fake::Fake::start().await;
    let config = discord::config(&fake, &ROUTE.replace("tg:77", &format!("dc:{}", discord::fake::CHANNEL)));
    let scene = Scene::start(database::sqlite().await, &config).await;
    let chat = || fake.chat(discord::fake::CHANNEL).into_iter().map(|message| message.text).collect();
    let meets = |fault: &OnDiscord| fake.fails(POSTS, fault.clone());
    let requests = || fake.memory().calls.iter().filter(|(call, _)| call.starts_with(POSTS)).count();
    let line = Line { faults: &DISCORD, meets: &meets, requests: &requests, chat: &chat };
    line.loses_no_question(scene, Span::secs(40), &["trouble"]).await;
}

/// The call by which a message is posted on Discord.
const POSTS: &str = "POST /channels/500";

/// What a mail server answers, and at which command, when a mail may go through another time.
const MAIL: [(&str, &str); 20] = [
    ("mail", "421 4.3.2 going down"),
    ("mail", "450 4.2.1 later"),
    ("mail", "451 4.3.0 later"),
    ("mail", "452 4.3.1 no room"),
    ("mail", "454 4.7.0 later"),
    ("rcpt", "421 4.7.0 too many"),
    ("rcpt", "450 4.2.0 greylisted"),
    ("rcpt", "451 4.7.1 greylisted"),
    ("rcpt", "452 4.2.2 mailbox full"),
    ("rcpt", "450 4.7.25 who are you"),
    ("data", "421 4.3.2 going down"),
    ("data", "450 4.3.0 later"),
    ("data", "451 4.3.0 later"),
    ("data", "452 4.3.1 no room"),
    ("body", "421 4.3.2 going down"),
    ("body", "450 4.3.0 later"),
    ("body", "451 4.3.0 later"),
    ("body", "452 4.3.1 no room"),
    ("cut", ""),
    ("lost", ""),
];

#[tokio::test]
async fn mail_no_fault_loses_a_question() {
    let post = email::plain_post();
    let config = email::config(&post) + &ROUTE.replace("tg:77", &format!("mail:{}", email::ANA));
    let scene = Scene::start(database::sqlite().await, &config).await;
    // Mails of one name are one mail; what happens to a question is another one, which does not show what it asked.
    let chat = || {
        let mut mails = post.to(email::ANA);
        mails.retain(|mail| mail.subject().starts_with('⏳'));
        mails.dedup_by(|a, b| a.raw == b.raw);
        mails.iter().map(email::post::Mail::text).collect()
    };
    let meets = |(at, reply): &(&str, &str)| post.fails(at, reply, 1);
    let line = Line { faults: &MAIL, meets: &meets, requests: &|| 0, chat: &chat };
    line.loses_no_question(scene, Span::mins(4), &["trouble"]).await;
}

/// What can be done to a channel, and what stands in its conversation then.
struct Line<'a, Fault> {
    faults: &'a [Fault],
    /// The next message meets it.
    meets: &'a (dyn Fn(&Fault) + Sync),
    /// Requests until now by which messages are posted.
    requests: &'a (dyn Fn() -> usize + Sync),
    /// Texts, in order.
    chat: &'a (dyn Fn() -> Vec<String> + Sync),
}

impl<Fault: std::fmt::Debug + Sync> Line<'_, Fault> {
    /// A question through each fault is asked within `wait`, once, or twice where nobody can know.
    async fn loses_no_question(&self, scene: Scene, wait: Span, expected: &[&str]) {
        let mut total = 0;
        for (n, fault) in self.faults.iter().enumerate() {
            for round in 0..dose::times(1, 50) {
                (self.meets)(fault);
                let seen = (self.requests)();
                scene.asks(&format!("q{n}-{round}"), &format!("make target-{n}-{round}")).await;
                scene.advance(wait).await;
                let all = (self.chat)();
                let asks = |text: &&String| text.contains(&format!("make target-{n}-{round}"));
                let copies = all[total..].iter().filter(asks).count();
                assert!((1..=2).contains(&copies) && all.len() - total == copies, "{fault:?}: {copies} copies");
                let requests = (self.requests)() - seen;
                assert!(requests <= 2, "{fault:?}: {requests} requests for one message");
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
        scene.finish(expected).await;
    }
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
