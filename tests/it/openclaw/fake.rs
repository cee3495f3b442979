//! A gateway with a memory: agents, sessions, runs, questions and who decided them, over the real protocol.
//!
//! It answers as 2026.9.6 was seen to answer, and loses connections, events and answers when a test says so.

mod accounts;
mod protocol;
mod questions;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{broadcast, watch};
use tokio_tungstenite::WebSocketStream;

use self::accounts::transcript;
use crate::scene::PATIENCE;
use sereno::clock::within;

pub const TOKEN: &str = "gateway-token-gateway-token";
/// When everything there happens, in milliseconds; the scenes begin at nine on that day.
pub const NOW: i64 = 1_795_165_200_000;

/// What the gateway does to whoever is connected.
#[derive(Clone, Debug)]
enum Order {
    Event(String, Value),
    Drop,
    Restart,
    /// Events that nobody gets.
    Lose,
}

/// What it remembers.
#[derive(Debug)]
pub struct Memory {
    pub token: String,
    pub boot: u32,
    pub connections: u32,
    /// How often somebody has connected.
    pub greeted: u32,
    /// Nobody is let in.
    pub away: bool,
    /// Why nobody is let in.
    pub refusal: Option<Value>,
    pub scopes: Vec<&'static str>,
    /// Devices that it knows; without a list it asks for none.
    pub devices: Option<BTreeSet<String>>,
    /// The token that the device has, and the next one that it is given.
    pub own: Option<String>,
    pub gives: Option<String>,
    /// Devices that want to be known.
    pub pairings: BTreeSet<String>,
    pub calls: Vec<(String, Value)>,
    pub sessions: BTreeMap<String, Value>,
    pub messages: BTreeMap<String, Vec<Value>>,
    /// All that a session has ever said, also before it was begun anew or deleted.
    pub transcripts: BTreeMap<String, Vec<Value>>,
    /// How often sums are asked for before they are fresh.
    pub stale: u32,
    pub approvals: BTreeMap<String, Value>,
    /// Questions that words answer.
    pub questions: BTreeMap<String, Value>,
    /// The next answer to this method is lost with the connection.
    pub lost: Option<String>,
    /// A method that is refused, and why.
    pub refused: Option<(&'static str, Value)>,
    keys: BTreeSet<String>,
    made: u32,
}

/// A running gateway; it ends with the test's runtime.
#[derive(Clone)]
pub struct Gateway {
    port: u16,
    memory: Arc<Mutex<Memory>>,
    changes: watch::Sender<u64>,
    orders: broadcast::Sender<Order>,
}

type Socket = WebSocketStream<TcpStream>;

impl Gateway {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let memory = Memory {
            token: TOKEN.into(),
            boot: 1,
            connections: 0,
            greeted: 0,
            away: false,
            refusal: None,
            scopes: vec!["operator.admin"],
            devices: None,
            own: None,
            gives: None,
            pairings: BTreeSet::new(),
            calls: Vec::new(),
            sessions: BTreeMap::new(),
            messages: BTreeMap::new(),
            transcripts: BTreeMap::new(),
            stale: 0,
            approvals: BTreeMap::new(),
            questions: BTreeMap::new(),
            lost: None,
            refused: None,
            keys: BTreeSet::new(),
            made: 0,
        };
        let gateway = Self {
            port: listener.local_addr().unwrap().port(),
            memory: Arc::new(Mutex::new(memory)),
            changes: watch::Sender::new(0),
            orders: broadcast::channel(4096).0,
        };
        let served = gateway.clone();
        tokio::spawn(async move {
            loop {
                let Ok((stream, _)) = listener.accept().await else { continue };
                let gateway = served.clone();
                if gateway.look(|memory| memory.away) {
                    continue;
                }
                tokio::spawn(async move {
                    let Ok(mut socket) = tokio_tungstenite::accept_async(stream).await else { return };
                    gateway.change(|memory| memory.connections += 1);
                    let _ended = gateway.talk(&mut socket).await;
                    gateway.change(|memory| memory.connections -= 1);
                });
            }
        });
        gateway
    }

    pub fn url(&self) -> String {
        format!("ws://127.0.0.1:{}", self.port)
    }

    pub fn look<T>(&self, look: impl FnOnce(&Memory) -> T) -> T {
        look(&self.memory.lock().unwrap())
    }

    pub fn change<T>(&self, change: impl FnOnce(&mut Memory) -> T) -> T {
        let changed = change(&mut self.memory.lock().unwrap());
        self.changes.send_modify(|count| *count += 1);
        changed
    }

    /// Waits until the memory is as `wanted`.
    pub async fn until(&self, what: &str, wanted: impl Fn(&Memory) -> bool) {
        let mut changes = self.changes.subscribe();
        let waited = within(PATIENCE, async {
            while !self.look(&wanted) {
                changes.changed().await.unwrap();
            }
        });
        assert!(waited.await.is_some(), "{what}: {:#?}", self.look(|memory| memory.calls.clone()));
    }

    /// Calls of a method, in order.
    pub fn calls(&self, method: &str) -> Vec<Value> {
        self.look(|memory| {
            memory.calls.iter().filter(|(have, _)| have == method).map(|(_, params)| params.clone()).collect()
        })
    }

