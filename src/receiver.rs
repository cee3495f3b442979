//! Receivers: what people say on channels, into the log, and the answer to a tap back.
//!
//! An update is confirmed to its platform only once it is stored, and the same update counts once. How a platform
//! hands updates over is its adapter's affair; when to ask again, and which process may, is decided here.

pub mod complete;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;

use crate::channel::token::Tokens;
use crate::channel::{Channel, Inbox, Incoming, NotStored, PollError, Reception, Typing, tap};
use crate::clock::Sources;
use crate::core::access::Actor;
use crate::core::input::{Body, Invocation};
use crate::core::policy::Lang;
use crate::core::reason::Reason;
use crate::core::time::Span;
use crate::engine::{AppendError, Claim, Log, NewInput, Progress};
use crate::health::Health;
use crate::render::{RENDERER, Reader};
use crate::stop::Stop;
use crate::store::Store;

/// How long to wait before a channel is prepared, or a connection made, again.
const AGAIN: [Span; 5] = [Span::secs(1), Span::secs(2), Span::secs(5), Span::secs(15), Span::secs(60)];

/// Takes in what people say.
#[derive(Clone)]
pub struct Receiver {
    /// Where inputs go.
    pub log: Log,
    /// What is committed.
    pub store: Store,
    /// Checks the tokens of buttons.
    pub tokens: Tokens,
    /// Time and randomness.
    pub sources: Sources,
    /// What the engine tells.
    pub progress: Progress,
    /// How channels are doing.
    pub health: Arc<Health>,
}

impl Receiver {
    /// Prepares and polls every channel until `stop` is told. A platform lets one process poll: the one that holds
    /// the channel's lease, for which `claim` stands but for its name.
    pub async fn run(self, channels: Arc<HashMap<String, Arc<dyn Channel>>>, claim: Claim, stop: Stop) {
        let mut tasks = tokio::task::JoinSet::new();
        for (name, channel) in channels.iter() {
            let (receiver, name, channel) = (self.clone(), name.clone(), channel.clone());
            let claim = Claim { name: format!("channel:{name}"), ..claim.clone() };
            let stop = stop.clone();
            tasks.spawn(async move { receiver.attend(&name, channel.as_ref(), &claim, stop).await });
        }
        while tasks.join_next().await.is_some() {}
    }

    async fn attend(&self, name: &str, channel: &dyn Channel, claim: &Claim, mut stop: Stop) {
        tokio::select! {
            () = self.prepare(name, channel) => {}
            () = stop.asked() => return,
        }
        match channel.reception() {
            Reception::Pushed => {}
            Reception::Held { alone: false } => {
                tokio::select! {
                    () = self.hold(name, channel) => {}
                    () = stop.asked() => {}
                }
            }
            Reception::Polled | Reception::Held { alone: true } => self.attend_alone(name, channel, claim, stop).await,
        }
    }

    /// Polls or holds the connection as long as this process is the one that may.
    async fn attend_alone(&self, name: &str, channel: &dyn Channel, claim: &Claim, mut stop: Stop) {
        let mut goes_on = true;
        while goes_on {
            let lease = tokio::select! {
                lease = claim.won() => lease,
                () = stop.asked() => return,
            };
            let attend = async {
                match channel.reception() {
                    Reception::Polled => self.poll(name, channel).await,
                    _ => self.hold(name, channel).await,
                }
            };
            tokio::select! {
                () = attend => goes_on = false,
                () = claim.kept(lease.term) => {}
                () = stop.asked() => goes_on = false,
            }
            claim.resign(lease.term).await;
        }
    }

    /// Holds a connection, and makes it again when it ends: soon when it had worked, ever later when it had not.
    async fn hold(&self, name: &str, channel: &dyn Channel) {
        let mut failures = 0;
        loop {
            let held = HeldInbox { receiver: self, name, channel, worked: AtomicBool::new(false) };
            let why = channel.listen(&held).await;
            self.health.trouble(name, &why);
            failures = if held.worked.into_inner() { 0 } else { failures + 1 };
            self.sources.clock.sleep(AGAIN[failures.min(AGAIN.len() - 1)]).await;
        }
    }

    /// Polls until the channel says that it is not polled.
    async fn poll(&self, name: &str, channel: &dyn Channel) {
        let mut since = 0;
        loop {
            match channel.poll(since).await {
                Ok(polled) => {
                    self.health.ok(name, self.sources.now());
                    if self.take_all(name, channel, polled.incoming).await {
                        kill_point!("receiver.confirm.before");
                        since = polled.next;
                    }
                }
                Err(PollError::NotPolled) => return,
                Err(PollError::Later { error, wait }) => {
                    self.health.trouble(name, &error);
                    self.sources.clock.sleep(wait).await;
                }
            }
        }
    }

