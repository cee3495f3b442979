//! A Discord on loopback that remembers: channels with their messages and every edit, interactions with what they
//! were told, the registered commands, one gateway session.
//!
//! It is as strict as Discord about limits, first answers and who may see what, and it fails when it is told to.
//! Errors are numbered as Discord numbers them. <https://discord.com/developers/docs/reference>

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::{Value, json};
use sereno::clock::within;
use tokio::net::TcpListener;
use tokio::sync::{broadcast, watch};

use super::PATIENCE;
use super::faults::{Fault, Planned, Refusal};
use super::forms::{self, Message};
use super::gateway::{self, Order, Session};
use super::people::Asked;
use super::prism::Prism;

/// The bot's token.
pub const TOKEN: &str = "MTIzNDU2Nzg5.discord.token-of-the-tests";
/// The application, and the bot's account.
pub const APPLICATION: u64 = 4242;
/// A server, and a channel on it.
pub const GUILD: u64 = 900;
pub const CHANNEL: u64 = 500;

/// What the server knows.
#[derive(Debug, Default)]
pub struct Memory {
    pub channels: BTreeMap<u64, Vec<Message>>,
    /// The conversation of the bot with each account.
    pub homes: BTreeMap<u64, u64>,
    pub commands: Value,
    pub asked: BTreeMap<u64, Asked>,
    /// Method and path, and body, of each request.
    pub calls: Vec<(String, Value)>,
    /// What is wrong with them by Discord's own description, where that is looked at.
    pub misfits: Vec<String>,
    /// Fields of the application that differ from an ordinary one's.
    pub application: Value,
    pub session: Session,
    pub connections: usize,
    pub identified: usize,
    pub resumed: usize,
    pub beats: usize,
    /// Connections that may be begun today.
    pub left: u64,
    /// Milliseconds between signs of life.
    pub interval: u64,
    pub is_mute: bool,
    pub(super) gateway: String,
    pub(super) last_id: u64,
    nonces: BTreeMap<(u64, String), Message>,
    faults: Vec<Planned>,
    places: BTreeSet<u64>,
    closed: BTreeSet<u64>,
    revoked: bool,
}

/// A running server.
#[derive(Clone)]
pub struct Fake {
    pub address: SocketAddr,
    judge: Option<Arc<Prism>>,
    memory: Arc<Mutex<Memory>>,
    changed: watch::Sender<()>,
    orders: broadcast::Sender<Order>,
}

impl Fake {
    pub async fn start() -> Self {
        Self::started(None).await
    }

    /// A server that refuses what is not as Discord describes it.
    pub async fn judged_by(judge: &Arc<Prism>) -> Self {
        Self::started(Some(judge.clone())).await
    }

    async fn started(judge: Option<Arc<Prism>>) -> Self {
        let api = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let memory = Memory {
            interval: 30_000,
            left: 1000,
            last_id: 10_000,
            places: BTreeSet::from([CHANNEL, CHANNEL + 1]),
            gateway: format!("ws://{}", socket.local_addr().unwrap()),
            ..Memory::default()
        };
        let fake = Self {
            address: api.local_addr().unwrap(),
            judge,
            memory: Arc::new(Mutex::new(memory)),
            changed: watch::Sender::new(()),
            orders: broadcast::channel(8).0,
        };
        tokio::spawn(super::serve::serve(api, fake.clone()));
        tokio::spawn(gateway::serve(socket, fake.clone()));
        fake
    }

