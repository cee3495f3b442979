//! Claude Code, through its hooks: it calls us, and waits for the answer where a person may decide.
//!
//! Observed with 2.1.329. HTTP hooks carry a bearer token and no signature, and are never sent twice;
//! `sereno hook claude-code` sends the same bodies from a command hook, with an identity of its own that
//! its retries share. What people want reaches the agent in the answer to its next hook.

mod answer;
mod decode;
pub mod settings;
pub mod transcript;

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use serde_json::Value;

use super::hold::{For, Held, Holds, Release};
use super::secret::Secret;
use super::{AgentScope, BadBody, Decoded, HookAnswer, Inbound, Refused, Runtime, Standing, Verified};
use crate::core::control::{ControlCall, ControlResult, Order, Point, receipt};
use crate::core::digest::Digest;
use crate::core::event::Event;
use crate::core::policy::{RuntimePolicy, Verb};
use crate::core::time::Ts;

/// Header with which the command hook names a delivery; its retries share it.
pub const DELIVERY: &str = "x-sereno-delivery";
/// Header that names the agent; without it the working directory does.
pub const AGENT: &str = "x-sereno-agent";

/// Sessions whose last tool calls are remembered.
const MAX_SESSIONS: usize = 1000;
/// Tool calls that are remembered for each.
const MAX_CALLS: usize = 32;
/// Questions that were answered at once and are remembered.
const MAX_ANSWERED: usize = 256;

/// What the adapter needs to know.
#[derive(Clone)]
pub struct Settings {
    /// Tokens that hooks may carry.
    pub tokens: Vec<Secret>,
    /// Which hook asks a person.
    pub gate: GateHook,
    /// For which agents the token may speak.
    pub agents: AgentScope,
}

/// Which hook asks a person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum GateHook {
    /// Where Claude Code itself would ask.
    #[default]
    Permission,
    /// Before every tool that the `PreToolUse` hook matches.
    EveryTool,
}

/// The adapter.
pub struct ClaudeCode {
    settings: Settings,
    holds: Holds,
    calls: Mutex<Calls>,
    /// Questions that had been decided when they were asked: the answer went out without a wait, before
    /// the control call could find anybody.
    answered: Mutex<VecDeque<String>>,
}

/// A `PermissionRequest` names no tool call; it is told from its arguments which one it is about.
#[derive(Default)]
struct Calls {
    by_session: HashMap<String, VecDeque<(Digest, String)>>,
    order: VecDeque<String>,
}

impl Calls {
    fn note(&mut self, session: &str, digest: Digest, call: &str) {
        if !self.by_session.contains_key(session) {
            if self.order.len() == MAX_SESSIONS
                && let Some(oldest) = self.order.pop_front()
            {
                self.by_session.remove(&oldest);
            }
            self.order.push_back(session.to_owned());
        }
        let calls = self.by_session.entry(session.to_owned()).or_default();
        if calls.len() == MAX_CALLS {
            calls.pop_front();
        }
        calls.push_back((digest, call.to_owned()));
    }

    fn find(&self, session: &str, digest: Digest) -> Option<String> {
        let calls = self.by_session.get(session)?;
        calls.iter().rev().find(|(have, _)| *have == digest).map(|(_, call)| call.clone())
    }
}

impl ClaudeCode {
    /// Makes the adapter.
    pub fn new(settings: Settings) -> Self {
        Self { settings, holds: Holds::default(), calls: Mutex::default(), answered: Mutex::default() }
    }

