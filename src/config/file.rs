//! The file as it is written: every key, with its unit.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use toml::Spanned;

use super::channel::Channel;
use super::money::{Budget, Price};
use super::person::{AccessKeys, AccessRule, Person, Within};
use super::value::{Address, AllowPrivate, Duration, Listen, OneOrMany, SecretText, Tz};
use crate::core::access::Role;
use crate::core::calendar::Unit;
use crate::core::policy::{Lang, ScopeKind, Severity, Verb};
use crate::core::time::Span;
use crate::runtime::claude_code::GateHook;
use crate::runtime::telemetry::UsageFrom;

/// A configuration file. What it does not say, the defaults say.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// Where it listens.
    #[serde(default)]
    pub http: Http,
    /// Where it stores.
    #[serde(default)]
    pub store: Store,
    /// Language and zone where no person says otherwise.
    #[serde(default)]
    pub defaults: Defaults,
    /// Approvals.
    #[serde(default)]
    pub approvals: Approvals,
    /// Agents.
    #[serde(default)]
    pub agents: Agents,
    /// Logging.
    #[serde(default)]
    pub log: Log,
    /// People by name.
    #[serde(default)]
    pub people: BTreeMap<String, Person>,
    /// Channels by name.
    #[serde(default)]
    pub channels: BTreeMap<String, Channel>,
    /// Notifications on devices.
    #[serde(default)]
    pub push: Push,
    /// Runtimes by name.
    #[serde(default)]
    pub runtimes: BTreeMap<String, Runtime>,
    /// Rules in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<Rule>,
    /// Routes in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<Route>,
    /// Digests by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub digest: BTreeMap<String, Digest>,
    /// Budgets by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub budgets: BTreeMap<String, Spanned<Budget>>,
    /// Prices by model.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub prices: BTreeMap<String, Price>,
    /// The API.
    #[serde(default)]
    pub api: Api,
    /// The dead man's switch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heartbeat: Option<Heartbeat>,
    /// How long what is stored.
    #[serde(default)]
    pub retention: RetentionKeys,
    /// Backups on a schedule.
    #[serde(default)]
    pub backup: BackupKeys,
}

macro_rules! section {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $kind:ty),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, Deserialize, Serialize)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $($(#[$field_doc])* #[serde(default, skip_serializing_if = "Option::is_none")] pub $field: Option<$kind>,)*
        }

        impl $name {
            /// What is said here, and where nothing is said, what `defaults` say.
            #[must_use]
            pub fn or(self, defaults: Self) -> Self {
                Self { $($field: self.$field.or(defaults.$field)),* }
            }
        }
    };
}

section! {
    /// `[http]`
    Http {
        /// Address and port.
        listen: Listen,
        /// The address under which others reach it.
        public_url: Spanned<String>,
        /// Requests a second from one source.
        rate: f64,
        /// Requests at once from one source.
        burst: f64,
    }
}
section! {
    /// `[store]`
    Store {
        /// `sqlite://FILE` or `postgres://…`.
        url: Spanned<Address>,
        /// File with the password that `url` leaves out.
        password_file: Spanned<String>,
        /// The same PostgreSQL past its pooler, for migrations and wake-ups.
        direct_url: Spanned<Address>,
        /// How long a dead process keeps the folding lease.
        lease: Duration,
    }
}
section! {
    /// `[retention]`
    RetentionKeys {
        /// The log, behind the older snapshot.
        log: Spanned<Duration>,
        /// Idempotency keys of sources that sign the time, and of people.
        keys: Spanned<Duration>,
        /// Idempotency keys of sources that sign no time.
        lasting_keys: Spanned<Duration>,
        /// Outbox rows that are done.
        outbox: Spanned<Duration>,
        /// Sessions, tasks, agents, alerts, approvals and cards that are over.
        history: Spanned<Duration>,
        /// The audit; for ever when it is not said.
        audit: Spanned<Duration>,
    }
}
section! {
    /// `[push]`
    Push {
        /// Whom a push service may write to about us.
        contact: Spanned<String>,
        /// Push services inside the house that may be called.
        allow_private: AllowPrivate,
    }
}
section! {
    /// `[backup]`
    BackupKeys {
        /// The folder; no backups are made when it is not said.
        dir: Spanned<String>,
        /// How often.
        every: Spanned<Duration>,
        /// All copies are kept this long.
        keep: Duration,
        /// One copy of each day is kept this long.
        keep_daily: Duration,
    }
}
section! {
    /// `[defaults]`
    Defaults {
        /// Language.
        lang: Lang,
        /// IANA zone.
        tz: Tz,
    }
}
section! {
    /// `[approvals]`
    Approvals {
        /// Silence denies after this long.
        timeout: Spanned<Duration>,
    }
}
section! {
    /// `[agents]`
    Agents {
        /// A running agent without a word for this long is shown as silent.
        silent_after: Duration,
    }
}
section! {
    /// `[log]`
    Log {
        /// How lines look.
        format: LogFormat,
        /// A tracing filter.
        level: String,
    }
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}

