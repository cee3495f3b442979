//! Sixty bodies that nobody should send. No decoder panics; each gives events or a clear refusal.

use proptest::prelude::*;
use sereno::runtime::claude_code::{GateHook, transcript};
use sereno::runtime::{Inbound, Runtime, decode};

use super::claude_code::adapter;
use super::cloud_events::generic;
use super::{bytes, headers};
use crate::core::logs::for_all;
use crate::sim::at;

/// What a decoder that reads canonical events makes of a body.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Expected {
    /// Events, so many of them.
    Taken(usize),
    /// It cannot be read.
    Unreadable,
    /// What it says cannot be.
    Invalid,
}
use Expected::{Invalid, Taken, Unreadable};

fn heartbeat(field: &str) -> Vec<u8> {
    format!(r#"{{"type":"agent.heartbeat","agent":{{"id":"a"}},{field}}}"#).into_bytes()
}

fn nested(depth: usize, open: &str, close: &str) -> Vec<u8> {
    format!("{}{}", open.repeat(depth), close.repeat(depth)).into_bytes()
}

/// Bodies, and what becomes of them as canonical events.
#[rustfmt::skip]
fn bodies() -> Vec<(&'static str, Vec<u8>, Expected)> {
    let text = |t: &str| t.as_bytes().to_vec();
    vec![
        ("empty", vec![], Unreadable),
        ("white space", text(" \n\t "), Unreadable),
        ("NUL", vec![0], Unreadable),
        ("many NULs", vec![0; 10_000], Unreadable),
        ("a byte order mark", [b"\xef\xbb\xbf", heartbeat(r#""x":1"#).as_slice()].concat(), Unreadable),
        ("a byte order mark alone", text("\u{feff}"), Unreadable),
        ("UTF-16", "{\"type\":\"deployment\"}".encode_utf16().flat_map(u16::to_le_bytes).collect(), Unreadable),
        ("no UTF-8", vec![0xff, 0xfe, 0xfd], Unreadable),
        ("no UTF-8 in a text", [b"{\"type\":\"deployment\",\"message\":\"".as_slice(), b"\xc3\x28\xff", b"\"}"].concat(), Taken(1)),
        ("overlong UTF-8", [b"{\"type\":\"deployment\",\"message\":\"".as_slice(), b"\xc0\xaf", b"\"}"].concat(), Taken(1)),
        ("mojibake", text("{\"type\":\"deployment\",\"message\":\"HÃ\u{8d}BRIDO â€” CAUSA RAÃ\u{8d}Z\"}"), Taken(1)),
        ("a lone high surrogate", heartbeat(r#""message":"\ud83d""#), Taken(1)),
        ("a lone low surrogate", heartbeat(r#""message":"\udc00x""#), Taken(1)),
        ("surrogates in the wrong order", heartbeat(r#""message":"\udc00\ud83d""#), Taken(1)),
        ("a surrogate before a pair", heartbeat(r#""message":"\ud83d\ud83d\ude00""#), Taken(1)),
        ("a surrogate after a backslash", heartbeat(r#""message":"\\ud83d\ud83d""#), Taken(1)),
        ("a surrogate in a name", text(r#"{"type":"deployment","\ud83d":1}"#), Taken(1)),
        ("a broken escape", heartbeat(r#""message":"\u12""#), Unreadable),
        ("a surrogate at the very end", text(r#"{"a":"\ud83d"#), Unreadable),
        ("an escaped NUL", heartbeat(r#""message":"\u0000""#), Taken(1)),
        ("a raw control character", heartbeat("\"message\":\"\u{1}\""), Unreadable),
        ("arrays 200 deep", nested(200, "[", "]"), Unreadable),
        ("arrays 100,000 deep", nested(100_000, "[", "]"), Unreadable),
        ("objects 100,000 deep", nested(100_000, "{\"a\":", "}"), Unreadable),
        ("arrays 100,000 deep, never closed", b"[".repeat(100_000), Unreadable),
        ("arrays 100 deep", nested(100, "[", "]"), Invalid),
        ("deep in a tool", text(&format!(r#"{{"type":"tool.started","agent":{{"id":"a"}},"tool":{{"name":"x","input":{}{}}}}}"#, "[".repeat(120), "]".repeat(120))), Taken(1)),
        ("60,000 values", text(&format!("[{}1]", "1,".repeat(60_000))), Unreadable),
        ("1001 events", text(&format!("[{0}{1}]", r#"{"type":"deployment"},"#.repeat(1000), r#"{"type":"deployment"}"#)), Invalid),
        ("1000 events", text(&format!("[{0}{1}]", r#"{"type":"deployment"},"#.repeat(999), r#"{"type":"deployment"}"#)), Taken(1000)),
        ("no events", text("[]"), Invalid),
        ("null", text("null"), Invalid),
        ("true", text("true"), Invalid),
        ("a number", text("42"), Invalid),
        ("a text", text("\"agent.heartbeat\""), Invalid),
        ("an empty object", text("{}"), Invalid),
        ("the same name twice", heartbeat(r#""agent":{"id":"b"}"#), Taken(1)),
        ("the same type twice", text(r#"{"type":"deployment","type":"agent.heartbeat"}"#), Invalid),
        ("two values", text("{} {}"), Unreadable),
        ("a trailing comma", text(r#"{"type":"deployment",}"#), Unreadable),
        ("a comment", text("// {}\n{\"type\":\"deployment\"}"), Unreadable),
        ("single quotes", text("{'type':'deployment'}"), Unreadable),
        ("NaN", text(r#"{"type":"metric","metric":{"name":"x","value":NaN}}"#), Unreadable),
        ("a number beyond any float", text(r#"{"type":"metric","metric":{"name":"x","value":1e999}}"#), Unreadable),
        ("a very long number", text(&format!(r#"{{"type":"metric","metric":{{"name":"x","value":{}}}}}"#, "9".repeat(300))), Taken(1)),
        ("a number with a million digits", text(&format!(r#"{{"type":"metric","metric":{{"name":"x","value":0.{}}}}}"#, "1".repeat(1_000_000))), Taken(1)),
        ("negative tokens", text(r#"{"type":"model.call","agent":{"id":"a"},"usage":{"input_tokens":-1}}"#), Invalid),
        ("more tokens than a word holds", text(r#"{"type":"model.call","agent":{"id":"a"},"usage":{"input_tokens":18446744073709551616}}"#), Invalid),
        ("half a token", text(r#"{"type":"model.call","agent":{"id":"a"},"usage":{"input_tokens":0.5}}"#), Invalid),
        ("money that is no number", text(r#"{"type":"model.call","agent":{"id":"a"},"usage":{"cost_usd":"a lot"}}"#), Invalid),
        ("money that is a list", text(r#"{"type":"model.call","agent":{"id":"a"},"usage":{"cost_usd":[1]}}"#), Invalid),
        ("a time that is none", heartbeat(r#""time":"yesterday""#), Invalid),
        ("a time as a number", heartbeat(r#""time":1795218530"#), Invalid),
        ("a type that is a number", text(r#"{"type":5}"#), Invalid),
        ("an empty type", text(r#"{"type":"  "}"#), Invalid),
        ("an empty identity", text(r#"{"type":"agent.heartbeat","agent":{"id":""}}"#), Invalid),
        ("an identity that is too long", text(&format!(r#"{{"type":"agent.heartbeat","agent":{{"id":"{}"}}}}"#, "x".repeat(257))), Invalid),
        ("an agent that is a text", text(r#"{"type":"agent.heartbeat","agent":"a"}"#), Invalid),
        ("no agent", text(r#"{"type":"agent.heartbeat"}"#), Invalid),
        ("an approval of nothing", text(r#"{"type":"approval.requested","agent":{"id":"a"},"approval":{"id":"q"}}"#), Invalid),
        ("names of the prototype", text(r#"{"type":"deployment","__proto__":{"x":1},"constructor":null}"#), Taken(1)),
        ("a message of a megabyte", text(&format!(r#"{{"type":"deployment","message":"{}"}}"#, "ñ".repeat(500_000))), Taken(1)),
    ]
}

#[test]
fn sixty_hostile_bodies_are_taken_or_clearly_refused() {
    assert!(bodies().len() >= 60, "{}", bodies().len());
    let none = headers(&[]);
    for (name, body, expected) in bodies() {
        let body = bytes(body);
        let result = generic().decode(&Inbound { headers: &none, body: &body }, None, at("09:00"));
        let became = match &result {
            Ok(decoded) => Taken(decoded.events.len()),
            Err(bad) if bad.status == 400 => Unreadable,
            Err(bad) if bad.status == 422 => Invalid,
            Err(bad) => panic!("{name}: {bad:?}"),
        };
        assert_eq!(became, expected, "{name}: {:?}", result.as_ref().err());
        match result {
            Ok(decoded) => assert!(decoded.events.iter().all(|e| !e.id.is_empty() && e.check().is_ok()), "{name}"),
            Err(bad) => assert!(bad.detail.len() > 10 && bad.detail.len() < 600, "{name}: {}", bad.detail),
        }
    }
}

const KINDS: [&[(&str, &str)]; 5] = [
    &[],
    &[("content-type", "application/cloudevents+json")],
    &[("content-type", "application/cloudevents-batch+json")],
    &[("ce-specversion", "1.0"), ("ce-id", "1"), ("ce-source", "/s"), ("ce-type", "agent.heartbeat")],
    &[("ce-specversion", "1.0"), ("ce-id", ""), ("ce-time", "never")],
];

/// Runs a body through every decoder there is.
fn through_all(body: &[u8]) {
    let body = bytes(body);
    for pairs in KINDS {
        let headers = headers(pairs);
        let request = Inbound { headers: &headers, body: &body };
        if let Err(bad) = generic().decode(&request, Some("id"), at("09:00")) {
            assert!(matches!(bad.status, 400 | 422) && !bad.detail.is_empty());
        }
    }
    let none = headers(&[]);
    for gate in [GateHook::Permission, GateHook::EveryTool] {
        if let Err(bad) = adapter(gate).decode(&Inbound { headers: &none, body: &body }, None, at("09:00")) {
            assert!(matches!(bad.status, 400 | 422) && !bad.detail.is_empty());
        }
    }
    let _usage = transcript::usage(body.as_ref());
}

#[test]
fn no_decoder_panics_on_any_of_them() {
    for (_, body, _) in bodies() {
        through_all(&body);
    }
}

#[test]
fn a_hook_that_is_none_is_refused_and_a_hook_with_odd_fields_is_taken() {
    let none = headers(&[]);
    let read = |body: String| {
        let body = bytes(body);
        adapter(GateHook::Permission).decode(&Inbound { headers: &none, body: &body }, None, at("09:00"))
    };
    for body in [
        "{}",
        "[]",
        "null",
        r#"{"hook_event_name":"Stop"}"#,
        r#"{"session_id":"s"}"#,
        r#"{"hook_event_name":5,"session_id":"s"}"#,
        r#"{"hook_event_name":"","session_id":"s"}"#,
    ] {
        let bad = read(body.to_owned()).unwrap_err();
        assert!(bad.status == 422 && bad.detail.contains("missing"), "{body}: {bad:?}");
    }
    let too_long = "x".repeat(300);
    assert!(read(format!(r#"{{"hook_event_name":"Stop","session_id":"{too_long}"}}"#)).is_err());
    for (hook, field) in [
        ("PreToolUse", r#""tool_name":5,"tool_input":"rm","tool_use_id":[]"#),
        ("PostToolUse", r#""tool_response":null,"duration_ms":-1"#),
        ("Stop", r#""last_assistant_message":{}"#),
        ("Unheard", r#""x":1"#),
        ("SubagentStart", r#""agent_id":"a","agent_type":"","cwd":"///""#),
    ] {
        let decoded = read(format!(r#"{{"hook_event_name":"{hook}","session_id":"s",{field}}}"#)).expect(hook);
        assert!(decoded.events.iter().all(|e| !e.id.is_empty()), "{hook}");
    }
}

#[test]
fn any_bytes_and_any_damage_to_a_real_body_are_survived() {
    for_all(300, &proptest::collection::vec(any::<u8>(), 0..200), |body| through_all(&body));
    let real = br#"{"type":"approval.requested","agent":{"id":"a","name":"\ud83d\ude00"},"session":{"id":"s"},"time":"2026-11-20T09:15:02Z","approval":{"id":"q","action":{"tool":"Bash","input":{"command":"ls"}}},"usage":{"cost_usd":"0.42"}}"#;
    let hook = br#"{"session_id":"s","cwd":"/srv/app","hook_event_name":"PermissionRequest","tool_name":"Bash","tool_input":{"command":"ls"},"sereno":{"usage":[{"model":"m","input_tokens":5,"cost_usd":0.1}]}}"#;
    for_all(400, &(any::<bool>(), any::<usize>(), any::<u8>(), any::<usize>()), |(which, at, byte, cut)| {
        let mut body: Vec<u8> = if which { real.to_vec() } else { hook.to_vec() };
        let place = at % body.len();
        body[place] = byte;
        if cut % 4 == 0 {
            body.truncate(cut / 4 % body.len());
        }
        through_all(&body);
    });
}

#[test]
fn a_text_that_is_too_long_is_cut_with_its_length_and_never_inside_a_character() {
    let body = serde_json::json!({"type": "deployment", "message": "ñ".repeat(40_000)}).to_string();
    let event = decode::json(&bytes(body)).and_then(decode::events).unwrap().remove(0);
    let message = event.message.unwrap();
    assert!(message.ends_with("(80000 bytes)") && message.len() < 70_000, "{}", &message[message.len() - 40..]);
}
