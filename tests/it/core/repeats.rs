//! Rules over repeated calls are found by threshold, however they are written and however many there are.

use serde_json::json;
use sereno::core::policy::{Policy, RuleSpec};

use crate::sim::{Sim, policy, rule};

fn call(sim: &mut Sim, command: &str) {
    sim.event(json!({
        "type": "tool.started",
        "agent": { "id": "build-1" },
        "session": { "id": "s-1" },
        "tool": { "name": "Bash", "input": { "command": command } },
    }));
}

/// Names of the rules whose alert fires.
fn firing(sim: &Sim) -> Vec<&str> {
    let open = sim.world.alerts.values().filter(|alert| alert.state.as_str() == "firing");
    let mut names: Vec<&str> = open.map(|alert| alert.rule.as_str()).collect();
    names.sort_unstable();
    names
}

fn with(rules: Vec<RuleSpec>) -> Sim {
    Sim::with(Policy { rules, ..policy() })
}

#[test]
fn a_rule_over_repeats_fires_at_its_own_threshold_however_it_is_written() {
    let mut sim = with(vec![
        rule("at-least", "repeats('10m') >= 3"),
        rule("more-than", "repeats('10m') > 3"),
        rule("mirrored", "4 <= repeats('10m')"),
        rule("shorter", "repeats('1m') >= 3"),
        rule("exactly", "repeats('10m') == 2"),
        rule("both", "repeats('10m') >= 3 && tools('10m') >= 5.0"),
    ]);
    let expected: [&[&str]; 5] = [
        &[],
        &["exactly"],
        &["at-least", "shorter"],
        &["at-least", "mirrored", "more-than", "shorter"],
        &["at-least", "both", "mirrored", "more-than", "shorter"],
    ];
    for expected in expected {
        call(&mut sim, "cargo test");
        assert_eq!(firing(&sim), expected);
    }
}

#[test]
fn a_loop_ends_when_its_calls_have_left_the_window() {
    let mut sim = with(vec![rule("at-least", "repeats('10m') >= 3")]);
    for _ in 0..3 {
        call(&mut sim, "cargo test");
    }
    assert_eq!(firing(&sim), ["at-least"]);
    sim.to("09:09");
    assert_eq!(firing(&sim), ["at-least"]);
    sim.to("09:11");
    assert!(firing(&sim).is_empty());
}

#[test]
fn of_many_rules_only_those_fire_whose_threshold_is_reached() {
    let mut sim = with((0..500).map(|n| rule(&format!("r{n:03}"), &format!("repeats('10m') >= {}", n + 2))).collect());
    for n in 0..4 {
        call(&mut sim, &format!("cargo test {n}"));
        assert!(firing(&sim).is_empty(), "different calls are no repeats");
    }
    for _ in 0..3 {
        call(&mut sim, "cargo test 0");
    }
    assert_eq!(firing(&sim), ["r000", "r001", "r002"]);
}
