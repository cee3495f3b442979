//! The bench of pushes for the contract of channels: what a phone shows.

use async_trait::async_trait;
use serde_json::{Value, json};
use sereno::channel::Channel;
use sereno::channel::push::Push;
use sereno::outgoing::Inside;

use super::{SECRET, adapter, got, service, subscribed};
use crate::channel::contract::{Bench, Seen, line};
use crate::program::Program;

const PHONE: &str = "00000000000000000000000000000001";

pub struct PushBench {
    channel: Push,
    service: Program,
    secrets: Vec<String>,
}

impl PushBench {
    pub fn start() -> Self {
        let service = service();
        let device = subscribed(&service, PHONE);
        let name = device.endpoint.rsplit('/').next().unwrap().to_owned();
        let secrets = vec![name, device.auth.clone(), device.p256dh.clone(), hex::encode(SECRET)];
        Self { channel: adapter(vec![device], Inside::Private), service, secrets }
    }

    /// Under one name a push shows once.
    fn shown(&self) -> Vec<Value> {
        let mut shown: Vec<Value> = Vec::new();
        for push in got(&self.service) {
            if !shown.iter().any(|have| have["said"]["id"] == push["said"]["id"]) {
                shown.push(push);
            }
        }
        shown
    }
}

fn seen(push: &Value) -> Seen {
    let (title, text) = (push["said"]["title"].as_str().unwrap(), push["said"]["body"].as_str().unwrap());
    Seen {
        text: if text.is_empty() { title.to_owned() } else { format!("{title}\n{text}") },
        silent: push["said"]["silent"] == true,
        ..Seen::default()
    }
}

#[async_trait]
impl Bench for PushBench {
    fn channel(&self) -> &dyn Channel {
        &self.channel
    }

    fn target(&self) -> &'static str {
        PHONE
    }

    fn seen(&self) -> Vec<Seen> {
        self.shown().iter().map(seen).collect()
    }

    fn posted(&self) -> usize {
        self.shown().len()
    }

    fn secrets(&self) -> Vec<String> {
        self.secrets.clone()
    }

    async fn breaks(&self) -> Vec<String> {
        let mut told = Vec::new();
        for status in [301, 400, 401, 403, 404, 410, 413, 429, 500] {
            self.service.ask(&json!({ "says": [status, {}] }));
            told.push(format!("{:?}", self.channel.send(&line(PHONE, "again")).await));
        }
        let outside = adapter(vec![subscribed(&self.service, PHONE)], Inside::Nowhere);
        told.push(format!("{:?}", outside.send(&line(PHONE, "again")).await));
        for _ in 0..10 {
            self.service.ask(&json!({ "says": [503, {}] }));
        }
        told
    }
}
