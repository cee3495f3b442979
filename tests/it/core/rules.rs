//! Rules at their edges: exactly at the limit and one beyond it, at both ends of a window, and everything
//! that an episode goes through, on a clock in the hand.

use serde_json::{Value, json};
use sereno::core::alert::AlertState;
use sereno::core::delivery::{RowState, Told};
use sereno::core::input::Body;
use sereno::core::policy::{RuleSpec, ScopeKind, Severity};
use sereno::core::reason::Reason;
use sereno::core::time::Span;

use crate::sim::{Sim, policy, rule};

fn with(rules: Vec<RuleSpec>) -> Sim {
    let mut policy = policy();
    policy.rules = rules;
    Sim::with(policy)
}

fn held(name: &str, when: &str, hold: Span) -> RuleSpec {
    RuleSpec { hold, ..rule(name, when) }
}

pub fn spends(sim: &mut Sim, dollars: &str) {
    sim.event(json!({"type": "model.call", "agent": {"id": "Debugger"}, "session": {"id": "4f2a"}, "model": "claude-sonnet-4-5",
        "usage": {"input_tokens": 1000, "output_tokens": 100, "cost_usd": dollars}}));
}

pub fn calls(sim: &mut Sim, command: &str) {
    sim.event(json!({"type": "tool.started", "agent": {"id": "Debugger"}, "session": {"id": "4f2a"},
        "tool": {"name": "Bash", "input": {"command": command}}}));
}

fn states(sim: &Sim) -> Vec<AlertState> {
    sim.world.alerts.values().map(|a| a.state).collect()
}

fn trail(sim: &Sim, number: u64) -> Vec<String> {
    sim.world.alerts[&number].trail.0.iter().map(|step| step.reason.code()).collect()
}

#[test]
fn four_equal_calls_are_no_loop_and_five_are() {
    let mut sim = Sim::new();
    for _ in 0..4 {
        calls(&mut sim, "pytest tests/test_net.py -k race");
        sim.advance(Span::secs(30));
    }
    assert!(sim.world.alerts.is_empty());
    calls(&mut sim, "pytest tests/test_net.py");
    assert!(sim.world.alerts.is_empty(), "another call is not the same call");
    calls(&mut sim, "pytest tests/test_net.py -k race");
    assert_eq!(states(&sim), [AlertState::Firing]);
    let view = sim.world.alerts[&1].repeated.clone().expect("the repeated call");
    assert_eq!((view.count, view.call.as_str()), (5, "Bash: pytest tests/test_net.py -k race"));
}

#[test]
fn equal_calls_outside_of_the_window_do_not_count() {
    let mut sim = Sim::new();
    calls(&mut sim, "ls");
    sim.advance(Span::mins(10));
    for _ in 0..4 {
        calls(&mut sim, "ls");
    }
    assert!(sim.world.alerts.is_empty(), "the first call is ten minutes old: out of the window");
    let mut sim = Sim::new();
    calls(&mut sim, "ls");
    sim.advance(Span(Span::mins(10).0 - 1));
    for _ in 0..4 {
        calls(&mut sim, "ls");
    }
    assert_eq!(states(&sim), [AlertState::Firing], "one millisecond younger, it is in");
}

#[test]
fn five_dollars_are_not_more_than_five_dollars() {
    let mut sim = Sim::new();
    spends(&mut sim, "2.50");
    spends(&mut sim, "2.50");
    assert!(sim.world.alerts.is_empty());
    spends(&mut sim, "0.01");
    assert_eq!(states(&sim), [AlertState::Firing]);
    assert_eq!(sim.world.alerts[&1].values, [("cost('10m')".to_owned(), 5.01)]);
    let mut sim = Sim::new();
    spends(&mut sim, "5.000001");
    assert_eq!(states(&sim), [AlertState::Firing], "a millionth of a dollar more is more");
}

