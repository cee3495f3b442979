//! Read models and snapshots: what readers and the next start find in the store, so that they need not fold.
//!
//! Both are written between batches and each on a budget of time. Neither is a fact: whatever they hold can be folded
//! again from the log.

use super::others::Asked;
use super::{Engine, NewInput, Stopped};
use crate::core::input::Body;
use crate::core::time::Span;
use crate::store;

/// A snapshot is written after so many inputs …
const SNAPSHOT_INPUTS: u64 = 20_000;
/// … or after this long, if there were any …
const SNAPSHOT_EVERY: Span = Span::mins(10);
/// … but never so often that writing them takes more than one part in so many of the time.
const SNAPSHOT_SHARE: i64 = 20;
/// A start that took this long to fold the log writes one at once: whoever ends soon after it begins would fold ever
/// more.
pub(super) const LONG_START: Span = Span::secs(1);
/// Answers to other processes that nobody has read for this long are forgotten.
const TIDY: Span = Span::mins(1);

impl Engine {
    /// Writes a snapshot when the newest one is old, in inputs or in time.
    pub(super) async fn snapshot_if_due(&mut self) -> Result<(), Stopped> {
        let (behind, age) = (self.world.pos - self.snapshot_pos, self.clock.now().since(self.snapshot_at));
        let many = behind >= SNAPSHOT_INPUTS && age.0 >= self.snapshot_took.0 * SNAPSHOT_SHARE;
        if !many && (behind == 0 || age < SNAPSHOT_EVERY) {
            return Ok(());
        }
        match self.snapshot().await {
            Ok(()) => Ok(()),
            Err(error) => self.recover(&error).await,
        }
    }

    /// Writes the read models of what has changed.
    pub(super) async fn flush_models(&mut self) -> store::Result<()> {
        let started = self.clock.now();
        let changed = self.models.take();
        let mut tx = self.store.begin_commit().await?;
        tx.write_models(&changed, &self.world).await?;
        kill_point!("engine.models.before");
        if !self.store.is_exclusive() {
            self.tidy(&mut tx).await?;
        }
        tx.commit(self.world.pos, self.world.pos, self.lease.term).await?;
        kill_point!("engine.models.after");
        self.models.took(self.clock.now().since(started));
        Ok(())
    }

    /// Writes a snapshot, with the read models before it.
    pub(super) async fn snapshot(&mut self) -> store::Result<()> {
        let started = self.clock.now();
        // What a snapshot has behind it is not folded again, so the read models must hold it.
        self.flush_models().await?;
        let parts = store::parts_of(&self.world)?;
        let bytes: usize = parts.iter().map(Vec::len).sum();
        self.store.save_snapshot(self.world.pos, self.world.now, parts).await?;
        kill_point!("engine.snapshot.after");
        self.snapshot_pos = self.world.pos;
        self.snapshot_at = self.clock.now();
        self.snapshot_took = self.snapshot_at.since(started);
        tracing::debug!(pos = self.world.pos, bytes, "snapshot");
        Ok(())
    }

    /// Leaves in the store what processes that do not fold need to know, and nothing that they do not any more.
    async fn tidy(&mut self, tx: &mut store::Tx) -> store::Result<()> {
        let now = self.clock.now();
        if now.since(self.tidied) >= TIDY {
            tx.forget_old_answers(now.minus(TIDY)).await?;
            self.tidied = now;
        }
        Ok(())
    }

    /// Leaves everything as the next start likes to find it.
    pub(super) async fn wind_up(&mut self) {
        // The log ends when we do, so that the next start knows since when nobody was there.
        if self.clock.now() > self.world.now
            && let Err(error) = self.fold(vec![NewInput::unkeyed(Body::Tick)], &Asked::default()).await
        {
            tracing::warn!(%error, "the end was not written down");
            return;
        }
        if let Err(error) = self.snapshot().await {
            tracing::warn!(%error, "no snapshot was written at the end; the next start folds more");
        }
    }
}
