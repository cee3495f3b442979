//! Frames as they were recorded from OpenClaw 2026.9.6, and what each of them decodes to.

use serde_json::Value;
use sereno::core::event::Event;
use sereno::core::money::{Micros, Tokens};
use sereno::core::time::Ts;
use sereno::runtime::openclaw::account::{Spent, in_accounts, is_fresh};
use sereno::runtime::openclaw::decode;
use sereno::runtime::openclaw::memory::Memory;
use sereno::runtime::openclaw::wire::{Challenge, Frame, Hello, Refusal, signed};
use sereno::runtime::openclaw::{Identity, OpenClaw, Settings};
use sereno::runtime::secret::Secret;
use sereno::runtime::{AgentScope, Inbound, Refused, Runtime};

use crate::runtime::{bytes, headers};
use crate::sim::at;

const RECORDINGS: [(&str, &str); 4] = [
    ("allow-once", include_str!("../../fixtures/openclaw/exec-approval-allow-once.json")),
    ("deny", include_str!("../../fixtures/openclaw/exec-approval-deny.json")),
    ("abort", include_str!("../../fixtures/openclaw/chat-abort.json")),
    ("error", include_str!("../../fixtures/openclaw/run-error.json")),
];
const GREETING: &str = include_str!("../../fixtures/openclaw/connect-cli-device.json");
const BAD_TOKEN: &str = include_str!("../../fixtures/openclaw/connect-fail-badtoken.json");
const CRON: &str = include_str!("../../fixtures/openclaw/cron-webhook-request.json");

/// Accounts of a gateway: as it first told them, and when it had added up; and some of the calls live.
const USAGE: &str = include_str!("../../fixtures/openclaw/usage.json");

/// Frames of a recording in one direction.
pub fn frames(recording: &str, direction: &str) -> Vec<Value> {
    let all: Vec<Value> = serde_json::from_str(recording).unwrap();
    all.into_iter().filter(|entry| entry["dir"] == direction).map(|mut entry| entry["frame"].take()).collect()
}

pub fn all_frames() -> Vec<Value> {
    RECORDINGS.iter().flat_map(|(_, recording)| frames(recording, "in")).collect()
}

fn adapter() -> OpenClaw {
    OpenClaw::new(Settings {
        url: "ws://127.0.0.1:1".into(),
        is_local: true,
        token: Secret::new("gateway"),
        hook_tokens: vec![Secret::new("cron")],
        agents: AgentScope::new(None).unwrap(),
    })
}

#[test]
fn every_recorded_run_decodes_as_it_was_approved() {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        for (name, recording) in RECORDINGS {
            let mut memory = Memory::default();
            let events = frames(recording, "in").into_iter().flat_map(|frame| {
                let frame = Frame::read(&frame.to_string()).unwrap();
                decode::events(&frame, &mut memory, "connection")
            });
            let lines: Vec<String> = events.map(|event| serde_json::to_string(&event).unwrap()).collect();
            insta::assert_snapshot!(format!("frames-{name}"), lines.join("\n"));
        }
    });
}

#[test]
fn a_device_signs_what_the_gateway_has_accepted() {
    let sent = frames(GREETING, "out").remove(0);
    let device = &sent["params"]["device"];
    let challenge = Challenge { nonce: "n-1".into(), ts: 1_795_218_123_796 };
    let text = signed("ab12", "secret", &["operator.admin", "operator.read"], &challenge);
    let wanted = "v3|ab12|gateway-client|backend|operator|operator.admin,operator.read|1795218123796|secret|n-1|linux|";
    assert_eq!(text, wanted);
    // Key, identity and signature have the forms of the recorded ones.
    let identity = Identity::from_hex(&"07".repeat(32)).unwrap();
    let like = |ours: &str, theirs: &Value| assert_eq!(ours.len(), theirs.as_str().unwrap().len());
    like(&identity.id(), &device["id"]);
    like(&identity.public_key(), &device["publicKey"]);
    like(&identity.sign(&text), &device["signature"]);
    assert!(Identity::from_hex("short").is_none());
}

