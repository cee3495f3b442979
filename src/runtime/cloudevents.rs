//! `CloudEvents` 1.0 over HTTP: structured, binary and batched, carrying canonical events.
//!
//! `type` is the canonical type (a prefix such as `dev.sereno.` is taken off), `id` and `time` are those
//! of the event, and `data` holds the rest. <https://github.com/cloudevents/spec/tree/v1.0.2>

use serde_json::{Map, Value};

use super::decode::{MAX_EVENTS, event, json};
use super::{BadBody, Inbound};
use crate::core::event::Event;

/// Prefix that a sender may put before canonical types.
const PREFIX: &str = "dev.sereno.";

/// Reads a request as `CloudEvents`, if it says that it is one.
///
/// # Errors
/// What is wrong with it.
pub fn read(request: &Inbound<'_>) -> Option<Result<Vec<Event>, BadBody>> {
    let content = request.header("content-type").unwrap_or_default().to_ascii_lowercase();
    if content.starts_with("application/cloudevents-batch+json") {
        Some(batch(request))
    } else if content.starts_with("application/cloudevents+json") {
        Some(json(request.body).and_then(|value| structured(value, None)).map(|event| vec![event]))
    } else if request.header("ce-specversion").is_some() {
        Some(binary(request).map(|event| vec![event]))
    } else {
        None
    }
}

fn batch(request: &Inbound<'_>) -> Result<Vec<Event>, BadBody> {
    let Value::Array(items) = json(request.body)? else {
        return Err(BadBody::unreadable("a CloudEvents batch is a JSON array"));
    };
    if items.is_empty() || items.len() > MAX_EVENTS {
        return Err(BadBody::invalid(format!("a batch holds 1 to {MAX_EVENTS} events, not {}", items.len()), None));
    }
    items.into_iter().enumerate().map(|(index, item)| structured(item, Some(index))).collect()
}

fn structured(value: Value, index: Option<usize>) -> Result<Event, BadBody> {
    let Value::Object(mut envelope) = value else {
        return Err(BadBody::invalid("a CloudEvent is a JSON object", index));
    };
    let data = envelope.remove("data").unwrap_or(Value::Object(Map::new()));
    let attribute = |name: &str| envelope.get(name).and_then(Value::as_str).map(str::to_owned);
    assemble(attribute, data, index)
}

fn binary(request: &Inbound<'_>) -> Result<Event, BadBody> {
    let data = if request.body.is_empty() { Value::Object(Map::new()) } else { json(request.body)? };
    assemble(|name| request.header(&format!("ce-{name}")).map(str::to_owned), data, None)
}

fn assemble(attribute: impl Fn(&str) -> Option<String>, data: Value, index: Option<usize>) -> Result<Event, BadBody> {
    let needed = |name: &str| {
        attribute(name)
            .filter(|v| !v.is_empty())
            .ok_or_else(|| BadBody::invalid(format!("the CloudEvents attribute `{name}` is missing"), index))
    };
    if needed("specversion")? != "1.0" {
        return Err(BadBody::invalid("specversion must be 1.0", index));
    }
    let (id, source, kind) = (needed("id")?, needed("source")?, needed("type")?);
    let Value::Object(mut body) = data else {
        return Err(BadBody::invalid("data must be a JSON object with the fields of a canonical event", index));
    };
    body.insert("type".into(), kind.strip_prefix(PREFIX).unwrap_or(&kind).into());
    // A CloudEvent is identified by its source and its id together.
    body.insert("id".into(), format!("{source}#{id}").into());
    if let Some(time) = attribute("time") {
        body.insert("time".into(), time.into());
    }
    event(Value::Object(body), index)
}
