//! Everything that happens, as it stands in the log.

use serde::{Deserialize, Serialize};

use super::access::Actor;
use super::audit::ChainHead;
use super::contact::Contact;
use super::control::{ControlOutcome, Point};
use super::delivery::SendOutcome;
use super::device::DeviceWish;
use super::event::Event;
use super::gap::Jump;
use super::policy::Policy;
use super::quarantine::Quarantined;
use super::time::Ts;

/// One entry of the log: what happened, at which position, and when it was folded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Input {
    /// Position in the log, from 1, without gaps.
    pub pos: u64,
    /// When it was folded; never earlier than the entry before.
    pub at: Ts,
    /// What happened.
    pub body: Body,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Body {
    /// A runtime reported something.
    Event(Box<Reported>),
    /// A person wants something.
    Command(Invocation),
    /// A channel answered to a send.
    Sent(SendOutcome),
    /// A runtime answered to a control call.
    Controlled(ControlOutcome),
    /// A deadline is due.
    Tick,
    /// The clock was set, or the machine slept.
    ClockJumped(Jump),
    /// Nothing was folded for a while; sereno is back.
    Returned {
        /// Until when something was.
        since: Ts,
    },
    /// Genuine requests of a source are stamped with another time than ours.
    Skewed {
        /// Name of the runtime.
        source: String,
        /// How many in a hundred.
        percent: u8,
    },
    /// A runtime that has to be called can be reached, or not.
    Contact(Contact),
    /// The configuration has changed.
    Policy(Box<Policy>),
    /// The fold broke over something that stands here as text.
    Quarantined(Box<Quarantined>),
    /// A link to the page was made for a person.
    LinkIssued {
        /// SHA-256 of the link's token, hexadecimal.
        token: String,
        /// For whom.
        person: String,
        /// Until when it can be used.
        expires: Ts,
    },
    /// Somebody used a link to the page.
    LinkUsed {
        /// SHA-256 of the link's token, hexadecimal.
        token: String,
        /// SHA-256 of the new session's token, hexadecimal.
        session: String,
        /// Until when the session lives.
        expires: Ts,
    },
    /// The store was brought back from a copy.
    Restored {
        /// How often that has happened, from 2; buttons of earlier epochs are dead.
        epoch: u64,
        /// Where the audit stood that it took the place of, as far as that could be read.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        replaced: Option<ChainHead>,
    },
    /// Somebody left the page.
    SignedOut {
        /// SHA-256 of the session's token, hexadecimal.
        session: String,
    },
}

/// An event and the runtime that reported it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reported {
    /// Name of the runtime in the configuration.
    pub runtime: String,
    /// When intake received it.
    pub received: Ts,
    /// The agent waits for an answer at this point of its work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<Point>,
    /// The runtime was asked for it afterwards: its time is believed, and nobody works because of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub recalled: bool,
    /// The event.
    pub event: Event,
}

/// What a person wants: typed text, or a button that was tapped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invocation {
    /// Who.
    pub actor: Actor,
    /// Typed text; empty for a button.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// The button that was tapped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tap: Option<Tap>,
    /// Where it was said, and where the answer goes. `None` when only the caller wants to know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// What they want of the device on which they are, in place of a text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<Box<DeviceWish>>,
    /// What was made up for a command that needs something nobody can guess.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<Secret>,
}

/// Something that nobody can guess, as far as the log may know it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secret {
    /// From what it is made, together with the store's own key; worth nothing alone.
    pub nonce: String,
    /// SHA-256 of the secret, hexadecimal.
    pub hash: String,
}

/// A button that was tapped. Its adapter has checked that the token is ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tap {
    /// The copy of the card that carries it.
    pub copy: u64,
    /// The button's number on that card.
    pub button: u16,
    /// What the platform calls the message on which it was tapped, when it says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<String>,
}

/// Where something was said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// Name of the channel.
    pub channel: String,
    /// The conversation there, such as a chat.
    pub target: String,
    /// What the platform calls the message that was answered, when it is an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<String>,
}
