//! A fleet in a World, as both counting and timing programs fold it: how many agents and rules there are, and
//! what goes on. Everything is fixed, so that two runs fold the same; nothing here measures.

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

/// When everything begins.
pub const START: i64 = 1_790_000_000_000;

/// A World of one size, and how far the events in it have come.
pub struct Fleet {
    /// How many agents take turns.
    pub agents: u64,
    /// What is believed so far.
    pub world: World,
    made: u64,
}

impl Fleet {
    /// A fleet that has done nothing yet, under so many rules.
    pub fn new(agents: u64, rules: usize) -> Self {
        let mut world = World::default();
        let body = Body::Policy(Box::new(policy(rules)));
        step(&mut world, &Input { pos: 1, at: Ts(START), body });
        Self { agents, world, made: 0 }
    }

    /// After so many events every agent is known, has windows and has once done everything that agents do.
    pub const fn grown(&self) -> u64 {
        self.agents * KINDS * 2
    }

    /// The next `count` events. They must be folded before more are asked for.
    pub fn next(&mut self, count: u64) -> Vec<Input> {
        let inputs = (0..count).map(|n| self.input(n)).collect();
        self.made += count;
        inputs
    }

    /// Event number `n` from here: agents take turns in an order without locality, each about once a second.
    fn input(&self, n: u64) -> Input {
        let pos = self.world.pos + 1 + n;
        let n = self.made + n;
        let (lap, place) = (n / self.agents, n % self.agents);
        // 7919 is prime and no factor of any size, so a lap meets every agent once.
        let agent = place * 7919 % self.agents;
        let at = Ts(START + (n * 1000 / self.agents).cast_signed());
        let reported = Reported::new("fleet", at, event(agent, lap));
        Input { pos, at, body: Body::Event(Box::new(reported)) }
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
pub fn policy(rules: usize) -> Policy {
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

/// A tool call of 974 bytes of canonical JSON.
pub fn canonical() -> Vec<u8> {
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
