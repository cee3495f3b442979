//! When something that failed is tried again: arithmetic only.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::core::policy::Severity;
use crate::core::time::{Span, Ts};

/// How urgently something is sent, and how stubbornly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// A question that a person must decide, or what they decided on its way to the runtime.
    Decision,
    /// An answer to somebody who waits for it.
    Reply,
    /// Critical alerts.
    Critical,
    /// Warnings.
    Warning,
    /// Everything else.
    Info,
}

/// Delays before each attempt in seconds, the last one repeating.
const URGENT: &[i64] = &[0, 1, 2, 5, 10, 20, 40, 60];
const SOON: &[i64] = &[0, 5, 15, 30, 60, 120, 300, 600];
const LATER: &[i64] = &[0, 30, 120, 600, 1800, 3600, 7200, 14_400, 28_800];

/// The longest that a platform may ask for; a longer wish is cut to this, and breaks the line.
pub const LONGEST_WISH: Span = Span::mins(15);
/// A row that has failed this often does not hold back those behind it any more …
const HOLDS_TRIES: u32 = 3;
/// … nor one whose first failure is this long ago.
const HOLDS: Span = Span::secs(60);
/// Until something else says so.
pub const HELD: Ts = Ts(i64::MAX);
/// Nothing is held back.
pub const FREE: Ts = Ts(0);

/// How long a conversation is left alone for a platform's wish: as long as it asked and up to a tenth more, which
/// `id` determines, so that not everything comes back in the same instant.
pub fn gate(id: &str, wish: Span) -> Span {
    let wish = wish.0.clamp(0, LONGEST_WISH.0);
    Span(wish + wish / 10 * i64::from(jitter(id, 0)) / 1000)
}

/// Until when a row that has failed `attempts` times, first at `first`, holds back those behind it.
pub fn holds(attempts: u32, first: Ts) -> Ts {
    if attempts < HOLDS_TRIES { first.plus(HOLDS) } else { FREE }
}

impl Class {
    /// The class of a message of this severity.
    pub const fn of(severity: Severity) -> Self {
        match severity {
            Severity::Critical => Self::Critical,
            Severity::Warning => Self::Warning,
            Severity::Info | Severity::Trend => Self::Info,
        }
    }

    /// Order in the outbox; the lowest goes first.
    pub const fn priority(self) -> i64 {
        match self {
            Self::Decision => 0,
            Self::Reply | Self::Critical => 1,
            Self::Warning => 2,
            Self::Info => 3,
        }
    }

    const fn bases(self) -> &'static [i64] {
        match self {
            Self::Decision | Self::Reply | Self::Critical => URGENT,
            Self::Warning => SOON,
            Self::Info => LATER,
        }
    }

    /// After how long somebody is told somewhere else, when it could not be sent until then.
    pub const fn patience(self) -> Option<Span> {
        match self {
            Self::Decision | Self::Critical => Some(Span::mins(2)),
            Self::Warning => Some(Span::mins(10)),
            Self::Reply | Self::Info => None,
        }
    }

    /// How often something may be sent again although it may have arrived.
    const fn uncertain_limit(self) -> u32 {
        match self {
            Self::Info | Self::Reply => 1,
            Self::Decision | Self::Critical | Self::Warning => u32::MAX,
        }
    }

    /// When the next attempt is due after `attempts` have failed; `None` when there is no next one.
    ///
    /// The delay is the class's base times a factor between 0.5 and 1.0 that `id` and `attempts` determine, and
    /// at least [`gate`] of what the platform asked for.
    pub fn next_attempt(self, id: &str, attempts: u32, uncertain: u32, now: Ts, wish: Option<Span>) -> Option<Ts> {
        if uncertain > self.uncertain_limit() {
            return None;
        }
        let bases = self.bases();
        let place = usize::try_from(attempts).unwrap_or(usize::MAX).min(bases.len() - 1);
        let base = bases[place] * 1000;
        let delay = base / 2 + base / 2 * i64::from(jitter(id, attempts)) / 1000;
        let wish = wish.map_or(0, |wish| gate(id, wish).0);
        // An uncertain attempt of the cosmetic classes waits until a late arrival has shown itself.
        let patience = if uncertain > 0 && self == Self::Info { 30_000 } else { 0 };
        Some(now.plus(Span(delay.max(wish).max(patience))))
    }
}

/// A number from 0 to 999 that `id` and `attempt` determine.
pub fn jitter(id: &str, attempt: u32) -> u16 {
    let hash = Sha256::digest(format!("{id}/{attempt}"));
    u16::from_be_bytes([hash[0], hash[1]]) % 1000
}
