//! Telegram, through teloxide's Bot API client.
//!
//! Sends in HTML mode, edits in place, reads updates by long polling or webhook. teloxide's dispatcher is
//! not used: it confirms updates before they are stored, and panics when the network is down at the
//! start. Limits: <https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this>

mod call;
mod exam;
mod receive;
mod verdict;

use std::time::Duration;

use async_trait::async_trait;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use teloxide::payloads::{
    AnswerCallbackQuerySetters as _, EditMessageTextSetters as _, GetUpdatesSetters as _, SendMessageSetters as _,
    SetMyCommandsSetters as _, SetWebhookSetters as _,
};
use teloxide::prelude::Requester;
use teloxide::types::{
    AllowedUpdate, BotCommand, CallbackQueryId, ChatId, InlineKeyboardButton, InlineKeyboardMarkup, LinkPreviewOptions,
    MessageId, ParseMode, ReplyParameters, ThreadId, UpdateKind,
};
use teloxide::{Bot, RequestError};

use super::{
    Channel, DrawnButton, Outgoing, Pace, PollError, Polled, Push, PushError, Pushed, Reception, TELEGRAM_TEXT,
    Verdict, carries, painted,
};
use crate::clock::within;
use crate::core::command::CATALOGUE;
use crate::core::policy::{ChannelPolicy, Lang};
use crate::core::time::Span;
use crate::exam::Exam;
use crate::outgoing;
use crate::render::chart::Ground;
use crate::render::{plain, telegram};

/// Header with which Telegram proves that a push is its own. <https://core.telegram.org/bots/api#setwebhook>
const SECRET: &str = "x-telegram-bot-api-secret-token";
/// Characters of the answer to a tap. <https://core.telegram.org/bots/api#answercallbackquery>
const ANSWER_LIMIT: usize = 200;
/// Buttons in a row of a phone.
const ROW: usize = 3;
/// A call that takes longer is given up.
const CALL_TIMEOUT: Duration = Duration::from_secs(15);
/// How long Telegram holds a poll open.
const POLL_SECONDS: u32 = 30;
/// Updates in one answer: few enough that even long ones fit into what is read of it.
const POLL_LIMIT: u8 = 10;
const POLL_TIMEOUT: Duration = Duration::from_secs(POLL_SECONDS as u64 + 15);

/// What the adapter needs to know.
#[derive(Clone)]
pub struct Settings {
    /// Name in the configuration.
    pub name: String,
    /// The bot's token. Secret.
    pub token: String,
    /// Address of a Bot API server other than Telegram's own.
    pub api_url: Option<reqwest::Url>,
    /// Where Telegram shall push updates to; without it they are polled.
    pub webhook: Option<reqwest::Url>,
    /// Messages a second in one conversation, and over all.
    pub rate: (f64, f64),
}

/// The adapter.
pub struct Telegram {
    name: String,
    bot: Bot,
    /// For sending: gives up soon.
    client: reqwest::Client,
    /// For polling: is patient.
    poller: reqwest::Client,
    webhook: Option<reqwest::Url>,
    secret: String,
    rate: (f64, f64),
}

impl Telegram {
    /// Makes the adapter; nothing is sent yet.
    ///
    /// # Errors
    /// When the HTTP client cannot be made.
    pub fn new(settings: Settings) -> Result<Self, String> {
        let client = |limit| outgoing::builder(limit).tcp_nodelay(true).build();
        let client = |limit| client(limit).map_err(|_| "the HTTP client cannot be made");
        let bot = Bot::with_client(&settings.token, client(CALL_TIMEOUT)?);
        Ok(Self {
            bot: match &settings.api_url {
                Some(url) => bot.set_api_url(url.clone()),
                None => bot,
            },
            client: client(CALL_TIMEOUT)?,
            poller: client(POLL_TIMEOUT)?,
            secret: webhook_secret(&settings.token),
            name: settings.name,
            webhook: settings.webhook,
            rate: settings.rate,
        })
    }

    async fn commands(&self, lang: Lang) -> Result<(), RequestError> {
        let commands = CATALOGUE.listed().map(|spec| BotCommand::new(&spec.name, &spec.texts(lang).summary));
        let call = self.bot.set_my_commands(commands);
        let call = match lang {
            Lang::En => call,
            Lang::Es => call.language_code("es"),
        };
        call::call(&self.client, &self.bot, call).await.map(drop)
    }
}

