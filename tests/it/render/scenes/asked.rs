//! Scenes of decisions: what agents ask of people, and what people ask of agents.

use serde_json::{Value, json};
use sereno::core::time::Span;

use super::{Scene, of, said, seen};
use crate::sim::Sim;

/// A model call of Debug, before it asks.
pub fn thinks(cost: Option<&str>) -> Value {
    json!({"type": "model.call", "agent": {"id": "debug", "name": "Debug"}, "session": {"id": "4f2a9c1e77b0d3", "cwd": "~/osint-mw", "branch": "fix/race"},
        "task": {"id": "OSINT-12", "title": "Fix network_analysis.py"}, "model": "claude-sonnet-4-5", "usage": {"input_tokens": 3420, "output_tokens": 1890, "cost_usd": cost}})
}

pub fn ask_for(sim: &mut Sim, id: &str, command: &str) {
    let input = json!({"command": command, "timeout": 120_000, "description": "Runs the tests"});
    sim.event(json!({"type": "approval.requested", "agent": {"id": "debug"}, "session": {"id": "4f2a9c1e77b0d3"},
        "approval": {"id": id, "action": {"tool": "Bash", "input": input}}}));
}

fn debug_asks(command: &str) -> Sim {
    let mut sim = Sim::new();
    sim.event(thinks(Some("0.41")));
    sim.to("09:17");
    ask_for(&mut sim, "q1", command);
    sim
}

/// Before and after a decision.
pub fn approvals() -> Vec<Scene> {
    let after = |name: &str, act: &dyn Fn(&mut Sim)| {
        let mut sim = debug_asks("pytest tests/");
        act(&mut sim);
        seen(name, &sim)
    };
    let tap = |label: &'static str| {
        move |sim: &mut Sim| {
            let card = sim.card("approval").number;
            sim.advance(Span::secs(38));
            sim.tap("ana", card, label);
        }
    };
    let event = |kind: &str, more: Value| {
        let mut event = json!({"type": kind, "approval": {"id": "q1"}, "agent": {"id": "debug"}, "session": {"id": "4f2a9c1e77b0d3"}});
        event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        event
    };
    let mut scenes = vec![
        after("approval", &|_| {}),
        after("approval-approved", &tap("approve")),
        after("approval-for_session", &|sim| {
            tap("approve_session")(sim);
            sim.answer_control(Ok("ok"));
        }),
        after("approval-result", &|sim| {
            tap("approve")(sim);
            sim.answer_control(Ok(sereno::core::control::receipt::ANSWERED));
            let tool = json!({"name": "Bash", "call_id": "c", "input": {"command": "pytest tests/", "timeout": 120_000, "description": "Runs the tests"}, "ok": true});
            sim.event(event("tool.ended", json!({"tool": tool, "duration_ms": 12_000, "message": "47 passed"})));
        }),
        after("approval-denied", &|sim| {
            let code = sim.code();
            sim.advance(Span::mins(2));
            sim.say("victor", &format!("no {code} not on prod"));
        }),
        after("approval-stopped", &tap("deny_stop")),
        after("approval-expired", &|sim| sim.advance(Span::mins(25))),
        after("approval-withdrawn", &|sim| {
            sim.event(event("approval.cancelled", json!({"message": "timed out"})));
        }),
        after("approval-unconfirmed", &|sim| {
            tap("approve")(sim);
            sim.answer_control(Err(sereno::core::control::receipt::NOBODY_WAITS));
        }),
        after("approval-superseded", &|_| {}),
    ];
    let mut sim = debug_asks("pytest tests/");
    ask_for(&mut sim, "q1", "rm -rf tests/");
    let last = scenes.len() - 1;
    scenes[last] = of("approval-superseded", &sim, sim.cards("approval")[0], true);
    let mut sim = debug_asks("echo \u{202e}gnp.exe");
    scenes.push(seen("approval-hidden", &sim));
    let card = sim.card("approval").number;
    sim.tap("ana", card, "approve_session");
    ask_for(&mut sim, "q2", "git push --force");
    scenes.push(said("approvals", &mut sim, "/approvals"));
    scenes.push(said("session-grants", &mut sim, "/session 4f2a"));
    let code = sim.world.approvals[&1].code.clone();
    scenes.push(said("why-approval", &mut sim, &format!("/why {code}")));
    scenes
}

/// A command that does not fit where it is read.
pub fn long_approval() -> Vec<Scene> {
    let mut sim = debug_asks(&format!("python - <<'EOF'\n{}EOF", format!("print('{}')\n", "-".repeat(90)).repeat(60)));
    let cut = of("approval-long", &sim, sim.card("approval"), false);
    let code = sim.code();
    sim.say("ana", &format!("/show {code}"));
    let pieces = sim.cards("full_text");
    vec![cut, of("full_text", &sim, pieces[0], true), of("full_text-arguments", &sim, pieces[pieces.len() - 1], true)]
}

/// What people ask of agents, asked, confirmed, refused.
pub fn control() -> Vec<Scene> {
    let mut sim = Sim::new();
    sim.event(thinks(None));
    sim.event_of(
        "claude",
        json!({"type": "session.started", "agent": {"id": "osint-mw"}, "session": {"id": "c0ffee00-1111"}}),
    );
    let mut scenes = vec![said("control-pause", &mut sim, "/pause debug for 30m")];
    sim.answer_control(Ok("held"));
    scenes.push(seen("control-paused", &sim));
    sim.say("ana", "/pause osint-mw");
    sim.answer_control_with(sereno::core::control::ControlResult::Waiting);
    scenes.push(seen("control-waits", &sim));
    scenes.push(said("agents-paused", &mut sim, "/agents"));
    scenes.push(said("control-kill_asks", &mut sim, "/kill debug"));
    scenes.push(said("control-kill", &mut sim, "/kill debug yes"));
    sim.answer_control(Err("no such process"));
    scenes.push(seen("control-failed", &sim));
    sim.say("victor", "/tell debug try hypothesis 3 for 10m first");
    scenes.push(seen("control-tell", &sim));
    sim.event(json!({"type": "agent.registered", "agent": {"id": "codex", "name": "Codex"}}));
    sim.say("victor", "/reassign OSINT-12 to:codex");
    scenes.push(seen("control-reassign", &sim));
    scenes
}
