//! The World forgets what is over, and nothing that stays refers to what is gone.

use serde_json::json;
use sereno::core::time::Span;

use super::rules::spends;
use crate::sim::Sim;

/// A subagent works in the session of its parent; the session is forgotten long before the subagent is.
#[test]
fn a_subagent_can_be_asked_about_after_the_session_that_it_shared_is_forgotten() {
    let mut sim = Sim::new();
    for agent in ["main", "sub"] {
        sim.event(json!({"type": "session.progress", "agent": {"id": agent}, "session": {"id": "shared"}}));
    }
    sim.event(json!({"type": "session.ended", "agent": {"id": "main"}, "session": {"id": "shared"}}));
    sim.advance(Span::hours(26));
    assert!(sim.world.sessions.is_empty());
    for line in ["/session sub", "/logs sub", "/agent sub", "/agents", "/pause sub"] {
        sim.say("ana", line);
    }
    sim.event(json!({"type": "session.started", "agent": {"id": "other"}, "session": {"id": "new"}}));
    let sub = sim.world.agent_named("sub").unwrap();
    assert_eq!(sim.world.agents[sub].session, None, "the place of the old session is now another one's");
}

#[test]
fn a_session_that_moved_between_tasks_leaves_both() {
    let mut sim = Sim::new();
    for task in ["T-1", "T-2"] {
        sim.event(
            json!({"type": "session.progress", "agent": {"id": "a"}, "session": {"id": "s"}, "task": {"id": task}}),
        );
    }
    sim.event(json!({"type": "session.ended", "agent": {"id": "a"}, "session": {"id": "s"}}));
    sim.advance(Span::hours(26));
    assert_eq!(sim.world.tasks.len(), 2);
    assert!(sim.world.tasks.iter().all(|(_, t)| t.sessions.is_empty()));
}

#[test]
fn an_alert_about_a_forgotten_agent_is_not_shown_as_another_ones() {
    let mut sim = Sim::with({
        let mut policy = crate::sim::policy();
        policy.rules = vec![crate::sim::rule("limited", "fault == 'rate_limit'")];
        policy
    });
    sim.event(
        json!({"type": "agent.status", "agent": {"id": "Docs"}, "status": "error", "error": {"type": "rate_limit"}}),
    );
    sim.advance(Span::hours(24 * 9 + 2));
    assert!(sim.world.agents.is_empty());
    let over: Vec<_> = sim.world.alerts.values().collect();
    assert!(over.len() == 1 && over[0].gone && over[0].resolved.is_some(), "{over:?}");
    sim.event(json!({"type": "agent.registered", "agent": {"id": "Newcomer"}}));
    assert_eq!(sim.world.alert_view(&sim.world.alerts[&1]).who, None);
}

#[test]
fn weeks_later_nothing_is_left_but_the_counters() {
    let mut sim = Sim::new();
    spends(&mut sim, "6.00");
    sim.event(json!({"type": "task.created", "agent": {"id": "Debugger"}, "task": {"id": "T-1"}}));
    sim.say("ana", "/pause Debugger");
    sim.event(json!({"type": "approval.requested", "agent": {"id": "Debugger"}, "session": {"id": "4f2a"},
        "approval": {"id": "q", "action": {"tool": "Bash", "input": {"command": "ls"}}}}));
    sim.advance(Span::days(30));
    let w = &sim.world;
    let left = (
        w.agents.len(),
        w.sessions.len(),
        w.tasks.len(),
        w.alerts.len(),
        w.approvals.len(),
        w.controls.len(),
        w.cards.len(),
        w.copies.len(),
    );
    assert_eq!(left, (0, 0, 0, 0, 0, 0, 0, 0));
    assert_eq!((w.counters.alerts, w.counters.approvals), (1, 1));
    assert_eq!(
        w.index.agents.len()
            + w.index.sessions.len()
            + w.index.tasks.len()
            + w.index.approvals.len()
            + w.index.alerts.len(),
        0
    );
}

#[test]
fn what_is_old_in_the_ledger_is_merged_and_still_adds_up() {
    let mut sim = Sim::new();
    for _ in 0..8 {
        spends(&mut sim, "0.25");
        sim.advance(Span::mins(20));
    }
    sim.advance(Span::days(3));
    let cells = sim.world.ledger.since(sereno::core::time::Ts(0)).count();
    assert!(cells <= 4, "{cells} cells are left of eight");
    assert_eq!(super::sums::cost(&mut sim, "/cost 7d").total.cost.0, 2_000_000);
    sim.advance(Span::days(6));
    assert_eq!(sim.world.ledger.since(sereno::core::time::Ts(0)).count(), 0);
}
