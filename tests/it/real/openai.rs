//! A small Chat Completions API, as far as OpenClaw uses it.
//!
//! It knows no model: what a person asked last steers it. `RUN:COMMAND` is answered with one call of `exec` for that
//! command, `SLOW` with words that never end, and everything else with a short text.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::Uri;
use axum::response::{IntoResponse as _, Response};
use axum::{Json, Router};
use futures_util::stream;
use serde_json::{Value, json};
use sereno::clock::within;

/// What every answer is said to have used: of the prompt, 200 tokens come from the cache.
const USAGE: &str = r#"{"prompt_tokens":1234,"completion_tokens":56,"total_tokens":1290,"prompt_tokens_details":{"cached_tokens":200}}"#;

/// A running server; it ends with the test's runtime.
pub struct OpenAi {
    pub url: String,
}

impl OpenAi {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer);
        tokio::spawn(async { axum::serve(listener, router).await });
        Self { url }
    }
}

async fn answer(uri: Uri, body: Bytes) -> Response {
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    if !uri.path().ends_with("/chat/completions") {
        return Json(json!({ "object": "list", "data": [{ "id": "fake-1", "object": "model" }] })).into_response();
    }
    let (asked, results) = asked(&body);
    if asked.contains("SLOW") {
        return endless();
    }
    let command = asked.split_once("RUN:").map(|(_, rest)| rest.lines().next().unwrap_or_default().trim());
    let delta = match command.filter(|_| results.is_empty()) {
        Some(command) => json!({ "tool_calls": [{
            "index": 0, "id": format!("call_{}", body["messages"].as_array().map_or(0, Vec::len)), "type": "function",
            "function": { "name": "exec", "arguments": json!({ "command": command }).to_string() },
        }] }),
        None => json!({ "content": results.last().map_or("done".into(), |result| format!("it said: {result}")) }),
    };
    let why = if delta.get("tool_calls").is_some() { "tool_calls" } else { "stop" };
    let usage: Value = serde_json::from_str(USAGE).unwrap();
    let frames = [
        chunk(json!({ "role": "assistant", "content": "" }), None, None),
        chunk(delta, None, None),
        chunk(json!({}), Some(why), Some(usage)),
    ];
    let text = format!("{}data: [DONE]\n\n", frames.concat());
    ([("content-type", "text/event-stream")], text).into_response()
}

/// Words, one after the other, until nobody listens any more.
fn endless() -> Response {
    let words = stream::unfold((), |()| async {
        let _a_moment = within(Duration::from_millis(200), std::future::pending::<()>()).await;
        Some((Ok::<_, Infallible>(Bytes::from(chunk(json!({ "content": "word " }), None, None))), ()))
    });
    ([("content-type", "text/event-stream")], Body::from_stream(words)).into_response()
}

fn chunk(delta: Value, why: Option<&str>, usage: Option<Value>) -> String {
    let mut chunk = json!({
        "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 0, "model": "fake-1",
        "choices": [{ "index": 0, "delta": delta, "finish_reason": why }],
    });
    if let Some(usage) = usage {
        chunk["usage"] = usage;
    }
    format!("data: {chunk}\n\n")
}

/// What steers: the newest of the last two texts of a person that says anything we know, and what tools said after it.
/// OpenClaw adds texts of its own behind the person's.
fn asked(body: &Value) -> (String, Vec<String>) {
    let messages = body["messages"].as_array().map_or(&[][..], Vec::as_slice);
    let users = messages.iter().enumerate().filter(|(_, message)| message["role"] == "user");
    let last: Vec<(usize, String)> = users.map(|(at, message)| (at, text(message))).collect();
    let last = &last[last.len().saturating_sub(2)..];
    let steering = last.iter().rev().find(|(_, text)| text.contains("RUN:") || text.contains("SLOW"));
    let Some((at, said)) = steering.or(last.last()) else { return (String::new(), Vec::new()) };
    let results = messages[at + 1..].iter().filter(|message| message["role"] == "tool").map(text).collect();
    (said.clone(), results)
}

fn text(message: &Value) -> String {
    let parts = message["content"].as_array().into_iter().flatten().filter_map(|part| part["text"].as_str());
    let parts: Vec<&str> = parts.collect();
    message["content"].as_str().map_or_else(|| parts.join(" "), str::to_owned)
}
