//! Scenes: short runs of a fleet that lead to every message there is, founding scenarios first.

use serde_json::{Value, json};
use sereno::channel::Outgoing;
use sereno::core::calendar::Unit;
use sereno::core::command::CATALOGUE;
use sereno::core::delivery::{Card, SendOutcome, SendResult};
use sereno::core::input::Body;
use sereno::core::message::{Button, Content, SecretView};
use sereno::core::money::Micros;
use sereno::core::policy::{BudgetSpec, DigestSpec, Lang, RuleSpec, Severity};
use sereno::core::time::{Span, Ts};
use sereno::render::{RENDERER, Reader};

use crate::channel::contract::{buttons, message};
use crate::seeds::bug_hunt;
use crate::sim::{Sim, policy, rule};

/// A message in a moment.
pub struct Scene {
    pub name: String,
    pub content: Content,
    pub buttons: Vec<Button>,
    pub whole: bool,
    pub now: Ts,
}

fn of(name: &str, sim: &Sim, card: &Card, whole: bool) -> Scene {
    Scene { name: name.into(), content: card.content.clone(), buttons: card.buttons.clone(), whole, now: sim.now }
}

/// The newest card of a kind.
fn seen(name: &str, sim: &Sim) -> Scene {
    of(name, sim, sim.card(name.split('-').next().unwrap_or(name)), true)
}

/// The answer to a typed line.
fn said(name: &str, sim: &mut Sim, line: &str) -> Scene {
    sim.say("ana", line);
    seen(name, sim)
}

/// Every scene in every language as a channel gets it, with its buttons.
pub fn outgoing(target: &str) -> Vec<(String, Outgoing)> {
    let drawn = |scene: Scene| {
        Lang::ALL.map(|lang| {
            let reader = Reader { lang, tz: "UTC".into(), whole: scene.whole };
            let doc = RENDERER.draw(&scene.content, &reader, scene.now).unwrap();
            let shown: Vec<_> = scene.buttons.iter().filter(|b| b.is_drawn(scene.whole)).collect();
            let mut drawn = buttons(shown.len(), 27);
            for (drawn, button) in drawn.iter_mut().zip(shown) {
                CATALOGUE.button(&button.label, lang).unwrap().clone_into(&mut drawn.label);
                (drawn.style, drawn.asks_why) = (button.style, button.asks_why);
            }
            let name = format!("{}.{}", scene.name, lang.as_str());
            (name, Outgoing { lang, buttons: drawn, ..message(target, doc) })
        })
    };
    all().into_iter().flat_map(drawn).collect()
}

pub fn all() -> Vec<Scene> {
    let parts = [
        happy_path(),
        loop_and_cost(),
        signals(),
        four_agents(),
        dashboard(),
        approvals(),
        long_approval(),
        control(),
        answers(),
        outage(),
        digests(),
        overviews(),
        budgets(),
        people(),
    ];
    parts.into_iter().flatten().collect()
}

/// Who is known, and what is for one reader alone.
fn people() -> Vec<Scene> {
    let mut sim = Sim::new();
    sim.say("victor", "/people add bea role:operator team:web");
    let mut scenes = vec![seen("people", &sim)];
    for (what, name, text, lives) in [
        ("code", "ana", "7K3F-9QXA", Span::mins(10)),
        ("link", "ana", "https://sereno.example.org/#signin=2b7e151628aed2a6", Span::mins(10)),
        ("key", "ci", "sereno_2b7e151628aed2a6abf7158809cf4f3c", Span::days(90)),
    ] {
        let view = SecretView {
            what: what.into(),
            name: name.into(),
            nonce: "00".into(),
            expires: sim.now.plus(lives),
            text: Some(text.into()),
        };
        let scene = |name: String, view| Scene {
            name,
            content: Content::Secret(view),
            buttons: Vec::new(),
            whole: true,
            now: sim.now,
        };
        scenes.push(scene(format!("secret-{what}"), view.clone()));
        if what == "code" {
            scenes.push(scene("secret-over".into(), SecretView { text: None, ..view }));
        }
    }
    scenes
}

/// Telegram is away for a while; what it did not take at all is dead.
fn outage() -> Vec<Scene> {
    let mut sim = Sim::new();
    let mut scenes = vec![said("dead-none", &mut sim, "/dead")];
    sim.delivers = false;
    for n in 0..8 {
        let task = json!({"id": format!("T-{n}"), "title": "A task"});
        sim.event(json!({"type": "task.completed", "agent": {"id": "Coder", "name": "Coder"}, "task": task}));
    }
    let rows = |sim: &Sim| -> Vec<String> {
        let on = |copy: Option<u64>| sim.world.copies[&copy.unwrap()].to.channel == "tg";
        sim.world.outstanding.iter().filter(|(_, row)| on(row.copy)).map(|(id, _)| id.clone()).collect()
    };
    for id in rows(&sim).into_iter().take(6) {
        let error = "Telegram cannot be reached".to_owned();
        let result = SendResult::Retry { error, after: None, uncertain: false };
        sim.input(Body::Sent(SendOutcome::new(&id, 1, 1, result)));
    }
    scenes.push(said("status-unreachable", &mut sim, "/status"));
    sim.advance(Span::mins(7));
    let probe = rows(&sim)[0].clone();
    sim.answer_sent(&probe);
    scenes.push(seen("missed", &sim));
    for id in rows(&sim).into_iter().take(2) {
        sim.give_up(&id);
    }
    scenes.push(said("dead", &mut sim, "/dead"));
    scenes
}