    fn calls<T>(&self, act: impl FnOnce(&mut Calls) -> T) -> T {
        act(&mut self.calls.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn answered<T>(&self, act: impl FnOnce(&mut VecDeque<String>) -> T) -> T {
        act(&mut self.answered.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn note_answered(&self, approval: &str) {
        self.answered(|answered| {
            if answered.len() == MAX_ANSWERED {
                answered.pop_front();
            }
            answered.push_back(approval.to_owned());
        });
    }

    fn was_answered(&self, approval: &str) -> bool {
        self.answered(|answered| answered.iter().any(|known| known == approval))
    }

    fn release(&self, place: &For, call: &ControlCall) -> usize {
        self.holds.release(place, &Release { order: call.order.clone(), by: call.by.clone() })
    }

    /// Ends whatever the session waits for.
    fn release_session(&self, call: &ControlCall) -> usize {
        let session = call.session.clone().unwrap_or_default();
        self.release(&For::Session(session), call)
    }
}

#[async_trait]
impl Runtime for ClaudeCode {
    fn policy(&self) -> RuntimePolicy {
        let can = [Verb::Decide, Verb::Pause, Verb::Resume, Verb::Kill, Verb::Tell];
        RuntimePolicy { kind: "claude-code".into(), can: can.into(), pull: true }
    }

    fn verify(&self, request: &Inbound<'_>, _now: Ts) -> Result<Verified, Refused> {
        let given = request.header("authorization").and_then(|h| h.strip_prefix("Bearer ")).ok_or(Refused::Missing)?;
        let genuine = self.settings.tokens.iter().fold(false, |found, token| token.is(given) | found);
        if !genuine {
            return Err(Refused::Wrong);
        }
        let id = request.header(DELIVERY).filter(|id| !id.is_empty() && id.len() <= 128);
        Ok(Verified { id: id.map(str::to_owned), timed: false })
    }

    fn decode(&self, request: &Inbound<'_>, id: Option<&str>, now: Ts) -> Result<Decoded, BadBody> {
        let body = super::decode::json(request.body)?;
        let hook = decode::Hook::read(&body, request.header(AGENT))?;
        if let (Some(call), "PreToolUse") = (hook.text("tool_use_id"), hook.event()) {
            self.calls(|calls| calls.note(hook.session(), hook.call_digest(), call));
        }
        let call = self.calls(|calls| calls.find(hook.session(), hook.call_digest()));
        let identity = decode::Identity { delivery: id, call: call.as_deref(), now };
        Ok(decode::decode(&hook, &identity, self.settings.gate))
    }

    fn may_speak_for(&self, event: &Event) -> bool {
        self.settings.agents.allows(event)
    }

    fn expect(&self, decoded: &Decoded) -> Option<Held> {
        if let Some(approval) = &decoded.asks {
            return Some(self.holds.open(For::Approval(approval.clone())));
        }
        let session = decoded.session.clone().filter(|_| decoded.gate == Some(Point::BeforeTool))?;
        Some(self.holds.open(For::Session(session)))
    }

    async fn answer(&self, decoded: &Decoded, standing: Standing<'_>, held: Option<Held>) -> Option<HookAnswer> {
        if let Some(approval) = &decoded.asks {
            if standing.decided.is_some() {
                self.note_answered(approval);
            }
            return Some(answer::to_question(decoded, standing.decided, held).await);
        }
        let Some(gate) = standing.gate else {
            return Some(HookAnswer { body: answer::no_opinion(), carried_out: Vec::new() });
        };
        Some(answer::at_gate(decoded, gate, held).await)
    }

    fn silence(&self, decoded: &Decoded) -> Value {
        answer::silence(decoded)
    }

    fn place_of(&self, call: &ControlCall) -> Option<For> {
        match &call.order {
            Order::Decide { approval, .. } => Some(For::Approval(approval.clone())),
            Order::Resume | Order::Kill => Some(For::Session(call.session.clone().unwrap_or_default())),
            Order::Pause | Order::Tell { .. } | Order::Answer { .. } | Order::Reassign { .. } | Order::Spawn { .. } => {
                None
            }
        }
    }

    fn has_place(&self, place: &For) -> bool {
        self.holds.is_open(place)
    }

    fn is_abandoned(&self, approval: &str) -> bool {
        !self.holds.is_open(&For::Approval(approval.to_owned()))
    }

    async fn control(&self, call: &ControlCall, _now: Ts) -> ControlResult {
        let confirmed = |receipt: &str| ControlResult::Confirmed { receipt: receipt.to_owned() };
        match &call.order {
            Order::Decide { approval, .. } => match self.release(&For::Approval(approval.clone()), call) {
                0 if self.was_answered(approval) => confirmed(receipt::ANSWERED),
                // The command hook may be about to come back after a restart of ours.
                0 => ControlResult::Retry { error: receipt::NOBODY_WAITS.into(), after: None, uncertain: false },
                _ => confirmed(receipt::ANSWERED),
            },
            Order::Resume => match self.release_session(call) {
                0 => confirmed(receipt::NOT_HELD),
                _ => confirmed(receipt::RELEASED),
            },
            Order::Kill => match self.release_session(call) {
                0 => ControlResult::Waiting,
                _ => confirmed(receipt::STOPPED),
            },
            Order::Pause | Order::Tell { .. } | Order::Answer { .. } => ControlResult::Waiting,
            Order::Reassign { .. } => ControlResult::Failed { error: "Claude Code has no reassign".into() },
            Order::Spawn { .. } => {
                ControlResult::Failed { error: "Claude Code is not called, and begins no run".into() }
            }
        }
    }
}
