//! OpenClaw: a gateway that has to be called. We hold one connection to it as an operator.
//!
//! Over it come the events of all its agents, and go our decisions and orders; after each new connection what happened
//! meanwhile is asked for. Observed with 2026.9.6. It has no pause: a run is aborted, and told to go on later.

pub mod account;
mod approval;
mod control;
pub mod decode;
mod exam;
mod identity;
pub mod memory;
pub mod question;
mod reconcile;
mod socket;
pub mod wire;

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use self::memory::Memory;
use self::socket::{Heard, Socket};
use self::wire::{ADMIN, Refusal};
use super::hold::For;
use super::secret::Secret;
use super::{AgentScope, BadBody, Decoded, Ended, Inbound, Intake, Kept, Refused, Runtime, Verified};
use crate::clock::{random_hex, within};
use crate::core::control::{ControlCall, ControlResult};
use crate::core::event::Event;
use crate::core::policy::{RuntimePolicy, Verb};
use crate::core::time::Ts;
use crate::exam::Exam;
pub use identity::Identity;

/// The secret from which the device is made that we are to a gateway on another machine.
const DEVICE: &str = "device";
/// The token that a gateway has given to that device.
const DEVICE_TOKEN: &str = "device_token";
/// What tells our idempotency keys from those of another store.
const ORIGIN: &str = "origin";
/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(15);
/// Calls that may wait for the socket.
const CALLS: usize = 64;

/// What can be asked of it.
pub const CAN: [Verb; 7] =
    [Verb::Decide, Verb::Pause, Verb::Resume, Verb::Kill, Verb::Tell, Verb::Reassign, Verb::Spawn];

/// What the adapter needs to know.
#[derive(Clone)]
pub struct Settings {
    /// Where the gateway is.
    pub url: String,
    /// It is on this machine, where no device is asked for.
    pub is_local: bool,
    /// The gateway's token.
    pub token: Secret,
    /// Tokens that its cron webhook may carry.
    pub hook_tokens: Vec<Secret>,
    /// Of which agents it is heard.
    pub agents: AgentScope,
}

impl Settings {
    /// Makes a connection as a device. One that was approved has a token of its own, which outlives the shared one. It
    /// comes first: a gateway soon hears nobody who says a wrong one again and again.
    async fn open_as(&self, identity: &Identity, own: &str) -> Result<Socket, Ended> {
        let open = |token| Socket::open(self, Some(identity), token, &[ADMIN]);
        let shared = self.token.reveal();
        if own.is_empty() {
            return open(shared).await;
        }
        match open(own).await {
            Err(Ended::Refused(_)) => open(shared).await,
            opened => opened,
        }
    }
}

/// A request for whoever holds the socket.
struct Call {
    method: &'static str,
    params: Value,
    answer: oneshot::Sender<Result<Value, Refusal>>,
}

/// The way to the gateway while there is one.
#[derive(Clone)]
struct Link {
    calls: mpsc::Sender<Call>,
    origin: String,
}

/// Why a request has no answer.
enum Trouble {
    /// There is no connection: it was not sent.
    Away,
    /// It was sent, and the connection broke before the answer.
    Lost,
    /// It was refused.
    Refused(Refusal),
}

/// The adapter.
pub struct OpenClaw {
    settings: Settings,
    link: Mutex<Option<Link>>,
    memory: Mutex<Memory>,
}

/// Takes the link away when the connection ends, however it does.
struct Linked<'a>(&'a OpenClaw);

impl Drop for Linked<'_> {
    fn drop(&mut self) {
        self.0.set_link(None);
    }
}

impl OpenClaw {
    /// Makes the adapter.
    pub fn new(settings: Settings) -> Self {
        Self { settings, link: Mutex::default(), memory: Mutex::default() }
    }

