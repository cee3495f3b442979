//! What can be asked of a runtime, and where it stands.

use serde::{Deserialize, Serialize};

use crate::core::approval::Reach;
use crate::core::arena::Ix;
use crate::core::digest::Digest;
use crate::core::policy::Verb;
use crate::core::time::{Span, Ts};
use crate::core::world::{Agent, Session};

/// What is asked of a runtime.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "snake_case")]
pub enum Order {
    /// A decision on an approval.
    Decide {
        /// The approval's identity in the runtime.
        approval: String,
        /// Digest of exactly the action that was decided.
        digest: Digest,
        /// Whether it may run.
        verdict: Verdict,
        /// The outcome behind the verdict: an expired approval is denied, but nobody refused it.
        outcome: String,
        /// How far an approval reaches.
        reach: Reach,
        /// The person's words.
        note: Option<String>,
        /// The agent shall stop, too.
        stop: bool,
    },
    /// Hold before the next step.
    Pause,
    /// Go on.
    Resume,
    /// Stop for good.
    Kill,
    /// Words from a person.
    Tell {
        /// The words.
        text: String,
    },
    /// Words from a person that answer a question.
    Answer {
        /// The question's identity in the runtime.
        question: String,
        /// The words.
        text: String,
    },
    /// Another agent, or another model, shall do it.
    Reassign {
        /// The task; what the agent does now when none is named.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        task: Option<String>,
        /// The new agent's identity in the runtime; the same agent goes on when none is named.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<String>,
        /// The model with which it goes on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        model: Option<String>,
    },
    /// A new run of the agent, beside those that there are.
    Spawn {
        /// What it shall do.
        text: String,
        /// With which model, when it is not its usual one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        model: Option<String>,
    },
}

impl Order {
    /// Which ability of a runtime it needs.
    pub const fn verb(&self) -> Verb {
        match self {
            Self::Decide { .. } => Verb::Decide,
            Self::Pause => Verb::Pause,
            Self::Resume => Verb::Resume,
            Self::Kill => Verb::Kill,
            Self::Tell { .. } | Self::Answer { .. } => Verb::Tell,
            Self::Reassign { .. } => Verb::Reassign,
            Self::Spawn { .. } => Verb::Spawn,
        }
    }
}

/// Whether an action may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Verdict {
    Approved,
    Denied,
}

/// A control call as its courier gets it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ControlCall {
    /// Identity of the outbox row; also the idempotency key.
    pub id: String,
    /// Name of the runtime.
    pub runtime: String,
    /// The agent's identity there.
    pub agent: String,
    /// The session's identity there.
    pub session: Option<String>,
    /// What is asked.
    pub order: Order,
    /// Who asks.
    pub by: String,
    /// When it was asked.
    pub at: Ts,
    /// When it is too late.
    pub expires: Ts,
}

/// A control call and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Control {
    /// Identity of the outbox row.
    pub id: String,
    /// Of whom it is asked.
    pub agent: Ix<Agent>,
    /// In which session.
    pub session: Option<Ix<Session>>,
    /// What is asked.
    pub order: Order,
    /// Who asks.
    pub by: String,
    /// When it was asked.
    pub at: Ts,
    /// When it is too late.
    pub expires: Ts,
    /// Where it stands.
    pub state: ControlState,
    /// In the runtime's words. Hostile.
    pub note: Option<String>,
    /// The card on which its receipt is shown.
    pub card: Option<u64>,
    /// The approval whose decision it carries.
    pub approval: Option<u64>,
}

/// Where a control call stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ControlState {
    /// On its way.
    Asked,
    /// The runtime fetches it at its next sign of life.
    Waiting,
    /// Given out at a sign of life; not confirmed yet.
    HandedOut,
    /// Done.
    Confirmed,
    /// Refused, or nobody was there.
    Failed,
    /// Too late.
    Expired,
}

impl ControlState {
    /// The word in tables and templates.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Waiting | Self::HandedOut => "waiting",
            Self::Confirmed => "confirmed",
            Self::Failed => "failed",
            Self::Expired => "expired",
        }
    }

    pub(in crate::core) const fn is_final(self) -> bool {
        matches!(self, Self::Confirmed | Self::Failed | Self::Expired)
    }
}

/// What a runtime answered to a control call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ControlOutcome {
    /// The outbox row.
    pub id: String,
    /// Which attempt, from 1; 0 when it was handed out at a sign of life.
    pub attempt: u32,
    /// What was answered.
    pub result: ControlResult,
}

/// What a runtime answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum ControlResult {
    /// It is done.
    Confirmed {
        /// In its words.
        receipt: String,
    },
    /// It was taken, and will be done.
    Accepted {
        /// In its words.
        receipt: String,
    },
    /// It will be fetched at the next sign of life.
    Waiting,
    /// Not now.
    Retry {
        /// What went wrong.
        error: String,
        /// What was asked to wait.
        after: Option<Span>,
        /// It may have arrived all the same.
        uncertain: bool,
    },
    /// It will not be done.
    Failed {
        /// What went wrong.
        error: String,
    },
    /// A decision came too late: somebody there was first, and what they decided holds.
    Overruled {
        /// `approved`, `denied` or `expired`; otherwise the question was taken back.
        outcome: String,
        /// Who, as far as is known. Hostile.
        by: Option<String>,
    },
}
