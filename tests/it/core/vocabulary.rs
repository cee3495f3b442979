//! The vocabulary of states and the arithmetic of money and time, value by value.

use serde_json::{Value, json};
use sereno::core::money::{Micros, Price, Tokens, look_up, prices_as_of};
use sereno::core::status::Status;
use sereno::core::time::{Span, Ts, zone};

use super::sums::cost;
use crate::sim::{Sim, policy};

#[test]
fn every_word_of_every_runtime_means_one_state() {
    for (status, words) in [
        (Status::Running, "running active busy working in_progress started RUNNING"),
        (Status::Idle, "idle ready available online"),
        (Status::Waiting, "waiting waiting_approval waiting_for_approval blocked needs_input awaiting_input"),
        (Status::Paused, "paused suspended held"),
        (Status::Error, "error failed crashed errored"),
        (Status::Stopped, "stopped cancelled canceled killed terminated aborted offline"),
        (Status::Completed, "completed complete done finished success succeeded"),
        (Status::Silent, "silent unknown lost"),
    ] {
        for word in words.split(' ') {
            assert_eq!(Status::read(word), Some(status), "{word}");
        }
        assert_eq!(Status::read(status.as_str()), Some(status));
    }
    assert_eq!(Status::read("compacting"), None);
}

#[test]
fn states_sort_worst_first_and_each_has_its_own_sign() {
    let mut sorted = Status::ALL;
    sorted.sort();
    assert_eq!(sorted, Status::ALL);
    let icons: std::collections::BTreeSet<_> = Status::ALL.iter().map(|s| s.icon()).collect();
    assert_eq!(icons.len(), Status::ALL.len());
}

fn agent(sim: &Sim) -> (Status, Option<String>) {
    let (_, agent) = sim.world.agents.iter().next().expect("an agent");
    (agent.status(), agent.phase.clone())
}

#[test]
fn what_an_agent_does_is_merged_from_what_is_said_and_what_is_seen() {
    let mut sim = Sim::new();
    let mut step = |event: Value, expected: Status| {
        let mut event = event;
        event["agent"] = json!({"id": "a"});
        event["session"] = json!({"id": "s"});
        sim.event(event);
        assert_eq!(agent(&sim).0, expected);
    };
    step(json!({"type": "agent.registered"}), Status::Idle);
    step(json!({"type": "agent.heartbeat"}), Status::Idle);
    step(json!({"type": "tool.started", "tool": {"name": "Bash", "call_id": "c"}}), Status::Running);
    step(
        json!({"type": "approval.requested", "approval": {"id": "q", "action": {"tool": "Bash", "input": "ls"}}}),
        Status::Waiting,
    );
    step(json!({"type": "approval.cancelled", "approval": {"id": "q"}}), Status::Running);
    step(json!({"type": "agent.status", "status": "rate_limited", "error": {"type": "rate_limit"}}), Status::Running);
    step(json!({"type": "agent.status", "status": "error", "error": {"type": "rate_limit"}}), Status::Error);
    step(json!({"type": "session.progress", "status": "compacting"}), Status::Running);
    step(json!({"type": "session.ended"}), Status::Completed);
    assert_eq!(agent(&sim).1, None, "a phase ends with its session");
}

#[test]
fn a_running_agent_that_says_nothing_is_shown_as_silent_and_any_word_brings_it_back() {
    let mut sim = Sim::new();
    sim.event(json!({"type": "session.started", "agent": {"id": "a"}, "session": {"id": "s"}}));
    sim.advance(Span(Span::mins(10).0 - 1));
    assert_eq!(agent(&sim).0, Status::Running);
    sim.advance(Span(1));
    assert_eq!(agent(&sim).0, Status::Silent);
    sim.event(json!({"type": "agent.heartbeat", "agent": {"id": "a"}}));
    assert_eq!(agent(&sim).0, Status::Running);
    sim.event(json!({"type": "session.progress", "status": "idle", "agent": {"id": "a"}, "session": {"id": "s"}}));
    sim.advance(Span::hours(3));
    assert_eq!(agent(&sim).0, Status::Idle, "an idle agent owes nobody a word");
}

