//! A batch: idempotency keys, log entries, decisions and cursor in one transaction, with one sync.
//!
//! It is folded before it is committed, and whoever appended is answered after that. When anything goes wrong nothing
//! of it is stored, and the World in memory is of no use; what to do then is not decided here.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tracing::{Instrument as _, debug_span};

use super::log::NewInput;
use super::others::Asked;
use super::pulse::{self, Pulse};
use super::quarantine::{Aside, Broken, caught};
use super::{Engine, Key, kind};
use crate::core::command::look;
use crate::core::input::{Body, Input, Invocation};
use crate::core::reason::Reason;
use crate::core::step::Reply;
use crate::core::time::Ts;
use crate::store::{self, Appended, Entry, Writes, idempotency_key};

/// A batch that is being folded, and what it writes.
struct Batch<'a> {
    now: Ts,
    /// Where the log ended before it.
    before: u64,
    aside: &'a Aside,
    entries: Vec<Entry>,
    writes: Writes,
}

impl Engine {
    /// Folds inputs, with something else in the place of what is put `aside`, and commits them with everything that
    /// follows; the last of them are those that others `asked`.
    pub(super) async fn attempt(
        &mut self,
        inputs: &mut [NewInput],
        asked: &Asked,
        aside: &Aside,
    ) -> Result<Vec<Appended>, Broken> {
        self.undecided = None;
        let pulse = Pulse::read(self.clock.as_ref());
        let started = pulse.now;
        let keys: Vec<Option<Key>> =
            inputs.iter().map(|i| i.key.as_ref().map(|k| idempotency_key(&i.source, k))).collect();
        let lasting: Vec<bool> = inputs.iter().map(|input| input.lasting).collect();
        let (tx, fresh) = self.note_keys(&keys, &lasting, started).await?;
        kill_point!("engine.keys.after");
        let before = self.world.pos;
        let mut batch = Batch { now: started, before, aside, entries: Vec::new(), writes: Writes::default() };
        let policy_before = self.world.policy.clone();
        // Nothing is folded after a jump of the clock before the jump itself is.
        if let Some(jump) = pulse.jump_since(&self.pulse) {
            pulse::tell(&jump);
            self.fold_nth(0, &mut Body::ClockJumped(jump), &mut batch)?;
        }
        let results = self.fold_all(inputs, &keys, fresh, &mut batch)?;
        if batch.entries.is_empty() && asked.is_empty() {
            tx.roll_back().await?;
            return Ok(results);
        }
        let is_new_policy = !Arc::ptr_eq(&policy_before, &self.world.policy);
        let policy = is_new_policy.then(|| serde_json::to_string(&*self.world.policy)).transpose()?;
        if !self.store.is_exclusive() {
            self.undecided = Some((self.world.pos, results.clone()));
        }
        let commit = self.commit(tx, &batch, policy, asked, &results);
        commit.instrument(debug_span!("commit", pos = self.world.pos)).await?;
        kill_point!("engine.commit.after");
        let Batch { entries, writes, .. } = batch;
        let to_do = !writes.outbox.is_empty() || !writes.settled.is_empty();
        self.pulse = pulse;
        self.models.add(writes.changed, started);
        self.committed(entries.len(), to_do, started);
        Ok(results)
    }

    async fn commit(
        &self,
        mut tx: store::Tx,
        batch: &Batch<'_>,
        policy: Option<String>,
        asked: &Asked,
        results: &[Appended],
    ) -> store::Result<()> {
        tx.append(&batch.entries).await?;
        kill_point!("engine.append.after");
        tx.write(&batch.writes, &self.world).await?;
        kill_point!("engine.write.after");
        if let Some(policy) = policy {
            tx.write_policy(&policy, self.world.pos).await?;
        }
        if !asked.is_empty() {
            kill_point!("engine.asked.before");
            tx.answer(&asked.answers(results)?, batch.now).await?;
            kill_point!("engine.asked.after");
        }
        tx.commit(batch.before, self.world.pos, self.lease.term).await
    }