#[test]
fn a_call_has_the_same_identity_live_and_in_the_accounts_of_a_session_that_was_begun_anew() {
    let recorded: Value = serde_json::from_str(USAGE).unwrap();
    assert!(!is_fresh(&recorded["refreshing"]) && is_fresh(&recorded["fresh"]));
    let rows =
        |answer: &Value| answer["sessions"].as_array().unwrap().iter().filter_map(Spent::read).collect::<Vec<_>>();
    let accounts = |answer: &str, key: &str| {
        let at = recorded[answer]["sessions"].as_array().unwrap().iter().position(|row| row["key"] == key).unwrap();
        in_accounts(&recorded["timeseries"][key], &rows(&recorded[answer])[at], Ts(0))
    };
    let told = accounts("fresh", "agent:main:three");
    let live = recorded["live"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|frame| decode::events(&Frame::read(&frame.to_string()).unwrap(), &mut Memory::default(), "c"));
    let ids = |events: &[Event]| events.iter().map(|event| event.id.clone()).collect::<Vec<_>>();
    assert_eq!(ids(&told), ids(&live.collect::<Vec<_>>()));
    let (call, usage) = (&told[0], told[0].usage.unwrap());
    assert_eq!(
        (call.model.as_deref(), call.provider.as_deref(), usage.cost),
        (Some("fake-1"), Some("fake"), Some(Micros(4002)))
    );
    assert_eq!(usage.tokens(), Tokens { input: 1034, output: 56, cache_read: 200, cache_write: 0 });
    assert_eq!(told.len(), 4);
    assert!(
        accounts("refreshing", "agent:main:one").is_empty(),
        "a sum that is older than the accounts settles nothing"
    );
    assert_eq!(accounts("fresh", "agent:main:one").len(), 2);
}

#[test]
fn a_greeting_says_what_we_may_and_how_often_it_is_heard_of() {
    let answer = frames(GREETING, "in").into_iter().find(|frame| frame["type"] == "res").unwrap();
    let hello = Hello::read(&answer["payload"]);
    assert_eq!((hello.version.as_str(), hello.tick.0), ("2026.9.6", 30_000));
    assert!(!hello.boot.is_empty() && !hello.connection.is_empty());
    assert!(hello.device_token.is_some());
    assert!(hello.may("operator.read") && !hello.may("operator.talk"));
    assert_eq!(Hello::read(&Value::Null).tick.0, 30_000, "a gateway that says nothing is heard of as often");
}

#[test]
fn a_wrong_token_is_known_by_its_narrowest_word() {
    let answer = frames(BAD_TOKEN, "in").into_iter().find(|frame| frame["type"] == "res").unwrap();
    let refusal = Refusal::read(&answer["error"]);
    assert_eq!(refusal.code, "AUTH_TOKEN_MISMATCH");
    assert!(refusal.message.contains("token mismatch"), "{refusal:?}");
}

#[test]
fn the_cron_webhook_says_what_the_event_says_under_the_same_identity() {
    let request: Value = serde_json::from_str(CRON).unwrap();
    let (adapter, body) = (adapter(), bytes(request["body"].to_string()));
    let genuine = headers(&[("authorization", "Bearer cron")]);
    let inbound = Inbound { headers: &genuine, body: &body };
    assert!(adapter.verify(&inbound, at("09:00")).is_ok());
    let wrong = headers(&[("authorization", "Bearer gateway")]);
    let verdict = adapter.verify(&Inbound { headers: &wrong, body: &body }, at("09:00"));
    assert_eq!(verdict, Err(Refused::Wrong), "the gateway's own token is not the webhook's");
    let decoded = adapter.decode(&inbound, None, at("09:00")).unwrap();
    let event = &decoded.events[0];
    let live = serde_json::json!({ "type": "event", "event": "cron", "payload": request["body"] });
    let live = decode::events(&Frame::read(&live.to_string()).unwrap(), &mut Memory::default(), "c");
    assert_eq!(event.id, live[0].id);
    assert_eq!(event.message.as_deref().unwrap().split(':').next(), Some("⏰ nightly report · ok"));
    let other = bytes("{\"hello\": 1}");
    assert_eq!(
        adapter.decode(&Inbound { headers: &genuine, body: &other }, None, at("09:00")).unwrap_err().status,
        422
    );
}
