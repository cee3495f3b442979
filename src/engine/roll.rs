//! The roll: which processes live on this database, and which part of the outbox each serves.
//!
//! A process that has moved its beat is alive until it has not for a while, by our own clock. One that was on the
//! roll before us counts only once it moves: it may have died long ago.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::clock::Clock;
use crate::core::time::Span;
use crate::store::{self, Fellows, Share, Store};

/// How often a process says that it lives.
const BEAT: Span = Span::secs(2);
/// A process that has not said so for this long does not.
const DEAD: Span = Span::secs(7);
/// It is forgotten after this.
const FORGOTTEN: Span = Span::mins(2);

/// What is known of another process: its beat, when it moved last, and whether it ever has.
#[derive(Clone, Copy)]
struct Seen {
    beat: i64,
    moved: Span,
    lives: bool,
}

/// The roll as this process keeps it.
#[derive(Clone)]
pub(super) struct Roll {
    store: Store,
    clock: Arc<dyn Clock>,
    own: String,
    seen: Arc<Mutex<Option<BTreeMap<String, Seen>>>>,
}

impl Roll {
    pub fn new(store: Store, clock: Arc<dyn Clock>, own: String) -> Self {
        Self { store, clock, own, seen: Arc::default() }
    }

    /// Says that we live, until it is dropped.
    pub async fn run(&self) {
        loop {
            self.clock.sleep(BEAT).await;
            if let Err(error) = self.call().await {
                tracing::debug!(%error, "the roll cannot be called");
            }
        }
    }

    /// Says that we live, and sees who else does.
    pub async fn call(&self) -> store::Result<()> {
        let now = self.clock.monotonic();
        let rows = self.store.beat(&self.own).await?;
        let (live, gone) = self.note(rows, now);
        let place = live.iter().position(|id| *id == self.own).unwrap_or(0);
        let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        let share = Share::of(count(place), count(live.len()));
        #[expect(clippy::cast_precision_loss, reason = "a handful")]
        metrics::gauge!("sereno_replicas").set(live.len() as f64);
        self.store.set_fellows(Fellows { own: self.own.clone(), live, share });
        for id in gone {
            self.store.forget_replica(&id).await?;
        }
        Ok(())
    }

    /// Who lives, in order, and who can be forgotten.
    fn note(&self, rows: Vec<(String, i64)>, now: Span) -> (Vec<String>, Vec<String>) {
        let mut known = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let first = known.is_none();
        let before = known.take().unwrap_or_default();
        let mut seen = BTreeMap::new();
        for (id, beat) in rows {
            let about = match before.get(&id) {
                Some(old) if old.beat == beat => *old,
                Some(_) => Seen { beat, moved: now, lives: true },
                // Whoever comes after us lives.
                None => Seen { beat, moved: now, lives: !first || id == self.own },
            };
            seen.insert(id, about);
        }
        let quiet = |about: &Seen| Span(now.0 - about.moved.0);
        let lives = |id: &str, about: &Seen| id == self.own || (about.lives && quiet(about) < DEAD);
        let of = |which: &dyn Fn(&str, &Seen) -> bool| {
            seen.iter().filter(|(id, about)| which(id, about)).map(|(id, _)| id.clone()).collect::<Vec<_>>()
        };
        let live = of(&lives);
        let gone = of(&|id, about| id != self.own && quiet(about) >= FORGOTTEN);
        *known = Some(seen);
        (live, gone)
    }

    /// Leaves the roll.
    pub async fn leave(&self) {
        if let Err(error) = self.store.forget_replica(&self.own).await {
            tracing::debug!(%error, "this process stays on the roll until the others miss it");
        }
    }
}
