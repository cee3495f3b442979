//! Slack on loopback, with a memory: a workspace with channels and direct conversations, messages and their edits, what
//! was whispered, windows that were opened, and sockets over which people's doings come.
//!
//! It is as strict as Slack about tokens, blocks, threads and limits, and it fails when it is told to. Errors are
//! Slack's codes. <https://docs.slack.dev/reference/methods>

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use serde_json::{Value, json};
use sereno::clock::within;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};

use super::blocks;
use super::faults::{Fault, Planned};

pub const BOT: &str = "xoxb-1-bot-token-of-the-tests";
pub const APP: &str = "xapp-1-app-token-of-the-tests";
pub const TEAM: &str = "T1";
pub const BOT_USER: &str = "UB0T";
/// How long a test waits for something on the server, in real time.
const PATIENCE: Duration = Duration::from_secs(25);

/// A message of the bot as it is kept.
#[derive(Clone, Debug, Default)]
pub struct Message {
    pub ts: String,
    pub thread: Option<String>,
    /// The line for notifications.
    pub fallback: String,
    pub blocks: Vec<Value>,
    pub metadata: Value,
    /// What it said before each edit.
    pub history: Vec<String>,
}

impl Message {
    pub fn text(&self) -> String {
        blocks::text(&self.blocks)
    }

    /// The first button whose label begins so: its block and itself.
    pub fn button(&self, label: &str) -> (Value, Value) {
        let all = blocks::buttons(&self.blocks);
        let found = all.iter().find(|(_, button)| button["text"]["text"].as_str().unwrap().starts_with(label));
        found.unwrap_or_else(|| panic!("no button {label} among {all:?}")).clone()
    }

    pub fn has_buttons(&self) -> bool {
        !blocks::buttons(&self.blocks).is_empty()
    }
}

/// A file on its way.
#[derive(Clone, Debug, Default)]
pub struct Upload {
    pub id: String,
    /// What the file is called.
    file: String,
    pub alt: String,
    length: usize,
    /// Its bytes, once they have come.
    pub bytes: Option<Vec<u8>>,
}

/// A file that everybody in a channel sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shared {
    pub channel: String,
    pub thread: Option<String>,
    pub title: String,
    pub alt: String,
    pub bytes: Vec<u8>,
}

/// What is sent to an open socket.
pub enum Wire {
    Text(String),
    Abort,
}

/// What the server knows.
#[derive(Default)]
pub struct Memory {
    pub channels: BTreeMap<String, Vec<Message>>,
    /// Channel, account and message.
    pub whispers: Vec<(String, String, Message)>,
    /// What those who tapped were told, with the path of the address.
    pub answers: Vec<(String, Value)>,
    /// Trigger and view of every window that was opened.
    pub views: Vec<(String, Value)>,
    /// Envelopes that were confirmed, in order.
    pub acks: Vec<String>,
    /// Method and parameters of each request that was read.
    pub calls: Vec<(String, Value)>,
    /// Files by the end of the address to which they go.
    pub uploads: BTreeMap<String, Upload>,
    /// Files that were shared, in order.
    pub shared: Vec<Shared>,
    /// How many connections said hello.
    pub hellos: usize,
    /// The bot may read the past of channels.
    pub may_look: bool,
    pub(super) sockets: Vec<mpsc::UnboundedSender<Wire>>,
    pub(super) triggers: BTreeSet<String>,
    faults: Vec<Planned>,
    revoked: bool,
    lacks: Option<&'static str>,
    pub(super) last: u64,
}

impl Memory {
    pub fn channel(&self, id: &str) -> &[Message] {
        self.channels.get(id).map_or(&[], Vec::as_slice)
    }

    pub fn count(&self, method: &str) -> usize {
        self.calls.iter().filter(|(called, _)| called == method).count()
    }

    pub(super) fn next(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    fn next_ts(&mut self) -> String {
        format!("1795165200.{:06}", self.next())
    }
}

/// A running server.
#[derive(Clone)]
pub struct Fake {
    pub address: SocketAddr,
    pub sockets: SocketAddr,
    memory: Arc<Mutex<Memory>>,
    changed: watch::Sender<()>,
}

impl Fake {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let sockets = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let fake = Self {
            address: listener.local_addr().unwrap(),
            sockets: sockets.local_addr().unwrap(),
            memory: Arc::default(),
            changed: watch::Sender::new(()),
        };
        tokio::spawn(super::serve::serve(listener, fake.clone()));
        tokio::spawn(super::serve::serve_sockets(sockets, fake.clone()));
        fake
    }

