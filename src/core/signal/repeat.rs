//! The ring of tool-call digests by which loops are noticed.
//!
//! It remembers the last 64 calls of a session. A call that is repeated among more than 64 others
//! inside the window is not seen as a repeat: that is the price of a bounded ring, and a loop of that
//! period is caught by cost and silence rules instead.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::core::time::{Span, Ts};

const KEPT: usize = 64;

/// One remembered call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Call {
    /// Head of the digest of name and arguments.
    digest: u64,
    at: Ts,
    /// Head of the result's digest, once it is known.
    result: Option<String>,
}

/// The most repeated call within a window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repeated {
    /// How often it was made.
    pub count: u32,
    /// When, oldest first.
    pub times: Vec<Ts>,
    /// The result's digest when every finished call had the same one.
    pub same_result: Option<String>,
}

/// The last calls of a session, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Calls(VecDeque<Call>);

impl Calls {
    /// A call was started.
    pub fn started(&mut self, digest: u64, at: Ts) {
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        self.0.push_back(Call { digest, at, result: None });
    }

    /// The newest unfinished call with this digest has ended.
    pub fn ended(&mut self, digest: u64, result: Option<&str>) {
        let open = self.0.iter_mut().rev().find(|c| c.digest == digest && c.result.is_none());
        if let (Some(call), Some(result)) = (open, result) {
            call.result = Some(result.chars().take(16).collect());
        }
    }

    /// How often the most repeated call was made within `span` before `now`.
    pub fn most(&self, span: Span, now: Ts) -> u32 {
        let mut recent: Vec<u64> = self.within(span, now).map(|c| c.digest).collect();
        recent.sort_unstable();
        let longest = recent.chunk_by(|a, b| a == b).map(<[u64]>::len).max();
        u32::try_from(longest.unwrap_or(0)).unwrap_or(u32::MAX)
    }

    /// The most repeated call itself; of equals, the one made last.
    pub fn repeated(&self, span: Span, now: Ts) -> Option<Repeated> {
        let most = self.most(span, now);
        let count_of = |digest: u64| self.within(span, now).filter(|c| c.digest == digest).count();
        let top = self.within(span, now).filter(|c| u32::try_from(count_of(c.digest)) == Ok(most)).last()?.digest;
        let calls: Vec<&Call> = self.within(span, now).filter(|c| c.digest == top).collect();
        let mut results = calls.iter().filter_map(|c| c.result.as_deref());
        let first = results.next().map(str::to_owned);
        let same_result = first.filter(|first| results.all(|other| other == first));
        Some(Repeated { count: most, times: calls.iter().map(|c| c.at).collect(), same_result })
    }

    /// When the oldest call within `span` leaves it.
    pub fn next_loss(&self, span: Span, now: Ts) -> Option<Ts> {
        self.within(span, now).map(|c| c.at.plus(span)).min()
    }

    fn within(&self, span: Span, now: Ts) -> impl Iterator<Item = &Call> {
        let from = now.minus(span);
        self.0.iter().filter(move |c| c.at > from)
    }
}
