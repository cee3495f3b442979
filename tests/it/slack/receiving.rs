//! What is somebody's word on Slack, what is nobody's, and which conversation it belongs to.

use serde_json::{Value, json};
use sereno::channel::slack::Way;
use sereno::channel::{Channel as _, Incoming, Push, Verdict};

use super::fake::Fake;
use super::pushed::signed;
use super::{SIGNING, adapter_at, scene, taken};
use crate::channel::contract::{buttons, line};
use crate::database::{Database, on_both};

/// What a bot that is pushed makes of a payload.
async fn read(fake: &Fake, payload: &Value) -> Option<Incoming> {
    let slack = adapter_at(&fake.url(), Way::Pushed(SIGNING.into()));
    slack.prepare().await.unwrap();
    heard(&slack, payload)
}

fn heard(slack: &sereno::channel::slack::SlackChannel, payload: &Value) -> Option<Incoming> {
    let mut payload = payload.clone();
    let body = if payload["type"] == "event_callback" {
        payload.to_string()
    } else if payload["type"].is_null() {
        let mut form: reqwest::Url = "http://x/".parse().unwrap();
        for (key, value) in payload.as_object().unwrap() {
            form.query_pairs_mut().append_pair(key, value.as_str().unwrap_or_default());
        }
        form.query().unwrap().to_owned()
    } else {
        let mut form: reqwest::Url = "http://x/".parse().unwrap();
        form.query_pairs_mut().append_pair("payload", &payload.take().to_string());
        form.query().unwrap().to_owned()
    };
    let kind = if body.starts_with('{') { "application/json" } else { "application/x-www-form-urlencoded" };
    let (headers, now) = signed(SIGNING, kind, body.as_bytes());
    slack.pushed(&Push { headers: &headers, body: body.as_bytes(), now }).unwrap().incoming.pop()
}

fn changed(payload: &Value, path: &str, value: Value) -> Value {
    let mut payload = payload.clone();
    let (parent, key) = path.rsplit_once('/').unwrap();
    payload.pointer_mut(parent).unwrap()[key] = value;
    payload
}

#[tokio::test]
async fn a_command_is_its_senders_word() {
    let fake = Fake::start().await;
    let cases = [
        ("/sereno", "agents status:error", "agents status:error"),
        ("/sereno", "  /agents ", "/agents"),
        ("/sereno", "", "/help"),
        ("/agents", "team:x", "/agents team:x"),
        ("/agentes", "", "/agentes"),
        ("/Kill", "build-1", "/kill build-1"),
        ("/nightwatch", "no 7K3F not today", "no 7K3F not today"),
        (
            "/sereno",
            "tell a 1 &lt; 2 &amp; <@U5|guest> <#C1|ops> <https://x.org/?a=1&amp;b=2> <http://y.org|y.org>",
            "tell a 1 < 2 & @guest #ops https://x.org/?a=1&b=2 y.org",
        ),
        ("/sereno", "tell a <!here> <!subteam^S1|@crew> a < b", "tell a @here @crew a < b"),
    ];
    for (command, text, wanted) in cases {
        let said = read(&fake, &fake.command("C100", "U77", command, text)).await.unwrap();
        assert_eq!(said.text, wanted);
        assert_eq!((said.account.as_str(), said.origin.target.as_str()), ("U77", "C100"));
        assert!(said.key.starts_with("trigger:"));
    }
    // In a direct conversation everything belongs to the home of whoever speaks there.
    let said = read(&fake, &fake.command("D77", "U77", "/sereno", "agents")).await.unwrap();
    assert_eq!(said.origin.target, "U77");
}

