//! A small Anthropic Messages API, as far as Claude Code uses it.
//!
//! It knows no model: a prompt with `RUN:COMMAND` is answered with one Bash call for that command, and
//! everything else with a short text. It keeps what it was told, so that a test sees what the model reads.

use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::Uri;
use axum::response::{IntoResponse as _, Response};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::sync::watch;

type Told = Arc<Mutex<Vec<Value>>>;
/// What was told, and whether answers are given now.
type Shared = (Told, watch::Receiver<bool>);

/// What every answer is said to have used.
pub const USAGE: [(&str, u64); 4] = [
    ("input_tokens", 321),
    ("output_tokens", 45),
    ("cache_creation_input_tokens", 10),
    ("cache_read_input_tokens", 20),
];

/// A running server; it ends with the test's runtime.
pub struct Anthropic {
    pub url: String,
    told: Told,
    answers: watch::Sender<bool>,
}

impl Anthropic {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let told = Told::default();
        let answers = watch::Sender::new(true);
        let router = Router::new().fallback(answer).with_state((told.clone(), answers.subscribe()));
        tokio::spawn(async { axum::serve(listener, router).await });
        Self { url, told, answers }
    }

    /// Lets the model think until it may answer.
    pub fn may_answer(&self, may: bool) {
        self.answers.send_replace(may);
    }

    /// The results of tools that the model was told, in order.
    pub fn results(&self) -> Vec<String> {
        self.told.lock().unwrap().iter().flat_map(results).map(|result| result["content"].to_string()).collect()
    }
}

async fn answer(State((told, mut answers)): State<Shared>, uri: Uri, body: Bytes) -> Response {
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    if uri.path().ends_with("/count_tokens") {
        return Json(json!({ "input_tokens": 100 })).into_response();
    }
    if !uri.path().ends_with("/messages") {
        return Json(json!({ "data": [] })).into_response();
    }
    answers.wait_for(|may| *may).await.unwrap();
    let number = {
        let mut told = told.lock().unwrap();
        told.push(body.clone());
        told.len()
    };
    let message = message(&body, number);
    if body["stream"] != true {
        return Json(message).into_response();
    }
    ([("content-type", "text/event-stream")], stream(&message)).into_response()
}

/// The answer to a conversation.
fn message(body: &Value, number: usize) -> Value {
    let has_bash = body["tools"].as_array().into_iter().flatten().any(|tool| tool["name"] == "Bash");
    let call = command(body).filter(|_| has_bash && results(body).is_empty());
    let (block, why) = match call {
        Some(command) => {
            let input = json!({ "command": command, "description": "run it" });
            (json!({ "type": "tool_use", "id": format!("toolu_{number}"), "name": "Bash", "input": input }), "tool_use")
        }
        None => (json!({ "type": "text", "text": "done" }), "end_turn"),
    };
    json!({
        "id": format!("msg_{number}"), "type": "message", "role": "assistant", "model": body["model"],
        "content": [block], "stop_reason": why, "stop_sequence": null,
        "usage": serde_json::Map::from_iter(USAGE.map(|(name, tokens)| (name.to_owned(), tokens.into()))),
    })
}

/// What a person has asked to be run.
fn command(body: &Value) -> Option<String> {
    let prompts = body["messages"].as_array()?.iter().filter(|message| message["role"] == "user");
    let texts = prompts.flat_map(|message| match &message["content"] {
        Value::String(text) => vec![text.clone()],
        parts => parts.as_array().into_iter().flatten().filter_map(|p| p["text"].as_str().map(str::to_owned)).collect(),
    });
    let mut asked = texts.filter_map(|text| text.split_once("RUN:").map(|(_, command)| command.to_owned()));
    asked.next_back()?.lines().next().map(|line| line.trim().to_owned())
}

fn results(body: &Value) -> Vec<Value> {
    let messages = body["messages"].as_array().into_iter().flatten();
    let parts = messages.filter_map(|message| message["content"].as_array()).flatten();
    parts.filter(|part| part["type"] == "tool_result").cloned().collect()
}

/// The same answer as server-sent events.
fn stream(message: &Value) -> String {
    let block = &message["content"][0];
    let (empty, delta) = if block["type"] == "text" {
        (json!({ "type": "text", "text": "" }), json!({ "type": "text_delta", "text": block["text"] }))
    } else {
        let mut empty = block.clone();
        empty["input"] = json!({});
        (empty, json!({ "type": "input_json_delta", "partial_json": block["input"].to_string() }))
    };
    let mut start = message.clone();
    (start["content"], start["stop_reason"]) = (json!([]), Value::Null);
    let stop = json!({ "stop_reason": message["stop_reason"], "stop_sequence": null });
    let events = [
        json!({ "type": "message_start", "message": start }),
        json!({ "type": "content_block_start", "index": 0, "content_block": empty }),
        json!({ "type": "content_block_delta", "index": 0, "delta": delta }),
        json!({ "type": "content_block_stop", "index": 0 }),
        json!({ "type": "message_delta", "delta": stop, "usage": message["usage"] }),
        json!({ "type": "message_stop" }),
    ];
    let frame = |event: &Value| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap());
    events.each_ref().map(frame).concat()
}
