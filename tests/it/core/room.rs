//! The World holds so much and no more, whatever names a runtime makes up.

use serde_json::json;
use sereno::core::policy::Lang;
use sereno::core::reason::Reason;
use sereno::core::time::Span;
use sereno::core::world::{Agent, MOST_AGENTS, MOST_SESSIONS, MOST_TASKS, Session, Task};

use crate::sim::Sim;

/// A World in which one agent is at work, filled up with others.
fn full() -> Sim {
    let mut sim = Sim::new();
    sim.event(json!({
        "type": "session.started", "agent": {"id": "old"}, "session": {"id": "s-old"}, "task": {"id": "T-OLD"},
    }));
    let (world, now) = (&mut sim.world, sim.now);
    while world.agents.len() < MOST_AGENTS {
        let ix = world.agents.insert(Agent::new("fleet", &format!("a{}", world.agents.len()), now));
        world.index.agents.insert(&world.agents, ix);
    }
    let old = world.agent("fleet", "old").unwrap();
    while world.sessions.len() < MOST_SESSIONS {
        let ix = world.sessions.insert(Session::new("fleet", &format!("s{}", world.sessions.len()), old, now));
        world.index.sessions.insert(&world.sessions, ix);
        world.agents[old].open_sessions += 1;
    }
    while world.tasks.len() < MOST_TASKS {
        let ix = world.tasks.insert(Task::new(&format!("T-{}", world.tasks.len()), now));
        world.index.tasks.insert(&world.tasks, ix);
    }
    sim
}

fn sizes(sim: &Sim) -> (usize, usize, usize) {
    (sim.world.agents.len(), sim.world.sessions.len(), sim.world.tasks.len())
}

#[test]
fn what_would_add_to_a_full_world_is_refused_and_told_once() {
    let mut sim = full();
    let before = sizes(&sim);
    let new = [
        ("agent", json!({"type": "agent.heartbeat", "agent": {"id": "new"}})),
        ("session", json!({"type": "session.started", "agent": {"id": "old"}, "session": {"id": "s-new"}})),
        ("session", json!({"type": "session.progress", "session": {"id": "s-new"}, "agent": {"id": "old"}})),
        ("task", json!({"type": "task.created", "agent": {"id": "old"}, "task": {"id": "T-NEW"}})),
        ("task", json!({"type": "task.created", "task": {"id": "T-NEW"}})),
    ];
    for (thing, event) in new {
        let reply = sim.event(event.clone()).unwrap_or_else(|| panic!("{event} is let in"));
        assert!(reply.refused, "{event}");
        let Reason::NoRoom { thing: lacking, source, .. } = reply.reason else { panic!("{event}: {:?}", reply.reason) };
        assert_eq!((lacking.as_str(), source.as_str()), (thing, "fleet"), "{event}");
    }
    assert_eq!(sizes(&sim), before);
    assert_eq!(sim.cards("notice").len(), 1, "people are told once, not for each event");
    let told = sim.text("notice", Lang::En);
    assert!(told.contains("There are 150000 agents already"), "{told}");
}

#[test]
fn what_is_known_goes_on_in_a_full_world() {
    let mut sim = full();
    let known = [
        json!({"type": "agent.heartbeat", "agent": {"id": "old"}}),
        json!({"type": "session.progress", "session": {"id": "s-old"}}),
        json!({"type": "task.completed", "agent": {"id": "old"}, "session": {"id": "s-old"}, "task": {"id": "T-OLD"}}),
        json!({"type": "deployment"}),
    ];
    for event in known {
        assert!(sim.event(event.clone()).is_none_or(|reply| !reply.refused), "{event}");
    }
    assert!(sim.world.tasks[sim.world.task("T-OLD").unwrap()].column.is_final());
}

#[test]
fn room_comes_back_when_the_oldest_are_forgotten() {
    let mut sim = full();
    let beat = json!({"type": "agent.heartbeat", "agent": {"id": "new"}});
    assert!(sim.event(beat.clone()).is_some_and(|reply| reply.refused));
    sim.advance(Span::days(15));
    assert!(sim.event(beat).is_none_or(|reply| !reply.refused));
    assert!(sim.world.agent("fleet", "new").is_some());
}
