//! The bench of webhooks for the contract of channels: what is true of each notice for whoever takes them.

use async_trait::async_trait;
use serde_json::Value;
use sereno::channel::webhook::Webhook;
use sereno::channel::{Channel, Verdict};

use super::adapter;
use super::taker::{Fault, Taker};
use crate::channel::contract::{Bench, Seen, line};
use crate::scene::SECRET;

pub struct WebhookBench {
    channel: Webhook,
    taker: Taker,
}

impl WebhookBench {
    pub async fn start() -> Self {
        let taker = Taker::start().await;
        Self { channel: adapter(&taker), taker }
    }
}

fn seen(data: &Value) -> Seen {
    let text = data["text"].as_str().unwrap().to_owned();
    assert!(text.starts_with(data["title"].as_str().unwrap()));
    Seen { text, silent: data["silent"] == true, under: data["under"].as_str().map(str::to_owned), ..Seen::default() }
}

#[async_trait]
impl Bench for WebhookBench {
    fn channel(&self) -> &dyn Channel {
        &self.channel
    }

    fn target(&self) -> &'static str {
        "ops"
    }

    fn seen(&self) -> Vec<Seen> {
        let mut notices: Vec<(Value, Seen)> = Vec::new();
        for body in self.taker.taken() {
            let data = &body["data"];
            if body["type"] == "notice.changed" {
                notices.retain(|(notice, _)| *notice != data["notice"]);
            }
            notices.push((data["notice"].clone(), seen(data)));
        }
        notices.into_iter().map(|(_, seen)| seen).collect()
    }

    fn posted(&self) -> usize {
        self.taker.taken().iter().filter(|body| body["type"] == "notice.sent").count()
    }

    fn secrets(&self) -> Vec<String> {
        vec![SECRET.to_owned(), SECRET.trim_start_matches("whsec_").to_owned(), self.taker.url()]
    }

    async fn breaks(&self) -> Vec<String> {
        let mut told = Vec::new();
        for status in [301, 400, 401, 404, 410, 429, 500, 503] {
            self.taker.fails([Fault::Says(status, Vec::new())]);
            told.push(format!("{:?}", self.channel.send(&line("ops", "again")).await));
        }
        self.taker.fails([Fault::Loses]);
        let lost = self.channel.send(&line("ops", "again")).await;
        assert!(matches!(lost, Verdict::Retry { .. }), "{lost:?}");
        told.push(format!("{lost:?}"));
        self.taker.fails(std::iter::repeat_n(Fault::Says(503, Vec::new()), 10));
        told
    }
}
