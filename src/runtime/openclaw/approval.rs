//! Approvals of the gateway: what is asked, who has decided, and what came of our own decision.
//!
//! A question is bound to what would run: the command, its arguments, the directory, the host and the agent. Whatever
//! two people decide at once, the gateway says which of them counted.

use serde_json::{Map, Value};

use super::decode::{event, words};
use super::memory::Memory;
use super::wire::{NAME, Refusal, at};
use crate::core::approval::Reach;
use crate::core::control::{ControlResult, Verdict, receipt};
use crate::core::event::{Action, Ask, Event, EventKind};
use crate::core::text;

/// Who closes the questions of a run that was aborted.
const SCOPE_CLOSED: &str = "approval-scope-closed";
/// Identities of questions that a plugin asks begin like this.
const PLUGIN: &str = "plugin:";

/// The kind of approval that an identity belongs to.
pub fn kind_of(id: &str) -> &'static str {
    if id.starts_with(PLUGIN) { "plugin" } else { "exec" }
}

/// `exec.approval.requested`, `plugin.approval.requested`, and the entries of both lists.
pub fn requested(about: &Value, memory: &mut Memory) -> Vec<Event> {
    let (Some(id), request) = (about["id"].as_str(), &about["request"]) else { return Vec::new() };
    let action = if kind_of(id) == "plugin" { of_plugin(request) } else { of_exec(request) };
    let ask = Ask {
        action: Some(action),
        reason: words(&request["warningText"]),
        expires_at: at(&about["expiresAtMs"]),
        decisions: offered(&request["allowedDecisions"]),
        ..Ask::of(id)
    };
    let time = at(&about["createdAtMs"]);
    let mut found = Event {
        approval: Some(ask),
        ..event(EventKind::ApprovalRequested, request, format!("approval/{id}/asked"), time)
    };
    if found.agent.is_none() && found.session.is_none() {
        // A plugin may ask for nobody in particular.
        let by = words(&request["pluginId"]).unwrap_or_else(|| "plugin".into());
        found.agent = Some(crate::core::event::AgentRef { id: by, ..Default::default() });
    }
    if let (Some(agent), Some(session), Some(time)) = (&found.agent, &found.session, time) {
        memory.saw(&agent.id, &session.id, time);
    }
    vec![found]
}

/// What would run. Arguments stand apart only where they say more than the command.
fn of_exec(request: &Value) -> Action {
    let plan = &request["systemRunPlan"];
    let mut input = Map::new();
    input.insert("command".into(), request["command"].clone());
    let argv = [&request["commandArgv"], &plan["argv"], &request["argv"]].into_iter().find(|argv| argv.is_array());
    for (name, value) in [("argv", argv), ("env", request.get("env")), ("node", request.get("nodeId"))] {
        if let Some(value) = value.filter(|value| !value.is_null()) {
            input.insert(name.into(), value.clone());
        }
    }
    let cwd = [&request["cwd"], &plan["cwd"]].into_iter().find_map(Value::as_str);
    Action {
        tool: "exec".into(),
        input: Value::Object(input),
        cwd: cwd.map(str::to_owned),
        target: request["host"].as_str().map(str::to_owned),
    }
}

fn of_plugin(request: &Value) -> Action {
    let shown = ["title", "description", "detail", "severity", "scope"];
    let input = shown.into_iter().filter_map(|name| Some((name.to_owned(), request.get(name)?.clone())));
    let named = request["toolName"].as_str().or(request["pluginId"].as_str()).unwrap_or("plugin");
    Action {
        tool: text::clip(named, 120),
        input: Value::Object(input.filter(|(_, value)| !value.is_null()).collect()),
        cwd: None,
        target: None,
    }
}

/// What the gateway lets be decided, in our words.
fn offered(allowed: &Value) -> Vec<String> {
    let words = allowed.as_array().into_iter().flatten().filter_map(Value::as_str);
    let known = words.filter_map(|word| match word {
        "allow-once" => Some(Reach::Once.as_str()),
        "allow-always" => Some(Reach::Always.as_str()),
        "deny" => Some(Ask::DENY),
        _ => None,
    });
    known.map(str::to_owned).collect()
}

