//! Who may do what.
//!
//! An [`Actor`] is an account on a platform; only the policy says which person it is, never a name
//! or an address that it claims. [`Authorized`] can be made by [`authorize`] alone, so whatever takes
//! one has been checked.

use serde::{Deserialize, Serialize};

use super::command::Spec;
use super::policy::Policy;
use super::reason::Reason;

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

/// Proof that a person may use a command.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Authorized {
    /// The person's name in the configuration.
    pub person: String,
    /// Their role when it was checked.
    pub role: Role,
    /// Channel through which they acted.
    pub channel: String,
}

/// Checks that `actor` is a known person whose role may use `spec`.
///
/// # Errors
/// [`Reason::UnknownPerson`] or [`Reason::RoleMissing`].
pub fn authorize(policy: &Policy, actor: &Actor, spec: &Spec) -> Result<Authorized, Reason> {
    let (person, role) = policy
        .person_of(actor)
        .ok_or_else(|| Reason::UnknownPerson { channel: actor.channel.clone(), account: actor.account.clone() })?;
    if !spec.roles.contains(&role) {
        return Err(Reason::RoleMissing {
            command: spec.name.clone(),
            role: role.as_str().into(),
            needs: spec.roles.iter().map(|r| r.as_str().to_owned()).collect(),
        });
    }
    Ok(Authorized { person: person.to_owned(), role, channel: actor.channel.clone() })
}
