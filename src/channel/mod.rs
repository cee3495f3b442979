//! Channels: adapters to the platforms where people are, both directions.
//!
//! A channel takes values and returns values: what to send, and an honest verdict; what people said,
//! as [`Incoming`]. It knows its platform's limits and oddities, and nothing of the store, the fold or
//! the other channels.

pub mod apprise;
#[cfg(feature = "discord")]
pub mod discord;
#[cfg(feature = "email")]
pub mod email;
pub mod log;
pub mod ntfy;
pub mod push;
#[cfg(feature = "slack")]
pub mod slack;
#[cfg(feature = "telegram")]
pub mod telegram;
pub mod token;
mod typing;
pub mod web;
pub mod webhook;

use async_trait::async_trait;
use axum::http::HeaderMap;
use serde_json::Value;

pub use self::typing::{Offer, Typing};
use crate::core::delivery::Class;
use crate::core::input::{Origin, Tap};
use crate::core::message::ButtonStyle;
use crate::core::policy::{ChannelPolicy, Lang, Severity};
use crate::core::time::{Span, Ts};
use crate::exam::Exam;
use crate::render::chart::{Ground, Picture};
use crate::render::export::File;
use crate::render::markup::Doc;

/// UTF-16 units of a message's text on Telegram, counted after entities are parsed.
/// <https://core.telegram.org/bots/api#sendmessage>
pub const TELEGRAM_TEXT: usize = 4096;

/// UTF-16 units of a message's text on Slack. It says of one text that it holds 3,000 characters, and of a message's
/// blocks nothing; in use they are refused from some 12,000 on, however those are counted.
/// <https://docs.slack.dev/reference/block-kit/composition-objects/text-object>
pub const SLACK_TEXT: usize = 3000;

/// What the bot must be allowed on Slack, each with what it is for.
pub const SLACK_SCOPES: [(&str, &str); 8] = [
    ("commands", "hear /sereno"),
    ("chat:write", "send, edit and whisper"),
    ("chat:write.public", "send to public channels without being invited"),
    ("files:write", "send pictures of charts and exports"),
    ("im:write", "begin a conversation with somebody"),
    ("im:history", "hear what is written directly, and look whether a message has arrived"),
    ("app_mentions:read", "hear @sereno"),
    ("users:read", "know its own app"),
];

/// UTF-16 units of what is seen of a message on Discord: what an embed's description takes, less its frames.
/// <https://discord.com/developers/docs/resources/message#embed-object>
pub const DISCORD_TEXT: usize = 4000;

/// UTF-16 units of a message's title and text on ntfy, which takes 4,096 bytes of text.
/// <https://docs.ntfy.sh/publish/#limitations>
pub const NTFY_TEXT: usize = 4000;

/// UTF-16 units of a notification's title and text: more than any lock screen shows.
pub const PUSH_TEXT: usize = 600;

/// What a kind of channel can carry, also where its adapter is not part of this build.
pub fn carries(kind: &str) -> ChannelPolicy {
    let (text_limit, buttons, threads, asks, whispers) = match kind {
        "web" => (None, true, true, true, false),
        "telegram" => (Some(TELEGRAM_TEXT), true, true, false, false),
        "slack" => (Some(SLACK_TEXT), true, true, true, true),
        "discord" => (Some(DISCORD_TEXT), true, true, true, true),
        "email" => (None, true, true, true, false),
        "ntfy" => (Some(NTFY_TEXT), true, false, true, false),
        "push" => (Some(PUSH_TEXT), false, false, false, false),
        "webhook" => (None, false, true, false, false),
        _ => (None, false, false, false, false),
    };
    // Nobody can change a mail that was sent, and nobody reads what is answered to one.
    let edits = !matches!(kind, "apprise" | "email" | "ntfy" | "push");
    let hears = !matches!(kind, "apprise" | "email" | "ntfy" | "push" | "webhook");
    // The page draws them itself.
    let images =
        kind == "web" || cfg!(feature = "charts") && matches!(kind, "telegram" | "slack" | "discord" | "email");
    // There it is a link on the card.
    let files = matches!(kind, "web" | "telegram" | "slack" | "discord" | "email");
    ChannelPolicy { kind: kind.into(), text_limit, edits, buttons, threads, asks, whispers, hears, images, files }
}

/// Something to send, drawn for whoever reads it.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// Identity of the outbox row.
    pub id: String,
    /// Number of the copy.
    pub copy: u64,
    /// Version of the card that it says; the same row and version say the same.
    pub version: u32,
    /// When the card came to say so.
    pub at: Ts,
    /// What the wall says, for what others check.
    pub now: Ts,
    /// What it is about.
    pub about: About,
    /// The language of whoever reads it.
    pub lang: Lang,
    /// The conversation.
    pub target: String,
    /// What it says.
    pub doc: Doc,
    /// Its picture, where the channel takes any.
    pub picture: Option<Picture>,
    /// The file that it hands over, where the channel takes any; then it has no picture.
    pub file: Option<File>,
    /// Its buttons, in order.
    pub buttons: Vec<DrawnButton>,
    /// It makes no sound.
    pub silent: bool,
    /// What the platform calls the message under which it hangs.
    pub under: Option<String>,
    /// The account that alone shall see it, in a conversation that others read too.
    pub only: Option<String>,
    /// It was tried before, and may have arrived.
    pub again: bool,
}

