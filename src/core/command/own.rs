//! What people do for themselves: join another account, sign in on the page.

use serde_json::json;

use super::secret::SecretKind;
use super::{Answer, Call};
use crate::core::access::Actor;
use crate::core::input::Invocation;
use crate::core::message::{Content, NoticeView, SecretView};
use crate::core::people::SECRET_LIVES;
use crate::core::reason::Reason;
use crate::core::step::Fold;

type Outcome = Result<Answer, Reason>;

/// `/link`: a code for another channel. `/link CODE` is said where nobody is known, so whoever says it here is known
/// already.
pub(super) fn link(f: &mut Fold<'_>, call: &Call) -> Outcome {
    if call.line.word(0).is_some() {
        return Err(Reason::AccountKnown { person: call.who.person.clone() });
    }
    let person = call.who.person.clone();
    code_for(f, call, &person)
}

/// A code by which an account becomes `person`'s.
pub(super) fn code_for(f: &mut Fold<'_>, call: &Call, person: &str) -> Outcome {
    alone(call)?;
    if !f.w.policy.people.contains_key(person) {
        return Err(Reason::NotFound { what: "person".into(), name: person.to_owned(), nearest: None });
    }
    let secret = call.secret.clone().ok_or(Reason::NothingToDo)?;
    let expires = f.give_code(&call.who.person, person, &secret);
    let what = SecretKind::Code.as_str().to_owned();
    let view = SecretView { what, name: person.to_owned(), nonce: secret.nonce, expires, text: None };
    Ok(Answer::Content(Content::Secret(view)))
}

/// `/login`: a link to the page, where nobody else reads it.
pub(super) fn login(f: &mut Fold<'_>, call: &Call) -> Outcome {
    let person = call.who.person.clone();
    if !f.w.policy.people.contains_key(&person) {
        return Err(Reason::NothingToDo);
    }
    let home = match &call.from {
        Some(from) if !call.alone => {
            let mut homes = f.w.destinations_of_person(&person).into_iter();
            let home = homes.find(|home| home.channel == from.channel);
            Some(home.ok_or_else(|| in_private(call))?)
        }
        _ => None,
    };
    let secret = call.secret.clone().ok_or(Reason::NothingToDo)?;
    let expires = f.at.plus(SECRET_LIVES);
    f.link_issued(&secret.hash, &person, expires);
    let what = SecretKind::Link.as_str().to_owned();
    let content = Content::Secret(SecretView { what, name: person, nonce: secret.nonce, expires, text: None });
    match home {
        None => Ok(Answer::Content(content)),
        Some(home) => {
            f.send_answer(content, home);
            let notice = NoticeView { reason: Reason::SentDirectly, refused: false, trouble: false };
            Ok(Answer::Content(Content::Notice(notice)))
        }
    }
}

/// Refuses what must not be read by others.
pub(super) fn alone(call: &Call) -> Result<(), Reason> {
    if call.alone { Ok(()) } else { Err(in_private(call)) }
}

fn in_private(call: &Call) -> Reason {
    Reason::OnlyInPrivate { command: call.spec.name.clone() }
}

impl Fold<'_> {
    /// Somebody whom nobody knows says a code.
    pub(super) fn says_code(&mut self, hash: &str, invocation: &Invocation) -> Outcome {
        if !self.is_alone(invocation) {
            self.burn_code(hash);
            return Err(Reason::OnlyInPrivate { command: "link".into() });
        }
        let person = self.join(&invocation.actor, hash)?;
        let notice = NoticeView { reason: Reason::YouAre { person }, refused: false, trouble: false };
        Ok(Answer::Content(Content::Notice(notice)))
    }

    /// Whether nobody else reads the answer.
    pub(super) fn is_alone(&self, invocation: &Invocation) -> bool {
        let Some(origin) = &invocation.origin else { return true };
        let Actor { channel, account, .. } = &invocation.actor;
        let Some(about) = self.w.policy.channels.get(channel) else { return false };
        match about.kind.as_str() {
            "web" => true,
            "discord" => about.whispers || origin.target == format!("@{account}"),
            _ => about.whispers || origin.target == *account,
        }
    }

    /// Audits what an admin did to a person or a token.
    pub(super) fn audit_person(&mut self, call: &Call, action: &str, object: &str, data: serde_json::Value) {
        let data = json!({ "via": call.who.channel, "what": data });
        self.audit(&call.who.person, action, object, data);
    }
}
