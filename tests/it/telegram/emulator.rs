//! The same story against a Bot API server that somebody else wrote, so that our fake and our adapter cannot
//! share a misunderstanding.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use sereno::clock::within;

use super::fake::TOKEN;
use super::{UNPACED, config};
use crate::database::sqlite;
use crate::scene::Scene;

/// How long the emulator may take for anything, in real time.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often it is looked whether something has changed there: it cannot tell.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// The emulator, with the front that it needs. Ends with the value.
struct Emulator {
    process: Child,
    /// Where the bot finds it.
    front: String,
    /// Where people find it.
    people: String,
    client: reqwest::Client,
}

impl Emulator {
    fn start() -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/node/telegram.mjs");
        let mut command = Command::new("node");
        command.arg(script).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().expect("node is there: run ./tests/run");
        let mut ports = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut ports).unwrap();
        let ports = ports.trim().split_once(' ').expect("telegram-test-api is there: run ./tests/run");
        let [front, people] = [ports.0, ports.1].map(|port| format!("http://127.0.0.1:{port}"));
        Self { process, front, people, client: reqwest::Client::builder().no_proxy().build().unwrap() }
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        let answer = self.client.post(format!("{}{path}", self.people)).json(&body).send().await.unwrap();
        let answer: Value = answer.json().await.unwrap();
        assert_eq!(answer["ok"], true, "{answer}");
        answer["result"].clone()
    }

    /// What the bot has written to a chat, as it is now.
    async fn chat(&self, chat: i64) -> Vec<Value> {
        let history = self.post("/getUpdatesHistory", json!({ "token": TOKEN })).await;
        let entries = history.as_array().unwrap().iter();
        entries.filter(|entry| entry["message"]["chat_id"] == chat).cloned().collect()
    }

    /// Waits until the newest message in a chat contains `text`.
    async fn newest(&self, chat: i64, text: &str) -> Value {
        let look = async {
            loop {
                let newest = self.chat(chat).await.pop().unwrap_or_default();
                if newest["message"]["text"].as_str().is_some_and(|have| have.contains(text)) {
                    return newest;
                }
                let _again = within(LOOK_AGAIN, std::future::pending::<()>()).await;
            }
        };
        within(PATIENCE, look).await.unwrap_or_else(|| panic!("no message in {chat} says {text}"))
    }

    async fn says(&self, user: i64, text: &str) {
        let entities = json!([{ "type": "bot_command", "offset": 0, "length": text.len() }]);
        let mut message = somebody(user);
        message["text"] = json!(text);
        message["entities"] = entities;
        self.post("/sendCommand", message).await;
    }

    async fn taps(&self, user: i64, card: &Value, label: &str) {
        let rows = card["message"]["reply_markup"]["inline_keyboard"].as_array().unwrap();
        let mut buttons = rows.iter().flat_map(|row| row.as_array().unwrap());
        let button = buttons.find(|button| button["text"].as_str().unwrap().starts_with(label)).unwrap();
        let mut tap = somebody(user);
        tap["data"] = button["callback_data"].clone();
        tap["message"] = somebody(user);
        tap["message"]["message_id"] = card["messageId"].clone();
        tap["message"]["text"] = card["message"]["text"].clone();
        self.post("/sendCallback", tap).await;
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let _ended = self.process.kill();
        let _status = self.process.wait();
    }
}

fn somebody(user: i64) -> Value {
    json!({
        "botToken": TOKEN,
        "date": 1_700_000_000,
        "from": { "id": user, "is_bot": false, "first_name": "ana" },
        "chat": { "id": user, "type": "private", "first_name": "ana" },
    })
}

#[tokio::test]
async fn a_foreign_server_carries_a_question_its_answer_and_a_command() {
    let emulator = Emulator::start();
    let scene = Scene::start(sqlite().await, &config(&emulator.front, UNPACED, "")).await;
    scene.asks("q1", "pytest tests/").await;
    let card = emulator.newest(77, "pytest tests/").await;
    emulator.newest(1234, "pytest tests/").await;
    emulator.taps(77, &card, "✅").await;
    let decided = emulator.newest(77, "Approved by ana · Telegram · 09:00").await;
    assert_eq!(decided["messageId"], card["messageId"]);
    assert_eq!(decided["message"]["reply_markup"]["inline_keyboard"], json!([]));
    emulator.newest(1234, "Aprobado por ana · Telegram · 09:00").await;
    assert_eq!(scene.fleet.heard(), ["control.decide approved"]);
    emulator.says(77, "/agents").await;
    emulator.newest(77, "🤖 1 agent").await;
    assert_eq!(emulator.chat(77).await.len(), 2);
    scene.finish(&[]).await;
}
