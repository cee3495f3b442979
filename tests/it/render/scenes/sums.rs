//! Scenes of money and days: costs, budgets, overviews, and mornings with their digests.

use serde_json::{Value, json};
use sereno::core::calendar::Unit;
use sereno::core::input::Body;
use sereno::core::money::Micros;
use sereno::core::policy::{BudgetSpec, DigestSpec};
use sereno::core::time::{Span, Ts};

use super::asked::ask_for;
use super::work::RACE;
use super::{Scene, said, seen};
use crate::sim::{Sim, policy};

/// The founding dashboard: 47 calls, $2.34, 78 / 16 / 6 percent.
pub fn dashboard() -> Vec<Scene> {
    let mut sim = Sim::new();
    for (agent, model, calls, cents) in [
        ("Architect", "claude-sonnet-4-5", 12, 91),
        ("Debugger", "claude-sonnet-4-5", 18, 91),
        ("Security", "deepseek/deepseek-chat-v3", 8, 14),
        ("Implementer", "openai/gpt-5.1-codex", 9, 38),
    ] {
        for call in 0..calls {
            sim.advance(Span::mins(5));
            let cost = if call == 0 { f64::from(cents) / 100.0 } else { 0.0 };
            sim.event(json!({"type": "model.call", "agent": {"id": agent}, "session": {"id": agent}, "task": {"id": "OSINT-12"}, "model": model,
                "usage": {"input_tokens": 1000, "output_tokens": 120, "cost_usd": cost}}));
        }
    }
    let mut scenes = vec![
        said("cost", &mut sim, "/cost"),
        said("cost-by_task", &mut sim, "/cost 24h by task"),
        said("cost-of_agent", &mut sim, "/cost 7d agent:debugger"),
    ];
    sim.event(json!({"type": "model.call", "agent": {"id": "Scout"}, "session": {"id": "s"}, "model": "secret-model", "usage": {"input_tokens": 900}}));
    sim.event(json!({"type": "model.call", "agent": {"id": "Scout"}, "session": {"id": "s"}, "model": "claude-sonnet-4-5", "usage": {"input_tokens": 1_000_000, "cost_usd": "3.50"}}));
    scenes.push(said("cost-differs", &mut sim, "/cost by agent"));
    scenes.push(said("session-differs", &mut sim, "/session s"));
    scenes
}

/// Two days of work: well on the first, less so on the second; then what is said of it.
pub fn overviews() -> Vec<Scene> {
    let mut sim = Sim::new();
    let about = json!({"agent": {"id": "Debugger", "name": "Debugger"}, "session": {"id": "4f2a"}, "task": {"id": "OSINT-12", "title": "network_analysis.py"}});
    let report = |sim: &mut Sim, more: Value| {
        let mut event = about.clone();
        event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        event["time"] = json!(sim.now.rfc3339());
        sim.event(event);
    };
    let calls = |sim: &mut Sim, count: u32, took: u32| {
        for _ in 0..count {
            report(
                sim,
                json!({"type": "model.call", "model": "claude-sonnet-4-5", "duration_ms": took,
                "usage": {"input_tokens": 1000, "output_tokens": 100, "cost_usd": "0.02"}}),
            );
        }
    };
    calls(&mut sim, 40, 24_300);
    let mut scenes = vec![said("health", &mut sim, "/health today")];
    sim.advance(Span::hours(24));
    report(
        &mut sim,
        json!({"type": "step.ended", "step": {"name": "Research"}, "ok": true, "message": "race condition, line 247"}),
    );
    calls(&mut sim, 20, 26_100);
    for _ in 0..2 {
        report(&mut sim, json!({"type": "model.call", "model": "claude-sonnet-4-5", "error": {"type": "overloaded"}}));
    }
    report(
        &mut sim,
        json!({"type": "tool.ended", "tool": {"name": "Bash", "call_id": "c"}, "error": {"type": "timeout", "message": "<b>no answer</b> after 120 s"}}),
    );
    sim.event(json!({"type": "agent.status", "agent": {"id": "docs", "name": "Docs"}, "status": "error",
        "error": {"type": "rate_limit", "message": "Rate limit exceeded", "retry_at": "2026-11-21T10:00:00Z"}}));
    sim.advance(Span::mins(3));
    ask_for(&mut sim, "q1", "pytest tests/");
    sim.advance(Span::secs(38));
    let code = sim.code();
    sim.say("ana", &format!("/approve {code}"));
    sim.answer_control(Ok("ok"));
    sim.say("victor", "/tell debugger look at line 247");
    sim.say("ana", "/tell debugger no");
    scenes.push(said("health-bad", &mut sim, "/health 24h"));
    scenes.push(said("errors", &mut sim, "/errors"));
    scenes.push(said("events-timeline_open", &mut sim, "/timeline debugger"));
    sim.advance(Span::mins(12));
    report(&mut sim, json!({"type": "task.completed", "message": "47 of 47 tests pass"}));
    report(&mut sim, json!({"type": "session.ended"}));
    scenes.push(said("events", &mut sim, "/events"));
    scenes.push(said("events-few", &mut sim, "/events 2"));
    scenes.push(said("events-timeline", &mut sim, "/timeline OSINT-12"));
    sim.say("victor", "/audit");
    scenes.push(seen("events-audit", &sim));
    sim.say("victor", "/audit ana");
    scenes.push(seen("events-audit_of", &sim));
    scenes
}

