//! Following: a process that does not fold stores what it takes, and waits for whoever folds to answer.
//!
//! Many requests share one commit. What was stored is durable and will be folded, so events for whose answer
//! nobody waits are acknowledged after a moment even while nobody folds; for everything else the answer is waited
//! for, and when it does not come the request is taken back before the caller is told that it was not stored.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::backlog::{Urgency, Waits};
use super::log::{Answer, AppendError, NewInput, Request};
use super::progress::Told;
use crate::clock::Clock;
use crate::core::input::Body;
use crate::core::policy::Policy;
use crate::core::time::{Span, Ts};
use crate::store::{self, Appended, Bell, Ring, Store, Waiting};

/// Requests that are stored in one commit at most.
const MAX_GROUP: usize = 256;
/// Requests that may wait for their answers; beyond it the door closes.
const MAX_WAITING: usize = 4096;
/// Events for whose answer nobody waits are acknowledged after this long.
const STORED: Span = Span(1500);
/// Everything else waits this long for its answer: longer than it takes until somebody else folds.
const ANSWER: Span = Span::secs(25);

/// What the fold answers to a request.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Verdict {
    /// It was folded.
    Folded(Vec<Appended>),
    /// It could not be read: it is of another version.
    Unreadable(String),
}

/// A caller whose request is stored, or being stored.
struct Caller {
    done: Answer,
    inputs: usize,
    /// They wait until there is an answer: a process that folds too slowly is felt here as well.
    _waits: Waits,
    since: Ts,
    /// Once stored, it may be acknowledged without an answer.
    early: bool,
    stored: bool,
}

/// The requests of this process.
#[derive(Clone)]
pub(super) struct Followed {
    pub store: Store,
    pub clock: Arc<dyn Clock>,
    pub bell: Bell,
    /// This process.
    pub owner: String,
    number: Arc<AtomicI64>,
    /// When the log was last seen to move, in milliseconds.
    moved: Arc<AtomicI64>,
    callers: Arc<Mutex<BTreeMap<i64, Caller>>>,
}

impl Followed {
    pub fn new(store: Store, clock: Arc<dyn Clock>, bell: Bell, owner: String) -> Self {
        Self { store, clock, bell, owner, number: Arc::default(), moved: Arc::default(), callers: Arc::default() }
    }

