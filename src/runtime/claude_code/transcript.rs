//! Usage from a transcript: what a session has used so far, by model.
//!
//! Claude Code writes the transcript before it calls `PostToolUse`, `PostToolBatch` and Stop (seen with
//! 2.1.329). One message is written once per content block with the same usage, so messages are counted
//! by identity. At the end of a session a `cost-state` line holds the cost as Claude Code itself bills it.

use std::collections::BTreeMap;
use std::io::BufRead;

use serde::Deserialize;
use serde_json::{Value, json};

/// Lines longer than this hold no usage that matters, only content.
const MAX_LINE: usize = 4 * 1024 * 1024;

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(rename = "type", borrow, default)]
    kind: std::borrow::Cow<'a, str>,
    message: Option<Message>,
    #[serde(rename = "modelUsage")]
    model_usage: Option<BTreeMap<String, ModelUsage>>,
}

#[derive(Deserialize)]
struct Message {
    id: Option<String>,
    model: Option<String>,
    usage: Option<Usage>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[expect(clippy::struct_field_names, reason = "the names are the API's")]
struct Usage {
    #[serde(default)]
    input_tokens: u64,
    #[serde(default)]
    output_tokens: u64,
    #[serde(default)]
    cache_read_input_tokens: u64,
    #[serde(default)]
    cache_creation_input_tokens: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ModelUsage {
    #[serde(default)]
    input_tokens: u64,
    #[serde(default)]
    output_tokens: u64,
    #[serde(default)]
    cache_read_input_tokens: u64,
    #[serde(default)]
    cache_creation_input_tokens: u64,
    #[serde(rename = "costUSD")]
    cost: Option<f64>,
}

/// Running totals by model, as the hook body carries them. A line that cannot be read is passed over.
pub fn usage(mut transcript: impl BufRead) -> Vec<Value> {
    let mut messages: BTreeMap<String, (String, Usage)> = BTreeMap::new();
    let mut billed: Option<BTreeMap<String, ModelUsage>> = None;
    let mut line = Vec::new();
    loop {
        line.clear();
        match transcript.read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => break,
            Ok(_) if line.len() > MAX_LINE => continue,
            Ok(_) => {}
        }
        let Ok(Line { kind, message, model_usage }) = serde_json::from_slice::<Line<'_>>(&line) else { continue };
        match (kind.as_ref(), message) {
            ("assistant", Some(Message { id: Some(id), model: Some(model), usage: Some(usage) })) => {
                messages.insert(id, (model, usage));
            }
            ("cost-state", _) if model_usage.is_some() => billed = model_usage,
            _ => {}
        }
    }
    match billed {
        Some(billed) => billed.into_iter().map(|(model, used)| of_billed(&model, &used)).collect(),
        None => of_messages(messages.into_values()),
    }
}

fn of_billed(model: &str, used: &ModelUsage) -> Value {
    json!({
        "model": model,
        "input_tokens": used.input_tokens,
        "output_tokens": used.output_tokens,
        "cache_read_tokens": used.cache_read_input_tokens,
        "cache_write_tokens": used.cache_creation_input_tokens,
        "cost_usd": used.cost,
    })
}

fn of_messages(messages: impl Iterator<Item = (String, Usage)>) -> Vec<Value> {
    let mut totals: BTreeMap<String, Usage> = BTreeMap::new();
    for (model, used) in messages {
        let total = totals.entry(model).or_default();
        total.input_tokens += used.input_tokens;
        total.output_tokens += used.output_tokens;
        total.cache_read_input_tokens += used.cache_read_input_tokens;
        total.cache_creation_input_tokens += used.cache_creation_input_tokens;
    }
    // Messages that Claude Code makes up itself have used nothing.
    totals.retain(|model, _| !model.starts_with('<'));
    totals
        .into_iter()
        .map(|(model, used)| {
            json!({
                "model": model,
                "input_tokens": used.input_tokens,
                "output_tokens": used.output_tokens,
                "cache_read_tokens": used.cache_read_input_tokens,
                "cache_write_tokens": used.cache_creation_input_tokens,
            })
        })
        .collect()
}

/// A hook body with the usage of its session, as the command hook sends it.
pub fn with_usage(mut body: Value, usage: Vec<Value>) -> Value {
    if let Some(map) = body.as_object_mut()
        && !usage.is_empty()
    {
        map.insert("sereno".into(), json!({ "usage": usage }));
    }
    body
}
