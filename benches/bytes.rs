//! How many bytes of memory the World takes for each agent, session, task and alert, and how many of a snapshot.
//!
//! `cargo bench --profile dev --bench bytes`. Each kind is folded in a process of its own under valgrind's DHAT, which
//! counts what is asked of the allocator and not given back: so busy a machine may be, the figures are the same. What
//! the allocator adds (8 bytes a block, and what is free in between) is not in them.

#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

#[path = "common/fleet.rs"]
#[expect(dead_code, reason = "only the policy is of use here")]
mod fleet;

use std::process::{Command, ExitCode};

use serde_json::{Value, json};
use sereno::config::Config;
use sereno::core::delivery::{OutboxRow, SendOutcome, SendResult, Work};
use sereno::core::event::EventKind;
use sereno::core::input::{Body, Input, Reported};
use sereno::core::policy::Policy;
use sereno::core::step::step;
use sereno::core::time::Ts;
use sereno::core::world::World;
use sereno::runtime::decode;

use fleet::START;

/// Of each kind so many are folded: a power of two, so that lists which double are full.
const COUNT: u64 = 128;
/// Length of a message that fills an event up to about a kilobyte.
const MESSAGE: usize = 750;

/// What one of a kind reports, in order; `n` is its number.
type Kind = (&'static str, fn(n: u64) -> Vec<Value>);

const KINDS: [Kind; 7] = [
    ("an agent without a session", |n| vec![said(n, "agent.heartbeat", json!({ "session": null }))]),
    ("an agent with a session, one event", |n| vec![said(n, "session.started", json!({}))]),
    ("an agent with a session, ten events", |n| work(n, 10)),
    ("an agent with a session, a hundred events", |n| work(n, 100)),
    ("a task with a card that was sent", |n| {
        vec![
            json!({ "type": "task.created", "task": { "id": format!("TASK-{n}"), "title": "A title of some length" } }),
        ]
    }),
    ("an agent with an open alert that was sent", failed),
    ("an agent with an open alert on its way", failed),
];
/// The kind of which nothing is sent.
const ON_ITS_WAY: usize = 6;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => {
            println!("bytes of memory, blocks, and bytes of a snapshot, for each of {COUNT}:");
            for (which, (name, _)) in KINDS.iter().enumerate() {
                let (none, all) = (measured(which, 0), measured(which, COUNT));
                let each = |of: fn(&Held) -> u64| (of(&all) - of(&none)) / COUNT;
                println!("{name:<42} {:>7} {:>4} {:>6}", each(|h| h.bytes), each(|h| h.blocks), each(|h| h.written));
            }
            ExitCode::SUCCESS
        }
        ["fold", which, count] => {
            let (which, count) = (which.parse().expect("a number"), count.parse().expect("a number"));
            // What is made once and kept, such as the table of prices, is there in both runs.
            drop(folded(which, 1));
            let world = folded(which, count);
            println!("written {}", world.write().expect("a World can be written").len());
            // It is still held when DHAT looks at the end.
            std::mem::forget(world);
            ExitCode::SUCCESS
        }
        _ => {
            println!("this takes nothing");
            ExitCode::FAILURE
        }
    }
}

/// What a World holds.
struct Held {
    bytes: u64,
    blocks: u64,
    written: u64,
}

fn measured(which: usize, count: u64) -> Held {
    let us = std::env::current_exe().expect("this program is a file");
    let run = Command::new("valgrind")
        .env_clear()
        .args(["--tool=dhat", "--dhat-out-file=/dev/null"])
        .arg(us)
        .args(["fold", &which.to_string(), &count.to_string()])
        .output()
        .expect("valgrind is installed");
    let (said, out) = (String::from_utf8_lossy(&run.stderr), String::from_utf8_lossy(&run.stdout));
    let end = said.lines().find_map(|line| line.split_once("At t-end:")).map_or("", |(_, end)| end).replace(',', "");
    let mut numbers = end.split(' ').filter_map(|word| word.parse().ok());
    let written = out.trim().strip_prefix("written ").and_then(|count| count.parse().ok());
    match (numbers.next(), numbers.next(), written) {
        (Some(bytes), Some(blocks), Some(written)) => Held { bytes, blocks, written },
        _ => panic!("{said}{out}"),
    }
}

/// The default rules, and one person on Telegram.
fn policy() -> Policy {
    let defaults = Config::from_text("").expect("the defaults are valid");
    Policy { rules: defaults.policy.rules, ..fleet::policy(0) }
}

fn folded(which: usize, count: u64) -> World {
    let mut world = World::default();
    let mut fold = |body: Body| {
        let pos = world.pos + 1;
        step(&mut world, &Input { pos, at: Ts(START + pos.cast_signed()), body }).outbox
    };
    fold(Body::Policy(Box::new(policy())));
    for event in (0..count).flat_map(KINDS[which].1) {
        let event = decode::event(event, None).expect("a canonical event");
        assert!(!matches!(event.kind, EventKind::Other(_)), "an event that is known");
        let rows = fold(Body::Event(Box::new(Reported::new("fleet", Ts(START), event))));
        for row in rows.into_iter().filter(|_| which != ON_ITS_WAY) {
            fold(sent(&row));
        }
    }
    world
}

/// The channel has taken what a row brings.
fn sent(row: &OutboxRow) -> Body {
    let Work::Deliver { copy } = &row.work else { panic!("nothing else is asked for") };
    let result = SendResult::Sent { receipt: format!("1000:{copy}") };
    Body::Sent(SendOutcome::new(&row.id, 1, 1, result))
}

/// An event of agent `n`.
fn said(n: u64, kind: &str, more: Value) -> Value {
    let mut event = json!({
        "type": kind,
        "agent": { "id": format!("agent-{n}") },
        "session": { "id": format!("session-{n}") },
    });
    if let (Value::Object(event), Value::Object(more)) = (&mut event, more) {
        event.extend(more);
    }
    event
}

/// What an agent does, over and over, each time with a message: as the load of `--bench load -- memory`.
fn work(n: u64, events: u64) -> Vec<Value> {
    let message = "all work and no play ".repeat(MESSAGE / 21);
    let one = |at: u64| {
        let command = format!("cargo test case_{at}");
        let tool = json!({ "name": "Bash", "call_id": format!("call-{}", at / 5), "input": { "command": command } });
        match at % 5 {
            0 => said(
                n,
                "model.call",
                json!({
                    "model": "claude-sonnet-4-5",
                    "duration_ms": 900,
                    "usage": { "input_tokens": 3400, "output_tokens": 180, "cost_usd": "0.000200" },
                    "message": message,
                }),
            ),
            1 => said(n, "tool.started", json!({ "tool": tool, "message": message })),
            2 => said(n, "tool.ended", json!({ "tool": tool, "message": message })),
            3 => said(n, "step.ended", json!({ "step": { "name": "Implement" }, "message": message })),
            _ => said(n, "agent.heartbeat", json!({ "message": message })),
        }
    };
    (0..events).map(one).collect()
}

fn failed(n: u64) -> Vec<Value> {
    vec![said(n, "agent.status", json!({ "session": null, "status": "error" }))]
}