#[test]
fn models_are_grouped_into_families_whoever_serves_them() {
    assert!(prices_as_of().len() == 10 && prices_as_of().starts_with("20"), "the table says of when it is");
    for (model, family) in [
        ("claude-opus-4-5", "Claude"),
        ("anthropic/claude-sonnet-4-5-20250929", "Claude"),
        ("Claude-Sonnet-4-5", "Claude"),
        ("openai/gpt-5.1-codex", "Codex"),
        ("deepseek/deepseek-chat-v3", "DeepSeek"),
        ("minimax-m2.1:free", "MiniMax"),
        ("never-heard-of", "never-heard-of"),
        ("", ""),
    ] {
        assert_eq!(look_up(model).family, family, "{model}");
    }
    assert_eq!(look_up("never-heard-of").price, None);
    let free = look_up("minimax-m2.1:free").price.expect("free is a price");
    assert_eq!(free.cost(&Tokens { input: 1_000_000, output: 1_000_000, ..Tokens::default() }), Micros(0));
}

#[test]
fn tokens_are_priced_exactly_and_rounded_once() {
    let price = Price::per_million(3.0, 15.0, Some(0.3), Some(3.75)).unwrap();
    let of = |input, output, cache_read, cache_write| price.cost(&Tokens { input, output, cache_read, cache_write });
    assert_eq!(of(3420, 1890, 0, 0), Micros(38_610));
    assert_eq!(of(1_000_000, 0, 0, 0), Micros(3_000_000));
    assert_eq!(of(0, 0, 1_000_000, 1_000_000), Micros(4_050_000));
    assert_eq!((of(0, 0, 1, 0), of(0, 0, 2, 0)), (Micros(0), Micros(1)), "0.3 and 0.6 millionths");
    assert_eq!(of(u64::MAX, u64::MAX, u64::MAX, u64::MAX), Micros(i64::MAX), "it cannot overflow");
}

#[test]
fn dollars_are_read_as_decimals_never_as_floats() {
    for (text, micros) in [
        ("0.089", 89_000),
        ("5", 5_000_000),
        (".5", 500_000),
        ("5.", 5_000_000),
        ("-1.25", -1_250_000),
        ("0.0000005", 1),
        ("0.0000004", 0),
        ("1e-2", 10_000),
        (" 7 ", 7_000_000),
        ("0.1", 100_000),
    ] {
        assert_eq!(Micros::parse_dollars(text), Ok(Micros(micros)), "{text}");
    }
    for bad in ["", ".", "-", "1,5", "$5", "NaN", "inf", "1e400", "--1", "0x10", "99999999999999999999", "1 2", "١"] {
        assert!(Micros::parse_dollars(bad).is_err(), "{bad}");
    }
    for (micros, shown) in [
        (0, "$0.00"),
        (1_850_000, "$1.85"),
        (9_999, "$0.009999"),
        (10_000, "$0.01"),
        (1_005_000, "$1.01"),
        (-1_250_000, "-$1.25"),
        (120, "$0.00012"),
        (1_234_567_890_000, "$1234567.89"),
    ] {
        assert_eq!(Micros(micros).to_string(), shown);
    }
}

/// One call of a million input tokens of Sonnet: three dollars by the table.
fn million(cost: Option<&str>) -> Value {
    json!({"type": "model.call", "agent": {"id": "a"}, "session": {"id": "s"}, "model": "claude-sonnet-4-5",
        "usage": {"input_tokens": 1_000_000, "cost_usd": cost}})
}