/// A day's budget that lasts, one that does not, and one for an agent that is used up.
pub fn budgets() -> Vec<Scene> {
    let spec = |dollars: i64, per, agent: Option<&str>| BudgetSpec {
        limit: Micros(dollars * 1_000_000),
        per,
        agent: agent.map(str::to_owned),
        model: None,
    };
    let mut policy = policy();
    policy.budgets = [
        ("all".to_owned(), spec(5, Unit::Day, None)),
        ("week".to_owned(), spec(100, Unit::Week, None)),
        ("debugger".to_owned(), spec(1, Unit::Day, Some("Debugger"))),
    ]
    .into();
    let mut sim = Sim::with(policy);
    works(
        &mut sim,
        "OSINT-12",
        &[("Architect", "claude-sonnet-4-5", 1, 94), ("Debugger", "claude-sonnet-4-5", 1, 141)],
    );
    let mut scenes = vec![said("budget", &mut sim, "/budget"), said("cost-budget", &mut sim, "/cost")];
    sim.advance(Span::hours(3));
    scenes.push(said("budget-lasts", &mut sim, "/budget all"));
    scenes
}

/// A fleet of one runtime that is told of at seven.
fn briefed(unit: Unit) -> Sim {
    let mut policy = policy();
    policy.runtimes.remove("claude");
    let to = vec!["person:ana".to_owned()];
    let spec = DigestSpec { at: "0 7 * * *".into(), to, period: unit, via: Vec::new() };
    policy.digests.insert("daily".into(), spec);
    Sim::with(policy)
}

/// A day of a fleet that spends so many cents, and goes home.
fn works(sim: &mut Sim, task: &str, fleet: &[(&str, &str, u32, u32)]) {
    for (agent, model, calls, cents) in fleet {
        let about = json!({"agent": {"id": agent}, "session": {"id": format!("{agent}-{}", sim.now.0)}, "task": {"id": task, "title": "network_analysis.py"}});
        let report = |sim: &mut Sim, more: Value| {
            let mut event = about.clone();
            event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            sim.event(event);
        };
        for call in 0..*calls {
            sim.advance(Span::mins(5));
            let cost = if call == 0 { f64::from(*cents) / 100.0 } else { 0.0 };
            let usage = json!({"input_tokens": 1000, "output_tokens": 120, "cost_usd": cost});
            report(sim, json!({"type": "model.call", "model": model, "usage": usage}));
        }
        report(sim, json!({"type": "session.ended"}));
    }
}

