//! A Bot API server on loopback that remembers: chats with their messages and every edit, updates until they
//! are confirmed, buttons that can be tapped.
//!
//! It is as strict as Telegram about limits, markup and identifiers, and it fails when it is told to. Errors
//! are worded as Telegram words them. <https://core.telegram.org/bots/api>

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use serde_json::{Value, json};
use sereno::clock::within;
use sereno::core::text::utf16_len;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::faults::{Fault, Planned, Refusal};
use super::html;
use super::updates::{bot_message, place};

/// The bot's token.
pub const TOKEN: &str = "4242:AAtelegram-token-of-the-tests";
/// How long a test waits for something on the server, in real time.
const PATIENCE: Duration = Duration::from_secs(25);
/// What Telegram allows.
const TEXT: usize = 4096;
const CALLBACK_DATA: usize = 64;
const BUTTONS: usize = 100;
const ANSWER: usize = 200;
const CAPTION: usize = 1024;

/// A message of the bot as people see it.
#[derive(Clone, Debug, Default)]
pub struct Message {
    pub id: i64,
    pub topic: Option<i64>,
    pub text: String,
    pub entities: Vec<(String, String)>,
    /// Label and data of each button.
    pub buttons: Vec<(String, String)>,
    pub silent: bool,
    pub reply_to: Option<i64>,
    /// What it said before each edit.
    pub history: Vec<String>,
}

/// A photo of the bot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Photo {
    pub chat: i64,
    pub topic: Option<i64>,
    pub caption: String,
    pub reply_to: Option<i64>,
    pub silent: bool,
    pub png: Vec<u8>,
}

/// A file of the bot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    pub chat: i64,
    pub topic: Option<i64>,
    pub reply_to: Option<i64>,
    pub silent: bool,
    pub name: String,
    pub mime: String,
    pub text: String,
}

/// What somebody who tapped was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Toast {
    pub query: String,
    pub text: String,
    pub alert: bool,
}

/// What the server knows.
#[derive(Default)]
pub struct Memory {
    pub chats: BTreeMap<i64, Vec<Message>>,
    /// Name and description of each command, by language code.
    pub commands: BTreeMap<String, Vec<(String, String)>>,
    /// Address and secret.
    pub webhook: Option<(String, String)>,
    pub toasts: Vec<Toast>,
    pub photos: Vec<Photo>,
    pub documents: Vec<Document>,
    /// Method in lower case and parameters of each request that was read.
    pub calls: Vec<(String, Value)>,
    pub(super) updates: Vec<Value>,
    pub(super) again: Vec<Value>,
    pub(super) queries: BTreeSet<String>,
    pub(super) last_id: i64,
    confirmed: i64,
    faults: Vec<Planned>,
    blocked: BTreeSet<i64>,
    migrated: BTreeMap<i64, i64>,
    revoked: bool,
}

impl Memory {
    /// Messages of the bot in a chat.
    pub fn chat(&self, chat: i64) -> &[Message] {
        self.chats.get(&chat).map_or(&[], Vec::as_slice)
    }

    pub fn is_confirmed(&self, update: i64) -> bool {
        self.confirmed > update
    }

    /// How many polls there were.
    pub fn polls(&self) -> usize {
        self.calls.iter().filter(|(method, _)| method == "getupdates").count()
    }

    pub(super) fn next_id(&mut self) -> i64 {
        self.last_id += 1;
        self.last_id
    }
}

/// A running server.
#[derive(Clone)]
pub struct Fake {
    pub address: SocketAddr,
    memory: Arc<Mutex<Memory>>,
    changed: watch::Sender<()>,
}

impl Fake {
    pub async fn start() -> Self {
        Self::start_at("127.0.0.1:0".parse().unwrap()).await
    }

    /// Starts where somebody already looks for it.
    pub async fn start_at(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let fake = Self { address, memory: Arc::default(), changed: watch::Sender::new(()) };
        tokio::spawn(super::serve::serve(listener, fake.clone()));
        fake
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The server's memory, to look at.
    pub fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap()
    }

    /// Changes the memory, and wakes whoever waits for that.
    pub(super) fn change<T>(&self, act: impl FnOnce(&mut Memory) -> T) -> T {
        let result = act(&mut self.memory());
        self.changed.send_replace(());
        result
    }

