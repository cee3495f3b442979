//! The engine: takes inputs in order of arrival, folds them, and commits what follows.
//!
//! One task holds the World. Whatever waits is taken as one batch: idempotency keys, log entries,
//! decisions and cursor are committed in one transaction with one sync, and only then does whoever
//! appended get an answer. If that commit fails, the World in memory is thrown away and rebuilt.

mod backlog;
mod claim;
mod follow;
mod keeper;
mod log;
mod models;
mod others;
mod progress;
mod pulse;
mod roll;

use std::collections::HashSet;
use std::sync::Arc;

use tokio::sync::{OwnedMutexGuard, mpsc, watch};
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
/// A snapshot is written after so many inputs …
const SNAPSHOT_INPUTS: u64 = 20_000;
/// … or after this long, if there were any …
const SNAPSHOT_EVERY: Span = Span::mins(10);
/// … but never so often that writing them takes more than one part in so many of the time.
const SNAPSHOT_SHARE: i64 = 20;
/// Answers to other processes that nobody has read for this long are forgotten.
const TIDY: Span = Span::mins(1);
/// How long the engine waits before it tries a broken store again.
const BROKEN_WAIT: Span = Span::secs(1);

/// An idempotency key as it is stored.
type Key = [u8; 16];

/// Holds the World and folds.
pub struct Engine {
    store: Store,
    clock: Arc<dyn Clock>,
    lease: Lease,
    world: World,
    models: Models,
    requests: OwnedMutexGuard<mpsc::Receiver<Request>>,
    others: Others,
    /// When answers that nobody reads were last forgotten.
    tidied: Ts,
    /// What a commit holds of which nobody knows yet whether it happened.
    undecided: Option<(u64, Vec<Appended>)>,
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
    /// Rebuilds the World from the newest snapshot and the log behind it, under `lease`, to fold what comes in by
    /// `requests`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn start(
        store: Store,
        clock: Arc<dyn Clock>,
        lease: Lease,
        told: Told,
        requests: OwnedMutexGuard<mpsc::Receiver<Request>>,
    ) -> store::Result<Self> {
        let (world, changed) = rebuild(&store, lease.cursor).await?;
        let arrival = pulse::arrival(clock.as_ref(), world.now, lease.left);
        let Told { committed, outbox, policy, trouble, last_commit, due } = told;
        committed.send_replace(world.pos);
        outbox.send_replace(world.pos);
        policy.send_replace(world.policy.clone());
        trouble.send_replace(None);
        last_commit.send_replace(clock.now());
        let (snapshot_pos, snapshot_at) = (world.pos, clock.now());
        let models = Models::new(changed, clock.now());
        let pulse = Pulse::read(clock.as_ref());
        let mut engine = Self {
            store,
            tidied: clock.now(),
            clock,
            lease,
            world,
            models,
            requests,
            others: Others::default(),
            undecided: None,
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
            engine.fold(vec![NewInput::unkeyed(arrival)], &Asked::default()).await?;
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
        if *self.world.policy != *policy {
            self.fold(vec![NewInput::unkeyed(Body::Policy(Box::new(policy.clone())))], &Asked::default()).await?;
        } else if !self.store.is_exclusive() && self.store.policy().await?.is_none() {
            let mut tx = self.store.begin_commit().await?;
            tx.write_policy(&serde_json::to_string(policy)?, self.world.pos).await?;
            tx.commit(self.world.pos, self.lease.term).await?;
        }
        Ok(())
    }

    /// Folds until `stop` is told or the lease is lost. When it was asked to stop, the read models are brought up
    /// to date and a snapshot is written.
    pub async fn run(mut self, mut stop: Stop) -> Stopped {
        let why = loop {
            let due = self.world.next_deadline().into_iter().chain(self.models.due()).min();
            self.due.send_replace(due);
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
            if done.is_err() {
                break Stopped::LeaseLost;
            }
        };
        if matches!(why, Stopped::Asked) {
            self.wind_up().await;
        }
        why
    }

    /// Takes what waits, with `first`, as one batch.
    async fn take(&mut self, first: Option<Request>) -> Result<(), ()> {
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
    async fn failed(&mut self, doors: Vec<(Answer, usize)>, error: &store::Error) -> Result<(), ()> {
        self.trouble.send_replace(Some(error.to_string()));
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
    async fn time_passed(&mut self) -> Result<(), ()> {
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

    /// Folds inputs and commits them with everything that follows; the last of them are those that others `asked`.
    async fn fold(&mut self, inputs: Vec<NewInput>, asked: &Asked) -> store::Result<Vec<Appended>> {
        self.undecided = None;
        let pulse = Pulse::read(self.clock.as_ref());
        let started = pulse.now;
        let keys: Vec<Option<Key>> =
            inputs.iter().map(|i| i.key.as_ref().map(|k| idempotency_key(&i.source, k))).collect();
        let (mut tx, mut fresh) = self.note_keys(&keys, started).await?;
        kill_point!("engine.keys.after");
        let mut results = Vec::with_capacity(inputs.len());
        let mut entries = Vec::with_capacity(inputs.len());
        let mut writes = Writes::default();
        let inputs_hold_policy = inputs.iter().any(|input| matches!(input.body, Body::Policy(_)));
        // Nothing is folded after a jump of the clock before the jump itself is.
        if let Some(jump) = pulse.jump_since(&self.pulse) {
            pulse::tell(&jump);
            entries.push(self.fold_one(Body::ClockJumped(jump), started, &mut writes)?.0);
        }
        for (input, key) in inputs.into_iter().zip(keys) {
            // A key counts once, also when it comes twice in the same batch.
            if key.is_some_and(|key| !fresh.remove(&key)) {
                results.push(Appended::again());
                metrics::counter!("sereno_duplicates_total").increment(1);
                continue;
            }
            let (entry, reply) = self.fold_one(input.body, started, &mut writes)?;
            results.push(Appended::at(entry.pos, reply));
            entries.push(entry);
        }
        if entries.is_empty() && asked.is_empty() {
            tx.roll_back().await?;
            return Ok(results);
        }
        let policy = inputs_hold_policy.then(|| serde_json::to_string(&*self.world.policy)).transpose()?;
        if !self.store.is_exclusive() {
            self.undecided = Some((self.world.pos, results.clone()));
        }
        let commit = async {
            tx.append(&entries).await?;
            kill_point!("engine.append.after");
            tx.write(&writes, &self.world).await?;
            kill_point!("engine.write.after");
            if let Some(policy) = policy {
                tx.write_policy(&policy, self.world.pos).await?;
            }
            if !asked.is_empty() {
                kill_point!("engine.asked.before");
                tx.answer(&asked.answers(&results)?, started).await?;
                kill_point!("engine.asked.after");
            }
            tx.commit(self.world.pos, self.lease.term).await
        };
        commit.instrument(debug_span!("commit", pos = self.world.pos)).await?;
        kill_point!("engine.commit.after");
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
        kill_point!("engine.keys.before");
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
        kill_point!("engine.models.before");
        if !self.store.is_exclusive() {
            self.tidy(&mut tx).await?;
        }
        tx.commit(self.world.pos, self.lease.term).await?;
        kill_point!("engine.models.after");
        self.models.took(self.clock.now().since(started));
        Ok(())
    }

    async fn snapshot(&mut self) -> store::Result<()> {
        let started = self.clock.now();
        // What a snapshot has behind it is not folded again, so the read models must hold it.
        self.flush_models().await?;
        let body = self.world.write()?;
        self.store.save_snapshot(self.world.pos, self.world.now, &body).await?;
        kill_point!("engine.snapshot.after");
        self.snapshot_pos = self.world.pos;
        self.snapshot_at = self.clock.now();
        self.snapshot_took = self.snapshot_at.since(started);
        tracing::debug!(pos = self.world.pos, bytes = body.len(), "snapshot");
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
                Err(store::Error::LeaseLost) => return Err(()),
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
        let (term, cursor) = tx.fold_state().await?;
        tx.roll_back().await?;
        if term != self.lease.term {
            return Err(store::Error::LeaseLost);
        }
        let (world, changed) = rebuild(&self.store, cursor).await?;
        self.world = world;
        self.models = Models::new(changed, self.clock.now());
        // A commit of which nobody knew whether it happened may have left something to do.
        if self.committed.send_replace(self.world.pos) < self.world.pos {
            self.outbox.send_replace(self.world.pos);
        }
        self.policy.send_replace(self.world.policy.clone());
        Ok(())
    }

    async fn wind_up(&mut self) {
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

/// The World of the newest snapshot with the log behind it folded in, and whose read models that touched.
async fn rebuild(store: &Store, cursor: u64) -> store::Result<(World, crate::core::step::Changed)> {
    kill_point!("engine.start.before");
    let mut world = store.load_snapshot().await?;
    kill_point!("engine.start.after");
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
        Body::ClockJumped(_) | Body::Returned { .. } | Body::Skewed { .. } => "time",
        Body::Policy(_) => "policy",
        Body::LinkIssued { .. } | Body::LinkUsed { .. } | Body::SignedOut { .. } => "sign_in",
    }
}