/// `exec.approval.resolved` and `plugin.approval.resolved`. Our own decision is told by the answer to our call.
pub fn resolved(about: &Value, memory: &mut Memory) -> Vec<Event> {
    let Some(id) = about["id"].as_str() else { return Vec::new() };
    let by = words(&about["resolvedBy"]);
    if by.as_deref() == Some(NAME) {
        return Vec::new();
    }
    if let Some(by) = &by {
        memory.deciders.put(id.to_owned(), by.clone());
    }
    let status = match by.as_deref() {
        Some(SCOPE_CLOSED) => "cancelled",
        None => "expired",
        Some(_) if about["decision"] == "deny" => "denied",
        Some(_) => "allowed",
    };
    ended(id, status, by.as_deref(), at(&about["ts"]), about).into_iter().collect()
}

/// The event of a question that is not open any more; nothing while it is. `status` is the gateway's word.
pub fn ended(
    id: &str,
    status: &str,
    by: Option<&str>,
    time: Option<crate::core::time::Ts>,
    about: &Value,
) -> Option<Event> {
    let (kind, outcome) = match status {
        "pending" => return None,
        "allowed" => (EventKind::ApprovalResolved, Ask::APPROVED),
        "denied" => (EventKind::ApprovalResolved, Ask::DENIED),
        "expired" => (EventKind::ApprovalResolved, Ask::EXPIRED),
        _ => (EventKind::ApprovalCancelled, "its run was aborted"),
    };
    let ask = Ask { outcome: Some(outcome.into()), by: by.map(str::to_owned), ..Ask::of(id) };
    let identity = format!("approval/{id}/{status}");
    Some(Event { approval: Some(ask), ..event(kind, &about["request"], identity, time) })
}

/// A question as `approval.get` and `approval.resolve` describe it: how it stands and, as far as is known, by whom.
pub fn standing(approval: &Value, memory: &Memory) -> (String, Option<String>) {
    let id = approval["id"].as_str().unwrap_or_default().to_owned();
    // The resolver's identity is the kind of its client, which says little; the event had its name.
    let by = memory.deciders.get(&id).cloned().or_else(|| words(&approval["resolver"]["id"]));
    (words(&approval["status"]).unwrap_or_default(), by)
}

/// The word of the gateway for a decision.
pub const fn decision(verdict: Verdict, reach: Reach) -> &'static str {
    match (verdict, reach) {
        (Verdict::Denied, _) => "deny",
        (Verdict::Approved, Reach::Always) => "allow-always",
        (Verdict::Approved, Reach::Once | Reach::Session) => "allow-once",
    }
}

/// What the answer to `approval.resolve` means for whoever decided. What stands there is the truth.
pub fn outcome(answer: &Value, verdict: Verdict, memory: &Memory) -> ControlResult {
    let approval = &answer["approval"];
    let (status, by) = standing(approval, memory);
    let as_wanted = match verdict {
        Verdict::Approved => status == "allowed",
        // Nothing runs, whoever saw to it.
        Verdict::Denied => matches!(status.as_str(), "denied" | "expired" | "cancelled"),
    };
    if answer["applied"] == true || as_wanted {
        return ControlResult::Confirmed { receipt: receipt::ANSWERED.into() };
    }
    let outcome = if status == "allowed" { Ask::APPROVED.to_owned() } else { status };
    ControlResult::Overruled { outcome, by }
}

/// What a refusal of `approval.resolve` means.
pub fn refused(refusal: &Refusal, verdict: Verdict) -> ControlResult {
    match (refusal.code.as_str(), verdict) {
        ("APPROVAL_NOT_FOUND", Verdict::Denied) => ControlResult::Confirmed { receipt: receipt::NOBODY_WAITS.into() },
        ("APPROVAL_NOT_FOUND", Verdict::Approved) => ControlResult::Failed { error: receipt::NOBODY_WAITS.into() },
        _ => super::control::refused(refusal),
    }
}