/// The secret that Telegram sends with every push: derived from the token, so that it needs no place of
/// its own and changes with it.
fn webhook_secret(token: &str) -> String {
    hex::encode(Sha256::digest(format!("sereno.telegram.webhook\0{token}")))
}

/// A conversation: `CHAT`, or `CHAT/TOPIC` in a group with topics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    chat: ChatId,
    topic: Option<ThreadId>,
}

impl Place {
    fn parse(target: &str) -> Option<Self> {
        let (chat, topic) = match target.split_once('/') {
            Some((chat, topic)) => (chat, Some(ThreadId(MessageId(topic.parse().ok()?)))),
            None => (target, None),
        };
        Some(Self { chat: ChatId(chat.parse().ok()?), topic })
    }
}

fn keyboard(buttons: &[DrawnButton]) -> InlineKeyboardMarkup {
    let buttons = buttons.iter().map(|b| InlineKeyboardButton::callback(b.label.clone(), b.token.clone()));
    let buttons: Vec<InlineKeyboardButton> = buttons.collect();
    InlineKeyboardMarkup::new(buttons.chunks(ROW).map(<[_]>::to_vec))
}

fn no_preview() -> LinkPreviewOptions {
    LinkPreviewOptions {
        is_disabled: true,
        url: None,
        prefer_small_media: false,
        prefer_large_media: false,
        show_above_text: false,
    }
}

/// Runs a call under our own time limit. Past it nobody knows whether it arrived.
async fn limited<T>(call: impl Future<Output = Result<T, RequestError>>) -> Result<T, Verdict> {
    match within(CALL_TIMEOUT, call).await {
        Some(result) => result.map_err(|error| verdict::of(&error)),
        None => Err(Verdict::uncertain("no answer in time")),
    }
}

#[async_trait]
impl Channel for Telegram {
    fn policy(&self) -> ChannelPolicy {
        carries("telegram")
    }

    fn pace(&self, target: &str) -> Pace {
        let (mut per_chat, overall) = self.rate;
        // Groups take 20 messages a minute.
        if target.starts_with('-') {
            per_chat = per_chat.min(per_chat / 3.0);
        }
        Pace::of(per_chat, 5, overall)
    }

    async fn send(&self, out: &Outgoing) -> Verdict {
        let Some(place) = Place::parse(&out.target) else {
            return Verdict::Rejected(format!("`{}` is not a chat; write its number, as /whoami shows it", out.target));
        };
        let send = |text: String, mode: Option<ParseMode>| {
            let mut call = self
                .bot
                .send_message(place.chat, text)
                .link_preview_options(no_preview())
                .disable_notification(out.silent);
            call.parse_mode = mode;
            call.message_thread_id = place.topic;
            if !out.buttons.is_empty() {
                call = call.reply_markup(keyboard(&out.buttons));
            }
            if let Some(under) = out.under.as_ref().and_then(|r| r.parse().ok()) {
                call = call.reply_parameters(ReplyParameters::new(MessageId(under)).allow_sending_without_reply());
            }
            limited(call::call(&self.client, &self.bot, call))
        };
        let sent = match send(telegram(&out.doc, TELEGRAM_TEXT), Some(ParseMode::Html)).await {
            // Our HTML is always well formed; if Telegram thinks otherwise, the words still get through.
            Err(Verdict::Rejected(error)) if verdict::is_markup(&error) => send(clip(&plain(&out.doc)), None).await,
            other => other,
        };
        match sent {
            Ok(message) => Verdict::Sent(message.id.0.to_string()),
            Err(verdict) => verdict,
        }
    }

    async fn edit(&self, out: &Outgoing, receipt: &str) -> Verdict {
        let (Some(place), Ok(message)) = (Place::parse(&out.target), receipt.parse()) else {
            return Verdict::EditLost;
        };
        let edit = |text: String, mode: Option<ParseMode>| {
            let mut call = self
                .bot
                .edit_message_text(place.chat, MessageId(message), text)
                .link_preview_options(no_preview())
                .reply_markup(keyboard(&out.buttons));
            call.parse_mode = mode;
            limited(call::call(&self.client, &self.bot, call))
        };
        let edited = match edit(telegram(&out.doc, TELEGRAM_TEXT), Some(ParseMode::Html)).await {
            Err(Verdict::Rejected(error)) if verdict::is_markup(&error) => edit(clip(&plain(&out.doc)), None).await,
            other => other,
        };
        match edited {
            Ok(_) | Err(Verdict::Unchanged) => Verdict::Sent(receipt.to_owned()),
            Err(verdict) => verdict,
        }
    }

