//! Random logs that a real fleet could have written: events, commands, taps, answers of channels and
//! runtimes, and time. Whatever names something that exists (a row, a copy, a button) does so by a number
//! that is resolved against the World of that moment, so that most of them hit.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};
use sereno::core::control::Point;
use sereno::core::policy::{Policy, RuleSpec, ScopeKind, Severity};
use sereno::core::time::Span;

use crate::sim::{policy, rule};

/// Runs `test` on `cases` values, the same ones every time.
pub fn for_all<S: Strategy>(cases: u32, values: &S, test: impl Fn(S::Value)) {
    let config =
        ProptestConfig { cases, failure_persistence: None, max_shrink_iters: 400, ..ProptestConfig::default() };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let result = runner.run(values, |value| {
        test(value);
        Ok(())
    });
    if let Err(failed) = result {
        panic!("{failed}");
    }
}

/// One thing that happens.
#[derive(Clone, Debug)]
pub enum Op {
    /// A runtime reports; its agent may stand at a gate.
    Event(&'static str, Value, Option<Point>),
    /// Somebody types on the page.
    Say(&'static str, String),
    /// Somebody taps the nth button of the nth copy; from another conversation, or on another message.
    Tap { person: &'static str, copy: usize, button: u16, foreign: bool, receipt: bool },
    /// A channel or a runtime answers to the nth row that waits.
    Answer(usize, Verdict),
    /// Time passes.
    Wait(Span),
    /// The clock jumps by so many milliseconds, either way.
    Jump(i64),
    /// Sereno is away for so long.
    Away(Span),
    /// The configuration changes.
    Policy(bool),
}

/// How a row is answered.
#[derive(Clone, Copy, Debug)]
pub enum Verdict {
    Done,
    Retry,
    Uncertain,
    Gone,
    Moved,
    EditLost,
    Later,
}

/// The policy of random logs: rules of every scope, with and without a hold.
pub fn many_rules() -> Policy {
    let of =
        |name: &str, when: &str, per, hold| RuleSpec { per, hold, severity: Severity::Warning, ..rule(name, when) };
    let mut policy = policy();
    policy.rules.extend([
        of("slow-burn", "cost('10m') > 1.0", ScopeKind::Agent, Span::mins(5)),
        of("session-cost", "cost('1h') > 2.0 && calls('1h') > 2", ScopeKind::Session, Span(0)),
        of("task-cost", "cost('1h') > 3.0", ScopeKind::Task, Span::mins(1)),
        of("fleet-cost", "cost('30m') > 6.0", ScopeKind::Fleet, Span(0)),
        of("errors", "error_rate('10m') > 0.1", ScopeKind::Agent, Span(0)),
        of("silent", "idle() > 15 * 60", ScopeKind::Agent, Span(0)),
        of("stuck", "in_tool() >= 600", ScopeKind::Agent, Span(0)),
        of("waits", "approval_wait() > 300", ScopeKind::Agent, Span(0)),
        of("old", "age() > 7200", ScopeKind::Session, Span::mins(1)),
        of("limited", "fault == 'rate_limit'", ScopeKind::Agent, Span(0)),
        of("deep", "queue_depth() > 3", ScopeKind::Agent, Span(0)),
    ]);
    policy
}

const COMMANDS: &[&str] = &["pytest tests/", "rm -rf build", "echo a\u{202e}b", "ls -la\nrm x", "git push --force"];

fn who() -> impl Strategy<Value = Value> {
    (0..4_u8, 0..3_u8, 0..3_u8, any::<bool>()).prop_map(|(agent, session, task, tasked)| {
        let mut event = json!({
            "agent": { "id": format!("agent{agent}"), "tags": [if agent == 0 { "core" } else { "web" }] },
            "session": { "id": format!("s{agent}-{session}"), "cwd": "/srv/app" },
        });
        if tasked {
            event["task"] = json!({ "id": format!("T-{task}"), "title": "A title", "kind": "bug" });
        }
        event
    })
}

/// A model call; its cost is reported, computed, unknown or a running total.
pub fn model_call() -> impl Strategy<Value = Value> {
    let costs =
        select(vec![None, Some("0.10"), Some("0.333333"), Some("1.01"), Some("2.51"), Some("5.00"), Some("5.01")]);
    let models = select(vec![
        "claude-opus-4-5",
        "claude-sonnet-4-5",
        "openai/gpt-5.1-codex",
        "deepseek/deepseek-chat-v3",
        "mystery",
    ]);
    (who(), models, costs, 0..90_000_u64, 0..4000_u64, any::<bool>()).prop_map(
        |(who, model, cost, input, output, total)| {
            let mut usage =
                json!({ "input_tokens": input, "output_tokens": output, "cumulative": total && input > 60_000 });
            if let Some(cost) = cost {
                usage["cost_usd"] = json!(cost);
            }
            merged(who, json!({ "type": "model.call", "model": model, "usage": usage, "duration_ms": input / 3 }))
        },
    )
}

fn merged(mut event: Value, more: Value) -> Value {
    if let (Value::Object(into), Value::Object(from)) = (&mut event, more) {
        into.extend(from);
    }
    event
}

fn event() -> impl Strategy<Value = Value> {
    let tool = (who(), 0..3_u8, any::<bool>(), any::<bool>()).prop_map(|(who, n, ended, ok)| {
        let tool = json!({ "name": "Bash", "call_id": format!("c{n}"), "input": { "command": COMMANDS[usize::from(n)] }, "ok": ok });
        let mut event = merged(who, json!({ "type": if ended { "tool.ended" } else { "tool.started" }, "tool": tool }));
        if ended {
            event["duration_ms"] = json!(1234);
            event["message"] = json!("47 passed");
        }
        event
    });
    let ask = (who(), 0..6_u8, 0..5_usize, any::<bool>()).prop_map(|(who, id, command, long)| {
        let command =
            if long { format!("{}{}", COMMANDS[command], "x".repeat(5000)) } else { COMMANDS[command].to_owned() };
        let action =
            json!({ "tool": "Bash", "input": { "command": command, "timeout": 1000, "description": "a check" } });
        merged(who, json!({ "type": "approval.requested", "approval": { "id": format!("q{id}"), "action": action } }))
    });
    let unask = (0..6_u8, any::<bool>()).prop_map(|(id, elsewhere)| {
        let kind = if elsewhere { "approval.resolved" } else { "approval.cancelled" };
        json!({ "type": kind, "approval": { "id": format!("q{id}"), "outcome": "allow" } })
    });
    let words = ["running", "idle", "paused", "error", "stopped", "completed", "compacting", "waiting"];
    let kinds = ["agent.status", "agent.registered", "agent.heartbeat", "session.started", "session.progress"];
    let status =
        (who(), select(kinds.to_vec()), proptest::option::of(select(words.to_vec()))).prop_map(|(who, kind, word)| {
            let progress = json!({ "tests_passed": 41, "tests_total": 47, "percent": 33.3 });
            let mut event = merged(who, json!({ "type": kind, "progress": progress }));
            if let Some(word) = word {
                event["status"] = json!(word);
            }
            event
        });
    let fault = (who(), select(vec!["rate_limit", "timeout", "crash"]), any::<bool>()).prop_map(|(who, kind, status)| {
        let error = json!({ "type": kind, "message": "said no", "retry_at": "2026-11-20T13:00:00Z" });
        merged(who, json!({ "type": if status { "agent.status" } else { "model.call" }, "status": "error", "error": error }))
    });
    let ends = [
        "session.ended",
        "session.failed",
        "task.completed",
        "task.failed",
        "task.created",
        "task.started",
        "task.assigned",
    ];
    let life = (who(), 0..3_u8, select(ends.to_vec())).prop_map(|(who, task, kind)| {
        merged(
            who,
            json!({ "type": kind, "task": { "id": format!("T-{task}"), "kind": "bug" }, "message": "race condition" }),
        )
    });
    let step = (who(), any::<bool>(), 1..4_u32).prop_map(|(who, ended, n)| {
        let step = json!({ "name": format!("Step {n}"), "index": n, "of": 4 });
        merged(who, json!({ "type": if ended { "step.ended" } else { "step.started" }, "step": step, "message": "3 hypotheses" }))
    });
    let other = (who(), -9.0..9.0_f64).prop_map(|(who, value)| {
        merged(who, json!({ "type": "metric", "metric": { "name": "queue_depth", "value": value }, "resource": { "cpu": value } }))
    });
    let rest = (who(), select(vec!["handoff", "message", "deployment", "robot.danced"])).prop_map(|(who, kind)| {
        merged(who, json!({ "type": kind, "to": { "id": "agent1" }, "message": "hello", "from": "agent" }))
    });
    prop_oneof![4 => model_call(), 4 => tool, 3 => ask, 1 => unask, 2 => status, 1 => fault, 2 => life, 1 => step, 1 => other, 1 => rest]
}

fn line() -> impl Strategy<Value = String> {
    let lines = [
        "/status",
        "/agents",
        "/agent agent1",
        "/sessions",
        "/session s1-1",
        "/logs s0-0",
        "/logs agent2",
        "/tasks",
        "/task T-1",
        "/cost",
        "/cost 7d by task",
        "/alerts",
        "/approvals",
        "/whoami",
        "/help",
        "/why A1",
        "/why A3",
        "/ack",
        "/ack A2",
        "/resolve",
        "/resolve A1",
        "/pause agent0",
        "/pause agent1 for 5m",
        "/pause all 4",
        "/resume agent0",
        "/resume all",
        "/kill agent2",
        "/kill agent2 yes",
        "/tell agent1 try hypothesis 3",
        "/reassign T-1 to:agent2",
        "/revoke G1",
        "ok {}",
        "no {} not now",
        "/approve {} session",
        "/show {}",
        "/deny {} stop",
        "/nonsense",
        "/a",
    ];
    select(lines.to_vec()).prop_map(str::to_owned)
}

fn op() -> impl Strategy<Value = Op> {
    let people = || select(vec!["victor", "ana"]);
    let points = proptest::option::weighted(0.3, select(vec![Point::BeforeTool, Point::AfterTool, Point::TurnEnd]));
    let event = (select(vec!["fleet", "claude"]), event(), points)
        .prop_map(|(runtime, event, point)| Op::Event(runtime, event, point));
    let say = (people(), line()).prop_map(|(person, line)| Op::Say(person, line));
    let tap = (people(), any::<usize>(), 1..12_u16, any::<u8>()).prop_map(|(person, copy, button, odd)| Op::Tap {
        person,
        copy,
        button,
        foreign: odd % 8 == 1,
        receipt: odd % 8 != 2,
    });
    let verdicts = prop_oneof![
        12 => Just(Verdict::Done), 2 => Just(Verdict::Retry), 1 => Just(Verdict::Uncertain), 1 => Just(Verdict::Gone),
        1 => Just(Verdict::Moved), 1 => Just(Verdict::EditLost), 1 => Just(Verdict::Later)
    ];
    let answer = (any::<usize>(), verdicts).prop_map(|(row, verdict)| Op::Answer(row, verdict));
    let waits = select(vec![
        Span(0),
        Span(1),
        Span::secs(20),
        Span::mins(1),
        Span::mins(4),
        Span::mins(11),
        Span::hours(2),
        Span::days(1),
    ]);
    let wait = waits.prop_map(Op::Wait);
    let leaps = [Span::secs(6), Span::mins(5), Span::hours(2), Span::days(1)];
    let lost =
        (select(leaps.to_vec()), any::<bool>(), any::<bool>()).prop_map(|(span, jump, back)| match (jump, back) {
            (true, true) => Op::Jump(-span.0),
            (true, false) => Op::Jump(span.0),
            (false, _) => Op::Away(span),
        });
    let policy = any::<bool>().prop_map(Op::Policy);
    prop_oneof![24 => event, 8 => say, 8 => tap, 24 => answer, 10 => wait, 1 => lost, 2 => policy]
}

/// Logs of up to `most` operations.
pub fn ops(most: usize) -> impl Strategy<Value = Vec<Op>> {
    vec(op(), 10..most)
}
