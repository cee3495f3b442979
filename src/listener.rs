//! Listeners: connections to runtimes that have to be called, and what they report, into the log.
//!
//! One process holds the connection to a runtime, under a lease of its own. How a runtime is talked to is its adapter's
//! affair; when to call again, what is stored and who is told is decided here.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;

use crate::clock::Sources;
use crate::core::contact::{Contact, ContactState};
use crate::core::event::Event;
use crate::core::input::{Body, Reported};
use crate::core::reason::Reason;
use crate::core::time::{Span, Ts};
use crate::engine::{Claim, Log, NewInput};
use crate::health::Health;
use crate::runtime::hold::For;
use crate::runtime::{Ended, Intake, NotStored, Runtime};
use crate::stop::Stop;
use crate::store::Store;

/// How long to wait before a connection is made again; up to half of it more by chance, so that not all who lost one
/// come back at once.
const AGAIN: [Span; 5] = [Span::secs(1), Span::secs(2), Span::secs(5), Span::secs(10), Span::secs(15)];
/// Who is away for longer than this is missed.
const MISSED: Span = Span::mins(1);

/// Holds connections to runtimes.
#[derive(Clone)]
pub struct Listener {
    /// Where inputs go.
    pub log: Log,
    /// What is committed.
    pub store: Store,
    /// Time and randomness.
    pub sources: Sources,
    /// How connections are doing.
    pub health: Arc<Health>,
}

impl Listener {
    /// Holds the connection of every runtime that has to be called, until `stop` is told. `claim` stands for each
    /// runtime's lease but for its name.
    pub async fn run(self, runtimes: Arc<HashMap<String, Arc<dyn Runtime>>>, claim: Claim, stop: Stop) {
        let mut tasks = tokio::task::JoinSet::new();
        for (name, runtime) in runtimes.iter().filter(|(_, runtime)| runtime.is_called()) {
            let (listener, name, runtime) = (self.clone(), name.clone(), runtime.clone());
            let claim = Claim { name: format!("runtime:{name}"), ..claim.clone() };
            let stop = stop.clone();
            tasks.spawn(async move { listener.attend(&name, runtime.as_ref(), &claim, stop).await });
        }
        while tasks.join_next().await.is_some() {}
    }

    /// Holds the connection as long as this process is the one that may.
    async fn attend(&self, name: &str, runtime: &dyn Runtime, claim: &Claim, mut stop: Stop) {
        let mut goes_on = true;
        while goes_on {
            let lease = tokio::select! {
                lease = claim.won() => lease,
                () = stop.asked() => return,
            };
            tokio::select! {
                () = self.hold(name, runtime) => goes_on = false,
                () = claim.kept(lease.term) => {}
                () = stop.asked() => goes_on = false,
            }
            self.let_go(name).await;
            claim.resign(lease.term).await;
        }
    }

    /// Holds a connection, and makes it again when it ends: soon when it had stood, ever later when it had not.
    async fn hold(&self, name: &str, runtime: &dyn Runtime) {
        let (mut failures, mut gone) = (0, None);
        loop {
            let held = Held { listener: self, name, runtime, stood: AtomicBool::new(false) };
            let ended = runtime.listen(&held).await;
            let stood = held.stood.into_inner();
            self.let_go(name).await;
            failures = if stood { 0 } else { failures + 1 };
            if stood {
                gone = None;
            }
            let since = *gone.get_or_insert(self.sources.now());
            let wish = match &ended {
                Ended::Broke { why, after } => {
                    self.trouble(name, why);
                    if self.sources.now().since(since) >= MISSED {
                        self.tell(name, ContactState::Away { since }).await;
                    }
                    *after
                }
                Ended::NeedsPerson(why) | Ended::Refused(why) => {
                    self.trouble(name, why);
                    self.tell(name, ContactState::Refused { why: why.clone() }).await;
                    None
                }
            };
            if matches!(ended, Ended::Refused(_)) {
                // It would be refused again; whoever mends the configuration starts anew.
                return std::future::pending().await;
            }
            let wait = wish.unwrap_or_else(|| self.later(AGAIN[failures.min(AGAIN.len() - 1)]));
            self.sources.clock.sleep(wait).await;
        }
    }

    /// A span and up to half of it more.
    fn later(&self, span: Span) -> Span {
        let mut chance = [0; 2];
        self.sources.entropy.fill(&mut chance);
        Span(span.0 + span.0 / 2 * i64::from(u16::from_be_bytes(chance)) / i64::from(u16::MAX))
    }

    fn trouble(&self, name: &str, why: &str) {
        self.health.trouble(&health_name(name), why);
    }

