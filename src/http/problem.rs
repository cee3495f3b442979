//! Errors as problem documents (RFC 9457), with Retry-After where it is known when to try again. A 503 that
//! does not say gets one on its way out, different for everybody.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::engine::AppendError;
use crate::runtime::BadBody;

/// An error for whoever called.
#[derive(Debug)]
pub struct Problem {
    status: u16,
    detail: String,
    retry_after: Option<u32>,
    index: Option<usize>,
    /// A word for programs, where the status does not tell enough.
    code: Option<&'static str>,
}

/// An error as it is written (RFC 9457).
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct Document {
    /// `about:blank`: the status says what kind it is.
    #[serde(rename = "type")]
    kind: &'static str,
    /// What the status means.
    title: &'static str,
    /// The status.
    status: u16,
    /// What went wrong, and what to do about it.
    detail: String,
    /// Which of several events it is about, from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<usize>,
    /// A word for programs, where the status does not tell enough.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
}

impl Problem {
    /// An error with a status and what to do about it.
    pub fn new(status: u16, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), retry_after: None, index: None, code: None }
    }

    /// The same, with how many seconds to wait.
    #[must_use]
    pub const fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// The same in another form than a problem document.
    pub fn written(self, write: impl FnOnce(u16, &str) -> (&'static str, Vec<u8>)) -> Response {
        let (kind, body) = write(self.status, &self.detail);
        Self::response(self.status, kind, body, self.retry_after)
    }

    fn response(status: u16, kind: &'static str, body: impl IntoResponse, retry_after: Option<u32>) -> Response {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, [(header::CONTENT_TYPE, kind)], body).into_response();
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }

    /// What was sent breaks sereno itself, and would do so again.
    pub fn quarantined(digest: &str, index: usize) -> Self {
        let detail = format!(
            "Event {index} broke sereno and was put aside (SHA-256 {digest}…): nothing followed from it. Sending it again \
             does not help; please report it. Whatever else was sent with it was taken."
        );
        Self { index: Some(index), code: Some("quarantined"), ..Self::new(422, detail) }
    }

    /// It would add to a kind of which there is no room for more.
    pub fn no_room(thing: &str, most: u64, index: usize) -> Self {
        let detail = format!(
            "Event {index} names a new {thing}, and there is no room for more than {most}: nothing followed from it. Sending \
             it again does not help; an identity is to stay the same from event to event. Whatever else was sent with it \
             was taken."
        );
        Self { index: Some(index), code: Some("no_room"), ..Self::new(422, detail) }
    }

    /// Credentials are missing or wrong; strangers are told no more.
    pub fn unauthorized() -> Self {
        Self::new(401, "The credentials are missing or wrong.")
    }
}

impl From<BadBody> for Problem {
    fn from(bad: BadBody) -> Self {
        Self { index: bad.index, ..Self::new(bad.status, bad.detail) }
    }
}

impl From<AppendError> for Problem {
    fn from(_: AppendError) -> Self {
        Self::new(503, "Nothing was stored; try again soon.")
    }
}

impl From<crate::store::Error> for Problem {
    fn from(error: crate::store::Error) -> Self {
        tracing::error!(%error, "the store could not be read");
        Self::new(503, "The store cannot be read now; try again soon.")
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = Document {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail: self.detail,
            index: self.index,
            code: self.code,
        };
        let body = serde_json::to_string(&body).unwrap_or_default();
        Self::response(status.as_u16(), "application/problem+json", body, self.retry_after)
    }
}