/// Mornings after a day as in the founding dashboard, after nothing, after holes, and after an absence.
pub fn digests() -> Vec<Scene> {
    let mut sim = briefed(Unit::Day);
    let on = |sim: &mut Sim, time: &str| sim.advance(Ts::parse(&format!("2026-11-{time}:00Z")).unwrap().since(sim.now));
    on(&mut sim, "21T10:00");
    works(&mut sim, "OSINT-11", &[("Architect", "claude-sonnet-4-5", 3, 209)]);
    on(&mut sim, "22T09:00");
    works(
        &mut sim,
        "OSINT-12",
        &[
            ("Architect", "claude-sonnet-4-5", 12, 91),
            ("Security", "deepseek/deepseek-chat-v3", 8, 14),
            ("Implementer", "openai/gpt-5.1-codex", 9, 38),
            ("Debugger", "claude-sonnet-4-5", 18, 91),
        ],
    );
    let about = json!({"id": "Debugger"});
    for n in 0..5 {
        let tool = json!({"name": "Bash", "call_id": format!("c{n}"), "input": {"command": RACE}});
        sim.event(json!({"type": "tool.started", "agent": about, "session": {"id": "d-2"}, "tool": tool}));
    }
    ask_for(&mut sim, "q1", "pytest tests/");
    sim.advance(Span::secs(38));
    let code = sim.code();
    sim.say("ana", &format!("/approve {code}"));
    sim.answer_control(Ok("ok"));
    sim.event(json!({"type": "session.ended", "agent": about, "session": {"id": "d-2"}}));
    sim.event(json!({"type": "session.ended", "agent": {"id": "debug"}, "session": {"id": "4f2a9c1e77b0d3"}}));
    sim.event(json!({"type": "task.failed", "agent": {"id": "Implementer"}, "task": {"id": "API-7", "title": "Endpoint"}, "message": "no"}));
    sim.event(json!({"type": "task.completed", "agent": {"id": "Debugger"}, "task": {"id": "OSINT-12"}, "progress": {"tests_passed": 47, "tests_total": 47}}));
    let mut scenes = vec![said("digest-so_far", &mut sim, "/digest now")];
    on(&mut sim, "23T06:50");
    ask_for(&mut sim, "q2", "git push --force");
    on(&mut sim, "23T07:00");
    scenes.push(seen("digest", &sim));

    let mut sim = briefed(Unit::Day);
    on(&mut sim, "21T12:00");
    sim.event(json!({"type": "agent.heartbeat", "agent": {"id": "Architect"}}));
    on(&mut sim, "22T07:00");
    scenes.push(seen("digest-quiet", &sim));

    let with_claude = {
        let mut policy = (*sim.world.policy).clone();
        policy.runtimes = crate::sim::policy().runtimes;
        policy
    };
    sim.input(Body::Policy(Box::new(with_claude)));
    sim.event(json!({"type": "agent.status", "agent": {"id": "Writer"}, "status": "running"}));
    sim.advance(Span::mins(34));
    sim.event(json!({"type": "agent.status", "agent": {"id": "Writer"}, "status": "idle"}));
    sim.away(Span::mins(47));
    on(&mut sim, "23T07:00");
    scenes.push(seen("digest-gaps", &sim));

    sim.advance(Span::hours(5));
    works(&mut sim, "OSINT-13", &[("Architect", "claude-sonnet-4-5", 2, 40)]);
    on(&mut sim, "24T12:00");
    works(
        &mut sim,
        "OSINT-13",
        &[("Architect", "claude-sonnet-4-5", 2, 60), ("Debugger", "openai/gpt-5.1-codex", 1, 25)],
    );
    sim.away(Span::days(2));
    scenes.push(seen("digest-catch_up", &sim));

    let mut sim = briefed(Unit::Week);
    for day in 0..5 {
        sim.advance(Span::hours(20));
        works(
            &mut sim,
            "OSINT-14",
            &[("Architect", "claude-sonnet-4-5", 2, 30 + day), ("Debugger", "openai/gpt-5.1-codex", 1, 7)],
        );
    }
    scenes.push(seen("digest-week", &sim));
    scenes
}
