//! The other side of the runtime `fleet`: takes signed control calls, and remembers each.
//!
//! It obeys unless it is told to answer otherwise. A call that it has seen under the same identity is
//! the same call again, as the contract of control calls says.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use sereno::core::time::Ts;
use sereno::runtime::Inbound;
use sereno::runtime::secret::Secret;
use sereno::runtime::signature::{self, Key};
use tokio::net::TcpListener;

/// Secret under which control calls are signed.
pub const SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// The key in it.
pub const SECRET_BYTES: [u8; 32] = [
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30,
    31,
];

/// A control call as it came.
#[derive(Clone, Debug)]
pub struct Called {
    /// Its idempotency key.
    pub id: String,
    pub body: Value,
}

#[derive(Default)]
struct Memory {
    calls: Vec<Called>,
    answers: VecDeque<(u16, Value)>,
}

/// The fleet's control endpoint.
#[derive(Clone)]
pub struct Fleet {
    pub address: std::net::SocketAddr,
    state: Arc<Mutex<Memory>>,
}

impl Fleet {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let fleet = Self { address: listener.local_addr().unwrap(), state: Arc::default() };
        let router = Router::new().route("/control", post(control)).with_state(fleet.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        fleet
    }

    pub fn url(&self) -> String {
        format!("http://{}/control", self.address)
    }

    /// The next calls are answered with these, one after the other.
    pub fn answers(&self, answers: impl IntoIterator<Item = (u16, Value)>) {
        self.state.lock().unwrap().answers.extend(answers);
    }

    /// Answers that are left are forgotten: it obeys again.
    pub fn obeys(&self) {
        self.state.lock().unwrap().answers.clear();
    }

    /// Every call so far, in order; a call that came twice is there twice.
    pub fn calls(&self) -> Vec<Called> {
        self.state.lock().unwrap().calls.clone()
    }

    /// Type and approval's outcome, or agent, of every call so far.
    pub fn heard(&self) -> Vec<String> {
        let word = |called: Called| {
            let kind = called.body["type"].as_str().unwrap_or_default().to_owned();
            let about = called.body["approval"]["outcome"].as_str().or(called.body["agent"]["id"].as_str());
            format!("{kind} {}", about.unwrap_or_default())
        };
        self.calls().into_iter().map(word).collect()
    }
}

async fn control(
    State(fleet): State<Fleet>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<(StatusCode, Json<Value>), StatusCode> {
    let text = headers["webhook-timestamp"].to_str().unwrap();
    // The signature's own time: whose clock is right is not what this server tests.
    let at = Ts(text.parse::<i64>().unwrap() * 1000);
    let key = Key::parse(&Secret::new(SECRET)).unwrap();
    let request = Inbound { headers: &headers, body: &body };
    let verified = signature::verify(&request, &[key], at).map_err(|_| StatusCode::UNAUTHORIZED)?;
    let called = Called { id: verified.id.unwrap_or_default(), body: serde_json::from_slice(&body).unwrap() };
    let mut state = fleet.state.lock().unwrap();
    state.calls.push(called);
    let (status, answer) = state.answers.pop_front().unwrap_or((200, json!({ "status": "done" })));
    Ok((StatusCode::from_u16(status).unwrap(), Json(answer)))
}
