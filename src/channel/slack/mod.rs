//! Slack, through slack-morphism's Web API client and Socket Mode.
//!
//! Sends Block Kit, edits in place, whispers in channels, asks for words in a window, and hears commands, mentions,
//! direct messages and taps: over sockets that it holds, or pushed and signed. slack-morphism's own rate control is
//! off, because it paces a whole workspace to one message a second. Slack has no silent messages: whether something
//! makes a sound is up to each reader there. Limits: <https://docs.slack.dev/apis/web-api/rate-limits>

mod call;
mod exam;
mod names;
mod post;
mod receive;
mod signature;
mod socket;
mod upload;
mod verdict;
mod why;

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use reqwest::Url;
use serde::Serialize;
use serde_json::{Value, json};
use slack_morphism::{ClientResult, SlackApiToken, SlackApiTokenValue, SlackClient};

use self::call::{CALL_TIMEOUT, Web};
use self::names::Names;
use self::receive::{Heard, Ourselves, Reader};
use super::{Channel, Inbox, Incoming, Outgoing, Pace, Push, PushError, Pushed, Reception, Verdict, carries};
use crate::clock::within;
use crate::core::policy::{ChannelPolicy, Lang};
use crate::exam::Exam;
use crate::render::escape_slack;

/// The only host at which Slack takes answers to taps.
const ANSWERS: &str = "hooks.slack.com";
/// The only host at which Slack takes files.
const FILES: &str = "files.slack.com";

/// How Slack tells us what people say.
#[derive(Clone)]
pub enum Way {
    /// Over connections that are opened with this app token. Secret.
    Socket(String),
    /// Pushed, with a proof under this signing secret. Secret.
    Pushed(String),
}

/// What the adapter needs to know.
#[derive(Clone)]
pub struct Settings {
    /// Name in the configuration.
    pub name: String,
    /// The bot's token. Secret.
    pub bot_token: String,
    /// How people are heard.
    pub way: Way,
    /// Address of a Web API other than Slack's own.
    pub api_url: Option<Url>,
    /// Messages a second in one conversation, and over all.
    pub rate: (f64, f64),
    /// Languages of accounts, and of everybody else.
    pub langs: (BTreeMap<String, Lang>, Lang),
}

impl Settings {
    fn lang_of(&self, account: &str) -> Lang {
        self.langs.0.get(account).copied().unwrap_or(self.langs.1)
    }
}

/// The adapter.
pub struct SlackChannel(Shared);

/// The adapter's parts, shared with what it begins and does not wait for.
#[derive(Clone)]
struct Shared(Arc<Slack>);

struct Slack {
    settings: Settings,
    web: SlackClient<Web>,
    connector: Web,
    token: SlackApiToken,
    names: Names,
    /// Who we are; nobody is heard before it is known.
    us: Mutex<Option<Ourselves>>,
}

impl Deref for Shared {
    type Target = Slack;

    fn deref(&self) -> &Slack {
        &self.0
    }
}

fn token(text: &str) -> SlackApiToken {
    SlackApiToken::new(SlackApiTokenValue(text.to_owned()))
}

impl SlackChannel {
    /// Makes the adapter; nothing is sent yet.
    ///
    /// # Errors
    /// When the HTTP client cannot be made.
    pub fn new(settings: Settings) -> Result<Self, String> {
        let connector = Web::new(settings.api_url.as_ref())?;
        Ok(Self(Shared(Arc::new(Slack {
            web: SlackClient::new(connector.clone()),
            connector,
            token: token(&settings.bot_token),
            names: Names::default(),
            us: Mutex::default(),
            settings,
        }))))
    }
}

impl Slack {
    /// Calls a method with the bot's token, under our own time limit.
    async fn call<R>(&self, method: &str, request: &(impl Serialize + Send + Sync)) -> ClientResult<R>
    where
        R: for<'de> serde::Deserialize<'de> + Send,
    {
        call::call(&self.web, &self.token, method, request).await
    }