    pub(super) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Waits until the memory is as `wanted`.
    pub async fn until(&self, what: &str, wanted: impl Fn(&Memory) -> bool) {
        let mut changes = self.changes();
        let waited = within(PATIENCE, async {
            while !wanted(&self.memory()) {
                changes.changed().await.unwrap();
            }
        });
        assert!(waited.await.is_some(), "{what}: {:#?}", self.memory().calls);
    }

    /// Gives the memory a moment to become as `wanted`; whoever calls looks again.
    pub async fn soon(&self, wanted: impl Fn(&Memory) -> bool) {
        let mut changes = self.changes();
        let waited = within(Duration::from_millis(20), async {
            while !wanted(&self.memory()) {
                changes.changed().await.unwrap();
            }
        });
        let _in_vain = waited.await;
    }

    /// Waits until an update has been confirmed, which means that it is stored and answered.
    pub async fn confirmed(&self, update: i64) {
        self.until("the update is confirmed", |memory| memory.is_confirmed(update)).await;
    }

    /// Messages of the bot in a chat.
    pub fn chat(&self, chat: i64) -> Vec<Message> {
        self.memory().chat(chat).to_vec()
    }

    /// The newest message of the bot in a chat.
    pub fn newest(&self, chat: i64) -> Message {
        self.chat(chat).pop().unwrap_or_else(|| panic!("nothing was sent to {chat}"))
    }

    /// The next request of `method` goes wrong.
    pub fn fails(&self, method: &str, fault: Fault) {
        let planned = Planned { method: method.to_lowercase(), chat: None, fault };
        self.change(|memory| memory.faults.push(planned));
    }

    /// The next request of `method` for `chat` goes wrong.
    pub fn fails_in(&self, chat: i64, method: &str, fault: Fault) {
        let planned = Planned { method: method.to_lowercase(), chat: Some(chat), fault };
        self.change(|memory| memory.faults.push(planned));
    }

    /// Somebody blocks the bot.
    pub fn blocks(&self, chat: i64) {
        self.change(|memory| memory.blocked.insert(chat));
    }

    /// A group becomes a supergroup under another number.
    pub fn migrates(&self, from: i64, to: i64) {
        self.change(|memory| memory.migrated.insert(from, to));
    }

    /// The bot's token is revoked, or given back.
    pub fn revokes(&self, revoked: bool) {
        self.change(|memory| memory.revoked = revoked);
    }

    /// Somebody deletes a message of the bot.
    pub fn deletes(&self, chat: i64, id: i64) {
        self.change(|memory| memory.chats.entry(chat).or_default().retain(|message| message.id != id));
    }

    pub(super) fn knows(&self, token: &str) -> bool {
        token == TOKEN && !self.memory().revoked
    }

    pub(super) fn is_cut_before(&self, method: &str) -> bool {
        let cut = |planned: &Planned| {
            planned.method == method && planned.chat.is_none() && matches!(planned.fault, Fault::ResetBefore)
        };
        self.change(|memory| memory.faults.iter().position(cut).map(|at| memory.faults.remove(at))).is_some()
    }

    pub(super) fn fault(&self, method: &str, params: &Value) -> Option<Fault> {
        let chat = chat_of(params);
        let hit =
            |planned: &Planned| planned.method == method && planned.chat.is_none_or(|wanted| Some(wanted) == chat);
        self.change(|memory| memory.faults.iter().position(hit).map(|at| memory.faults.remove(at).fault))
    }

    pub(super) fn remember(&self, method: &str, params: &Value) {
        self.change(|memory| memory.calls.push((method.to_owned(), params.clone())));
    }

    /// Everything before `offset` is done with.
    pub(super) fn confirm(&self, offset: i64) -> Result<(), Refusal> {
        self.change(|memory| {
            if memory.webhook.is_some() {
                let why = "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook first";
                return Err(Refusal::new(409, why));
            }
            memory.confirmed = memory.confirmed.max(offset);
            memory.updates.retain(|update| update["update_id"].as_i64().unwrap() >= offset);
            Ok(())
        })
    }

    pub(super) fn due(&self, offset: i64) -> Vec<Value> {
        let mut memory = self.memory();
        let mut due = std::mem::take(&mut memory.again);
        due.extend(memory.updates.iter().filter(|u| u["update_id"].as_i64().unwrap() >= offset).cloned());
        due
    }