    fn follows(&self) -> bool {
        true
    }

    /// A photo or a file under the message: as its caption the message itself could not be longer than 1,024 characters,
    /// and could not be sent without it.
    async fn follow(&self, out: &Outgoing, receipt: &str) -> Verdict {
        let Some(Place { chat, topic }) = Place::parse(&out.target) else { return Verdict::Unchanged };
        let under = call::Under { chat, topic, message: receipt };
        let sent = match (&out.file, &out.picture) {
            (Some(file), _) => limited(call::document(&self.client, &self.bot, under, file)).await,
            (None, Some(picture)) => match painted(picture, Ground::Dark).await {
                Ok(png) => limited(call::photo(&self.client, &self.bot, under, (&picture.title, png))).await,
                Err(verdict) => return verdict,
            },
            (None, None) => return Verdict::Unchanged,
        };
        sent.map_or_else(|verdict| verdict, |()| Verdict::Sent(receipt.to_owned()))
    }

    async fn prepare(&self) -> Result<(), String> {
        let said = |error: RequestError| verdict::words(&error);
        match &self.webhook {
            Some(url) => {
                let call = self.bot.set_webhook(url.clone()).secret_token(self.secret.clone());
                call.allowed_updates([AllowedUpdate::Message, AllowedUpdate::CallbackQuery]).await.map_err(said)?;
            }
            None => {
                call::call(&self.client, &self.bot, self.bot.delete_webhook()).await.map_err(said)?;
            }
        }
        for lang in Lang::ALL {
            self.commands(lang).await.map_err(said)?;
        }
        Ok(())
    }

    async fn examine(&self) -> Exam {
        self.looked_at().await
    }

    fn reception(&self) -> Reception {
        if self.webhook.is_some() { Reception::Pushed } else { Reception::Polled }
    }

    async fn poll(&self, since: i64) -> Result<Polled, PollError> {
        if self.webhook.is_some() {
            return Err(PollError::NotPolled);
        }
        let offset = i32::try_from(since).unwrap_or(0);
        let call = self
            .bot
            .get_updates()
            .offset(offset)
            .timeout(POLL_SECONDS)
            .limit(POLL_LIMIT)
            .allowed_updates([AllowedUpdate::Message, AllowedUpdate::CallbackQuery]);
        let updates = match within(POLL_TIMEOUT, call::call(&self.poller, &self.bot, call)).await {
            Some(Ok(updates)) => updates,
            Some(Err(error)) => return Err(verdict::poll(&error)),
            None => return Err(PollError::Later { error: "no answer in time".into(), wait: Span::secs(1) }),
        };
        let next = updates.iter().map(|u| i64::from(u.id.0) + 1).max().unwrap_or(since);
        Ok(Polled { incoming: updates.into_iter().filter_map(|u| receive::incoming(&self.name, u)).collect(), next })
    }

    fn pushed(&self, push: &Push<'_>) -> Result<Pushed, PushError> {
        if self.webhook.is_none() {
            return Err(PushError::NotPushed);
        }
        let given = Sha256::digest(push.header(SECRET).unwrap_or_default());
        let wanted = Sha256::digest(&self.secret);
        if !bool::from(given.ct_eq(&wanted)) {
            return Err(PushError::Forged);
        }
        let update: teloxide::types::Update = serde_json::from_slice(push.body).map_err(|_| PushError::Unreadable)?;
        if matches!(update.kind, UpdateKind::Error(_)) {
            return Ok(Pushed::default());
        }
        Ok(Pushed { incoming: receive::incoming(&self.name, update).into_iter().collect(), ..Pushed::default() })
    }

    async fn answer(&self, to: &str, text: &str, alert: bool) {
        let text = crate::core::text::clip(text, ANSWER_LIMIT);
        let call = self.bot.answer_callback_query(CallbackQueryId(to.to_owned())).text(text).show_alert(alert);
        if let Err(verdict) = limited(call::call(&self.client, &self.bot, call)).await {
            tracing::debug!(?verdict, "a tap was not answered");
        }
    }
}

fn clip(text: &str) -> String {
    crate::core::text::clip(text, TELEGRAM_TEXT / 2)
}