#[test]
fn what_is_reported_counts_and_a_difference_is_told_from_one_cent() {
    for (reported, total, difference) in [
        (None, 3_000_000, 0),
        (Some("3.00"), 3_000_000, 0),
        (Some("3.009999"), 3_009_999, 0),
        (Some("3.01"), 3_010_000, 10_000),
        (Some("2.99"), 2_990_000, -10_000),
        (Some("2.990001"), 2_990_001, 0),
    ] {
        let mut sim = Sim::new();
        sim.event(million(reported));
        let view = cost(&mut sim, "/cost");
        assert_eq!((view.total.cost, view.difference), (Micros(total), Micros(difference)), "{reported:?}");
        assert_eq!(view.prices, prices_as_of());
    }
}

#[test]
fn a_configured_price_overrules_the_table_and_an_unknown_one_is_counted_as_unknown() {
    let mut policy = policy();
    policy.prices.insert("claude-sonnet-4-5".into(), Price::per_million(1.0, 1.0, None, None).unwrap());
    let mut sim = Sim::with(policy);
    sim.event(million(None));
    sim.event(json!({"type": "model.call", "agent": {"id": "a"}, "session": {"id": "s"}, "model": "mystery", "usage": {"input_tokens": 5}}));
    let view = cost(&mut sim, "/cost");
    assert_eq!((view.total.cost, view.total.calls, view.total.unpriced), (Micros(1_000_000), 2, 1));
}

#[test]
fn running_totals_are_counted_once_and_corrections_are_followed() {
    let mut sim = Sim::new();
    let total = |input: u64, cost: Option<&str>| {
        json!({"type": "model.call", "agent": {"id": "a"}, "session": {"id": "s"}, "model": "claude-sonnet-4-5",
            "usage": {"input_tokens": input, "cost_usd": cost, "cumulative": true}})
    };
    for (event, expected) in [
        (total(1_000_000, None), 3_000_000),
        (total(1_000_000, None), 3_000_000),
        (total(2_000_000, None), 6_000_000),
        (total(2_000_000, Some("5.50")), 5_500_000),
        (total(2_000_000, Some("5.50")), 5_500_000),
        (total(2_000_000, Some("5.00")), 5_000_000),
    ] {
        sim.event(event);
        assert_eq!(cost(&mut sim, "/cost").total.cost, Micros(expected));
    }
    assert_eq!(cost(&mut sim, "/cost").total.tokens.input, 2_000_000);
}

#[test]
fn today_begins_at_midnight_where_the_reader_lives() {
    let mut policy = policy();
    policy.people.get_mut("ana").unwrap().tz = "America/Argentina/Buenos_Aires".into();
    let mut sim = Sim::with(policy);
    sim.now = Ts::parse("2026-11-21T02:50:00Z").unwrap();
    sim.event(million(Some("1.00")));
    sim.now = Ts::parse("2026-11-21T03:10:00Z").unwrap();
    sim.event(million(Some("2.00")));
    assert_eq!(cost(&mut sim, "/cost").total.cost, Micros(2_000_000), "in Buenos Aires it is ten past midnight");
    assert_eq!(cost(&mut sim, "/cost 24h").total.cost, Micros(3_000_000));
}

#[test]
fn spans_are_read_and_written_exactly() {
    for (text, ms) in [
        ("45s", 45_000),
        ("10m", 600_000),
        ("1h30m", 5_400_000),
        ("7d", 604_800_000),
        ("2w", 1_209_600_000),
        ("250ms", 250),
        ("10 min", 600_000),
    ] {
        assert_eq!(Span::parse(text), Ok(Span(ms)), "{text}");
        assert_eq!(Span::parse(&Span(ms).to_string()), Ok(Span(ms)), "{text}");
    }
    for bad in ["", "10", "m", "-5m", "1.5h", "10y", "99999999999999999w"] {
        assert!(Span::parse(bad).is_err(), "{bad}");
    }
    assert!(zone("Europe/Madrid").is_ok() && zone("UTC").is_ok());
    assert!(zone("GMT+3h").is_err() && zone("").is_err());
}