/// What a message is about, for platforms that sort or wake by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct About {
    /// Number of the card, which has an address on the page; 0 when there is none.
    pub card: u64,
    /// What it says, such as `approval`.
    pub kind: &'static str,
    /// How urgently it is sent.
    pub class: Class,
    /// How important it is.
    pub severity: Option<Severity>,
}

impl Default for About {
    fn default() -> Self {
        Self { card: 0, kind: "notice", class: Class::Info, severity: None }
    }
}

/// A button with its text and its token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DrawnButton {
    /// What stands on it.
    pub label: String,
    /// What comes back when it is tapped.
    pub token: String,
    /// How it looks.
    pub style: ButtonStyle,
    /// The platform asks for words first.
    pub asks_why: bool,
}

/// What became of a send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It was taken; the platform calls the message this.
    Sent(String),
    /// Not now.
    Retry {
        /// What went wrong, without any secret.
        error: String,
        /// What the platform asked to wait.
        after: Option<Span>,
        /// It may have arrived all the same.
        uncertain: bool,
    },
    /// The destination does not exist any more, or does not want us.
    Gone(String),
    /// The message will never be taken.
    Rejected(String),
    /// The destination has moved.
    Moved(String),
    /// The message that was to be changed is not there any more.
    EditLost,
    /// The message says so already.
    Unchanged,
    /// The platform does not know us: nothing can be sent through this channel until that is mended.
    Locked(String),
}

impl Verdict {
    /// A failure before anything was written: it cannot have arrived.
    pub fn not_sent(error: impl Into<String>) -> Self {
        Self::Retry { error: error.into(), after: None, uncertain: false }
    }

    /// A failure after which nobody knows.
    pub fn uncertain(error: impl Into<String>) -> Self {
        Self::Retry { error: error.into(), after: None, uncertain: true }
    }
}

/// How fast a platform lets us send: token buckets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pace {
    /// Between two messages to the same conversation, once the burst is used up; zero for no limit.
    pub per_target: Span,
    /// Messages that may follow each other at once in a conversation.
    pub burst: u32,
    /// Between any two messages; zero for no limit.
    pub overall: Span,
}

impl Pace {
    /// So many messages a second in a conversation, `burst` of them at once, and so many over all; 0 for no limit.
    pub fn of(per_target: f64, burst: u32, overall: f64) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "a float that does not fit ends at the largest span")]
        let every = |rate: f64| if rate > 0.0 { Span((1000.0 / rate) as i64) } else { Span(0) };
        Self { per_target: every(per_target), burst, overall: every(overall) }
    }
}

/// What somebody said or tapped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incoming {
    /// Identity on the platform; the same update has the same key.
    pub key: String,
    /// The platform's own identifier of the account.
    pub account: String,
    /// What the account calls itself. Hostile.
    pub display: Option<String>,
    /// Its language, as far as the platform says.
    pub lang: Option<Lang>,
    /// Where it was said.
    pub origin: Origin,
    /// Typed text.
    pub text: String,
    /// The token of the button that was tapped, with the message on which it was.
    pub tap: Option<(String, String)>,
    /// How to answer a tap, if the platform wants an answer.
    pub answer_to: Option<String>,
}

/// What a poll brought.
#[derive(Clone, Debug, Default)]
pub struct Polled {
    /// What people said, in order.
    pub incoming: Vec<Incoming>,
    /// Where to go on; to be handed back once everything before it is stored.
    pub next: i64,
}

/// Why a poll brought nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PollError {
    /// This channel is not polled.
    NotPolled,
    /// Not now.
    Later {
        /// What went wrong, without any secret.
        error: String,
        /// How long to wait.
        wait: Span,
    },
}

/// How an adapter learns what people say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reception {
    /// The platform pushes it to us, or nobody can say anything there.
    Pushed,
    /// It is asked for with [`Channel::poll`], by one process alone.
    Polled,
    /// It comes over a connection that [`Channel::listen`] holds.
    Held {
        /// The platform gives everything to every connection, so that only one process may hold one.
        alone: bool,
    },
}

/// Takes in what people say while an adapter listens.
#[async_trait]
pub trait Inbox: Send + Sync {
    /// Stores it, and answers it where the platform wants an answer.
    ///
    /// # Errors
    /// When it could not be stored; then it must not be confirmed to the platform.
    async fn take(&self, incoming: Incoming) -> Result<(), NotStored>;

