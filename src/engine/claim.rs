//! A lease as one process sees it: when it may be taken, and how long it can be trusted.
//!
//! No two machines' clocks are compared. A lease whose term and beat have not moved for its whole life by our own
//! clock is dead and is taken; one that we hold is trusted until a part of its life before that, counted from the
//! start of the newest renewal. What is written under it is fenced by its term all the same.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::{Clock, within};
use crate::core::time::Span;
use crate::store::{Bell, ENGINE, Lease, Ring, Standing, Store};

/// How long a renewal that fails is left alone.
const AGAIN: Duration = Duration::from_millis(500);

/// One process that wants a lease.
#[derive(Clone)]
pub struct Claim {
    /// Where leases are.
    pub store: Store,
    /// By which it judges.
    pub clock: Arc<dyn Clock>,
    /// Wakes it when a lease was given back.
    pub bell: Bell,
    /// The lease.
    pub name: String,
    /// This process.
    pub holder: String,
    /// How long it lives without being renewed.
    pub lives: Span,
}

/// How a lease stood, and since when by our clock.
#[derive(Debug, Default)]
pub struct Watched(Option<(Standing, Span)>);

impl Claim {
    /// Takes the lease if nobody holds it.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn take_if_free(&self) -> crate::store::Result<Option<Lease>> {
        let standing = self.store.lease(&self.name).await?;
        if standing.holder.is_empty() { self.take(&standing).await } else { Ok(None) }
    }

    async fn take(&self, seen: &Standing) -> crate::store::Result<Option<Lease>> {
        self.store.take_lease(&self.name, &self.holder, seen, self.clock.now()).await
    }

    /// Waits until the lease is ours.
    pub async fn won(&self) -> Lease {
        let mut ear = self.bell.ear(Ring::Lease);
        let mut seen = Watched::default();
        loop {
            match self.look(&mut seen).await {
                Ok(Some(lease)) => return lease,
                Ok(None) => {}
                Err(error) => tracing::debug!(%error, lease = self.name, "a lease cannot be looked at"),
            }
            ear.heard().await;
        }
    }

    /// Looks once, and takes the lease if it is free or dead.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn look(&self, seen: &mut Watched) -> crate::store::Result<Option<Lease>> {
        let standing = self.store.lease(&self.name).await?;
        let now = self.clock.monotonic();
        let since = seen.0.as_ref().filter(|(have, _)| *have == standing).map_or(now, |(_, since)| *since);
        // What is ours and not used any more is free for us.
        let free = standing.holder.is_empty() || standing.holder == self.holder || self.store.is_exclusive();
        // Its holder trusts itself for two thirds of its life, by a clock that may be a little slower than ours; what is
        // left of it is for looking, and for beginning to fold.
        if free || now.0 - since.0 >= self.lives.0 * 7 / 10 {
            return self.take(&standing).await;
        }
        seen.0 = Some((standing, since));
        Ok(None)
    }

    /// Renews the lease of `term`. Returns when it cannot be trusted any more.
    pub async fn kept(&self, term: i64) {
        if self.store.is_exclusive() && self.name != ENGINE {
            // Nobody else can take it; the engine's is renewed to tell since when nobody was there.
            return std::future::pending().await;
        }
        let margin = self.lives.0 / 3;
        let (mut now, mut renewed) = (self.clock.now(), self.clock.monotonic());
        loop {
            self.clock.sleep_until(now.plus(Span(margin))).await;
            loop {
                let start = self.clock.monotonic();
                let left = Span((renewed.0 + self.lives.0 - margin - start.0).max(1));
                let distrust = async {
                    // Of a store that no other process can have open the lock on its file is proof enough.
                    if self.store.is_exclusive() {
                        std::future::pending::<()>().await;
                    }
                    self.clock.sleep(left).await;
                };
                tokio::pin!(distrust);
                now = self.clock.now();
                let kept = tokio::select! {
                    biased;
                    kept = self.store.renew_lease(&self.name, term, now) => kept,
                    () = &mut distrust => return,
                };
                match kept {
                    Ok(true) => {
                        renewed = start;
                        break;
                    }
                    Ok(false) => return,
                    Err(error) => tracing::warn!(%error, lease = self.name, "a lease could not be renewed"),
                }
                tokio::select! {
                    _ = within(AGAIN, std::future::pending::<()>()) => {}
                    () = &mut distrust => return,
                }
            }
        }
    }

    /// Gives the lease of `term` back, and says so.
    pub async fn resign(&self, term: i64) {
        match self.store.resign_lease(&self.name, term).await {
            Ok(()) => self.store.ring(Ring::Lease).await,
            Err(error) => tracing::warn!(%error, lease = self.name, "a lease was not given back"),
        }
        kill_point!("lease.resign.after");
    }
}