    fn tell(&self, event: &str, payload: Value) {
        // Whoever is not connected does not hear it.
        let _nobody = self.orders.send(Order::Event(event.into(), payload));
    }

    pub fn emit(&self, event: &str, payload: Value) {
        self.tell(event, payload);
    }

    /// The connection of everybody breaks.
    pub fn drops(&self) {
        let _nobody = self.orders.send(Order::Drop);
    }

    /// It stops and is started anew: the connection of everybody is closed with the code for it.
    pub fn restarts(&self) {
        self.change(|memory| memory.boot += 1);
        self.tell("shutdown", json!({ "reason": "gateway stopping" }));
        let _nobody = self.orders.send(Order::Restart);
    }

    /// It throws an event away that whoever is connected should have had.
    pub fn loses_an_event(&self) {
        let _nobody = self.orders.send(Order::Lose);
    }

    /// A run begins in a session.
    pub fn runs(&self, key: &str, run: &str) {
        let agent = key.split(':').nth(1).unwrap().to_owned();
        self.change(|memory| {
            let row = memory.sessions.entry(key.to_owned()).or_insert_with(|| json!({ "key": key, "agentId": agent }));
            row["status"] = json!("running");
            row["hasActiveRun"] = json!(true);
            row["activeRunIds"] = json!([run]);
            row["startedAt"] = json!(NOW);
            row["updatedAt"] = json!(NOW);
            row["abortedLastRun"] = json!(false);
        });
        self.of_run(key, run, "lifecycle", json!({ "phase": "start", "startedAt": NOW }));
    }

    fn of_run(&self, key: &str, run: &str, stream: &str, data: Value) {
        let seq = self.change(|memory| {
            memory.made += 1;
            memory.made
        });
        let agent = key.split(':').nth(1).unwrap();
        self.tell(
            "agent",
            json!({ "runId": run, "sessionKey": key, "agentId": agent, "stream": stream, "data": data, "seq": seq, "ts": NOW }),
        );
    }

    /// An answer of the model.
    pub fn answers(&self, key: &str, text: &str, cost: f64) {
        self.answered(key, text, cost, NOW);
    }

    /// An answer that the model gave at about some time, in milliseconds.
    pub fn answered(&self, key: &str, text: &str, cost: f64, time: i64) {
        let message = self.change(|memory| {
            memory.made += 1;
            let id = format!("message-{}", memory.made);
            let message = json!({
                "role": "assistant", "content": [{ "type": "text", "text": text }], "provider": "fake", "model": "fake-1",
                "usage": { "input": 1000, "output": 50, "cacheRead": 200, "cacheWrite": 0, "cost": { "total": cost } },
                "timestamp": time + i64::from(memory.made), "__openclaw": { "id": id },
            });
            memory.messages.entry(key.to_owned()).or_default().push(message.clone());
            memory.transcripts.entry(key.to_owned()).or_default().push(message.clone());
            message
        });
        let agent = key.split(':').nth(1).unwrap();
        let payload = json!({
            "sessionKey": key, "sessionId": transcript(key), "agentId": agent, "message": message,
            "messageId": message["__openclaw"]["id"],
        });
        self.tell("session.message", payload);
    }

    /// A session is begun anew: its transcript goes on, and what was said is not shown any more.
    pub fn resets(&self, key: &str) {
        self.change(|memory| memory.messages.insert(key.to_owned(), Vec::new()));
    }

    /// A session is deleted: only its accounts are left.
    pub fn deletes(&self, key: &str) {
        self.change(|memory| {
            memory.sessions.remove(key);
            memory.messages.remove(key);
        });
    }

    /// A run ends well.
    pub fn ends(&self, key: &str, run: &str, reply: &str) {
        self.change(|memory| {
            let row = memory.sessions.get_mut(key).unwrap();
            row["status"] = json!("done");
            row["hasActiveRun"] = json!(false);
            row["lastRunId"] = json!(run);
            row["endedAt"] = json!(NOW + 1);
        });
        let data = json!({ "phase": "end", "aborted": false, "endedAt": NOW + 1, "terminalReply": { "text": reply } });
        self.of_run(key, run, "lifecycle", data);
    }

    /// A run is tried again, because its provider fails.
    pub fn retries(&self, key: &str, run: &str) {
        let data = json!({ "phase": "retrying", "message": "Provider temporarily unavailable.", "reason": "server_error", "delayMs": 1303 });
        self.of_run(key, run, "run_status", data);
    }

