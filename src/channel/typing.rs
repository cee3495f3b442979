//! Somebody types a command, on a platform that asks meanwhile what may stand there.
//!
//! What is typed is nobody's word yet: it is never stored, and whoever asks may be anybody.

use crate::core::access::Actor;

/// An argument that is being typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Typing {
    /// Who types.
    pub actor: Actor,
    /// Name of the command.
    pub command: String,
    /// Name of the argument.
    pub arg: String,
    /// What was typed so far.
    pub typed: String,
    /// How to answer.
    pub answer_to: String,
}

/// Something that may stand there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// What is shown. Hostile.
    pub label: String,
    /// What is typed when it is chosen.
    pub value: String,
}
