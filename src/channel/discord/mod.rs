//! Discord, through serenity's requests and models.
//!
//! Sends one embed and rows of buttons, edits in place, and takes in slash commands and taps over the gateway or an
//! endpoint to which Discord pushes. Whoever speaks gets an answer that nobody else sees. Limits:
//! <https://discord.com/developers/docs/topics/rate-limits>

mod commands;
mod compose;
mod desk;
mod exam;
mod gateway;
mod proof;
mod receipt;
mod receive;
mod rest;
mod verdict;

use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::sync::Arc;

use async_trait::async_trait;
use ed25519_dalek::VerifyingKey;
use serde_json::{Value, json};
use serenity::http::{LightMethod, Route};
use serenity::model::application::Interaction;
use serenity::model::id::{ApplicationId, ChannelId};

use self::compose::{drawn, pictured, posted, says, with_file};
use self::desk::{Desk, receipt_of};
use self::gateway::Gateway;
use self::receipt::{Place, Receipt};
use self::receive::{Ears, Said};
use self::rest::{Named, Rest, number};
use self::verdict::Trouble;
use super::{
    Channel, Inbox, Offer, Outgoing, PICTURE, Pace, Push, PushError, Pushed, Reception, Verdict, carries, painted,
};
use crate::core::policy::ChannelPolicy;
use crate::exam::Exam;
use crate::render::chart::Ground;

pub use self::commands::file as registration;
pub use self::proof::key as public_key;

/// What the adapter needs to know.
#[derive(Clone)]
pub struct Settings {
    /// Name in the configuration.
    pub name: String,
    /// The bot's token. Secret.
    pub token: String,
    /// With which Discord signs what it pushes; without it a connection is held.
    pub key: Option<VerifyingKey>,
    /// The servers whose people are heard; without any, all on which the bot is.
    pub guilds: Vec<u64>,
    /// Where `discord.com` is, when it is a server of one's own.
    pub resolve: Option<SocketAddr>,
    /// Whoever vouches for that server, as PEM.
    pub authority: Option<Vec<u8>>,
    /// Messages a second in one conversation, and over all.
    pub rate: (f64, f64),
}

/// The adapter.
pub struct Discord {
    name: String,
    guilds: Vec<u64>,
    key: Option<VerifyingKey>,
    rate: (f64, f64),
    rest: Arc<Rest>,
    desk: Arc<Desk>,
    gateway: Gateway,
}

impl Discord {
    /// Makes the adapter; nothing is sent yet.
    ///
    /// # Errors
    /// When the HTTP client cannot be made.
    pub fn new(settings: Settings) -> Result<Self, String> {
        let rest = Arc::new(Rest::new(&settings.token, settings.resolve, settings.authority.as_deref())?);
        Ok(Self {
            desk: Desk::new(rest.clone()),
            gateway: Gateway::new(&settings.token, settings.resolve.is_some()),
            rest,
            name: settings.name,
            guilds: settings.guilds,
            key: settings.key,
            rate: settings.rate,
        })
    }

    /// Reads an interaction, and sees to it that it is answered in time.
    fn hear(&self, interaction: Interaction) -> Said {
        let ears = Ears { channel: &self.name, guilds: &self.guilds };
        let Some(heard) = ears.hear(interaction) else { return Said::Nothing };
        self.desk.take(heard.open, heard.first);
        heard.said
    }

    async fn channel_of(&self, place: Place) -> Result<ChannelId, Trouble> {
        match place {
            Place::Channel(channel) => Ok(channel),
            Place::Account(account) => self.rest.home(account).await,
        }
    }

