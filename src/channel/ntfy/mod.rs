//! ntfy: messages to topics of a server of one's own, or of anybody's.
//!
//! A button that can be tapped at once posts its token to our own page of links; one that asks for words, or cannot be
//! taken back, or stands under a text that did not fit, leads to that page and decides nothing by itself. Whoever can
//! read a topic can tap, so only the topics of people get buttons. No message can be changed, and nothing that is
//! published there by others is read. <https://docs.ntfy.sh/publish/>

mod verdict;

use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::{RequestBuilder, Url};
use serde_json::{Value, json};

use super::{Channel, DrawnButton, NTFY_TEXT, Outgoing, Pace, Verdict, carries};
use crate::core::delivery::Class;
use crate::core::message::ButtonStyle;
use crate::core::policy::ChannelPolicy;
use crate::core::text::utf16_len;
use crate::outgoing::{self, Failed, Guarded, Inside};
use crate::render::plain_within;

/// A call that takes longer is given up.
const CALL_TIMEOUT: Duration = Duration::from_secs(15);
/// Bytes of a message; a longer one becomes a file. <https://docs.ntfy.sh/publish/#limitations>
const MESSAGE: usize = 4096;
/// Bytes of what is published, as JSON: the server reads twice as many as a message may have.
const PUBLISHED: usize = 2 * MESSAGE;
/// Buttons of a message. <https://docs.ntfy.sh/publish/#action-buttons>
const BUTTONS: usize = 3;

/// With which rights we publish.
#[derive(Clone)]
pub enum Login {
    /// Anybody's.
    Nobody,
    /// An access token, `tk_…`. Secret.
    Token(String),
    /// Name and password. The password is secret.
    Password(String, String),
}

/// What the adapter needs to know.
#[derive(Clone)]
pub struct Settings {
    /// Address of the server.
    pub url: Url,
    /// As whom we publish.
    pub login: Login,
    /// Our own address as others see it, without a slash at its end.
    pub public_url: String,
    /// Topics of people: a button speaks for whoever reads the topic, so only they get buttons.
    pub people: BTreeSet<String>,
    /// Which addresses inside the house may be called.
    pub inside: Inside,
    /// Messages a second over all; 0 for no limit.
    pub rate: f64,
}

/// The adapter.
pub struct Ntfy {
    settings: Settings,
    client: Guarded,
}

/// Whether a topic can have this name. <https://github.com/binwiederhier/ntfy/blob/main/server/server.go>
pub fn is_topic(name: &str) -> bool {
    (1..=64).contains(&name.len()) && name.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_'))
}

impl Ntfy {
    /// Makes the adapter; nothing is sent yet.
    ///
    /// # Errors
    /// When the HTTP client cannot be made.
    pub fn new(settings: Settings) -> Result<Self, String> {
        let client = Guarded::new(CALL_TIMEOUT, settings.inside.clone())?;
        Ok(Self { settings, client })
    }

    fn signed(&self, request: RequestBuilder) -> RequestBuilder {
        match &self.settings.login {
            Login::Nobody => request,
            Login::Token(token) => request.bearer_auth(token),
            Login::Password(name, password) => request.basic_auth(name, Some(password)),
        }
    }

    async fn publish(&self, out: &Outgoing) -> Verdict {
        if !is_topic(&out.target) {
            return Verdict::Gone(format!("`{}` is no topic of ntfy", out.target));
        }
        let message = self.message(out);
        let call = async {
            let request = self.client.post(self.settings.url.clone())?;
            outgoing::call(self.signed(request).json(&message)).await
        };
        match call.await {
            Ok(answer) => verdict::of(&answer),
            Err(failed) => verdict::broken(failed),
        }
    }

    /// The message as it is published: as much of it as the server takes.
    fn message(&self, out: &Outgoing) -> Value {
        let drawn: &[DrawnButton] = if self.settings.people.contains(&out.target) { &out.buttons } else { &[] };
        let some_left = drawn.len() > BUTTONS;
        let drawn = &drawn[..drawn.len().min(BUTTONS)];
        let whole = |title: &str, text: &str, cut: bool| {
            let text = if cut || some_left { format!("{text}\n…") } else { text.to_owned() };
            // An empty message would be shown as the word "triggered".
            let (title, text) = if text.trim().is_empty() { ("", title.to_owned()) } else { (title, text) };
            let mut message = json!({
                "topic": out.target,
                "message": text.trim_start_matches('\n'),
                "priority": priority(out),
                "tags": [out.about.kind],
                "click": self.click(out),
                "actions": drawn.iter().map(|button| self.action(button, cut)).collect::<Vec<_>>(),
            });
            if !title.is_empty() {
                message["title"] = title.into();
            }
            message
        };
        let fits = |title: &str, text: &str, cut: bool| {
            let message = whole(title, text, cut);
            let length = message["message"].as_str().map_or(0, str::len);
            let units = utf16_len(title) + utf16_len(text) + 3;
            length <= MESSAGE && units <= NTFY_TEXT && message.to_string().len() <= PUBLISHED
        };
        let shown = plain_within(&out.doc, fits);
        whole(&shown.title, &shown.text, shown.cut)
    }

    fn click(&self, out: &Outgoing) -> String {
        let base = &self.settings.public_url;
        match out.about.card {
            0 => format!("{base}/"),
            card => format!("{base}/c/{card}"),
        }
    }

    /// A button. What shall be decided at once must have been shown whole.
    fn action(&self, button: &DrawnButton, cut: bool) -> Value {
        let base = &self.settings.public_url;
        if button.asks_why || button.style == ButtonStyle::Danger || cut {
            // Behind the # no server and no log on the way sees it.
            let url = format!("{base}/m#{}", button.token);
            return json!({ "action": "view", "label": button.label, "url": url });
        }
        json!({
            "action": "http",
            "label": button.label,
            "url": format!("{base}/m/act"),
            "method": "POST",
            "headers": { "Content-Type": "application/json" },
            "body": json!({ "token": button.token }).to_string(),
            "clear": true,
        })
    }
}

/// From 2, without a sound, to 5, which is heard in every room. <https://docs.ntfy.sh/publish/#message-priority>
const fn priority(out: &Outgoing) -> u8 {
    match out.about.class {
        _ if out.silent => 2,
        Class::Critical => 5,
        Class::Decision => 4,
        Class::Reply | Class::Warning | Class::Info => 3,
    }
}

#[async_trait]
impl Channel for Ntfy {
    fn policy(&self) -> ChannelPolicy {
        carries("ntfy")
    }

    fn pace(&self, _target: &str) -> Pace {
        Pace::of(0.0, 1, self.settings.rate)
    }

    async fn send(&self, out: &Outgoing) -> Verdict {
        self.publish(out).await
    }

    async fn edit(&self, out: &Outgoing, receipt: &str) -> Verdict {
        match self.publish(out).await {
            Verdict::Sent(_) => Verdict::Sent(receipt.to_owned()),
            other => other,
        }
    }

    async fn prepare(&self) -> Result<(), String> {
        let mut url = self.settings.url.clone();
        url.set_path("/v1/health");
        let call = async { outgoing::call(self.client.get(url)?).await };
        let words = |failed: Failed| failed.words(verdict::WHOM);
        let answer = call.await.map_err(words)?;
        let health: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        if answer.status == 200 && health["healthy"] == true {
            return Ok(());
        }
        Err(format!(
            "{} does not say that it is well ({}); is it the address of a server of ntfy?",
            verdict::WHOM,
            answer.status
        ))
    }
}