    async fn prepare(&self, name: &str, channel: &dyn Channel) {
        let mut waits = AGAIN.into_iter();
        let mut wait = AGAIN[0];
        while let Err(error) = channel.prepare().await {
            self.health.trouble(name, &error);
            wait = waits.next().unwrap_or(wait);
            self.sources.clock.sleep(wait).await;
        }
    }

    /// Takes updates in order. Returns whether all of them are stored; if not, the platform sends them again.
    async fn take_all(&self, name: &str, channel: &dyn Channel, updates: Vec<Incoming>) -> bool {
        for incoming in updates {
            if let Err(error) = self.take(name, channel, incoming).await {
                tracing::warn!(%error, channel = name, "an update could not be stored yet");
                self.sources.clock.sleep(Span::secs(1)).await;
                return false;
            }
        }
        true
    }

    /// Appends one update, and answers it if it was a tap.
    ///
    /// # Errors
    /// When it could not be stored.
    #[tracing::instrument(name = "receive", level = "debug", skip_all, fields(channel = name))]
    pub async fn take(&self, name: &str, channel: &dyn Channel, incoming: Incoming) -> Result<(), AppendError> {
        let reader = self.reader(&incoming);
        let Some(invocation) = self.invocation(&incoming) else {
            metrics::counter!("sereno_taps_refused_total", "channel" => name.to_owned()).increment(1);
            self.respond(channel, &incoming, &Reason::UnknownButton, true, &reader).await;
            return Ok(());
        };
        let input = NewInput::keyed(format!("channel:{name}"), incoming.key.clone(), Body::Command(invocation));
        kill_point!("receiver.append.before");
        let appended = self.log.append_one(input).await?;
        kill_point!("receiver.append.after");
        if let Some(reply) = appended.reply {
            self.respond(channel, &incoming, &reply.reason, reply.refused, &reader).await;
        }
        Ok(())
    }

    /// Offers whoever types what may stand there. At most once: they go on typing, or type it all.
    pub async fn complete(&self, channel: &dyn Channel, typing: &Typing) {
        let policy = self.progress.policy.borrow().clone();
        let offers = complete::offers(&self.store, &policy, typing, self.sources.now()).await.unwrap_or_else(|error| {
            tracing::debug!(%error, "nothing could be offered");
            Vec::new()
        });
        channel.offer(&typing.answer_to, &offers).await;
    }

    /// What was said or tapped, as the fold knows it. `None` for a token that is not ours.
    fn invocation(&self, incoming: &Incoming) -> Option<Invocation> {
        let origin = &incoming.origin;
        let tap = match &incoming.tap {
            Some((token, receipt)) => {
                let token = self.tokens.read(token, &origin.channel, &origin.target)?;
                Some(tap(&token, Some(receipt.clone())))
            }
            None => None,
        };
        Some(Invocation {
            actor: Actor {
                channel: origin.channel.clone(),
                account: incoming.account.clone(),
                display: incoming.display.clone(),
            },
            text: incoming.text.clone(),
            tap,
            origin: Some(origin.clone()),
            device: None,
            secret: None,
        })
        .map(|invocation| self.tokens.sealed(invocation, self.sources.entropy.as_ref()))
    }

    async fn respond(
        &self,
        channel: &dyn Channel,
        incoming: &Incoming,
        reason: &Reason,
        refused: bool,
        reader: &Reader,
    ) {
        if let Some(to) = &incoming.answer_to {
            let text = RENDERER.sentence(reason, reader, self.sources.now());
            channel.answer(to, &text, refused).await;
        }
    }

    fn reader(&self, incoming: &Incoming) -> Reader {
        let policy = self.progress.policy.borrow();
        let actor =
            Actor { channel: incoming.origin.channel.clone(), account: incoming.account.clone(), display: None };
        let person = policy.person_of(&actor).and_then(|(name, _)| policy.people.get(name));
        let (lang, tz) = person.map_or((incoming.lang.unwrap_or(Lang::En), &policy.tz), |p| (p.lang, &p.tz));
        Reader { lang, tz: tz.clone(), whole: true }
    }
}

/// What an adapter that holds a connection hands over to.
struct HeldInbox<'a> {
    receiver: &'a Receiver,
    name: &'a str,
    channel: &'a dyn Channel,
    /// The connection has given a sign of life.
    worked: AtomicBool,
}

#[async_trait]
impl Inbox for HeldInbox<'_> {
    async fn take(&self, incoming: Incoming) -> Result<(), NotStored> {
        self.alive();
        self.receiver.take(self.name, self.channel, incoming).await.map_err(|error| NotStored(error.to_string()))
    }

    async fn complete(&self, typing: Typing) {
        self.receiver.complete(self.channel, &typing).await;
    }

    fn alive(&self) {
        self.worked.store(true, Ordering::Relaxed);
        self.receiver.health.ok(self.name, self.receiver.sources.now());
    }
}