    async fn tell(&self, name: &str, state: ContactState) {
        let contact = Body::Contact(Contact { runtime: name.to_owned(), state });
        if let Err(error) = self.log.append_patiently(vec![NewInput::unkeyed(contact)]).await {
            tracing::warn!(%error, runtime = name, "nobody was told how the way to it stands");
        }
    }

    /// Calls for the runtime are not carried out here any more.
    async fn let_go(&self, name: &str) {
        if self.store.is_exclusive() {
            return;
        }
        if let Err(error) = self.store.let_go(name, &For::Connection.to_string()).await {
            tracing::warn!(%error, runtime = name, "others believe that its connection is here, until we stop");
        }
    }
}

/// What an adapter that holds a connection hands over to.
struct Held<'a> {
    listener: &'a Listener,
    name: &'a str,
    runtime: &'a dyn Runtime,
    /// The connection has stood.
    stood: AtomicBool,
}

#[async_trait]
impl Intake for Held<'_> {
    #[tracing::instrument(name = "listen", level = "debug", skip_all, fields(runtime = self.name))]
    async fn take(&self, events: Vec<Event>) -> Result<(), NotStored> {
        self.append(events, |reported| reported).await
    }

    #[tracing::instrument(name = "listen", level = "debug", skip_all, fields(runtime = self.name))]
    async fn recall(&self, events: Vec<Event>) -> Result<(), NotStored> {
        self.append(events, Reported::recalled).await
    }

    async fn open_questions(&self) -> Result<Vec<String>, NotStored> {
        let open = self.listener.store.pending_approvals(self.name).await;
        let open = open.map_err(|error| NotStored(error.to_string()))?;
        Ok(open.into_iter().map(|approval| approval.external).collect())
    }

    async fn secret(&self, name: &str, fresh: &str) -> Result<String, NotStored> {
        let key = secret_key(self.name, name);
        let store = &self.listener.store;
        let kept = if fresh.is_empty() {
            store.meta(&key).await.map(Option::unwrap_or_default)
        } else {
            store.meta_or(&key, fresh).await
        };
        kept.map_err(|error| NotStored(error.to_string()))
    }

    async fn keep(&self, name: &str, secret: &str) -> Result<(), NotStored> {
        let kept = self.listener.store.set_meta(&secret_key(self.name, name), secret).await;
        kept.map_err(|error| NotStored(error.to_string()))
    }

    async fn connected(&self) {
        let Listener { store, health, sources, .. } = self.listener;
        self.stood.store(true, Ordering::Relaxed);
        health.ok(&health_name(self.name), sources.now());
        if !store.is_exclusive()
            && let Err(error) = store.hold(self.name, &For::Connection.to_string()).await
        {
            // Another process will not find it, and tries until this one does.
            tracing::warn!(%error, runtime = self.name, "others are not told that its connection is here");
        }
        self.listener.tell(self.name, ContactState::Here).await;
    }

    fn sources(&self) -> &Sources {
        &self.listener.sources
    }
}

impl Held<'_> {
    /// Appends events, each once.
    async fn append(&self, events: Vec<Event>, heard: impl Fn(Reported) -> Reported) -> Result<(), NotStored> {
        let now: Ts = self.listener.sources.now();
        let (ours, others): (Vec<Event>, Vec<Event>) =
            events.into_iter().partition(|event| self.runtime.may_speak_for(event));
        self.refused("scope", others.len());
        if ours.is_empty() {
            return Ok(());
        }
        let source = format!("runtime:{}", self.name);
        let inputs = ours.into_iter().map(|event| {
            let (key, reported) = (event.id.clone(), heard(Reported::new(self.name, now, event)));
            NewInput::keyed(source.clone(), key, Body::Event(Box::new(reported)))
        });
        let appended = self.listener.log.append_patiently(inputs.collect()).await;
        let appended = appended.map_err(|error| NotStored(error.to_string()))?;
        let reasons = appended.iter().filter_map(|appended| Some(&appended.reply.as_ref()?.reason));
        self.refused("no_room", reasons.filter(|reason| matches!(reason, Reason::NoRoom { .. })).count());
        Ok(())
    }

    fn refused(&self, reason: &'static str, count: usize) {
        if count > 0 {
            let source = self.name.to_owned();
            metrics::counter!("sereno_intake_refused_total", "source" => source, "reason" => reason)
                .increment(u64::try_from(count).unwrap_or(u64::MAX));
        }
    }
}

/// How the connection to a runtime is called among those that are watched; channels have bare names.
fn health_name(runtime: &str) -> String {
    format!("runtime:{runtime}")
}

/// Where the store keeps a secret of a runtime.
pub fn secret_key(runtime: &str, name: &str) -> String {
    format!("runtime:{runtime}:{name}")
}
