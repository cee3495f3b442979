//! Overviews: their figures are those that rules read, their parts add up, and lists are in order.

use proptest::prelude::*;
use serde_json::{Value, json};
use sereno::core::calendar::Unit;
use sereno::core::message::{BudgetRow, Content, EventsView, HealthView};
use sereno::core::money::Micros;
use sereno::core::policy::{BudgetSpec, Policy};
use sereno::core::reason::Reason;
use sereno::core::time::Span;

use crate::sim::{Sim, policy, rule};

fn asked(sim: &mut Sim, line: &str) -> Content {
    let card = |sim: &Sim| sim.world.counters.cards;
    let before = card(sim);
    sim.say("victor", line);
    assert_eq!(card(sim), before + 1, "{line} is answered by one card");
    sim.world.cards.values().next_back().unwrap().content.clone()
}

fn health(sim: &mut Sim, line: &str) -> HealthView {
    let Content::Health(view) = asked(sim, line) else { panic!("{line}") };
    view
}

fn events(sim: &mut Sim, line: &str) -> EventsView {
    let Content::Events(view) = asked(sim, line) else { panic!("{line}") };
    view
}

fn budget(sim: &mut Sim, line: &str) -> Vec<BudgetRow> {
    let Content::Budget(view) = asked(sim, line) else { panic!("{line}") };
    view.rows
}

fn report(sim: &mut Sim, more: Value) {
    let mut event = json!({"agent": {"id": "Debugger"}, "session": {"id": "s1"}, "task": {"id": "T-1"}});
    event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    event["time"] = json!(sim.now.rfc3339());
    sim.event(event);
}

fn vital(view: &HealthView, name: &str) -> Option<f64> {
    view.vitals.iter().find(|vital| vital.name == name).unwrap().value
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Each call is timed or not, and fails in one of a few ways or not.
    #[test]
    fn figures_are_what_was_reported(calls in prop::collection::vec((0..4_u8, prop::option::of(1..90_000_u32), 0..30_i64), 1..60)) {
        let mut sim = Sim::new();
        let (mut errors, mut timeouts, mut timed, mut took) = (0_u32, 0_u32, 0_u32, 0_u64);
        for (fault, duration, minutes) in &calls {
            let mut event = json!({"type": "model.call", "model": "claude-sonnet-4-5"});
            if let Some(ms) = duration {
                event["duration_ms"] = json!(ms);
                timed += 1;
                took += u64::from(*ms);
            }
            if let Some(kind) = ["overloaded", "timeout", "rate_limit"].get(usize::from(*fault)) {
                event["error"] = json!({"type": kind});
                errors += 1;
                timeouts += u32::from(*kind == "timeout");
            }
            report(&mut sim, event);
            sim.advance(Span::mins(*minutes));
        }
        let view = health(&mut sim, "/health 7d");
        let share = |part: u32| f64::from(part) / f64::from(u32::try_from(calls.len()).unwrap());
        prop_assert_eq!(vital(&view, "errors"), Some(share(errors)));
        prop_assert_eq!(vital(&view, "timeouts"), Some(share(timeouts)));
        let mean = (timed > 0).then(|| took as f64 / (f64::from(timed) * 1000.0));
        prop_assert_eq!(vital(&view, "response"), mean);
        prop_assert_eq!(vital(&view, "success"), None);
        for vital in &view.vitals {
            prop_assert_eq!(vital.ok.is_some(), vital.value.is_some());
        }
        let Content::Errors(told) = asked(&mut sim, "/errors 7d") else { panic!() };
        prop_assert_eq!(told.count, u64::from(errors));
        prop_assert_eq!(told.rows.iter().map(|row| u64::from(row.count)).sum::<u64>(), told.count);
        prop_assert_eq!(told.rows.iter().map(|row| row.percent).sum::<i64>(), if errors == 0 { 0 } else { 100 });
    }
}

