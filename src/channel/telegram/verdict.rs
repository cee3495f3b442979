//! What Telegram's answers mean: try again, never, or nobody knows.
//!
//! No text here quotes an error of the HTTP client: the bot's token is part of every address.

use teloxide::{ApiError, RequestError};

use crate::channel::{PollError, Verdict};
use crate::core::time::Span;

const MARKUP: &str = "markup: ";

/// Whether a rejection was about our markup.
pub fn is_markup(error: &str) -> bool {
    error.starts_with(MARKUP)
}

/// What an error means for the message that was sent.
pub fn of(error: &RequestError) -> Verdict {
    match error {
        RequestError::RetryAfter(seconds) => Verdict::Retry {
            error: words(error),
            after: Some(Span::secs(i64::from(seconds.seconds()))),
            uncertain: false,
        },
        RequestError::MigrateToChatId(chat) => Verdict::Moved(chat.0.to_string()),
        RequestError::Network(network) if network.is_connect() => Verdict::not_sent(words(error)),
        // The request may have left, or the answer says nothing: only Telegram knows.
        RequestError::Network(_) | RequestError::InvalidJson { .. } => Verdict::uncertain(words(error)),
        RequestError::Io(_) => Verdict::not_sent(words(error)),
        RequestError::Api(api) => of_api(api, words(error)),
    }
}

fn of_api(error: &ApiError, words: String) -> Verdict {
    use ApiError as E;
    match error {
        E::MessageNotModified => Verdict::Unchanged,
        E::MessageToEditNotFound | E::MessageIdInvalid | E::MessageCantBeEdited => Verdict::EditLost,
        E::BotBlocked
        | E::ChatNotFound
        | E::UserNotFound
        | E::UserDeactivated
        | E::GroupDeactivated
        | E::BotKicked
        | E::BotKickedFromSupergroup
        | E::BotKickedFromChannel
        | E::CantInitiateConversation
        | E::CantTalkWithBots
        | E::NotEnoughRightsToPostMessages => Verdict::Gone(words),
        E::InvalidToken => Verdict::Locked(words),
        E::CantParseEntities(text) => Verdict::Rejected(format!("{MARKUP}{text}")),
        E::Unknown(text) => of_unknown(text, words),
        _ => Verdict::Rejected(words),
    }
}

/// Signs that a conversation does not take our messages any more, in lower case.
const CLOSED: [&str; 5] =
    ["forbidden", "thread not found", "topic_closed", "topic_deleted", "not enough rights to send"];

/// Errors that the client has no name for.
fn of_unknown(text: &str, words: String) -> Verdict {
    let text = text.to_ascii_lowercase();
    if text.contains("unauthorized") && !text.contains("bot was") {
        Verdict::Locked(words)
    } else if CLOSED.iter().any(|sign| text.contains(sign)) {
        Verdict::Gone(words)
    } else if text.contains("too many requests")
        || text.contains("internal server error")
        || text.contains("bad gateway")
    {
        Verdict::Retry { error: words, after: None, uncertain: !text.contains("too many") }
    } else {
        Verdict::Rejected(words)
    }
}

/// What an error means for polling.
pub fn poll(error: &RequestError) -> PollError {
    let wait = match error {
        RequestError::RetryAfter(seconds) => Span::secs(i64::from(seconds.seconds())),
        RequestError::Api(ApiError::InvalidToken) => Span::mins(1),
        RequestError::Api(ApiError::TerminatedByOtherGetUpdates) => Span::secs(10),
        _ => Span::secs(2),
    };
    PollError::Later { error: words(error), wait }
}

/// An error in words that hold no secret.
pub fn words(error: &RequestError) -> String {
    match error {
        RequestError::Api(ApiError::Unknown(text)) => format!("Telegram says: {text}"),
        RequestError::Api(ApiError::InvalidToken) => {
            "Telegram does not know this bot token; make a new one with @BotFather and put it into token_file".into()
        }
        RequestError::Api(ApiError::TerminatedByOtherGetUpdates) => {
            "another program polls with the same bot token; stop it or give each its own bot".into()
        }
        RequestError::Api(api) => format!("Telegram says: {api}"),
        RequestError::MigrateToChatId(chat) => format!("the group is now {}", chat.0),
        RequestError::RetryAfter(seconds) => format!("Telegram asks to wait {} s", seconds.seconds()),
        RequestError::Network(error) if error.is_connect() => "Telegram cannot be reached".into(),
        RequestError::Network(error) if error.is_timeout() => "Telegram did not answer in time".into(),
        RequestError::Network(_) => "the connection to Telegram broke".into(),
        RequestError::InvalidJson { .. } => "Telegram answered with something that is not JSON".into(),
        RequestError::Io(_) => "the request could not be written".into(),
    }
}
