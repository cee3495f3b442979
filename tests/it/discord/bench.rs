//! Discord's bench for the contract of channels.

use async_trait::async_trait;
use sereno::channel::discord::Discord;
use sereno::channel::{Channel, PushError};

use super::fake::{CHANNEL, Fake, TOKEN};
use super::faults::Fault;
use super::forms::Message;
use super::{ANA, NOW, push, pushed, signed};
use crate::channel::contract::{Bench, Seen, line};

pub struct DiscordBench {
    channel: Discord,
    fake: Fake,
}

impl DiscordBench {
    pub async fn start() -> Self {
        let fake = Fake::start().await;
        Self { channel: pushed(&fake), fake }
    }
}

fn seen(message: Message) -> Seen {
    let channel = message.channel;
    Seen {
        text: message.text,
        markup: message.markup.into_iter().map(str::to_owned).collect(),
        buttons: message.buttons,
        silent: message.silent,
        under: message.under.map(|id| format!("{channel}:{id}")),
    }
}

#[async_trait]
impl Bench for DiscordBench {
    fn channel(&self) -> &dyn Channel {
        &self.channel
    }

    fn target(&self) -> &'static str {
        "500"
    }

    fn most_buttons(&self) -> usize {
        25
    }

    fn seen(&self) -> Vec<Seen> {
        self.fake.chat(CHANNEL).into_iter().map(seen).collect()
    }

    fn posted(&self) -> usize {
        self.fake.chat(CHANNEL).len()
    }

    fn secrets(&self) -> Vec<String> {
        vec![TOKEN.to_owned(), "that-nobody-may-see".to_owned()]
    }

    async fn breaks(&self) -> Vec<String> {
        let mut told = Vec::new();
        // Somebody asks, so that there is a secret to be told.
        let asked = self.fake.command(ANA, "agents", &[]);
        let body = asked.to_string();
        let headers = signed(body.as_bytes(), NOW);
        let incoming = self.channel.pushed(&push(&headers, body.as_bytes())).unwrap().incoming.pop().unwrap();
        let id: u64 = incoming.key.parse().unwrap();
        self.fake.until("it was promised", |memory| memory.asked[&id].first == Some(5)).await;
        let mut whisper = line("500", "again");
        whisper.only = Some(ANA.to_string());
        let faults = [
            Fault::ResetBefore,
            Fault::ResetAfter,
            Fault::Raw(200, ("x-none", "1"), "{\"id\":tru"),
            Fault::Raw(502, ("x-none", "1"), "<html>Bad Gateway</html>"),
            Fault::Refusal(400, 50_035, "Invalid Form Body"),
            Fault::Refusal(404, 10_003, "Unknown Channel"),
        ];
        for fault in faults {
            self.fake.fails("POST /channels", fault.clone());
            told.push(format!("{:?}", self.channel.send(&line("500", "again")).await));
            self.fake.fails("PATCH /webhooks", fault.clone());
            told.push(format!("{:?}", self.channel.send(&whisper).await));
            self.fake.fails("PATCH /webhooks", fault);
            self.channel.answer(&incoming.key, "hello", false).await;
        }
        assert_eq!(self.channel.pushed(&push(&headers, b"{}")), Err(PushError::Forged));
        let headers = signed(b"{", NOW);
        assert_eq!(self.channel.pushed(&push(&headers, b"{")), Err(PushError::Unreadable));
        self.fake.revokes(true);
        told.push(format!("{:?}", self.channel.prepare().await));
        told
    }
}
