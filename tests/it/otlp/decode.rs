//! What each recording decodes to, read by its author.

use sereno::runtime::telemetry::{Format, Signal, UsageFrom};

use super::{BATCHES, adapter, as_protobuf, batch, claude_code, json, read, summary};
use sereno::runtime::Runtime;

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
            let batches = claude_code().into_iter().map(|(signal, body)| json(signal, String::from_utf8_lossy(&body)));
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
    assert_eq!((told.rejected, told.events.iter().filter(|event| event.agent.is_some()).count()), (3, 0));
    assert_eq!(told.why.as_deref(), Some("this key may not speak for the agent `Triage`"));
}
