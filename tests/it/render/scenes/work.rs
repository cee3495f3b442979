//! Scenes of work: four agents on a bug, one that goes in circles, and an alert of every kind.

use serde_json::{Value, json};
use sereno::core::policy::{RuleSpec, Severity};
use sereno::core::time::Span;

use super::asked::{ask_for, thinks};
use super::{Scene, of, said, seen};
use crate::seeds::bug_hunt;
use crate::sim::{Sim, policy, rule};

/// A bug is hunted by four agents with three models.
pub fn happy_path() -> Vec<Scene> {
    let mut sim = Sim::new();
    let mut scenes = Vec::new();
    for (time, mut event) in bug_hunt() {
        sim.to(time);
        event["time"] = json!(sim.now.rfc3339());
        sim.event(event);
        if time == "09:18" && sim.cards("milestone").len() == 2 {
            scenes.push(seen("task_card-under_way", &sim));
        }
    }
    scenes.extend([seen("milestone", &sim), seen("completion", &sim), seen("task_card-done", &sim)]);
    scenes.push(said("task", &mut sim, "/task OSINT-12"));
    scenes.push(said("tasks", &mut sim, "/tasks"));
    scenes.push(said("status-quiet", &mut sim, "/status"));
    for (step, error) in [("Plan", None), ("Reproduce", Some(json!({"type": "crash", "message": "no"})))] {
        sim.event(json!({"type": "step.ended", "agent": {"id": "Coder", "name": "Coder"}, "task": {"id": "API-7", "title": "Endpoint"},
            "step": {"name": step}, "error": error}));
    }
    sim.event(json!({"type": "task.failed", "agent": {"id": "Coder", "name": "Coder"}, "task": {"id": "API-7", "title": "Endpoint"}, "message": "could not reproduce"}));
    scenes.push(seen("completion-failed", &sim));
    scenes
}

pub const RACE: &str = "pytest tests/test_net.py -k race";

/// The fifth equal call, and money that runs away; both end.
pub fn loop_and_cost() -> Vec<Scene> {
    let mut sim = Sim::new();
    let mut scenes = Vec::new();
    let mut event = json!({"agent": {"id": "Debugger", "name": "Debugger", "role": "Debugger"}, "session": {"id": "4f2a"},
        "task": {"id": "OSINT-12", "title": "network_analysis.py"}, "model": "claude-sonnet-4-5"});
    let mut report = |sim: &mut Sim, more: Value| {
        event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        sim.event(event.clone());
    };
    for minute in 11..=15 {
        sim.to(&format!("09:{minute}"));
        let tool = json!({"name": "Bash", "call_id": "c", "input": {"command": RACE}, "result_digest": "8f2c55d0"});
        report(
            &mut sim,
            json!({"type": "tool.started", "tool": tool, "progress": {"tests_passed": 41, "tests_total": 47}}),
        );
        report(&mut sim, json!({"type": "tool.ended", "tool": tool}));
    }
    report(
        &mut sim,
        json!({"type": "model.call", "usage": {"input_tokens": 3420, "output_tokens": 1890, "cost_usd": "6.20"}}),
    );
    scenes.push(seen("loop", &sim));
    scenes.push(seen("alert", &sim));
    scenes.push(said("status", &mut sim, "/status"));
    sim.to("09:17");
    sim.say("ana", "/ack A1");
    sim.say("ana", "/ack A2");
    scenes.push(seen("loop-acked", &sim));
    scenes.push(seen("alert-acked", &sim));
    sim.to("09:27");
    scenes.push(seen("loop-over", &sim));
    scenes.push(seen("alert-over", &sim));
    scenes.push(said("why", &mut sim, "/why A2"));
    report(&mut sim, json!({"type": "model.call", "usage": {"cost_usd": "5.50"}}));
    scenes.push(said("alerts", &mut sim, "/alerts"));
    scenes
}

