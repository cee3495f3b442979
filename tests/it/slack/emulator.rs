//! The same messages against a Slack that somebody else wrote (`emulate`), so that our fake and our adapter cannot share
//! a misunderstanding. It knows the Web API's state, and neither Socket Mode nor taps.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use sereno::channel::slack::{SlackChannel, Way};
use sereno::channel::{Channel as _, Outgoing, Verdict};

use super::fake::BOT;
use super::{SIGNING, adapter_at};
use crate::channel::contract::line;

/// The public channel that it begins with.
const GENERAL: &str = "C000000001";
/// Its one member.
const ADMIN: &str = "U000000001";

/// The emulator. Ends with the value.
struct Emulator {
    process: Child,
    url: String,
    client: reqwest::Client,
}

impl Emulator {
    fn start() -> Self {
        let modules = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/node/node_modules");
        // It takes no port of its own choice.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
        let mut command = Command::new(format!("{modules}/node/bin/node"));
        command.arg(format!("{modules}/emulate/dist/index.js")).args(["start", "-s", "slack", "-p", &port]);
        let mut process =
            command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("node 24 is there: run ./tests/run");
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines().map_while(Result::ok);
        assert!(lines.any(|line| line.contains("Ready")), "emulate is there: run ./tests/run");
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { process, url: format!("http://127.0.0.1:{port}/api"), client }
    }

    fn channel(&self) -> SlackChannel {
        adapter_at(&self.url, Way::Pushed(SIGNING.into()))
    }

    async fn asks(&self, method: &str, form: &[(&str, &str)]) -> Value {
        let request = self.client.post(format!("{}/{method}", self.url)).bearer_auth(BOT).form(form);
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        assert_eq!(answer["ok"], true, "{method}: {answer}");
        answer
    }

    /// What stands in the channel, the newest first.
    async fn messages(&self) -> Vec<Value> {
        let form = [("channel", GENERAL), ("include_all_metadata", "true")];
        self.asks("conversations.history", &form).await["messages"].as_array().unwrap().clone()
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let _ended = self.process.kill();
        let _status = self.process.wait();
    }
}

fn sent(verdict: Verdict) -> String {
    match verdict {
        Verdict::Sent(receipt) => receipt,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_foreign_slack_takes_messages_edits_threads_and_whispers() {
    let emulator = Emulator::start();
    let channel = emulator.channel();
    channel.prepare().await.unwrap();
    let out = line(GENERAL, "pytest tests/ <&>");
    let first = sent(channel.send(&out).await);
    let (_, root) = first.split_once(':').unwrap();
    let told = emulator.messages().await;
    assert_eq!((told.len(), told[0]["ts"].as_str()), (1, Some(root)));
    assert_eq!(told[0]["metadata"]["event_payload"], json!({ "id": out.id }));
    assert!(told[0]["blocks"].to_string().contains("pytest tests/ <&>"), "{}", told[0]);

    let changed = Outgoing { version: 2, ..line(GENERAL, "it is decided") };
    assert_eq!(sent(channel.edit(&changed, &first).await), first);
    let told = emulator.messages().await;
    assert_eq!(told.len(), 1, "an edit is no new message");
    assert!(told[0]["blocks"].to_string().contains("it is decided"), "{}", told[0]);

    sent(channel.send(&Outgoing { under: Some(first.clone()), ..line(GENERAL, "what came of it") }).await);
    let replies = emulator.asks("conversations.replies", &[("channel", GENERAL), ("ts", root)]).await;
    let texts: Vec<&str> = replies["messages"].as_array().unwrap().iter().filter_map(|m| m["text"].as_str()).collect();
    assert_eq!(texts, ["it is decided", "what came of it"]);

    sent(channel.send(&Outgoing { only: Some(ADMIN.into()), ..line(GENERAL, "for you alone") }).await);
    emulator.asks("chat.delete", &[("channel", GENERAL), ("ts", root)]).await;
    assert_eq!(channel.edit(&changed, &first).await, Verdict::EditLost);
    let gone = channel.send(&line("C0NOWHERE", "hello")).await;
    assert!(matches!(gone, Verdict::Gone(_)), "{gone:?}");
}
