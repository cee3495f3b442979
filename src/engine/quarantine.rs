//! Inputs that break the fold: who is to blame, and how everything else goes on.
//!
//! A fold that panics leaves a World that nobody may believe. Nothing of its batch is committed by then, so the World
//! is rebuilt from what is, and the batch is folded again with something else in the place of what broke it; that is
//! committed, so a later fold of the log never meets it. What overflows the stack or the memory cannot be caught.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::log::NewInput;
use super::others::Asked;
use super::{BROKEN_WAIT, Engine, Key, kind};
use crate::core::digest::Digest;
use crate::core::input::{Body, Input};
use crate::core::quarantine::Quarantined;
use crate::core::reason::Reason;
use crate::core::step::{Decision, Reply, Step};
use crate::core::world::World;
use crate::store::{self, Appended, idempotency_key};

/// Keys that are remembered.
const MAX_KEYS: usize = 1024;

/// Folds one input. What it says when it breaks is the error; the World is good for nothing then.
pub(super) fn caught(step: Step, world: &mut World, input: &Input) -> Result<Decision, String> {
    // Whoever asks throws the World away, so nobody sees what was left half done.
    catch_unwind(AssertUnwindSafe(|| step(world, input))).map_err(|said| words(&*said))
}

fn words(said: &(dyn Any + Send)) -> String {
    let text = said.downcast_ref::<&str>().copied().or_else(|| said.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("the fold broke and did not say why").to_owned()
}

/// Why a batch was not folded.
pub(super) enum Broken {
    /// The store refused.
    Store(store::Error),
    /// The fold broke over the nth thing in it.
    Fold(usize, String),
}

impl From<store::Error> for Broken {
    fn from(error: store::Error) -> Self {
        Self::Store(error)
    }
}

impl From<serde_json::Error> for Broken {
    fn from(error: serde_json::Error) -> Self {
        Self::Store(error.into())
    }
}

/// How much is left out so that the fold holds, one more with each try.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Without {
    /// The input.
    Input,
    /// The input, and nobody is told: that may be what breaks.
    Notice,
    /// What fell due before it, since the fold broke without the input as well.
    Deadlines,
    /// Both.
    Both,
    /// Both, and nobody is told.
    All,
}

/// What broke the fold in one batch, by its place there.
#[derive(Default)]
pub(super) struct Aside(BTreeMap<usize, (Without, String)>);

impl Aside {
    /// The nth thing broke the fold, again or for the first time. The error when nothing is left to be left out.
    fn blame(&mut self, nth: usize, why: String) -> Result<(), String> {
        let without = match self.0.get(&nth).map(|(without, _)| *without) {
            None => Without::Input,
            Some(Without::Input) => Without::Notice,
            Some(Without::Notice) => Without::Deadlines,
            Some(Without::Deadlines) => Without::Both,
            Some(Without::Both) => Without::All,
            Some(Without::All) => return Err(why),
        };
        self.0.insert(nth, (without, why));
        Ok(())
    }

    /// What is folded before the nth thing, and what in its place; nothing when it is good.
    pub fn instead_of(&self, nth: usize, body: &Body) -> store::Result<(Option<Body>, Option<Body>)> {
        let Some((without, why)) = self.0.get(&nth) else { return Ok((None, None)) };
        let silent = matches!(without, Without::Notice | Without::All);
        let deadlines = (*without >= Without::Deadlines).then(|| {
            let about = Quarantined {
                what: "deadlines".into(),
                error: why.clone(),
                deadlines: true,
                silent,
                ..Quarantined::default()
            };
            Body::Quarantined(Box::new(about))
        });
        let input = if *without == Without::Deadlines { None } else { Some(put_aside(body, why, silent)?) };
        Ok((deadlines, input))
    }
}

fn put_aside(body: &Body, why: &str, silent: bool) -> store::Result<Body> {
    Ok(Body::Quarantined(Box::new(Quarantined { silent, ..about(body, why)? })))
}

/// What is known of an input that broke the fold.
pub(super) fn about(body: &Body, why: &str) -> store::Result<Quarantined> {
    let text = serde_json::to_string(body)?;
    Ok(Quarantined {
        what: kind(body).into(),
        error: why.into(),
        digest: Digest::of("sereno.input.v1", text.as_bytes()).to_string(),
        bytes: text.len() as u64,
        body: text,
        ..Quarantined::default()
    })
}

/// Keys of what was put aside since the start: whoever sends it again is told the same again.
#[derive(Default)]
pub(super) struct PutAside(BTreeMap<Key, Reply>);

impl PutAside {
    pub fn note(&mut self, key: Key, reply: Reply) {
        if self.0.len() >= MAX_KEYS {
            self.0.clear();
        }
        self.0.insert(key, reply);
    }

    /// What is said to an input that was there before.
    pub fn again(&self, key: Option<Key>) -> Appended {
        Appended { reply: key.and_then(|key| self.0.get(&key).cloned()), ..Appended::again() }
    }
}

impl Engine {
    /// Folds inputs and commits them with everything that follows; the last of them are those that others `asked`.
    /// What breaks the fold is put aside, and the others go through.
    pub(super) async fn fold(&mut self, mut inputs: Vec<NewInput>, asked: &Asked) -> store::Result<Vec<Appended>> {
        let mut aside = Aside::default();
        loop {
            let (nth, why) = match self.attempt(&mut inputs, asked, &aside).await {
                Ok(results) => {
                    self.note(&aside, &inputs, &results);
                    return Ok(results);
                }
                Err(Broken::Store(error)) => return Err(error),
                Err(Broken::Fold(nth, why)) => (nth, why),
            };
            tracing::error!(why, nth, "the fold broke; what broke it is put aside");
            if let Err(why) = aside.blame(nth, why) {
                // Nothing helps; at least nobody spins.
                self.clock.sleep(BROKEN_WAIT).await;
                return Err(store::Error::Fold(why));
            }
            Box::pin(self.reload()).await?;
        }
    }

    /// What was put aside is counted, and known by its key.
    fn note(&mut self, aside: &Aside, inputs: &[NewInput], results: &[Appended]) {
        // Also when there is nothing: a rule sees only the growth of a figure that it has seen before.
        metrics::counter!("sereno_quarantined_total").increment(aside.0.len() as u64);
        // The first thing is a jump of the clock, which nobody has sent.
        for nth in aside.0.keys().filter_map(|nth| nth.checked_sub(1)) {
            let (input, reply) = (&inputs[nth], results[nth].reply.clone());
            let reply = reply.filter(|reply| matches!(reply.reason, Reason::Quarantined { .. }));
            if let (Some(key), Some(reply)) = (&input.key, reply) {
                self.put_aside.note(idempotency_key(&input.source, key), reply);
            }
        }
    }
}
