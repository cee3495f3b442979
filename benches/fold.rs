//! What one event costs without network and disk: folding it under many rules and agents, and the steps
//! before and after that are pure as well.
//!
//! `cargo bench --bench fold`. Rounds of all sizes are interleaved; figures are medians with their spread.

#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

mod common;
#[path = "common/fleet.rs"]
mod fleet;

use std::hint::black_box;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::HeaderMap;
use serde_json::json;
use sereno::core::input::{Body, Input, Reported};
use sereno::core::policy::Lang;
use sereno::core::step::step;
use sereno::core::time::Ts;
use sereno::core::world::World;
use sereno::render::{RENDERER, Reader, telegram};
use sereno::runtime::secret::Secret;
use sereno::runtime::signature::{self, Key};
use sereno::runtime::{Inbound, decode};

use common::clock::now;
use common::figures::{Figure, Rounds};
use common::machine::Watch;
use fleet::{Fleet, START, canonical, policy};

/// Rounds of each size.
const ROUNDS: usize = 9;
/// Events in a round, and in one stretch that is made first and folded then.
const EVENTS: u64 = 100_000;
const STRETCH: u64 = 500;

fn main() {
    println!("fold: ns per event, median (min–max) of {ROUNDS} interleaved rounds of {EVENTS} events");
    let mut fleets: Vec<Measured> = Vec::new();
    for agents in [10, 1_000, 100_000] {
        for rules in [100, 1_000] {
            fleets.push(Measured::new(agents, rules));
        }
    }
    for _ in 0..ROUNDS {
        for fleet in &mut fleets {
            fleet.round();
        }
    }
    for fleet in &fleets {
        println!("{:>7} agents {:>5} rules  {}", fleet.fleet.agents, fleet.rules, fleet.rounds);
    }
    verdict(&fleets);
    println!("steps around it: ns each, median (min–max) of {ROUNDS} interleaved rounds");
    around();
}

/// Goal 8: the cost of an event, and how it grows with rules and agents.
fn verdict(fleets: &[Measured]) {
    let of = |agents, rules| {
        let found = fleets.iter().find(|fleet| (fleet.fleet.agents, fleet.rules) == (agents, rules));
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

/// A fleet, and what its rounds took.
struct Measured {
    rules: usize,
    fleet: Fleet,
    rounds: Rounds,
}

impl Measured {
    fn new(agents: u64, rules: usize) -> Self {
        let mut measured = Self { rules, fleet: Fleet::new(agents, rules), rounds: Rounds::default() };
        for _ in 0..measured.fleet.grown().max(EVENTS).div_ceil(STRETCH) {
            measured.stretch();
        }
        measured
    }

    fn round(&mut self) {
        let watch = Watch::start();
        let spent: u64 = (0..EVENTS / STRETCH).map(|_| self.stretch()).sum();
        #[expect(clippy::cast_precision_loss, reason = "nanoseconds of one round")]
        self.rounds.add(spent as f64 / EVENTS as f64, watch.is_quiet());
    }

    /// Makes some events, folds them, and returns how many nanoseconds the fold took.
    fn stretch(&mut self) -> u64 {
        let inputs = self.fleet.next(STRETCH);
        let begun = now();
        for input in &inputs {
            black_box(step(&mut self.fleet.world, input));
        }
        u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX)
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
