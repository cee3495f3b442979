//! Updates that chat platforms push.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};

use super::limits::SMALL_BODY;
use super::problem::Problem;
use super::{Shared, body};
use crate::channel::PushError;

/// Header with which Telegram proves that a push is its own.
const TELEGRAM_SECRET: &str = "x-telegram-bot-api-secret-token";

/// `POST /channels/{channel}`
pub async fn update(
    State(door): State<Shared>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Problem> {
    let nothing = || Problem::new(404, "There is nothing here.");
    let channel = door.channels.get(&name).cloned().ok_or_else(nothing)?;
    let body = body::read(&door.limits, &headers, body, SMALL_BODY).await?;
    let secret = headers.get(TELEGRAM_SECRET).and_then(|v| v.to_str().ok());
    let incoming = channel.pushed(secret, &body.bytes).map_err(|error| match error {
        PushError::NotPushed => nothing(),
        PushError::Forged => Problem::unauthorized(),
        PushError::Unreadable => Problem::new(400, "The update cannot be read."),
    })?;
    if let Some(incoming) = incoming {
        // Answered only once it is stored: the platform sends it again otherwise.
        door.receiver().take(&name, channel.as_ref(), incoming).await?;
    }
    Ok(StatusCode::OK)
}
