//! An account becomes somebody's: by a code that they were given where they are known, typed where they are not yet.
//!
//! A code is good once, for ten minutes, and for one person; whoever guesses is stopped after a few tries. An account
//! that cannot be proved to be one person's (an anonymous admin, a guest from elsewhere) is nobody's and becomes nobody's.

use serde_json::json;

use super::{Code, Linked, SECRET_LIVES, Tries};
use crate::core::access::{Actor, Role};
use crate::core::delivery::{Class, Draft, Subject};
use crate::core::input::Secret;
use crate::core::message::{Content, NoticeView};
use crate::core::reason::Reason;
use crate::core::route::Destination;
use crate::core::step::Fold;
use crate::core::time::{Span, Ts};

/// Wrong codes from one account, before it has to wait.
const MOST_TRIES: u32 = 5;
/// Over how long they are counted, and how long it has to wait.
pub(super) const TRIES_FOR: Span = Span::mins(10);
/// An unknown account is told so this often.
pub(super) const STRANGE_FOR: Span = Span::hours(24);
/// Accounts whose tries, or whose strangeness, are remembered.
const REMEMBERED: usize = 2000;

/// Whether an account on a kind of channel is one person's, by how the platform writes it.
pub fn is_account(kind: &str, account: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    match kind {
        "telegram" | "discord" => digits(account),
        "slack" => {
            account.len() > 1
                && account.starts_with(['U', 'W'])
                && account.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
        }
        _ => true,
    }
}

impl Fold<'_> {
    /// Why somebody whom nobody knows is not heard. Once a day they are told how that can change.
    pub fn stranger(&mut self, actor: &Actor) -> Reason {
        let kind = self.kind_of(&actor.channel);
        if !is_account(&kind, &actor.account) {
            return Reason::ForeignAccount { channel: kind };
        }
        let (key, at) = (format!("{kind}:{}", actor.account), self.at);
        let strangers = &mut self.w.roster.strangers;
        if strangers.get(&key).is_some_and(|told| at.since(*told) < STRANGE_FOR) {
            return Reason::StillUnknown;
        }
        make_room(strangers, |told| *told);
        strangers.insert(key, at);
        Reason::UnknownPerson { channel: actor.channel.clone(), account: actor.account.clone() }
    }

    /// A code for `person` was made. It takes the place of the one that they had.
    pub fn give_code(&mut self, by: &str, person: &str, secret: &Secret) -> Ts {
        let expires = self.at.plus(SECRET_LIVES);
        let codes = &mut self.w.roster.codes;
        codes.retain(|_, code| code.person != person);
        codes.insert(secret.hash.clone(), Code { person: person.to_owned(), expires });
        self.audit(by, "person.code_given", &format!("person:{person}"), json!({ "expires": expires.rfc3339() }));
        expires
    }

    /// A code was said where others could read it.
    pub fn burn_code(&mut self, hash: &str) {
        self.w.roster.codes.remove(hash);
    }

    /// Joins an account that nobody has to whoever was given the code.
    ///
    /// # Errors
    /// Why it does not become theirs.
    pub fn join(&mut self, actor: &Actor, hash: &str) -> Result<String, Reason> {
        let kind = self.kind_of(&actor.channel);
        if let Some((person, _)) = self.w.policy.person_of(actor) {
            return Err(Reason::AccountKnown { person: person.to_owned() });
        }
        if !is_account(&kind, &actor.account) {
            return Err(Reason::ForeignAccount { channel: kind });
        }
        let key = format!("{kind}:{}", actor.account);
        self.may_try(&key)?;
        let code = self.w.roster.codes.remove(hash).filter(|code| code.expires > self.at);
        let Some(Code { person, .. }) = code.filter(|code| self.w.policy.people.contains_key(&code.person)) else {
            return Err(self.wrong_code(&key));
        };
        if self.w.configured().people.get(&person).is_some_and(|about| about.accounts.contains_key(&kind)) {
            return Err(Reason::Configured { name: person });
        }
        let linked = Linked { account: actor.account.clone(), at: self.at };
        self.w.roster.linked.entry(person.clone()).or_default().insert(kind.clone(), linked);
        self.w.roster.tries.remove(&key);
        self.w.roster.strangers.remove(&key);
        let before = self.told_of(&person);
        self.roster_changed();
        let data = json!({ "channel": kind, "account": actor.account });
        self.audit(&person, "person.linked", &format!("person:{person}"), data);
        let reason = Reason::Linked { person: person.clone(), channel: kind, account: actor.account.clone() };
        self.notify(before, reason);
        Ok(person)
    }

    fn may_try(&mut self, key: &str) -> Result<(), Reason> {
        let at = self.at;
        let tries = &mut self.w.roster.tries;
        if tries.get(key).is_some_and(|tries| at.since(tries.since) >= TRIES_FOR) {
            tries.remove(key);
        }
        match tries.get(key) {
            Some(tries) if tries.wrong >= MOST_TRIES => {
                Err(Reason::TooManyTries { until: tries.since.plus(TRIES_FOR) })
            }
            _ => Ok(()),
        }
    }

    fn wrong_code(&mut self, key: &str) -> Reason {
        let at = self.at;
        make_room(&mut self.w.roster.tries, |tries| tries.since);
        let tries = self.w.roster.tries.entry(key.to_owned()).or_insert(Tries { wrong: 0, since: at });
        tries.wrong += 1;
        let left = MOST_TRIES.saturating_sub(tries.wrong);
        self.audit(key, "person.code_refused", &format!("account:{key}"), json!({ "left": left }));
        Reason::WrongCode { left }
    }

    /// Whoever must know when an account becomes a person's, or is no longer: they themselves, and admins.
    pub fn told_of(&self, person: &str) -> Vec<Destination> {
        let mut to = self.w.destinations_of_person(person);
        for other in self.w.destinations_of(|about| about.role == Role::Admin) {
            if !to.contains(&other) {
                to.push(other);
            }
        }
        to
    }

    /// Tells something that somebody must know, without a button.
    pub fn notify(&mut self, to: Vec<Destination>, reason: Reason) {
        if to.is_empty() {
            return;
        }
        let draft = Draft {
            subject: Subject::Nothing,
            content: Content::Notice(NoticeView { reason, refused: false, trouble: true }),
            class: Class::Reply,
            severity: None,
            silent: false,
            buttons: Vec::new(),
            must_show: 0,
        };
        self.send(draft, to.into_iter().map(|to| (to, None)).collect());
    }

    fn kind_of(&self, channel: &str) -> String {
        self.w.policy.channels.get(channel).map_or_else(|| channel.to_owned(), |channel| channel.kind.clone())
    }
}

/// The longest known goes when there is no room.
fn make_room<T>(known: &mut std::collections::BTreeMap<String, T>, since: impl Fn(&T) -> Ts) {
    if known.len() >= REMEMBERED {
        let oldest = known.iter().min_by_key(|(_, value)| since(value)).map(|(key, _)| key.clone());
        if let Some(oldest) = oldest {
            known.remove(&oldest);
        }
    }
}
