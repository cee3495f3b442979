//! What ntfy's answers mean: try again, never, or nobody knows.
//!
//! Its own words are quoted; they hold nothing of ours. <https://github.com/binwiederhier/ntfy/blob/main/server/errors.go>

use serde::Deserialize;

use crate::channel::Verdict;
use crate::core::text;
use crate::core::time::Span;
use crate::outgoing::{Answer, Failed};

/// Who is called, in words.
pub const WHOM: &str = "ntfy";
/// Characters of its words that are passed on.
const QUOTED: usize = 200;
/// It gives a request back every five seconds, and says nothing of when.
const LITTLE: Span = Span::secs(10);
/// The messages of a day are used up; they come back little by little.
const QUOTA: (u32, Span) = (42908, Span::mins(15));

/// A message that was published.
#[derive(Deserialize)]
struct Published {
    id: String,
}

/// An error.
#[derive(Default, Deserialize)]
struct Refusal {
    #[serde(default)]
    code: u32,
    #[serde(default)]
    error: String,
}

/// What an answer means.
pub fn of(answer: &Answer) -> Verdict {
    let status = answer.status;
    if status == 200 {
        let published: Result<Published, _> = serde_json::from_slice(&answer.body);
        return match published {
            Ok(published) => Verdict::Sent(published.id),
            Err(_) => Verdict::uncertain(format!("{WHOM} answered with something that it never says")),
        };
    }
    let refusal: Refusal = serde_json::from_slice(&answer.body).unwrap_or_default();
    let said = text::clip(&text::one_line(&refusal.error), QUOTED);
    let error = format!("{WHOM} says: {status} {said}").trim().to_owned();
    let after = answer.after;
    match status {
        300..=399 => Verdict::Locked(format!("{error}; a redirect is not followed, put its address into url")),
        401 => Verdict::Locked(format!("{error}; check token_file, or username and password_file")),
        403 => Verdict::Gone(format!("{error}; whoever publishes needs write access to this topic")),
        404 | 405 => Verdict::Locked(format!("{error}; is url the address of a server of ntfy?")),
        429 => {
            let own = if refusal.code == QUOTA.0 { QUOTA.1 } else { LITTLE };
            Verdict::Retry { error, after: Some(after.unwrap_or(own)), uncertain: false }
        }
        408 | 425 | 503 | 507 => Verdict::Retry { error, after, uncertain: false },
        500.. => Verdict::Retry { error, after, uncertain: true },
        _ => Verdict::Rejected(error),
    }
}

/// What a call that failed means.
pub fn broken(failed: Failed) -> Verdict {
    let words = failed.words(WHOM);
    match failed {
        Failed::Refused => Verdict::Locked(words),
        Failed::Unreachable => Verdict::not_sent(words),
        Failed::Silent | Failed::Broke => Verdict::uncertain(words),
    }
}
