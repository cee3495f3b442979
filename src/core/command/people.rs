//! `/people`: who is known, and what an admin changes about that without the configuration.

use serde_json::json;

use super::own::code_for;
use super::secret::SecretKind;
use super::{Answer, Call};
use crate::core::access::{Access, Role, Within};
use crate::core::message::{Content, PeopleView, PersonRow, SecretView, TokenRow};
use crate::core::people::{Added, Key, MOST_ADDED};
use crate::core::policy::Lang;
use crate::core::reason::Reason;
use crate::core::step::Fold;
use crate::core::time::{Span, zone};

/// How long a token is good when nobody says.
const KEY_LIVES: Span = Span::days(90);
/// And at most.
const KEY_LIVES_AT_MOST: Span = Span::days(730);
/// Characters of a name.
const LONGEST_NAME: usize = 32;

type Outcome = Result<Answer, Reason>;

/// `/people`: who is known.
pub(super) fn look(f: &Fold<'_>, call: &Call) -> Outcome {
    if call.line.raw.is_empty() { Ok(Answer::Content(Content::People(list(f)))) } else { Err(Reason::NothingToDo) }
}

pub(super) fn people(f: &mut Fold<'_>, call: &Call) -> Outcome {
    let Some(verb) = call.line.word(0) else { return Ok(Answer::Content(Content::People(list(f)))) };
    if verb == "list" {
        return Ok(Answer::Content(Content::People(list(f))));
    }
    let name = call
        .line
        .word(1)
        .ok_or_else(|| Reason::MissingArgument { command: call.spec.name.clone(), argument: "name".into() })?;
    match verb {
        "add" => add(f, call, name),
        "link" => code_for(f, call, name),
        "unlink" => unlink(f, call, name),
        "remove" => remove(f, call, name),
        "token" => token(f, call, name),
        "revoke" => revoke(f, call, name),
        other => Err(bad(call, other)),
    }
}

fn bad(call: &Call, argument: &str) -> Reason {
    Reason::BadArgument { command: call.spec.name.clone(), argument: argument.to_owned() }
}

fn not_found(what: &str, name: &str) -> Reason {
    Reason::NotFound { what: what.into(), name: name.to_owned(), nearest: None }
}

fn list(f: &Fold<'_>) -> PeopleView {
    let (policy, roster) = (&f.w.policy, &f.w.roster);
    let people = policy.people.iter().map(|(name, person)| {
        let joined = roster.linked.get(name);
        let accounts = person.accounts.iter().map(|(kind, account)| {
            let by_code = joined.and_then(|joined| joined.get(kind)).is_some_and(|linked| linked.account == *account);
            (kind.clone(), account.clone(), by_code)
        });
        PersonRow {
            name: name.clone(),
            role: person.role,
            rules: !policy.is_unbounded(name),
            by: roster.added.get(name).filter(|_| !f.w.is_configured(name)).map(|added| added.by.clone()),
            accounts: accounts.collect(),
        }
    });
    let tokens = policy.tokens.iter().map(|(name, role)| TokenRow {
        name: name.clone(),
        role: *role,
        rules: !policy.is_unbounded(name),
        by: roster.keys.get(name).filter(|_| !f.w.is_configured(name)).map(|key| key.by.clone()),
        expires: policy.keys.get(name).map(|key| key.expires),
    });
    PeopleView { people: people.collect(), tokens: tokens.collect(), at: f.at }
}

/// The role and the part of the agents that a line names.
fn trusted(call: &Call) -> Result<(Role, Access), Reason> {
    let word = call
        .line
        .key("role")
        .ok_or_else(|| Reason::MissingArgument { command: call.spec.name.clone(), argument: "role".into() })?;
    let role = Role::ALL.into_iter().find(|role| role.as_str() == word).ok_or_else(|| bad(call, word))?;
    let globs = |key: &str| -> Vec<String> {
        call.line.key(key).map(|globs| globs.split(',').map(str::to_owned).collect()).unwrap_or_default()
    };
    let within =
        Within { agents: globs("agent"), runtimes: globs("runtime"), tags: globs("team"), environments: globs("env") };
    Ok((role, Access { within, ..Access::default() }))
}

/// A name that is nobody's yet and can be written in a command.
fn free_name(f: &Fold<'_>, name: &str) -> Result<(), Reason> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let known = f.w.policy.people.contains_key(name)
        || f.w.policy.tokens.contains_key(name)
        || f.w.roster.added.contains_key(name)
        || f.w.roster.keys.contains_key(name);
    let fits = !name.is_empty() && name.len() <= LONGEST_NAME && name.chars().all(plain);
    let reserved = matches!(name, "sereno" | "all");
    if known || reserved || !fits { Err(Reason::NameTaken { name: name.to_owned() }) } else { Ok(()) }
}