    /// Shows a message to one account alone: as the answer to what it said here, or else in a conversation of the
    /// two. There its buttons would not be believed, so they are left out.
    async fn whisper(&self, account: &str, out: &Outgoing) -> Verdict {
        let form = drawn(out);
        let show = |form: Value| async move { self.desk.show(account, &out.target, &out.id, &form).await };
        let mut shown = show(form.full).await;
        if matches!(&shown, Some(Err(trouble)) if trouble.is_form()) {
            shown = show(form.plain).await;
        }
        match shown {
            Some(Ok(receipt)) => return Verdict::Sent(receipt.to_string()),
            Some(Err(trouble)) => return trouble.verdict(),
            None => {}
        }
        let Some(account) = receipt::number(account) else {
            return Verdict::Gone("whoever asked from elsewhere cannot be told any more".into());
        };
        let out = Outgoing { buttons: Vec::new(), under: None, ..out.clone() };
        self.post(Place::Account(account), &out).await
    }

    async fn post(&self, place: Place, out: &Outgoing) -> Verdict {
        let channel = match self.channel_of(place).await {
            Ok(channel) => channel,
            Err(trouble) => return trouble.verdict(),
        };
        let form = drawn(out);
        match self.create(channel, out, form.full).await {
            Err(trouble) if trouble.is_form() => self.create(channel, out, form.plain).await,
            other => other,
        }
        .map_or_else(|trouble| refused(&trouble), |receipt| Verdict::Sent(receipt.to_string()))
    }

    /// Creates a message. Discord gives back the one that it has when this is a repetition; that one may say
    /// something older, or be gone.
    async fn create(&self, channel: ChannelId, out: &Outgoing, form: Value) -> Result<Receipt, Trouble> {
        let route = Route::ChannelMessages { channel_id: channel };
        let message = self.rest.call(LightMethod::Post, route, Some(&posted(form.clone(), out, false))).await?;
        let receipt = receipt_of(&message)?;
        if says(&message, &form) {
            return Ok(receipt);
        }
        match self.change(&receipt, &form, None).await {
            Err(trouble) if trouble.verdict() == Verdict::EditLost => {
                let message = self.rest.call(LightMethod::Post, route, Some(&posted(form, out, true))).await?;
                receipt_of(&message)
            }
            changed => changed.map(|_| receipt),
        }
    }

    async fn change(&self, receipt: &Receipt, form: &Value, file: Option<Named>) -> Result<Value, Trouble> {
        if let Some(corrected) = self.desk.correct(receipt, form, file.clone()).await {
            return corrected;
        }
        let route = Route::ChannelMessage { channel_id: receipt.channel, message_id: receipt.message };
        self.rest.patch(route, form, file).await
    }

    /// Whether what the Developer Portal says fits what the configuration says.
    fn check(&self, about: &Value) -> Result<(), String> {
        let Some(address) = about.get("interactions_endpoint_url") else { return Ok(()) };
        let address = address.as_str().filter(|address| !address.is_empty());
        let key = about["verify_key"].as_str().and_then(public_key);
        match (&self.key, address) {
            (Some(ours), _) if key.is_some_and(|key| key != *ours) => {
                Err("public_key is not this application's; copy it from General Information in the Developer Portal"
                    .into())
            }
            (Some(_), None) => {
                let path = format!("/channels/{}", self.name);
                Err(format!(
                    "set the Interactions Endpoint URL in the Developer Portal to http.public_url followed by {path}"
                ))
            }
            (None, Some(_)) => Err("Discord pushes to the Interactions Endpoint URL of the Developer Portal; take it \
                                    out there, or set public_key"
                .into()),
            _ => Ok(()),
        }
    }
}

#[async_trait]
impl Channel for Discord {
    fn policy(&self) -> ChannelPolicy {
        carries("discord")
    }

    fn pace(&self, _target: &str) -> Pace {
        let (per_chat, overall) = self.rate;
        // A channel takes five messages in five seconds.
        Pace::of(per_chat, 5, overall)
    }

    async fn send(&self, out: &Outgoing) -> Verdict {
        if let Some(account) = &out.only {
            return self.whisper(account, out).await;
        }
        match Place::parse(&out.target) {
            Some(place) => self.post(place, out).await,
            None => Verdict::Rejected(format!(
                "`{}` is neither a channel nor an account; copy the ID of the channel, or write @ and the ID of the account",
                out.target
            )),
        }
    }

