//! What is told more than once counts once: by counters, by calls within calls, and by both signals of one tool.

use serde_json::json;
use sereno::core::input::{Body, Reported};
use sereno::core::money::{Micros, Sums};
use sereno::core::time::Span;
use sereno::runtime::telemetry::{Export, Signal, UsageFrom};

use super::{batch, claude_code, json as export, read};
use crate::sim::{Sim, at};

/// Folds batches, each of them whole.
fn fold(sim: &mut Sim, batches: &[Export], usage: UsageFrom) {
    for batch in batches {
        for event in read(batch, usage).unwrap().events {
            sim.input(Body::Event(Box::new(Reported::new("otel", sim.now, event))));
        }
    }
}

/// What all agents used.
fn sums(sim: &Sim) -> Sums {
    let mut all = Sums::default();
    for (_, agent) in sim.world.agents.iter() {
        all += agent.sums;
    }
    all
}

/// One reading of a counter of input tokens that began `since` minutes before it, at nine.
fn reading(total: u64, since: i64, cumulative: bool) -> Export {
    let nanos = |minutes: i64| (at("09:00").0 - minutes * 60_000) * 1_000_000;
    let body = json!({ "resourceMetrics": [{
        "resource": { "attributes": [{ "key": "service.name", "value": { "stringValue": "bot" } }] },
        "scopeMetrics": [{ "metrics": [{
            "name": "gen_ai.client.token.usage",
            "histogram": { "aggregationTemporality": if cumulative { 2 } else { 1 }, "dataPoints": [{
                "startTimeUnixNano": nanos(since).to_string(), "timeUnixNano": nanos(0).to_string(),
                "count": "1", "sum": total,
                "attributes": [
                    { "key": "gen_ai.token.type", "value": { "stringValue": "input" } },
                    { "key": "gen_ai.request.model", "value": { "stringValue": "gpt-5.1" } },
                ],
            }] },
        }] }],
    }] });
    export(Signal::Metrics, body)
}

fn counted(readings: &[(u64, i64)]) -> u64 {
    let mut sim = Sim::new();
    for (total, since) in readings {
        fold(&mut sim, &[reading(*total, *since, true)], UsageFrom::Metrics);
    }
    let sums = sums(&sim);
    assert_eq!((sums.calls, sums.tokens.output), (0, 0), "{sums:?}");
    sums.tokens.input
}

#[test]
fn totals_count_what_they_grew_by() {
    assert_eq!(counted(&[(100, 5), (150, 5), (150, 5), (400, 5)]), 400);
    // A counter that ran for hours before it was first heard of counts from there.
    assert_eq!(counted(&[(100_000, 180)]), 0);
    assert_eq!(counted(&[(100_000, 180), (100_070, 180)]), 70);
    // A reading that comes late takes nothing back, and the next one counts from the highest.
    assert_eq!(counted(&[(100, 5), (150, 5), (120, 5), (160, 5)]), 160);
    // A process that begins again begins at nothing; its former life ends.
    assert_eq!(counted(&[(100, 50), (30, 5), (40, 5)]), 140);
    assert_eq!(counted(&[(100, 50), (30, 5), (200, 50), (40, 5)]), 140);
}

#[test]
fn a_counter_is_the_same_whatever_the_order_of_its_attributes() {
    let turned = |export: Export| {
        let mut body: serde_json::Value = serde_json::from_slice(&export.body).unwrap();
        let path = "/resourceMetrics/0/scopeMetrics/0/metrics/0/histogram/dataPoints/0/attributes";
        body.pointer_mut(path).unwrap().as_array_mut().unwrap().reverse();
        super::json(Signal::Metrics, body)
    };
    let mut sim = Sim::new();
    fold(&mut sim, &[reading(100, 5, true), turned(reading(130, 5, true))], UsageFrom::Metrics);
    assert_eq!(sums(&sim).tokens.input, 130);
}

#[test]
fn differences_are_taken_as_they_are() {
    let mut sim = Sim::new();
    fold(&mut sim, &[reading(100, 5, false), reading(70, 0, false)], UsageFrom::Metrics);
    let sums = sums(&sim);
    assert_eq!((sums.tokens.input, sums.calls, sums.unpriced), (170, 0, 0));
    // gpt-5.1 takes $1.25 a million.
    assert_eq!(sums.cost, Micros(125 + 88));
}

