//! The generic runtime: signed events in, signed control calls out.
//!
//! Anything that can sign an HTTP request can report, and anything that can answer one can be
//! controlled. Both ways are Standard Webhooks; the control call's `webhook-id` is its idempotency key.

use std::time::Duration;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};

use super::secret::Secret;
use super::signature::{self, Key};
use super::{AgentScope, BadBody, Decoded, Inbound, Refused, Runtime, Verified, cloudevents, decode};
use crate::core::control::{ControlCall, ControlResult, Order};
use crate::core::event::Event;
use crate::core::policy::{RuntimePolicy, Verb};
use crate::core::time::Ts;
use crate::outgoing;

/// A control call that takes longer is given up.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// What the adapter needs to know.
#[derive(Clone)]
pub struct Settings {
    /// Secrets with which requests may be signed; the first one signs control calls.
    pub secrets: Vec<Secret>,
    /// Tokens that may stand in their place.
    pub tokens: Vec<Secret>,
    /// Where control calls go; without it agents can only be watched.
    pub control_url: Option<reqwest::Url>,
    /// What the other side understands.
    pub can: Vec<Verb>,
    /// For which agents the key may speak.
    pub agents: AgentScope,
}

/// The adapter.
pub struct Generic {
    keys: Vec<Key>,
    tokens: Vec<Secret>,
    control: Option<(reqwest::Url, Vec<u8>)>,
    can: Vec<Verb>,
    agents: AgentScope,
    client: reqwest::Client,
}

impl Generic {
    /// Makes the adapter.
    ///
    /// # Errors
    /// When a secret cannot be used, or control calls could not be signed.
    pub fn new(settings: Settings) -> Result<Self, String> {
        let keys = settings.secrets.iter().map(Key::parse).collect::<Result<Vec<_>, _>>()?;
        let signing = keys.iter().find_map(|key| match key {
            Key::Shared(bytes) => Some(bytes.clone()),
            Key::Public(_) => None,
        });
        let control = match (settings.control_url, signing) {
            (Some(url), Some(key)) => Some((url, key)),
            (Some(_), None) => return Err("control_url needs a whsec_ secret to sign its calls with".into()),
            (None, _) => None,
        };
        let client =
            outgoing::builder(CALL_TIMEOUT).no_proxy().build().map_err(|_| "the HTTP client cannot be made")?;
        Ok(Self { keys, tokens: settings.tokens, control, can: settings.can, agents: settings.agents, client })
    }
}

/// What the other side may answer to a control call.
#[derive(Debug, Default, Deserialize)]
struct Answer {
    /// `done`, `accepted`, `unsupported` or `failed`.
    #[serde(default)]
    status: String,
    /// In its own words.
    #[serde(default)]
    message: String,
}

#[async_trait]
impl Runtime for Generic {
    fn policy(&self) -> RuntimePolicy {
        let can = if self.control.is_some() { self.can.iter().copied().collect() } else { [].into() };
        RuntimePolicy { kind: "generic".into(), can, pull: false }
    }

    fn verify(&self, request: &Inbound<'_>, now: Ts) -> Result<Verified, Refused> {
        let bearer = request.header("authorization").and_then(|h| h.strip_prefix("Bearer "));
        if let (Some(given), None) = (bearer, request.header("webhook-signature")) {
            let genuine = self.tokens.iter().fold(false, |found, token| token.is(given) | found);
            let id = request.header("idempotency-key").filter(|k| k.len() <= 255).map(str::to_owned);
            return if genuine { Ok(Verified { id, timed: false }) } else { Err(Refused::Wrong) };
        }
        signature::verify(request, &self.keys, now)
    }

    fn decode(&self, request: &Inbound<'_>, id: Option<&str>, _now: Ts) -> Result<Decoded, BadBody> {
        let read = cloudevents::read(request).unwrap_or_else(|| decode::canonical(request.body));
        let mut events = read?;
        decode::identify(&mut events, id, request.body);
        Ok(Decoded { events, ..Decoded::default() })
    }

    fn may_speak_for(&self, event: &Event) -> bool {
        self.agents.allows(event)
    }

