//! Runtimes that have to be called: whether they can be reached, and what that says of their agents.
//!
//! A runtime that stays away says nothing of its agents: whoever ran is shown as silent, which is "cannot tell", and
//! nobody as stopped. Whoever was told that it is away is told that it is back.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::arena::Ix;
use super::policy::Severity;
use super::reason::Reason;
use super::route::Audience;
use super::step::Fold;
use super::time::Ts;
use super::world::{Agent, Scope};

/// What is known of the way to a runtime.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// Name of the runtime.
    pub runtime: String,
    /// How it stands.
    pub state: ContactState,
}

/// How the way to a runtime stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum ContactState {
    /// It can be reached, and has told what happened meanwhile.
    Here,
    /// It cannot be reached.
    Away {
        /// Since when.
        since: Ts,
    },
    /// It does not let us in until a person sees to it.
    Refused {
        /// In its words, or what to do. Hostile.
        why: String,
    },
}

/// A runtime of which people were told that it is away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    /// Since when.
    pub since: Ts,
    /// What they were told it says, when it does not let us in.
    pub why: Option<String>,
}

impl Fold<'_> {
    /// The way to a runtime is known to stand otherwise.
    pub(super) fn contact(&mut self, contact: &Contact) {
        let Contact { runtime, state } = contact;
        let lost = self.w.lost.get(runtime).cloned();
        let (next, reason, severity) = match (state, &lost) {
            (ContactState::Here, None) => return,
            (ContactState::Here, Some(Lost { since, .. })) => {
                let reason = Reason::RuntimeBack { runtime: runtime.clone(), since: *since, to: self.at };
                (None, reason, Severity::Info)
            }
            (ContactState::Away { .. }, Some(_)) => return,
            (ContactState::Away { since }, None) => {
                let reason = Reason::RuntimeAway { runtime: runtime.clone(), since: *since };
                (Some(Lost { since: *since, why: None }), reason, Severity::Warning)
            }
            (ContactState::Refused { why }, Some(known)) if known.why.as_ref() == Some(why) => return,
            (ContactState::Refused { why }, known) => {
                let since = known.as_ref().map_or(self.at, |known| known.since);
                let reason = Reason::RuntimeRefuses { runtime: runtime.clone(), why: why.clone() };
                (Some(Lost { since, why: Some(why.clone()) }), reason, Severity::Warning)
            }
        };
        let object = format!("runtime:{runtime}");
        self.audit("sereno", "runtime.contact", &object, json!({ "state": state }));
        match next {
            Some(next) => {
                self.w.lost.insert(runtime.clone(), next);
                self.cannot_tell(runtime);
            }
            None => {
                self.w.lost.remove(runtime);
            }
        }
        self.trouble(reason, severity, Audience::Admins);
    }

    /// Nobody can tell what the running agents of a runtime do.
    fn cannot_tell(&mut self, runtime: &str) {
        let run = |agent: &Agent| agent.runtime == runtime && agent.reported.expects_signs_of_life() && !agent.silent;
        let agents: Vec<Ix<Agent>> = self.w.agents.iter().filter(|(_, a)| run(a)).map(|(ix, _)| ix).collect();
        for ix in agents {
            self.w.agents[ix].silent = true;
            self.out.changed.agent(ix);
            self.fact_changed(Scope::Agent(ix));
            self.judge_all(&[Scope::Agent(ix)]);
        }
    }
}