/// One alert of every kind of signal.
pub fn signals() -> Vec<Scene> {
    let mut scenes = Vec::new();
    for (name, when, severity) in [
        ("tokens", "tokens('10m') > 10000", Severity::Warning),
        ("error_rate", "error_rate('10m') > 0.1", Severity::Warning),
        ("errors", "errors('10m') >= 1", Severity::Info),
        ("latency", "latency('10m') > 30", Severity::Trend),
        ("idle", "idle() > 15 * 60", Severity::Critical),
        ("in_tool", "in_tool() > 600", Severity::Critical),
        ("approval_wait", "approval_wait() > 300", Severity::Warning),
        ("fault", "fault == 'rate_limit'", Severity::Warning),
        ("metric", "queue_depth() > 3", Severity::Warning),
    ] {
        let mut policy = policy();
        policy.rules = vec![RuleSpec { severity, ..rule(name, when) }];
        let mut sim = Sim::with(policy);
        let about = json!({"agent": {"id": "docs", "name": "Docs"}, "session": {"id": "d1"}});
        let mut report = |more: Value| {
            let mut event = about.clone();
            event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            sim.event(event);
        };
        match name {
            "in_tool" => report(json!({"type": "tool.started", "tool": {"name": "Bash", "call_id": "c"}})),
            "approval_wait" => report(
                json!({"type": "approval.requested", "approval": {"id": "q", "action": {"tool": "Bash", "input": {"command": "ls"}}}}),
            ),
            "fault" => report(
                json!({"type": "agent.status", "status": "error", "error": {"type": "rate_limit", "message": "Rate limit exceeded", "retry_at": "2026-11-20T10:00:00Z"}}),
            ),
            "metric" => report(json!({"type": "metric", "metric": {"name": "queue_depth", "value": 9}})),
            "idle" => report(json!({"type": "session.started"})),
            _ => report(
                json!({"type": "model.call", "model": "deepseek/deepseek-chat-v3", "duration_ms": 42_500, "usage": {"input_tokens": 12_000, "output_tokens": 340}, "error": {"type": "overloaded"}}),
            ),
        }
        let grows = matches!(name, "idle" | "in_tool" | "approval_wait");
        sim.advance(Span::mins(if grows { 16 } else { 1 }));
        scenes.push(of(&format!("alert-{name}"), &sim, sim.cards("alert")[0], true));
    }
    scenes
}

/// One works, one asks, one works on a branch, one has hit a limit.
pub fn four_agents() -> Vec<Scene> {
    let mut sim = Sim::new();
    sim.event(json!({"type": "model.call", "agent": {"id": "architect", "name": "Architect", "role": "Architect"}, "session": {"id": "a1"},
        "task": {"id": "OSINT-9", "title": "Diseñar nuevo módulo OSINT"}, "model": "claude-opus-4-5", "usage": {"input_tokens": 11_900, "output_tokens": 440, "cost_usd": "0.18"}}));
    sim.event(json!({"type": "step.started", "agent": {"id": "architect"}, "session": {"id": "a1"}, "step": {"name": "Review", "index": 3, "of": 5}}));
    sim.to("09:03");
    sim.event(json!({"type": "model.call", "agent": {"id": "code", "name": "Code"}, "session": {"id": "c1", "branch": "feature/api-endpoint"},
        "task": {"id": "API-7", "title": "Implementar API endpoint"}, "model": "openai/gpt-5.1-codex", "usage": {"input_tokens": 4000, "output_tokens": 900, "cost_usd": "0.22"}}));
    sim.event(json!({"type": "agent.status", "agent": {"id": "docs", "name": "Docs"}, "session": {"id": "d1"}, "task": {"id": "DOC-3", "title": "Actualizar documentación"},
        "model": "deepseek/deepseek-chat-v3", "status": "error", "error": {"type": "rate_limit", "message": "Rate limit exceeded", "retry_at": "2026-11-20T10:00:00Z"}}));
    sim.event(thinks(Some("0.41")));
    ask_for(&mut sim, "q1", "pytest tests/");
    sim.to("09:07");
    vec![
        said("agents", &mut sim, "/agents"),
        said("agents-filtered", &mut sim, "/agents waiting"),
        said("agents-nobody", &mut sim, "/agents team:none"),
        said("agent", &mut sim, "/agent debug"),
        said("agent-fault", &mut sim, "/agent docs"),
        said("sessions", &mut sim, "/sessions"),
        said("session", &mut sim, "/session a1"),
        said("logs", &mut sim, "/logs debug"),
        said("status-busy", &mut sim, "/status"),
    ]
}
