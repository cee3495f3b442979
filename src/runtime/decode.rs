//! Reading hostile JSON: bounded, repaired where that is safe, refused with a reason where not.

use axum::body::Bytes;
use serde_json::Value;

use super::BadBody;
use crate::core::digest;
use crate::core::event::Event;

/// Values that one body may hold.
pub const MAX_NODES: usize = 50_000;
/// Events that one body may hold.
pub const MAX_EVENTS: usize = 1000;

/// Reads a body as JSON. Bytes that are no UTF-8 and lone surrogates become `U+FFFD`: a damaged text must
/// not lose the event that carries it.
///
/// # Errors
/// When it is no JSON, is nested deeper than 128, or holds too many values.
pub fn json(body: &Bytes) -> Result<Value, BadBody> {
    let text = String::from_utf8_lossy(body);
    let parsed = serde_json::from_str(&text).or_else(|error| {
        if text.contains("\\u") { serde_json::from_str(&without_lone_surrogates(&text)) } else { Err(error) }
    });
    let value: Value = parsed.map_err(|error| BadBody::unreadable(format!("the body is not JSON: {error}")))?;
    let nodes = count(&value, MAX_NODES);
    if nodes >= MAX_NODES {
        return Err(BadBody::unreadable(format!("the body holds more than {MAX_NODES} values")));
    }
    Ok(value)
}

fn count(value: &Value, limit: usize) -> usize {
    let mut nodes = 0;
    let mut open = vec![value];
    while let Some(next) = open.pop() {
        nodes += 1;
        if nodes >= limit {
            break;
        }
        match next {
            Value::Array(items) => open.extend(items),
            Value::Object(map) => open.extend(map.values()),
            _ => {}
        }
    }
    nodes
}

/// Replaces `\uD800`–`\uDFFF` escapes that have no partner; JSON allows them, Unicode does not.
fn without_lone_surrogates(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let (piece, taken) = match (escape(rest), rest.get(6..).and_then(escape)) {
            (Some(0xD800..=0xDBFF), Some(0xDC00..=0xDFFF)) => (&rest[..12], 12),
            (Some(0xD800..=0xDFFF), _) => ("\\uFFFD", 6),
            (Some(_), _) => (&rest[..6], 6),
            (None, _) => {
                let taken = rest.chars().take(2).map(char::len_utf8).sum();
                (&rest[..taken], taken)
            }
        };
        out.push_str(piece);
        rest = &rest[taken..];
    }
    out.push_str(rest);
    out
}

/// The code unit of a `\uXXXX` at the beginning of `text`.
fn escape(text: &str) -> Option<u32> {
    let hex = text.strip_prefix("\\u")?.get(..4)?;
    u32::from_str_radix(hex, 16).ok()
}

/// Reads a body of canonical events.
///
/// # Errors
/// As [`json`] and [`events`].
pub fn canonical(body: &Bytes) -> Result<Vec<Event>, BadBody> {
    at_once(body).map_or_else(|| json(body).and_then(events), Ok)
}

/// Events of a body in which nothing needs to be repaired or refused: read without a tree in between, which
/// takes a third of the time. `None` sends it the careful way, which also says what is wrong.
fn at_once(body: &Bytes) -> Option<Vec<Event>> {
    let text = std::str::from_utf8(body).ok()?;
    // Every value but the first follows one of these; they may also stand in texts.
    let values = text.bytes().filter(|byte| matches!(byte, b',' | b'[' | b'{')).count();
    if values >= MAX_NODES - 1 {
        return None;
    }
    let events: Vec<Event> = if text.trim_start().starts_with('[') {
        serde_json::from_str(text).ok()?
    } else {
        vec![serde_json::from_str(text).ok()?]
    };
    let fits = (1..=MAX_EVENTS).contains(&events.len()) && events.iter().all(|event| event.check().is_ok());
    fits.then(|| events.into_iter().map(finished).collect())
}

/// Reads one canonical event or an array of them. An array with a bad member is refused whole.
///
/// # Errors
/// What is wrong, and with which member.
pub fn events(value: Value) -> Result<Vec<Event>, BadBody> {
    match value {
        Value::Array(items) => {
            if items.is_empty() || items.len() > MAX_EVENTS {
                let detail = format!("an array holds 1 to {MAX_EVENTS} events, not {}", items.len());
                return Err(BadBody::invalid(detail, None));
            }
            items.into_iter().enumerate().map(|(index, item)| event(item, Some(index))).collect()
        }
        one => event(one, None).map(|event| vec![event]),
    }
}

/// Reads and checks one canonical event.
///
/// # Errors
/// What is wrong with it.
pub fn event(value: Value, index: Option<usize>) -> Result<Event, BadBody> {
    let event: Event = serde_json::from_value(value).map_err(|e| BadBody::invalid(e.to_string(), index))?;
    event.check().map_err(|detail| BadBody::invalid(detail, index))?;
    Ok(finished(event))
}

/// What intake adds to every event: the digest of a tool call, and texts of bounded length.
pub fn finished(mut event: Event) -> Event {
    if let Some(tool) = &mut event.tool {
        // Never the sender's own: equal digests must mean equal calls.
        tool.digest = tool.input.as_ref().map(|input| digest::of_call(&tool.name, input));
    }
    event.shorten();
    event
}

/// Gives an identity to events that have none: the request's, or the digest of its body.
pub fn identify(events: &mut [Event], request: Option<&str>, body: &Bytes) {
    let base = request.map_or_else(|| digest::Digest::of("sereno.body.v1", body).to_string(), str::to_owned);
    let many = events.len() > 1;
    for (index, event) in events.iter_mut().enumerate() {
        if event.id.is_empty() {
            event.id = if many { format!("{base}#{index}") } else { base.clone() };
        }
    }
}
