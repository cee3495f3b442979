//! OTLP in batches of 500 spans, as exporters send them: how many are taken durably.

use std::time::Duration;

use anyhow::Result;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message as _;
use sereno::clock::Sources;

use crate::Bench;
use crate::intake::{AGENTS, Figures};
use crate::server::{Server, Setup};

/// Spans in a batch, and in a trace.
const BATCH: u64 = 500;
const TRACE: u64 = 5;
/// Connections that send, and rounds.
const CONNECTIONS: usize = 4;
const ROUNDS: u32 = 7;
/// Long enough for some batches of an unoptimised build, when it shall be quick.
const ROUND: Duration = Duration::from_secs(16);
const TOKEN: &str = "bench-token-of-exporters";

/// Measures batches of spans.
pub async fn run(bench: &Bench) -> Result<()> {
    println!("otlp: {BATCH} spans a batch as protobuf, {CONNECTIONS} connections, {AGENTS} agents");
    let more = format!("[runtimes.otel]\nkind = \"otlp\"\ntoken = \"{TOKEN}\"\n");
    let server = Server::start(&bench.sink.url(), Setup { more, ..Setup::default() }).await?;
    let batch = Batch::new();
    let mut figures = Figures::default();
    for _ in 0..bench.of(ROUNDS).max(3) {
        let request = || batch.request(bench.events.number());
        figures.round(&server, &request, (CONNECTIONS, BATCH), bench.span(ROUND)).await?;
    }
    figures.print("otlp, in spans (goal: at least 20,000)");
    Ok(())
}

/// A batch that is written once; only its traces get other identities.
struct Batch {
    body: Vec<u8>,
    /// Where traces are named.
    places: Vec<usize>,
}

/// With what every identity of a trace begins, until it is given one.
const MARK: [u8; 8] = [0xA5, 0x5A, 0xC3, 0x3C, 0x96, 0x69, 0xF0, 0x0F];

impl Batch {
    fn new() -> Self {
        let spans = (0..BATCH).map(span).collect();
        let of_scope = ScopeSpans { spans, ..ScopeSpans::default() };
        let resource = Resource { attributes: vec![text("service.name", "bench")], ..Resource::default() };
        let of_resource =
            ResourceSpans { resource: Some(resource), scope_spans: vec![of_scope], ..ResourceSpans::default() };
        let body = ExportTraceServiceRequest { resource_spans: vec![of_resource] }.encode_to_vec();
        let places = (0..body.len()).filter(|at| body[*at..].starts_with(&MARK)).collect();
        Self { body, places }
    }

    fn request(&self, number: u64) -> Vec<u8> {
        let length = self.body.len();
        let mut request = format!(
            "POST /v1/traces HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-protobuf\r\n\
             authorization: Bearer {TOKEN}\r\ncontent-length: {length}\r\n\r\n"
        )
        .into_bytes();
        let begin = request.len();
        request.extend_from_slice(&self.body);
        for place in &self.places {
            request[begin + place..begin + place + MARK.len()].copy_from_slice(&number.to_be_bytes());
        }
        request
    }
}

fn text(key: &str, value: &str) -> KeyValue {
    attribute(key, Value::StringValue(value.to_owned()))
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

/// Span number `n`: a run of an agent, within it two calls of a model, a tool, and a request that is nobody's.
fn span(n: u64) -> Span {
    let (trace, place) = (n / TRACE, n % TRACE);
    let now = u64::try_from(Sources::system().now().0).unwrap_or(0) * 1_000_000;
    let mut attributes = match place {
        0 => vec![
            text("gen_ai.operation.name", "invoke_agent"),
            text("gen_ai.agent.name", &format!("agent-{}", trace * 7 % AGENTS)),
            text("gen_ai.conversation.id", &format!("session-{}", trace * 7 % AGENTS)),
        ],
        1 | 2 => vec![
            text("gen_ai.operation.name", "chat"),
            text("gen_ai.provider.name", "anthropic"),
            text("gen_ai.request.model", "claude-sonnet-4-5"),
            attribute("gen_ai.usage.input_tokens", Value::IntValue(3400)),
            attribute("gen_ai.usage.output_tokens", Value::IntValue(180)),
            attribute("gen_ai.usage.cost", Value::DoubleValue(0.0002)),
        ],
        3 => vec![text("gen_ai.operation.name", "execute_tool"), text("gen_ai.tool.name", "Bash")],
        _ => vec![text("http.request.method", "POST"), text("url.full", "https://api.example.org/v1/messages")],
    };
    attributes.push(text("server.address", "api.example.org"));
    attributes.push(text("thread.name", "MainThread"));
    let id = |place: u64| (trace * TRACE + place + 1).to_be_bytes().to_vec();
    Span {
        trace_id: [MARK, trace.to_be_bytes()].concat(),
        span_id: id(place),
        parent_span_id: if place == 0 { Vec::new() } else { id(0) },
        name: "a span of the bench".into(),
        kind: 1,
        start_time_unix_nano: now - 900_000_000,
        end_time_unix_nano: now,
        attributes,
        ..Span::default()
    }
}
