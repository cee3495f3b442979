//! Accounts: what was used is often told twice, by a counter and by calls, or by a call and by the one around it.
//!
//! An event says here of which counter its usage is, or of which call and within which other. What follows from it is
//! the fold's: only it knows what was counted before.

use serde::{Deserialize, Serialize};

use super::wire::rfc3339;
use crate::core::time::Ts;

/// Of which account the usage of an event is. The account is one of the event's session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "of", rename_all = "snake_case")]
pub enum Account {
    /// A counter, which counts no calls: with `usage.cumulative` its total, otherwise what it grew by.
    Counter {
        /// Identity of the counter.
        id: String,
        /// When it began to count, RFC 3339 on the wire. A counter that begins again has another.
        #[serde(default, with = "rfc3339", skip_serializing_if = "Option::is_none")]
        since: Option<Ts>,
    },
    /// A call that may be told by those within it as well. Without usage, what it used is told elsewhere.
    Call {
        /// Identity of the call.
        id: String,
        /// The call around it, if there may be one: what that one tells includes this.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        within: Option<String>,
    },
}

impl Account {
    /// Identity of the counter or call.
    pub fn id(&self) -> &str {
        match self {
            Self::Counter { id, .. } | Self::Call { id, .. } => id,
        }
    }

    /// Identity of the call around it.
    pub fn within(&self) -> Option<&str> {
        match self {
            Self::Call { within, .. } => within.as_deref(),
            Self::Counter { .. } => None,
        }
    }
}
