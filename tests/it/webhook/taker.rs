//! A program that takes webhooks.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use serde_json::Value;
use sereno::core::time::Ts;
use sereno::runtime::Inbound;
use sereno::runtime::secret::Secret;
use sereno::runtime::signature::{self, Key};
use tokio::net::TcpListener;

/// What to answer instead of taking something.
#[derive(Clone)]
pub enum Fault {
    /// This status, with header fields.
    Says(u16, Vec<(&'static str, String)>),
    /// It takes it, and the connection breaks before the answer.
    Loses,
}

#[derive(Default)]
struct Memory {
    /// Every genuine request: its `webhook-id` and its body.
    heard: Vec<(String, Value)>,
    /// What it has taken, each name once.
    taken: Vec<(String, Value)>,
    faults: VecDeque<Fault>,
}

#[derive(Clone)]
pub struct Taker {
    pub address: std::net::SocketAddr,
    memory: Arc<Mutex<Memory>>,
}

impl Taker {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let taker = Self { address: listener.local_addr().unwrap(), memory: Arc::default() };
        let router = Router::new().route("/take", post(take)).with_state(taker.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        taker
    }

    pub fn url(&self) -> String {
        format!("http://{}/take", self.address)
    }

    /// The next requests meet with these.
    pub fn fails(&self, faults: impl IntoIterator<Item = Fault>) {
        self.memory.lock().unwrap().faults.extend(faults);
    }

    /// Every genuine request, also those that were not taken.
    pub fn heard(&self) -> Vec<(String, Value)> {
        self.memory.lock().unwrap().heard.clone()
    }

    /// What was taken, each name once.
    pub fn taken(&self) -> Vec<Value> {
        self.memory.lock().unwrap().taken.iter().map(|(_, body)| body.clone()).collect()
    }
}

async fn take(State(taker): State<Taker>, headers: HeaderMap, body: Bytes) -> Result<Response, StatusCode> {
    // Whose clock is right is not what is tested here: a scene's stands in another year.
    let stamp = headers["webhook-timestamp"].to_str().unwrap().parse::<i64>().unwrap();
    let key = Key::parse(&Secret::new(crate::scene::SECRET)).unwrap();
    let request = Inbound { headers: &headers, body: &body };
    let verified = signature::verify(&request, &[key], Ts(stamp * 1000)).map_err(|_| StatusCode::UNAUTHORIZED)?;
    assert_eq!(headers["content-type"], "application/json");
    let (id, body): (String, Value) = (verified.id.unwrap(), serde_json::from_slice(&body).unwrap());
    let mut memory = taker.memory.lock().unwrap();
    memory.heard.push((id.clone(), body.clone()));
    let fault = memory.faults.pop_front();
    if let Some(Fault::Says(status, fields)) = fault {
        let mut answer = StatusCode::from_u16(status).unwrap().into_response();
        for (name, value) in fields {
            answer.headers_mut().insert(name, value.parse().unwrap());
        }
        return Ok(answer);
    }
    if !memory.taken.iter().any(|(known, _)| *known == id) {
        memory.taken.push((id, body));
    }
    if matches!(fault, Some(Fault::Loses)) {
        let broken = axum::body::Body::from_stream(futures_util::stream::once(async {
            Err::<Bytes, _>(std::io::Error::other("the connection breaks"))
        }));
        return Ok(broken.into_response());
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}