fn add(f: &mut Fold<'_>, call: &Call, name: &str) -> Outcome {
    free_name(f, name)?;
    let (role, access) = trusted(call)?;
    let lang = match call.line.key("lang") {
        Some(word) => Some(Lang::ALL.into_iter().find(|l| l.as_str() == word).ok_or_else(|| bad(call, word))?),
        None => None,
    };
    let tz = call.line.key("tz").map(str::to_owned);
    if let Some(wrong) = tz.as_ref().filter(|tz| zone(tz).is_err()) {
        return Err(bad(call, wrong));
    }
    if f.w.roster.added.len() >= MOST_ADDED {
        return Err(Reason::NothingToDo);
    }
    let data = json!({ "role": role, "access": access });
    let added = Added { role, access, lang, tz, by: call.who.person.clone(), at: f.at };
    f.w.roster.added.insert(name.to_owned(), added);
    f.roster_changed();
    f.audit_person(call, "person.added", &format!("person:{name}"), data);
    Ok(Answer::Content(Content::People(list(f))))
}

fn unlink(f: &mut Fold<'_>, call: &Call, name: &str) -> Outcome {
    let to = f.told_of(name);
    let joined = f.w.roster.linked.remove(name).unwrap_or_default();
    let kind = call.line.word(2).map(str::to_lowercase);
    let (gone, kept): (Vec<_>, Vec<_>) =
        joined.into_iter().partition(|(of, _)| kind.as_ref().is_none_or(|kind| kind == of));
    if !kept.is_empty() {
        f.w.roster.linked.insert(name.to_owned(), kept.into_iter().collect());
    }
    if gone.is_empty() {
        let configured = f.w.configured().people.get(name);
        return Err(match configured {
            Some(person) if !person.accounts.is_empty() => Reason::Configured { name: name.to_owned() },
            Some(_) => Reason::NothingToDo,
            None if f.w.policy.people.contains_key(name) => Reason::NothingToDo,
            None => not_found("person", name),
        });
    }
    f.roster_changed();
    for (kind, linked) in gone {
        let data = json!({ "channel": kind, "account": linked.account });
        f.audit_person(call, "person.unlinked", &format!("person:{name}"), data);
        f.notify(to.clone(), Reason::Unlinked { person: name.to_owned(), channel: kind, account: linked.account });
    }
    Ok(Answer::Content(Content::People(list(f))))
}

fn remove(f: &mut Fold<'_>, call: &Call, name: &str) -> Outcome {
    if f.w.configured().people.contains_key(name) {
        return Err(Reason::Configured { name: name.to_owned() });
    }
    let Some(added) = f.w.roster.added.get(name) else { return Err(not_found("person", name)) };
    let others = f.w.policy.people.iter().filter(|(other, person)| *other != name && person.role == Role::Admin);
    if added.role == Role::Admin && others.count() == 0 {
        return Err(Reason::LastAdmin);
    }
    f.w.roster.added.remove(name);
    f.w.roster.linked.remove(name);
    f.w.preferences.forget(name);
    f.sign_out_person(name);
    f.roster_changed();
    f.audit_person(call, "person.removed", &format!("person:{name}"), json!({}));
    Ok(Answer::Content(Content::People(list(f))))
}

fn token(f: &mut Fold<'_>, call: &Call, name: &str) -> Outcome {
    if call.from.is_some() {
        return Err(Reason::OnlyByApi);
    }
    free_name(f, name)?;
    let (role, access) = trusted(call)?;
    let lives = match call.line.key("expires") {
        Some(word) => Span::parse(word).ok().filter(|span| (Span::mins(1)..=KEY_LIVES_AT_MOST).contains(span)),
        None => Some(KEY_LIVES),
    };
    let lives = lives.ok_or_else(|| bad(call, call.line.key("expires").unwrap_or_default()))?;
    if f.w.roster.keys.len() >= MOST_ADDED {
        return Err(Reason::NothingToDo);
    }
    let secret = call.secret.clone().ok_or(Reason::NothingToDo)?;
    let expires = f.at.plus(lives);
    let data = json!({ "role": role, "access": access, "expires": expires.rfc3339() });
    let key = Key { hash: secret.hash, role, access, expires, by: call.who.person.clone(), at: f.at };
    f.w.roster.keys.insert(name.to_owned(), key);
    f.roster_changed();
    f.audit_person(call, "token.added", &format!("token:{name}"), data);
    let what = SecretKind::Key.as_str().to_owned();
    let view = SecretView { what, name: name.to_owned(), nonce: secret.nonce, expires, text: None };
    Ok(Answer::Content(Content::Secret(view)))
}

fn revoke(f: &mut Fold<'_>, call: &Call, name: &str) -> Outcome {
    if f.w.configured().tokens.contains_key(name) {
        return Err(Reason::Configured { name: name.to_owned() });
    }
    if f.w.roster.keys.remove(name).is_none() {
        return Err(not_found("token", name));
    }
    f.roster_changed();
    f.audit_person(call, "token.revoked", &format!("token:{name}"), json!({}));
    Ok(Answer::Content(Content::People(list(f))))
}