#[test]
fn every_comparison_is_exact_at_its_limit() {
    let cases = [
        ("cost('10m') > 5.0", [false, false, true]),
        ("cost('10m') >= 5.0", [false, true, true]),
        ("5.0 < cost('10m')", [false, false, true]),
        ("5 <= cost('10m')", [false, true, true]),
        ("cost('10m') > 2 + 3", [false, false, true]),
        ("!(cost('10m') <= 5.0)", [false, false, true]),
        ("cost('10m') > 5.0 && calls('10m') >= 1", [false, false, true]),
        ("cost('10m') > 100.0 || cost('10m') >= 5.0", [false, true, true]),
    ];
    for (when, expected) in cases {
        for (dollars, fires) in ["4.99", "5.00", "5.01"].into_iter().zip(expected) {
            let mut sim = with(vec![rule("r", when)]);
            spends(&mut sim, dollars);
            assert_eq!(!sim.world.alerts.is_empty(), fires, "{when} at {dollars}");
        }
    }
}

#[test]
fn money_leaves_its_window_by_itself_and_the_alert_ends() {
    let mut sim = Sim::new();
    spends(&mut sim, "6.00");
    assert_eq!(states(&sim), [AlertState::Firing]);
    // A window of ten minutes covers between eleven twelfths of it and all of it.
    sim.advance(Span::mins(9));
    assert_eq!(states(&sim), [AlertState::Firing]);
    sim.advance(Span::mins(1));
    assert_eq!(states(&sim), [AlertState::Resolved]);
    assert!(sim.world.copies.values().all(|c| c.told == Some(Told::Resolved)), "the end was delivered");
}

#[test]
fn as_much_again_once_the_window_is_empty_is_told_again() {
    let mut sim = with(vec![held("cost", "cost('10m') > 5.0", Span(0))]);
    for _ in 0..2 {
        sim.event(json!({"type": "model.call", "agent": {"id": "a"}, "session": {"id": "s"}, "model": "m",
            "usage": {"input_tokens": 1, "cost_usd": "6.00"}}));
        assert_eq!(states(&sim).last(), Some(&AlertState::Firing));
        sim.advance(Span::hours(1));
    }
    assert_eq!(states(&sim), [AlertState::Resolved; 2]);
}

#[test]
fn a_window_that_empties_in_two_steps_ends_its_alert_at_the_second() {
    // Of a session, because nothing else but this window makes anybody look at a session again.
    let mut sim = with(vec![RuleSpec { per: ScopeKind::Session, ..rule("r", "cost('10m') > 3.0") }]);
    spends(&mut sim, "3.50");
    sim.advance(Span::mins(5));
    spends(&mut sim, "3.50");
    sim.advance(Span::mins(6));
    assert_eq!(states(&sim), [AlertState::Firing], "the second amount alone is more than three dollars");
    sim.advance(Span::mins(5));
    assert_eq!(states(&sim), [AlertState::Resolved], "nothing is left in the window");
}

#[test]
fn a_rule_that_holds_by_decay_is_judged_without_any_event() {
    let mut sim = with(vec![rule("quiet", "calls('10m') < 2 && calls('1h') > 2")]);
    for _ in 0..3 {
        spends(&mut sim, "0.01");
    }
    assert!(sim.world.alerts.is_empty());
    sim.advance(Span::mins(11));
    assert_eq!(states(&sim), [AlertState::Firing]);
    sim.advance(Span::mins(60));
    assert_eq!(states(&sim), [AlertState::Resolved]);
}

#[test]
fn a_condition_that_clears_before_it_has_held_is_told_to_nobody() {
    let mut sim = with(vec![held("slow", "queue_depth() > 3", Span::mins(5))]);
    depth(&mut sim, 4);
    assert_eq!(states(&sim), [AlertState::Pending]);
    sim.advance(Span(Span::mins(5).0 - 1));
    depth(&mut sim, 3);
    assert_eq!(states(&sim), [AlertState::Resolved]);
    assert!(sim.cards("alert").is_empty());
    assert_eq!(trail(&sim, 1), ["hold_started", "cleared_before_hold"]);
}