/// `[runtimes.NAME]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Runtime {
    /// Which runtime.
    pub kind: Spanned<RuntimeKind>,
    /// Signing secrets, `whsec_…` or `whpk_…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<OneOrMany<SecretText>>,
    /// Files with signing secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_file: Option<Spanned<OneOrMany<String>>>,
    /// Bearer tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<OneOrMany<SecretText>>,
    /// Files with bearer tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_file: Option<Spanned<OneOrMany<String>>>,
    /// Where a gateway is that has to be called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<Spanned<Address>>,
    /// Tokens that a gateway's own webhook may carry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hook_token: Option<OneOrMany<SecretText>>,
    /// Files with such tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hook_token_file: Option<Spanned<OneOrMany<String>>>,
    /// Where control calls go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control_url: Option<Spanned<Address>>,
    /// What the other side understands; everything by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub can: Option<Vec<Verb>>,
    /// For which agents the key may speak, as a glob.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agents: Option<Spanned<String>>,
    /// Which hook of Claude Code asks a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<GateHook>,
    /// What tells tokens and money of telemetry: calls or metrics.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage_from: Option<UsageFrom>,
    /// Where its agents work, such as prod; rules of people know it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<Spanned<String>>,
}

/// Runtimes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum RuntimeKind {
    Generic,
    ClaudeCode,
    Openclaw,
    Otlp,
}

/// `[[rules]]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Its name.
    pub name: Spanned<String>,
    /// CEL over signals.
    pub when: Spanned<String>,
    /// For each of which it is judged.
    #[serde(default)]
    pub per: ScopeKind,
    /// How important it is.
    #[serde(default = "warning")]
    pub severity: Severity,
    /// How long it must hold.
    #[serde(rename = "for", default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<Duration>,
    /// What follows, such as `offer:pause`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub then: Vec<Spanned<String>>,
    /// Whether it is judged at all.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub enabled: bool,
}

const fn warning() -> Severity {
    Severity::Warning
}

const fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
const fn is_true(value: &bool) -> bool {
    *value
}

/// `[[routes]]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// Matchers over labels; empty matches everything.
    #[serde(rename = "match", default = "everything")]
    pub matchers: Spanned<String>,
    /// Destinations.
    pub to: Spanned<Vec<Spanned<String>>>,
}

fn everything() -> Spanned<String> {
    Spanned::new(0..0, String::new())
}

/// `[digest.NAME]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Digest {
    /// Five fields of cron, on the reader's clock.
    pub at: Spanned<String>,
    /// Destinations.
    pub to: Spanned<Vec<Spanned<String>>>,
    /// Of what it tells; by default what its name says, or how often it comes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<Unit>,
    /// The only channels of a person that it goes to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<Vec<Spanned<String>>>,
}

/// `[api]`
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Api {
    /// Tokens by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tokens: BTreeMap<String, ApiToken>,
}

/// `[api.tokens.NAME]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ApiToken {
    /// The token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<SecretText>,
    /// File with the token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_file: Option<Spanned<String>>,
    /// What it may do.
    pub role: Spanned<Role>,
    /// Where the role holds; everywhere when nothing is said.
    #[serde(default)]
    pub within: Within,
    /// What it may do besides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<AccessRule>,
    /// What it may not do, whatever allows it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deny: Vec<AccessRule>,
}

impl ApiToken {
    /// What the role does not say.
    pub fn access(&self) -> AccessKeys<'_> {
        AccessKeys { within: &self.within, allow: &self.allow, deny: &self.deny }
    }
}

/// `[heartbeat]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Heartbeat {
    /// What is asked for.
    pub url: Spanned<Address>,
    /// How often.
    #[serde(default = "every_minute")]
    pub every: Duration,
}

const fn every_minute() -> Duration {
    Duration(Span::mins(1))
}
