//! The engine: takes inputs in order of arrival, folds them, and commits what follows.
//!
//! One task holds the World. Whatever waits is taken as one batch: idempotency keys, log entries,
//! decisions and cursor are committed in one transaction with one sync, and only then does whoever
//! appended get an answer. If that commit fails, the World in memory is thrown away and rebuilt.

mod backlog;
mod batch;
mod claim;
mod follow;
mod keeper;
mod log;
mod models;
mod others;
mod progress;
mod pulse;
mod quarantine;
mod rebuild;
mod roll;
mod snapshots;

use std::sync::Arc;

use tokio::sync::{OwnedMutexGuard, mpsc};

use self::models::Models;
use self::pulse::Pulse;
use self::quarantine::PutAside;
use self::rebuild::{Rebuilt, rebuild};
use self::snapshots::LONG_START;
use crate::clock::{Clock, Sources};
use crate::core::input::Body;
use crate::core::policy::Policy;
use crate::core::step::Step;
use crate::core::time::{Span, Ts};
use crate::core::world::World;
use crate::disk::Ballast;
use crate::stop::Stop;
use crate::store::{self, Appended, Lease, Store};

pub use backlog::{DiskLevel, Urgency};
pub use claim::{Claim, Watched};
pub use keeper::Keeper;
pub use log::{AppendError, Log, NewInput, Requests};
pub use progress::{Progress, Told};
pub use pulse::watch as watch_clock;

use log::{Answer, Request};
use others::{Asked, Others};

/// Inputs that are committed together at most.
const MAX_BATCH: usize = 512;
/// Requests that may wait; more are refused, however urgent they are. The backlog refuses others much sooner.
const MAX_WAITING: usize = 8192;
/// How long the engine waits before it tries a broken store again.
const BROKEN_WAIT: Span = Span::secs(1);

/// An idempotency key as it is stored.
type Key = [u8; 16];

/// Holds the World and folds.
pub struct Engine {
    store: Store,
    clock: Arc<dyn Clock>,
    step: Step,
    lease: Lease,
    world: World,
    models: Models,
    requests: OwnedMutexGuard<mpsc::Receiver<Request>>,
    others: Others,
    /// When answers that nobody reads were last forgotten.
    tidied: Ts,
    /// What a commit holds of which nobody knows yet whether it happened.
    undecided: Option<(u64, Vec<Appended>)>,
    told: Told,
    snapshot_pos: u64,
    snapshot_at: Ts,
    /// How long it took to write the newest one.
    snapshot_took: Span,
    /// The clocks at the newest commit.
    pulse: Pulse,
    put_aside: PutAside,
}

/// Why the engine stopped.
#[derive(Debug, thiserror::Error)]
pub enum Stopped {
    /// It was asked to.
    #[error("stopped")]
    Asked,
    /// Somebody else folds now.
    #[error("another process holds the engine lease")]
    LeaseLost,
    /// The store is damaged, so nothing may be written to it any more.
    #[error("{0}")]
    Damaged(String),
}