    /// The server's memory, to look at.
    pub fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap()
    }

    /// Changes the memory, and wakes whoever waits for that.
    pub fn change<T>(&self, act: impl FnOnce(&mut Memory) -> T) -> T {
        let result = act(&mut self.memory());
        self.changed.send_replace(());
        result
    }

    pub fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    pub fn orders(&self) -> broadcast::Receiver<Order> {
        self.orders.subscribe()
    }

    /// Does something to whoever is connected to the gateway.
    pub fn order(&self, order: Order) {
        self.orders.send(order).unwrap();
    }

    /// Waits until the memory is as `wanted`.
    pub async fn until(&self, what: &str, wanted: impl Fn(&Memory) -> bool) {
        let mut changes = self.changes();
        let waited = within(PATIENCE, async {
            while !wanted(&self.memory()) {
                changes.changed().await.unwrap();
            }
        });
        assert!(waited.await.is_some(), "it never came to this: {what}\n{:#?}", self.memory());
    }

    /// Messages in a channel, as they are now.
    pub fn chat(&self, channel: u64) -> Vec<Message> {
        self.memory().channels.get(&channel).cloned().unwrap_or_default()
    }

    pub fn newest(&self, channel: u64) -> Message {
        self.chat(channel).pop().expect("a message in the channel")
    }

    /// Messages in the conversation of the bot with an account.
    pub fn home(&self, account: u64) -> Vec<Message> {
        let home = self.memory().homes.get(&account).copied();
        home.map(|home| self.chat(home)).unwrap_or_default()
    }

    /// The next call of this kind fails.
    pub fn fails(&self, call: &str, fault: Fault) {
        self.change(|memory| memory.faults.push(Planned { call: call.to_owned(), fault }));
    }

    pub fn deletes(&self, channel: u64, id: u64) {
        self.change(|memory| memory.channels.entry(channel).or_default().retain(|message| message.id != id));
    }

    /// The account takes no private messages.
    pub fn closes(&self, account: u64) {
        self.change(|memory| memory.closed.insert(account));
    }

    /// The token counts no more, or again.
    pub fn revokes(&self, revoked: bool) {
        self.change(|memory| memory.revoked = revoked);
    }

    pub(super) fn knows(&self, authorization: &str) -> bool {
        authorization == format!("Bot {TOKEN}") && !self.memory().revoked
    }

    /// Whether a request is as Discord describes it.
    pub(super) async fn fits(&self, call: &str, body: &Value) -> bool {
        let Some(judge) = &self.judge else { return true };
        let faults = judge.faults(call, body).await;
        let fits = faults.is_empty();
        self.change(|memory| memory.misfits.extend(faults));
        fits
    }

    pub(super) fn fault(&self, call: &str) -> Option<Fault> {
        let hit = |planned: &Planned| call.starts_with(&planned.call);
        self.change(|memory| memory.faults.iter().position(hit).map(|at| memory.faults.remove(at).fault))
    }

    pub(super) fn carry_out(&self, call: &str, body: &Value) -> Result<Value, Refusal> {
        let (method, path) = call.split_once(" /").unwrap();
        let parts: Vec<&str> = path.split('/').collect();
        self.change(|memory| match (method, parts.as_slice()) {
            ("GET", ["oauth2", "applications", "@me"]) => Ok(memory.application()),
            ("GET", ["gateway", "bot"]) => Ok(memory.gateway()),
            ("GET", ["guilds", guild]) if *guild == GUILD.to_string() => Ok(json!({ "id": guild, "name": "crew" })),
            ("PUT", ["applications", app, "commands"]) => {
                assert_eq!(*app, APPLICATION.to_string());
                forms::commands(body)?;
                memory.commands = body.clone();
                Ok(body.clone())
            }
            ("POST", ["users", "@me", "channels"]) => Ok(memory.home(forms::number(&body["recipient_id"]))),
            ("POST", ["channels", channel, "messages"]) => memory.post(channel.parse().unwrap(), body),
            ("PATCH", ["channels", channel, "messages", id]) => {
                memory.edit(channel.parse().unwrap(), id.parse().unwrap(), body)
            }
            ("POST", ["interactions", id, token, "callback"]) => memory.answer(id.parse().unwrap(), token, body),
            ("POST", ["webhooks", app, token]) => memory.follow(app, token, body),
            ("PATCH", ["webhooks", app, token, "messages", id]) => memory.correct(app, token, id, body),
            ("DELETE", ["webhooks", app, token, "messages", "@original"]) => memory.take_back(app, token),
            _ => Err(Refusal::new(404, 0, "404: Not Found")),
        })
    }
}

