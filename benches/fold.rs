//! What one event costs without network and disk: folding it under many rules and agents, and the steps
//! before and after that are pure as well.
//!
//! `cargo bench --bench fold`. Rounds of all sizes are interleaved; figures are medians with their spread.

#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

mod common;

use std::hint::black_box;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::HeaderMap;
use serde_json::json;
use sereno::channel::carries;
use sereno::core::digest;
use sereno::core::event::{AgentRef, Event, EventKind, Fault, SessionRef, StepRef, TaskRef, ToolCall, Usage};
use sereno::core::input::{Body, Input, Reported};
use sereno::core::money::Micros;
use sereno::core::policy::{Lang, Person, Policy, RuleSpec, RuntimePolicy, ScopeKind, Severity};
use sereno::core::step::step;
use sereno::core::time::{Span, Ts};
use sereno::core::world::World;
use sereno::render::{RENDERER, Reader, telegram};
use sereno::runtime::secret::Secret;
use sereno::runtime::signature::{self, Key};
use sereno::runtime::{Inbound, decode};

use common::clock::now;
use common::figures::{Figure, Rounds};
use common::machine::Watch;

/// Rounds of each size.
const ROUNDS: usize = 9;
/// Events in a round, and in one stretch that is made first and folded then.
const EVENTS: u64 = 100_000;
const STRETCH: u64 = 500;
/// When everything begins.
const START: i64 = 1_790_000_000_000;

fn main() {
    println!("fold: ns per event, median (min–max) of {ROUNDS} interleaved rounds of {EVENTS} events");
    let mut fleets: Vec<Fleet> = Vec::new();
    for agents in [10, 1_000, 100_000] {
        for rules in [100, 1_000] {
            fleets.push(Fleet::new(agents, rules));
        }
    }
    for _ in 0..ROUNDS {
        for fleet in &mut fleets {
            fleet.round();
        }
    }
    for fleet in &fleets {
        println!("{:>7} agents {:>5} rules  {}", fleet.agents, fleet.rules, fleet.rounds);
    }
    verdict(&fleets);
    println!("steps around it: ns each, median (min–max) of {ROUNDS} interleaved rounds");
    around();
}

/// Goal 8: the cost of an event, and how it grows with rules and agents.
fn verdict(fleets: &[Fleet]) {
    let of = |agents, rules| {
        let found = fleets.iter().find(|fleet| (fleet.agents, fleet.rules) == (agents, rules));
        found.map_or(f64::NAN, |fleet| fleet.rounds.median())
    };
    let most = of(100_000, 1_000);
    println!("goal 8: {} ns at 100,000 agents and 1,000 rules (at most 1500)", Figure(most));
    for agents in [10, 1_000, 100_000] {
        let ratio = of(agents, 1_000) / of(agents, 100);
        println!("goal 8: 100 to 1,000 rules at {agents} agents: {}x (at most 1.3x)", Figure(ratio));
    }
    let ratio = most / of(10, 1_000);
    println!("goal 8: 10 to 100,000 agents at 1,000 rules: {}x (at most 10x)", Figure(ratio));
}

/// A world of one size, and the events that go on in it.
struct Fleet {
    agents: u64,
    rules: usize,
    world: World,
    /// Events so far.
    made: u64,
    rounds: Rounds,
}

impl Fleet {
    fn new(agents: u64, rules: usize) -> Self {
        let mut world = World::default();
        let body = Body::Policy(Box::new(policy(rules)));
        step(&mut world, &Input { pos: 1, at: Ts(START), body });
        let mut fleet = Self { agents, rules, world, made: 0, rounds: Rounds::default() };
        // Every agent is known, has windows and has once done everything that agents do.
        for _ in 0..(agents * KINDS * 2).max(EVENTS).div_ceil(STRETCH) {
            fleet.stretch();
        }
        fleet
    }

    fn round(&mut self) {
        let watch = Watch::start();
        let spent: u64 = (0..EVENTS / STRETCH).map(|_| self.stretch()).sum();
        #[expect(clippy::cast_precision_loss, reason = "nanoseconds of one round")]
        self.rounds.add(spent as f64 / EVENTS as f64, watch.is_quiet());
    }