#[test]
fn a_figure_is_what_a_rule_reads() {
    for (share, fires) in [("0.4", true), ("0.41", false)] {
        let mut sim = Sim::with(Policy {
            rules: vec![rule("spike", &format!("error_rate('10m') >= {share}"))],
            ..policy()
        });
        for fault in [None, None, None, Some("overloaded"), Some("timeout")] {
            let error = fault.map(|kind| json!({"error": {"type": kind}})).unwrap_or_else(|| json!({}));
            let mut event = json!({"type": "model.call"});
            event.as_object_mut().unwrap().extend(error.as_object().unwrap().clone());
            report(&mut sim, event);
        }
        assert_eq!(vital(&health(&mut sim, "/health 1h"), "errors"), Some(0.4));
        assert_eq!(!sim.cards("alert").is_empty(), fires, "error_rate >= {share}");
    }
}

#[test]
fn without_anything_to_tell_from_nothing_is_claimed() {
    let view = health(&mut Sim::new(), "/health");
    assert!(view.vitals.iter().all(|vital| vital.value.is_none() && vital.ok.is_none()), "{view:?}");
}

#[test]
fn many_types_of_errors_are_counted_and_few_are_named() {
    let mut sim = Sim::new();
    for n in 0..40 {
        report(&mut sim, json!({"type": "model.call", "error": {"type": format!("kind-{n}")}}));
    }
    let Content::Errors(told) = asked(&mut sim, "/errors") else { panic!() };
    assert_eq!(told.count, 40);
    assert_eq!((told.rows.len(), told.rows[0].kind.as_str(), told.rows[0].count), (12, "…", 29));
}

#[test]
fn lists_are_in_order_and_say_how_much_they_leave_out() {
    let mut sim = Sim::new();
    for n in 0..30 {
        let task = json!({"id": format!("T-{n}"), "title": "A task"});
        sim.event(json!({"type": "task.created", "task": task}));
        sim.advance(Span::mins(1));
    }
    let whole = events(&mut sim, "/events 40");
    let few = events(&mut sim, "/events 4");
    assert!(whole.rows.is_sorted_by(|a, b| a.at >= b.at), "the newest first");
    assert_eq!((few.rows.len(), few.more), (4, whole.rows.len() - 4 + whole.more));
    assert_eq!(few.rows[..], whole.rows[..4]);
    let standard = events(&mut sim, "/events nonsense");
    assert_eq!(standard.rows.len(), 15);
}

#[test]
fn a_timeline_is_of_one_thing_alone_and_begins_at_the_beginning() {
    let mut sim = Sim::new();
    sim.event(json!({"type": "session.started", "agent": {"id": "Other"}, "session": {"id": "o1"}, "task": {"id": "T-2"}}));
    report(&mut sim, json!({"type": "session.started"}));
    sim.advance(Span::mins(5));
    report(&mut sim, json!({"type": "step.ended", "step": {"name": "Research"}, "ok": true, "message": "found it"}));
    sim.say("victor", "/pause debugger");
    sim.answer_control(Ok("ok"));
    sim.say("victor", "/pause other");
    sim.answer_control(Ok("ok"));
    sim.advance(Span::mins(5));
    report(&mut sim, json!({"type": "task.completed", "message": "done"}));
    let kinds = |view: &EventsView| view.rows.iter().map(|row| row.kind.clone()).collect::<Vec<_>>();
    for line in ["/timeline T-1", "/timeline task:T-1", "/timeline debugger", "/timeline #s1"] {
        let view = events(&mut sim, line);
        assert!(view.rows.is_sorted_by(|a, b| a.at <= b.at), "{line}");
        let told = kinds(&view);
        for kind in ["session_began", "step_ended", "control_pause"] {
            assert_eq!(told.iter().filter(|have| *have == kind).count(), 1, "{line}: {kind} in {told:?}");
        }
        assert!(view.rows.iter().all(|row| row.who.as_deref() != Some("Other")), "{line}: {view:?}");
    }
    let refused = sim.say("victor", "/timeline nobody");
    assert!(matches!(refused.reason, Reason::NotFound { .. }), "{refused:?}");
}

