//! Web push: a line on the lock screen of a phone whose owner is signed in on the page there.
//!
//! A conversation is one device. It is told what it needs to know at once, and a tap opens the card; nothing can be
//! decided on the notification, and no token is in it. Push services carry what they cannot read, so what they learn is
//! when somebody is told, and how urgently.
//! <https://www.rfc-editor.org/rfc/rfc8030>, <https://www.rfc-editor.org/rfc/rfc8291>, <https://www.rfc-editor.org/rfc/rfc8292>

mod sealed;
mod vapid;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use reqwest::Url;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{Channel, Outgoing, PUSH_TEXT, Verdict, carries};
use crate::clock::Entropy;
use crate::core::delivery::Class;
use crate::core::device::Device;
use crate::core::policy::ChannelPolicy;
use crate::core::text::utf16_len;
use crate::outgoing::{self, Answer, Failed, Guarded, Inside};
use crate::render::plain_within;

pub use sealed::Keys;
pub use vapid::Vapid;

/// A call that takes longer is given up.
const CALL_TIMEOUT: Duration = Duration::from_secs(15);
/// Bytes of an endpoint's address; those of browsers have some hundreds.
const ADDRESS: usize = 1000;
/// Who is called, in words.
const WHOM: &str = "the push service";

/// Where devices are found by their names.
#[async_trait]
pub trait Devices: Send + Sync {
    /// A device that is notified.
    ///
    /// # Errors
    /// When it cannot be looked up now.
    async fn device(&self, id: &str) -> Result<Option<Device>, String>;

    /// How many decisions wait for whoever has a device.
    ///
    /// # Errors
    /// When it cannot be looked up now.
    async fn waiting(&self, id: &str) -> Result<i64, String>;
}

/// The adapter.
pub struct Push {
    devices: Box<dyn Devices>,
    vapid: Vapid,
    entropy: Arc<dyn Entropy>,
    inside: Inside,
    client: Guarded,
}

impl Push {
    /// Makes the adapter; nothing is sent yet.
    ///
    /// # Errors
    /// When the HTTP client cannot be made.
    pub fn new(
        devices: Box<dyn Devices>,
        vapid: Vapid,
        entropy: Arc<dyn Entropy>,
        inside: Inside,
    ) -> Result<Self, String> {
        let client = Guarded::new(CALL_TIMEOUT, inside.clone())?;
        Ok(Self { devices, vapid, entropy, inside, client })
    }

    /// Our public key, with which a browser subscribes.
    pub fn key(&self) -> &str {
        self.vapid.public()
    }

    /// Whether a device can be notified: its endpoint is one that may be called, in secret, and its keys are some.
    pub fn fits(&self, device: &Device) -> bool {
        self.endpoint(device).is_some() && keys(device).is_some()
    }

    /// In secret; without it only inside the house, where the configuration says so.
    fn endpoint(&self, device: &Device) -> Option<Url> {
        let url = device.endpoint.parse::<Url>().ok().filter(|_| device.endpoint.len() <= ADDRESS)?;
        let plain = url.username().is_empty() && url.password().is_none();
        let address = url.host_str().and_then(|host| host.trim_matches(['[', ']']).parse().ok());
        let fits = match url.scheme() {
            "https" => address.is_none_or(|address| self.inside.allows(address)),
            "http" => {
                address.is_some_and(|address: std::net::IpAddr| address.is_loopback() && self.inside.allows(address))
            }
            _ => false,
        };
        (plain && fits).then_some(url)
    }

    async fn notify(&self, out: &Outgoing, first: &str) -> Verdict {
        let device = match self.devices.device(&out.target).await {
            Ok(Some(device)) => device,
            Ok(None) => return Verdict::Gone("this device is not notified any more".into()),
            Err(error) => return Verdict::not_sent(error),
        };
        let (Some(url), Some(keys)) = (self.endpoint(&device), keys(&device)) else {
            return Verdict::Gone("this device cannot be notified under its address".into());
        };
        // Without it the number on the icon stays as it is, which is no reason to say nothing.
        let waiting = self.devices.waiting(&out.target).await.ok();
        let payload = payload(out, first, waiting).to_string();
        let (mut secret, mut salt) = ([0; 32], [0; 16]);
        self.entropy.fill(&mut secret);
        self.entropy.fill(&mut salt);
        let Some(body) = keys.seal(payload.as_bytes(), &secret, &salt) else {
            return Verdict::not_sent("the notification could not be sealed");
        };
        match self.call(url, out, first, body).await {
            Ok(answer) => judge(&answer, first),
            Err(failed) => broken(failed),
        }
    }

