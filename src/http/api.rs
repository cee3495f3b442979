//! Commands over the API, for the command line and for scripts.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::limits::SMALL_BODY;
use super::problem::Problem;
use super::{Shared, body};
use crate::core::access::Actor;
use crate::core::input::{Body as InputBody, Invocation};
use crate::core::policy::Lang;
use crate::engine::NewInput;
use crate::render::{RENDERER, Reader, plain};

/// The channel through which API tokens act.
pub const CHANNEL: &str = "api";

/// A command as it is sent.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Command {
    /// The line, such as `/agents`.
    pub text: String,
    /// Language of the answer.
    #[serde(default)]
    pub lang: Lang,
}

/// What came of it.
#[derive(Debug, Deserialize, Serialize)]
pub struct Outcome {
    /// Whether it was refused.
    pub refused: bool,
    /// The reason by name, with its particulars.
    pub reason: Value,
    /// The answer as text.
    pub text: String,
    /// The answer as data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Value>,
}

/// `POST /v1/commands`
///
/// # Errors
/// Why it was not taken.
pub async fn command(State(door): State<Shared>, headers: HeaderMap, body: Body) -> Result<Json<Outcome>, Problem> {
    let given = headers.get("authorization").and_then(|v| v.to_str().ok()).and_then(|h| h.strip_prefix("Bearer "));
    let given = given.ok_or_else(Problem::unauthorized)?;
    let genuine =
        door.api_tokens.iter().fold(None, |found, token| if token.token.is(given) { Some(token) } else { found });
    let token = genuine.ok_or_else(Problem::unauthorized)?;
    let body = body::read(&door.limits, &headers, body, SMALL_BODY).await?;
    body::check_json(&headers)?;
    let command: Command = serde_json::from_slice(&body.bytes).map_err(|e| Problem::new(400, e.to_string()))?;
    let invocation = Invocation {
        actor: Actor { channel: CHANNEL.into(), account: token.name.clone(), display: None },
        text: command.text,
        tap: None,
        origin: None,
    };
    let appended = door.log.append_one(NewInput::unkeyed(InputBody::Command(invocation))).await?;
    let reply = appended.reply.ok_or_else(|| Problem::new(500, "The command got no answer."))?;
    let policy = door.progress.policy.borrow().clone();
    let reader = Reader { lang: command.lang, tz: policy.tz.clone(), whole: true };
    let now = door.sources.now();
    let text = match &reply.content {
        Some(content) => RENDERER.draw(content, &reader, now).map(|doc| plain(&doc)).unwrap_or_default(),
        None => RENDERER.sentence(&reply.reason, &reader, now),
    };
    Ok(Json(Outcome {
        refused: reply.refused,
        reason: serde_json::to_value(&reply.reason).unwrap_or_default(),
        text,
        content: reply.content.and_then(|content| serde_json::to_value(content).ok()),
    }))
}
