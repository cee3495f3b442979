//! What is told to the other parts of this process: how far the log is, and what the policy is.

use std::sync::Arc;

use tokio::sync::watch;

use crate::core::policy::Policy;
use crate::core::time::Ts;
use crate::core::world::World;

/// What the engine tells others, or whoever follows one in another process.
#[derive(Clone)]
pub struct Progress {
    /// Position of the newest commit.
    pub committed: watch::Receiver<u64>,
    /// Position of the newest commit that made or changed outbox rows.
    pub outbox: watch::Receiver<u64>,
    /// The policy in force.
    pub policy: watch::Receiver<Arc<Policy>>,
    /// Why nothing can be appended now; `None` when all is well.
    pub trouble: watch::Receiver<Option<String>>,
    /// When the newest commit was made.
    pub last_commit: watch::Receiver<Ts>,
    /// When the engine has something to do by itself: a deadline, or read models to write.
    pub due: watch::Receiver<Option<Ts>>,
    /// The term under which this process folds; `None` while it does not.
    pub term: watch::Receiver<Option<i64>>,
}

/// The other end of [`Progress`].
#[derive(Clone)]
pub struct Told {
    pub(super) committed: watch::Sender<u64>,
    pub(super) outbox: watch::Sender<u64>,
    pub(super) policy: watch::Sender<Arc<Policy>>,
    pub(super) trouble: watch::Sender<Option<String>>,
    pub(super) last_commit: watch::Sender<Ts>,
    pub(super) due: watch::Sender<Option<Ts>>,
    pub(super) term: watch::Sender<Option<i64>>,
}

impl Told {
    /// Nothing is known yet but a policy to begin with.
    pub fn new(policy: Arc<Policy>, now: Ts) -> Self {
        Self {
            committed: watch::Sender::new(0),
            outbox: watch::Sender::new(0),
            policy: watch::Sender::new(policy),
            trouble: watch::Sender::new(None),
            last_commit: watch::Sender::new(now),
            due: watch::Sender::new(None),
            term: watch::Sender::new(None),
        }
    }

    /// Whoever folds begins with this World.
    pub(super) fn stands_at(&self, world: &World, now: Ts) {
        self.committed.send_replace(world.pos);
        self.outbox.send_replace(world.pos);
        self.policy.send_replace(world.policy.clone());
        self.trouble.send_replace(None);
        self.last_commit.send_replace(now);
    }

    /// For whoever wants to know.
    pub fn progress(&self) -> Progress {
        Progress {
            committed: self.committed.subscribe(),
            outbox: self.outbox.subscribe(),
            policy: self.policy.subscribe(),
            trouble: self.trouble.subscribe(),
            last_commit: self.last_commit.subscribe(),
            due: self.due.subscribe(),
            term: self.term.subscribe(),
        }
    }
}