impl Engine {
    /// Rebuilds the World from the newest snapshot and the log behind it, under `lease`, to fold what comes in by
    /// `requests`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn start(
        store: Store,
        sources: &Sources,
        lease: Lease,
        told: Told,
        requests: OwnedMutexGuard<mpsc::Receiver<Request>>,
    ) -> store::Result<Self> {
        let Sources { clock, step, .. } = sources.clone();
        let began = clock.monotonic();
        let Rebuilt { world, snapshot, changed, news } = rebuild(&store, step, lease.cursor).await?;
        let took = Span(clock.monotonic().0 - began.0);
        let arrival = pulse::arrival(clock.as_ref(), world.now, lease.left);
        told.stands_at(&world, clock.now());
        // What the next start would have to fold again counts from the snapshot, however often we began since.
        let (snapshot_pos, snapshot_at) = snapshot.unwrap_or((0, clock.now()));
        let models = Models::new(changed, clock.now());
        let pulse = Pulse::read(clock.as_ref());
        let mut engine = Self {
            store,
            tidied: clock.now(),
            clock,
            step,
            lease,
            world,
            models,
            requests,
            others: Others::default(),
            undecided: None,
            told,
            snapshot_pos,
            snapshot_at,
            snapshot_took: Span(0),
            pulse,
            put_aside: PutAside::default(),
        };
        let news = news.into_iter().map(|about| Body::Quarantined(Box::new(about)));
        let first: Vec<NewInput> = arrival.into_iter().chain(news).map(NewInput::unkeyed).collect();
        if !first.is_empty() {
            engine.fold(first, &Asked::default()).await?;
        }
        if took >= LONG_START {
            engine.snapshot().await?;
        }
        Ok(engine)
    }

    /// Whether requests of other processes wait.
    fn others(&self) -> Others {
        self.others.clone()
    }

    /// Brings `policy` into force when it is another one than the log knows.
    ///
    /// # Errors
    /// When it cannot be committed.
    pub async fn apply(&mut self, policy: &Policy) -> store::Result<()> {
        if *self.world.configured() != *policy {
            self.fold(vec![NewInput::unkeyed(Body::Policy(Box::new(policy.clone())))], &Asked::default()).await?;
        } else if !self.store.is_exclusive() && self.store.policy().await?.is_none() {
            let mut tx = self.store.begin_commit().await?;
            tx.write_policy(&serde_json::to_string(&*self.world.policy)?, self.world.pos).await?;
            tx.commit(self.world.pos, self.world.pos, self.lease.term).await?;
        }
        Ok(())
    }

    /// Folds until `stop` is told or the lease is lost. When it was asked to stop, the read models are brought up
    /// to date and a snapshot is written.
    pub async fn run(mut self, mut stop: Stop) -> Stopped {
        let why = loop {
            let due = self.world.next_deadline().into_iter().chain(self.models.due()).min();
            self.told.due.send_replace(due);
            let passes = async {
                match due {
                    Some(due) => self.clock.sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            let done = tokio::select! {
                biased;
                () = stop.asked() => break Stopped::Asked,
                request = self.requests.recv() => match request {
                    Some(first) => self.take(Some(first)).await,
                    None => break Stopped::Asked,
                },
                () = self.others.come() => self.take(None).await,
                () = passes => self.time_passed().await,
            };
            // Whoever appended is answered by now: what is committed is acknowledged, whatever fails after it.
            if let Err(why) = done {
                break why;
            }
            if let Err(why) = self.snapshot_if_due().await {
                break why;
            }
        };
        if matches!(why, Stopped::Asked) {
            self.wind_up().await;
        }
        why
    }

    /// Takes what waits, with `first`, as one batch.
    async fn take(&mut self, first: Option<Request>) -> Result<(), Stopped> {
        let mut requests: Vec<Request> = first.into_iter().collect();
        let mut inputs: usize = requests.iter().map(|request| request.inputs.len()).sum();
        while inputs < MAX_BATCH {
            let Ok(next) = self.requests.try_recv() else { break };
            inputs += next.inputs.len();
            requests.push(next);
        }
        // When they cannot be read they wait; what is wrong shows at the commit.
        let mut asked = self.others.take(&self.store).await.unwrap_or_default();
        let (inputs, doors): (Vec<Vec<NewInput>>, Vec<_>) = requests
            .into_iter()
            .map(|Request { inputs, done, waits }| {
                drop(waits);
                let count = inputs.len();
                (inputs, (done, count))
            })
            .unzip();
        let inputs: Vec<NewInput> = inputs.into_iter().flatten().chain(asked.take_inputs()).collect();
        if inputs.is_empty() && asked.is_empty() {
            return Ok(());
        }
        match self.fold(inputs, &asked).await {
            Ok(results) => answer(doors, results),
            Err(error) => self.failed(doors, &error).await?,
        }
        Ok(())
    }

    /// A commit failed. What it was about did not happen, unless the connection broke after the database had
    /// heard of the commit: then the cursor says so.
    async fn failed(&mut self, doors: Vec<(Answer, usize)>, error: &store::Error) -> Result<(), Stopped> {
        self.told.trouble.send_replace(Some(error.to_string()));
        if let Some((pos, results)) = self.undecided.take()
            && !matches!(error, store::Error::LeaseLost)
            && self.store.folded().await.is_ok_and(|folded| (folded.term, folded.cursor) == (self.lease.term, pos))
        {
            answer(doors, results);
        } else {
            // Whoever appended is told at once: mending may take as long as the store is away.
            for (done, _) in doors {
                refuse(done, error);
            }
        }
        self.recover(error).await
    }

    /// A deadline is due, or read models must be written.
    async fn time_passed(&mut self) -> Result<(), Stopped> {
        let now = self.clock.now();
        if self.world.next_deadline().is_some_and(|at| at <= now)
            && let Err(error) = self.fold(vec![NewInput::unkeyed(Body::Tick)], &Asked::default()).await
        {
            return self.recover(&error).await;
        }
        if self.models.due().is_some_and(|at| at <= now)
            && let Err(error) = self.flush_models().await
        {
            return self.recover(&error).await;
        }
        Ok(())
    }

    /// A commit failed: nothing of it happened, so the World is rebuilt from what did.
    async fn recover(&mut self, error: &store::Error) -> Result<(), Stopped> {
        metrics::counter!("sereno_commit_failures_total").increment(1);
        end_of(error)?;
        tracing::error!(%error, "commit failed; rebuilding");
        self.told.trouble.send_replace(Some(error.to_string()));
        if error.is_full()
            && let Some(path) = self.store.path()
            && Ballast::of(path).give_back()
        {
            tracing::warn!("the disk is full: the ballast was given back, so that it can be told and recorded");
        }
        loop {
            match self.reload().await {
                Ok(()) => break,
                Err(error) => {
                    end_of(&error)?;
                    tracing::error!(%error, "the store cannot be read; trying again");
                    while let Ok(waiting) = self.requests.try_recv() {
                        refuse(waiting.done, &error);
                    }
                    self.clock.sleep(BROKEN_WAIT).await;
                }
            }
        }
        self.told.trouble.send_replace(None);
        tracing::info!("the store works again");
        Ok(())
    }

    async fn reload(&mut self) -> store::Result<()> {
        let mut tx = self.store.begin_commit().await?;
        let (term, cursor) = tx.fold_state().await?;
        if term != self.lease.term {
            tx.roll_back().await?;
            return Err(store::Error::LeaseLost);
        }
        // A store that can be read but not written is still in trouble, so something is written.
        tx.commit(cursor, cursor, term).await?;
        let Rebuilt { world, changed, .. } = rebuild(&self.store, self.step, cursor).await?;
        self.world = world;
        self.models = Models::new(changed, self.clock.now());
        // A commit of which nobody knew whether it happened may have left something to do.
        if self.told.committed.send_replace(self.world.pos) < self.world.pos {
            self.told.outbox.send_replace(self.world.pos);
        }
        self.told.policy.send_replace(self.world.policy.clone());
        Ok(())
    }
}

/// Errors after which there is nothing to go on with.
fn end_of(error: &store::Error) -> Result<(), Stopped> {
    match error {
        store::Error::LeaseLost => Err(Stopped::LeaseLost),
        damage if damage.is_damage() => Err(Stopped::Damaged(damage.to_string())),
        _ => Ok(()),
    }
}

/// Gives each request its share of the results.
fn answer(doors: Vec<(Answer, usize)>, results: Vec<Appended>) {
    kill_point!("engine.answer.before");
    let mut results = results.into_iter();
    for (done, count) in doors {
        // Whoever asked may have gone; what they appended stays.
        let _gone = done.send(Ok(results.by_ref().take(count).collect()));
        kill_point!("engine.answer.after");
    }
}

/// Tells one caller that nothing of theirs was stored.
fn refuse(done: Answer, error: &store::Error) {
    // Whoever asked may have gone.
    let _gone = done.send(Err(AppendError::Unavailable(error.to_string())));
}

const fn kind(body: &Body) -> &'static str {
    match body {
        Body::Event(_) => "event",
        Body::Command(_) => "command",
        Body::Sent(_) => "sent",
        Body::Controlled(_) => "controlled",
        Body::Tick => "tick",
        Body::Contact(_) => "contact",
        Body::ClockJumped(_) | Body::Returned { .. } | Body::Skewed { .. } => "time",
        Body::Policy(_) => "policy",
        Body::Restored { .. } => "restored",
        Body::Quarantined(_) => "quarantined",
        Body::LinkIssued { .. } | Body::LinkUsed { .. } | Body::SignedOut { .. } => "sign_in",
    }
}
