//! `[people.NAME]` as it is written, with the rules that people and tokens have in common.
//!
//! What can be wrong with accounts is found here; what the rules mean, and what can be wrong with them, in
//! [`access`](super::access).

use std::collections::BTreeMap;
use std::ops::Range;

use serde::{Deserialize, Serialize};
use toml::Spanned;

use super::error::{Fault, Source};
use super::value::Tz;
use crate::core::access::Role;
use crate::core::policy::Lang;

/// `within`: which agents are meant; every list that is said must fit.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Within {
    /// Globs over identities of agents, or over `runtime/identity`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub agents: Vec<Spanned<String>>,
    /// Globs over names of runtimes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runtimes: Vec<Spanned<String>>,
    /// Globs over tags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Spanned<String>>,
    /// Globs over environments.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub environments: Vec<Spanned<String>>,
}

impl Within {
    /// All of its globs.
    pub fn globs(&self) -> impl Iterator<Item = &Spanned<String>> {
        [&self.agents, &self.runtimes, &self.tags, &self.environments].into_iter().flatten()
    }
}

/// `[[people.NAME.allow]]`, `[[people.NAME.deny]]`, and the same of tokens.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct AccessRule {
    /// Everything that this role may do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// Commands by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<Spanned<String>>,
    /// Where; everywhere when nothing is said.
    #[serde(default)]
    pub within: Within,
}

/// What a role does not say, of a person or a token.
#[derive(Clone, Copy, Debug)]
pub struct AccessKeys<'a> {
    /// Where the role holds.
    pub within: &'a Within,
    /// What is allowed besides.
    pub allow: &'a [AccessRule],
    /// What is denied, whatever allows it.
    pub deny: &'a [AccessRule],
}

/// `[people.NAME]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// What they are trusted with.
    pub role: Role,
    /// Language.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lang: Option<Lang>,
    /// IANA zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tz: Option<Tz>,
    /// Telegram's number of their account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub telegram: Option<Spanned<i64>>,
    /// Slack's member ID, such as `U012AB3CD`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slack: Option<Spanned<String>>,
    /// Discord's number of their account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discord: Option<Spanned<i64>>,
    /// Their e-mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<Spanned<String>>,
    /// Their topic on ntfy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ntfy: Option<Spanned<String>>,
    /// Their key at Apprise, with tags behind a slash or without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub apprise: Option<Spanned<String>>,
    /// Where the role holds; everywhere when nothing is said.
    #[serde(default)]
    pub within: Within,
    /// What they may do besides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<AccessRule>,
    /// What they may not do, whatever allows it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deny: Vec<AccessRule>,
}

impl Person {
    /// What the role does not say.
    pub fn access(&self) -> AccessKeys<'_> {
        AccessKeys { within: &self.within, allow: &self.allow, deny: &self.deny }
    }

    /// Their accounts by kind of channel, each with where it stands.
    pub fn accounts(&self) -> impl Iterator<Item = (&'static str, String, Range<usize>)> {
        let numbers = [("telegram", &self.telegram), ("discord", &self.discord)];
        let names = [("slack", &self.slack), ("email", &self.email), ("ntfy", &self.ntfy), ("apprise", &self.apprise)];
        let numbers = numbers.map(|(kind, id)| id.as_ref().map(|id| (kind, id.get_ref().to_string(), id.span())));
        let names = names.map(|(kind, id)| id.as_ref().map(|id| (kind, id.get_ref().clone(), id.span())));
        numbers.into_iter().chain(names).flatten()
    }
}

/// What is wrong with accounts: an account that is two people's would be whoever comes first.
pub fn check(people: &BTreeMap<String, Person>, source: Source<'_>, faults: &mut Vec<Fault>) {
    let mut known: BTreeMap<(&str, String), &str> = BTreeMap::new();
    for (name, person) in people {
        for (kind, account, at) in person.accounts() {
            if let Some(why) = malformed(kind, &account) {
                faults.push(source.fault(Some(at.clone()), why));
            }
            if let Some(other) = known.insert((kind, account), name) {
                let label = label(kind);
                let message = format!("`{other}` and `{name}` have the same {label}; one account is one person");
                faults.push(source.fault(Some(at), message));
            }
        }
    }
}

fn label(kind: &str) -> &'static str {
    match kind {
        "slack" => "Slack account",
        "discord" => "Discord account",
        "email" => "e-mail address",
        "ntfy" => "topic of ntfy",
        "apprise" => "key of Apprise",
        _ => "Telegram account",
    }
}

/// Why an account cannot be one of its platform.
pub fn malformed(kind: &str, account: &str) -> Option<&'static str> {
    let fits = match kind {
        "slack" => {
            account.starts_with(['U', 'W'])
                && account.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit())
                && account.len() > 1
        }
        "email" => account.split_once('@').is_some_and(|(name, host)| {
            let plain = |text: &str| !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c.is_control());
            plain(name) && plain(host) && !host.contains('@') && !account.contains(['<', '>', ',', ';', '"'])
        }),
        "discord" => !account.starts_with('-'),
        "ntfy" => crate::channel::ntfy::is_topic(account),
        "apprise" => crate::channel::apprise::is_place(account),
        _ => true,
    };
    match kind {
        _ if fits => None,
        "slack" => Some("write the member ID from the profile in Slack, such as \"U012AB3CD\""),
        "discord" => Some("write the user ID from Discord, a number"),
        "ntfy" => Some("write a topic of up to 64 letters, digits, - and _, such as \"sereno-ana-7Kx2f9\""),
        "apprise" => Some("write a key, or a key with tags such as \"ops/night,phone\""),
        _ => Some("write an address such as \"ana@example.org\""),
    }
}
