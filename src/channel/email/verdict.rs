//! What a server's answers mean: try again, never, or nobody knows.
//!
//! Only a mail whose last byte may have been read can have arrived. What a server says while we log in is not quoted:
//! it may say our own words back. Codes: <https://www.rfc-editor.org/rfc/rfc5321#section-4.2.3>

use super::smtp::{Failed, How, Server, Step};
use crate::channel::Verdict;
use crate::core::text;
use crate::core::time::Span;

/// A server that wants to see us again (greylisting) wants it not too soon.
const GREY: Span = Span::secs(60);
/// Characters of a server's words that are passed on.
const QUOTED: usize = 200;
/// It wants to know who we are before it takes anything. <https://www.rfc-editor.org/rfc/rfc4954#section-6>
const WANTS_LOGIN: u16 = 530;
/// The server goes away, whoever asks.
const GOES_AWAY: u16 = 421;

/// What a failure means for the mail.
pub fn of(failed: &Failed, server: &Server) -> Verdict {
    let words = words(failed, server);
    match (&failed.how, failed.step) {
        (How::Said(WANTS_LOGIN, _), _) => Verdict::Locked(words),
        (How::Said(500.., _), Step::Login | Step::Sender) => Verdict::Locked(words),
        (How::Broke(signs), Step::Login) if is_no_way_in(signs) => Verdict::Locked(words),
        (How::Said(550 | 551 | 553, _), Step::Recipient) => Verdict::Gone(words),
        (How::Said(500.., _), Step::Recipient | Step::Data | Step::Body) => Verdict::Rejected(words),
        (How::Said(GOES_AWAY, _), _) | (_, Step::Connect | Step::Secure) => Verdict::not_sent(words),
        (How::Said(..), _) => Verdict::Retry { error: words, after: Some(GREY), uncertain: false },
        (How::Broke(_) | How::Silent, Step::Body) => Verdict::uncertain(words),
        (How::Broke(_) | How::Silent, _) => Verdict::not_sent(words),
    }
}

/// The server knows none of our ways to log in.
fn is_no_way_in(signs: &str) -> bool {
    signs.contains("authentication mechanism")
}

/// A failure in words that hold no secret, with what to do about it where that is known.
pub fn words(failed: &Failed, server: &Server) -> String {
    let place = format!("{}:{}", server.host, server.port);
    match (&failed.how, failed.step) {
        (How::Said(code, _), Step::Login) if (400..500).contains(code) => {
            format!("{place} cannot check logins now ({code})")
        }
        (How::Said(code, _), Step::Login) => {
            format!(
                "{place} refuses username and password ({code}); check both, and put the password into password_file"
            )
        }
        (How::Said(WANTS_LOGIN, said), _) if server.login.is_none() => {
            format!("{place} wants a login: set username and password_file ({WANTS_LOGIN} {})", quoted(said))
        }
        (How::Said(code @ 500.., said), Step::Sender) => {
            format!("{place} does not let us write as `from` ({code} {})", quoted(said))
        }
        (How::Said(code, said), _) => format!("{place} says: {code} {}", quoted(said)),
        (How::Broke(signs), step) => broken(signs, step, &place),
        (How::Silent, Step::Connect) => format!("{place} cannot be reached in time"),
        (How::Silent, Step::Body) => format!("{place} did not say in time whether it took the mail"),
        (How::Silent, _) => format!("{place} did not answer in time"),
    }
}

fn broken(signs: &str, step: Step, place: &str) -> String {
    match (certificate(signs), step) {
        (Some(why), _) => format!("the certificate of {place} {why}"),
        (None, Step::Login) if is_no_way_in(signs) => {
            format!("{place} offers no login by PLAIN or LOGIN; take username out if it wants none")
        }
        (None, Step::Secure) if signs.contains("STARTTLS") => {
            format!("{place} offers no STARTTLS; use security = \"tls\", or a server that keeps mail secret")
        }
        (None, Step::Connect) => format!("{place} cannot be reached, or speaks no SMTP there"),
        (None, Step::Secure) => format!("the connection to {place} cannot be made secret"),
        (None, Step::Body) => format!("the connection to {place} broke before it said whether it took the mail"),
        (None, _) => format!("the connection to {place} broke"),
    }
}

/// What is wrong with a certificate, when something is. The signs are those of rustls.
fn certificate(signs: &str) -> Option<&'static str> {
    let known = [
        (
            "CaUsedAsEndEntity",
            "is that of an authority (CA:TRUE), as self-signed ones often are, and such a one is refused; give the \
             server a certificate that an authority of yours has signed, and put that authority's into ca_file",
        ),
        ("UnknownIssuer", "was signed by nobody we know; put the authority's certificate into ca_file"),
        ("Expired", "has expired"),
        ("expired", "has expired"),
        ("NotValidYet", "is not valid yet; check the clocks"),
        ("NotValidForName", "is not for this host; use the name for which it is"),
        ("not valid for name", "is not for this host; use the name for which it is"),
        ("BadSignature", "has a wrong signature; is ca_file that of another authority?"),
        ("certificate", "is refused"),
    ];
    known.iter().find(|(sign, _)| signs.contains(sign)).map(|(_, why)| *why)
}

fn quoted(said: &str) -> String {
    text::clip(&text::one_line(said), QUOTED)
}