#[test]
fn a_condition_that_held_long_enough_is_told_at_that_very_instant() {
    let mut sim = with(vec![held("slow", "queue_depth() > 3", Span::mins(5))]);
    depth(&mut sim, 4);
    let since = sim.now;
    sim.advance(Span(Span::mins(5).0 - 1));
    assert_eq!(states(&sim), [AlertState::Pending]);
    sim.advance(Span(1));
    assert_eq!(states(&sim), [AlertState::Firing]);
    assert_eq!(sim.world.alerts[&1].fired, Some(since.plus(Span::mins(5))));
    assert_eq!(sim.cards("alert").len(), 1);
}

fn depth(sim: &mut Sim, depth: i64) {
    sim.event(json!({"type": "metric", "agent": {"id": "Queue"}, "metric": {"name": "queue_depth", "value": depth}}));
}

#[test]
fn what_fires_again_within_ten_minutes_is_the_same_alert_with_its_ack() {
    let mut sim = with(vec![rule("deep", "queue_depth() > 3")]);
    depth(&mut sim, 4);
    sim.say("ana", "/ack A1");
    depth(&mut sim, 0);
    assert_eq!(states(&sim), [AlertState::Resolved]);
    sim.advance(Span(Span::mins(10).0 - 1));
    depth(&mut sim, 9);
    assert_eq!(states(&sim), [AlertState::Acked], "the ack stays");
    assert!(trail(&sim, 1).contains(&"reopened".to_owned()));
    assert_eq!(sim.cards("alert").len(), 1, "by the same card");
    depth(&mut sim, 0);
    sim.advance(Span::mins(10));
    depth(&mut sim, 9);
    assert_eq!(states(&sim), [AlertState::Resolved, AlertState::Firing], "ten minutes later it is another one");
    assert_eq!(sim.cards("alert").len(), 2);
}

#[test]
fn an_alert_that_a_person_resolved_stays_quiet_until_its_condition_clears() {
    let mut sim = with(vec![rule("deep", "queue_depth() > 3")]);
    depth(&mut sim, 4);
    sim.say("ana", "/resolve A1");
    assert_eq!(states(&sim), [AlertState::Resolved]);
    depth(&mut sim, 5);
    assert_eq!(states(&sim), [AlertState::Resolved], "it still holds, and somebody knows");
    depth(&mut sim, 0);
    depth(&mut sim, 5);
    assert_eq!(states(&sim), [AlertState::Firing], "it had cleared in between");
    sim.say("ana", "/resolve A1");
    sim.advance(Span::mins(61));
    depth(&mut sim, 5);
    assert_eq!(states(&sim), [AlertState::Resolved, AlertState::Firing], "an hour is the longest quiet");
}

#[test]
fn an_ack_is_told_to_everybody_and_a_second_one_learns_who_was_first() {
    let mut sim = with(vec![rule("deep", "queue_depth() > 3")]);
    depth(&mut sim, 4);
    let card = sim.card("alert").number;
    assert!(!sim.tap("ana", card, "ack").refused);
    assert_eq!(sim.world.alerts[&1].acked.as_ref().map(|(who, _)| who.as_str()), Some("ana"));
    assert!(!sim.world.cards[&card].buttons.iter().any(|b| b.label == "ack"), "the button has done its work");
    let late = sim.say("victor", "/ack A1");
    assert_eq!((late.refused, late.reason), (true, Reason::AckedBy { person: "ana".into() }));
    assert!(sim.world.copies.values().filter(|c| c.card == card).all(|c| c.sent == sim.world.cards[&card].version));
}

#[test]
fn each_destination_is_told_the_end_even_when_it_missed_the_middle() {
    let mut sim = with(vec![rule("deep", "queue_depth() > 3")]);
    sim.delivers = false;
    depth(&mut sim, 4);
    let rows: Vec<_> = sim.decisions.last().unwrap().outbox.clone();
    assert_eq!(rows.len(), 4, "two people, each on the page and on Telegram");
    // One copy is delivered, the others wait.
    sim.answer_sent(&rows[0].id);
    depth(&mut sim, 0);
    let told = |sim: &Sim| sim.world.copies.values().map(|c| c.told).collect::<Vec<_>>();
    assert_eq!(told(&sim), [Some(Told::Firing), None, None, None]);
    sim.deliver_all();
    assert_eq!(told(&sim), [Some(Told::Resolved); 4], "a copy that was late never says that it still fires");
    sim.assert_empty();
}

