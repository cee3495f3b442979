//! Money adds up: the parts that are shown are the total that is shown, and nothing that was reported is
//! lost or counted twice.

use proptest::collection::vec;
use proptest::prelude::*;
use sereno::core::access::Actor;
use sereno::core::input::{Body, Invocation};
use sereno::core::message::{Content, CostView};
use sereno::core::money::{Micros, Sums, apportion_cents, percentages};

use super::logs::{Op, for_all, model_call, ops};
use super::run::Run;
use crate::sim::Sim;

/// `/cost …` as a caller gets it who wants the answer itself.
pub fn cost(sim: &mut Sim, line: &str) -> CostView {
    let actor = Actor { channel: "page".into(), account: "ana".into(), display: None };
    let asked = Invocation { actor, text: line.into(), tap: None, origin: None, device: None, secret: None };
    let reply = sim.input(Body::Command(asked)).expect("an answer");
    match reply.content.map(|content| *content) {
        Some(Content::Cost(view)) => view,
        other => panic!("{line} is answered by {other:?}"),
    }
}

fn total(parts: impl Iterator<Item = Sums>) -> Sums {
    parts.fold(Sums::default(), |mut sum, part| {
        sum += part;
        sum
    })
}

#[test]
fn agents_sessions_tasks_and_the_ledger_hold_the_same_money() {
    for_all(60, &vec(model_call(), 1..60), |calls| {
        let ops: Vec<Op> = calls.into_iter().map(|call| Op::Event("fleet", call, None)).collect();
        let run = Run::of(&ops);
        let w = &run.sim.world;
        let ledger = w.ledger.total_since(run.sim.now.start_of_day(&jiff::tz::TimeZone::UTC));
        assert_eq!(total(w.agents.iter().map(|(_, a)| a.sums)), ledger);
        assert_eq!(total(w.sessions.iter().map(|(_, s)| s.sums)), ledger);
        for (ix, task) in w.tasks.iter() {
            assert_eq!(total(task.agents.iter().map(|(_, sums)| *sums)), task.sums);
            let cells = w.ledger.since(sereno::core::time::Ts(0)).filter(|(key, _)| key.task == Some(ix));
            assert_eq!(total(cells.map(|(_, sums)| *sums)), task.sums);
            let cents: i64 = w.cents_by_agent(&task.agents).iter().map(|(_, cents)| cents).sum();
            assert_eq!(cents, task.sums.cost.cents());
        }
    });
}

#[test]
fn what_is_reported_is_what_is_counted() {
    for_all(60, &vec((0..9_000_000_i64, 0..3_u8), 1..40), |calls| {
        let mut sim = Sim::new();
        for (micros, agent) in &calls {
            let dollars = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
            sim.event(
                serde_json::json!({"type": "model.call", "agent": {"id": agent.to_string()}, "model": "claude-opus-4-5",
                "usage": {"input_tokens": 10, "cost_usd": dollars}}),
            );
        }
        let reported: i64 = calls.iter().map(|(micros, _)| micros).sum();
        assert_eq!(cost(&mut sim, "/cost").total.cost, Micros(reported));
        assert_eq!(cost(&mut sim, "/cost").total.calls, calls.len() as u64);
    });
}

#[test]
fn every_grouping_of_cost_adds_up_to_the_headline() {
    for_all(25, &ops(90), |ops| {
        let mut run = Run::of(&ops);
        for line in
            ["/cost", "/cost 24h by agent", "/cost 7d by task", "/cost by model", "/cost 1h", "/cost 7d by agent"]
        {
            let view = cost(&mut run.sim, line);
            assert_eq!(view.total.cost.cents(), view.total_cents);
            assert_eq!(view.slices.iter().copied().sum::<Micros>(), view.total.cost, "{line}: slices");
            for group in &view.groups {
                assert_eq!(group.rows.iter().map(|r| r.cents).sum::<i64>(), view.total_cents, "{line}: {group:?}");
                assert_eq!(total(group.rows.iter().map(|r| r.sums)), view.total, "{line}");
                let percent: i64 = group.rows.iter().map(|r| r.percent).sum();
                assert_eq!(percent, if view.total.cost.0 > 0 { 100 } else { 0 }, "{line}: {group:?}");
            }
        }
    });
}

#[test]
fn cents_and_percentages_of_any_parts_add_up() {
    let amounts = prop_oneof![0..2_000_000_i64, 0..i64::from(u32::MAX), Just(0), Just(4999), Just(5000)];
    for_all(500, &vec(amounts, 1..30), |parts| {
        let parts: Vec<Micros> = parts.into_iter().map(Micros).collect();
        let (cents, sum) = apportion_cents(&parts);
        assert_eq!(cents.iter().sum::<i64>(), sum);
        assert_eq!(sum, parts.iter().copied().sum::<Micros>().cents());
        for (part, cents) in parts.iter().zip(&cents) {
            assert!((part.0 - cents * 10_000).abs() < 10_000, "{part:?} is shown as {cents} cents");
        }
        let whole: i64 = percentages(&parts).iter().sum();
        assert_eq!(whole, if sum == 0 && parts.iter().all(|p| p.0 == 0) { 0 } else { 100 });
    });
}

#[test]
fn amounts_at_the_edge_of_what_fits_are_shown_at_once() {
    let edge = [i64::MAX, i64::MIN, i64::MAX, 0, -1, 1].map(Micros);
    assert_eq!(apportion_cents(&edge).0.len(), edge.len());
    assert_eq!(percentages(&edge).iter().sum::<i64>(), 100);
    assert_eq!(Micros(i64::MAX).cents(), i64::MAX / 10_000);
}