    /// What runs in a session is aborted. Returns the runs.
    pub fn aborts(&self, key: &str) -> Vec<String> {
        let runs = self.change(|memory| {
            let Some(row) = memory.sessions.get_mut(key).filter(|row| row["hasActiveRun"] == true) else {
                return Vec::new();
            };
            let runs: Vec<String> = serde_json::from_value(row["activeRunIds"].clone()).unwrap();
            row["status"] = json!("killed");
            row["hasActiveRun"] = json!(false);
            row["abortedLastRun"] = json!(true);
            row["lastRunId"] = json!(runs[0]);
            row["endedAt"] = json!(NOW + 1);
            runs
        });
        for run in &runs {
            let agent = key.split(':').nth(1).unwrap();
            self.tell(
                "chat",
                json!({ "runId": run, "sessionKey": key, "agentId": agent, "state": "aborted", "stopReason": "rpc" }),
            );
            self.of_run(
                key,
                run,
                "lifecycle",
                json!({ "phase": "end", "status": "cancelled", "aborted": true, "endedAt": NOW + 1 }),
            );
            self.of_run(key, run, "lifecycle", json!({ "phase": "model", "provider": "fake", "model": "fake-1" }));
            self.of_run(
                key,
                run,
                "lifecycle",
                json!({ "phase": "error", "error": "This operation was aborted", "aborted": true, "endedAt": NOW + 2 }),
            );
        }
        let open = self.look(|memory| {
            let of_it = memory.approvals.iter().filter(|(_, asked)| asked["request"]["sessionKey"] == key);
            of_it.filter(|(_, asked)| asked["status"] == "pending").map(|(id, _)| id.clone()).collect::<Vec<_>>()
        });
        for id in open.iter().filter(|_| !runs.is_empty()) {
            self.settles(id, "cancelled", "deny", Some("approval-scope-closed"));
        }
        runs
    }

    /// An agent asks whether a command may run.
    pub fn asks(&self, key: &str, run: &str, id: &str, command: &str, lives: i64) {
        self.asks_for(key, run, id, command, lives, &["allow-once", "deny"]);
    }

    /// The same, with what may be decided.
    pub fn asks_for(&self, key: &str, run: &str, id: &str, command: &str, lives: i64, allowed: &[&str]) {
        let agent = key.split(':').nth(1).unwrap();
        let asked = json!({
            "id": id, "approvalKind": "exec", "status": "pending", "createdAtMs": NOW, "expiresAtMs": NOW + lives,
            "request": {
                "command": command, "cwd": "/srv/claw", "host": "gateway", "agentId": agent, "sessionKey": key, "runId": run,
                "toolCallId": format!("call-{id}"), "allowedDecisions": allowed, "systemRunPlan": null,
            },
        });
        self.change(|memory| memory.approvals.insert(id.to_owned(), asked.clone()));
        self.of_run(key, run, "tool", json!({ "phase": "start", "name": "exec", "toolCallId": format!("call-{id}"), "args": { "command": command } }));
        self.tell("exec.approval.requested", asked);
    }

    /// A plugin asks.
    pub fn plugin_asks(&self, id: &str, title: &str) {
        let asked = json!({
            "id": id, "approvalKind": "plugin", "status": "pending", "createdAtMs": NOW, "expiresAtMs": NOW + 600_000,
            "request": {
                "title": title, "description": "It cannot be undone.", "severity": "warning", "pluginId": "mailer",
                "toolName": "send_mail", "agentId": "main", "sessionKey": "agent:main:main",
                "allowedDecisions": ["allow-once", "deny"],
            },
        });
        self.change(|memory| memory.approvals.insert(id.to_owned(), asked.clone()));
        self.tell("plugin.approval.requested", asked);
    }

    /// Somebody decides, if nobody has.
    pub fn decides(&self, id: &str, decision: &str, by: &str) -> Value {
        let open = self.look(|memory| memory.approvals.get(id).is_some_and(|asked| asked["status"] == "pending"));
        if open {
            let status = if decision == "deny" { "denied" } else { "allowed" };
            self.settles(id, status, decision, Some(by));
        }
        let asked = self.look(|memory| memory.approvals[id].clone());
        json!({ "applied": open, "approval": asked })
    }

    /// Nobody has decided in time.
    pub fn expires(&self, id: &str) {
        self.settles(id, "expired", "deny", None);
    }

    fn settles(&self, id: &str, status: &str, decision: &str, by: Option<&str>) {
        let asked = self.change(|memory| {
            let asked = memory.approvals.get_mut(id).unwrap();
            asked["status"] = json!(status);
            asked["resolvedAtMs"] = json!(NOW + 5);
            asked["resolver"] = json!({ "kind": "runtime", "id": "gateway-client" });
            asked.clone()
        });
        let payload =
            json!({ "id": id, "decision": decision, "resolvedBy": by, "ts": NOW + 5, "request": asked["request"] });
        let kind = if id.starts_with("plugin:") { "plugin" } else { "exec" };
        self.tell(&format!("{kind}.approval.resolved"), payload);
    }

    /// Somebody says something in a session: a run begins, once for each key.
    fn hears(&self, key: &str, params: &Value) -> Value {
        let run = params["idempotencyKey"].as_str().unwrap().to_owned();
        let is_new = self.change(|memory| {
            let message = json!({ "role": "user", "content": params["message"], "timestamp": NOW, "idempotencyKey": format!("{run}:user") });
            let is_new = memory.keys.insert(run.clone());
            if is_new {
                memory.messages.entry(key.to_owned()).or_default().push(message);
            }
            is_new
        });
        if is_new {
            self.runs(key, &run);
        }
        json!({ "runId": run, "status": if is_new { "started" } else { "ok" } })
    }
}
