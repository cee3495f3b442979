//! Telegram's bench for the contract of channels.

use async_trait::async_trait;
use sereno::channel::telegram::Telegram;
use sereno::channel::{Channel, PushError};

use super::fake::{Fake, Message, TOKEN};
use super::faults::Fault;
use super::{adapter, secret};
use crate::channel::contract::{Bench, Seen, line, push};

/// The conversation.
const CHAT: i64 = 77;

pub struct TelegramBench {
    channel: Telegram,
    /// The same bot when updates are pushed to it.
    pushed: Telegram,
    fake: Fake,
    /// With which Telegram proves itself.
    webhook_secret: String,
}

impl TelegramBench {
    pub async fn start() -> Self {
        let fake = Fake::start().await;
        let pushed = adapter(&fake, true);
        pushed.prepare().await.unwrap();
        let (_, webhook_secret) = fake.memory().webhook.clone().unwrap();
        Self { channel: adapter(&fake, false), pushed, fake, webhook_secret }
    }
}

fn seen(message: Message) -> Seen {
    Seen {
        text: message.text,
        markup: message.entities.into_iter().map(|(tag, _)| tag).collect(),
        buttons: message.buttons,
        silent: message.silent,
        under: message.reply_to.map(|id| id.to_string()),
    }
}

#[async_trait]
impl Bench for TelegramBench {
    fn channel(&self) -> &dyn Channel {
        &self.channel
    }

    fn target(&self) -> &'static str {
        "77"
    }

    fn seen(&self) -> Vec<Seen> {
        self.fake.chat(CHAT).into_iter().map(seen).collect()
    }

    fn posted(&self) -> usize {
        self.fake.chat(CHAT).len()
    }

    fn secrets(&self) -> Vec<String> {
        let (_, secret) = TOKEN.split_once(':').unwrap();
        vec![secret.to_owned(), self.webhook_secret.clone()]
    }

    async fn breaks(&self) -> Vec<String> {
        let mut told = Vec::new();
        let faults = [
            Fault::ResetBefore,
            Fault::ResetAfter,
            Fault::Raw(200, "{\"ok\":tru"),
            Fault::Refusal(400, "Bad Request: wrong HTTP URL"),
            Fault::Refusal(404, "Not Found"),
        ];
        for fault in faults {
            self.fake.fails("sendMessage", fault.clone());
            told.push(format!("{:?}", self.channel.send(&line("77", "again")).await));
            self.fake.fails("getUpdates", fault);
            told.push(format!("{:?}", self.channel.poll(0).await.unwrap_err()));
        }
        assert_eq!(self.pushed.pushed(&push(&secret("guess"), b"{}")), Err(PushError::Forged));
        assert_eq!(self.pushed.pushed(&push(&secret(&self.webhook_secret), b"{")), Err(PushError::Unreadable));
        let nowhere = super::adapter_at("http://127.0.0.1:1", false);
        told.push(format!("{:?}", nowhere.send(&line("77", "again")).await));
        told.push(format!("{:?} {:?}", nowhere.prepare().await, nowhere.poll(0).await));
        self.fake.revokes(true);
        told.push(format!("{:?}", self.pushed.prepare().await));
        told
    }
}