#[test]
fn a_rule_that_is_taken_away_ends_its_alerts() {
    let mut sim = with(vec![rule("deep", "queue_depth() > 3")]);
    depth(&mut sim, 4);
    sim.input(Body::Policy(Box::new(policy())));
    assert_eq!(states(&sim), [AlertState::Resolved]);
    assert!(trail(&sim, 1).contains(&"rule_removed".to_owned()));
    assert_eq!(sim.world.copies.values().next().unwrap().told, Some(Told::Resolved));
}

#[test]
fn a_new_policy_keeps_what_its_windows_have_counted() {
    let mut sim = Sim::new();
    spends(&mut sim, "4.00");
    let mut changed = policy();
    changed.rules.insert(0, rule("first", "tokens('10m') > 1000000"));
    changed.rules.reverse();
    sim.input(Body::Policy(Box::new(changed)));
    spends(&mut sim, "1.01");
    assert_eq!(sim.world.alerts[&1].rule, "runaway-cost");
}

#[test]
fn silence_is_told_after_the_limit_and_not_while_a_person_or_a_tool_is_waited_for() {
    let mut sim = with(vec![rule("silent", "idle() > 15 * 60")]);
    let runs = json!({"type": "session.started", "agent": {"id": "Writer"}, "session": {"id": "w1"}});
    sim.event(runs.clone());
    sim.advance(Span::mins(15));
    assert!(sim.world.alerts.is_empty(), "fifteen minutes are not more than fifteen minutes");
    sim.advance(Span(1));
    assert_eq!(states(&sim), [AlertState::Firing]);
    sim.event(runs);
    assert_eq!(states(&sim), [AlertState::Resolved], "any sign of life ends it");
    sim.event(json!({"type": "tool.started", "agent": {"id": "Writer"}, "session": {"id": "w1"}, "tool": {"name": "Bash", "call_id": "c1"}}));
    sim.advance(Span::hours(2));
    assert_eq!(states(&sim), [AlertState::Resolved], "it sits in a tool");
}

#[test]
fn each_scope_is_judged_for_itself() {
    let of = |name: &str, per| RuleSpec { per, ..rule(name, "cost('10m') > 5.0") };
    let mut sim = with(vec![
        of("agent", ScopeKind::Agent),
        of("session", ScopeKind::Session),
        of("task", ScopeKind::Task),
        of("fleet", ScopeKind::Fleet),
    ]);
    let call = |agent: &str, session: &str, task: &str| {
        json!({"type": "model.call", "agent": {"id": agent}, "session": {"id": session}, "task": {"id": task},
            "model": "claude-opus-4-5", "usage": {"cost_usd": "3.00"}})
    };
    let fired = |sim: &Sim| sim.world.alerts.values().map(|a| a.rule.clone()).collect::<Vec<_>>();
    sim.event(call("a", "a1", "T1"));
    assert!(fired(&sim).is_empty());
    sim.event(call("b", "b1", "T2"));
    assert_eq!(fired(&sim), ["fleet"]);
    sim.event(call("c", "c1", "T2"));
    assert_eq!(fired(&sim), ["fleet", "task"]);
    sim.event(call("a", "a2", "T3"));
    assert_eq!(fired(&sim), ["fleet", "task", "agent"]);
    sim.event(call("a", "a2", "T4"));
    assert_eq!(fired(&sim), ["fleet", "task", "agent", "session"]);
}

#[test]
fn ratios_and_means_are_exact_at_their_limits() {
    let fails = |sim: &mut Sim, n: u32, of: u32| {
        for i in 0..of {
            let mut call = json!({"type": "model.call", "agent": {"id": "a"}, "model": "m", "duration_ms": 30_000});
            if i < n {
                call["error"] = json!({ "type": "timeout" });
            }
            sim.event(call);
        }
    };
    for (when, errors, fires) in [
        ("error_rate('10m') > 0.05 && calls('10m') >= 20", 1, false),
        ("error_rate('10m') > 0.05 && calls('10m') >= 20", 2, true),
        ("timeout_rate('10m') >= 0.05 && calls('10m') >= 20", 1, true),
        ("latency('10m') > 30.0", 0, false),
        ("latency('10m') >= 30.0", 0, true),
    ] {
        let mut sim = with(vec![rule("r", when)]);
        fails(&mut sim, errors, 20);
        assert_eq!(!sim.world.alerts.is_empty(), fires, "{when} with {errors} of 20");
    }
}