#[test]
fn the_last_deeds_are_kept_and_no_more() {
    let mut sim = Sim::new();
    report(&mut sim, json!({"type": "session.started"}));
    for n in 0..250 {
        sim.say("victor", &format!("/tell debugger word {n}"));
        sim.answer_control(Ok("ok"));
    }
    let deeds: Vec<_> = sim.world.deeds.iter().cloned().collect();
    assert_eq!(deeds.len(), 200);
    assert_eq!(deeds.last().unwrap().note.as_deref(), Some("word 249"));
    let view = events(&mut sim, "/audit victor 3");
    assert_eq!((view.rows.len(), view.more), (3, 197));
    assert_eq!(view.rows[0].what.as_deref(), Some("word 249"));
    assert!(events(&mut sim, "/audit ana").rows.is_empty(), "she did nothing");
}

fn budgeted(limit: i64, per: Unit, agent: Option<&str>, model: Option<&str>) -> Sim {
    let (agent, model) = (agent.map(str::to_owned), model.map(str::to_owned));
    let spec = BudgetSpec { limit: Micros(limit), per, agent, model };
    Sim::with(Policy { budgets: [("all".to_owned(), spec)].into(), tz: "America/Montevideo".into(), ..policy() })
}

fn spends(sim: &mut Sim, agent: &str, model: &str, dollars: &str) {
    sim.event(json!({"type": "model.call", "agent": {"id": agent}, "model": model, "usage": {"cost_usd": dollars}, "time": sim.now.rfc3339()}));
}

#[test]
fn a_budget_counts_what_it_is_for_and_begins_anew() {
    for (agent, model, spent) in
        [(None, None, 3_000_000), (Some("debugger"), None, 2_000_000), (None, Some("claude"), 2_500_000)]
    {
        let mut sim = budgeted(10_000_000, Unit::Day, agent, model);
        spends(&mut sim, "Debugger", "claude-sonnet-4-5", "1.50");
        spends(&mut sim, "Debugger", "openai/gpt-5.1-codex", "0.50");
        spends(&mut sim, "Docs", "claude-sonnet-4-5", "1.00");
        let row = budget(&mut sim, "/budget").remove(0);
        assert_eq!(row.spent, Micros(spent), "{agent:?} {model:?}");
        // Nine in the morning in UTC is six in Montevideo.
        assert_eq!(row.ends.rfc3339(), "2026-11-21T03:00:00Z");
        sim.advance(Span::hours(18));
        let row = budget(&mut sim, "/budget ALL").remove(0);
        assert_eq!((row.spent, row.percent, row.gone_at), (Micros(0), 0, None));
    }
}

#[test]
fn a_budget_tells_when_it_is_gone_at_this_pace() {
    let mut sim = budgeted(4_000_000, Unit::Day, None, None);
    spends(&mut sim, "Debugger", "claude-sonnet-4-5", "1.00");
    let row = budget(&mut sim, "/budget").remove(0);
    assert_eq!(row.gone_at, Some(sim.now.plus(Span::hours(3))), "a dollar an hour, and three are left");
    spends(&mut sim, "Debugger", "claude-sonnet-4-5", "4.00");
    let row = budget(&mut sim, "/budget").remove(0);
    assert_eq!((row.percent, row.gone_at), (125, None), "what is gone does not go");
    let refused = sim.say("victor", "/budget al");
    assert!(matches!(refused.reason, Reason::NotFound { nearest: Some(_), .. }), "{refused:?}");
}

#[test]
fn a_month_of_a_budget_is_known_after_the_ledger_has_forgotten() {
    let mut sim = budgeted(1_000_000_000, Unit::Month, None, None);
    sim.advance(Span::days(12));
    for _ in 0..25 {
        spends(&mut sim, "Debugger", "claude-sonnet-4-5", "1.00");
        sim.advance(Span::days(1));
    }
    let row = budget(&mut sim, "/budget").remove(0);
    assert_eq!((row.spent, row.ends.rfc3339().as_str()), (Micros(25_000_000), "2027-01-01T03:00:00Z"));
}
