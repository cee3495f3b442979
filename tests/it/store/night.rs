//! A night that touches every table, and a real engine that folds it under a clock in the hand.
//!
//! The inputs come from the pure core alone, so every test folds the same ones.

use std::sync::Arc;

use serde_json::json;
use sereno::clock::{ManualClock, Sources, SystemEntropy};
use sereno::core::delivery::{SendOutcome, SendResult};
use sereno::core::input::{Body, Input};
use sereno::core::step::{Step, step};
use sereno::core::time::Span;
use sereno::core::world::World;
use sereno::engine::{Engine, Log, NewInput, Stopped, Told};
use sereno::stop::Stopper;
use sereno::store::{ClaimedWork, Lease, Store};
use tokio::task::JoinHandle;

use crate::seeds::bug_hunt;
use crate::sim::{Sim, at};

pub const LEASE: Span = Span::secs(15);

/// A task from its start to its end, an alert, a question that is answered and one that is not, a sign-in.
pub fn night() -> Sim {
    let mut sim = Sim::new();
    sim.delivers = false;
    for (time, event) in bug_hunt() {
        sim.to(time);
        sim.event(event);
    }
    let agent = json!({"id": "Debugger", "name": "Debugger"});
    for n in 0..6 {
        sim.advance(Span::secs(20));
        let call = json!({"name": "pytest", "input": {"path": "tests/"}, "call_id": format!("c{n}")});
        sim.event(json!({"type": "tool.started", "agent": agent, "session": {"id": "d-2"}, "tool": call}));
    }
    for id in ["ask-1", "ask-2"] {
        sim.advance(Span::secs(5));
        let ask = json!({"id": id, "action": {"tool": "Bash", "input": {"command": "make deploy"}}});
        sim.event(json!({"type": "approval.requested", "agent": agent, "session": {"id": "d-2"}, "approval": ask}));
    }
    let code = sim.world.approvals[&1].code.clone();
    assert!(!sim.say("ana", &format!("/approve {code}")).refused);
    let expires = sim.now.plus(Span::days(30));
    sim.input(Body::LinkIssued { token: "link".into(), person: "ana".into(), expires });
    sim.input(Body::LinkUsed { token: "link".into(), session: "session".into(), expires });
    sim
}

/// An engine at work.
pub struct Folding {
    pub log: Log,
    pub lease: Lease,
    pub clock: ManualClock,
    stopper: Stopper,
    task: JoinHandle<Stopped>,
}

impl Folding {
    /// Takes the lease and folds; the clock stands where it stood.
    pub async fn start(store: &Store, clock: ManualClock) -> Self {
        Self::start_with(store, clock, step).await
    }

    /// The same with another fold.
    pub async fn start_with(store: &Store, clock: ManualClock, step: Step) -> Self {
        use sereno::clock::Clock as _;
        let lease = store.seize_engine("first", clock.now()).await.unwrap();
        let (log, requests) = Log::open(Arc::new(clock.clone()));
        let told = Told::new(Arc::default(), clock.now());
        let sources = Sources { clock: Arc::new(clock.clone()), entropy: Arc::new(SystemEntropy), step };
        let engine = Engine::start(store.clone(), &sources, lease, told, requests.lock_owned().await).await.unwrap();
        let (stopper, stop) = Stopper::new();
        let task = tokio::spawn(engine.run(stop));
        Self { log, lease, clock, stopper, task }
    }

    /// Appends inputs at their times, each under a key.
    pub async fn play(&self, inputs: &[Input]) {
        use sereno::clock::Clock as _;
        for input in inputs.iter().filter(|input| !matches!(input.body, Body::Tick)) {
            self.clock.advance(input.at.since(self.clock.now()));
            let keyed = NewInput::keyed("night", input.pos.to_string(), input.body.clone());
            let appended = self.log.append_one(keyed).await.unwrap();
            assert!(appended.pos.is_some(), "{input:?}");
        }
    }

    /// Sends whatever is due, as a channel that works would.
    pub async fn deliver(&self, store: &Store) {
        use sereno::clock::Clock as _;
        loop {
            let claimed = store.claim("courier", self.clock.now(), Span::mins(1), 100).await.unwrap();
            if claimed.is_empty() {
                return;
            }
            for row in claimed {
                let ClaimedWork::Deliver { copy, card, .. } = row.work else { continue };
                let result = SendResult::Sent { receipt: format!("m{}", copy.number) };
                let outcome = SendOutcome::new(&row.id, row.attempt, card.version, result);
                self.log.append_one(NewInput::unkeyed(Body::Sent(outcome))).await.unwrap();
            }
        }
    }

    /// Stops in order, with a snapshot.
    pub async fn stop(self) -> Stopped {
        self.stopper.stop();
        self.task.await.unwrap()
    }

    /// Stops as a crash does.
    pub async fn crash(self) {
        self.task.abort();
        assert!(self.task.await.unwrap_err().is_cancelled());
    }

    /// Waits until it stops by itself.
    pub async fn stopped(self) -> Stopped {
        let stopped = self.task.await.unwrap();
        drop(self.stopper);
        stopped
    }
}

pub fn clock() -> ManualClock {
    ManualClock::new(at("09:00"))
}

/// The whole log.
pub async fn whole_log(store: &Store) -> Vec<Input> {
    let mut log: Vec<Input> = Vec::new();
    loop {
        let after = log.last().map_or(0, |input| input.pos);
        let stretch = store.log_after(after, i64::MAX.cast_unsigned()).await.unwrap();
        if stretch.is_empty() {
            return log;
        }
        log.extend(stretch);
    }
}

/// Folds inputs into a World.
pub fn folded(mut world: World, inputs: &[Input]) -> World {
    for input in inputs {
        step(&mut world, input);
    }
    world
}