    pub fn url(&self) -> String {
        format!("http://{}/api", self.address)
    }

    pub fn answer_url(&self, name: &str) -> String {
        format!("http://{}/answers/{name}", self.address)
    }

    pub fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap()
    }

    /// Changes the memory, and wakes whoever waits for that.
    pub fn change<T>(&self, act: impl FnOnce(&mut Memory) -> T) -> T {
        let result = act(&mut self.memory());
        self.changed.send_replace(());
        result
    }

    /// Waits until the memory is as `wanted`.
    pub async fn until(&self, what: &str, wanted: impl Fn(&Memory) -> bool) {
        let mut changes = self.changed.subscribe();
        let waited = within(PATIENCE, async {
            while !wanted(&self.memory()) {
                changes.changed().await.unwrap();
            }
        });
        assert!(waited.await.is_some(), "{what}: {:#?}", self.memory().calls);
    }

    pub async fn acked(&self, envelope: &str) {
        self.until("the envelope is confirmed", |memory| memory.acks.iter().any(|id| id == envelope)).await;
    }

    /// Waits until somebody who tapped is told something. Where, and what.
    pub async fn answered(&self, count: usize) -> Vec<String> {
        self.until("whoever tapped is told", |memory| memory.answers.len() >= count).await;
        let answers = self.memory().answers.clone();
        assert_eq!(answers.len(), count);
        for (_, answer) in &answers {
            assert_eq!((&answer["response_type"], &answer["replace_original"]), (&json!("ephemeral"), &json!(false)));
        }
        answers.iter().map(|(_, answer)| answer["text"].as_str().unwrap().to_owned()).collect()
    }

    pub fn channel(&self, id: &str) -> Vec<Message> {
        self.memory().channel(id).to_vec()
    }

    pub fn newest(&self, id: &str) -> Message {
        self.channel(id).pop().unwrap_or_else(|| panic!("nothing was sent to {id}"))
    }

    /// The next request of `method` goes wrong.
    pub fn fails(&self, method: &str, fault: Fault) {
        self.change(|memory| memory.faults.push(Planned { method: method.into(), fault }));
    }

    /// The bot was not allowed this when the app was installed.
    pub fn lacks(&self, scope: &'static str) {
        self.change(|memory| memory.lacks = Some(scope));
    }

    /// What the bot was allowed, as Slack writes it.
    pub(super) fn scopes(&self) -> String {
        let lacks = self.memory().lacks;
        let had = sereno::channel::SLACK_SCOPES.iter().map(|(scope, _)| *scope).filter(|scope| Some(*scope) != lacks);
        had.collect::<Vec<_>>().join(",")
    }

    pub fn revokes(&self, revoked: bool) {
        self.change(|memory| memory.revoked = revoked);
    }

    pub fn deletes(&self, channel: &str, ts: &str) {
        self.change(|memory| memory.channels.entry(channel.into()).or_default().retain(|m| m.ts != ts));
    }

    /// Sends a frame over a connection that is open, the newest first.
    pub fn sends(&self, frame: &Value) {
        let text = frame.to_string();
        let sent = self.change(|memory| memory.sockets.iter().rev().any(|s| s.send(Wire::Text(text.clone())).is_ok()));
        assert!(sent, "no connection is open");
    }

    /// Every connection breaks.
    pub fn cuts(&self) {
        self.change(|memory| {
            for socket in memory.sockets.drain(..) {
                let _gone = socket.send(Wire::Abort);
            }
        });
    }

    pub(super) fn is_cut_before(&self, method: &str) -> bool {
        let cut = |planned: &Planned| planned.method == method && matches!(planned.fault, Fault::ResetBefore);
        self.change(|memory| memory.faults.iter().position(cut).map(|at| memory.faults.remove(at))).is_some()
    }

    pub(super) fn fault(&self, method: &str) -> Option<Fault> {
        let hit = |planned: &Planned| planned.method == method;
        self.change(|memory| memory.faults.iter().position(hit).map(|at| memory.faults.remove(at).fault))
    }

    /// Carries out a method; the error is Slack's code.
    pub(super) fn carry_out(&self, method: &str, bearer: &str, params: &Value) -> Result<Value, String> {
        let (sockets, address) = (self.sockets, self.address);
        self.change(|memory| {
            memory.calls.push((method.to_owned(), params.clone()));
            let wanted = if method == "apps.connections.open" { APP } else { BOT };
            match bearer {
                "" => return Err("not_authed".into()),
                given if given != wanted || memory.revoked => return Err("invalid_auth".into()),
                _ => {}
            }
            match method {
                "auth.test" => Ok(json!({
                    "url": "https://crew.slack.com/", "team": "crew", "user": "sereno",
                    "team_id": TEAM, "user_id": BOT_USER, "bot_id": "B1", "is_enterprise_install": false,
                })),
                "bots.info" => Ok(json!({ "bot": { "id": "B1", "app_id": "A1", "name": "sereno" } })),
                "apps.connections.open" => Ok(json!({ "url": format!("ws://{sockets}/link/?ticket=t1&app_id=A1") })),
                "chat.postMessage" => memory.post(params),
                "files.getUploadURLExternal" => memory.place(params, address),
                "files.completeUploadExternal" => memory.complete(params),
                "chat.update" => memory.update(params),
                "chat.postEphemeral" => memory.whisper(params),
                "views.open" => memory.open(params),
                "conversations.open" => direct(word(params, "users")).map(|id| json!({ "channel": { "id": id } })),
                "conversations.history" | "conversations.replies" => memory.past(params),
                _ => Err("unknown_method".into()),
            }
        })
    }
}

