//! Slack's bench for the contract of channels.

use async_trait::async_trait;
use axum::http::HeaderMap;
use sereno::channel::slack::{SlackChannel, Way};
use sereno::channel::{Channel, PushError};

use super::fake::{APP, BOT, Fake, Message};
use super::faults::Fault;
use super::pushed::signed;
use super::{SIGNING, adapter, adapter_at, blocks};
use crate::channel::contract::{Bench, Seen, line, push};

const CHANNEL: &str = "C100";

pub struct SlackBench {
    channel: SlackChannel,
    /// The same bot when people's doings are pushed to it.
    pushed: SlackChannel,
    fake: Fake,
}

impl SlackBench {
    pub async fn start() -> Self {
        let fake = Fake::start().await;
        let pushed = adapter_at(&fake.url(), Way::Pushed(SIGNING.into()));
        pushed.prepare().await.unwrap();
        Self { channel: adapter(&fake), pushed, fake }
    }
}

fn seen(message: Message) -> Seen {
    let word = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let buttons = blocks::buttons(&message.blocks);
    Seen {
        text: message.text(),
        markup: blocks::markup(&message.blocks),
        buttons: buttons.iter().map(|(_, b)| (word(&b["text"]["text"]), word(&b["value"]))).collect(),
        silent: false,
        under: message.thread.map(|root| format!("{CHANNEL}:{root}")),
    }
}

#[async_trait]
impl Bench for SlackBench {
    fn channel(&self) -> &dyn Channel {
        &self.channel
    }

    fn target(&self) -> &'static str {
        CHANNEL
    }

    fn seen(&self) -> Vec<Seen> {
        self.fake.channel(CHANNEL).into_iter().map(seen).collect()
    }

    fn posted(&self) -> usize {
        self.fake.channel(CHANNEL).len()
    }

    fn secrets(&self) -> Vec<String> {
        vec![BOT.to_owned(), APP.to_owned(), SIGNING.to_owned()]
    }

    fn knows_silence(&self) -> bool {
        false
    }

    async fn breaks(&self) -> Vec<String> {
        let mut told = Vec::new();
        let faults = [
            Fault::ResetBefore,
            Fault::ResetAfter,
            Fault::Raw(200, "{\"ok\":tru"),
            Fault::Raw(500, "xoxb-1-bot-token-of-the-tests"),
            Fault::Code("invalid_auth"),
        ];
        for fault in faults {
            self.fake.fails("chat.postMessage", fault.clone());
            told.push(format!("{:?}", self.channel.send(&line(CHANNEL, "again")).await));
            self.fake.fails("auth.test", fault);
            told.push(format!("{:?}", self.channel.prepare().await));
        }
        assert_eq!(self.pushed.pushed(&push(&HeaderMap::new(), b"{}")), Err(PushError::Forged));
        let (headers, now) = signed(SIGNING, "application/json", b"{");
        let unreadable = sereno::channel::Push { headers: &headers, body: b"{", now };
        assert_eq!(self.pushed.pushed(&unreadable), Err(PushError::Unreadable));
        let nowhere = adapter_at("http://127.0.0.1:1/api", Way::Pushed(SIGNING.into()));
        told.push(format!("{:?}", nowhere.send(&line(CHANNEL, "again")).await));
        told.push(format!("{:?}", nowhere.prepare().await));
        self.fake.revokes(true);
        told.push(format!("{:?}", self.pushed.prepare().await));
        told
    }
}
