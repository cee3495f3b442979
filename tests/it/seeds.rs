//! Golden runs of the founding scenarios.

use serde_json::{Value, json};
use sereno::core::policy::Lang;

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

#[test]
fn the_bug_is_told_in_one_notice() {
    let mut sim = Sim::new();
    for (time, mut event) in bug_hunt() {
        sim.to(time);
        event["time"] = json!(sim.now.rfc3339());
        sim.event(event);
    }
    assert_eq!(sim.cards("task_card").len(), 1);
    assert_eq!(sim.cards("milestone").len(), 4);
    assert!(sim.cards("milestone").iter().all(|c| c.silent));
    assert_eq!(sim.cards("completion").len(), 1);
    for lang in Lang::ALL {
        println!("{}\n", sim.text("completion", lang));
        println!("{}\n", sim.text("task_card", lang));
        println!("{}\n", sim.text("milestone", lang));
    }
    sim.say("ana", "/agents");
    sim.say("ana", "/cost by model");
    for kind in ["agents", "cost"] {
        for lang in Lang::ALL {
            println!("{}\n", sim.text(kind, lang));
        }
    }
    for cmd in [
        "/status",
        "/agent debug",
        "/sessions",
        "/session Arch",
        "/tasks",
        "/task osint",
        "/alerts",
        "/approvals",
        "/logs debug",
        "/whoami",
        "/help",
        "/help pause",
        "/wy A1",
        "/pause debug",
        "/pause all",
        "/kill debug",
    ] {
        let reply = sim.say("ana", cmd);
        println!("--- {cmd} → {:?}", reply.reason.code());
        if let Some(card) = sim.world.cards.values().last() {
            println!("{}\n", crate::sim::draw(&card.content, Lang::En, sim.now));
        }
    }
}