    /// Offers whoever types what may stand there, where that is wanted.
    async fn complete(&self, typing: Typing) {
        drop(typing);
    }

    /// The connection gave a sign of life.
    fn alive(&self);
}

/// What somebody said could not be stored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it could not be stored: {0}")]
pub struct NotStored(pub String);

/// A request by which a platform pushes something, as it came.
#[derive(Clone, Copy, Debug)]
pub struct Push<'a> {
    /// Its header fields.
    pub headers: &'a HeaderMap,
    /// Its body, byte for byte.
    pub body: &'a [u8],
    /// The wall clock.
    pub now: Ts,
}

impl Push<'_> {
    /// A header field, when it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// What a genuine push held.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pushed {
    /// What people said, in order.
    pub incoming: Vec<Incoming>,
    /// What somebody is typing.
    pub typing: Option<Typing>,
    /// What the platform wants to read in the answer; without it the answer is empty.
    pub say: Option<Value>,
    /// It is answered by a call of its own, and the platform wants to read as much in the status.
    pub later: bool,
}

/// An adapter to a platform where people are.
#[async_trait]
pub trait Channel: Send + Sync {
    /// What it can carry.
    fn policy(&self) -> ChannelPolicy;

    /// How fast a conversation may be fed.
    fn pace(&self, target: &str) -> Pace {
        let _ = target;
        Pace::default()
    }

    /// Whether sending the same copy twice is the same as sending it once.
    fn is_idempotent(&self) -> bool {
        false
    }

    /// Sends a message.
    async fn send(&self, out: &Outgoing) -> Verdict;

    /// Changes a message that was sent before; `receipt` is what the platform called it.
    async fn edit(&self, out: &Outgoing, receipt: &str) -> Verdict;

    /// Whether the picture or the file of a message is sent after it, by [`Channel::follow`].
    fn follows(&self) -> bool {
        false
    }

    /// Sends the picture or the file of a message that was just sent, where it is no part of the message from the start; `receipt`
    /// is what the platform called the message. It is tried once: whatever becomes of it, the message stays sent.
    async fn follow(&self, out: &Outgoing, receipt: &str) -> Verdict {
        let _ = (out, receipt);
        Verdict::Unchanged
    }

    /// Tells the platform who we are and what we understand. Called until it succeeds.
    ///
    /// # Errors
    /// What went wrong, without any secret.
    async fn prepare(&self) -> Result<(), String> {
        Ok(())
    }

    /// Looks at what the platform says of us, and changes nothing.
    async fn examine(&self) -> Exam {
        Exam::default()
    }

    /// How it learns what people say.
    fn reception(&self) -> Reception {
        Reception::Pushed
    }

    /// Waits for what people say, after `since`.
    ///
    /// # Errors
    /// When this channel is not polled, or cannot be now.
    async fn poll(&self, since: i64) -> Result<Polled, PollError> {
        let _ = since;
        Err(PollError::NotPolled)
    }

    /// Holds a connection to the platform and hands over what comes, until the connection ends. Returns why it
    /// did, without any secret; whoever calls waits a while and calls again.
    async fn listen(&self, inbox: &dyn Inbox) -> String {
        let _ = inbox;
        "this channel holds no connection".into()
    }

    /// Reads what the platform has pushed, once it is proved that the platform did.
    ///
    /// # Errors
    /// When the proof is missing or wrong, or the body cannot be read.
    fn pushed(&self, push: &Push<'_>) -> Result<Pushed, PushError> {
        let _ = push;
        Err(PushError::NotPushed)
    }

    /// Tells somebody who tapped what came of it, privately. At most once: nobody waits for it.
    async fn answer(&self, to: &str, text: &str, alert: bool) {
        let _ = (to, text, alert);
    }

    /// Shows somebody who types what may stand there. At most once.
    async fn offer(&self, to: &str, offers: &[Offer]) {
        let _ = (to, offers);
    }
}

/// Why a pushed update was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PushError {
    /// This channel takes no pushes.
    NotPushed,
    /// The proof that the platform sent it is missing, wrong or from another time.
    Forged,
    /// The body cannot be read.
    Unreadable,
}

/// What pictures are called where they need a name.
pub const PICTURE: &str = "chart.png";

/// Paints a picture beside everything else that goes on.
///
/// # Errors
/// The verdict on what cannot be painted.
pub async fn painted(picture: &Picture, ground: Ground) -> Result<Vec<u8>, Verdict> {
    let picture = picture.clone();
    let painted = tokio::task::spawn_blocking(move || picture.png(ground)).await;
    painted.ok().flatten().ok_or_else(|| Verdict::Rejected("the picture cannot be painted".into()))
}

/// A tap as the fold knows it, once the token has been checked.
pub fn tap(token: &token::Token, receipt: Option<String>) -> Tap {
    Tap { copy: token.copy, button: token.button, receipt }
}
