//! What Claude Code is told, exactly as its hooks understand it.
//!
//! Every form here was seen to work with 2.1.329. `{}` means that we have no opinion.

use serde_json::{Value, json};

use crate::core::approval::{Approval, ApprovalState};
use crate::core::control::{Gate, Order, Verdict, receipt};
use crate::runtime::hold::{Held, Release};
use crate::runtime::{Decoded, HookAnswer};

/// We have no opinion: Claude Code goes on as it would without us.
pub fn no_opinion() -> Value {
    json!({})
}

/// The answer to a question, once a person, a grant or time has decided it.
pub async fn to_question(decoded: &Decoded, decided: Option<&Approval>, held: Option<Held>) -> HookAnswer {
    let body = match (decided, held) {
        (Some(approval), _) => from_approval(&decoded.kind, approval),
        (None, Some(held)) => match held.wait().await {
            Some(Release { order: Order::Decide { verdict, outcome, note, stop, .. }, by }) => decision(
                &decoded.kind,
                verdict == Verdict::Approved,
                &words(&outcome, Some(&by), note.as_deref()),
                stop,
            ),
            Some(Release { by, .. }) => stop_now(&by),
            None => silence(decoded),
        },
        (None, None) => silence(decoded),
    };
    HookAnswer { body, carried_out: Vec::new() }
}

fn from_approval(kind: &str, approval: &Approval) -> Value {
    let decided = approval.decided.as_ref();
    let by = decided.and_then(|d| d.by.as_deref());
    let note = decided.and_then(|d| d.note.as_deref());
    let words = words(approval.state.as_str(), by, note);
    decision(kind, approval.state == ApprovalState::Approved, &words, decided.is_some_and(|d| d.stop))
}

/// Nobody has said anything: never a yes.
pub fn silence(decoded: &Decoded) -> Value {
    decision(&decoded.kind, false, &words("expired", None, None), false)
}

fn decision(kind: &str, allow: bool, words: &str, stop: bool) -> Value {
    if kind == "PreToolUse" {
        let mut body = json!({"hookSpecificOutput": {
            "hookEventName": "PreToolUse",
            "permissionDecision": if allow { "allow" } else { "deny" },
            "permissionDecisionReason": words,
        }});
        if stop {
            body["continue"] = json!(false);
            body["stopReason"] = json!(words);
        }
        return body;
    }
    let decision = if allow {
        json!({ "behavior": "allow" })
    } else if stop {
        json!({ "behavior": "deny", "message": words, "interrupt": true })
    } else {
        json!({ "behavior": "deny", "message": words })
    };
    json!({"hookSpecificOutput": { "hookEventName": "PermissionRequest", "decision": decision }})
}

/// What the model reads. It must be able to tell a refusal from silence.
fn words(outcome: &str, by: Option<&str>, note: Option<&str>) -> String {
    let by = by.filter(|by| *by != "sereno").map(|by| format!(" by {by}")).unwrap_or_default();
    let note = note.map(|note| format!(": {note}")).unwrap_or_default();
    match outcome {
        "approved" => format!("Approved{by}{note}"),
        "denied" => format!("Denied{by}{note}"),
        "expired" => {
            "Nobody answered in time, so it was not run. This is silence, not a refusal: you may ask again later."
                .into()
        }
        "cancelled" => "The request was withdrawn, so it was not run.".into(),
        _ => "The request was replaced by a newer one, so it was not run.".into(),
    }
}

/// The answer at a point where the agent may be held, stopped or told something.
pub async fn at_gate(decoded: &Decoded, gate: &Gate, held: Option<Held>) -> HookAnswer {
    let mut answer = HookAnswer { body: no_opinion(), carried_out: Vec::new() };
    let receipt = if gate.stop.is_some() { receipt::STOPPED } else { receipt::HANDED_OVER };
    answer.carried_out = gate.controls.iter().map(|id| (id.clone(), receipt.to_owned())).collect();
    if let Some(by) = &gate.stop {
        answer.body = stop_here(&decoded.kind, by);
    } else if gate.hold {
        // What made it hold was confirmed when the hold began.
        answer.carried_out.clear();
        if let Some(held) = held {
            answer.body = match held.wait().await {
                Some(Release { order: Order::Kill, by }) => stop_here(&decoded.kind, &by),
                Some(_) => no_opinion(),
                None => still_held(),
            };
        }
    } else if !gate.notes.is_empty() {
        answer.body = told(&decoded.kind, &gate.notes);
    }
    answer
}

/// A hold outlasted the time that the hook may take: the tool must not run.
pub fn still_held() -> Value {
    decision("PreToolUse", false, "A person has paused this agent; wait for them before you go on.", false)
}

fn stop_now(by: &str) -> Value {
    json!({ "continue": false, "stopReason": stopped_by(by) })
}

/// Before a tool, `continue: false` alone lets the tool go on to its permission: it must be denied, too.
fn stop_here(kind: &str, by: &str) -> Value {
    if kind == "PreToolUse" { decision(kind, false, &stopped_by(by), true) } else { stop_now(by) }
}

fn stopped_by(by: &str) -> String {
    format!("Stopped by {by} through sereno")
}

fn told(kind: &str, notes: &[(String, String)]) -> Value {
    let text: Vec<String> = notes.iter().map(|(by, text)| format!("Message from {by}: {text}")).collect();
    let text = text.join("\n");
    if kind == "Stop" {
        return json!({ "decision": "block", "reason": text });
    }
    json!({"hookSpecificOutput": { "hookEventName": kind, "additionalContext": text }})
}
