//! Hooks as they were recorded from Claude Code 2.1.329, and what each of them decodes to.

use serde_json::{Value, json};
use sereno::core::control::Point;
use sereno::core::event::{Event, EventKind};
use sereno::runtime::claude_code::{ClaudeCode, DELIVERY, GateHook, Settings, transcript};
use sereno::runtime::secret::Secret;
use sereno::runtime::{AgentScope, Decoded, Inbound, Refused, Runtime};

use super::{bytes, headers};
use crate::sim::at;

const RECORDINGS: [(&str, &str); 5] = [
    ("allow", include_str!("../../fixtures/claude-code/hooks-allow.jsonl")),
    ("deny", include_str!("../../fixtures/claude-code/hooks-deny.jsonl")),
    ("none", include_str!("../../fixtures/claude-code/hooks-none.jsonl")),
    ("prallow", include_str!("../../fixtures/claude-code/hooks-prallow.jsonl")),
    ("sessionstart-command", include_str!("../../fixtures/claude-code/hooks-sessionstart-command.jsonl")),
];
const SAMPLES: &str = include_str!("../../fixtures/claude-code/SAMPLES-hook-payloads.json");

pub fn adapter(gate: GateHook) -> ClaudeCode {
    ClaudeCode::new(Settings {
        tokens: vec![Secret::new("tok123"), Secret::new("next")],
        gate,
        agents: AgentScope::new(None).unwrap(),
    })
}

/// The bodies of one recording, in order.
fn bodies(recording: &str) -> Vec<Value> {
    let lines = RECORDINGS.iter().find(|(name, _)| *name == recording).expect("a recording").1;
    lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["body"].clone()).collect()
}

fn decode(adapter: &ClaudeCode, body: &Value, extra: &[(&str, &str)]) -> Decoded {
    let (headers, body) = (headers(extra), bytes(body.to_string()));
    let id = extra.iter().find(|(name, _)| *name == DELIVERY).map(|(_, value)| *value);
    adapter
        .decode(&Inbound { headers: &headers, body: &body }, id, at("09:00"))
        .expect("a hook that was recorded decodes")
}

/// What matters of an event, on one line of JSON each.
fn summary(decoded: &Decoded) -> String {
    let events: Vec<String> = decoded.events.iter().map(|event| serde_json::to_string(event).unwrap()).collect();
    format!("{} gate={:?} asks={:?}\n  {}\n", decoded.kind, decoded.gate, decoded.asks, events.join("\n  "))
}

#[test]
fn every_recorded_hook_decodes_as_it_was_approved() {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        for (name, _) in RECORDINGS {
            let adapter = adapter(GateHook::Permission);
            let all: String = bodies(name).iter().map(|body| summary(&decode(&adapter, body, &[]))).collect();
            insta::assert_snapshot!(format!("hooks-{name}"), all);
        }
        let adapter = adapter(GateHook::Permission);
        let samples: serde_json::Map<String, Value> = serde_json::from_str(SAMPLES).unwrap();
        let all: String = samples.values().map(|sample| summary(&decode(&adapter, &sample["body"], &[]))).collect();
        insta::assert_snapshot!("samples", all);
    });
}

fn one(body: &Value) -> Event {
    decode(&adapter(GateHook::Permission), body, &[]).events.remove(0)
}

fn sample(name: &str) -> Value {
    serde_json::from_str::<Value>(SAMPLES).unwrap()[name]["body"].clone()
}

#[test]
fn each_hook_means_what_it_says() {
    for (hook, kind, status) in [
        ("SessionStart", EventKind::SessionStarted, Some("idle")),
        ("UserPromptSubmit", EventKind::SessionProgress, Some("running")),
        ("PreToolUse", EventKind::ToolStarted, None),
        ("PostToolUse", EventKind::ToolEnded, None),
        ("PostToolUseFailure", EventKind::ToolEnded, None),
        ("PermissionRequest", EventKind::ApprovalRequested, None),
        ("SubagentStart", EventKind::AgentRegistered, Some("running")),
        ("SubagentStop", EventKind::AgentStatus, Some("completed")),
        ("PostToolBatch", EventKind::AgentHeartbeat, None),
        ("Stop", EventKind::SessionProgress, Some("idle")),
        ("SessionEnd", EventKind::SessionEnded, None),
        ("MessageDisplay", EventKind::Other("claude.MessageDisplay".into()), None),
    ] {
        let event = one(&sample(hook));
        assert_eq!((&event.kind, event.status.as_deref()), (&kind, status), "{hook}");
        assert!(
            event.session.is_some() && event.agent.is_some() && event.check().is_ok() && !event.id.is_empty(),
            "{hook}"
        );
    }
}

#[test]
fn a_tool_that_failed_ends_with_its_error_and_start_and_end_are_the_same_call() {
    let failed = one(&sample("PostToolUseFailure"));
    assert_eq!(failed.tool.as_ref().unwrap().ok, Some(false));
    assert_eq!(failed.error.as_ref().map(|e| e.kind.as_str()), Some("tool_error"));
    let recorded = bodies("allow");
    let (start, end) = (one(&recorded[1]).tool.unwrap(), one(&recorded[2]).tool.unwrap());
    assert_eq!((start.digest, &start.call_id), (end.digest, &end.call_id));
    assert!(start.digest.is_some() && end.result_digest.is_some() && end.ok == Some(true));
}