    /// Makes some events, folds them, and returns how many nanoseconds the fold took.
    fn stretch(&mut self) -> u64 {
        let inputs: Vec<Input> = (0..STRETCH).map(|n| self.input(n)).collect();
        self.made += STRETCH;
        let begun = now();
        for input in &inputs {
            black_box(step(&mut self.world, input));
        }
        u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// Event number `n` from here: agents take turns in an order without locality, each about once a second.
    fn input(&self, n: u64) -> Input {
        let n = self.made + n;
        let (lap, place) = (n / self.agents, n % self.agents);
        // 7919 is prime and no factor of any size, so a lap meets every agent once.
        let agent = place * 7919 % self.agents;
        let at = Ts(START + (n * 1000 / self.agents).cast_signed());
        let reported = Reported::new("fleet", at, event(agent, lap));
        Input { pos: self.world.pos + 1 + n - self.made, at, body: Body::Event(Box::new(reported)) }
    }
}

/// What an agent does, over and over.
const KINDS: u64 = 5;

fn event(agent: u64, lap: u64) -> Event {
    let turn = lap / KINDS;
    let mut event = Event::new(EventKind::AgentHeartbeat);
    event.id = format!("{agent}-{lap}");
    event.agent = Some(AgentRef { id: format!("agent-{agent}"), ..AgentRef::default() });
    event.session = Some(SessionRef { id: format!("session-{agent}"), ..SessionRef::default() });
    event.task = Some(TaskRef { id: format!("TASK-{}", agent / 10), ..TaskRef::default() });
    match lap % KINDS {
        0 => {
            event.kind = EventKind::ModelCall;
            event.model = Some("claude-sonnet-4-5".into());
            event.duration_ms = Some(900);
            let cost = Some(Micros(4_200));
            event.usage = Some(Usage { input_tokens: 3_400, output_tokens: 180, cost, ..Usage::default() });
        }
        1 | 2 => {
            let ended = lap % KINDS == 2;
            event.kind = if ended { EventKind::ToolEnded } else { EventKind::ToolStarted };
            let input = json!({ "command": format!("cargo test --lib case_{turn}") });
            event.tool = Some(ToolCall {
                name: "Bash".into(),
                call_id: Some(format!("call-{turn}")),
                digest: Some(digest::of_call("Bash", &input)),
                input: Some(input),
                ok: ended.then_some(true),
                ..ToolCall::default()
            });
            event.duration_ms = ended.then_some(1_300);
            event.error =
                (ended && turn.is_multiple_of(20)).then(|| Fault { kind: "timeout".into(), ..Fault::default() });
        }
        3 => {
            event.kind = EventKind::StepEnded;
            event.step = Some(StepRef { name: "Implement".into(), ..StepRef::default() });
        }
        _ => {}
    }
    event
}

/// Rules of four sorts with thresholds of their own, which healthy agents stay below.
fn policy(rules: usize) -> Policy {
    let rule = |n: usize| {
        let when = match n % 4 {
            0 => format!("cost('10m') > {}.5", 20 + n),
            1 => format!("repeats('10m') >= {}", 5 + n),
            2 => format!("errors('10m') >= {}", 20 + n),
            _ => format!("idle() > {}", 900 + n),
        };
        RuleSpec {
            name: format!("rule-{n}"),
            when,
            per: ScopeKind::Agent,
            severity: Severity::Warning,
            hold: Span(0),
            offer: Vec::new(),
        }
    };
    let role = sereno::core::access::Role::Admin;
    let accounts = [("telegram".to_owned(), "1000".to_owned())].into();
    let boss = Person { role, lang: Lang::En, tz: "UTC".into(), accounts };
    let channel = carries("telegram");
    let runtime = RuntimePolicy { kind: "generic".into(), can: [].into(), pull: false };
    Policy {
        people: [("boss".to_owned(), boss)].into(),
        channels: [("tg".to_owned(), channel)].into(),
        runtimes: [("fleet".to_owned(), runtime)].into(),
        rules: (0..rules).map(rule).collect(),
        ..Policy::default()
    }
}

/// How long a round of one step takes: the kernel's accounts of who used the machine are coarse.
const ROUND: Duration = Duration::from_millis(250);

/// Verifying, decoding and drawing, each alone.
fn around() {
    let body = Bytes::from(canonical());
    println!("(the event has {} bytes)", body.len());
    let key = [7; 32];
    let at = Ts(START);
    let mut headers = HeaderMap::new();
    for (name, value) in signature::sign(&key, "msg-1", at, &body) {
        headers.insert(name, value.parse().expect("headers that we sign are headers"));
    }
    let secret = Secret::new("whsec_BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=");
    let keys = [Key::parse(&secret).expect("a secret of 32 bytes")];
    let card = approval();
    let reader = Reader { lang: Lang::En, tz: "America/Mexico_City".into(), whole: true };

    let verify = || {
        let verified = signature::verify(&Inbound { headers: &headers, body: &body }, &keys, at);
        assert!(black_box(verified).is_ok(), "our own signature is genuine");
    };
    let decode = || {
        let events = decode::json(&body).and_then(decode::events);
        assert!(black_box(events).is_ok(), "the event is canonical");
    };
    let draw = || {
        let doc = RENDERER.draw(&card, &reader, at).expect("every template renders");
        black_box(telegram(&doc, 4096));
    };
    let mut steps: [(&str, &dyn Fn(), Rounds); 3] = [
        ("verify the signature of an event", &verify, Rounds::default()),
        ("decode it, with the digest of its tool call", &decode, Rounds::default()),
        ("draw an approval card for Telegram", &draw, Rounds::default()),
    ];
    for _ in 0..ROUNDS {
        for (_, run, rounds) in &mut steps {
            let watch = Watch::start();
            let begun = now();
            let mut done = 0.0;
            while begun.elapsed() < ROUND {
                (0..100).for_each(|_| run());
                done += 100.0;
            }
            rounds.add(begun.elapsed().as_secs_f64() * 1e9 / done, watch.is_quiet());
        }
    }
    for (name, _, rounds) in &steps {
        println!("{name:<45} {rounds}");
    }
}

/// A tool call of 974 bytes of canonical JSON.
fn canonical() -> Vec<u8> {
    let with = |command: &str| {
        json!({
            "id": "evt-0001",
            "type": "tool.started",
            "time": "2026-11-20T09:15:02.123Z",
            "agent": { "id": "build-1", "name": "Builder", "role": "Implementer", "tags": ["ci", "linux"] },
            "session": { "id": "s-20261120-1", "cwd": "/srv/app", "branch": "main" },
            "task": { "id": "OSINT-12", "title": "network_analysis.py", "kind": "bug" },
            "tool": { "name": "Bash", "call_id": "call-1", "input": { "command": command, "timeout": 120_000 } },
        })
        .to_string()
    };
    let room = 974 - with("").len();
    with(&"pytest -q tests/test_network.py::test_race && ".repeat(20)[..room]).into_bytes()
}

/// The card of a question about a shell command.
fn approval() -> sereno::core::message::Content {
    let mut world = World::default();
    step(&mut world, &Input { pos: 1, at: Ts(START), body: Body::Policy(Box::new(policy(1))) });
    let event = json!({
        "id": "q-1",
        "type": "approval.requested",
        "agent": { "id": "build-1", "name": "Builder" },
        "session": { "id": "s-1", "cwd": "/srv/app", "branch": "main" },
        "task": { "id": "OSINT-12", "title": "network_analysis.py" },
        "approval": {
            "id": "a-1",
            "action": { "tool": "Bash", "input": { "command": "rm -rf build && make all" }, "cwd": "/srv/app" },
            "reason": "the old objects are stale",
        },
    });
    let event = decode::event(event, None).expect("a canonical event");
    let body = Body::Event(Box::new(Reported::new("fleet", Ts(START), event)));
    step(&mut world, &Input { pos: 2, at: Ts(START), body });
    let card = world.cards.values().next().expect("a question has a card");
    card.content.clone()
}