/// A bug is hunted by four agents with three models.
fn happy_path() -> Vec<Scene> {
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
    sim.event(json!({"type": "task.failed", "agent": {"id": "Coder", "name": "Coder"}, "task": {"id": "API-7", "title": "Endpoint"}, "message": "could not reproduce"}));
    scenes.push(seen("completion-failed", &sim));
    scenes
}

const RACE: &str = "pytest tests/test_net.py -k race";

/// The fifth equal call, and money that runs away; both end.
fn loop_and_cost() -> Vec<Scene> {
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
fn signals() -> Vec<Scene> {
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
fn four_agents() -> Vec<Scene> {
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

/// A model call of Debug, before it asks.
fn thinks(cost: Option<&str>) -> Value {
    json!({"type": "model.call", "agent": {"id": "debug", "name": "Debug"}, "session": {"id": "4f2a9c1e77b0d3", "cwd": "~/osint-mw", "branch": "fix/race"},
        "task": {"id": "OSINT-12", "title": "Fix network_analysis.py"}, "model": "claude-sonnet-4-5", "usage": {"input_tokens": 3420, "output_tokens": 1890, "cost_usd": cost}})
}

fn ask_for(sim: &mut Sim, id: &str, command: &str) {
    let input = json!({"command": command, "timeout": 120_000, "description": "Runs the tests"});
    sim.event(json!({"type": "approval.requested", "agent": {"id": "debug"}, "session": {"id": "4f2a9c1e77b0d3"},
        "approval": {"id": id, "action": {"tool": "Bash", "input": input}}}));
}

/// The founding dashboard: 47 calls, $2.34, 78 / 16 / 6 percent.
fn dashboard() -> Vec<Scene> {
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
fn overviews() -> Vec<Scene> {
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
fn budgets() -> Vec<Scene> {
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
fn digests() -> Vec<Scene> {
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

fn debug_asks(command: &str) -> Sim {
    let mut sim = Sim::new();
    sim.event(thinks(Some("0.41")));
    sim.to("09:17");
    ask_for(&mut sim, "q1", command);
    sim
}

/// Before and after a decision.
fn approvals() -> Vec<Scene> {
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
fn long_approval() -> Vec<Scene> {
    let mut sim = debug_asks(&format!("python - <<'EOF'\n{}EOF", format!("print('{}')\n", "-".repeat(90)).repeat(60)));
    let cut = of("approval-long", &sim, sim.card("approval"), false);
    let code = sim.code();
    sim.say("ana", &format!("/show {code}"));
    let pieces = sim.cards("full_text");
    vec![cut, of("full_text", &sim, pieces[0], true), of("full_text-arguments", &sim, pieces[pieces.len() - 1], true)]
}

/// What people ask of agents, asked, confirmed, refused.
fn control() -> Vec<Scene> {
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

/// Everything else that is answered.
fn answers() -> Vec<Scene> {
    let mut sim = Sim::new();
    let mut scenes = vec![
        said("tasks-none", &mut sim, "/tasks"),
        said("agents-none", &mut sim, "/agents"),
        said("approvals-none", &mut sim, "/approvals"),
        said("alerts-none", &mut sim, "/alerts"),
        said("cost-none", &mut sim, "/cost"),
        said("health-none", &mut sim, "/health"),
        said("errors-none", &mut sim, "/errors"),
        said("budget-none", &mut sim, "/budget"),
        said("settings", &mut sim, "/settings"),
        said("whoami", &mut sim, "/whoami"),
        said("help", &mut sim, "/help"),
        said("help-one", &mut sim, "/help pause"),
        said("notice", &mut sim, "/apruve 7K3F"),
        said("notice-role", &mut sim, "/tell debug hello"),
    ];
    let stranger = sereno::core::access::Actor { channel: "tg".into(), account: "99".into(), display: None };
    let asked = sereno::core::input::Invocation {
        actor: stranger,
        text: "/whoami".into(),
        tap: None,
        origin: None,
        device: None,
        secret: None,
    };
    let reply = sim.input(Body::Command(asked)).unwrap();
    let content = *reply.content.unwrap();
    scenes.push(Scene { name: "whoami-stranger".into(), content, buttons: Vec::new(), whole: true, now: sim.now });
    scenes
}