#[test]
fn a_subagent_is_an_agent_of_its_own_in_the_same_session() {
    let (start, parent) = (one(&sample("SubagentStart")), one(&sample("PreToolUse")));
    let (sub, main) = (start.agent.unwrap(), parent.agent.unwrap());
    assert_eq!(main.id, "ccws", "named after the working directory");
    assert_eq!((sub.id.as_str(), sub.parent.as_deref()), ("ccws/general-purpose", Some("ccws")));
    assert_eq!(start.session.unwrap().id, parent.session.unwrap().id);
}

#[test]
fn a_question_is_bound_to_its_tool_call_and_a_retry_is_the_same_question() {
    let gate = adapter(GateHook::Permission);
    let recorded = bodies("none");
    let tool = decode(&gate, &recorded[1], &[]);
    assert_eq!((tool.asks.as_ref(), tool.gate), (None, Some(Point::BeforeTool)), "the tool itself does not ask here");
    let asks = decode(&gate, &recorded[2], &[]);
    let (id, call) = (asks.asks.clone().unwrap(), recorded[1]["tool_use_id"].as_str().unwrap());
    assert!(id.contains(call), "{id} is about {call}");
    let ask = asks.events[0].approval.clone().unwrap();
    assert_eq!(
        (ask.id, ask.action.as_ref().map(|a| a.tool.clone())),
        (id, recorded[1]["tool_name"].as_str().map(str::to_owned))
    );
    assert_eq!(ask.action.unwrap().input, recorded[2]["tool_input"], "exactly what will run");
    let first = decode(&gate, &recorded[2], &[(DELIVERY, "d-1")]);
    let again = decode(&gate, &recorded[2], &[(DELIVERY, "d-1")]);
    assert_eq!(first, again);
    assert_eq!(first.asks.as_deref(), Some("d-1"));
    assert_ne!(decode(&gate, &recorded[2], &[(DELIVERY, "d-2")]).events[0].id, first.events[0].id);
}

#[test]
fn every_tool_can_ask_when_it_is_configured_so() {
    let gate = adapter(GateHook::EveryTool);
    let recorded = bodies("none");
    let asks = decode(&gate, &recorded[1], &[]);
    let kinds: Vec<&str> = asks.events.iter().map(|e| e.kind.as_str()).collect();
    assert_eq!(kinds, ["tool.started", "approval.requested"]);
    assert!(asks.asks.is_some());
    assert_eq!(decode(&gate, &recorded[2], &[]).asks, None, "and where Claude Code asks, it is not asked twice");
}

#[test]
fn a_header_names_the_agent_and_a_token_is_needed() {
    let gate = adapter(GateHook::Permission);
    let named = decode(&gate, &bodies("allow")[0], &[("x-sereno-agent", "night-shift")]);
    assert_eq!(named.events[0].agent.as_ref().unwrap().id, "night-shift");
    let verify = |pairs: &[(&str, &str)]| {
        let (headers, body) = (headers(pairs), bytes("{}"));
        gate.verify(&Inbound { headers: &headers, body: &body }, at("09:00")).map(|v| v.id)
    };
    assert_eq!(verify(&[]), Err(Refused::Missing));
    assert_eq!(verify(&[("authorization", "tok123")]), Err(Refused::Missing));
    for wrong in ["Bearer ", "Bearer tok12", "Bearer tok1234", "Bearer  tok123", "Bearer TOK123"] {
        assert_eq!(verify(&[("authorization", wrong)]), Err(Refused::Wrong), "{wrong}");
    }
    assert_eq!(verify(&[("authorization", "Bearer tok123")]), Ok(None));
    assert_eq!(verify(&[("authorization", "Bearer next"), (DELIVERY, "d-1")]), Ok(Some("d-1".into())));
}

#[test]
fn usage_is_read_from_a_transcript_once_per_message_and_the_bill_wins() {
    let line = |id: &str, input: u64| {
        json!({"type": "assistant", "message": {"id": id, "model": "claude-opus-4-5", "usage": {"input_tokens": input, "output_tokens": 10, "cache_read_input_tokens": 5}}}).to_string()
    };
    let transcript = [
        line("m1", 100),
        line("m1", 100),
        "not json".into(),
        line("m2", 50),
        json!({"type": "assistant", "message": {"id": "m3", "model": "<synthetic>", "usage": {"input_tokens": 9}}})
            .to_string(),
    ]
    .join("\n");
    let usage = transcript::usage(transcript.as_bytes());
    assert_eq!(
        usage,
        [
            json!({"model": "claude-opus-4-5", "input_tokens": 150, "output_tokens": 20, "cache_read_tokens": 10, "cache_write_tokens": 0})
        ]
    );
    let billed = format!(
        "{transcript}\n{}",
        json!({"type": "cost-state", "modelUsage": {"claude-opus-4-5": {"inputTokens": 160, "outputTokens": 21, "costUSD": 0.0125}}})
    );
    let usage = transcript::usage(billed.as_bytes());
    assert_eq!(usage[0]["cost_usd"], json!(0.0125));
    let body = transcript::with_usage(bodies("allow")[2].clone(), usage);
    let decoded = decode(&adapter(GateHook::Permission), &body, &[]);
    let call = &decoded.events[1];
    assert_eq!(
        (call.kind.as_str(), call.usage.unwrap().cumulative, call.usage.unwrap().cost.unwrap().0),
        ("model.call", true, 12_500)
    );
}
