//! Whether the clocks of senders agree with ours: how many genuine signatures are from another time.
//!
//! A signature that is right but old is no attack, and refusing it in silence would lose events until
//! somebody wonders. So when it happens to more than a few, it is said once.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::core::time::{Span, Ts};

/// Over how long requests are counted.
const WINDOW: Span = Span::mins(5);
/// Said once in so long for each source.
const TOLD_EVERY: Span = Span::hours(1);
/// The share in a hundred above which it is said.
const TOO_MANY: u32 = 20;
/// Fewer stale requests than this are not worth a word.
const WORTH: u32 = 5;

#[derive(Default)]
struct Counts {
    since: Ts,
    genuine: u32,
    stale: u32,
    told: Option<Ts>,
}

/// Counts by source.
#[derive(Default)]
pub struct Skew(Mutex<HashMap<String, Counts>>);

impl Skew {
    /// A request of `source` bore a genuine signature, which was `stale` or not. Returns how many in a hundred
    /// are, when that should be said now.
    pub fn saw(&self, source: &str, stale: bool, now: Ts) -> Option<u8> {
        let mut sources = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let counts = sources.entry(source.to_owned()).or_default();
        if now.since(counts.since) >= WINDOW {
            *counts = Counts { since: now, told: counts.told, ..Counts::default() };
        }
        counts.genuine += 1;
        counts.stale += u32::from(stale);
        let percent = counts.stale * 100 / counts.genuine;
        let due = counts.told.is_none_or(|told| now.since(told) >= TOLD_EVERY);
        if !stale || counts.stale < WORTH || percent <= TOO_MANY || !due {
            return None;
        }
        counts.told = Some(now);
        u8::try_from(percent).ok()
    }
}
