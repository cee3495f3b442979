//! OpenTelemetry: what exporters tell of agents, as spans, metrics and log records.
//!
//! Whatever framework or tool there is, it can be watched through this, and not asked for anything. A batch is read in
//! pieces that know nothing of each other: what it holds is bounded before it is unfolded, dialects are tables, and
//! what was counted before is the fold's to know. Text is hostile, unknown attributes are passed over.

mod attributes;
mod body;
mod dialect;
mod logs;
mod metrics;
mod spans;
mod usage;
mod wire;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use opentelemetry_proto::tonic::resource::v1::Resource;

use self::attributes::{Facts, Field};
use self::spans::Working;
use super::secret::Secret;
use super::telemetry::{Export, Format, Told, UsageFrom};
use super::{AgentScope, BadBody, Decoded, Inbound, Refused, Runtime, Verified};
use crate::core::control::{ControlCall, ControlResult};
use crate::core::event::Event;
use crate::core::policy::RuntimePolicy;
use crate::core::time::Ts;
use crate::runtime::decode::finished;

pub use body::{answer, trouble};
pub use wire::{VALUE, weigh};

/// The kind in the configuration.
pub const KIND: &str = "otlp";
/// Spans, records and points that a batch may hold.
pub const MAX_ITEMS: usize = 10_000;

/// What the adapter needs to know.
#[derive(Clone)]
pub struct Settings {
    /// Name of the runtime; it stands in for an agent that has none.
    pub name: String,
    /// Tokens that exporters may carry.
    pub tokens: Vec<Secret>,
    /// For which agents the token may speak.
    pub agents: AgentScope,
    /// What tells tokens and money.
    pub usage: UsageFrom,
}

impl Settings {
    /// Who stands in for an agent that is not named: its service, or else the runtime.
    fn stand_in(&self, facts: &Facts<'_>) -> String {
        let service = facts.name(Field::Service).filter(|name| !name.starts_with("unknown_service"));
        service.unwrap_or_else(|| self.name.clone())
    }
}

/// The adapter.
pub struct Otlp {
    settings: Settings,
}

impl Otlp {
    /// Makes the adapter.
    pub const fn new(settings: Settings) -> Self {
        Self { settings }
    }
}

#[async_trait]
impl Runtime for Otlp {
    fn policy(&self) -> RuntimePolicy {
        RuntimePolicy { kind: KIND.into(), can: [].into(), pull: false }
    }

    fn verify(&self, request: &Inbound<'_>, _now: Ts) -> Result<Verified, Refused> {
        let given = request.header("authorization").ok_or(Refused::Missing)?;
        // Exporters read their headers from the environment, and some leave `%20` as it stands there.
        let bearer = ["Bearer ", "Bearer%20"].iter().find_map(|scheme| given.strip_prefix(scheme));
        let given = bearer.map(str::to_owned).or_else(|| secret_key(given)).ok_or(Refused::Wrong)?;
        let genuine = self.settings.tokens.iter().fold(false, |found, token| token.is(given.trim()) | found);
        if genuine { Ok(Verified { id: None, timed: false }) } else { Err(Refused::Wrong) }
    }

    /// A batch of JSON that came without its signal in the path, as webhooks that take one address send it.
    fn decode(&self, request: &Inbound<'_>, _id: Option<&str>, _now: Ts) -> Result<Decoded, BadBody> {
        let body = request.body.clone();
        let signal = body::signal_of(&body)?;
        let export = Export { signal, format: Format::Json, body };
        weigh(&export)?;
        let told = body::read(&export, &self.settings)?;
        match told.why {
            Some(why) if told.rejected > 0 => Err(BadBody::invalid(why, None)),
            _ => Ok(Decoded { events: told.events, ..Decoded::default() }),
        }
    }

    fn telemetry(&self, export: &Export) -> Option<Result<Told, BadBody>> {
        Some(body::read(export, &self.settings))
    }

    fn may_speak_for(&self, event: &Event) -> bool {
        self.settings.agents.allows(event)
    }

    async fn control(&self, _call: &ControlCall, _now: Ts) -> ControlResult {
        ControlResult::Failed { error: "telemetry can only be watched".into() }
    }
}

/// The second half of a pair, with which Langfuse's kits authorise themselves.
fn secret_key(header: &str) -> Option<String> {
    let pair = String::from_utf8(STANDARD.decode(header.strip_prefix("Basic ")?.trim()).ok()?).ok()?;
    pair.split_once(':').map(|(_, key)| key.to_owned())
}

/// What becomes of a batch.
struct Batch<'a> {
    settings: &'a Settings,
    told: Told,
    working: Working,
}

impl<'a> Batch<'a> {
    fn new(settings: &'a Settings) -> Self {
        Self { settings, told: Told::default(), working: Working::default() }
    }

    /// Takes what one item tells, if its key may speak for the agent and it says nothing absurd.
    fn take(&mut self, mut events: Vec<Event>) {
        if let Some(wrong) = events.iter().find_map(|event| event.check().err()) {
            return self.told.reject(|| wrong);
        }
        for event in &mut events {
            if self.settings.agents.allows(event) {
                continue;
            }
            if let Some(agent) = &event.agent {
                return self.told.reject(|| format!("this key may not speak for the agent `{}`", agent.id));
            }
            // The end of a session that names nobody: only that of whoever was let in before it.
            let same = self.told.events.iter().rev().find(|told| told.session == event.session && told.agent.is_some());
            let Some(told) = same else {
                self.told.ignored += 1;
                return;
            };
            event.agent.clone_from(&told.agent);
        }
        for event in events {
            let event = finished(event);
            self.working.note(&event);
            self.told.events.push(event);
        }
    }

    /// Whoever worked is idle, as far as can be told from here.
    fn idle(mut self) -> Told {
        self.told.events.extend(self.working.rest());
        self.told
    }
}

/// Tags of whoever works where a resource says.
fn environment(resource: &Facts<'_>) -> Vec<String> {
    resource.name(Field::Environment).map(|name| format!("env:{name}")).into_iter().collect()
}

/// What a resource says.
fn resource_facts(resource: Option<&Resource>) -> Facts<'_> {
    Facts::read(resource.map_or(&[], |resource| &resource.attributes))
}

fn hex(bytes: &[u8]) -> String {
    // Identities are 8 or 16 bytes long; whatever is longer is no identity.
    hex::encode(&bytes[..bytes.len().min(16)])
}

/// A time in nanoseconds; `None` for 0, which says nothing.
fn moment(nanos: u64) -> Option<Ts> {
    (nanos > 0).then(|| Ts(i64::try_from(nanos / 1_000_000).unwrap_or(i64::MAX)))
}
