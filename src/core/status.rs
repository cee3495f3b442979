//! The one vocabulary of states, merged from what runtimes say and what sereno sees itself.

use serde::{Deserialize, Serialize};

/// What an agent does, as far as can be told. Ordered worst first, which is how lists are sorted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Waits for a person's decision.
    Waiting,
    /// Failed and did not go on.
    Error,
    /// Said that it runs, and then nothing: cannot tell.
    Silent,
    /// Works.
    Running,
    /// Held by a person.
    Paused,
    /// Ended before it was done.
    Stopped,
    /// Ready, with nothing to do.
    #[default]
    Idle,
    /// Done.
    Completed,
}

impl Status {
    /// Every state, in list order.
    pub const ALL: [Self; 8] = [
        Self::Waiting,
        Self::Error,
        Self::Silent,
        Self::Running,
        Self::Paused,
        Self::Stopped,
        Self::Idle,
        Self::Completed,
    ];

    /// The word in code, tables and rule conditions.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Error => "error",
            Self::Silent => "silent",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Stopped => "stopped",
            Self::Idle => "idle",
            Self::Completed => "completed",
        }
    }

    /// The sign that stands before the word.
    pub const fn icon(self) -> &'static str {
        match self {
            Self::Waiting => "⏳",
            Self::Error => "🔴",
            Self::Silent => "❔",
            Self::Running => "🟢",
            Self::Paused => "⏸",
            Self::Stopped => "⏹",
            Self::Idle => "⚪",
            Self::Completed => "✅",
        }
    }

    /// Reads a state as runtimes spell it; `None` for a runtime's own phase such as `compacting`.
    pub fn read(word: &str) -> Option<Self> {
        Some(match word.trim().to_ascii_lowercase().as_str() {
            "running" | "active" | "busy" | "working" | "in_progress" | "started" => Self::Running,
            "idle" | "ready" | "available" | "online" => Self::Idle,
            "waiting" | "waiting_approval" | "waiting_for_approval" | "blocked" | "needs_input" | "awaiting_input" => {
                Self::Waiting
            }
            "paused" | "suspended" | "held" => Self::Paused,
            "error" | "failed" | "crashed" | "errored" => Self::Error,
            "stopped" | "cancelled" | "canceled" | "killed" | "terminated" | "aborted" | "offline" => Self::Stopped,
            "completed" | "complete" | "done" | "finished" | "success" | "succeeded" => Self::Completed,
            "silent" | "unknown" | "lost" => Self::Silent,
            _ => return None,
        })
    }

    /// Whether silence in this state means that something may be wrong.
    pub const fn expects_signs_of_life(self) -> bool {
        matches!(self, Self::Running)
    }
}
