//! OpenTelemetry: recordings of real exporters, and what was written after the documentation of those that none is of.

mod counters;
mod decode;
mod exporters;
mod hostile;
mod intake;
mod mutations;
mod stories;

use axum::body::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use sereno::core::event::Event;
use sereno::runtime::otlp::{Otlp, Settings, weigh};
use sereno::runtime::secret::Secret;
use sereno::runtime::telemetry::{Export, Format, Signal, Told, UsageFrom};
use sereno::runtime::{AgentScope, BadBody, Runtime};

/// Token of the runtime `otel`.
pub const TOKEN: &str = "otel-token-otel-token";

/// A runtime `otel`, with `keys` besides.
pub fn config(keys: &str) -> String {
    format!("[runtimes.otel]\nkind = \"otlp\"\ntoken = \"{TOKEN}\"\n{keys}\n")
}

/// Batches as they were recorded or written, by name.
pub const BATCHES: &[(&str, Signal, Format, &[u8])] = &[
    ("node", Signal::Traces, Format::Json, include_bytes!("../../fixtures/otlp/node.json")),
    ("python", Signal::Traces, Format::Json, include_bytes!("../../fixtures/otlp/python.json")),
    ("sdk-traces", Signal::Traces, Format::Protobuf, include_bytes!("../../fixtures/otlp/sdk-traces.bin")),
    ("sdk-metrics", Signal::Metrics, Format::Protobuf, include_bytes!("../../fixtures/otlp/sdk-metrics.bin")),
    ("sdk-logs", Signal::Logs, Format::Protobuf, include_bytes!("../../fixtures/otlp/sdk-logs.bin")),
    ("openlit", Signal::Traces, Format::Protobuf, include_bytes!("../../fixtures/otlp/openlit.bin")),
    ("crewai", Signal::Traces, Format::Protobuf, include_bytes!("../../fixtures/otlp/crewai.bin")),
    ("gen-ai-older", Signal::Traces, Format::Json, include_bytes!("../../fixtures/otlp/gen-ai-older.json")),
    ("nested", Signal::Traces, Format::Json, include_bytes!("../../fixtures/otlp/nested.json")),
    ("litellm", Signal::Traces, Format::Json, include_bytes!("../../fixtures/otlp/litellm.json")),
    ("langfuse", Signal::Traces, Format::Json, include_bytes!("../../fixtures/otlp/langfuse.json")),
    ("agentops", Signal::Traces, Format::Json, include_bytes!("../../fixtures/otlp/agentops.json")),
    ("openrouter", Signal::Traces, Format::Json, include_bytes!("../../fixtures/otlp/openrouter.json")),
    ("langfuse-sdk", Signal::Traces, Format::Protobuf, include_bytes!("../../fixtures/otlp/langfuse-sdk.bin")),
    ("litellm-sdk", Signal::Traces, Format::Protobuf, include_bytes!("../../fixtures/otlp/litellm-sdk.bin")),
    ("agentops-sdk", Signal::Traces, Format::Protobuf, include_bytes!("../../fixtures/otlp/agentops-sdk.bin")),
    ("langchain", Signal::Traces, Format::Protobuf, include_bytes!("../../fixtures/otlp/langchain.bin")),
    ("autogen", Signal::Traces, Format::Protobuf, include_bytes!("../../fixtures/otlp/autogen.bin")),
    ("codex-exec", Signal::Logs, Format::Json, include_bytes!("../../fixtures/otlp/codex-exec.json")),
    ("codex-exec-spans", Signal::Traces, Format::Json, include_bytes!("../../fixtures/otlp/codex-exec-spans.json")),
    ("codex-logs", Signal::Logs, Format::Json, include_bytes!("../../fixtures/otlp/codex-logs.json")),
];

/// What Claude Code 2.1.329 sent, in order.
pub fn claude_code() -> Vec<(Signal, Bytes)> {
    let lines = include_str!("../../fixtures/claude-code/otel-http-json.jsonl").lines();
    let read = |line: &str| {
        let sent: serde_json::Value = serde_json::from_str(line).unwrap();
        let signal = if sent["path"] == "/v1/logs" { Signal::Logs } else { Signal::Metrics };
        (signal, Bytes::from(sent["body"].to_string()))
    };
    lines.map(read).collect()
}

/// A batch by name.
pub fn batch(name: &str) -> Export {
    let (_, signal, format, body) = BATCHES.iter().find(|(have, ..)| *have == name).expect("a batch");
    Export { signal: *signal, format: *format, body: Bytes::from_static(body) }
}

/// A batch of JSON.
pub fn json(signal: Signal, body: impl ToString) -> Export {
    Export { signal, format: Format::Json, body: Bytes::from(body.to_string()) }
}

/// The adapter, for agents that fit `agents`.
pub fn adapter(usage: UsageFrom, agents: Option<&str>) -> Otlp {
    Otlp::new(Settings {
        name: "otel".into(),
        tokens: vec![Secret::new(TOKEN)],
        agents: AgentScope::new(agents).unwrap(),
        usage,
    })
}

/// Reads a batch as the adapter does.
pub fn read(export: &Export, usage: UsageFrom) -> Result<Told, BadBody> {
    weigh(export)?;
    adapter(usage, None).telemetry(export).expect("a runtime that takes telemetry")
}

/// What a batch tells, on one line of JSON for each event.
pub fn summary(told: &Told) -> String {
    let line = |event: &Event| format!("{}\n", serde_json::to_string(event).unwrap());
    let events: String = told.events.iter().map(line).collect();
    let Told { items, ignored, rejected, why, .. } = told;
    format!("{items} items, {ignored} ignored, {rejected} rejected {}\n{events}", why.as_deref().unwrap_or(""))
}

/// Traces of JSON as protobuf.
pub fn as_protobuf(body: &[u8]) -> Vec<u8> {
    let batch: ExportTraceServiceRequest = serde_json::from_slice(body).unwrap();
    prost::Message::encode_to_vec(&batch)
}

/// Compressed as exporters do.
pub fn gzip(body: &[u8]) -> Vec<u8> {
    let mut to = GzEncoder::new(Vec::new(), Compression::default());
    std::io::Write::write_all(&mut to, body).unwrap();
    to.finish().unwrap()
}
