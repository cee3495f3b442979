//! Claude Code's own events and counters, as seen with 2.1.329.
//!
//! A request of the API is told by a record and by counters alike; [`UsageFrom`] says which of them counts. Many numbers
//! come as texts.

use crate::core::event::{Account, Author, Event, EventKind, Fault, ToolCall, Usage};
use crate::runtime::otlp::attributes::arguments;
use crate::runtime::otlp::logs::Record;
use crate::runtime::telemetry::UsageFrom;

/// With what its events begin.
pub const PREFIX: &str = "claude_code.";
/// With what its scopes begin.
pub const SCOPE: &str = "com.anthropic.claude_code";

/// Events of a record.
pub fn events(name: &str, record: &Record<'_>, from: UsageFrom) -> Vec<Event> {
    match name {
        "api_request" => vec![call(record, from)],
        "api_error" => vec![failed(record)],
        "tool_result" => tool(record),
        "user_prompt" => vec![Event {
            message: record.said.text("prompt"),
            from: Some(Author::User),
            ..record.event(EventKind::Message)
        }],
        "assistant_response" => vec![Event {
            message: record.said.text("response"),
            from: Some(Author::Agent),
            ..record.event(EventKind::Message)
        }],
        // What was registered, decided and loaded changes nothing of what an agent does.
        _ => Vec::new(),
    }
}

fn of_api(record: &Record<'_>) -> Event {
    Event {
        model: record.said.name("model"),
        provider: Some("anthropic".into()),
        duration_ms: record.said.count("duration_ms"),
        ..record.event(EventKind::ModelCall)
    }
}

fn call(record: &Record<'_>, from: UsageFrom) -> Event {
    let event = of_api(record);
    if from == UsageFrom::Metrics {
        let account = Account::Call { id: event.id.clone(), within: None };
        return Event { account: Some(Box::new(account)), ..event };
    }
    let count = |name: &str| record.said.count(name).unwrap_or(0);
    let usage = Usage {
        input_tokens: count("input_tokens"),
        output_tokens: count("output_tokens"),
        cache_read_tokens: count("cache_read_tokens"),
        cache_write_tokens: count("cache_creation_tokens"),
        cost: record.said.dollars("cost_usd"),
        cumulative: false,
    };
    Event { usage: Some(usage), ..event }
}

fn failed(record: &Record<'_>) -> Event {
    let kind = match record.said.name("status_code") {
        Some(status) if status == "429" => "rate_limit".to_owned(),
        Some(status) => format!("http_{status}"),
        None => "api_error".to_owned(),
    };
    let event = of_api(record);
    let account = Account::Call { id: event.id.clone(), within: None };
    let error = Fault { kind, message: record.said.text("error"), retry_at: None };
    Event { account: Some(Box::new(account)), error: Some(error), ..event }
}

fn tool(record: &Record<'_>) -> Vec<Event> {
    let input = record.said.raw("tool_input").or_else(|| record.said.raw("tool_parameters"));
    let tool = ToolCall {
        name: record.said.name("tool_name").unwrap_or_else(|| "?".into()),
        call_id: record.said.name("tool_use_id"),
        input: input.and_then(arguments),
        ..ToolCall::default()
    };
    let ok = record.said.flag("success");
    let fault = || Fault { kind: "tool_error".into(), message: record.said.text("error"), retry_at: None };
    ended(record, tool, ok, (ok == Some(false)).then(fault))
}

/// A tool call that is over: its beginning and its end at once.
pub fn ended(record: &Record<'_>, tool: ToolCall, ok: Option<bool>, error: Option<Fault>) -> Vec<Event> {
    let end = record.event(EventKind::ToolEnded);
    let took = record.said.count("duration_ms");
    let started = Event {
        id: format!("{}#started", end.id),
        time: end.time.map(|at| at.minus(crate::core::time::Span(i64::try_from(took.unwrap_or(0)).unwrap_or(0)))),
        tool: Some(tool.clone()),
        ..record.event(EventKind::ToolStarted)
    };
    vec![started, Event { tool: Some(ToolCall { ok, ..tool }), duration_ms: took, error, ..end }]
}
