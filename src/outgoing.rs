//! Outgoing calls: what holds for every HTTP request that sereno makes.
//!
//! Nobody is followed to another address, answers are read up to a limit and within the client's time, and a wish
//! to be left alone is understood in all its forms. It knows nothing of who is called.

mod guard;

use std::error::Error as _;
use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{Client, ClientBuilder, Response, Url};

use crate::core::time::{Span, Ts};

pub use guard::{Guarded, Inside, Network, Refused};

/// An answer longer than this is not read to its end.
pub const MAX_ANSWER: usize = 1024 * 1024;
/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(5);

/// A client that gives up after `limit`, body included, and follows nobody.
pub fn builder(limit: Duration) -> ClientBuilder {
    Client::builder().connect_timeout(CONNECT).timeout(limit).redirect(reqwest::redirect::Policy::none())
}

/// How a call failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failed {
    /// It would have led to where nobody may be called.
    Refused,
    /// There was no connection, so nothing was written.
    Unreachable,
    /// There was no answer in time.
    Silent,
    /// The connection broke before the answer had come.
    Broke,
}

impl From<Refused> for Failed {
    fn from(_: Refused) -> Self {
        Self::Refused
    }
}

impl From<reqwest::Error> for Failed {
    fn from(error: reqwest::Error) -> Self {
        let mut cause = error.source();
        while let Some(error) = cause {
            if error.is::<Refused>() {
                return Self::Refused;
            }
            cause = error.source();
        }
        match error {
            error if error.is_connect() || error.is_builder() => Self::Unreachable,
            error if error.is_timeout() => Self::Silent,
            _ => Self::Broke,
        }
    }
}

impl Failed {
    /// Whether what was sent may have arrived all the same.
    pub const fn may_have_arrived(self) -> bool {
        matches!(self, Self::Silent | Self::Broke)
    }

    /// In words, without the address: it may hold a credential.
    pub fn words(self, whom: &str) -> String {
        match self {
            Self::Refused => format!("{whom} is not called: {Refused}"),
            Self::Unreachable => format!("{whom} cannot be reached"),
            Self::Silent => format!("{whom} did not answer in time"),
            Self::Broke => format!("the connection to {whom} broke"),
        }
    }
}

/// An answer that was read.
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// How long it asks to wait.
    pub after: Option<Span>,
    /// Its body, as far as it was read.
    pub body: Vec<u8>,
}

/// Sends a request, and reads its answer.
///
/// # Errors
/// How it failed.
pub async fn call(request: reqwest::RequestBuilder) -> Result<Answer, Failed> {
    let response = request.send().await?;
    let (status, after) = (response.status().as_u16(), retry_after(response.headers(), None));
    let body = body(response).await?.bytes;
    Ok(Answer { status, after, body })
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