    async fn control(&self, call: &ControlCall, now: Ts) -> ControlResult {
        let Some((url, key)) = &self.control else {
            return ControlResult::Failed { error: "no control_url is configured".into() };
        };
        let body = payload(call).to_string();
        let mut request = self.client.post(url.clone()).header("content-type", "application/json");
        for (name, value) in signature::sign(key, &call.id, now, body.as_bytes()) {
            request = request.header(name, value);
        }
        match request.body(body).send().await {
            Ok(response) => read_answer(response, now).await,
            Err(error) => broken(&error),
        }
    }
}

/// The body of a control call.
fn payload(call: &ControlCall) -> Value {
    let mut body = json!({
        "id": call.id,
        "type": format!("control.{}", call.order.verb().as_str()),
        "time": call.at.rfc3339(),
        "expires_at": call.expires.rfc3339(),
        "agent": { "id": call.agent },
        "by": call.by,
    });
    if let Some(session) = &call.session {
        body["session"] = json!({ "id": session });
    }
    match &call.order {
        Order::Decide { approval, digest, outcome, reach, note, stop, .. } => {
            body["approval"] = json!({
                "id": approval, "digest": digest, "outcome": outcome, "scope": reach, "note": note, "stop": stop,
            });
        }
        Order::Tell { text } => body["message"] = json!({ "from": "user", "text": text }),
        Order::Answer { question, text } => {
            body["message"] = json!({ "from": "user", "text": text, "answers": question });
        }
        Order::Reassign { task, to, model } => {
            let named = |id: &Option<String>| id.as_ref().map(|id| json!({ "id": id }));
            body["reassign"] = json!({ "task": named(task), "to": named(to) });
            if let Some(model) = model {
                body["reassign"]["model"] = json!(model);
            }
        }
        Order::Spawn { text, model } => {
            body["message"] = json!({ "from": "user", "text": text });
            if let Some(model) = model {
                body["model"] = json!(model);
            }
        }
        Order::Pause | Order::Resume | Order::Kill => {}
    }
    body
}

/// Nobody knows whether it arrived, except when nothing could be written. To ask again is safe: the identity of the
/// call is its idempotency key.
fn broken(error: &reqwest::Error) -> ControlResult {
    let uncertain = !error.is_connect() && !error.is_builder();
    ControlResult::Retry { error: words(error), after: None, uncertain }
}

async fn read_answer(response: reqwest::Response, now: Ts) -> ControlResult {
    let status = response.status();
    let after = outgoing::retry_after(response.headers(), Some(now));
    let body = match outgoing::body(response).await {
        Ok(body) => body,
        Err(error) => return broken(&error),
    };
    let read: Option<Answer> = serde_json::from_slice(&body.bytes).ok();
    // Plain words are an answer; a piece of JSON is half of one.
    let cut = !body.whole || (read.is_none() && body.bytes.trim_ascii_start().starts_with(b"{"));
    if cut && status.is_success() {
        let error = "its control_url answered with something that cannot be read".to_owned();
        return ControlResult::Retry { error, after: None, uncertain: true };
    }
    let answer = read.unwrap_or_default();
    let said = crate::core::text::clip(&answer.message, 200);
    match status.as_u16() {
        200..=299 => match answer.status.as_str() {
            "unsupported" | "failed" => ControlResult::Failed { error: said },
            "accepted" => ControlResult::Accepted { receipt: said },
            "done" => ControlResult::Confirmed { receipt: said },
            // A 202 promises only that it was taken.
            _ if status.as_u16() == 202 => ControlResult::Accepted { receipt: said },
            _ => ControlResult::Confirmed { receipt: said },
        },
        408 | 425 | 429 => ControlResult::Retry { error: format!("HTTP {status}"), after, uncertain: false },
        500..=599 => ControlResult::Retry { error: format!("HTTP {status}"), after, uncertain: status.as_u16() != 503 },
        _ => ControlResult::Failed { error: format!("HTTP {status} {said}").trim().to_owned() },
    }
}

/// An error of the HTTP client in words, without the address: it may hold a credential.
fn words(error: &reqwest::Error) -> String {
    if error.is_connect() {
        "its control_url cannot be reached".into()
    } else if error.is_timeout() {
        "its control_url did not answer in time".into()
    } else {
        "the connection to its control_url broke".into()
    }
}
