//! What is known of a question, and its outcomes.

use serde::{Deserialize, Serialize};

use crate::core::arena::Ix;
use crate::core::digest::Digest;
use crate::core::event::{Action, Ask};
use crate::core::reason::{Reason, Trail};
use crate::core::time::{Span, Ts};
use crate::core::world::{Agent, Session, Task};

/// A question from an agent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Approval {
    /// Number; only grows.
    pub number: u64,
    /// Four characters to say or type; no two live ones are alike.
    pub code: String,
    /// The runtime that asks.
    pub runtime: String,
    /// Its identity there.
    pub external: String,
    /// Who asks.
    pub agent: Ix<Agent>,
    /// In which session.
    pub session: Option<Ix<Session>>,
    /// For what.
    pub task: Option<Ix<Task>>,
    /// Exactly what would run.
    pub action: Action,
    /// What binds the decision to it.
    pub digest: Digest,
    /// Digest of tool and arguments alone, for grants and results.
    pub call: Digest,
    /// The agent's own words. Hostile.
    pub reason: Option<String>,
    /// When it was asked.
    pub asked: Ts,
    /// When silence denies it.
    pub expires: Ts,
    /// What its runtime lets be decided; empty when it takes every decision.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub decisions: Vec<String>,
    /// Where it stands.
    pub state: ApprovalState,
    /// How it was decided.
    pub decided: Option<Decided>,
    /// Whether the runtime has taken the decision.
    pub receipt: Option<Receipt>,
    /// What came of it.
    pub result: Option<ToolResult>,
    /// Conversations (channel, target) in which the full text has been delivered piece by piece.
    pub read_at: Vec<(String, String)>,
    /// Cards with pieces of the full text.
    pub text_cards: Vec<u64>,
    /// Its card; none when a grant or a limit decided it at once.
    pub card: Option<u64>,
    /// What happened.
    pub trail: Trail,
}

/// Where an approval stands. All but the first are final.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say it")]
pub enum ApprovalState {
    Pending,
    Approved,
    Denied,
    Expired,
    Cancelled,
    Superseded,
}

impl ApprovalState {
    /// Every state, the open one first.
    pub const ALL: [Self; 6] =
        [Self::Pending, Self::Approved, Self::Denied, Self::Expired, Self::Cancelled, Self::Superseded];

    /// The word in tables and templates.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Denied => "denied",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
            Self::Superseded => "superseded",
        }
    }
}

/// How an approval was decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decided {
    /// Who; `None` when nobody did.
    pub by: Option<String>,
    /// Name of the channel.
    pub via: Option<String>,
    /// When.
    pub at: Ts,
    /// In which words.
    pub note: Option<String>,
    /// How far an approval reaches.
    pub reach: Option<Reach>,
    /// The grant that decided it.
    pub grant: Option<u64>,
    /// The agent was told to stop, too.
    pub stop: bool,
}

/// How far an approval reaches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reach {
    /// This action, now.
    #[default]
    Once,
    /// The same action again in this session.
    Session,
    /// The same action from now on, by a rule that the runtime keeps.
    Always,
}

impl Reach {
    /// The word in commands and texts.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Once => "once",
            Self::Session => "session",
            Self::Always => "always",
        }
    }
}

/// Whether the runtime has taken the decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Receipt {
    /// It was told.
    Asked,
    /// It has said so.
    Confirmed,
    /// It could not be told.
    Failed(String),
}

/// What came of an approved action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolResult {
    /// Whether it succeeded.
    pub ok: Option<bool>,
    /// How long it took.
    pub took: Option<Span>,
    /// What was said about it. Hostile.
    pub message: Option<String>,
}

/// A decision that somebody wants to take.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    /// Approve or deny.
    pub approve: bool,
    /// How far an approval reaches.
    pub reach: Reach,
    /// In which words.
    pub note: Option<String>,
    /// Tell the agent to stop, too.
    pub stop: bool,
    /// The digest on the card that was tapped.
    pub digest: Option<String>,
}

impl Approval {
    /// Whether its runtime takes a decision. What holds for a session is kept here, and said each time anew.
    pub fn takes(&self, approve: bool, reach: Reach) -> bool {
        let wanted = match reach {
            _ if !approve => Ask::DENY,
            Reach::Once | Reach::Session => Reach::Once.as_str(),
            Reach::Always => Reach::Always.as_str(),
        };
        // Nobody takes a rule for good who has not offered to.
        if self.decisions.is_empty() {
            reach != Reach::Always
        } else {
            self.decisions.iter().any(|word| word == wanted)
        }
    }

    /// Whether words answer it, and nothing would run.
    pub fn is_worded(&self) -> bool {
        self.decisions.iter().any(|word| word == Ask::ANSWER)
    }

    /// Whether it waits for a decision.
    pub const fn is_pending(&self) -> bool {
        matches!(self.state, ApprovalState::Pending)
    }

    /// Who was first, for whoever comes later.
    pub fn already(&self) -> Reason {
        Reason::AlreadyDecided {
            outcome: self.state.as_str().to_owned(),
            person: self.decided.as_ref().and_then(|d| d.by.clone()),
            at: self.decided.as_ref().map_or(self.asked, |d| d.at),
        }
    }
}
