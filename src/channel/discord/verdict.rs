//! What Discord's answers mean: try again, never, or nobody knows.
//!
//! Codes: <https://discord.com/developers/docs/topics/opcodes-and-status-codes#json>. No text here quotes an
//! address: the token of an interaction is part of it.

use serde_json::Value;

use crate::channel::Verdict;
use crate::core::text::{clip, one_line};
use crate::core::time::Span;

/// Characters of Discord's own words that are kept.
const WORDS: usize = 200;
const UNKNOWN_CHANNEL: i64 = 10_003;
const UNKNOWN_MESSAGE: i64 = 10_008;
const UNKNOWN_USER: i64 = 10_013;
const UNKNOWN_WEBHOOK: i64 = 10_015;
const UNKNOWN_INTERACTION: i64 = 10_062;
const ALREADY_ANSWERED: i64 = 40_060;
const MISSING_ACCESS: i64 = 50_001;
const ANOTHERS_MESSAGE: i64 = 50_005;
const CANNOT_TELL_USER: i64 = 50_007;
const NO_TEXT_THERE: i64 = 50_008;
const MISSING_PERMISSION: i64 = 50_013;
const INVALID_WEBHOOK: i64 = 50_027;
const ARCHIVED: i64 = 50_083;

/// Why a call gave no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Nothing was written.
    Unsent(&'static str),
    /// Nobody knows whether it arrived.
    Unknown(&'static str),
    /// Too much was sent; with what was asked to wait.
    Limited(Option<Span>),
    /// Discord does not want it.
    Refused {
        /// HTTP's status.
        status: u16,
        /// Discord's own code; zero where somebody else answered.
        code: i64,
        /// Discord's own words.
        words: String,
    },
}

impl Trouble {
    /// An answer without what must stand in it.
    pub const UNREADABLE: Self = Self::Unknown("Discord answered with something that cannot be read");

    /// A connection that did not hold.
    pub fn of_network(error: &reqwest::Error) -> Self {
        if error.is_connect() {
            Self::Unsent("Discord cannot be reached")
        } else if error.is_timeout() {
            Self::Unknown("Discord did not answer in time")
        } else {
            Self::Unknown("the connection to Discord broke")
        }
    }

    /// What stands in a refusal.
    pub fn refused(status: u16, body: &Value) -> Self {
        let mut words = body["message"].as_str().unwrap_or_default().to_owned();
        if let Some((path, why)) = first_error(&body["errors"], "") {
            words = format!("{words}: {path}: {why}");
        }
        let code = body["code"].as_i64().unwrap_or(0);
        Self::Refused { status, code, words: clip(&one_line(&words), WORDS) }
    }

    /// What it means for a message.
    pub fn verdict(&self) -> Verdict {
        let words = self.words();
        match self {
            Self::Unsent(_) => Verdict::not_sent(words),
            Self::Unknown(_) => Verdict::uncertain(words),
            Self::Limited(after) => Verdict::Retry { error: words, after: *after, uncertain: false },
            Self::Refused { status: 401, .. } => Verdict::Locked(words),
            // Whoever stands before Discord shuts us out: for a while, and from everything.
            Self::Refused { status: 403, code: 0, .. } => Verdict::not_sent(words),
            // Nobody's word about the message: somebody on the way did not find Discord, or had no time.
            Self::Refused { status: 404 | 408 | 425, code: 0, .. } => Verdict::uncertain(words),
            Self::Refused { code: UNKNOWN_MESSAGE | ANOTHERS_MESSAGE, .. } => Verdict::EditLost,
            Self::Refused { status: 403 | 404, .. } | Self::Refused { code: ARCHIVED | CANNOT_TELL_USER, .. } => {
                Verdict::Gone(words)
            }
            Self::Refused { .. } => Verdict::Rejected(words),
        }
    }

    /// Whether the form of what was sent was refused.
    pub const fn is_form(&self) -> bool {
        matches!(self, Self::Refused { status: 400, code, .. } if *code != ARCHIVED && *code != CANNOT_TELL_USER)
    }

    /// Whether an interaction cannot be answered any more, or not there.
    pub const fn is_over(&self) -> bool {
        matches!(
            self,
            Self::Refused { status: 404, .. }
                | Self::Refused { code: UNKNOWN_INTERACTION | UNKNOWN_WEBHOOK | UNKNOWN_MESSAGE | INVALID_WEBHOOK, .. }
        )
    }

    /// Whether an interaction has had its first answer before.
    pub const fn is_answered(&self) -> bool {
        matches!(self, Self::Refused { code: ALREADY_ANSWERED, .. })
    }

    /// In words that hold no secret.
    pub fn words(&self) -> String {
        match self {
            Self::Unsent(words) | Self::Unknown(words) => (*words).to_owned(),
            Self::Limited(Some(wait)) => format!("Discord asks to wait {wait}"),
            Self::Limited(None) => "Discord asks to wait".into(),
            Self::Refused { status: 401, .. } => {
                "Discord does not know this bot token; reset it in the Developer Portal and put it into token_file"
                    .into()
            }
            Self::Refused { status, code: 0, .. } => format!("Discord answered {status} without saying why"),
            Self::Refused { code, words, .. } => match remedy(*code) {
                Some(remedy) => format!("Discord says: {words} ({code}); {remedy}"),
                None => format!("Discord says: {words} ({code})"),
            },
        }
    }
}

/// What an operator can do about a refusal.
const fn remedy(code: i64) -> Option<&'static str> {
    match code {
        UNKNOWN_CHANNEL => Some("copy the ID of the channel again"),
        UNKNOWN_USER => Some("copy the ID of the account again"),
        MISSING_ACCESS | MISSING_PERMISSION | NO_TEXT_THERE => {
            Some("let the bot view the channel, send messages, embed links and attach files there")
        }
        CANNOT_TELL_USER => Some("they must share a server with the bot and allow direct messages from it"),
        _ => None,
    }
}

/// The first complaint about a form, with the place that it is about.
fn first_error(errors: &Value, path: &str) -> Option<(String, String)> {
    let errors = errors.as_object()?;
    if let Some(first) = errors.get("_errors").and_then(|list| list.get(0)) {
        return Some((path.to_owned(), first["message"].as_str()?.to_owned()));
    }
    errors.iter().find_map(|(key, inner)| {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        first_error(inner, &path)
    })
}