    pub(super) fn carry_out(&self, method: &str, params: &Value) -> Result<Value, Refusal> {
        self.change(|memory| match method {
            "getme" => Ok(super::updates::bot()),
            "getwebhookinfo" => {
                let url = memory.webhook.as_ref().map_or("", |(url, _)| url);
                Ok(json!({ "url": url, "has_custom_certificate": false, "pending_update_count": 0 }))
            }
            "deletewebhook" => {
                memory.webhook = None;
                Ok(json!(true))
            }
            "setwebhook" => {
                let word = |key: &str| params[key].as_str().unwrap_or_default().to_owned();
                memory.webhook = Some((word("url"), word("secret_token")));
                Ok(json!(true))
            }
            "setmycommands" => memory.set_commands(params),
            "sendmessage" => memory.send(params),
            "sendphoto" => memory.photo(params),
            "senddocument" => memory.document(params),
            "editmessagetext" => memory.edit(params),
            "answercallbackquery" => memory.toast(params),
            _ => Err(Refusal::new(404, "Not Found: method not found")),
        })
    }
}

impl Memory {
    fn set_commands(&mut self, params: &Value) -> Result<Value, Refusal> {
        let lang = params["language_code"].as_str().unwrap_or_default().to_owned();
        let mut commands = Vec::new();
        for command in params["commands"].as_array().into_iter().flatten() {
            let (name, about) = (command["command"].as_str().unwrap(), command["description"].as_str().unwrap());
            let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            if !name.chars().all(is_name) || !(1..=32).contains(&name.len()) {
                return Err(Refusal::bad("BOT_COMMAND_INVALID"));
            }
            if !(1..=256).contains(&about.chars().count()) {
                return Err(Refusal::bad("BOT_COMMAND_DESCRIPTION_INVALID"));
            }
            commands.push((name.to_owned(), about.to_owned()));
        }
        self.commands.insert(lang, commands);
        Ok(json!(true))
    }

    fn send(&mut self, params: &Value) -> Result<Value, Refusal> {
        let chat = self.reachable(params)?;
        let mut message = drawn(params, "message is too long")?;
        message.topic = params["message_thread_id"].as_i64();
        if message.topic.is_some() && chat > 0 {
            return Err(Refusal::bad("message thread not found"));
        }
        let reply = &params["reply_parameters"];
        message.reply_to = reply["message_id"].as_i64();
        let is_there = |id| self.chat(chat).iter().any(|m| m.id == id);
        if message.reply_to.is_some_and(|id| !is_there(id)) {
            if reply["allow_sending_without_reply"] != true {
                return Err(Refusal::bad("message to be replied not found"));
            }
            message.reply_to = None;
        }
        message.silent = params["disable_notification"] == true;
        message.id = self.next_id();
        let answer = bot_message(chat, &message);
        self.chats.entry(chat).or_default().push(message);
        Ok(answer)
    }

    /// A photo, which comes as a form whose fields are all texts.
    fn photo(&mut self, params: &Value) -> Result<Value, Refusal> {
        let chat = self.reachable(params)?;
        let caption = params["caption"].as_str().unwrap_or_default().to_owned();
        if utf16_len(&caption) > CAPTION {
            return Err(Refusal::bad("message caption is too long"));
        }
        let (topic, reply_to) = self.hangs(chat, params)?;
        let png = crate::multipart::picture(&params["photo"]);
        let silent = params["disable_notification"] == "true";
        self.photos.push(Photo { chat, topic, caption, reply_to, silent, png });
        Ok(json!({ "message_id": self.next_id(), "date": 1_795_165_200, "chat": { "id": chat } }))
    }

    /// A file, which comes the same way.
    fn document(&mut self, params: &Value) -> Result<Value, Refusal> {
        let chat = self.reachable(params)?;
        let (topic, reply_to) = self.hangs(chat, params)?;
        let silent = params["disable_notification"] == "true";
        let (name, mime, text) = crate::multipart::text(&params["document"]);
        self.documents.push(Document { chat, topic, reply_to, silent, name, mime, text });
        Ok(json!({ "message_id": self.next_id(), "date": 1_795_165_200, "chat": { "id": chat } }))
    }