#[test]
fn a_quiet_severity_makes_no_sound_and_a_loud_one_does() {
    for (severity, silent) in
        [(Severity::Critical, false), (Severity::Warning, false), (Severity::Info, true), (Severity::Trend, true)]
    {
        let mut sim = with(vec![RuleSpec { severity, ..rule("deep", "queue_depth() > 3") }]);
        depth(&mut sim, 4);
        assert_eq!(sim.card("alert").silent, silent, "{severity:?}");
    }
}

#[test]
fn conditions_that_cannot_work_are_refused_with_a_hint() {
    use sereno::core::rule::RuleBook;
    for (when, hint) in [
        ("cots('10m') > 5", "did you mean `cost`?"),
        ("1 > 0", "reads no signal"),
        ("cost('10x') > 5", "not a duration"),
        ("cost('5s') > 5", "between 12s and 31d"),
        ("idle() + 1.0 > 5.0", "compared with a constant"),
        ("cost(10) > 5", "write cost('10m')"),
        ("age() > 60", "per session or task only"),
        ("cost('10m') >", ""),
        ("stauts == 'error'", "did you mean `status`?"),
    ] {
        let refused = RuleBook::compile(&[rule("r", when)]).expect_err(when);
        assert!(refused.message.contains(hint), "{when}: {refused}");
    }
}

#[test]
fn the_trail_of_an_alert_holds_every_step() {
    let mut sim = Sim::new();
    spends(&mut sim, "6.00");
    sim.say("ana", "/ack");
    sim.advance(Span::mins(10));
    let steps = trail(&sim, 1);
    let of = |code: &str| steps.iter().filter(|s| *s == code).count();
    assert_eq!((of("fired"), of("routed"), of("sent"), of("acked_by"), of("cleared")), (1, 4, 4, 1, 1), "{steps:?}");
    let dead = sim.decisions.iter().flat_map(|d| &d.settled).filter(|s| s.state == RowState::Dead).count();
    assert_eq!(dead, 0);
}

#[test]
fn every_signal_of_the_catalogue_compiles_and_can_be_read() {
    use sereno::core::signal::{CATALOGUE, Shape};
    for entry in CATALOGUE {
        let comparison = if entry.shape == Shape::Word { "!= 'x'" } else { "> 0" };
        let when = format!("{} {comparison}", entry.example());
        let per = if entry.name == "age" { ScopeKind::Session } else { ScopeKind::Agent };
        let mut sim = with(vec![RuleSpec { per, ..rule("r", &when) }]);
        assert_eq!(sim.world.rules.rules.len(), 1, "{when}");
        sim.event(all_signals());
        sim.event(json!({"type": "resource", "agent": {"id": "a"}, "resource": {"cpu": 10, "memory": 10}}));
        sim.advance(Span::mins(1));
        let words = entry.shape == Shape::Word;
        let grows = [
            "cost",
            "tokens",
            "calls",
            "errors",
            "error_rate",
            "latency",
            "timeouts",
            "timeout_rate",
            "age",
            "progress",
            "cpu",
            "memory",
            "idle",
        ];
        if words || grows.contains(&entry.name) {
            assert!(!sim.world.alerts.is_empty(), "{when} never holds");
        }
    }
}

fn all_signals() -> Value {
    json!({"type": "model.call", "agent": {"id": "a"}, "session": {"id": "s"}, "task": {"id": "T"}, "model": "claude-opus-4-5",
        "usage": {"input_tokens": 1000, "output_tokens": 10}, "duration_ms": 500, "error": {"type": "timeout"},
        "progress": {"percent": 50}})
}
