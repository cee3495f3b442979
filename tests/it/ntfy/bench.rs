//! The bench of ntfy for the contract of channels: a topic as whoever is subscribed sees it.

use async_trait::async_trait;
use serde_json::Value;
use sereno::channel::Channel;
use sereno::channel::ntfy::{Login, Ntfy};

use super::fake::{Fault, Server};
use super::{ANA, TOKEN, adapter, settings};
use crate::channel::contract::{Bench, Seen, line};

pub struct NtfyBench {
    channel: Ntfy,
    server: Server,
}

impl NtfyBench {
    pub async fn start() -> Self {
        let server = Server::start().await;
        Self { channel: adapter(&server), server }
    }
}

/// The token that an action carries, whichever way it takes.
pub fn token(action: &Value) -> String {
    let url = action["url"].as_str().unwrap();
    match action["action"].as_str() {
        Some("http") => {
            assert!(url.ends_with("/m/act") && action["method"] == "POST", "{action}");
            let body: Value = serde_json::from_str(action["body"].as_str().unwrap()).unwrap();
            body["token"].as_str().unwrap().to_owned()
        }
        _ => url.split_once("/m#").unwrap().1.to_owned(),
    }
}

fn seen(message: &Value) -> Seen {
    let text = message["message"].as_str().unwrap();
    let title = message["title"].as_str();
    let actions = message["actions"].as_array().unwrap();
    assert_ne!(message["markdown"], true);
    Seen {
        text: title.map_or_else(|| text.to_owned(), |title| format!("{title}\n{text}")),
        buttons: actions.iter().map(|a| (a["label"].as_str().unwrap().to_owned(), token(a))).collect(),
        silent: message["priority"].as_i64().unwrap() <= 2,
        ..Seen::default()
    }
}

#[async_trait]
impl Bench for NtfyBench {
    fn channel(&self) -> &dyn Channel {
        &self.channel
    }

    fn target(&self) -> &'static str {
        ANA
    }

    fn most_buttons(&self) -> usize {
        3
    }

    fn shows_once(&self) -> bool {
        false
    }

    fn seen(&self) -> Vec<Seen> {
        self.server.topic(ANA).iter().map(seen).collect()
    }

    fn posted(&self) -> usize {
        self.server.topic(ANA).len()
    }

    fn secrets(&self) -> Vec<String> {
        vec![TOKEN.to_owned()]
    }

    async fn breaks(&self) -> Vec<String> {
        let mut told = Vec::new();
        for (status, code) in [(401, 40101), (403, 40301), (413, 41303), (429, 42901), (500, 50001)] {
            self.server.fails([Fault::Says(status, code, "no", Vec::new())]);
            told.push(format!("{:?}", self.channel.send(&line(ANA, "again")).await));
        }
        self.server.fails([Fault::Loses, Fault::Babbles]);
        for _ in 0..2 {
            told.push(format!("{:?}", self.channel.send(&line(ANA, "again")).await));
        }
        let mut wrong = settings(&self.server);
        wrong.login = Login::Token(format!("{TOKEN}-nearly"));
        told.push(format!("{:?}", Ntfy::new(wrong.clone()).unwrap().send(&line(ANA, "again")).await));
        wrong.login = Login::Password("ana".into(), TOKEN.into());
        wrong.url = "http://127.0.0.1:1/".parse().unwrap();
        told.push(format!("{:?}", Ntfy::new(wrong).unwrap().prepare().await));
        self.server.fails(std::iter::repeat_n(Fault::Says(503, 0, "", Vec::new()), 10));
        told
    }
}
