//! Sliding sums in integer buckets, shared by every rule that reads the same (scope, measure, span).
//!
//! A window of span S is twelve buckets of S/12; it covers between 11/12 S and S, never more than S.
//! Sums are integers, so they do not drift.

use serde::{Deserialize, Serialize};

use crate::core::time::{Span, Ts};

const BUCKETS: usize = 12;
/// The same as a difference of bucket numbers.
const RING: i64 = 12;

/// What a window adds up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Measure {
    /// Micro-dollars.
    Cost,
    /// Tokens of all kinds.
    Tokens,
    /// Model calls.
    Calls,
    /// Tool calls started.
    Tools,
    /// Faults of any type.
    Errors,
    /// Faults of type `timeout`.
    Timeouts,
    /// Milliseconds that timed calls took.
    Latency,
    /// Calls that said how long they took.
    Timed,
    /// Tasks and sessions that ended well.
    Succeeded,
    /// Tasks and sessions that failed.
    Failed,
}

impl Measure {
    /// How many measures there are.
    pub const COUNT: usize = 10;
}

/// A measure over a span; what a rule asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct WindowSpec {
    /// What is added up.
    pub measure: Measure,
    /// Over how long.
    pub span: Span,
}

impl WindowSpec {
    /// Milliseconds of one bucket.
    const fn width(&self) -> i64 {
        let width = self.span.0 / RING;
        if width < 1 { 1 } else { width }
    }

    const fn bucket(&self, at: Ts) -> i64 {
        at.0.div_euclid(self.width())
    }
}

/// Index of a [`WindowSpec`] in the registry of its scope kind.
pub type WindowIx = u16;

/// The buckets of one window of one scope.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Ring {
    /// Number of the newest bucket.
    head: i64,
    sums: [i64; BUCKETS],
    total: i64,
}

impl Ring {
    fn slot(bucket: i64) -> usize {
        usize::try_from(bucket.rem_euclid(RING)).unwrap_or(0)
    }

    fn advance(&mut self, bucket: i64) {
        if bucket <= self.head {
            return;
        }
        let steps = (bucket - self.head).min(RING);
        for step in 1..=steps {
            let slot = Self::slot(bucket - steps + step);
            self.total = self.total.saturating_sub(self.sums[slot]);
            self.sums[slot] = 0;
        }
        self.head = bucket;
    }

    fn add(&mut self, bucket: i64, amount: i64) {
        // Older than the window: it would only be counted to be forgotten at once.
        if bucket <= self.head - RING {
            return;
        }
        self.advance(bucket);
        let slot = Self::slot(bucket);
        self.sums[slot] = self.sums[slot].saturating_add(amount);
        self.total = self.total.saturating_add(amount);
    }

    /// The bucket number after `now` at which the next non-zero bucket leaves. What has left by now is
    /// still in the ring until something is added.
    fn next_loss(&self, now: i64) -> Option<i64> {
        (0..RING)
            .rev()
            .map(|age| self.head - age)
            .find(|bucket| self.sums[Self::slot(*bucket)] != 0 && bucket + RING > now)
            .map(|bucket| bucket + RING)
    }
}

/// The windows of one scope; only those that have ever counted something exist.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Windows(Vec<(WindowIx, Ring)>);

impl Windows {
    /// Adds `amount` at `at`, `now` being the time of the fold. Returns the sum as it was when something was added last,
    /// what is left of it now, and the sum with the amount.
    pub fn add(&mut self, ix: WindowIx, spec: &WindowSpec, at: Ts, now: Ts, amount: i64) -> (i64, i64, i64) {
        let ring = self.ring(ix, spec.bucket(now));
        let last = ring.total;
        ring.advance(spec.bucket(now));
        let left = ring.total;
        ring.add(spec.bucket(at), amount);
        (last, left, ring.total)
    }

    /// The sum now.
    pub fn sum(&self, ix: WindowIx, spec: &WindowSpec, now: Ts) -> i64 {
        let Some((_, ring)) = self.0.iter().find(|(have, _)| *have == ix) else {
            return 0;
        };
        let bucket = spec.bucket(now);
        if bucket <= ring.head {
            return ring.total;
        }
        let mut moved = ring.clone();
        moved.advance(bucket);
        moved.total
    }

    /// When the sum will next shrink after `now` if nothing is added.
    pub fn next_loss(&self, ix: WindowIx, spec: &WindowSpec, now: Ts) -> Option<Ts> {
        let (_, ring) = self.0.iter().find(|(have, _)| *have == ix)?;
        ring.next_loss(spec.bucket(now)).map(|bucket| Ts(bucket.saturating_mul(spec.width())))
    }

    fn ring(&mut self, ix: WindowIx, head: i64) -> &mut Ring {
        let found = self.0.iter().position(|(have, _)| *have == ix);
        let place = found.unwrap_or_else(|| {
            // Few windows are ever read of a scope, and each is large.
            self.0.reserve_exact(1);
            self.0.push((ix, Ring { head, ..Ring::default() }));
            self.0.len() - 1
        });
        &mut self.0[place].1
    }

    /// Keeps only the windows that the new registry still has, under their new indices.
    pub fn renumber(&mut self, new_ix: impl Fn(WindowIx) -> Option<WindowIx>) {
        self.0 = std::mem::take(&mut self.0).into_iter().filter_map(|(ix, ring)| Some((new_ix(ix)?, ring))).collect();
    }
}
