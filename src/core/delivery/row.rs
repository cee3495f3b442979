//! Rows of the outbox: what must happen, what is remembered while it has not, and what becomes of a row.
//!
//! The World remembers no more of a row than it needs to judge its outcome; the rest stands in the table.

use serde::{Deserialize, Serialize};

use super::retry::Class;
use crate::core::control::ControlCall;
use crate::core::time::Ts;

/// A row of the outbox: something that must happen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutboxRow {
    /// Identity; sorts by time. Also the idempotency key.
    pub id: String,
    /// What must happen.
    pub work: Work,
    /// Name of the channel or of the runtime.
    pub via: String,
    /// How it is sent.
    pub class: Class,
    /// Not before.
    pub due: Ts,
    /// Not after.
    pub expires: Ts,
}

/// What an outbox row is about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[expect(clippy::large_enum_variant, reason = "a decision holds a handful")]
pub enum Work {
    /// Bring a copy up to date.
    Deliver {
        /// The copy.
        copy: u64,
    },
    /// Ask a runtime for something.
    Control(ControlCall),
}

/// A row that is not done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outstanding {
    /// The copy, when it is a delivery.
    pub copy: Option<u64>,
    /// How it is sent.
    pub class: Class,
    /// Attempts of which nobody knows whether they arrived.
    pub uncertain: u32,
    /// Not after.
    pub expires: Ts,
    /// Given up or held, until a person retries or drops it.
    pub dead: bool,
    /// When an attempt failed first, by a fault of this row or of its conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tried: Option<Ts>,
    /// The newest attempt that is known of.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub attempts: u32,
    /// Attempts that were made before a person wanted it tried again.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub before: u32,
    /// Attempts in which whoever sent it broke down.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub poison: u32,
    /// When it was made, asked for again, given up or held.
    #[serde(default)]
    pub since: Ts,
}

impl Outstanding {
    /// A row that has just been made.
    pub const fn new(copy: Option<u64>, class: Class, at: Ts, expires: Ts) -> Self {
        Self {
            copy,
            class,
            uncertain: 0,
            expires,
            dead: false,
            tried: None,
            attempts: 0,
            before: 0,
            poison: 0,
            since: at,
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
const fn is_zero(n: &u32) -> bool {
    *n == 0
}

/// The new state of an outbox row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settlement {
    /// The row.
    pub id: String,
    /// Its state.
    pub state: RowState,
    /// Not before.
    pub due: Ts,
    /// Not after, while it waits for an outcome.
    pub expires: Option<Ts>,
    /// Until when it holds back those behind it in its conversation.
    pub held: Ts,
    /// What went wrong.
    pub error: Option<String>,
    /// What was answered.
    pub receipt: Option<String>,
}

/// States of an outbox row. A courier adds `leased` while it works on one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RowState {
    /// To be done when it is due.
    Ready,
    /// To be done again, although it may have happened.
    Uncertain,
    /// The runtime fetches it.
    Waiting,
    /// Done.
    Sent,
    /// Given up; listed until a person looks.
    Dead,
    /// It may have happened in time that nobody remembers; listed until a person looks.
    Held,
    /// Not needed any more.
    Dropped,
}

impl RowState {
    /// The word in the table.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Uncertain => "uncertain",
            Self::Waiting => "waiting",
            Self::Sent => "sent",
            Self::Dead => "dead",
            Self::Held => "held",
            Self::Dropped => "dropped",
        }
    }
}
