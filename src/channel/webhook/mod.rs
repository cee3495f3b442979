//! Webhooks: notices as JSON to whatever program takes them, signed as Standard Webhooks say.
//!
//! The body is what `docs/webhook.md` promises. What changes on a notice is told as a change of the same notice, and
//! what is sent again bears the name that it had, so that whoever takes it can tell. Nothing is decided there and nothing
//! that is answered is read: programs that want to act have the API.
//! <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::Url;
use serde_json::{Value, json};

use super::{Channel, Outgoing, Pace, Verdict, carries};
use crate::core::policy::ChannelPolicy;
use crate::core::time::Ts;
use crate::outgoing::{self, Answer, Failed, Guarded};
use crate::render::markup::{Block, text_of};
use crate::render::plain;

/// A call that takes longer is given up.
const CALL_TIMEOUT: Duration = Duration::from_secs(15);
/// Of the body; it grows when something in it comes to mean something else.
const SCHEMA: u32 = 1;
/// Who is called, in words.
const WHOM: &str = "its url";

/// Signs a body under a name and a time: the three header fields of the specification.
pub type Sign = Arc<dyn Fn(&str, Ts, &[u8]) -> [(&'static str, String); 3] + Send + Sync>;

/// What the adapter needs to know.
#[derive(Clone)]
pub struct Settings {
    /// Name in the configuration.
    pub name: String,
    /// Where notices go. It may hold a credential.
    pub url: Url,
    /// Signs them.
    pub sign: Sign,
    /// Our own address as others see it, without a slash at its end.
    pub public_url: String,
    /// Calls a second; 0 for no limit.
    pub rate: f64,
}

/// The adapter.
pub struct Webhook {
    settings: Settings,
    client: Guarded,
}

impl Webhook {
    /// Makes the adapter, which calls with `client`.
    pub const fn new(settings: Settings, client: Guarded) -> Self {
        Self { settings, client }
    }

    /// A client for it.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn client(inside: outgoing::Inside) -> Result<Guarded, String> {
        Guarded::new(CALL_TIMEOUT, inside)
    }

    async fn tell(&self, out: &Outgoing, what: &str, notice: &str) -> Verdict {
        let body = self.body(out, what, notice).to_string();
        // A row that is tried again may say something newer, and must not be taken for what it said before.
        let id = format!("{}_v{}", out.id, out.version);
        match self.call(&id, out, body).await {
            Ok(answer) => judge(&answer, notice),
            Err(failed) => broken(failed),
        }
    }

    async fn call(&self, id: &str, out: &Outgoing, body: String) -> Result<Answer, Failed> {
        let mut request = self.client.post(self.settings.url.clone())?.header("content-type", "application/json");
        for (name, value) in (self.settings.sign)(id, out.now, body.as_bytes()) {
            request = request.header(name, value);
        }
        outgoing::call(request.body(body)).await
    }

    fn body(&self, out: &Outgoing, what: &str, notice: &str) -> Value {
        let Settings { name, public_url, .. } = &self.settings;
        let fields = out.doc.blocks.iter().filter_map(|block| match block {
            Block::Field(label, value) => Some(json!({ "label": text_of(label), "value": text_of(value) })),
            _ => None,
        });
        let url = match out.about.card {
            0 => format!("{public_url}/"),
            card => format!("{public_url}/c/{card}"),
        };
        json!({
            "type": what,
            "timestamp": out.at.rfc3339(),
            "data": {
                "schema": SCHEMA,
                "notice": notice,
                "version": out.version,
                "under": out.under,
                "channel": name,
                "to": out.target,
                "kind": out.about.kind,
                "severity": out.about.severity,
                "silent": out.silent,
                "lang": out.lang,
                "title": text_of(&out.doc.title),
                "text": plain(&out.doc),
                "fields": fields.collect::<Vec<Value>>(),
                "url": url,
            },
        })
    }
}

/// What an answer means.
fn judge(answer: &Answer, notice: &str) -> Verdict {
    let status = answer.status;
    let error = format!("{WHOM} answered {status}");
    match status {
        200..=299 => Verdict::Sent(notice.to_owned()),
        300..=399 => Verdict::Locked(format!("{error}, a redirect, which is not followed; put its address into url")),
        401 | 403 => Verdict::Locked(format!("{error}; does it have the same secret?")),
        404 | 405 => Verdict::Locked(format!("{error}; is this where it takes notices?")),
        410 => Verdict::Gone(format!("{error}: it wants no more of these")),
        408 | 425 | 429 | 500.. => Verdict::Retry { error, after: answer.after, uncertain: false },
        _ => Verdict::Rejected(error),
    }
}

/// What a call that failed means. Sent again, a notice is the same notice by its name: nothing is uncertain.
fn broken(failed: Failed) -> Verdict {
    match failed {
        Failed::Refused => Verdict::Locked(failed.words(WHOM)),
        _ => Verdict::not_sent(failed.words(WHOM)),
    }
}

#[async_trait]
impl Channel for Webhook {
    fn policy(&self) -> ChannelPolicy {
        carries("webhook")
    }

    fn pace(&self, _target: &str) -> Pace {
        Pace::of(0.0, 1, self.settings.rate)
    }

    fn is_idempotent(&self) -> bool {
        true
    }

    async fn send(&self, out: &Outgoing) -> Verdict {
        self.tell(out, "notice.sent", &out.id).await
    }

    async fn edit(&self, out: &Outgoing, receipt: &str) -> Verdict {
        self.tell(out, "notice.changed", receipt).await
    }
}
