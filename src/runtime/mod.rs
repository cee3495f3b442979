//! Runtimes: adapters to what runs or observes agents, both directions.
//!
//! A runtime takes values and returns values: is this request genuine, which events does it hold, what
//! is the answer, and what came of a control call. It knows its vendor's formats and nothing of the
//! store, the fold or the channels.

pub mod claude_code;
pub mod cloudevents;
pub mod decode;
pub mod generic;
pub mod hold;
#[cfg(feature = "openclaw")]
pub mod openclaw;
#[cfg(feature = "otlp")]
pub mod otlp;
pub mod secret;
pub mod signature;
pub mod telemetry;

use std::collections::HashMap;

use async_trait::async_trait;
use axum::body::Bytes;
use axum::http::HeaderMap;
use serde_json::Value;

use crate::clock::Sources;
use crate::core::approval::Approval;
use crate::core::control::{ControlCall, ControlResult, Gate, Point};
use crate::core::event::Event;
use crate::core::policy::RuntimePolicy;
use crate::core::time::{Span, Ts};
use crate::exam::Exam;
use hold::{For, Held};
use telemetry::{Export, Told};

/// Secrets of a runtime that the store keeps, by name.
pub type Kept = HashMap<&'static str, String>;

/// A request as it came in, body unread by anybody.
pub struct Inbound<'a> {
    /// Its headers.
    pub headers: &'a HeaderMap,
    /// Its body, byte for byte.
    pub body: &'a Bytes,
}

impl Inbound<'_> {
    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// Proof that a request is genuine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The sender's identity of this request, which retries share.
    pub id: Option<String>,
    /// The sender has signed the time as well, so an old request is refused by its age.
    pub timed: bool,
}

/// Why a request was refused. Strangers are told the same for all of them; the count and the audit are not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// No credentials came with it.
    Missing,
    /// They are wrong.
    Wrong,
    /// They are right, but from another time.
    Stale,
}

impl Refused {
    /// The word in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Wrong => "wrong",
            Self::Stale => "stale",
        }
    }
}

/// A body that cannot be taken, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadBody {
    /// 400 when it cannot be read, 422 when what it says cannot be.
    pub status: u16,
    /// What is wrong and what to send instead.
    pub detail: String,
    /// Which member of an array it is about.
    pub index: Option<usize>,
}

impl BadBody {
    /// It cannot be read.
    pub fn unreadable(detail: impl Into<String>) -> Self {
        Self { status: 400, detail: detail.into(), index: None }
    }

    /// What it says cannot be.
    pub fn invalid(detail: impl Into<String>, index: Option<usize>) -> Self {
        Self { status: 422, detail: detail.into(), index }
    }
}

/// What a request holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decoded {
    /// Its events, each with an identity.
    pub events: Vec<Event>,
    /// The agent waits for an answer to the last event at this point of its work.
    pub gate: Option<Point>,
    /// The agent waits for a decision on this approval, by the runtime's identity.
    pub asks: Option<String>,
    /// What the adapter needs to answer: a word of its own.
    pub kind: String,
    /// The session that waits.
    pub session: Option<String>,
}

/// What is answered to a request.
#[derive(Clone, Debug, PartialEq)]
pub struct HookAnswer {
    /// The body.
    pub body: Value,
    /// Control calls that are carried out by this answer, each with its receipt.
    pub carried_out: Vec<(String, String)>,
}

/// What the fold and the store say about a request that waits for an answer.
pub struct Standing<'a> {
    /// What was asked of the agent meanwhile.
    pub gate: Option<&'a Gate>,
    /// The approval, when it is decided already.
    pub decided: Option<&'a Approval>,
}

/// Takes in what a runtime reports over a connection that its adapter holds.
#[async_trait]
pub trait Intake: Send + Sync {
    /// Stores events. Each counts once, whatever else says the same; nothing follows from one before it is stored.
    ///
    /// # Errors
    /// When they could not be stored; then what they said must be asked for again.
    async fn take(&self, events: Vec<Event>) -> Result<(), NotStored>;

    /// Stores what the runtime remembers and was asked for. It counts when it happened, and shows nobody at work.
    ///
    /// # Errors
    /// As [`Intake::take`].
    async fn recall(&self, events: Vec<Event>) -> Result<(), NotStored>;

    /// The runtime's identities of the questions that are open here.
    ///
    /// # Errors
    /// When they cannot be read.
    async fn open_questions(&self) -> Result<Vec<String>, NotStored>;

    /// A secret of this runtime that outlives the process; made of `fresh` where there is none yet.
    ///
    /// # Errors
    /// When it can be neither read nor stored.
    async fn secret(&self, name: &str, fresh: &str) -> Result<String, NotStored>;

    /// Keeps a secret of this runtime in place of the one that there was.
    ///
    /// # Errors
    /// When it cannot be stored.
    async fn keep(&self, name: &str, secret: &str) -> Result<(), NotStored>;

    /// The connection stands, and what happened while there was none has been taken in.
    async fn connected(&self);

    /// Time and randomness.
    fn sources(&self) -> &Sources;
}

/// Something could not be stored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it could not be stored: {0}")]
pub struct NotStored(pub String);