#[test]
fn counters_without_a_price_of_their_own_are_unpriced_and_say_so() {
    let mut body: serde_json::Value = serde_json::from_slice(&reading(100, 5, false).body).unwrap();
    let path = "/resourceMetrics/0/scopeMetrics/0/metrics/0/histogram/dataPoints/0/attributes/1/value/stringValue";
    *body.pointer_mut(path).unwrap() = json!("house-model-1");
    let mut sim = Sim::new();
    fold(&mut sim, &[export(Signal::Metrics, body)], UsageFrom::Metrics);
    assert_eq!((sums(&sim).unpriced, sums(&sim).cost), (1, Micros(0)));
}

#[test]
fn claude_code_counts_once_whichever_of_its_signals_is_believed() {
    let batches: Vec<Export> =
        claude_code().into_iter().map(|(signal, body)| export(signal, String::from_utf8_lossy(&body))).collect();
    for usage in [UsageFrom::Calls, UsageFrom::Metrics] {
        let mut sim = Sim::new();
        fold(&mut sim, &batches, usage);
        let sums = sums(&sim);
        // Two sessions of two requests each, as it bills them.
        assert_eq!((sums.calls, sums.cost, sums.unpriced), (4, Micros(8952), 0), "{usage:?}");
        assert_eq!((sums.tokens.input, sums.tokens.output), (1284, 180), "{usage:?}");
        assert_eq!((sums.tokens.cache_read, sums.tokens.cache_write), (80, 40), "{usage:?}");
    }
}

/// The spans of the nested recording in batches of their own, in this order.
fn apart(order: &[usize]) -> Vec<Export> {
    let whole: serde_json::Value = serde_json::from_slice(&batch("nested").body).unwrap();
    let part = |ix: &usize| {
        let mut part = whole.clone();
        let spans = &mut part["resourceSpans"][0]["scopeSpans"][0]["spans"];
        *spans = json!([spans[ix].clone()]);
        export(Signal::Traces, part)
    };
    order.iter().map(part).collect()
}

#[test]
fn a_call_and_the_one_around_it_are_one() {
    let whole = {
        let mut sim = Sim::new();
        fold(&mut sim, &[batch("nested")], UsageFrom::Calls);
        sums(&sim)
    };
    assert_eq!((whole.tokens.input, whole.tokens.cache_read, whole.tokens.output, whole.calls), (600, 400, 200, 1));
    // However exporters cut a trace into batches, and in whatever order they come.
    for order in [[4, 3, 2, 1, 0], [0, 1, 2, 3, 4], [2, 4, 0, 1, 3]] {
        let mut sim = Sim::new();
        fold(&mut sim, &apart(&order), UsageFrom::Calls);
        let sums = sums(&sim);
        let read = sums.tokens.input + sums.tokens.cache_read;
        // Who tells first of cached tokens is believed; what was read in all is the same.
        assert_eq!((read, sums.tokens.output, sums.calls), (1000, 200, 1), "{order:?}: {sums:?}");
    }
}

#[test]
fn a_cost_that_is_reported_around_a_call_replaces_the_one_that_was_computed() {
    let call = |id: &str, parent: &str, cost: Option<f64>| {
        let mut attributes = vec![
            json!({ "key": "gen_ai.operation.name", "value": { "stringValue": "chat" } }),
            json!({ "key": "gen_ai.request.model", "value": { "stringValue": "gpt-5.1" } }),
            json!({ "key": "gen_ai.usage.input_tokens", "value": { "intValue": 1_000_000 } }),
        ];
        attributes.extend(cost.map(|cost| json!({ "key": "gen_ai.usage.cost", "value": { "doubleValue": cost } })));
        export(
            Signal::Traces,
            json!({ "resourceSpans": [{ "scopeSpans": [{ "spans": [{
            "traceId": "0f".repeat(16), "spanId": id, "parentSpanId": parent, "endTimeUnixNano": "1795218700000000000",
            "attributes": attributes,
        }] }] }] }),
        )
    };
    let (outer, inner) = ("00000000000000a1", "00000000000000a2");
    let mut sim = Sim::new();
    fold(&mut sim, &[call(inner, outer, None), call(outer, "00000000000000a0", Some(0.2))], UsageFrom::Calls);
    assert_eq!((sums(&sim).cost, sums(&sim).tokens.input), (Micros(200_000), 1_000_000));
}

#[test]
fn nobody_is_taken_for_silent_of_whom_only_telemetry_tells() {
    let mut sim = Sim::new();
    fold(&mut sim, &[batch("sdk-traces"), batch("langfuse")], UsageFrom::Calls);
    for (_, agent) in sim.world.agents.iter() {
        assert_eq!(agent.idle(sim.now.plus(Span::hours(5))), Span(0), "{}", agent.id);
    }
}
