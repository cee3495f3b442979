//! The configuration that decisions depend on, as data in the log.
//!
//! When the configuration changes, the new policy is appended like any other input, so that folding
//! the log again decides as it was decided then. It holds no secret and no address of a server.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::access::{Access, Actor, Rights, Role, Target};
use super::calendar::Unit;
use super::money::{self, Listed, Micros, Price};
use super::time::{Span, Ts};

/// Languages that sereno speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Lang {
    #[default]
    En,
    Es,
}

impl Lang {
    /// Both languages, the fallback first.
    pub const ALL: [Self; 2] = [Self::En, Self::Es];

    /// ISO 639-1 code.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Es => "es",
        }
    }
}

/// How important something is; also how loud it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Someone should act now.
    Critical,
    /// Someone should look soon.
    Warning,
    /// Worth knowing; told without a sound.
    Info,
    /// A slow change; told without a sound.
    Trend,
}

impl Severity {
    /// The word in configuration and labels.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Warning => "warning",
            Self::Info => "info",
            Self::Trend => "trend",
        }
    }

    /// Whether it may make a sound.
    pub const fn rings(self) -> bool {
        matches!(self, Self::Critical | Self::Warning)
    }
}

/// A person and how to reach them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// What they are trusted with.
    pub role: Role,
    /// The language they read.
    pub lang: Lang,
    /// Their IANA time zone.
    pub tz: String,
    /// Their account on each kind of channel.
    pub accounts: BTreeMap<String, String>,
}

impl Person {
    /// The conversation on a kind of channel in which this person, called `name`, is alone with sereno. On Discord
    /// accounts and channels are numbered alike, so an account is marked.
    pub fn home(&self, name: &str, kind: &str) -> Option<String> {
        match kind {
            "web" => Some(name.to_owned()),
            "discord" => self.accounts.get(kind).map(|account| format!("@{account}")),
            kind => self.accounts.get(kind).cloned(),
        }
    }
}

/// A token of the API that is known by its hash alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyHash {
    /// SHA-256 of the token, hexadecimal.
    pub hash: String,
    /// Until when it is good.
    pub expires: Ts,
}

/// What a channel can carry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each says one thing that a platform can or cannot do")]
pub struct ChannelPolicy {
    /// Kind such as `telegram`.
    pub kind: String,
    /// The longest text in UTF-16 units, when there is a limit.
    pub text_limit: Option<usize>,
    /// Whether a message can be changed after it was sent.
    pub edits: bool,
    /// Whether a message can carry buttons.
    pub buttons: bool,
    /// Whether a message can hang under another one.
    pub threads: bool,
    /// Whether whoever taps can be asked for words before the tap counts.
    #[serde(default)]
    pub asks: bool,
    /// Whether one reader alone can be told something in a conversation of many.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub whispers: bool,
    /// Whether what somebody writes there is read.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub hears: bool,
    /// Whether a picture can go with a message.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub images: bool,
    /// Whether a file can go with a message.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub files: bool,
}

const fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
const fn is_yes(value: &bool) -> bool {
    *value
}

/// What can be asked of a runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verb {
    /// Carry a decision on an approval.
    Decide,
    /// Hold before the next step.
    Pause,
    /// Go on.
    Resume,
    /// Stop for good.
    Kill,
    /// Pass a person's words on.
    Tell,
    /// Give a task to another agent.
    Reassign,
    /// Begin a new run.
    Spawn,
}

impl Verb {
    /// The word on the wire and in commands.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Decide => "decide",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Kill => "kill",
            Self::Tell => "tell",
            Self::Reassign => "reassign",
            Self::Spawn => "spawn",
        }
    }
}

/// What a runtime can honour.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuntimePolicy {
    /// Kind such as `claude-code`.
    pub kind: String,
    /// What it can be asked. Buttons for anything else are not drawn.
    pub can: BTreeSet<Verb>,
    /// It fetches what it was asked at its next sign of life, instead of being called.
    pub pull: bool,
}

/// A condition on the World's signals, as configured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleSpec {
    /// Its name, unique.
    pub name: String,
    /// CEL over the documented signals.
    pub when: String,
    /// For each of which it is judged.
    pub per: ScopeKind,
    /// How important it is.
    pub severity: Severity,
    /// How long it must hold before anyone is told.
    #[serde(rename = "for")]
    pub hold: Span,
    /// Commands whose buttons are offered on the card.
    pub offer: Vec<String>,
}

/// What a rule is judged for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say it")]
pub enum ScopeKind {
    #[default]
    Agent,
    Session,
    Task,
    Fleet,
}

/// Who is told of what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteSpec {
    /// Matchers such as `severity="critical"`; empty matches everything.
    #[serde(rename = "match")]
    pub matchers: String,
    /// `person:NAME` or `CHANNEL:TARGET`.
    pub to: Vec<String>,
}