/// Why a connection ended, without any secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It broke, or could not be made; another one may last.
    Broke {
        /// What went wrong.
        why: String,
        /// What the other side asked to wait.
        after: Option<Span>,
    },
    /// A person has to do something at the other side; it is tried again all the same.
    NeedsPerson(String),
    /// It will be refused until the configuration is mended.
    Refused(String),
}

impl Ended {
    /// It broke, and nobody asked to wait.
    pub fn broke(why: impl Into<String>) -> Self {
        Self::Broke { why: why.into(), after: None }
    }
}

/// Without the store nothing can be taken in; what was not is asked for again over the next connection.
impl From<NotStored> for Ended {
    fn from(error: NotStored) -> Self {
        Self::broke(error.to_string())
    }
}

/// An adapter to a runtime.
#[async_trait]
pub trait Runtime: Send + Sync {
    /// What it can be asked.
    fn policy(&self) -> RuntimePolicy;

    /// Whether a request is genuine.
    ///
    /// # Errors
    /// Why not.
    fn verify(&self, request: &Inbound<'_>, now: Ts) -> Result<Verified, Refused>;

    /// The events of a genuine request. `id` is the sender's identity of it.
    ///
    /// # Errors
    /// What is wrong with the body.
    fn decode(&self, request: &Inbound<'_>, id: Option<&str>, now: Ts) -> Result<Decoded, BadBody>;

    /// What a batch of telemetry tells, when the runtime takes any. Only items for whose agents the key may speak are
    /// among it; the others are counted.
    fn telemetry(&self, export: &Export) -> Option<Result<Told, BadBody>> {
        let _ = export;
        None
    }

    /// Whether whoever has this key may speak for the agent of an event.
    fn may_speak_for(&self, event: &Event) -> bool;

    /// Opens a place for a decision or a release before the request is appended, so that none is missed.
    fn expect(&self, decoded: &Decoded) -> Option<Held> {
        let _ = decoded;
        None
    }

    /// The answer to a request whose sender waits for one; it may take as long as a person takes. `None`
    /// when a plain acknowledgement will do.
    async fn answer(&self, decoded: &Decoded, standing: Standing<'_>, held: Option<Held>) -> Option<HookAnswer> {
        let (_, _, _) = (decoded, standing, held);
        None
    }

    /// The answer when nobody has said anything in time: never a yes.
    fn silence(&self, decoded: &Decoded) -> Value {
        let _ = decoded;
        Value::Null
    }

    /// Where whoever waits for a control call would be found, when it is a place in one process.
    fn place_of(&self, call: &ControlCall) -> Option<For> {
        let _ = call;
        None
    }

    /// Whether somebody waits at a place in this process.
    fn has_place(&self, place: &For) -> bool {
        let _ = place;
        false
    }

    /// Whether somebody must be waiting here for a decision on this approval, and is not.
    fn is_abandoned(&self, approval: &str) -> bool {
        let _ = approval;
        false
    }

    /// Whether it has to be called: then one process alone holds a connection to it, with [`Runtime::listen`].
    fn is_called(&self) -> bool {
        false
    }

    /// The names of the secrets of its own with which it is called; see [`Intake::secret`].
    fn secrets(&self) -> &'static [&'static str] {
        &[]
    }

    /// Holds a connection to the runtime and hands over what comes, until the connection ends. Whoever calls waits a
    /// while and calls again, as far as the reason lets it.
    async fn listen(&self, intake: &dyn Intake) -> Ended {
        let _ = intake;
        Ended::broke("this runtime holds no connection")
    }

    /// Looks at what the runtime says of us, and changes nothing but what it does itself when somebody connects. `kept`
    /// is what the store keeps of [`Runtime::secrets`].
    async fn examine(&self, _kept: &Kept) -> Exam {
        Exam::default()
    }

    /// Carries out a control call.
    async fn control(&self, call: &ControlCall, now: Ts) -> ControlResult;
}

/// For which agents a key may speak: a glob over identities, everything by default.
#[derive(Clone, Debug)]
pub struct AgentScope(Option<regex::Regex>);

impl AgentScope {
    /// A scope from a glob with `*` and `?`.
    ///
    /// # Errors
    /// When the glob is empty, too large, or of another dialect.
    pub fn new(glob: Option<&str>) -> Result<Self, String> {
        let Some(glob) = glob else { return Ok(Self(None)) };
        if glob.is_empty() || glob.contains(['[', ']', '{', '}']) {
            return Err(format!("`{glob}` is no glob; * stands for any text and ? for one character, as in build-*"));
        }
        let mut pattern = String::from("^");
        for c in glob.chars() {
            match c {
                '*' => pattern.push_str(".*"),
                '?' => pattern.push('.'),
                c => pattern.push_str(&regex::escape(&c.to_string())),
            }
        }
        pattern.push('$');
        regex::Regex::new(&pattern).map(|r| Self(Some(r))).map_err(|e| e.to_string())
    }

    /// Whether the event's agent is within it. An event without an agent is within every scope only when
    /// the scope is everything.
    pub fn allows(&self, event: &Event) -> bool {
        let Some(pattern) = &self.0 else { return true };
        event.agent.as_ref().is_some_and(|agent| pattern.is_match(&agent.id))
    }
}