    fn callers<T>(&self, act: impl FnOnce(&mut BTreeMap<i64, Caller>) -> T) -> T {
        act(&mut self.callers.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Stores what is appended here, until it is dropped.
    pub async fn take(&self, requests: &mut mpsc::Receiver<Request>) {
        let mut ear = self.bell.ear(Ring::Commit);
        loop {
            while self.callers(|callers| callers.len()) >= MAX_WAITING {
                ear.heard().await;
            }
            let Some(first) = requests.recv().await else { return std::future::pending().await };
            let mut group = vec![first];
            while group.len() < MAX_GROUP {
                let Ok(next) = requests.try_recv() else { break };
                group.push(next);
            }
            let rows = self.admit(group);
            let followed = self.clone();
            // A group that was begun is stored also when somebody else goes on with the requests meanwhile.
            let stored = tokio::spawn(async move { followed.keep(rows).await });
            let _panicked = stored.await;
        }
    }

    /// Notes who waits, and makes the rows.
    fn admit(&self, group: Vec<Request>) -> Vec<Waiting> {
        let now = self.clock.now();
        let mut rows = Vec::with_capacity(group.len());
        for Request { inputs, done, waits } in group {
            let text = match serde_json::to_string(&inputs) {
                Ok(text) => text,
                Err(error) => {
                    refuse(done, &error.to_string());
                    continue;
                }
            };
            let number = self.number.fetch_add(1, Ordering::Relaxed) + 1;
            let early = inputs.iter().all(needs_no_answer);
            let caller = Caller { done, inputs: inputs.len(), _waits: waits, since: now, early, stored: false };
            self.callers(|callers| callers.insert(number, caller));
            rows.push(Waiting { owner: self.owner.clone(), number, at: now, inputs: text });
        }
        rows
    }

    async fn keep(&self, rows: Vec<Waiting>) {
        kill_point!("follow.store.before");
        let result = self.store.add_requests(&rows).await;
        kill_point!("follow.store.after");
        match result {
            Ok(()) => {
                self.callers(|callers| {
                    for row in &rows {
                        if let Some(caller) = callers.get_mut(&row.number) {
                            caller.stored = true;
                        }
                    }
                });
                self.bell.ring(Ring::Request);
                self.store.ring(Ring::Request).await;
            }
            Err(error) => {
                tracing::warn!(%error, "what was taken could not be stored");
                for row in &rows {
                    self.give_up(row.number, &error.to_string()).await;
                }
            }
        }
    }

    /// Takes a request back, and tells its caller that nothing was stored. What was folded meanwhile is not taken
    /// back: its answer comes.
    async fn give_up(&self, number: i64, why: &str) {
        match self.store.withdraw_request(&self.owner, number).await {
            Ok(true) => {}
            // Never stored, or folded just now: then the answer is there.
            Ok(false) => {
                if self.read_answers().await.is_ok() && self.callers(|callers| !callers.contains_key(&number)) {
                    return;
                }
            }
            Err(error) => tracing::warn!(%error, "a request could not be taken back"),
        }
        if let Some(caller) = self.callers(|callers| callers.remove(&number)) {
            refuse(caller.done, why);
        }
    }

    /// Reads answers and minds the time, for as long as this process lives.
    pub async fn answer(&self) {
        let mut ear = self.bell.ear(Ring::Commit);
        loop {
            ear.heard().await;
            if self.callers(|callers| callers.is_empty()) {
                continue;
            }
            if let Err(error) = self.read_answers().await {
                tracing::debug!(%error, "answers cannot be read");
            }
            self.mind_time().await;
        }
    }

    async fn read_answers(&self) -> store::Result<()> {
        let Some(first) = self.callers(|callers| callers.keys().next().copied()) else { return Ok(()) };
        let answers = self.store.answers(&self.owner, first - 1).await?;
        let Some(last) = answers.last().map(|answer| answer.number) else { return Ok(()) };
        kill_point!("follow.answer.before");
        for answer in answers {
            let Some(caller) = self.callers(|callers| callers.remove(&answer.number)) else { continue };
            let result = match serde_json::from_str(&answer.body) {
                Ok(Verdict::Folded(appended)) => Ok(appended),
                Ok(Verdict::Unreadable(error)) => Err(AppendError::Unavailable(error)),
                Err(error) => Err(AppendError::Unavailable(error.to_string())),
            };
            // Whoever asked may have gone; what they appended stays.
            let _gone = caller.done.send(result);
        }
        kill_point!("follow.answer.after");
        self.store.forget_answers(&self.owner, last).await
    }

    async fn mind_time(&self) {
        let now = self.clock.now();
        // Behind a process that folds an answer comes, however late.
        let nobody_folds = now.since(Ts(self.moved.load(Ordering::Relaxed))) >= STORED;
        let fate = |caller: &Caller| {
            let waited = now.since(caller.since);
            if !caller.stored {
                None
            } else if caller.early && nobody_folds && waited >= STORED {
                Some(true)
            } else {
                (waited >= ANSWER).then_some(false)
            }
        };
        let late: Vec<(i64, bool)> = self
            .callers(|callers| callers.iter().filter_map(|(number, caller)| Some((*number, fate(caller)?))).collect());
        for (number, stays) in late {
            if !stays {
                self.give_up(number, "no process folds the log now").await;
            } else if let Some(caller) = self.callers(|callers| callers.remove(&number)) {
                let _gone = caller.done.send(Ok(vec![Appended::stored(); caller.inputs]));
            }
        }
    }

    /// Tells this process how far the log is, until it is dropped.
    pub async fn watch(&self, told: &Told) {
        let mut ear = self.bell.ear(Ring::Commit);
        let mut policy = None;
        loop {
            match self.look(told, &mut policy).await {
                Ok(()) => {
                    told.trouble.send_if_modified(|trouble| trouble.take().is_some());
                }
                Err(error) => {
                    told.trouble.send_replace(Some(error.to_string()));
                }
            }
            ear.heard().await;
        }
    }

    pub async fn look(&self, told: &Told, policy: &mut Option<u64>) -> store::Result<()> {
        let folded = self.store.folded().await?;
        if *policy != Some(folded.policy)
            && let Some(text) = self.store.policy().await?
        {
            let new: Policy = serde_json::from_str(&text)?;
            told.policy.send_replace(Arc::new(new));
            *policy = Some(folded.policy);
        }
        if folded.cursor > *told.committed.borrow() {
            self.moved.store(self.clock.now().0, Ordering::Relaxed);
            told.last_commit.send_replace(self.clock.now());
            told.committed.send_replace(folded.cursor);
            told.outbox.send_replace(folded.cursor);
        }
        told.due.send_if_modified(|due| due.take().is_some());
        Ok(())
    }
}

/// Whether nobody waits for what the fold says to it: an event of an agent that does not stand at a gate, or an
/// outcome.
fn needs_no_answer(input: &NewInput) -> bool {
    let waits = matches!(input.body, Body::Event(_)) && Urgency::of(&input.body) >= Urgency::Question;
    !waits && matches!(input.body, Body::Event(_) | Body::Sent(_) | Body::Controlled(_))
}

fn refuse(done: Answer, why: &str) {
    let _gone = done.send(Err(AppendError::Unavailable(why.to_owned())));
}
