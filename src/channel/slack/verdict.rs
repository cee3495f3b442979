//! What Slack's answers mean: try again, never, or nobody knows.
//!
//! Errors are codes. What a code asks of whoever runs sereno is said with it; no text here quotes an answer.
//! <https://docs.slack.dev/reference/methods/chat.postMessage#errors>

use std::error::Error;

use slack_morphism::errors::{SlackClientApiError, SlackClientError};

use super::call::NEEDED;
use crate::channel::Verdict;
use crate::core::time::Span;

const DRAWING: &str = "drawing: ";

/// Whether a rejection was about how the message is drawn: its words may still be taken.
pub fn is_drawing(error: &str) -> bool {
    error.starts_with(DRAWING)
}

/// What an error means for the message that was sent.
pub fn of(error: &SlackClientError) -> Verdict {
    use SlackClientError as E;
    match error {
        E::RateLimitError(limit) => {
            let wait = limit.retry_after.and_then(|wait| i64::try_from(wait.as_millis()).ok()).map(Span);
            Verdict::Retry { error: words(error), after: wait, uncertain: false }
        }
        E::HttpProtocolError(_) if is_connect(error) => Verdict::not_sent(words(error)),
        E::ApiError(api) => of_api(api, words(error)),
        // A status of its own is a proxy's or a server's in trouble: the request may have been carried out.
        _ => Verdict::uncertain(words(error)),
    }
}

fn of_api(api: &SlackClientApiError, words: String) -> Verdict {
    match api.code.as_str() {
        code if LOCKED.contains(&code) => Verdict::Locked(words),
        code if GONE.contains(&code) || code.starts_with("restricted_action") => Verdict::Gone(words),
        "message_not_found" | "edit_window_closed" | "cant_update_message" => Verdict::EditLost,
        "invalid_blocks" | "invalid_blocks_format" | "msg_blocks_too_long" | "msg_too_long" => {
            Verdict::Rejected(format!("{DRAWING}{words}"))
        }
        "internal_error" | "fatal_error" | "service_unavailable" | "request_timeout" | "" => Verdict::uncertain(words),
        // The workspace is being moved into an organisation: nothing is done until that is over.
        "team_added_to_org" => Verdict::not_sent(words),
        _ => Verdict::Rejected(words),
    }
}

/// Nothing can be sent until somebody mends it.
const LOCKED: [&str; 10] = [
    "invalid_auth",
    "not_authed",
    "token_revoked",
    "token_expired",
    "account_inactive",
    "missing_scope",
    "not_allowed_token_type",
    "org_login_required",
    "ekm_access_denied",
    "access_denied",
];

/// The conversation is not there for us.
const GONE: [&str; 10] = [
    "channel_not_found",
    "not_in_channel",
    "is_archived",
    "user_disabled",
    "user_not_found",
    "users_not_found",
    "user_not_in_channel",
    "cannot_dm_bot",
    "messages_tab_disabled",
    "channel_type_not_supported",
];

fn is_connect(error: &SlackClientError) -> bool {
    cause(error).is_some_and(reqwest::Error::is_connect)
}

fn cause(error: &SlackClientError) -> Option<&reqwest::Error> {
    let SlackClientError::HttpProtocolError(protocol) = error else { return None };
    let cause: &(dyn Error + Send + Sync) = protocol.cause.as_deref()?;
    cause.downcast_ref()
}

/// The code of an API error.
pub fn code(error: &SlackClientError) -> Option<&str> {
    match error {
        SlackClientError::ApiError(api) => Some(api.code.as_str()),
        _ => None,
    }
}

/// An error in words that hold no secret, with what to do about it.
pub fn words(error: &SlackClientError) -> String {
    use SlackClientError as E;
    match error {
        E::ApiError(api) => of_code(api),
        E::RateLimitError(limit) => match limit.retry_after {
            Some(wait) => format!("Slack asks to wait {} s", wait.as_secs_f64().ceil()),
            None => "Slack asks to wait".into(),
        },
        E::HttpError(http) => format!("Slack answered {} without a result", http.status_code.as_u16()),
        E::HttpProtocolError(_) => match cause(error) {
            Some(error) if error.is_connect() => "Slack cannot be reached".into(),
            Some(error) if error.is_timeout() => "Slack did not answer in time".into(),
            _ => "the connection to Slack broke".into(),
        },
        E::ProtocolError(_) => "Slack answered with something that cannot be read".into(),
        _ => "the call could not be made".into(),
    }
}

fn of_code(api: &SlackClientApiError) -> String {
    let scopes = api.errors.iter().flatten().find_map(|said| said.strip_prefix(NEEDED));
    let code = plain(&api.code);
    match (api.code.as_str(), scopes) {
        ("missing_scope", scopes) => format!(
            "Slack says that the token lacks the scope {}; add it to the app, install the app again, and put the new \
             token into its file",
            scopes.map_or_else(|| "that this needs".to_owned(), plain)
        ),
        ("invalid_auth" | "not_authed" | "token_revoked" | "token_expired" | "account_inactive", _) => format!(
            "Slack does not take this token ({code}); install the app in the workspace again and put its bot token \
             (xoxb-…) into bot_token_file, and an app token (xapp-…) with connections:write into app_token_file"
        ),
        ("not_allowed_token_type", _) => {
            "Slack wants another kind of token here: bot_token_file takes xoxb-…, app_token_file takes xapp-…".into()
        }
        ("not_in_channel" | "channel_not_found", _) => {
            format!("Slack says: {code}; invite the app to the channel (/invite), or write the channel's ID")
        }
        ("messages_tab_disabled", _) => {
            "Slack says: messages_tab_disabled; allow messages in the app's Home settings".into()
        }
        ("", _) => "Slack refused without saying why".into(),
        _ => format!("Slack says: {code}"),
    }
}

/// Codes and scopes are plain words; whatever else comes is not repeated.
fn plain(text: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':' | '.' | ',' | '-');
    text.chars().filter(|c| fits(*c)).take(100).collect()
}
