//! The keeper: lends what is appended here to the engine while this process holds the folding lease, and to the
//! store, for whoever folds, while it does not.
//!
//! Callers have one door, whoever is behind it. When the lease is lost the engine is dropped where it stands: what
//! it had not committed never happened, and what it had committed is known to whoever folds next.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::claim::Claim;
use super::follow::Followed;
use super::log::{Log, Requests};
use super::others::Others;
use super::progress::{Progress, Told};
use super::roll::Roll;
use super::{Engine, Stopped};
use crate::clock::{Sources, random_hex};
use crate::core::policy::Policy;
use crate::core::time::Span;
use crate::stop::Stop;
use crate::store::{self, Bell, ENGINE, Lease, Ring, Store};

/// How long a process leaves the lease alone that could not begin to fold.
const AGAIN: Span = Span::secs(1);

/// Sees to it that whatever is appended here is folded, here or elsewhere.
pub struct Keeper {
    store: Store,
    sources: Sources,
    bell: Bell,
    claim: Claim,
    followed: Followed,
    told: Told,
    requests: Requests,
    policy: Policy,
    roll: Roll,
    /// An engine that was begun at the start.
    engine: Option<(Engine, Lease)>,
}

impl Keeper {
    /// Folds from the start if nobody else does, and follows otherwise. `policy` comes into force with the folding.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn start(
        store: Store,
        sources: Sources,
        lives: Span,
        policy: Policy,
    ) -> store::Result<(Self, Log, Progress)> {
        let holder = random_hex(sources.entropy.as_ref(), 8);
        let (log, requests) = Log::open(sources.clock.clone());
        let told = Told::new(Arc::new(policy.clone()), sources.now());
        let progress = told.progress();
        let bell = Bell::default();
        let claim = Claim {
            store: store.clone(),
            clock: sources.clock.clone(),
            bell: bell.clone(),
            name: ENGINE.to_owned(),
            holder: holder.clone(),
            lives,
        };
        let followed = Followed::new(store.clone(), sources.clock.clone(), bell.clone(), holder.clone());
        let roll = Roll::new(store.clone(), sources.clock.clone(), holder);
        let mut keeper = Self { store, sources, bell, claim, followed, told, requests, policy, roll, engine: None };
        let lease = if keeper.store.is_exclusive() {
            Some(keeper.store.seize_engine(&keeper.claim.holder, keeper.sources.now()).await?)
        } else {
            keeper.roll.call().await?;
            keeper.claim.take_if_free().await?
        };
        match lease {
            Some(lease) => keeper.engine = Some((keeper.begin(lease).await?, lease)),
            None => keeper.followed.look(&keeper.told, &mut None).await?,
        }
        Ok((keeper, log, progress))
    }

    /// A claim of this process on another lease.
    pub fn claim(&self, name: impl Into<String>) -> Claim {
        Claim { name: name.into(), ..self.claim.clone() }
    }

    /// Keeps on until `stop` is told. On a store of its own it also ends when another process took that.
    pub async fn run(mut self, stop: Stop) -> Stopped {
        if self.store.is_exclusive() {
            return Box::pin(self.alternate(stop)).await;
        }
        let (followed, store, bell, roll) =
            (self.followed.clone(), self.store.clone(), self.bell.clone(), self.roll.clone());
        let why = tokio::select! {
            why = self.alternate(stop) => why,
            _ = async { tokio::join!(followed.answer(), store.listen(bell), roll.run()) } => Stopped::Asked,
        };
        self.roll.leave().await;
        why
    }

    async fn alternate(&mut self, mut stop: Stop) -> Stopped {
        loop {
            let (engine, lease) = match self.engine.take() {
                Some(begun) => begun,
                None => match self.follow(&mut stop).await {
                    Some(begun) => begun,
                    None => return Stopped::Asked,
                },
            };
            tracing::info!(term = lease.term, "this process folds the log");
            metrics::gauge!("sereno_folds").set(1.0);
            self.told.term.send_replace(Some(lease.term));
            let why = Box::pin(self.fold(engine, lease, stop.clone())).await;
            metrics::gauge!("sereno_folds").set(0.0);
            self.told.term.send_replace(None);
            match why {
                Stopped::Asked => {
                    self.claim.resign(lease.term).await;
                    return why;
                }
                Stopped::Damaged(_) => return why,
                Stopped::LeaseLost if self.store.is_exclusive() => return why,
                Stopped::LeaseLost => tracing::warn!(term = lease.term, "this process folds the log no more"),
            }
        }
    }

    /// Follows until the lease is ours and an engine has begun. `None` when it is time to stop.
    async fn follow(&self, stop: &mut Stop) -> Option<(Engine, Lease)> {
        loop {
            let lease = {
                let mut requests = self.requests.lock().await;
                tokio::select! {
                    biased;
                    () = stop.asked() => return None,
                    lease = self.claim.won() => lease,
                    () = self.followed.take(&mut requests) => continue,
                    () = self.followed.watch(&self.told) => continue,
                }
            };
            match self.begin(lease).await {
                Ok(engine) => return Some((engine, lease)),
                Err(error) => {
                    tracing::warn!(%error, "this process cannot fold the log");
                    self.told.trouble.send_replace(Some(error.to_string()));
                    self.claim.resign(lease.term).await;
                    self.sources.clock.sleep(AGAIN).await;
                }
            }
        }
    }

    /// Begins to fold, and keeps the lease meanwhile: a long log takes longer than a lease lives.
    async fn begin(&self, lease: Lease) -> store::Result<Engine> {
        let claim = self.claim.clone();
        // In a task of its own, which ends with this: folding a stretch of the log leaves no room for a renewal.
        let mut kept = JoinSet::new();
        kept.spawn(async move { claim.kept(lease.term).await });
        tokio::select! {
            begun = self.rebuild(lease) => begun,
            _ = kept.join_next() => Err(store::Error::LeaseLost),
        }
    }

    /// An engine with the World as the log has it, under our own policy.
    async fn rebuild(&self, lease: Lease) -> store::Result<Engine> {
        let requests = self.requests.clone().lock_owned().await;
        let mut engine =
            Box::pin(Engine::start(self.store.clone(), &self.sources, lease, self.told.clone(), requests)).await?;
        engine.apply(&self.policy).await?;
        Ok(engine)
    }

    async fn fold(&self, engine: Engine, lease: Lease, stop: Stop) -> Stopped {
        let others: Others = engine.others();
        let look = async {
            if self.store.is_exclusive() {
                std::future::pending::<()>().await;
            }
            others.look(&self.store, &self.bell).await;
        };
        let tell = async {
            let mut committed = self.told.committed.subscribe();
            // Behind nobody there is nobody to tell.
            while committed.changed().await.is_ok() {
                self.bell.ring(Ring::Commit);
                if !self.store.is_alone() {
                    self.store.ring(Ring::Commit).await;
                }
            }
        };
        tokio::select! {
            biased;
            why = engine.run(stop) => why,
            () = self.claim.kept(lease.term) => Stopped::LeaseLost,
            () = look => Stopped::LeaseLost,
            () = tell => Stopped::LeaseLost,
        }
    }
}