fn word<'a>(params: &'a Value, key: &str) -> &'a str {
    params[key].as_str().unwrap_or_default()
}

/// The direct conversation with somebody.
fn direct(user: &str) -> Result<String, String> {
    match user {
        "U404" => Err("user_disabled".into()),
        user if user.starts_with('U') && user != BOT_USER => Ok(format!("D{}", &user[1..])),
        _ => Err("channel_not_found".into()),
    }
}

/// The conversation that a request is for: by ID, by name, or by whom it is with.
fn conversation(target: &str) -> Result<String, String> {
    match target {
        "#agents" | "C100" => Ok("C100".into()),
        "#ops" | "G200" => Ok("G200".into()),
        "#lobby" | "C300" => Ok("C300".into()),
        "C900" => Err("is_archived".into()),
        target if target.starts_with('U') => direct(target),
        target if target.starts_with('D') => Ok(target.into()),
        _ => Err("channel_not_found".into()),
    }
}

impl Memory {
    fn post(&mut self, params: &Value) -> Result<Value, String> {
        let channel = conversation(word(params, "channel"))?;
        let mut message = drawn(params)?;
        if params["unfurl_links"] != false || params["unfurl_media"] != false {
            return Err("invalid_arguments".into());
        }
        message.thread = params["thread_ts"].as_str().map(str::to_owned);
        let is_there = |ts: &String| self.channel(&channel).iter().any(|m| m.ts == *ts && m.thread.is_none());
        if message.thread.as_ref().is_some_and(|ts| !is_there(ts)) {
            return Err("thread_not_found".into());
        }
        message.metadata = params["metadata"].clone();
        message.ts = self.next_ts();
        let ts = message.ts.clone();
        self.channels.entry(channel.clone()).or_default().push(message);
        Ok(json!({ "channel": channel, "ts": ts, "message": { "ts": ts, "bot_id": "B1", "text": params["text"] } }))
    }

    /// A place for a file of a length that is told beforehand.
    fn place(&mut self, params: &Value, address: SocketAddr) -> Result<Value, String> {
        let length = word(params, "length").parse().map_err(|_| "invalid_arguments")?;
        if word(params, "filename").is_empty() || length == 0 {
            return Err("invalid_arguments".into());
        }
        let (number, alt) = (self.next(), word(params, "alt_txt").to_owned());
        let (name, id) = (format!("CwABAAAA{number}"), format!("F{number:08}"));
        let url = format!("http://{address}/upload/v1/{name}");
        let file = word(params, "filename").to_owned();
        self.uploads.insert(name, Upload { id: id.clone(), file, alt, length, bytes: None });
        Ok(json!({ "upload_url": url, "file_id": id }))
    }

    /// Takes the bytes of a file, once and all of them.
    pub(super) fn upload(&mut self, name: &str, bytes: &[u8]) -> bool {
        let Some(upload) = self.uploads.get_mut(name) else { return false };
        let fits = upload.bytes.is_none() && upload.length == bytes.len();
        upload.bytes = fits.then(|| bytes.to_vec());
        fits
    }

