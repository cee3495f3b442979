//! The engine: takes inputs in order of arrival, folds them, and commits what follows.
//!
//! One task holds the World. Whatever waits is taken as one batch: idempotency keys, log entries,
//! decisions and cursor are committed in one transaction with one sync, and only then does whoever
//! appended get an answer. If that commit fails, the World in memory is thrown away and rebuilt.

mod backlog;
mod log;
mod models;
mod pulse;

use std::collections::HashSet;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tracing::{Instrument as _, debug_span};

use self::models::Models;
use self::pulse::Pulse;
use crate::clock::Clock;
use crate::core::input::{Body, Input};
use crate::core::policy::Policy;
use crate::core::step::step;
use crate::core::time::{Span, Ts};
use crate::core::world::World;
use crate::stop::Stop;
use crate::store::{self, Appended, Entry, Lease, Store, Writes, idempotency_key};

pub use backlog::{DiskLevel, Urgency};
pub use log::{AppendError, Log, NewInput};
pub use pulse::watch as watch_clock;

use log::{Answer, Request};

/// Inputs that are committed together at most.
const MAX_BATCH: usize = 512;
/// Requests that may wait; more are refused, however urgent they are. The backlog refuses others much sooner.
const MAX_WAITING: usize = 8192;
/// A snapshot is written after so many inputs …
const SNAPSHOT_INPUTS: u64 = 20_000;
/// … or after this long, if there were any …
const SNAPSHOT_EVERY: Span = Span::mins(10);
/// … but never so often that writing them takes more than one part in so many of the time.
const SNAPSHOT_SHARE: i64 = 20;
/// How long the engine waits before it tries a broken store again.
const BROKEN_WAIT: Span = Span::secs(1);

/// An idempotency key as it is stored.
type Key = [u8; 16];

/// What the engine tells others: how far it is, and what the policy is.
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
}

/// Holds the World and folds.
pub struct Engine {
    store: Store,
    clock: Arc<dyn Clock>,
    lease: Lease,
    lease_lives: Span,
    world: World,
    models: Models,
    requests: mpsc::Receiver<Request>,
    committed: watch::Sender<u64>,
    outbox: watch::Sender<u64>,
    policy: watch::Sender<Arc<Policy>>,
    trouble: watch::Sender<Option<String>>,
    last_commit: watch::Sender<Ts>,
    due: watch::Sender<Option<Ts>>,
    snapshot_pos: u64,
    snapshot_at: Ts,
    /// How long it took to write the newest one.
    snapshot_took: Span,
    /// The clocks at the newest commit.
    pulse: Pulse,
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
}

