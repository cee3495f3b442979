//! Codex's own events, as seen with 0.171.0. Its conversations are sessions. It reports no cost, and no counter
//! tells what its calls used, so that its records always do.

use super::claude_code::ended;
use crate::core::event::{Account, Author, Event, EventKind, Fault, ToolCall, Usage};
use crate::runtime::otlp::attributes::arguments;
use crate::runtime::otlp::logs::Record;

/// With what its events begin.
pub const PREFIX: &str = "codex.";

/// Events of a record.
pub fn events(name: &str, record: &Record<'_>) -> Vec<Event> {
    match name {
        "conversation_starts" => vec![Event {
            status: Some("idle".into()),
            model: record.said.name("model"),
            ..record.event(EventKind::SessionStarted)
        }],
        "sse_event" | "websocket_event" if record.said.raw("event.kind") == Some("response.completed") => {
            call(record).into_iter().collect()
        }
        "api_request" => failed(record).into_iter().collect(),
        "tool_result" => tool(record),
        "user_prompt" => vec![Event {
            message: record.said.text("prompt").filter(|text| text != "[REDACTED]"),
            from: Some(Author::User),
            ..record.event(EventKind::Message)
        }],
        _ => Vec::new(),
    }
}

fn of_api(record: &Record<'_>) -> Event {
    Event {
        model: record.said.name("model"),
        duration_ms: record.said.count("duration_ms"),
        ..record.event(EventKind::ModelCall)
    }
}

/// A response that is complete says what it used, in the second of two records; cached tokens are among those that were
/// read.
fn call(record: &Record<'_>) -> Option<Event> {
    let event = of_api(record);
    let input = record.said.count("input_token_count")?;
    let count = |name: &str| record.said.count(name).unwrap_or(0);
    let cache_read_tokens = count("cached_token_count").min(input);
    let cache_write_tokens = count("cache_write_token_count").min(input - cache_read_tokens);
    let usage = Usage {
        input_tokens: input - cache_read_tokens - cache_write_tokens,
        output_tokens: count("output_token_count"),
        cache_read_tokens,
        cache_write_tokens,
        ..Usage::default()
    };
    Some(Event { usage: Some(usage), ..event })
}

/// A request that succeeds is told when its response is complete.
fn failed(record: &Record<'_>) -> Option<Event> {
    let status = record.said.count("http.response.status_code");
    let message = record.said.text("error.message");
    let kind = match status {
        Some(429) => "rate_limit".to_owned(),
        Some(status) if status >= 400 => format!("http_{status}"),
        _ if message.is_some() => "api_error".to_owned(),
        _ => return None,
    };
    let event = of_api(record);
    let account = Account::Call { id: event.id.clone(), within: None };
    Some(Event { account: Some(Box::new(account)), error: Some(Fault { kind, message, retry_at: None }), ..event })
}

fn tool(record: &Record<'_>) -> Vec<Event> {
    let tool = ToolCall {
        name: record.said.name("tool_name").unwrap_or_else(|| "?".into()),
        call_id: record.said.name("call_id"),
        input: record.said.raw("arguments").and_then(arguments),
        ..ToolCall::default()
    };
    let ok = record.said.flag("success");
    let fault = || Fault { kind: "tool_error".into(), message: None, retry_at: None };
    ended(record, tool, ok, (ok == Some(false)).then(fault))
}
