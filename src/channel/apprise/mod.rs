//! Apprise: one server that passes messages on to whatever its owner has set up there, a hundred platforms or more.
//!
//! A conversation is a key of that server, with tags behind a slash: `ops` or `ops/night,phone`. It carries words and how
//! bad they are, and nothing else: no buttons, no threads, no changes, and no way back.
//! <https://github.com/caronc/apprise-api#api-details>

use std::time::Duration;

use async_trait::async_trait;
use reqwest::Url;
use serde_json::json;

use super::{Channel, Outgoing, Pace, Verdict, carries};
use crate::core::delivery::Class;
use crate::core::policy::{ChannelPolicy, Severity};
use crate::outgoing::{self, Answer, Failed, Guarded, Inside};
use crate::render::plain_within;

/// It answers when every platform behind it has, so it has more time than others; less than a lease.
const CALL_TIMEOUT: Duration = Duration::from_secs(18);
/// Who is called, in words.
const WHOM: &str = "the Apprise server";

/// What the adapter needs to know.
#[derive(Clone)]
pub struct Settings {
    /// Address of the server, with the path under which it stands.
    pub url: Url,
    /// Name and password, where something before it asks for them. The password is secret.
    pub login: Option<(String, String)>,
    /// Which addresses inside the house may be called.
    pub inside: Inside,
    /// Messages a second over all; 0 for no limit.
    pub rate: f64,
}

/// The adapter.
pub struct Apprise {
    settings: Settings,
    client: Guarded,
}

/// A conversation: a key, and tags when some are named.
struct Place<'a> {
    key: &'a str,
    tags: Option<&'a str>,
}

/// Whether something can be a key, with tags behind a slash or without.
pub fn is_place(target: &str) -> bool {
    Place::parse(target).is_some()
}

impl<'a> Place<'a> {
    fn parse(target: &'a str) -> Option<Self> {
        let word =
            |text: &str| !text.is_empty() && text.bytes().all(|c| c.is_ascii_alphanumeric() || b"-_".contains(&c));
        let (key, tags) = target.split_once('/').map_or((target, None), |(key, tags)| (key, Some(tags)));
        let fits = key.len() <= 128 && word(key) && tags.is_none_or(|tags| tags.split(',').all(word));
        fits.then_some(Self { key, tags })
    }
}

impl Apprise {
    /// Makes the adapter; nothing is sent yet.
    ///
    /// # Errors
    /// When the HTTP client cannot be made.
    pub fn new(settings: Settings) -> Result<Self, String> {
        let client = Guarded::new(CALL_TIMEOUT, settings.inside.clone())?;
        Ok(Self { settings, client })
    }

    async fn notify(&self, out: &Outgoing) -> Verdict {
        let Some(place) = Place::parse(&out.target) else {
            return Verdict::Gone(format!("`{}` is no key of Apprise, nor one with tags (KEY/TAG,TAG)", out.target));
        };
        let shown = plain_within(&out.doc, |_, _, _| true);
        // It takes no message without a body.
        let (title, body) =
            if shown.text.is_empty() { ("", &shown.title) } else { (shown.title.as_str(), &shown.text) };
        let mut message = json!({ "title": title, "body": body, "type": kind(out), "format": "text" });
        if let Some(tags) = place.tags {
            message["tag"] = tags.into();
        }
        let call = async {
            let mut request = self.client.post(self.address(place.key))?.header("accept", "application/json");
            if let Some((name, password)) = &self.settings.login {
                request = request.basic_auth(name, Some(password));
            }
            outgoing::call(request.json(&message)).await
        };
        match call.await {
            Ok(answer) => judge(&answer, out),
            Err(failed) => broken(failed),
        }
    }

    fn address(&self, key: &str) -> Url {
        let mut url = self.settings.url.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(["notify", key]);
        }
        url
    }
}

/// How bad it is, in Apprise's words.
const fn kind(out: &Outgoing) -> &'static str {
    match (out.about.class, out.about.severity) {
        // A question is no failure, however urgent.
        (Class::Decision, _) | (_, Some(Severity::Warning)) => "warning",
        (_, Some(Severity::Critical)) => "failure",
        _ => "info",
    }
}

/// What an answer means. <https://github.com/caronc/apprise-api/blob/master/apprise_api/api/views.py>
fn judge(answer: &Answer, out: &Outgoing) -> Verdict {
    let error = format!("{WHOM} answered {}", answer.status);
    let after = answer.after;
    match answer.status {
        200 => Verdict::Sent(out.id.clone()),
        204 => Verdict::Gone(format!("{error}: nothing is set up there under this key")),
        300..=399 => Verdict::Locked(format!("{error}, a redirect, which is not followed; put its address into url")),
        401 | 403 => Verdict::Locked(format!("{error}; check username and password_file")),
        404 | 405 => Verdict::Locked(format!("{error}; is url the address of an Apprise API server?")),
        // Some of the platforms behind the key may have taken it.
        424 => {
            let error = format!("{error}: not every platform behind this key took it, or none has these tags");
            Verdict::Retry { error, after, uncertain: true }
        }
        408 | 425 | 429 | 503 => Verdict::Retry { error, after, uncertain: false },
        500.. => Verdict::Retry { error, after, uncertain: true },
        _ => Verdict::Rejected(error),
    }
}

fn broken(failed: Failed) -> Verdict {
    let words = failed.words(WHOM);
    match failed {
        Failed::Refused => Verdict::Locked(words),
        Failed::Unreachable => Verdict::not_sent(words),
        Failed::Silent | Failed::Broke => Verdict::uncertain(words),
    }
}

#[async_trait]
impl Channel for Apprise {
    fn policy(&self) -> ChannelPolicy {
        carries("apprise")
    }

    fn pace(&self, _target: &str) -> Pace {
        Pace::of(0.0, 1, self.settings.rate)
    }

    async fn send(&self, out: &Outgoing) -> Verdict {
        self.notify(out).await
    }

    async fn edit(&self, out: &Outgoing, receipt: &str) -> Verdict {
        match self.notify(out).await {
            Verdict::Sent(_) => Verdict::Sent(receipt.to_owned()),
            other => other,
        }
    }
}