impl Engine {
    /// Rebuilds the World from the newest snapshot and the log behind it, under `lease`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn start(
        store: Store,
        clock: Arc<dyn Clock>,
        lease: Lease,
        lease_lives: Span,
    ) -> store::Result<(Self, Log, Progress)> {
        let (world, changed) = rebuild(&store, lease.cursor).await?;
        let arrival = pulse::arrival(clock.as_ref(), world.now, lease.left);
        let (sender, requests) = mpsc::channel(MAX_WAITING);
        let committed = watch::Sender::new(world.pos);
        let outbox = watch::Sender::new(world.pos);
        let policy = watch::Sender::new(world.policy.clone());
        let trouble = watch::Sender::new(None);
        let last_commit = watch::Sender::new(clock.now());
        let due = watch::Sender::new(None);
        let progress = Progress {
            committed: committed.subscribe(),
            outbox: outbox.subscribe(),
            policy: policy.subscribe(),
            trouble: trouble.subscribe(),
            last_commit: last_commit.subscribe(),
            due: due.subscribe(),
        };
        let log = Log::new(sender, clock.clone());
        let (snapshot_pos, snapshot_at) = (world.pos, clock.now());
        let models = Models::new(changed, clock.now());
        let pulse = Pulse::read(clock.as_ref());
        let mut engine = Self {
            store,
            clock,
            lease,
            lease_lives,
            world,
            models,
            requests,
            committed,
            outbox,
            policy,
            trouble,
            last_commit,
            due,
            snapshot_pos,
            snapshot_at,
            snapshot_took: Span(0),
            pulse,
        };
        if let Some(arrival) = arrival {
            engine.fold(vec![NewInput::unkeyed(arrival)]).await?;
        }
        Ok((engine, log, progress))
    }

    /// Folds until `stop` is told or the lease is lost. On the way out the read models are brought up to
    /// date and a snapshot is written.
    pub async fn run(mut self, mut stop: Stop) -> Stopped {
        let mut renew_at = self.clock.now();
        let why = loop {
            let now = self.clock.now();
            if now >= renew_at {
                if !self.keep_lease(now).await {
                    break Stopped::LeaseLost;
                }
                renew_at = now.plus(Span(self.lease_lives.0 / 3));
            }
            let due = self.world.next_deadline().into_iter().chain(self.models.due()).min();
            self.due.send_replace(due);
            let wake = due.map_or(renew_at, |due| due.min(renew_at));
            tokio::select! {
                biased;
                () = stop.asked() => break Stopped::Asked,
                request = self.requests.recv() => match request {
                    Some(first) => if self.take(first).await.is_err() { break Stopped::LeaseLost },
                    None => break Stopped::Asked,
                },
                () = self.clock.sleep_until(wake) => if self.time_passed().await.is_err() { break Stopped::LeaseLost },
            }
        };
        if matches!(why, Stopped::Asked) {
            self.wind_up().await;
        }
        why
    }

    /// Takes what waits, with `first`, as one batch.
    async fn take(&mut self, first: Request) -> Result<(), ()> {
        let mut requests = vec![first];
        let mut inputs = requests[0].inputs.len();
        while inputs < MAX_BATCH {
            let Ok(next) = self.requests.try_recv() else { break };
            inputs += next.inputs.len();
            requests.push(next);
        }
        let (inputs, doors): (Vec<Vec<NewInput>>, Vec<_>) = requests
            .into_iter()
            .map(|Request { inputs, done, waits }| {
                drop(waits);
                let count = inputs.len();
                (inputs, (done, count))
            })
            .unzip();
        let inputs = inputs.into_iter().flatten().collect();
        match self.fold(inputs).await {
            Ok(results) => answer(doors, results),
            Err(error) => {
                // Whoever appended is told at once: mending may take as long as the store is away.
                self.trouble.send_replace(Some(error.to_string()));
                for (done, _) in doors {
                    refuse(done, &error);
                }
                self.recover(&error).await?;
            }
        }
        Ok(())
    }

    /// A deadline is due, or read models must be written.
    async fn time_passed(&mut self) -> Result<(), ()> {
        let now = self.clock.now();
        if self.world.next_deadline().is_some_and(|at| at <= now)
            && let Err(error) = self.fold(vec![NewInput::unkeyed(Body::Tick)]).await
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

    /// Folds inputs and commits them with everything that follows.
    async fn fold(&mut self, inputs: Vec<NewInput>) -> store::Result<Vec<Appended>> {
        let pulse = Pulse::read(self.clock.as_ref());
        let started = pulse.now;
        let keys: Vec<Option<Key>> =
            inputs.iter().map(|i| i.key.as_ref().map(|k| idempotency_key(&i.source, k))).collect();
        let (mut tx, mut fresh) = self.note_keys(&keys, started).await?;
        let mut results = Vec::with_capacity(inputs.len());
        let mut entries = Vec::with_capacity(inputs.len());
        let mut writes = Writes::default();
        // Nothing is folded after a jump of the clock before the jump itself is.
        if let Some(jump) = pulse.jump_since(&self.pulse) {
            pulse::tell(&jump);
            entries.push(self.fold_one(Body::ClockJumped(jump), started, &mut writes)?.0);
        }
        for (input, key) in inputs.into_iter().zip(keys) {
            // A key counts once, also when it comes twice in the same batch.
            if key.is_some_and(|key| !fresh.remove(&key)) {
                results.push(Appended { pos: None, reply: None });
                metrics::counter!("sereno_duplicates_total").increment(1);
                continue;
            }
            let (entry, reply) = self.fold_one(input.body, started, &mut writes)?;
            results.push(Appended { pos: Some(entry.pos), reply });
            entries.push(entry);
        }
        if entries.is_empty() {
            tx.roll_back().await?;
            return Ok(results);
        }
        let commit = async {
            tx.append(&entries).await?;
            tx.write(&writes, &self.world).await?;
            tx.commit(self.world.pos, self.lease.term).await
        };
        commit.instrument(debug_span!("commit", pos = self.world.pos)).await?;
        let to_do = !writes.outbox.is_empty() || !writes.settled.is_empty();
        self.pulse = pulse;
        self.models.add(writes.changed, started);
        self.committed(entries.len(), to_do, started).await?;
        Ok(results)
    }

    /// Begins a commit and notes the keys in it. Returns those that were new.
    async fn note_keys(&self, keys: &[Option<Key>], now: Ts) -> store::Result<(store::Tx, HashSet<Key>)> {
        let mut wanted: Vec<Key> = keys.iter().flatten().copied().collect();
        // In key order neighbouring keys share pages, and a key that comes twice is asked for once.
        wanted.sort_unstable();
        wanted.dedup();
        let mut tx = self.store.begin_commit().await?;
        // Nearly always all of them are new, and then nobody needs to be told which.
        if tx.note_new_keys(&wanted, now).await? {
            return Ok((tx, wanted.into_iter().collect()));
        }
        tx.roll_back().await?;
        let mut tx = self.store.begin_commit().await?;
        let fresh = tx.note_keys(&wanted, now).await?.into_iter().collect();
        Ok((tx, fresh))
    }

    fn fold_one(
        &mut self,
        body: Body,
        now: Ts,
        writes: &mut Writes,
    ) -> store::Result<(Entry, Option<crate::core::step::Reply>)> {
        let is_policy = matches!(body, Body::Policy(_));
        let input = Input { pos: self.world.pos + 1, at: now.max(self.world.now), body };
        let entry = Entry { pos: input.pos, at: input.at, body: serde_json::to_string(&input.body)? };
        metrics::counter!("sereno_inputs_total", "kind" => kind(&input.body)).increment(1);
        let decision = debug_span!("fold", pos = input.pos).in_scope(|| step(&mut self.world, &input));
        let reply = writes.add(decision);
        if is_policy {
            self.policy.send_replace(self.world.policy.clone());
        }
        Ok((entry, reply))
    }

    /// A batch is committed: tell everybody, and see whether a snapshot is due.
    async fn committed(&mut self, inputs: usize, to_do: bool, started: Ts) -> store::Result<()> {
        let now = self.clock.now();
        self.committed.send_replace(self.world.pos);
        if to_do {
            self.outbox.send_replace(self.world.pos);
        }
        self.last_commit.send_replace(now);
        metrics::histogram!("sereno_commit_seconds").record(now.since(started).as_secs_f64());
        #[expect(clippy::cast_precision_loss, reason = "batches are small")]
        metrics::histogram!("sereno_commit_inputs").record(inputs as f64);
        let (behind, age) = (self.world.pos - self.snapshot_pos, now.since(self.snapshot_at));
        let many = behind >= SNAPSHOT_INPUTS && age.0 >= self.snapshot_took.0 * SNAPSHOT_SHARE;
        if many || (behind > 0 && age >= SNAPSHOT_EVERY) {
            self.snapshot().await?;
        }
        Ok(())
    }

    async fn flush_models(&mut self) -> store::Result<()> {
        let started = self.clock.now();
        let changed = self.models.take();
        let mut tx = self.store.begin_commit().await?;
        tx.write_models(&changed, &self.world).await?;
        tx.commit(self.world.pos, self.lease.term).await?;
        self.models.took(self.clock.now().since(started));
        Ok(())
    }

    async fn snapshot(&mut self) -> store::Result<()> {
        let started = self.clock.now();
        // What a snapshot has behind it is not folded again, so the read models must hold it.
        self.flush_models().await?;
        let body = self.world.write()?;
        self.store.save_snapshot(self.world.pos, self.world.now, &body).await?;
        self.snapshot_pos = self.world.pos;
        self.snapshot_at = self.clock.now();
        self.snapshot_took = self.snapshot_at.since(started);
        tracing::debug!(pos = self.world.pos, bytes = body.len(), "snapshot");
        Ok(())
    }

    /// Renews the lease. Returns whether it still holds; trouble with the store is not a loss.
    async fn keep_lease(&self, now: Ts) -> bool {
        match self.store.renew_lease(self.lease.term, now, self.lease_lives).await {
            Ok(held) => held,
            Err(error) => {
                tracing::warn!(%error, "the engine lease could not be renewed");
                true
            }
        }
    }

    /// A commit failed: nothing of it happened, so the World is rebuilt from what did.
    async fn recover(&mut self, error: &store::Error) -> Result<(), ()> {
        metrics::counter!("sereno_commit_failures_total").increment(1);
        if matches!(error, store::Error::LeaseLost) {
            return Err(());
        }
        tracing::error!(%error, "commit failed; rebuilding");
        self.trouble.send_replace(Some(error.to_string()));
        loop {
            match self.reload().await {
                Ok(()) => break,
                Err(error) => {
                    tracing::error!(%error, "the store cannot be read; trying again");
                    while let Ok(waiting) = self.requests.try_recv() {
                        refuse(waiting.done, &error);
                    }
                    self.clock.sleep(BROKEN_WAIT).await;
                }
            }
        }
        self.trouble.send_replace(None);
        tracing::info!("the store works again");
        Ok(())
    }

    async fn reload(&mut self) -> store::Result<()> {
        let mut tx = self.store.begin_commit().await?;
        let cursor = tx.cursor().await?;
        tx.roll_back().await?;
        let (world, changed) = rebuild(&self.store, cursor).await?;
        self.world = world;
        self.models = Models::new(changed, self.clock.now());
        self.committed.send_replace(self.world.pos);
        self.outbox.send_replace(self.world.pos);
        self.policy.send_replace(self.world.policy.clone());
        Ok(())
    }

    async fn wind_up(&mut self) {
        // The log ends when we do, so that the next start knows since when nobody was there.
        if self.clock.now() > self.world.now
            && let Err(error) = self.fold(vec![NewInput::unkeyed(Body::Tick)]).await
        {
            tracing::warn!(%error, "the end was not written down");
            return;
        }
        if let Err(error) = self.snapshot().await {
            tracing::warn!(%error, "no snapshot was written at the end; the next start folds more");
        }
        if let Err(error) = self.store.resign_lease(self.lease.term).await {
            tracing::warn!(%error, "the engine lease was not given back");
        }
    }
}

/// The World of the newest snapshot with the log behind it folded in, and whose read models that touched.
async fn rebuild(store: &Store, cursor: u64) -> store::Result<(World, crate::core::step::Changed)> {
    let mut world = store.load_snapshot().await?;
    let mut changed = crate::core::step::Changed::default();
    while world.pos < cursor {
        let stretch = store.log_after(world.pos, cursor).await?;
        if stretch.is_empty() {
            break;
        }
        for input in &stretch {
            changed.merge(step(&mut world, input).changed);
        }
    }
    Ok((world, changed))
}

/// Gives each request its share of the results.
fn answer(doors: Vec<(Answer, usize)>, results: Vec<Appended>) {
    let mut results = results.into_iter();
    for (done, count) in doors {
        // Whoever asked may have gone; what they appended stays.
        let _gone = done.send(Ok(results.by_ref().take(count).collect()));
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
        Body::ClockJumped(_) | Body::Returned { .. } | Body::Skewed { .. } => "time",
        Body::Policy(_) => "policy",
        Body::LinkIssued { .. } | Body::LinkUsed { .. } | Body::SignedOut { .. } => "sign_in",
    }
}