    fn complete(&mut self, params: &Value) -> Result<Value, String> {
        let files = params["files"].as_array().ok_or("invalid_arguments")?;
        let [file] = files.as_slice() else { return Err("invalid_arguments".into()) };
        let channel = word(params, "channel_id").to_owned();
        // By ID alone, and never by name or by whom it is with.
        if !channel.starts_with(['C', 'D', 'G']) || conversation(&channel)? != channel {
            return Err("channel_not_found".into());
        }
        let thread = params["thread_ts"].as_str().map(str::to_owned);
        let is_there = |ts: &String| self.channel(&channel).iter().any(|m| m.ts == *ts && m.thread.is_none());
        if thread.as_ref().is_some_and(|ts| !is_there(ts)) {
            return Err("thread_not_found".into());
        }
        let upload = self.uploads.values().find(|upload| upload.id == word(file, "id")).ok_or("file_not_found")?;
        let bytes = upload.bytes.clone().ok_or("file_not_found")?;
        if upload.file == sereno::channel::PICTURE {
            crate::multipart::checked(&bytes);
        }
        let (title, alt) = (word(file, "title").to_owned(), upload.alt.clone());
        self.shared.push(Shared { channel, thread, title: title.clone(), alt, bytes });
        // Who sees it where is not known yet when this is answered.
        Ok(json!({ "files": [{ "id": file["id"], "title": title }] }))
    }

    fn update(&mut self, params: &Value) -> Result<Value, String> {
        let new = drawn(params)?;
        let (channel, ts) = (word(params, "channel"), word(params, "ts"));
        let messages = self.channels.entry(conversation(channel)?).or_default();
        let old = messages.iter_mut().find(|m| m.ts == ts).ok_or("message_not_found")?;
        old.history.push(old.text());
        old.blocks = new.blocks;
        old.fallback = new.fallback;
        Ok(json!({ "channel": channel, "ts": ts, "text": params["text"] }))
    }

    fn whisper(&mut self, params: &Value) -> Result<Value, String> {
        let channel = conversation(word(params, "channel"))?;
        // The bot is no member there.
        if channel == "C300" {
            return Err("not_in_channel".into());
        }
        let user = word(params, "user").to_owned();
        if user == "U5" {
            return Err("user_not_in_channel".into());
        }
        let mut message = drawn(params)?;
        message.ts = self.next_ts();
        let ts = message.ts.clone();
        self.whispers.push((channel, user, message));
        Ok(json!({ "message_ts": ts }))
    }

    fn open(&mut self, params: &Value) -> Result<Value, String> {
        let trigger = word(params, "trigger_id").to_owned();
        if !self.triggers.remove(&trigger) {
            return Err("expired_trigger_id".into());
        }
        let view = params["view"].clone();
        let short = ["title", "submit", "close"].iter().all(|key| {
            let text = view[*key]["text"].as_str().unwrap_or_default();
            view[*key]["type"] == "plain_text" && (1..=24).contains(&text.chars().count())
        });
        let fits = short && view["type"] == "modal" && word(&view, "private_metadata").len() <= 3000;
        if !fits {
            return Err("invalid_arguments".into());
        }
        self.views.push((trigger, view.clone()));
        Ok(json!({ "view": view }))
    }

    fn past(&self, params: &Value) -> Result<Value, String> {
        let channel = word(params, "channel");
        if !channel.starts_with('D') && !self.may_look {
            return Err("missing_scope".into());
        }
        let root = params["ts"].as_str();
        let all = self.channel(channel).iter().rev();
        let fits = |m: &&Message| root.map_or(m.thread.is_none(), |ts| m.ts == ts || m.thread.as_deref() == Some(ts));
        let shown: Vec<Value> = all
            .filter(fits)
            .map(|m| {
                let mut past = json!({ "ts": m.ts, "bot_id": "B1", "text": m.fallback });
                if params["include_all_metadata"] == "true" {
                    past["metadata"] = m.metadata.clone();
                }
                past
            })
            .collect();
        Ok(json!({ "messages": shown, "has_more": false }))
    }
}

/// Text and blocks of a request, within Slack's limits, and with everything off that would look for names or links.
fn drawn(params: &Value) -> Result<Message, String> {
    let fallback = word(params, "text").to_owned();
    let blocks = params["blocks"].as_array().cloned().unwrap_or_default();
    if params["parse"] != "none" || params["link_names"] != false || params["mrkdwn"] != false {
        return Err("invalid_arguments".into());
    }
    if fallback.is_empty() {
        return Err("no_text".into());
    }
    if fallback.chars().count() > 40_000 {
        return Err("msg_too_long".into());
    }
    blocks::check(&blocks)?;
    Ok(Message { fallback, blocks, ..Message::default() })
}
