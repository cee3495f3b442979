//! What each recording decodes to, read by its author.

use std::collections::HashSet;

use serde_json::json;
use sereno::runtime::Runtime;
use sereno::runtime::telemetry::{Format, Signal, UsageFrom};

use super::{BATCHES, adapter, as_protobuf, batch, claude_code, json as export, read, summary};

fn settings() -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings
}

#[test]
fn every_recorded_batch_decodes_as_it_was_approved() {
    settings().bind(|| {
        for (name, ..) in BATCHES {
            let told = read(&batch(name), UsageFrom::Calls).unwrap_or_else(|error| panic!("{name}: {error:?}"));
            insta::assert_snapshot!(format!("otlp-{name}"), summary(&told));
        }
        let all = |usage| -> String {
            let batches =
                claude_code().into_iter().map(|(signal, body)| export(signal, String::from_utf8_lossy(&body)));
            batches.map(|export| summary(&read(&export, usage).unwrap())).collect()
        };
        insta::assert_snapshot!("otlp-claude-code", all(UsageFrom::Calls));
        insta::assert_snapshot!("otlp-claude-code-metrics", all(UsageFrom::Metrics));
        insta::assert_snapshot!(
            "otlp-sdk-metrics-counted",
            summary(&read(&batch("sdk-metrics"), UsageFrom::Metrics).unwrap())
        );
    });
}

#[test]
fn both_forms_of_a_batch_tell_the_same() {
    for (name, signal, format, body) in BATCHES {
        if (*signal, *format) == (Signal::Traces, Format::Json) {
            let mut export = batch(name);
            let told = read(&export, UsageFrom::Calls);
            (export.format, export.body) = (Format::Protobuf, as_protobuf(body).into());
            assert_eq!(read(&export, UsageFrom::Calls), told, "{name}");
        }
    }
}

#[test]
fn a_key_is_only_heard_of_its_own_agents() {
    let told = adapter(UsageFrom::Calls, Some("Tri*")).telemetry(&batch("agentops")).unwrap().unwrap();
    assert_eq!(told.rejected, 0, "{}", summary(&told));
    let told = adapter(UsageFrom::Calls, Some("Other*")).telemetry(&batch("agentops")).unwrap().unwrap();
    assert_eq!((told.rejected, told.ignored, told.events.len()), (3, 1, 0), "{}", summary(&told));
    assert_eq!(told.why.as_deref(), Some("this key may not speak for the agent `Triage`"));
}

#[test]
fn texts_are_cut_and_identities_stay_apart() {
    let long = "long ".repeat(100);
    let attribute = |key: &str, value: &str| json!({ "key": key, "value": { "stringValue": value } });
    let span = |n: u8, session: &str, arguments: &str| {
        json!({
            "traceId": "0f".repeat(16), "spanId": format!("{n:016x}"), "endTimeUnixNano": 1_795_218_700_000_000_000_u64,
            "status": { "code": 2, "message": "no ".repeat(10_000) },
            "attributes": [
                attribute("gen_ai.operation.name", "execute_tool"), attribute("gen_ai.tool.name", &long),
                attribute("gen_ai.conversation.id", session), attribute("gen_ai.tool.call.arguments", arguments),
                attribute("made.up", &long), attribute("gen_ai.agent.name", "  "),
            ],
        })
    };
    let arguments = json!({ "text": "x".repeat(100_000) }).to_string();
    let spans = [span(1, &format!("{long} 1"), "{}"), span(2, &format!("{long} 2"), &arguments)];
    let body = json!({ "resourceSpans": [{ "scopeSpans": [{ "spans": spans }] }] });
    let told = read(&export(Signal::Traces, body), UsageFrom::Calls).unwrap();
    let sessions: HashSet<&str> =
        told.events.iter().filter_map(|event| Some(event.session.as_ref()?.id.as_str())).collect();
    assert_eq!(sessions.len(), 2, "{sessions:?}");
    assert!(told.events.iter().all(|event| event.agent.as_ref().is_some_and(|agent| agent.id == "otel")));
    let inputs: Vec<bool> = told.events.iter().filter_map(|e| Some(e.tool.as_ref()?.input.is_some())).collect();
    assert_eq!(inputs, [true, true, false, false]);
    assert!(summary(&told).len() < 8_000, "{}", summary(&told).len());
}