    /// Begins a commit and notes the keys in it, with whether they last. Returns those that were new.
    async fn note_keys(
        &self,
        keys: &[Option<Key>],
        lasting: &[bool],
        now: Ts,
    ) -> store::Result<(store::Tx, HashSet<Key>)> {
        let mut wanted: Vec<(Key, bool)> =
            keys.iter().zip(lasting).filter_map(|(key, lasting)| Some(((*key)?, *lasting))).collect();
        // In key order neighbouring keys share pages, and a key that comes twice is asked for once.
        wanted.sort_unstable();
        wanted.dedup_by_key(|(key, _)| *key);
        let mut tx = self.store.begin_commit().await?;
        kill_point!("engine.keys.before");
        // Nearly always all of them are new, and then nobody needs to be told which.
        if tx.note_new_keys(&wanted, now).await? {
            return Ok((tx, wanted.into_iter().map(|(key, _)| key).collect()));
        }
        tx.roll_back().await?;
        let mut tx = self.store.begin_commit().await?;
        let fresh = tx.note_keys(&wanted, now).await?.into_iter().collect();
        Ok((tx, fresh))
    }

    /// Folds inputs whose keys are `fresh`, each once.
    fn fold_all(
        &mut self,
        inputs: &mut [NewInput],
        keys: &[Option<Key>],
        mut fresh: HashSet<Key>,
        batch: &mut Batch<'_>,
    ) -> Result<Vec<Appended>, Broken> {
        let mut results = Vec::with_capacity(inputs.len());
        for (n, (input, key)) in inputs.iter_mut().zip(keys).enumerate() {
            // A key counts once, also when it comes twice in the same batch.
            if key.is_some_and(|key| !fresh.remove(&key)) {
                results.push(self.put_aside.again(*key));
                metrics::counter!("sereno_duplicates_total").increment(1);
                continue;
            }
            match &mut input.body {
                Body::Command(asked) if input.look => results.push(self.look(asked, batch.now)),
                body => results.push(self.fold_nth(n + 1, body, batch)?),
            }
        }
        Ok(results)
    }

    /// Answers what a command shows. Where that breaks, nothing was changed.
    fn look(&mut self, asked: &Invocation, now: Ts) -> Appended {
        let looked = catch_unwind(AssertUnwindSafe(|| look(&mut self.world, now, asked)));
        let reply = looked.unwrap_or_else(|_| {
            tracing::error!(text = asked.text, "what this shows cannot be told");
            Reply { reason: Reason::NothingToDo, refused: true, content: None, gate: None }
        });
        Appended::at(self.world.pos, Some(reply))
    }

    /// Folds the nth thing of a batch, or what stands in its place.
    fn fold_nth(&mut self, nth: usize, body: &mut Body, batch: &mut Batch<'_>) -> Result<Appended, Broken> {
        let (before, mut instead) = batch.aside.instead_of(nth, body)?;
        if let Some(mut before) = before {
            self.fold_one(&mut before, batch)?.map_err(|why| Broken::Fold(nth, why))?;
        }
        self.fold_one(instead.as_mut().unwrap_or(body), batch)?.map_err(|why| Broken::Fold(nth, why))
    }

    fn fold_one(&mut self, body: &mut Body, batch: &mut Batch<'_>) -> store::Result<Result<Appended, String>> {
        let policy = self.world.policy.clone();
        let at = batch.now.max(self.world.now);
        let input = Input { pos: self.world.pos + 1, at, body: std::mem::replace(body, Body::Tick) };
        let text = serde_json::to_string(&input.body);
        let span = debug_span!("fold", pos = input.pos);
        let decision = span.in_scope(|| caught(self.step, &mut self.world, &input));
        let Input { pos, body: folded, .. } = input;
        // It may have to be folded again.
        *body = folded;
        let entry = Entry { pos, at, body: text? };
        let decision = match decision {
            Ok(decision) => decision,
            Err(why) => return Ok(Err(why)),
        };
        metrics::counter!("sereno_inputs_total", "kind" => kind(body)).increment(1);
        let reply = batch.writes.add(decision);
        if !Arc::ptr_eq(&policy, &self.world.policy) {
            self.told.policy.send_replace(self.world.policy.clone());
        }
        batch.entries.push(entry);
        Ok(Ok(Appended::at(pos, reply)))
    }

    /// A batch is committed: tell everybody.
    fn committed(&self, inputs: usize, to_do: bool, started: Ts) {
        let now = self.clock.now();
        self.told.committed.send_replace(self.world.pos);
        if to_do {
            self.told.outbox.send_replace(self.world.pos);
        }
        self.told.last_commit.send_replace(now);
        metrics::histogram!("sereno_commit_seconds").record(now.since(started).as_secs_f64());
        #[expect(clippy::cast_precision_loss, reason = "batches are small")]
        metrics::histogram!("sereno_commit_inputs").record(inputs as f64);
    }
}
