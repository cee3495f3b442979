//! Updates that chat platforms push.

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};

use super::limits::SMALL_BODY;
use super::problem::Problem;
use super::{Shared, body};
use crate::channel::{Push, PushError};

/// `POST /channels/{channel}`
pub async fn update(
    State(door): State<Shared>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let nothing = || Problem::new(404, "There is nothing here.");
    let channel = door.channels.get(&name).cloned().ok_or_else(nothing)?;
    let body = body::read(&door.limits, &headers, body, SMALL_BODY).await?;
    let push = Push { headers: &headers, body: &body.bytes, now: door.sources.wall() };
    let pushed = channel.pushed(&push).map_err(|error| match error {
        PushError::NotPushed => nothing(),
        PushError::Forged => Problem::unauthorized(),
        PushError::Unreadable => Problem::new(400, "The update cannot be read."),
    })?;
    for incoming in pushed.incoming {
        // Answered only once it is stored: the platform sends it again otherwise.
        door.receiver().take(&name, channel.as_ref(), incoming).await?;
    }
    if let Some(typing) = pushed.typing {
        door.receiver().complete(channel.as_ref(), &typing).await;
    }
    let status = if pushed.later { StatusCode::ACCEPTED } else { StatusCode::OK };
    Ok(pushed.say.map_or_else(|| status.into_response(), |say| (status, Json(say)).into_response()))
}