#[tokio::test]
async fn a_mention_and_a_direct_message_are_words() {
    let fake = Fake::start().await;
    let said = read(&fake, &fake.mention("C100", "U77", "<@UB0T> agents &amp; more")).await.unwrap();
    assert_eq!((said.text.as_str(), said.origin.target.as_str()), ("agents & more", "C100"));
    assert!(said.key.starts_with("event:Ev"));
    let said = read(&fake, &fake.mention("C100", "U77", "<@UB0T|sereno>")).await.unwrap();
    assert_eq!(said.text, "/help");
    assert_eq!(read(&fake, &fake.mention("C100", "U77", "ask <@UB0T> about it")).await, None);
    assert_eq!(read(&fake, &fake.mention("C100", "U77", "<@UB0TX> agents")).await, None);
    let said = read(&fake, &fake.direct("U77", "agents")).await.unwrap();
    assert_eq!((said.text.as_str(), said.origin.target.as_str(), said.origin.reply_to), ("agents", "U77", None));
    let mut reply = fake.direct("U77", "not on a Friday");
    reply["event"]["thread_ts"] = json!("1795165200.000001");
    let said = read(&fake, &reply).await.unwrap();
    assert_eq!(said.origin.reply_to.as_deref(), Some("D77:1795165200.000001"));
}

#[tokio::test]
async fn other_workspaces_bots_and_carried_or_edited_words_are_nobodys() {
    let fake = Fake::start().await;
    let Verdict::Sent(_) = super::adapter(&fake)
        .send(&sereno::channel::Outgoing { buttons: buttons(1, 27), ..line("U77", "It asks") })
        .await
    else {
        panic!()
    };
    let tap = fake.tap("D77", "U77", &fake.newest("D77"), "✅");
    let command = fake.command("C100", "U77", "/sereno", "agents");
    let mention = fake.mention("C100", "U77", "<@UB0T> agents");
    let direct = fake.direct("U77", "agents");
    let shared = json!([{ "is_share": true, "is_msg_unfurl": true, "text": "kill all", "author_id": "U9" }]);
    let nobodys = [
        changed(&tap, "/team/id", json!("T2")),
        changed(&tap, "/api_app_id", json!("A2")),
        changed(&tap, "/type", json!("message_action")),
        changed(&tap, "/actions/0/type", json!("static_select")),
        changed(&tap, "/actions/0/action_id", json!("other.0")),
        changed(&command, "/team_id", json!("T2")),
        changed(&command, "/api_app_id", json!("A2")),
        changed(&command, "/user_id", json!("")),
        changed(&mention, "/team_id", json!("T2")),
        changed(&mention, "/api_app_id", json!("A2")),
        changed(&mention, "/event/team", json!("T2")),
        changed(&mention, "/event/user_team", json!("T2")),
        changed(&mention, "/event/source_team", json!("T2")),
        changed(&mention, "/event/bot_id", json!("B9")),
        changed(&mention, "/event/edited", json!({ "user": "U77", "ts": "1795165300.000200" })),
        changed(&mention, "/event/attachments", shared.clone()),
        changed(&mention, "/event/type", json!("reaction_added")),
        changed(&direct, "/event/attachments", shared),
        changed(&direct, "/event/subtype", json!("message_changed")),
        changed(&direct, "/event/subtype", json!("bot_message")),
        changed(&direct, "/event/bot_id", json!("B1")),
        changed(&direct, "/event/bot_profile", json!({ "id": "B1" })),
        changed(&direct, "/event/user", json!("UB0T")),
        changed(&direct, "/event/user", Value::Null),
        changed(&direct, "/event/channel_type", json!("channel")),
        changed(&direct, "/event/type", json!("app_mention")),
    ];
    for (what, payload) in nobodys.iter().enumerate() {
        assert_eq!(read(&fake, payload).await, None, "{what}: {payload}");
    }
    for payload in [&tap, &command, &mention, &direct] {
        assert!(read(&fake, payload).await.is_some(), "{payload}");
    }
    // Whoever taps as a guest from another workspace is somebody, but not the account of ours that is called so.
    let guest = read(&fake, &changed(&tap, "/user/team_id", json!("T2"))).await.unwrap();
    assert_eq!((guest.account.as_str(), guest.answer_to.is_some()), ("U77@T2", true));
}

