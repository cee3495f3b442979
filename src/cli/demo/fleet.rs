//! A fleet as sereno meets it: it reports by signed webhooks and obeys signed control calls.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::clock::{Sources, random_hex};
use crate::core::time::Span;
use crate::runtime::Inbound;
use crate::runtime::signature::{self, Key};

/// Its name in the configuration.
pub(super) const RUNTIME: &str = "fleet";
/// How often a report is repeated before it is given up.
const ATTEMPTS: u32 = 20;

/// Why an agent does not go on.
#[derive(Debug)]
pub(super) struct Stopped;

/// What it was told about its agents.
#[derive(Default)]
struct Orders {
    /// By agent; what is not here goes on.
    standing: BTreeMap<String, Standing>,
    /// By question: whether it may run.
    decisions: BTreeMap<String, bool>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    Goes,
    Held,
    Stopped,
}

/// The fleet's own side of the wire.
pub(super) struct Fleet {
    hook: String,
    key: Vec<u8>,
    speed: f64,
    client: reqwest::Client,
    sources: Sources,
    orders: watch::Sender<Orders>,
}

impl Fleet {
    pub(super) fn new(sereno: SocketAddr, key: Vec<u8>, speed: f64) -> Arc<Self> {
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10)).build();
        Arc::new(Self {
            hook: format!("http://{}/hooks/{RUNTIME}", reachable(sereno)),
            key,
            speed,
            client: client.expect("an HTTP client without TLS can be made"),
            sources: Sources::system(),
            orders: watch::Sender::default(),
        })
    }

    /// Now.
    pub(super) fn now(&self) -> crate::core::time::Ts {
        self.sources.now()
    }

    /// Reports one event, again and again until it is taken: its id makes that harmless.
    pub(super) async fn report(&self, event: Value) {
        let (id, body) = (random_hex(self.sources.entropy.as_ref(), 12), event.to_string());
        for attempt in 0..ATTEMPTS {
            let mut request = self.client.post(&self.hook).header("content-type", "application/json");
            for (name, value) in signature::sign(&self.key, &id, self.now(), body.as_bytes()) {
                request = request.header(name, value);
            }
            match request.body(body.clone()).send().await {
                Ok(response) if response.status().is_server_error() => {}
                Ok(response) if response.status().is_success() => return,
                Ok(response) => {
                    return tracing::error!(status = %response.status(), event = body, "the demo's own report was refused");
                }
                Err(_) => {}
            }
            self.sources.clock.sleep(Span(100 * i64::from(attempt + 1))).await;
        }
        tracing::error!(event = body, "the demo's own report was not taken");
    }

    /// Lets time pass for an agent, and more of it while it is held.
    pub(super) async fn think(&self, agent: &str, seconds: f64) -> Result<(), Stopped> {
        #[expect(clippy::cast_possible_truncation, reason = "a few seconds")]
        let span = Span((seconds * 1000.0 / self.speed) as i64);
        self.sources.clock.sleep(span).await;
        let mut orders = self.orders.subscribe();
        let standing = |orders: &Orders| orders.standing.get(agent).copied().unwrap_or(Standing::Goes);
        let orders = orders.wait_for(|orders| standing(orders) != Standing::Held).await.map_err(|_| Stopped)?;
        if standing(&orders) == Standing::Stopped { Err(Stopped) } else { Ok(()) }
    }

    /// Waits until a person decides a question, or stops the one who asks; says whether it may run.
    pub(super) async fn decision(&self, agent: &str, question: &str) -> Result<bool, Stopped> {
        let mut orders = self.orders.subscribe();
        let stopped = |orders: &Orders| orders.standing.get(agent) == Some(&Standing::Stopped);
        let orders = orders
            .wait_for(|orders| orders.decisions.contains_key(question) || stopped(orders))
            .await
            .map_err(|_| Stopped)?;
        orders.decisions.get(question).copied().ok_or(Stopped)
    }

    /// Waits until an agent is told to go on.
    pub(super) async fn resumed(&self, agent: &str) {
        let mut orders = self.orders.subscribe();
        let _resumed = orders.wait_for(|orders| orders.standing.get(agent) == Some(&Standing::Goes)).await;
    }

    /// Carries out one control call and says what became of it.
    async fn carry_out(&self, call: &Value) -> Value {
        let agent = call["agent"]["id"].as_str().unwrap_or_default();
        match call["type"].as_str().unwrap_or_default() {
            "control.decide" => self.decided(&call["approval"]),
            "control.pause" => self.stands(agent, Standing::Held, "paused").await,
            "control.resume" => self.stands(agent, Standing::Goes, "running").await,
            "control.kill" => self.stands(agent, Standing::Stopped, "stopped").await,
            "control.tell" => {
                let said = call["message"]["text"].as_str().unwrap_or_default();
                self.report(json!({
                    "type": "message", "agent": { "id": agent }, "from": "agent", "message": format!("Understood: {said}"),
                }))
                .await;
                json!({ "status": "done", "message": "read" })
            }
            "control.reassign" => {
                let (task, to) = (&call["reassign"]["task"], &call["reassign"]["to"]);
                self.report(json!({ "type": "task.assigned", "agent": to, "task": task })).await;
                json!({ "status": "done" })
            }
            _ => json!({ "status": "unsupported", "message": "the demo's fleet cannot do that" }),
        }
    }

    fn decided(&self, approval: &Value) -> Value {
        let question = approval["id"].as_str().unwrap_or_default().to_owned();
        let may_run = approval["outcome"] == "approved";
        self.orders.send_modify(|orders| {
            orders.decisions.insert(question, may_run);
        });
        json!({ "status": "done" })
    }

    async fn stands(&self, agent: &str, standing: Standing, word: &str) -> Value {
        self.orders.send_modify(|orders| {
            orders.standing.insert(agent.to_owned(), standing);
        });
        self.report(json!({ "type": "agent.status", "agent": { "id": agent }, "status": word })).await;
        json!({ "status": "done" })
    }
}

/// The address under which a listener is reached from the same machine.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    }
    address
}

/// Takes control calls until it is aborted.
pub(super) async fn obey(fleet: Arc<Fleet>, listener: TcpListener) {
    let router = Router::new().route("/", post(called)).with_state(fleet);
    if let Err(error) = axum::serve(listener, router).await {
        tracing::error!(%error, "the demo's fleet does not hear any more");
    }
}

async fn called(State(fleet): State<Arc<Fleet>>, headers: HeaderMap, body: Bytes) -> Result<Json<Value>, StatusCode> {
    let key = Key::Shared(fleet.key.clone());
    let request = Inbound { headers: &headers, body: &body };
    signature::verify(&request, &[key], fleet.now()).map_err(|_| StatusCode::UNAUTHORIZED)?;
    let call = serde_json::from_slice(&body).map_err(|_| StatusCode::BAD_REQUEST)?;
    Ok(Json(fleet.carry_out(&call).await))
}