    /// In which topic, and under which message.
    fn hangs(&self, chat: i64, params: &Value) -> Result<(Option<i64>, Option<i64>), Refusal> {
        let topic = params["message_thread_id"].as_str().map(|text| text.parse::<i64>().unwrap());
        if topic.is_some() && chat > 0 {
            return Err(Refusal::bad("message thread not found"));
        }
        let reply: Value = serde_json::from_str(params["reply_parameters"].as_str().unwrap()).unwrap();
        let wanted = reply["message_id"].as_i64();
        let reply_to = wanted.filter(|id| self.chat(chat).iter().any(|m| m.id == *id));
        if reply_to != wanted && reply["allow_sending_without_reply"] != true {
            return Err(Refusal::bad("message to be replied not found"));
        }
        Ok((topic, reply_to))
    }

    fn edit(&mut self, params: &Value) -> Result<Value, Refusal> {
        let chat = self.reachable(params)?;
        let new = drawn(params, "MESSAGE_TOO_LONG")?;
        let wanted = params["message_id"].as_i64();
        let messages = self.chats.entry(chat).or_default();
        let old = messages.iter_mut().find(|message| Some(message.id) == wanted);
        let old = old.ok_or_else(|| Refusal::bad("message to edit not found"))?;
        if (&old.text, &old.entities, &old.buttons) == (&new.text, &new.entities, &new.buttons) {
            return Err(Refusal::bad(
                "message is not modified: specified new message content and reply markup are exactly the same as a \
                 current content and reply markup of the message",
            ));
        }
        old.history.push(std::mem::replace(&mut old.text, new.text));
        old.entities = new.entities;
        old.buttons = new.buttons;
        Ok(bot_message(chat, old))
    }

    fn toast(&mut self, params: &Value) -> Result<Value, Refusal> {
        let query = params["callback_query_id"].as_str().unwrap_or_default().to_owned();
        let text = params["text"].as_str().unwrap_or_default().to_owned();
        if text.chars().count() > ANSWER {
            return Err(Refusal::bad("MESSAGE_TOO_LONG"));
        }
        if !self.queries.remove(&query) {
            return Err(Refusal::bad("query is too old and response timeout expired or query id is invalid"));
        }
        self.toasts.push(Toast { query, text, alert: params["show_alert"] == true });
        Ok(json!(true))
    }

    /// The chat that a request is for, if the bot can write there.
    fn reachable(&self, params: &Value) -> Result<i64, Refusal> {
        let chat = chat_of(params).ok_or_else(|| Refusal::bad("chat_id is empty"))?;
        if let Some(to) = self.migrated.get(&chat) {
            return Err(Refusal::migrated(*to));
        }
        if self.blocked.contains(&chat) {
            return Err(Refusal::new(403, "Forbidden: bot was blocked by the user"));
        }
        Ok(chat)
    }
}

/// Text and buttons of a request, within Telegram's limits.
fn drawn(params: &Value, too_long: &str) -> Result<Message, Refusal> {
    let text = params["text"].as_str().unwrap_or_default();
    let parsed = match params["parse_mode"].as_str() {
        Some("HTML") => html::parse(text).map_err(|e| Refusal::bad(&format!("can't parse entities: {e}")))?,
        None => html::Parsed { text: text.to_owned(), entities: Vec::new() },
        Some(other) => panic!("parse_mode {other}"),
    };
    let text = parsed.text.trim_end().to_owned();
    if text.trim().is_empty() {
        return Err(Refusal::bad("message text is empty"));
    }
    if utf16_len(&text) > TEXT {
        return Err(Refusal::bad(too_long));
    }
    let rows = params["reply_markup"]["inline_keyboard"].as_array().into_iter().flatten();
    let mut buttons = Vec::new();
    for button in rows.flat_map(|row| row.as_array().into_iter().flatten()) {
        let word = |key: &str| button[key].as_str().unwrap_or_default().to_owned();
        let (label, data) = (word("text"), word("callback_data"));
        if !(1..=CALLBACK_DATA).contains(&data.len()) || label.is_empty() {
            return Err(Refusal::bad("BUTTON_DATA_INVALID"));
        }
        buttons.push((label, data));
    }
    if buttons.len() > BUTTONS {
        return Err(Refusal::bad("reply markup is too long"));
    }
    Ok(Message { text, entities: parsed.entities, buttons, ..Message::default() })
}

fn chat_of(params: &Value) -> Option<i64> {
    let chat = &params["chat_id"];
    chat.as_i64().or_else(|| place(chat.as_str()?).map(|(chat, _)| chat))
}