    fn memory<T>(&self, act: impl FnOnce(&mut Memory) -> T) -> T {
        act(&mut self.memory.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn link(&self) -> Option<Link> {
        self.link.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_link(&self, link: Option<Link>) {
        *self.link.lock().unwrap_or_else(PoisonError::into_inner) = link;
    }

    /// Asks the gateway, over the connection that [`Runtime::listen`] holds.
    async fn call(&self, method: &'static str, params: Value) -> Result<Value, Trouble> {
        let link = self.link().ok_or(Trouble::Away)?;
        let (answer, answered) = oneshot::channel();
        link.calls.send(Call { method, params, answer }).await.map_err(|_| Trouble::Away)?;
        match within(ANSWER, answered).await {
            Some(Ok(answer)) => answer.map_err(Trouble::Refused),
            Some(Err(_)) | None => Err(Trouble::Lost),
        }
    }

    /// Makes a connection, as the device that we are where one is asked for.
    async fn connect(&self, intake: &dyn Intake) -> Result<Socket, Ended> {
        let shared = self.settings.token.reveal();
        if self.settings.is_local {
            return Socket::open(&self.settings, None, shared, &[ADMIN]).await;
        }
        let fresh = random_hex(intake.sources().entropy.as_ref(), 32);
        let kept = intake.secret(DEVICE, &fresh).await?;
        let identity =
            Identity::from_hex(&kept).ok_or_else(|| Ended::Refused("the key of this device is damaged".into()))?;
        let own = intake.secret(DEVICE_TOKEN, "").await?;
        let socket = self.settings.open_as(&identity, &own).await?;
        if let Some(own) = &socket.hello.device_token {
            intake.keep(DEVICE_TOKEN, own).await?;
        }
        Ok(socket)
    }

    /// Hands over what comes and sends what is asked, until the connection ends.
    async fn converse(&self, socket: &mut Socket, calls: &mut mpsc::Receiver<Call>, intake: &dyn Intake) -> Ended {
        let mut waiting: HashMap<String, oneshot::Sender<Result<Value, Refusal>>> = HashMap::new();
        loop {
            tokio::select! {
                heard = socket.hear() => match heard {
                    Heard::Over(ended) => return ended,
                    Heard::Frames(frames) => {
                        let (answers, events): (Vec<_>, Vec<_>) = frames.into_iter().partition(|frame| frame.kind == "res");
                        for frame in answers {
                            let Some(answer) = waiting.remove(&frame.id) else { continue };
                            let said = if frame.ok { Ok(frame.payload) } else { Err(Refusal::read(&frame.error)) };
                            // Whoever asked may have given up.
                            let _gone = answer.send(said);
                        }
                        if let Err(ended) = self.take(&events, &socket.hello.connection, intake).await {
                            return ended;
                        }
                    }
                },
                Some(call) = calls.recv() => {
                    waiting.retain(|_, answer| !answer.is_closed());
                    match socket.send(call.method, &call.params).await {
                        Ok(id) => {
                            waiting.insert(id, call.answer);
                        }
                        Err(ended) => return ended,
                    }
                }
            }
        }
    }

    /// Takes in what frames say, in their order.
    async fn take(&self, frames: &[wire::Frame], connection: &str, intake: &dyn Intake) -> Result<(), Ended> {
        let events = self.memory(|memory| {
            let events = frames.iter().flat_map(|frame| decode::events(frame, memory, connection));
            events.collect::<Vec<Event>>()
        });
        self.store(events, intake).await
    }

    async fn store(&self, events: Vec<Event>, intake: &dyn Intake) -> Result<(), Ended> {
        if events.is_empty() {
            return Ok(());
        }
        // What was not stored is asked for again over the next connection.
        Ok(intake.take(events).await?)
    }
}

#[async_trait]
impl Runtime for OpenClaw {
    fn policy(&self) -> RuntimePolicy {
        RuntimePolicy { kind: "openclaw".into(), can: CAN.into(), pull: false }
    }

    /// The gateway's cron webhook carries a bearer token of its own.
    fn verify(&self, request: &Inbound<'_>, _now: Ts) -> Result<Verified, Refused> {
        let given = request.header("authorization").and_then(|h| h.strip_prefix("Bearer ")).ok_or(Refused::Missing)?;
        let genuine = self.settings.hook_tokens.iter().fold(false, |found, token| token.is(given) | found);
        if genuine { Ok(Verified { id: None, timed: false }) } else { Err(Refused::Wrong) }
    }

    fn decode(&self, request: &Inbound<'_>, _id: Option<&str>, _now: Ts) -> Result<Decoded, BadBody> {
        let body = super::decode::json(request.body)?;
        if !body["jobId"].is_string() || body["action"] != "finished" {
            let detail = "`jobId` or `action` is missing: is this what OpenClaw posts when a cron job has run?";
            return Err(BadBody::invalid(detail, None));
        }
        let events = decode::cron(&body).into_iter().filter_map(decode::checked).collect();
        Ok(Decoded { events, ..Decoded::default() })
    }

    fn may_speak_for(&self, event: &Event) -> bool {
        self.settings.agents.allows(event)
    }

    fn place_of(&self, _call: &ControlCall) -> Option<For> {
        Some(For::Connection)
    }

    fn has_place(&self, place: &For) -> bool {
        *place == For::Connection && self.link().is_some()
    }

    fn is_called(&self) -> bool {
        true
    }

    async fn listen(&self, intake: &dyn Intake) -> Ended {
        let fresh = random_hex(intake.sources().entropy.as_ref(), 8);
        let origin = match intake.secret(ORIGIN, &fresh).await {
            Ok(origin) => origin,
            Err(error) => return error.into(),
        };
        let mut socket = match self.connect(intake).await {
            Ok(socket) => socket,
            Err(ended) => return ended,
        };
        // Another boot tells a gateway that was started anew from a connection that broke.
        tracing::info!(version = socket.hello.version, boot = socket.hello.boot, "the gateway has let us in");
        if let Err(ended) = self.reconcile(&mut socket, intake).await {
            return ended;
        }
        let (sender, mut calls) = mpsc::channel(CALLS);
        self.set_link(Some(Link { calls: sender, origin }));
        let linked = Linked(self);
        intake.connected().await;
        let ended = tokio::select! {
            ended = self.converse(&mut socket, &mut calls, intake) => ended,
            ended = self.account(intake) => ended,
        };
        drop(linked);
        socket.close().await;
        ended
    }

    fn secrets(&self) -> &'static [&'static str] {
        &[DEVICE, DEVICE_TOKEN]
    }

    async fn examine(&self, kept: &Kept) -> Exam {
        exam::examine(&self.settings, kept).await
    }

    async fn control(&self, call: &ControlCall, _now: Ts) -> ControlResult {
        self.carry_out(call).await.unwrap_or_else(|result| result)
    }
}