    async fn call(&self, url: Url, out: &Outgoing, first: &str, body: Vec<u8>) -> Result<Answer, Failed> {
        let (urgency, lives) = urgency(out);
        let request = self
            .client
            .post(url.clone())?
            .header("authorization", self.vapid.authorization(&url, out.now))
            .header("content-type", "application/octet-stream")
            .header("content-encoding", "aes128gcm")
            .header("ttl", lives)
            .header("urgency", urgency)
            .header("topic", topic(first));
        outgoing::call(request.body(body)).await
    }
}

/// The keys of a device, as browsers give them, with or without padding.
fn keys(device: &Device) -> Option<Keys> {
    let bytes = |text: &str| BASE64.decode(text.trim_end_matches('=')).ok();
    Keys::read(&bytes(&device.p256dh)?, &bytes(&device.auth)?)
}

/// What the page's worker shows. `tag` is the same through all changes of a card, so that the newest stands alone;
/// `waiting` is the number on the icon of the installed page.
fn payload(out: &Outgoing, first: &str, waiting: Option<i64>) -> Value {
    let shown = plain_within(&out.doc, |title, text, _| {
        let units = utf16_len(title) + utf16_len(text) + 3;
        // JSON writes the worst signs with six bytes.
        let bytes = json!([title, text]).to_string().len();
        units <= PUSH_TEXT && bytes + 600 <= sealed::MOST
    });
    let text = if shown.cut { format!("{}\n…", shown.text) } else { shown.text };
    let url = match out.about.card {
        0 => "/".to_owned(),
        card => format!("/c/{card}"),
    };
    json!({
        "title": shown.title,
        "body": text.trim_start_matches('\n'),
        "tag": topic(first),
        "id": format!("{}_v{}", out.id, out.version),
        "url": url,
        "silent": out.silent,
        "lang": out.lang,
        "at": out.at.0,
        "waiting": waiting,
    })
}

/// How urgent it is, and how many seconds a push service shall keep it for a phone that is off.
/// <https://www.rfc-editor.org/rfc/rfc8030#section-5.3>
const fn urgency(out: &Outgoing) -> (&'static str, u32) {
    match out.about.class {
        Class::Decision => ("high", 3600),
        Class::Critical => ("high", 4 * 3600),
        Class::Warning => ("normal", 4 * 3600),
        Class::Reply => ("normal", 900),
        Class::Info => ("low", 24 * 3600),
    }
}

/// The same for all changes of a card, so that what has not arrived yet is replaced: 32 signs at most.
fn topic(first: &str) -> String {
    BASE64.encode(&Sha256::digest(first)[..24])
}

/// What an answer means.
fn judge(answer: &Answer, first: &str) -> Verdict {
    let error = format!("{WHOM} answered {}", answer.status);
    match answer.status {
        200..=299 => Verdict::Sent(first.to_owned()),
        404 | 410 => Verdict::Gone(format!("{error}: this device wants no more notifications")),
        // The subscription belongs to another key than ours.
        401 | 403 => Verdict::Gone(format!("{error}: it does not let us notify this device")),
        // Sent again, it shows once: it has the same tag.
        408 | 425 | 429 | 500.. => Verdict::Retry { error, after: answer.after, uncertain: false },
        _ => Verdict::Rejected(error),
    }
}

fn broken(failed: Failed) -> Verdict {
    let words = failed.words(WHOM);
    match failed {
        Failed::Refused => Verdict::Gone(words),
        _ => Verdict::not_sent(words),
    }
}

#[async_trait]
impl Channel for Push {
    fn policy(&self) -> ChannelPolicy {
        carries("push")
    }

    fn is_idempotent(&self) -> bool {
        true
    }

    async fn send(&self, out: &Outgoing) -> Verdict {
        self.notify(out, &out.id).await
    }

    async fn edit(&self, out: &Outgoing, receipt: &str) -> Verdict {
        // That something has changed makes no second sound.
        self.notify(&Outgoing { silent: true, ..out.clone() }, receipt).await
    }
}
