//! What is somebody's word on Discord and what is nobody's, and the proof that a push needs.

use axum::http::HeaderMap;
use serde_json::{Value, json};
use sereno::channel::{Channel as _, Incoming, Push, PushError, Pushed};
use sereno::core::policy::Lang;
use sereno::core::time::Ts;

use super::fake::{CHANNEL, Fake, GUILD};
use super::people::at_home;
use super::{ANA, NOW, STRANGER, adapter, proof, push, pushed, signed};
use crate::channel::contract::line;

/// What a bot that is pushed makes of a command that was changed on the way to it.
async fn heard(change: impl FnOnce(&mut Value)) -> Option<Incoming> {
    let fake = Fake::start().await;
    let mut interaction = fake.command(ANA, "agents", &[("args", "status:error")]);
    change(&mut interaction);
    read(&fake, &interaction).incoming.pop()
}

fn read(fake: &Fake, interaction: &Value) -> Pushed {
    let body = interaction.to_string();
    let read = pushed(fake).pushed(&push(&signed(body.as_bytes(), NOW), body.as_bytes())).unwrap();
    assert_eq!((read.say.is_none(), read.later), (true, true));
    read
}

#[tokio::test]
async fn a_command_is_the_line_that_is_typed_elsewhere() {
    let incoming = heard(|_| {}).await.unwrap();
    assert_eq!((incoming.account.as_str(), incoming.display.as_deref()), ("77", Some("user77")));
    assert_eq!((incoming.origin.target.as_str(), incoming.text.as_str()), ("500", "/agents status:error"));
    assert_eq!((incoming.lang, incoming.tap), (Some(Lang::En), None));
    assert_eq!(incoming.answer_to, Some(incoming.key));
    let line = async |name: &str, options: Value| {
        let options: Vec<Value> = options
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, value)| json!({ "name": name, "type": 3, "value": value }))
            .collect();
        heard(|said| said["data"] = json!({ "id": "1", "name": name, "type": 1, "options": options }))
            .await
            .unwrap()
            .text
    };
    assert_eq!(line("pause", json!({ "args": "for 30m", "target": "debug" })).await, "/pause debug for 30m");
    assert_eq!(line("reassign", json!({ "task": "OSINT-12", "to": "codex" })).await, "/reassign OSINT-12 to:codex");
    assert_eq!(line("reassign", json!({ "task": "OSINT-12", "to": "to:codex" })).await, "/reassign OSINT-12 to:codex");
    assert_eq!(line("tell", json!({ "agent": "debug", "words": " try 3 first " })).await, "/tell debug try 3 first");
    assert_eq!(line("status", json!({})).await, "/status");
    assert_eq!(line("unknown", json!({ "args": "x" })).await, "/unknown x");
}

#[tokio::test]
async fn somebody_at_home_is_where_messages_to_them_go() {
    let incoming = heard(|said| {
        at_home(said);
        said["locale"] = json!("es-419");
    })
    .await
    .unwrap();
    assert_eq!((incoming.account.as_str(), incoming.origin.target.as_str()), ("77", "@77"));
    assert_eq!(incoming.lang, Some(Lang::Es));
}

#[tokio::test]
async fn whoever_speaks_from_elsewhere_is_not_the_account_that_we_know() {
    let account = async |change: fn(&mut Value)| heard(change).await.unwrap().account;
    // Another server, one on which the bot was taken along by a user, and conversations of others.
    assert_eq!(account(|said| said["guild_id"] = json!("901")).await, "77@901");
    assert_eq!(account(|said| said["authorizing_integration_owners"] = json!({ "1": "77" })).await, "77@900");
    let private = |said: &mut Value| {
        at_home(said);
        said["context"] = json!(2);
    };
    assert_eq!(account(private).await, "77@elsewhere");
    let taken_along = |said: &mut Value| {
        at_home(said);
        said["authorizing_integration_owners"] = json!({ "1": "77" });
    };
    assert_eq!(account(taken_along).await, "77@elsewhere");
    // Both at once is as good as the server's own.
    let both = |said: &mut Value| said["authorizing_integration_owners"] = json!({ "0": GUILD.to_string(), "1": "77" });
    assert_eq!(account(both).await, "77");
}