    /// Calls a method that only reads, with the bot's token.
    async fn ask<R>(&self, method: &str, query: &[(&str, Option<String>)]) -> ClientResult<R>
    where
        R: for<'de> serde::Deserialize<'de> + Send,
    {
        call::ask(&self.web, &self.token, method, query).await
    }

    fn us(&self) -> Option<Ourselves> {
        self.us.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The app is called this.
    fn is_app(&self, app: Option<&str>) {
        if let (Some(us), Some(app)) = (self.us.lock().unwrap_or_else(PoisonError::into_inner).as_mut(), app) {
            us.app = Some(app.to_owned());
        }
    }

    /// Reads a payload as whom it is for.
    fn reader(&self, read: impl FnOnce(Reader<'_>) -> Heard) -> Heard {
        let us = self.us();
        us.map_or(Heard::Nothing, |us| read(Reader { channel: &self.settings.name, us: &us, names: &self.names }))
    }

    /// An address that we were told, where it is Slack's own of that `host`: nobody else is sent anything.
    fn own_url(&self, to: &str, host: &str) -> Option<Url> {
        let url: Url = to.parse().ok()?;
        let fits = match &self.settings.api_url {
            Some(api) => (api.host_str(), api.port_or_known_default()) == (url.host_str(), url.port_or_known_default()),
            None => url.scheme() == "https" && url.host_str() == Some(host) && url.port().is_none(),
        };
        fits.then_some(url)
    }

    /// Tells whoever tapped something that nobody else sees.
    async fn whisper_to(&self, to: &str, text: &str) {
        let Some(url) = self.own_url(to, ANSWERS) else {
            tracing::debug!(channel = self.settings.name, "an answer was to go to somebody else than Slack");
            return;
        };
        let body = json!({ "response_type": "ephemeral", "replace_original": false, "text": escape_slack(text) });
        if let Err(error) = self.connector.respond(url, &body).await {
            tracing::debug!(channel = self.settings.name, error = verdict::words(&error), "a tap was not answered");
        }
    }

    async fn learn_who_we_are(&self) -> ClientResult<Ourselves> {
        let session = self.web.open_session(&self.token);
        let said: Value = session.http_session_api.http_post("auth.test", &json!({}), None).await?;
        let word = |key: &str| said[key].as_str().unwrap_or_default().to_owned();
        let bot: ClientResult<Value> =
            self.ask("bots.info", &[("bot", said["bot_id"].as_str().map(str::to_owned))]).await;
        // Whoever may not look does not know it; then what payloads say of it is not held against anything.
        let app = bot.ok().and_then(|bot| bot["bot"]["app_id"].as_str().map(str::to_owned));
        Ok(Ourselves { team: word("team_id"), user: word("user_id"), app })
    }
}

impl Shared {
    /// What is to be stored of what was heard. A window is opened meanwhile: nobody waits for it.
    fn heard(&self, heard: Heard) -> Option<Incoming> {
        match heard {
            Heard::Said(incoming) => Some(incoming),
            Heard::Asks(ask) => {
                let slack = self.clone();
                drop(tokio::spawn(async move { slack.ask_why(&ask).await }));
                None
            }
            Heard::Nothing => None,
        }
    }
}

/// Runs a call under our own time limit. Past it nobody knows whether it arrived.
async fn limited(call: impl Future<Output = Verdict>) -> Verdict {
    within(CALL_TIMEOUT, call).await.unwrap_or_else(|| Verdict::uncertain("Slack did not answer in time"))
}

#[async_trait]
impl Channel for SlackChannel {
    fn policy(&self) -> ChannelPolicy {
        carries("slack")
    }

    fn pace(&self, _target: &str) -> Pace {
        let (per_chat, overall) = self.0.settings.rate;
        Pace::of(per_chat, 5, overall)
    }

    async fn send(&self, out: &Outgoing) -> Verdict {
        limited(self.0.post(out)).await
    }

    async fn edit(&self, out: &Outgoing, receipt: &str) -> Verdict {
        limited(self.0.change(out, receipt)).await
    }

    fn follows(&self) -> bool {
        true
    }

    async fn follow(&self, out: &Outgoing, receipt: &str) -> Verdict {
        limited(self.0.share(out, receipt)).await
    }

    async fn prepare(&self) -> Result<(), String> {
        let us = self.0.learn_who_we_are().await.map_err(|error| verdict::words(&error))?;
        if us.team.is_empty() || us.user.is_empty() {
            return Err("Slack did not say who this bot is".into());
        }
        *self.0.us.lock().unwrap_or_else(PoisonError::into_inner) = Some(us);
        Ok(())
    }

    async fn examine(&self) -> Exam {
        self.0.looked_at().await
    }

    fn reception(&self) -> Reception {
        match self.0.settings.way {
            Way::Socket(_) => Reception::Held { alone: false },
            Way::Pushed(_) => Reception::Pushed,
        }
    }

    async fn listen(&self, inbox: &dyn Inbox) -> String {
        match &self.0.settings.way {
            Way::Socket(app_token) => socket::listen(&self.0, &token(app_token), inbox).await,
            Way::Pushed(_) => "this channel holds no connection".into(),
        }
    }

    fn pushed(&self, push: &Push<'_>) -> Result<Pushed, PushError> {
        let Way::Pushed(secret) = &self.0.settings.way else { return Err(PushError::NotPushed) };
        signature::check(secret, push)?;
        let is_json = push.header("content-type").is_some_and(|kind| kind.starts_with("application/json"));
        let payload = if is_json { json_of(push.body) } else { form_of(push.body) }?;
        if payload["type"] == "url_verification" {
            let challenge = payload["challenge"].as_str().ok_or(PushError::Unreadable)?;
            return Ok(Pushed { say: Some(json!({ "challenge": challenge })), ..Pushed::default() });
        }
        if self.0.us().is_none() {
            // Whose word it is cannot be told yet; Slack sends it again.
            return Err(PushError::Forged);
        }
        let heard = match payload["type"].as_str() {
            Some("event_callback") => self.0.reader(|reader| reader.event(&payload)),
            Some(_) => self.0.reader(|reader| reader.interaction(&payload)),
            None => self.0.reader(|reader| reader.command(&payload)),
        };
        Ok(Pushed { incoming: self.0.heard(heard).into_iter().collect(), ..Pushed::default() })
    }

    async fn answer(&self, to: &str, text: &str, _alert: bool) {
        // Slack waits for our confirmation meanwhile.
        let (slack, to, text) = (self.0.clone(), to.to_owned(), text.to_owned());
        drop(tokio::spawn(async move { slack.whisper_to(&to, &text).await }));
    }
}

fn json_of(body: &[u8]) -> Result<Value, PushError> {
    let payload: Value = serde_json::from_slice(body).map_err(|_| PushError::Unreadable)?;
    payload.is_object().then_some(payload).ok_or(PushError::Unreadable)
}

/// A form: a slash command's fields, or an interaction as JSON in the field `payload`.
fn form_of(body: &[u8]) -> Result<Value, PushError> {
    let body = std::str::from_utf8(body).map_err(|_| PushError::Unreadable)?;
    // Forms are written as the query of an address is.
    let mut form: Url = "form:".parse().map_err(|_| PushError::Unreadable)?;
    form.set_query(Some(body));
    let mut fields = serde_json::Map::new();
    for (key, value) in form.query_pairs() {
        if key == "payload" {
            return json_of(value.as_bytes());
        }
        // A command's fields are not named like this, and nothing shall take one for an interaction.
        if key != "type" {
            fields.insert(key.into_owned(), Value::String(value.into_owned()));
        }
    }
    Ok(Value::Object(fields))
}
