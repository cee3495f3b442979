//! Golden runs of the founding scenarios.

use serde_json::{Value, json};
use sereno::core::message::Content;
use sereno::core::policy::Lang;
use sereno::core::status::Status;

use crate::sim::Sim;

/// The happy path of the scenario: twelve events.
pub fn bug_hunt() -> Vec<(&'static str, Value)> {
    let task = json!({"id": "OSINT-12", "title": "network_analysis.py", "kind": "bug"});
    let agent = |id: &str| json!({"id": id, "name": id});
    let call = |who: &str, model: &str, cost: &str, input: u64, output: u64| {
        json!({"type": "model.call", "agent": agent(who), "session": {"id": format!("{who}-1")}, "task": {"id": "OSINT-12"}, "model": model,
               "usage": {"input_tokens": input, "output_tokens": output, "cost_usd": cost}})
    };
    let step = |who: &str, name: &str, text: &str| json!({"type": "step.ended", "agent": agent(who), "session": {"id": format!("{who}-1")}, "task": {"id": "OSINT-12"}, "step": {"name": name}, "message": text});
    let mut tested = step("Implementer", "Implement", "47/47 tests pass");
    tested["progress"] = json!({"tests_passed": 47, "tests_total": 47});
    vec![
        (
            "09:00",
            json!({"type": "task.created", "agent": agent("Architect"), "session": {"id": "Architect-1"}, "task": task}),
        ),
        ("09:05", call("Architect", "claude-opus-4-5", "0.42", 8000, 420)),
        ("09:05", step("Architect", "Analyse", "3 hypotheses")),
        ("09:10", call("Debugger", "claude-sonnet-4-5", "0.45", 3420, 1890)),
        ("09:18", call("Debugger", "claude-sonnet-4-5", "0.46", 3000, 1500)),
        ("09:18", step("Debugger", "Reproduce", "H2 root cause found")),
        ("09:24", call("Security", "deepseek/deepseek-chat-v3", "0.14", 9000, 900)),
        ("09:25", step("Security", "Review", "Fix approved, no vulnerabilities")),
        ("09:30", call("Implementer", "openai/gpt-5.1-codex", "0.38", 7000, 4000)),
        ("09:33", tested),
        ("09:33", json!({"type": "session.ended", "agent": agent("Implementer"), "session": {"id": "Implementer-1"}})),
        (
            "09:33",
            json!({"type": "task.completed", "agent": agent("Implementer"), "task": {"id": "OSINT-12"}, "message": "race condition, line 247"}),
        ),
    ]
}

/// The whole bug hunt.
fn hunted() -> Sim {
    let mut sim = Sim::new();
    for (time, mut event) in bug_hunt() {
        sim.to(time);
        event["time"] = json!(sim.now.rfc3339());
        sim.event(event);
    }
    sim
}

#[test]
fn the_bug_is_told_in_one_notice() {
    let sim = hunted();
    assert!(sim.text("completion", Lang::En).starts_with("✅ Bug resolved. $1.85. 33 min.\n"));
    assert!(sim.text("completion", Lang::Es).starts_with("✅ Bug resuelto. $1.85. 33 min.\n"));
    let Content::Completion(view) = &sim.card("completion").content else { panic!("a completion") };
    let parts: Vec<_> = view.agents.iter().map(|(name, cents)| (name.as_str(), *cents)).collect();
    assert_eq!(parts, [("Architect", 42), ("Debugger", 91), ("Security", 14), ("Implementer", 38)]);
    assert_eq!(view.families, ["Claude", "DeepSeek", "Codex"]);
    assert_eq!((view.sessions, view.progress.tests_passed, view.progress.tests_total), (4, Some(47), Some(47)));
    sim.assert_empty();
}

#[test]
fn one_card_lives_four_milestones_are_silent_and_the_end_rings_once() {
    let sim = hunted();
    assert_eq!((sim.cards("task_card").len(), sim.cards("milestone").len(), sim.cards("completion").len()), (1, 4, 1));
    assert!(sim.cards("task_card").iter().chain(&sim.cards("milestone")).all(|card| card.silent));
    assert!(!sim.card("completion").silent);
    let task_copies = &sim.card("task_card").copies;
    for milestone in sim.cards("milestone") {
        let parents = milestone.copies.iter().map(|copy| sim.world.copies[copy].parent);
        assert!(parents.zip(task_copies).all(|(parent, card)| parent == Some(*card)), "it hangs under the card");
    }
    assert!(sim.world.alerts.is_empty() && sim.world.approvals.is_empty());
}

#[test]
fn when_the_task_is_done_whoever_worked_on_it_is_done() {
    let sim = hunted();
    assert!(sim.world.agents.iter().all(|(_, agent)| agent.status() == Status::Completed));
    assert!(sim.world.sessions.iter().all(|(_, session)| session.status == Status::Completed));
}

#[test]
fn a_task_that_is_completed_twice_is_told_once() {
    let mut sim = hunted();
    sim.event(json!({"type": "task.completed", "task": {"id": "OSINT-12"}}));
    assert_eq!(sim.cards("completion").len(), 1);
}
