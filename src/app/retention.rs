//! Retention: what is old goes, in small steps between which everybody else has their turn; cost is kept by the
//! hour; and the days of the log are made ahead.
//!
//! Only the process that folds does it: each round asks first whether this is that one.

use crate::config::Retention;
use crate::core::time::{Span, Ts};
use crate::http::Shared;
use crate::stop::Stop;
use crate::store::{self, KEY_STRETCHES, Prunable};

/// Between two rounds.
const EVERY: Span = Span::mins(10);
/// The first round waits until a start is over.
const FIRST: Span = Span::secs(30);
/// Between two steps of a round.
const PAUSE: Span = Span(50);
/// Stretches of keys that a round looks through, so that all of them have been in about five hours.
const STRETCHES: u32 = 128;

/// Prunes until `stop` is told, whenever this process folds.
pub async fn run(door: Shared, keep: Retention, mut stop: Stop) {
    let mut round = Round { door, keep, stretch: 0, stop: stop.clone() };
    let mut wait = FIRST;
    loop {
        tokio::select! {
            () = stop.asked() => return,
            () = round.door.sources.clock.sleep(wait) => {}
        }
        wait = EVERY;
        let term = *round.door.progress.term.borrow();
        let Some(term) = term else { continue };
        if !round.door.store.is_term(term).await.unwrap_or(false) {
            continue;
        }
        if let Err(error) = round.go().await {
            tracing::warn!(%error, "retention stopped in the middle; the next round goes on");
        }
    }
}

struct Round {
    door: Shared,
    keep: Retention,
    stretch: u32,
    stop: Stop,
}

impl Round {
    async fn go(&mut self) -> store::Result<()> {
        let now = self.door.sources.now();
        self.door.store.make_partitions(now).await?;
        let policy = self.door.progress.policy.borrow().clone();
        let family = |model: &str| policy.price_of(model).family.to_owned();
        while !self.stop.is_asked() && self.door.store.roll_hour(now, &family).await? {
            self.pause().await;
        }
        for (class, before) in self.keep.limits(now) {
            self.prune(class, before).await?;
        }
        for _ in 0..STRETCHES {
            if self.stop.is_asked() {
                return Ok(());
            }
            let (before, lasting_before) = self.keep.keys(now);
            let gone = self.door.store.prune_keys(self.stretch, before, lasting_before).await?;
            metrics::counter!("sereno_pruned_total", "class" => "keys").increment(gone);
            self.stretch = (self.stretch + 1) % KEY_STRETCHES;
            self.pause().await;
        }
        Ok(())
    }

    /// A stop does not wait for the clock.
    async fn pause(&mut self) {
        tokio::select! {
            () = self.stop.asked() => {}
            () = self.door.sources.clock.sleep(PAUSE) => {}
        }
    }

    async fn prune(&mut self, class: Prunable, before: Ts) -> store::Result<()> {
        while !self.stop.is_asked() {
            let gone = self.door.store.prune(class, before).await?;
            if gone == 0 {
                break;
            }
            metrics::counter!("sereno_pruned_total", "class" => class.as_str()).increment(gone);
            self.pause().await;
        }
        Ok(())
    }
}