    async fn edit(&self, out: &Outgoing, receipt: &str) -> Verdict {
        let Some(known) = Receipt::parse(receipt) else { return Verdict::EditLost };
        let form = drawn(out);
        let changed = match self.change(&known, &form.full, None).await {
            Err(trouble) if trouble.is_form() => self.change(&known, &form.plain, None).await,
            other => other,
        };
        match changed {
            Ok(_) => Verdict::Sent(receipt.to_owned()),
            // A private answer can be changed for a quarter of an hour.
            Err(trouble) if out.only.is_some() && trouble.is_over() => Verdict::EditLost,
            Err(trouble) => trouble.verdict(),
        }
    }

    fn follows(&self) -> bool {
        true
    }

    /// Puts the picture or the file into the message: a bot that may not attach any there has sent the words all the same.
    async fn follow(&self, out: &Outgoing, receipt: &str) -> Verdict {
        let Some(known) = Receipt::parse(receipt) else { return Verdict::Unchanged };
        let full = drawn(out).full;
        let (form, file) = match (&out.file, &out.picture) {
            (Some(file), _) => (with_file(full, file), (file.text.clone().into_bytes(), file.name.clone())),
            (None, Some(picture)) => match painted(picture, Ground::Dark).await {
                Ok(png) => (pictured(full, picture), (png, PICTURE.to_owned())),
                Err(verdict) => return verdict,
            },
            (None, None) => return Verdict::Unchanged,
        };
        match self.change(&known, &form, Some(file)).await {
            Ok(_) => Verdict::Sent(receipt.to_owned()),
            Err(trouble) => trouble.verdict(),
        }
    }

    async fn prepare(&self) -> Result<(), String> {
        let said = |trouble: Trouble| trouble.words();
        let about = self.rest.call(LightMethod::Get, Route::Oauth2ApplicationCurrent, None).await.map_err(said)?;
        let id: NonZeroU64 = number(&about["id"]).ok_or_else(|| Trouble::UNREADABLE.words())?;
        let route = Route::Commands { application_id: ApplicationId::from(id) };
        self.rest.call(LightMethod::Put, route, Some(&commands::registered())).await.map_err(said)?;
        self.check(&about)
    }

    async fn examine(&self) -> Exam {
        self.looked_at().await
    }

    fn reception(&self) -> Reception {
        if self.key.is_some() { Reception::Pushed } else { Reception::Held { alone: true } }
    }

    async fn listen(&self, inbox: &dyn Inbox) -> String {
        let hear =
            |interaction: Value| serde_json::from_value(interaction).map_or(Said::Nothing, |read| self.hear(read));
        Box::pin(self.gateway.hold(&self.rest, inbox, hear)).await
    }

    fn pushed(&self, push: &Push<'_>) -> Result<Pushed, PushError> {
        let key = self.key.as_ref().ok_or(PushError::NotPushed)?;
        if !proof::holds(key, push) {
            return Err(PushError::Forged);
        }
        match serde_json::from_slice(push.body).map_err(|_| PushError::Unreadable)? {
            Interaction::Ping(_) => Ok(Pushed { say: Some(json!({ "type": 1 })), ..Pushed::default() }),
            interaction => {
                let (incoming, typing) = match self.hear(interaction) {
                    Said::Incoming(incoming) => (vec![incoming], None),
                    Said::Typing(typing) => (Vec::new(), Some(typing)),
                    Said::Nothing => (Vec::new(), None),
                };
                Ok(Pushed { incoming, typing, say: None, later: true })
            }
        }
    }

    async fn answer(&self, to: &str, text: &str, alert: bool) {
        self.desk.say(to, text, alert).await;
    }

    async fn offer(&self, to: &str, offers: &[Offer]) {
        self.desk.offer(to, offers).await;
    }
}

/// What it means that a new message was not taken: there was none that could have been lost.
fn refused(trouble: &Trouble) -> Verdict {
    match trouble.verdict() {
        Verdict::EditLost => Verdict::Rejected(trouble.words()),
        verdict => verdict,
    }
}
