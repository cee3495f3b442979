//! Reading bodies: under a limit, within a time, as they are.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::HeaderMap;
use http_body_util::BodyExt as _;
use tokio::sync::OwnedSemaphorePermit;

use super::limits::{Limits, SMALL};
use super::problem::Problem;
use crate::clock::within;

/// How long a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(15);

/// A body, and the room that it takes until it is dropped.
pub struct Read {
    /// Byte for byte as it came.
    pub bytes: Bytes,
    _room: Option<OwnedSemaphorePermit>,
}

/// A body that grows, and the room that it takes so far.
pub struct Growing<'a> {
    limits: &'a Limits,
    /// Its longest length.
    limit: usize,
    bytes: Vec<u8>,
    room: Option<OwnedSemaphorePermit>,
}

impl<'a> Growing<'a> {
    /// Nothing yet, of at most `limit` bytes.
    pub const fn new(limits: &'a Limits, limit: usize) -> Self {
        Self { limits, limit, bytes: Vec::new(), room: None }
    }

    /// Its length so far.
    #[cfg(feature = "otlp")]
    pub const fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Adds bytes to it, if it may be as long and there is room.
    pub fn push(&mut self, data: &[u8]) -> Result<(), Problem> {
        if self.bytes.len() + data.len() > self.limit {
            return Err(too_long(self.limit));
        }
        let wanted = (self.bytes.len() + data.len()).saturating_sub(SMALL).div_ceil(1024);
        let missing = wanted.saturating_sub(self.room.as_ref().map_or(0, OwnedSemaphorePermit::num_permits));
        if missing > 0 {
            let more = room(self.limits, missing)?;
            match &mut self.room {
                Some(room) => room.merge(more),
                None => self.room = Some(more),
            }
        }
        self.bytes.extend_from_slice(data);
        Ok(())
    }

    /// The whole of it.
    pub fn done(self) -> Read {
        Read { bytes: self.bytes.into(), _room: self.room }
    }
}

/// Room for so many KiB, or word that there is none.
pub fn room(limits: &Limits, kib: usize) -> Result<OwnedSemaphorePermit, Problem> {
    u32::try_from(kib).ok().and_then(|kib| limits.room(kib)).ok_or_else(|| {
        metrics::counter!("sereno_bodies_refused_total").increment(1);
        Problem::new(503, "Too much is being read; try again soon.")
    })
}

/// How long a body says that it is; zero when it does not say.
pub fn declared(headers: &HeaderMap) -> usize {
    headers.get("content-length").and_then(|v| v.to_str().ok()).and_then(|v| v.parse().ok()).unwrap_or(0)
}

/// Reads a body of at most `limit` bytes. Bodies are taken as they are sent: signatures are over bytes,
/// and an encoding could hide a bomb.
pub async fn read(limits: &Limits, headers: &HeaderMap, body: Body, limit: usize) -> Result<Read, Problem> {
    let encoding = headers.get("content-encoding").and_then(|v| v.to_str().ok());
    if encoding.is_some_and(|encoding| !encoding.eq_ignore_ascii_case("identity")) {
        return Err(Problem::new(415, "Send the body without a content encoding."));
    }
    read_encoded(limits, headers, body, limit).await
}

/// The same, whatever its encoding. Room is taken as bytes arrive, so that who sends slowly holds little.
pub async fn read_encoded(limits: &Limits, headers: &HeaderMap, body: Body, limit: usize) -> Result<Read, Problem> {
    if declared(headers) > limit {
        return Err(too_long(limit));
    }
    let collected = within(BODY_TIMEOUT, collect(limits, body, limit)).await;
    collected.unwrap_or_else(|| Err(Problem::new(408, "The body did not arrive in time.")))
}

async fn collect(limits: &Limits, mut body: Body, limit: usize) -> Result<Read, Problem> {
    let mut whole = Growing::new(limits, limit);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Problem::new(400, "The body could not be read."))?;
        let Ok(data) = frame.into_data() else { continue };
        whole.push(&data)?;
    }
    Ok(whole.done())
}

fn too_long(limit: usize) -> Problem {
    Problem::new(413, format!("The body is longer than {limit} bytes."))
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
