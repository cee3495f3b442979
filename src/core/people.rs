//! People beyond the configuration: accounts that were joined to somebody by a code, people and tokens that an admin
//! added, and the codes, tries and strangers by which that happens.
//!
//! The configuration comes first: where it names somebody, an account or a token, nothing here overrules it. Only hashes
//! of codes and tokens are known here, and what must not be guessed is handed in with the input. Both together are the
//! policy that everybody else goes by, so nobody needs to know where a person comes from.

mod join;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::access::{Access, Role};
use super::policy::{KeyHash, Lang, Person, Policy};
use super::step::Fold;
use super::time::{Span, Ts};
use super::world::World;

pub use join::is_account;

/// How long a code, or a link to the page, can be used.
pub const SECRET_LIVES: Span = Span::mins(10);
/// The most people, and the most tokens, that are added.
pub const MOST_ADDED: usize = 200;

/// Everything about people that the configuration does not say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Roster {
    /// The policy as configured, while something here adds to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    configured: Option<Arc<Policy>>,
    /// Accounts that were joined, by person and kind of channel.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub linked: BTreeMap<String, BTreeMap<String, Linked>>,
    /// People who were added, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub added: BTreeMap<String, Added>,
    /// Tokens of the API that were added, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub keys: BTreeMap<String, Key>,
    /// Codes that were not used yet, by their hash.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    codes: BTreeMap<String, Code>,
    /// Wrong codes lately, by kind of channel and account.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    tries: BTreeMap<String, Tries>,
    /// Accounts that were told lately that nobody knows them, with when.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    strangers: BTreeMap<String, Ts>,
}

/// An account that was joined to a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Linked {
    /// The platform's identifier.
    pub account: String,
    /// When.
    pub at: Ts,
}

/// A person who was added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Added {
    /// What they are trusted with.
    pub role: Role,
    /// Where, and what besides.
    #[serde(default, skip_serializing_if = "Access::is_plain")]
    pub access: Access,
    /// Their language, when it is not that of everybody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lang: Option<Lang>,
    /// Their zone, when it is not that of everybody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tz: Option<String>,
    /// Who added them.
    pub by: String,
    /// When.
    pub at: Ts,
}

/// A token of the API that was added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// SHA-256 of the token, hexadecimal.
    pub hash: String,
    /// What it may do.
    pub role: Role,
    /// Where, and what besides.
    #[serde(default, skip_serializing_if = "Access::is_plain")]
    pub access: Access,
    /// Until when.
    pub expires: Ts,
    /// Who added it.
    pub by: String,
    /// When.
    pub at: Ts,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Code {
    person: String,
    expires: Ts,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Tries {
    wrong: u32,
    since: Ts,
}

impl Roster {
    /// Whether nothing is known here.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether the policy is what is configured.
    fn adds_nothing(&self) -> bool {
        self.linked.is_empty() && self.added.is_empty() && self.keys.is_empty()
    }

    /// What is configured, with what is added to it.
    fn added_to(&self, configured: &Policy) -> Policy {
        let mut policy = configured.clone();
        let is_free =
            |policy: &Policy, name: &String| !policy.people.contains_key(name) && !policy.tokens.contains_key(name);
        for (name, added) in &self.added {
            if is_free(&policy, name) {
                let (lang, tz) = (added.lang.unwrap_or(policy.lang), added.tz.as_ref().unwrap_or(&policy.tz).clone());
                let person = Person { role: added.role, lang, tz, accounts: BTreeMap::new() };
                policy.people.insert(name.clone(), person);
                note_access(&mut policy, name, &added.access);
            }
        }
        for (name, key) in &self.keys {
            if is_free(&policy, name) {
                policy.tokens.insert(name.clone(), key.role);
                policy.keys.insert(name.clone(), KeyHash { hash: key.hash.clone(), expires: key.expires });
                note_access(&mut policy, name, &key.access);
            }
        }
        let accounts = configured.people.values().flat_map(|person| &person.accounts);
        let taken: BTreeSet<(&String, &String)> = accounts.collect();
        for (name, accounts) in &self.linked {
            let Some(person) = policy.people.get_mut(name) else { continue };
            for (kind, linked) in accounts {
                if !taken.contains(&(kind, &linked.account)) {
                    person.accounts.entry(kind.clone()).or_insert_with(|| linked.account.clone());
                }
            }
        }
        policy
    }

    /// No code is good any more.
    pub fn end_codes(&mut self) {
        self.codes.clear();
    }

    /// Drops what is over.
    fn forget(&mut self, now: Ts) -> bool {
        self.codes.retain(|_, code| code.expires > now);
        self.tries.retain(|_, tries| now.since(tries.since) < join::TRIES_FOR);
        self.strangers.retain(|_, told| now.since(*told) < join::STRANGE_FOR);
        let before = self.keys.len();
        self.keys.retain(|_, key| key.expires > now);
        before != self.keys.len()
    }
}

fn note_access(policy: &mut Policy, name: &str, access: &Access) {
    if !access.is_plain() {
        policy.access.insert(name.to_owned(), access.clone());
    }
}

impl World {
    /// The policy as configured, without what was added to it since.
    pub fn configured(&self) -> &Policy {
        self.roster.configured.as_deref().unwrap_or(&self.policy)
    }

    /// Whether somebody stands in the configuration, or a token does.
    pub fn is_configured(&self, name: &str) -> bool {
        let configured = self.configured();
        configured.people.contains_key(name) || configured.tokens.contains_key(name)
    }
}

impl Fold<'_> {
    /// The policy in force, now that `configured` is what is configured.
    pub(super) fn in_force(&mut self, configured: &Policy) -> Arc<Policy> {
        let roster = &mut self.w.roster;
        if roster.adds_nothing() {
            roster.configured = None;
            return Arc::new(configured.clone());
        }
        let policy = roster.added_to(configured);
        roster.configured = Some(Arc::new(configured.clone()));
        Arc::new(policy)
    }

    /// Brings into force what the roster says now.
    pub(super) fn roster_changed(&mut self) {
        let configured = self.w.configured().clone();
        self.w.policy = self.in_force(&configured);
        self.plan_digests();
        self.reconsider_all();
    }

    /// Forgets codes, tries and tokens that are over.
    pub(super) fn forget_roster(&mut self) {
        let now = self.at;
        if self.w.roster.forget(now) {
            self.roster_changed();
        }
    }

    /// Nobody at all is known, and somebody has been given a link on the console: they become the first admin.
    pub(super) fn found_admin(&mut self, name: &str) {
        if self.w.policy.people.is_empty() {
            let (by, at) = ("sereno".to_owned(), self.at);
            let added = Added { role: Role::Admin, access: Access::default(), lang: None, tz: None, by, at };
            self.w.roster.added.insert(name.to_owned(), added);
            self.roster_changed();
            self.audit("sereno", "person.added", &format!("person:{name}"), serde_json::json!({ "role": Role::Admin }));
        }
    }
}