impl Memory {
    pub(super) fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    pub(super) fn identify(&mut self) {
        self.identified += 1;
        self.left -= 1;
        let id = format!("session-{}", self.identified);
        let ready = gateway::ready(&id, &self.gateway);
        self.session = Session { id, events: vec![("READY".into(), ready)] };
    }

    pub(super) fn resume(&mut self) {
        self.resumed += 1;
        self.session.events.push(("RESUMED".into(), json!({})));
    }

    fn application(&self) -> Value {
        let mut about = json!({
            "id": APPLICATION.to_string(),
            "name": "sereno",
            "verify_key": hex::encode(super::key().verifying_key().as_bytes()),
            "interactions_endpoint_url": null,
        });
        for (key, value) in self.application.as_object().into_iter().flatten() {
            about[key] = value.clone();
        }
        about
    }

    fn gateway(&self) -> Value {
        let limit = json!({ "total": 1000, "remaining": self.left, "reset_after": 3_600_000, "max_concurrency": 1 });
        json!({ "url": self.gateway, "shards": 1, "session_start_limit": limit })
    }

    fn home(&mut self, account: u64) -> Value {
        let channel = match self.homes.get(&account) {
            Some(channel) => *channel,
            None => self.next_id(),
        };
        self.homes.insert(account, channel);
        self.places.insert(channel);
        json!({ "id": channel.to_string(), "type": 1, "recipients": [] })
    }

    fn reach(&self, channel: u64) -> Result<(), Refusal> {
        if !self.places.contains(&channel) {
            return Err(Refusal::new(404, 10_003, "Unknown Channel"));
        }
        let is_closed = |(account, home): (&u64, &u64)| *home == channel && self.closed.contains(account);
        if self.homes.iter().any(is_closed) {
            return Err(Refusal::new(403, 50_007, "Cannot send messages to this user"));
        }
        Ok(())
    }

    fn post(&mut self, channel: u64, form: &Value) -> Result<Value, Refusal> {
        self.reach(channel)?;
        let nonce = form["nonce"].as_str().unwrap_or_default().to_owned();
        assert!((1..=25).contains(&nonce.len()) && form["enforce_nonce"] == true, "{form}");
        // Also a message that was deleted meanwhile.
        if let Some(message) = self.nonces.get(&(channel, nonce.clone())) {
            return Ok(message.json());
        }
        let mut message = forms::message(form, 1 << 12)?;
        message.silent = form["flags"] == 1 << 12;
        if let Some(under) = form.get("message_reference") {
            let id = forms::number(&under["message_id"]);
            let is_there = self.channels.get(&channel).is_some_and(|all| all.iter().any(|m| m.id == id));
            if !is_there && under["fail_if_not_exists"] != false {
                return Err(Refusal::form("message_reference", "Unknown message"));
            }
            message.under = is_there.then_some(id);
        }
        (message.id, message.channel) = (self.next_id(), channel);
        self.nonces.insert((channel, nonce), message.clone());
        self.channels.entry(channel).or_default().push(message.clone());
        Ok(message.json())
    }

    fn edit(&mut self, channel: u64, id: u64, form: &Value) -> Result<Value, Refusal> {
        self.reach(channel)?;
        let messages = self.channels.entry(channel).or_default();
        let old = messages.iter_mut().find(|message| message.id == id);
        let old = old.ok_or_else(|| Refusal::new(404, 10_008, "Unknown Message"))?;
        old.change(forms::message(form, 0)?);
        let new = old.clone();
        for known in self.nonces.values_mut().filter(|known| known.id == id) {
            *known = new.clone();
        }
        Ok(new.json())
    }
}
