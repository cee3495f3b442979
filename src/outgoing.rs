//! Outgoing calls: what holds for every HTTP request that sereno makes.
//!
//! Nobody is followed to another address, answers are read up to a limit and within the client's time, and a wish
//! to be left alone is understood in all its forms. It knows nothing of who is called.

use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{Client, ClientBuilder, Response, Url};

use crate::core::time::{Span, Ts};

/// An answer longer than this is not read to its end.
pub const MAX_ANSWER: usize = 1024 * 1024;
/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(5);

/// A client that gives up after `limit`, body included, and follows nobody.
pub fn builder(limit: Duration) -> ClientBuilder {
    Client::builder().connect_timeout(CONNECT).timeout(limit).redirect(reqwest::redirect::Policy::none())
}

/// What was read of an answer.
pub struct Body {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Whether that is all of it.
    pub whole: bool,
}

/// Reads an answer, up to [`MAX_ANSWER`].
///
/// # Errors
/// When the connection breaks on the way, or time is up.
pub async fn body(mut response: Response) -> Result<Body, reqwest::Error> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if bytes.len() + chunk.len() > MAX_ANSWER {
            return Ok(Body { bytes, whole: false });
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(Body { bytes, whole: true })
}

/// How long a `Retry-After` asks to wait: seconds, with or without a fraction, or a date, which is read against the
/// answer's own `Date` and otherwise against `now`.
pub fn retry_after(headers: &HeaderMap, now: Option<Ts>) -> Option<Span> {
    let text = headers.get("retry-after")?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<f64>() {
        return seconds_of(seconds);
    }
    let here = headers.get("date").and_then(|date| date.to_str().ok()).and_then(http_date).or(now)?;
    Some(http_date(text)?.since(here))
}

/// A number of seconds as a span; a fraction is rounded up.
#[expect(clippy::cast_possible_truncation, reason = "bounded before")]
pub fn seconds_of(seconds: f64) -> Option<Span> {
    (seconds.is_finite() && (0.0..1e9).contains(&seconds)).then(|| Span((seconds * 1000.0).ceil() as i64))
}

/// What time it is at a server, to the second, whatever else it answers.
pub async fn date(client: &Client, url: Url) -> Option<Ts> {
    let response = client.head(url).send().await.ok()?;
    http_date(response.headers().get("date")?.to_str().ok()?)
}

fn http_date(text: &str) -> Option<Ts> {
    let date = jiff::fmt::rfc2822::parse(text).ok()?;
    Some(Ts(date.timestamp().as_millisecond()))
}
