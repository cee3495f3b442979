//! Paces: how fast each conversation and each channel is fed, and until when one is left alone.
//!
//! Token buckets in memory: what they guard against is a platform's anger, not loss, so nothing of it is
//! stored. When a platform asks to wait, the bucket waits and not only the row that was told.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::channel::{Channel, Pace};
use crate::clock::Sources;
use crate::core::time::{Span, Ts};

/// Conversations that are remembered; beyond it those that are idle are forgotten.
const REMEMBERED: usize = 4096;

/// Whether to send now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Now.
    Now,
    /// Not before this.
    Until(Ts),
}

/// All buckets.
#[derive(Default)]
pub struct Paces(Mutex<Buckets>);

#[derive(Default)]
struct Buckets {
    /// When the next message may go to a conversation if nothing else is sent: the bucket's theoretical
    /// arrival time (generic cell rate algorithm).
    targets: HashMap<(String, String), Ts>,
    channels: HashMap<String, Ts>,
    /// Until when the platform asked to be left alone: in a conversation, or everywhere.
    paused: HashMap<(String, Option<String>), Ts>,
    /// Something was put back for another process, which shall look before we do.
    aside: bool,
}

impl Buckets {
    /// When a message may go, reserving its place.
    fn reserve(&mut self, channel: &str, target: &str, pace: Pace, now: Ts, patience: Span) -> Ts {
        let everywhere = self.paused.get(&(channel.to_owned(), None)).copied().unwrap_or(now);
        let here = self.paused.get(&(channel.to_owned(), Some(target.to_owned()))).copied().unwrap_or(now);
        let key = (channel.to_owned(), target.to_owned());
        let arrival = self.targets.get(&key).copied().unwrap_or(now).max(now);
        let burst = Span(pace.per_target.0 * i64::from(pace.burst.saturating_sub(1)));
        let overall = self.channels.get(channel).copied().unwrap_or(now).max(now);
        let at = now.max(arrival.minus(burst)).max(overall).max(everywhere).max(here);
        if at.since(now) <= patience {
            if self.targets.len() >= REMEMBERED {
                self.targets.retain(|_, arrival| *arrival > now);
            }
            if pace.per_target > Span(0) {
                self.targets.insert(key, arrival.max(at).plus(pace.per_target));
            }
            if pace.overall > Span(0) {
                self.channels.insert(channel.to_owned(), at.plus(pace.overall));
            }
        }
        at
    }

    fn pause(&mut self, channel: &str, target: Option<&str>, until: Ts) {
        let end = self.paused.entry((channel.to_owned(), target.map(str::to_owned))).or_default();
        *end = (*end).max(until);
    }
}

impl Paces {
    fn with<T>(&self, act: impl FnOnce(&mut Buckets) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Another process shall look before we do.
    pub fn step_aside(&self) {
        self.with(|buckets| buckets.aside = true);
    }

    /// Whether another process shall look before we do; once.
    pub fn steps_aside(&self) -> bool {
        self.with(|buckets| std::mem::take(&mut buckets.aside))
    }

    /// Waits for the conversation's turn, but not longer than `patience`.
    pub async fn wait(
        &self,
        channel: &str,
        target: &str,
        adapter: Option<&Arc<dyn Channel>>,
        sources: &Sources,
        patience: Span,
    ) -> Wait {
        let pace = adapter.map(|adapter| adapter.pace(target)).unwrap_or_default();
        let now = sources.now();
        let at = self.with(|buckets| buckets.reserve(channel, target, pace, now, patience));
        if at.since(now) > patience {
            return Wait::Until(at);
        }
        sources.clock.sleep_until(at).await;
        Wait::Now
    }

    /// Leaves a conversation alone until `until`. Platforms rarely say whose limit was hit: a second
    /// conversation that is told to wait meanwhile means that all of them are.
    pub fn pause(&self, channel: &str, target: &str, until: Ts, now: Ts) {
        self.with(|buckets| {
            buckets.paused.retain(|_, end| *end > now);
            let other = |(name, whose): &(String, Option<String>)| name == channel && whose.as_deref() != Some(target);
            if buckets.paused.keys().any(other) {
                buckets.pause(channel, None, until);
            }
            buckets.pause(channel, Some(target), until);
        });
    }
}
