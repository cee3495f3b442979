//! Links and sessions of the phone page.
//!
//! Only hashes of tokens are known here. A link can be used once; using it is what makes a session.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::reason::Reason;
use super::step::Fold;
use super::time::Ts;

/// What is known of links and sessions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignIns {
    /// Links that were not used yet, by hash of their token.
    pub links: BTreeMap<String, SignIn>,
    /// Sessions, by hash of their token.
    pub sessions: BTreeMap<String, SignIn>,
}

/// A link or a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignIn {
    /// Whose.
    pub person: String,
    /// Until when.
    pub expires: Ts,
}

impl SignIns {
    /// Drops links that have expired.
    fn forget_links(&mut self, now: Ts) {
        self.links.retain(|_, link| link.expires > now);
    }

    /// Drops what has expired.
    pub fn forget(&mut self, now: Ts) {
        self.forget_links(now);
        self.sessions.retain(|_, session| session.expires > now);
    }
}

impl Fold<'_> {
    /// A link was made for `person`.
    pub(super) fn link_issued(&mut self, token: &str, person: &str, expires: Ts) {
        self.found_admin(person);
        self.w.signins.forget_links(self.at);
        let sign_in = SignIn { person: person.to_owned(), expires };
        self.w.signins.links.insert(token.to_owned(), sign_in);
        self.audit("sereno", "page.link_issued", &format!("person:{person}"), json!({ "expires": expires.rfc3339() }));
    }

    /// A link was used; it makes a session if it is ours, unused and in time.
    pub(super) fn link_used(&mut self, token: &str, session: &str, expires: Ts) {
        let link = self.w.signins.links.remove(token).filter(|link| link.expires > self.at);
        let known = link.filter(|link| self.w.policy.people.contains_key(&link.person));
        let Some(SignIn { person, .. }) = known else {
            self.refuse(Reason::LinkInvalid);
            return;
        };
        self.audit(&person, "page.signed_in", &format!("person:{person}"), json!({ "expires": expires.rfc3339() }));
        self.out.changed.sign_ins.insert(session.to_owned());
        self.w.signins.sessions.insert(session.to_owned(), SignIn { person, expires });
        self.answer(Reason::Done);
    }

    /// A person is none any more: their links and sessions end.
    pub(super) fn sign_out_person(&mut self, person: &str) {
        self.w.signins.links.retain(|_, link| link.person != person);
        let sessions = self.w.signins.sessions.iter().filter(|(_, session)| session.person == person);
        let sessions: Vec<String> = sessions.map(|(hash, _)| hash.clone()).collect();
        for session in sessions {
            self.signed_out(&session);
        }
    }

    /// Somebody left the page.
    pub(super) fn signed_out(&mut self, session: &str) {
        if let Some(SignIn { person, .. }) = self.w.signins.sessions.remove(session) {
            self.audit(&person, "page.signed_out", &format!("person:{person}"), json!({}));
            self.out.changed.sign_ins.insert(session.to_owned());
        }
        self.end_devices_of(session);
    }
}
