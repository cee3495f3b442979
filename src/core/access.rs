//! Who may do what.
//!
//! An [`Actor`] is an account on a platform; only the policy says which person it is, never a name
//! or an address that it claims. [`Authorized`] can be made by [`authorize`] alone, so whatever takes
//! one has been checked. What a command touches is known only when it has been read, so where it may is asked of
//! the [`Authorized`] by whoever carries it out.

mod scope;

use serde::{Deserialize, Serialize};

use super::arena::Ix;
use super::command::{Spec, Touches};
use super::policy::Policy;
use super::reason::Reason;
use super::world::{Agent, World};

pub use scope::{Access, AccessRule, Concerns, ENVIRONMENT_TAG, Rights, Ruling, Target, Within, fits};

/// What a person is trusted with. Each command names the roles that may use it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Role {
    Viewer,
    Operator,
    Approver,
    Admin,
}

impl Role {
    /// Every role, least trusted first.
    pub const ALL: [Self; 4] = [Self::Viewer, Self::Operator, Self::Approver, Self::Admin];

    /// The word in configuration and texts.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Approver => "approver",
            Self::Admin => "admin",
        }
    }
}

/// An account on a platform that did something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// Name of the channel it came through.
    pub channel: String,
    /// The platform's own identifier of the account; the only thing that identifies it.
    pub account: String,
    /// What it calls itself. Hostile, for the audit only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display: Option<String>,
}

/// Proof that a person may use a command, somewhere at least.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Authorized {
    /// The person's name in the configuration.
    pub person: String,
    /// Their role when it was checked.
    pub role: Role,
    /// Channel through which they acted.
    pub channel: String,
    /// Which command.
    spec: &'static Spec,
    /// Another one that must be allowed as well.
    also: Option<&'static Spec>,
    /// What they may do, and where.
    rights: Rights,
}

/// Checks that `actor` is a known person who may use `spec` somewhere; everywhere, when what it touches is no single
/// agent's.
///
/// # Errors
/// [`Reason::UnknownPerson`], [`Reason::RoleMissing`], [`Reason::OutOfScope`] or [`Reason::DeniedByRule`].
pub fn authorize(policy: &Policy, actor: &Actor, spec: &'static Spec) -> Result<Authorized, Reason> {
    let (person, role) = policy
        .person_of(actor)
        .ok_or_else(|| Reason::UnknownPerson { channel: actor.channel.clone(), account: actor.account.clone() })?;
    let rights = Rights { role, access: policy.access.get(person).cloned().unwrap_or_default() };
    if !rights.somewhere(spec) {
        return Err(missing(spec, &rights));
    }
    let who = Authorized { person: person.to_owned(), role, channel: actor.channel.clone(), spec, also: None, rights };
    if spec.touches == Touches::Fleet {
        who.check(std::iter::empty())?;
    }
    Ok(who)
}

fn missing(spec: &Spec, rights: &Rights) -> Reason {
    // Whose role would do has been denied it.
    if spec.roles.contains(&rights.role) {
        return Reason::DeniedByRule { command: spec.name.clone(), thing: String::new() };
    }
    Reason::RoleMissing {
        command: spec.name.clone(),
        role: rights.role.as_str().into(),
        needs: spec.roles.iter().map(|r| r.as_str().to_owned()).collect(),
    }
}

impl Authorized {
    /// Whether everything is within reach, so that nothing needs to be looked at.
    pub const fn is_unbounded(&self) -> bool {
        self.rights.access.is_plain()
    }

    /// Whether another command may be used by the same person, somewhere.
    pub fn may_use(&self, spec: &Spec) -> bool {
        self.rights.somewhere(spec)
    }

    /// The same person where they may use another command, too.
    ///
    /// # Errors
    /// As [`authorize`], for the other command.
    pub fn and(&self, spec: &'static Spec) -> Result<Self, Reason> {
        if !self.rights.somewhere(spec) {
            return Err(missing(spec, &self.rights));
        }
        let both = Self { also: Some(spec), ..self.clone() };
        if spec.touches == Touches::Fleet {
            both.check(std::iter::empty())?;
        }
        Ok(both)
    }

    /// Whether the command may be used on an agent.
    pub fn may(&self, w: &World, agent: Ix<Agent>) -> bool {
        self.is_unbounded() || self.ruling(w.target(agent)) == Ruling::Allowed
    }

    /// Whether the command may be used on an agent, as far as rules know it.
    pub fn may_target(&self, target: &Target<'_>) -> bool {
        self.ruling(Some(*target)) == Ruling::Allowed
    }

    /// Whether the command may be used on every agent, and on what is no agent's.
    pub fn may_all(&self) -> bool {
        self.is_unbounded() || self.ruling(None) == Ruling::Allowed
    }

    /// Whether the command may be used on one of these agents at least, or on what is no agent's when there are none.
    pub fn may_any(&self, w: &World, agents: &[Ix<Agent>]) -> bool {
        match agents {
            [] => self.may_all(),
            agents => agents.iter().any(|agent| self.may(w, *agent)),
        }
    }

    /// Checks that the command may be used on all of these agents; on what is no agent's when there are none.
    ///
    /// # Errors
    /// [`Reason::OutOfScope`] or [`Reason::DeniedByRule`], for the first on which it may not.
    pub fn check_all(&self, w: &World, agents: &[Ix<Agent>]) -> Result<(), Reason> {
        if self.is_unbounded() {
            return Ok(());
        }
        match agents {
            [] => self.check(std::iter::empty()),
            agents => self.check(agents.iter().map(|agent| w.target(*agent))),
        }
    }

    /// Checks that the command may be used on one of these agents at least.
    ///
    /// # Errors
    /// As [`Self::check_all`].
    pub fn check_any(&self, w: &World, agents: &[Ix<Agent>]) -> Result<(), Reason> {
        if self.may_any(w, agents) { Ok(()) } else { self.check_all(w, agents) }
    }

    fn check<'a>(&self, targets: impl Iterator<Item = Option<Target<'a>>>) -> Result<(), Reason> {
        let mut targets = targets.peekable();
        // Without any agent it is about what is no agent's.
        let nothing = targets.peek().is_none().then_some(None);
        for target in targets.chain(nothing) {
            let thing = target.map(|target| target.id.to_owned()).unwrap_or_default();
            match self.ruling(target) {
                Ruling::Allowed => {}
                Ruling::NotAllowed => return Err(Reason::OutOfScope { command: self.spec.name.clone(), thing }),
                Ruling::Denied => return Err(Reason::DeniedByRule { command: self.spec.name.clone(), thing }),
            }
        }
        Ok(())
    }

    fn ruling(&self, target: Option<Target<'_>>) -> Ruling {
        let of = |spec| target.map_or_else(|| self.rights.everywhere(spec), |target| self.rights.on(spec, &target));
        match (of(self.spec), self.also) {
            (Ruling::Allowed, Some(also)) => of(also),
            (ruling, _) => ruling,
        }
    }
}
