//! The door to the log: append, and get to know what the fold answered.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, mpsc, oneshot, watch};

use super::MAX_WAITING;
use super::backlog::{Backlog, DiskLevel, Waits};
use crate::clock::Clock;
use crate::core::input::{Body, Invocation};
use crate::core::time::Span;
use crate::store::Appended;

/// An input that is to be appended.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NewInput {
    /// Where it comes from, such as `runtime:claude`; keys are unique within a source.
    pub source: String,
    /// Its idempotency key; without one it always counts.
    pub key: Option<String>,
    /// Its key is kept for long, because whoever sent it signs no time and could send it again much later.
    #[serde(default)]
    pub lasting: bool,
    /// What happened.
    pub body: Body,
    /// It is a command that is asked what it shows, and nothing happened: it gets no place in the log.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub look: bool,
}

impl NewInput {
    /// An input that counts once per (source, key).
    pub fn keyed(source: impl Into<String>, key: impl Into<String>, body: Body) -> Self {
        Self { source: source.into(), key: Some(key.into()), lasting: false, body, look: false }
    }

    /// The same with a key that is kept for long.
    #[must_use]
    pub fn lasting(self, lasting: bool) -> Self {
        Self { lasting, ..self }
    }

    /// An input that always counts.
    pub const fn unkeyed(body: Body) -> Self {
        Self { source: String::new(), key: None, lasting: false, body, look: false }
    }

    /// What a command shows, asked without a place in the log.
    pub fn look(invocation: Invocation) -> Self {
        Self { look: true, ..Self::unkeyed(Body::Command(invocation)) }
    }
}

/// Why nothing was appended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// Too much waits; try again soon.
    #[error("too many requests are waiting to be stored")]
    Busy,
    /// The store does not take anything now.
    #[error("the store is not available: {0}")]
    Unavailable(String),
}

/// To whom the results of an append go.
pub(super) type Answer = oneshot::Sender<Result<Vec<Appended>, AppendError>>;

/// What is appended, to be lent to whoever takes it.
pub type Requests = Arc<Mutex<mpsc::Receiver<Request>>>;

/// Inputs that one caller appends together.
pub struct Request {
    pub(super) inputs: Vec<NewInput>,
    pub(super) done: Answer,
    /// Ends when the request is taken.
    pub(super) waits: Waits,
}

/// The door to the log.
#[derive(Clone)]
pub struct Log {
    sender: mpsc::Sender<Request>,
    backlog: Backlog,
}

impl Log {
    /// A door, and what comes in by it.
    pub fn open(clock: Arc<dyn Clock>) -> (Self, Requests) {
        let (sender, requests) = mpsc::channel(MAX_WAITING);
        (Self { sender, backlog: Backlog::new(clock) }, Arc::new(Mutex::new(requests)))
    }

    /// Whether the engine behind it is gone.
    pub fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// For how long nothing of what waits was taken.
    pub fn stalled(&self) -> Span {
        self.backlog.stalled()
    }

    /// How much room the disk has left: whoever watches it says so here, and appends are refused by it.
    pub fn disk(&self) -> &watch::Sender<DiskLevel> {
        self.backlog.disk()
    }

    /// Appends inputs and waits until they are committed. They are folded in order, all of them or none.
    ///
    /// # Errors
    /// [`AppendError::Busy`] when too much waits for what is as urgent as this; nothing was appended then.
    #[tracing::instrument(name = "append", level = "debug", skip_all)]
    pub async fn append(&self, inputs: Vec<NewInput>) -> Result<Vec<Appended>, AppendError> {
        let (done, answer) = oneshot::channel();
        let waits = self.backlog.admit(&inputs).ok_or(AppendError::Busy)?;
        self.sender.try_send(Request { inputs, done, waits }).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => AppendError::Busy,
            mpsc::error::TrySendError::Closed(_) => AppendError::Unavailable("the engine has stopped".into()),
        })?;
        answer.await.unwrap_or_else(|_| Err(AppendError::Unavailable("the engine has stopped".into())))
    }

    /// Appends one input.
    ///
    /// # Errors
    /// As [`Log::append`].
    pub async fn append_one(&self, input: NewInput) -> Result<Appended, AppendError> {
        let results = self.append(vec![input]).await?;
        results.into_iter().next().ok_or_else(|| AppendError::Unavailable("no answer".into()))
    }

    /// Appends inputs that must not be lost for want of room, such as outcomes: waits for a place.
    ///
    /// # Errors
    /// When the store does not take anything now.
    #[tracing::instrument(name = "append", level = "debug", skip_all)]
    pub async fn append_patiently(&self, inputs: Vec<NewInput>) -> Result<Vec<Appended>, AppendError> {
        let gone = || AppendError::Unavailable("the engine has stopped".into());
        let (done, answer) = oneshot::channel();
        let waits = self.backlog.let_in(inputs.len());
        self.sender.send(Request { inputs, done, waits }).await.map_err(|_| gone())?;
        answer.await.unwrap_or_else(|_| Err(gone()))
    }
}
