//! The bench of Apprise for the contract of channels: what a platform behind it has got.

use async_trait::async_trait;
use serde_json::{Value, json};
use sereno::channel::Channel;
use sereno::channel::apprise::Apprise;

use super::{adapter, server, settings};
use crate::channel::contract::{Bench, Seen, line};
use crate::program::Program;

pub const PASSWORD: &str = "a password of the tests";
/// A key, and the tag of one platform.
const PLACE: &str = "ops/night";

pub struct AppriseBench {
    channel: Apprise,
    server: Program,
}

impl AppriseBench {
    pub fn start() -> Self {
        let server = server();
        Self { channel: adapter(&server), server }
    }
}

fn seen(got: &Value) -> Seen {
    let (title, text) = (got["title"].as_str().unwrap(), got["message"].as_str().unwrap());
    Seen { text: if title.is_empty() { text.to_owned() } else { format!("{title}\n{text}") }, ..Seen::default() }
}

#[async_trait]
impl Bench for AppriseBench {
    fn channel(&self) -> &dyn Channel {
        &self.channel
    }

    fn target(&self) -> &'static str {
        PLACE
    }

    fn shows_once(&self) -> bool {
        false
    }

    fn knows_silence(&self) -> bool {
        false
    }

    fn seen(&self) -> Vec<Seen> {
        self.server.ask(&json!({})).as_array().unwrap().iter().map(seen).collect()
    }

    fn posted(&self) -> usize {
        self.server.ask(&json!({})).as_array().unwrap().len()
    }

    fn secrets(&self) -> Vec<String> {
        vec![PASSWORD.to_owned()]
    }

    async fn breaks(&self) -> Vec<String> {
        let mut told = Vec::new();
        for status in [400, 401, 404, 424, 429, 500] {
            self.server.ask(&json!({ "says": [status, {}] }));
            told.push(format!("{:?}", self.channel.send(&line(PLACE, "again")).await));
        }
        self.server.ask(&json!({ "loses": true }));
        told.push(format!("{:?}", self.channel.send(&line(PLACE, "again")).await));
        let mut closed = settings(&self.server);
        closed.url = "http://127.0.0.1:1/".parse().unwrap();
        told.push(format!("{:?}", Apprise::new(closed).unwrap().send(&line(PLACE, "again")).await));
        for _ in 0..10 {
            self.server.ask(&json!({ "says": [503, {}] }));
        }
        told
    }
}
