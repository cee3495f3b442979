//! Reading bodies: under a limit, within a time, as they are.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::HeaderMap;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

use super::problem::Problem;
use crate::clock::within;

/// How long a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(15);

/// Reads a body of at most `limit` bytes. Bodies are taken as they are sent: signatures are over bytes,
/// and an encoding could hide a bomb.
pub async fn read(headers: &HeaderMap, body: Body, limit: usize) -> Result<Bytes, Problem> {
    let encoding = headers.get("content-encoding").and_then(|v| v.to_str().ok());
    if encoding.is_some_and(|encoding| !encoding.eq_ignore_ascii_case("identity")) {
        return Err(Problem::new(415, "Send the body without a content encoding."));
    }
    match within(BODY_TIMEOUT, Limited::new(body, limit).collect()).await {
        None => Err(Problem::new(408, "The body did not arrive in time.")),
        Some(Ok(collected)) => Ok(collected.to_bytes()),
        Some(Err(error)) if error.is::<LengthLimitError>() => {
            Err(Problem::new(413, format!("The body is longer than {limit} bytes.")))
        }
        Some(Err(_)) => Err(Problem::new(400, "The body could not be read.")),
    }
}

/// Whether the content is JSON, as its header says.
pub fn check_json(headers: &HeaderMap) -> Result<(), Problem> {
    let kind = headers.get("content-type").and_then(|v| v.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let json = matches!(
        kind.as_str(),
        "application/json" | "application/cloudevents+json" | "application/cloudevents-batch+json"
    );
    // A binary CloudEvent may have no body, and then no content type.
    if json || (kind.is_empty() && headers.contains_key("ce-specversion")) {
        return Ok(());
    }
    Err(Problem::new(415, "Send application/json."))
}