/// A report at times of a schedule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DigestSpec {
    /// Five fields of cron, on the reader's clock.
    pub at: String,
    /// `person:NAME` or `CHANNEL:TARGET`.
    pub to: Vec<String>,
    /// Of what it tells.
    pub period: Unit,
    /// The only channels of a person that it goes to; empty when it goes to all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub via: Vec<String>,
}

/// What may be spent in a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetSpec {
    /// How much.
    pub limit: Micros,
    /// In each of which.
    pub per: Unit,
    /// By the agent of this name alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// On this family of models alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
}

/// Everything that decisions depend on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// People by name.
    pub people: BTreeMap<String, Person>,
    /// Tokens of the API by name: they act, but nobody is behind them to be told anything.
    pub tokens: BTreeMap<String, Role>,
    /// Where roles hold, and what is allowed and denied besides, by the name of a person or a token.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub access: BTreeMap<String, Access>,
    /// The environment of runtimes that have one, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub environments: BTreeMap<String, String>,
    /// Of tokens that are known by their hash alone: the hash, and until when.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub keys: BTreeMap<String, KeyHash>,
    /// Channels by name.
    pub channels: BTreeMap<String, ChannelPolicy>,
    /// Runtimes by name.
    pub runtimes: BTreeMap<String, RuntimePolicy>,
    /// Rules in order.
    pub rules: Vec<RuleSpec>,
    /// Routes in order; without any, everybody is told everything.
    pub routes: Vec<RouteSpec>,
    /// Digests by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub digests: BTreeMap<String, DigestSpec>,
    /// Budgets by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub budgets: BTreeMap<String, BudgetSpec>,
    /// Prices that overrule the built-in table, by model name.
    pub prices: BTreeMap<String, Price>,
    /// How long an approval waits before it expires, unless its runtime waits less.
    pub approval_timeout: Span,
    /// After how long without a sign of life a running agent is shown as silent.
    pub silent_after: Span,
    /// Language where no person is known.
    pub lang: Lang,
    /// IANA zone where no person is known.
    pub tz: String,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            people: BTreeMap::new(),
            tokens: BTreeMap::new(),
            access: BTreeMap::new(),
            environments: BTreeMap::new(),
            keys: BTreeMap::new(),
            channels: BTreeMap::new(),
            runtimes: BTreeMap::new(),
            rules: Vec::new(),
            routes: Vec::new(),
            digests: BTreeMap::new(),
            budgets: BTreeMap::new(),
            prices: BTreeMap::new(),
            approval_timeout: Span::mins(25),
            silent_after: Span::mins(10),
            lang: Lang::En,
            tz: "UTC".into(),
        }
    }
}

impl Policy {
    /// The person behind an account, by the platform's identifier only. For the page and the API it has
    /// been proved already who it is, and the account is the name of the person or of the token.
    pub fn person_of(&self, actor: &Actor) -> Option<(&str, Role)> {
        let found = match self.channels.get(&actor.channel)?.kind.as_str() {
            "api" => return self.tokens.get_key_value(&actor.account).map(|(name, role)| (name.as_str(), *role)),
            "web" => self.people.get_key_value(&actor.account),
            kind => self.people.iter().find(|(_, person)| person.accounts.get(kind) == Some(&actor.account)),
        };
        found.map(|(name, person)| (name.as_str(), person.role))
    }

    /// What a person may do, and where.
    pub fn rights_of(&self, person: &str) -> Option<Rights> {
        let role = self.people.get(person)?.role;
        Some(Rights { role, access: self.access.get(person).cloned().unwrap_or_default() })
    }

    /// Whether somebody's role says all of what they may do. So it is for whoever is not known.
    pub fn is_unbounded(&self, name: &str) -> bool {
        self.access.get(name).is_none_or(Access::is_plain)
    }

    /// An agent, as far as rules know it.
    pub fn target<'a>(&'a self, runtime: &'a str, id: &'a str, tags: &'a [String]) -> Target<'a> {
        Target { runtime, id, tags, environment: self.environments.get(runtime).map(String::as_str) }
    }

    /// Whether messages of a channel can be changed after they were sent.
    pub fn edits(&self, channel: &str) -> bool {
        self.channels.get(channel).is_none_or(|channel| channel.edits)
    }

    /// Whether `runtime` can be asked to do `verb`.
    pub fn can(&self, runtime: &str, verb: Verb) -> bool {
        self.runtimes.get(runtime).is_some_and(|r| r.can.contains(&verb))
    }

    /// Family, label and price of a model, configured prices first.
    pub fn price_of<'a>(&self, model: &'a str) -> Listed<'a> {
        let listed = money::look_up(model);
        match self.prices.get(model) {
            Some(price) => Listed { price: Some(*price), ..listed },
            None => listed,
        }
    }
}
