//! What is known of an alert episode.

use serde::{Deserialize, Serialize};

use super::REOPEN_WITHIN;
use crate::core::arena::Ix;
use crate::core::message::{PassedRow, RepeatedView};
use crate::core::policy::Severity;
use crate::core::reason::Trail;
use crate::core::time::Ts;
use crate::core::world::{Agent, Scope};

/// An episode of a rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// Number, shown as `A17`.
    pub number: u64,
    /// Name of the rule.
    pub rule: String,
    /// How important it is.
    pub severity: Severity,
    /// For what it was judged.
    pub scope: Scope,
    /// About whom it is.
    pub agent: Option<Ix<Agent>>,
    /// Where it stands.
    pub state: AlertState,
    /// Since when the condition holds.
    pub since: Ts,
    /// When someone was first told.
    pub fired: Option<Ts>,
    /// When it was resolved.
    pub resolved: Option<Ts>,
    /// Who has seen it, and when.
    pub acked: Option<(String, Ts)>,
    /// Not fired again before this unless the condition clears first.
    pub quiet_until: Option<Ts>,
    /// Values of the signals when it fired, as the rule wrote them.
    pub values: Vec<(String, f64)>,
    /// The repeated call, when the rule reads repeats.
    pub repeated: Option<Box<RepeatedView>>,
    /// Its card.
    pub card: Option<u64>,
    /// What it was judged for is forgotten.
    pub gone: bool,
    /// What happened.
    pub trail: Trail,
}

/// Where an alert stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AlertState {
    /// The condition holds, not yet long enough.
    Pending,
    /// Someone has been told.
    Firing,
    /// A person has seen it.
    Acked,
    /// Over.
    Resolved,
}

impl AlertState {
    /// The word in tables and templates.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Firing => "firing",
            Self::Acked => "acked",
            Self::Resolved => "resolved",
        }
    }
}

impl Alert {
    /// The short name.
    pub fn code(&self) -> String {
        format!("A{}", self.number)
    }

    /// Whether it can still go on: it is not over, may be reopened, or is kept quiet.
    pub fn is_live(&self, now: Ts) -> bool {
        let recent = self.resolved.is_none_or(|at| now.since(at) < REOPEN_WITHIN);
        !self.gone && (recent || self.quiet_until.is_some())
    }

    /// When it began and ended, once it is over.
    pub fn passed(&self) -> Option<PassedRow> {
        let (fired, resolved) = self.fired.zip(self.resolved)?;
        Some(PassedRow { code: self.code(), rule: self.rule.clone(), fired, resolved })
    }

    /// Whether somebody may still have to act.
    pub const fn is_open(&self) -> bool {
        matches!(self.state, AlertState::Firing | AlertState::Acked)
    }
}