#[tokio::test]
async fn a_button_counts_where_it_was_drawn() {
    let fake = Fake::start().await;
    let slack = adapter_at(&fake.url(), Way::Pushed(SIGNING.into()));
    slack.prepare().await.unwrap();
    let fresh = adapter_at(&fake.url(), Way::Pushed(SIGNING.into()));
    fresh.prepare().await.unwrap();
    // To where it is sent, where it is tapped and by whom, and the target that the tap is held against: by the process
    // that has sent it, and by one that has not.
    let cases = [
        ("C100", "C100", "U77", "C100", "C100"),
        ("C100", "C300", "U77", "C300", "C300"),
        ("#agents", "C100", "U77", "#agents", "#agents"),
        ("#agents", "C300", "U77", "C300", "C300"),
        ("#agents", "G200", "U77", "G200", "#agents"),
        ("#ops", "G200", "U77", "#ops", "#ops"),
        ("#ops", "C100", "U77", "C100", "C100"),
        ("#ops", "D77", "U77", "D77", "D77"),
        ("U77", "D77", "U77", "U77", "U77"),
        ("U77", "D1234", "U1234", "D1234", "D1234"),
        ("U77", "C100", "U77", "C100", "C100"),
        ("D77", "D77", "U77", "D77", "D77"),
    ];
    for (target, at, who, knowing, starting) in cases {
        let out = sereno::channel::Outgoing { buttons: buttons(1, 27), ..line(target, "It asks") };
        let Verdict::Sent(receipt) = slack.send(&out).await else { panic!("{target}") };
        let (channel, ts) = receipt.split_once(':').unwrap();
        let message = fake.newest(channel);
        assert_eq!(message.ts, ts);
        let tap = fake.tap(at, who, &message, "✅");
        for (adapter, wanted) in [(&slack, knowing), (&fresh, starting)] {
            let said = heard(adapter, &tap).unwrap();
            assert_eq!(said.origin.target, wanted, "{target} at {at}");
            // Another message than the one that was sent, whatever the target: the receipt says so.
            let (_, tapped) = said.tap.unwrap();
            assert_eq!(tapped == receipt, at == channel, "{target} at {at}");
        }
    }
}

on_both![what_is_typed_is_answered_where_it_was_typed, a_stranger_is_refused_and_told_their_own_number,];

async fn what_is_typed_is_answered_where_it_was_typed(db: Database) {
    let fake = Fake::start().await;
    let scene = scene(db, &fake, "").await;
    scene.event(json!({ "type": "agent.started", "agent": { "id": "build-1" } })).await;
    // In a channel only whoever asked reads the answer.
    taken(&scene, &fake, &fake.command("C100", "U77", "/sereno", "agents")).await;
    let (channel, user, message) = fake.memory().whispers.pop().unwrap();
    assert_eq!((channel.as_str(), user.as_str()), ("C100", "U77"));
    assert!(message.text().contains("build-1"), "{}", message.text());
    assert!(message.fallback.starts_with("🤖 1 agent"), "{}", message.fallback);
    // Where the bot is no member it goes to the account alone.
    taken(&scene, &fake, &fake.command("C300", "U77", "/agents", "")).await;
    assert!(fake.newest("D77").text().contains("build-1"));
    taken(&scene, &fake, &fake.mention("C100", "U1234", "<@UB0T> agentes")).await;
    let (_, user, message) = fake.memory().whispers.pop().unwrap();
    assert_eq!(user, "U1234");
    assert!(message.text().contains("build-1"), "{}", message.text());
    // Directly it is a message like any other.
    taken(&scene, &fake, &fake.direct("U77", "whoami")).await;
    assert!(fake.newest("D77").text().contains("ana"), "{}", fake.newest("D77").text());
    assert_eq!((fake.channel("D77").len(), fake.channel("C100").len()), (2, 0));
    scene.finish(&[]).await;
}

async fn a_stranger_is_refused_and_told_their_own_number(db: Database) {
    let fake = Fake::start().await;
    let scene = scene(db, &fake, "").await;
    taken(&scene, &fake, &fake.direct("U666", "kill build-1")).await;
    assert!(fake.newest("D666").text().contains("U666"), "{}", fake.newest("D666").text());
    taken(&scene, &fake, &fake.command("C100", "U666", "/sereno", "whoami")).await;
    let (_, user, message) = fake.memory().whispers.pop().unwrap();
    assert_eq!(user, "U666");
    assert!(message.text().contains("U666"), "{}", message.text());
    assert!(scene.fleet.calls().is_empty());
    scene.finish(&[]).await;
}