#[tokio::test]
async fn bots_and_what_nobody_offers_are_nobodys_word() {
    assert_eq!(heard(|said| said["member"]["user"]["bot"] = json!(true)).await, None);
    assert_eq!(heard(|said| said["member"]["user"]["system"] = json!(true)).await, None);
    assert_eq!(heard(|said| said["data"]["type"] = json!(2)).await, None);
    assert_eq!(heard(|said| said["type"] = json!(4)).await, None);
    let fake = Fake::start().await;
    adapter(&fake).send(&line("500", "It asks")).await;
    let mut tap = fake.tap(ANA, &fake.newest(CHANNEL), "token");
    tap["data"] = json!({ "component_type": 3, "custom_id": "token", "values": ["x"] });
    assert_eq!(read(&fake, &tap).incoming, []);
}

#[tokio::test]
async fn a_tap_names_its_button_and_its_message() {
    let fake = Fake::start().await;
    adapter(&fake).send(&line("500", "It asks")).await;
    let message = fake.newest(CHANNEL);
    let tap = read(&fake, &fake.tap(ANA, &message, "token")).incoming.pop().unwrap();
    assert_eq!(tap.tap, Some(("token".into(), format!("500:{}", message.id))));
    assert_eq!((tap.text.as_str(), tap.origin.target.as_str()), ("", "500"));
    // Nobody is asked for words on another server.
    let mut tap = fake.tap(STRANGER, &message, "?token");
    tap["guild_id"] = json!("901");
    let tap = read(&fake, &tap).incoming.pop().unwrap();
    assert_eq!((tap.tap.unwrap().0.as_str(), tap.account.as_str()), ("token", "666@901"));
}

#[tokio::test]
async fn a_push_needs_a_signature_of_now() {
    let fake = Fake::start().await;
    let discord = pushed(&fake);
    let ping = json!({ "id": "1", "application_id": "4242", "type": 1, "token": "t", "version": 1 }).to_string();
    let body = ping.as_bytes();
    let good = signed(body, NOW);
    let answer = discord.pushed(&push(&good, body)).unwrap();
    assert_eq!(answer, Pushed { say: Some(json!({ "type": 1 })), ..Pushed::default() });
    for off in [-300, 300] {
        assert!(discord.pushed(&push(&signed(body, NOW + off), body)).is_ok(), "{off}");
    }
    for off in [-301, 301, i64::MAX - NOW, -NOW] {
        assert_eq!(discord.pushed(&push(&signed(body, NOW + off), body)), Err(PushError::Forged), "{off}");
    }
    let text = |headers: &HeaderMap, name: &str| headers[name].to_str().unwrap().to_owned();
    let (signature, at) = (text(&good, "x-signature-ed25519"), text(&good, "x-signature-timestamp"));
    let other = hex::encode([0; 64]);
    let wrong = [
        HeaderMap::new(),
        proof("", &at),
        proof(&signature, ""),
        proof(&signature, &(NOW + 1).to_string()),
        proof(&signature, &format!("0{at}")),
        proof(&signature[2..], &at),
        proof(&format!("{signature}00"), &at),
        proof(&other, &at),
        proof(&"g".repeat(128), &at),
    ];
    for headers in wrong {
        assert_eq!(discord.pushed(&push(&headers, body)), Err(PushError::Forged), "{headers:?}");
    }
    for at in 0..body.len() {
        let mut tampered = body.to_vec();
        tampered[at] ^= 1;
        assert_eq!(discord.pushed(&push(&good, &tampered)), Err(PushError::Forged), "{at}");
    }
    for body in ["", "{", "[]", "{}", "null", "{\"type\":99}", "{\"type\":2}"] {
        let headers = signed(body.as_bytes(), NOW);
        assert_eq!(discord.pushed(&push(&headers, body.as_bytes())), Err(PushError::Unreadable), "{body}");
    }
    // Each way of receiving excludes the other.
    assert_eq!(adapter(&fake).pushed(&push(&good, body)), Err(PushError::NotPushed));
    assert_eq!(discord.reception(), sereno::channel::Reception::Pushed);
}

/// Written by `PyNaCl` 1.6.2: `SigningKey(bytes([7] * 32)).sign(timestamp + body).signature`.
#[tokio::test]
async fn what_another_library_has_signed_is_believed() {
    let fake = Fake::start().await;
    let recorded = include_str!("../../fixtures/discord/signed.txt");
    let mut pairs = 0;
    for line in recorded.lines() {
        let [signature, at, body] = line.splitn(3, ' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let now = Ts(at.parse::<i64>().unwrap() * 1000);
        let headers = proof(signature, at);
        let push = Push { headers: &headers, body: body.as_bytes(), now };
        assert_eq!(pushed(&fake).pushed(&push).unwrap().say, Some(json!({ "type": 1 })), "{line}");
        pairs += 1;
    }
    assert_eq!(pairs, 3);
}
