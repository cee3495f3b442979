//! The ring of tool-call digests by which loops are noticed.
//!
//! It remembers the last 64 calls of a session. A call that is repeated among more than 64 others
//! inside the window is not seen as a repeat: that is the price of a bounded ring, and a loop of that
//! period is caught by cost and silence rules instead.

use serde::{Deserialize, Serialize};

use crate::core::time::{Span, Ts};

const KEPT: usize = 64;
/// The same, to count places with.
const LAPS: u8 = 64;
/// Room is made for so many at a time: most sessions are short.
const ROOM: usize = 4;

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

/// The last calls of a session: three lists of one length, because most looks are at one of them only.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calls {
    /// Heads of the digests of name and arguments.
    digests: Vec<u64>,
    times: Vec<Ts>,
    /// Heads of the digests of the results, once they are known.
    results: Vec<Option<Box<str>>>,
    /// Where the oldest call stands; the lists are rings once they are full.
    oldest: u8,
    /// No call is there more often than this.
    at_most: u8,
}

impl Calls {
    /// A call was started.
    pub fn started(&mut self, digest: u64, at: Ts) {
        if self.digests.len() < KEPT {
            if self.digests.len() == self.digests.capacity() {
                self.digests.reserve_exact(ROOM);
                self.times.reserve_exact(ROOM);
                self.results.reserve_exact(ROOM);
            }
            self.digests.push(digest);
            self.times.push(at);
            self.results.push(None);
        } else {
            let place = usize::from(self.oldest);
            self.digests[place] = digest;
            self.times[place] = at;
            self.results[place] = None;
            self.oldest = (self.oldest + 1) % LAPS;
            // Once in a lap, what has left the ring is no longer counted.
            if self.oldest == 0 {
                self.at_most = most_equal(&mut self.digests.clone());
            }
        }
        let same = self.digests.iter().filter(|have| **have == digest).count();
        self.at_most = self.at_most.max(u8::try_from(same).unwrap_or(u8::MAX));
    }

    /// The newest unfinished call with this digest has ended.
    pub fn ended(&mut self, digest: u64, result: Option<&str>) {
        let open = self.places().rev().find(|at| self.digests[*at] == digest && self.results[*at].is_none());
        if let (Some(place), Some(result)) = (open, result) {
            let end = result.char_indices().nth(16).map_or(result.len(), |(at, _)| at);
            self.results[place] = Some(result[..end].into());
        }
    }

    /// A number that no call was made more often than, whatever the span; cheap to ask for.
    pub const fn at_most(&self) -> u8 {
        self.at_most
    }

    /// How often the most repeated call was made within `span` before `now`.
    pub fn most(&self, span: Span, now: Ts) -> u32 {
        let mut recent = [0; KEPT];
        let mut count = 0;
        for place in self.within(span, now) {
            recent[count] = self.digests[place];
            count += 1;
        }
        most_equal(&mut recent[..count]).into()
    }

    /// The most repeated call itself; of equals, the one made last.
    pub fn repeated(&self, span: Span, now: Ts) -> Option<Repeated> {
        let most = self.most(span, now);
        let count_of = |digest: u64| self.within(span, now).filter(|at| self.digests[*at] == digest).count();
        let tops = self.within(span, now).map(|at| self.digests[at]);
        let top = tops.filter(|digest| u32::try_from(count_of(*digest)) == Ok(most)).last()?;
        let calls: Vec<usize> = self.within(span, now).filter(|at| self.digests[*at] == top).collect();
        let mut results = calls.iter().filter_map(|at| self.results[*at].as_deref());
        let first = results.next().map(str::to_owned);
        let same_result = first.filter(|first| results.all(|other| other == first));
        Some(Repeated { count: most, times: calls.iter().map(|at| self.times[*at]).collect(), same_result })
    }

    /// When the oldest call within `span` leaves it.
    pub fn next_loss(&self, span: Span, now: Ts) -> Option<Ts> {
        self.within(span, now).map(|at| self.times[at].plus(span)).min()
    }

    /// Places of calls within `span`, oldest first.
    fn within(&self, span: Span, now: Ts) -> impl Iterator<Item = usize> {
        let from = now.minus(span);
        self.places().filter(move |at| self.times[*at] > from)
    }

    /// All places, oldest first.
    fn places(&self) -> impl DoubleEndedIterator<Item = usize> + use<> {
        let (oldest, all) = (usize::from(self.oldest), self.digests.len());
        (oldest..all).chain(0..oldest)
    }
}

/// The length of the longest run of equal numbers, once they are sorted.
fn most_equal(digests: &mut [u64]) -> u8 {
    digests.sort_unstable();
    let longest = digests.chunk_by(|a, b| a == b).map(<[u64]>::len).max();
    u8::try_from(longest.unwrap_or(0)).unwrap_or(u8::MAX)
}
