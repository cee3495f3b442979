//! A server of ntfy that keeps what is published, and refuses what the real one refuses.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::TOKEN;

/// Bytes of a message.
const MESSAGE: usize = 4096;

/// What to answer instead of taking a message.
#[derive(Clone)]
pub enum Fault {
    /// This status, code and text, with header fields.
    Says(u16, u32, &'static str, Vec<(&'static str, &'static str)>),
    /// It is published, and the connection breaks before the answer.
    Loses,
    /// It is another program.
    Babbles,
}

#[derive(Default)]
struct Memory {
    published: Vec<Value>,
    faults: VecDeque<Fault>,
}

#[derive(Clone)]
pub struct Server {
    address: std::net::SocketAddr,
    memory: Arc<Mutex<Memory>>,
}

impl Server {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self { address: listener.local_addr().unwrap(), memory: Arc::default() };
        let router = Router::new()
            .route("/", post(publish))
            .route("/v1/health", get(|| async { Json(json!({ "healthy": true })) }))
            .with_state(server.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        server
    }

    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    pub fn fails(&self, faults: impl IntoIterator<Item = Fault>) {
        self.memory.lock().unwrap().faults.extend(faults);
    }

    /// What was published to a topic, in order.
    pub fn topic(&self, topic: &str) -> Vec<Value> {
        self.memory.lock().unwrap().published.iter().filter(|message| message["topic"] == topic).cloned().collect()
    }
}

fn refused(status: u16, code: u32, error: &str) -> Response {
    let body = Json(json!({ "code": code, "http": status, "error": error, "link": "https://ntfy.sh/docs/publish/" }));
    (StatusCode::from_u16(status).unwrap(), body).into_response()
}

async fn publish(State(server): State<Server>, headers: HeaderMap, body: Bytes) -> Response {
    if headers.get("authorization").is_none_or(|given| given != &format!("Bearer {TOKEN}")) {
        return refused(401, 40101, "unauthorized");
    }
    let fault = server.memory.lock().unwrap().faults.pop_front();
    match fault {
        Some(Fault::Says(status, code, error, fields)) => {
            let mut answer = refused(status, code, error);
            for (name, value) in fields {
                answer.headers_mut().insert(name, value.parse().unwrap());
            }
            return answer;
        }
        Some(Fault::Babbles) => return "<html>Sign in to the hotel's network</html>".into_response(),
        _ => {}
    }
    if body.len() > 2 * MESSAGE {
        return refused(413, 41303, "JSON body too large");
    }
    let Ok(wanted) = serde_json::from_slice::<Value>(&body) else {
        return refused(400, 40017, "invalid request: request body must be message JSON");
    };
    let message = match judged(&wanted) {
        Ok(message) => message,
        Err((code, error)) => return refused(400, code, error),
    };
    let mut memory = server.memory.lock().unwrap();
    let id = format!("msg{:09}", memory.published.len());
    let mut message = message;
    message["id"] = id.into();
    memory.published.push(message.clone());
    if matches!(fault, Some(Fault::Loses)) {
        let broken = futures_util::stream::once(async { Err::<Bytes, _>(std::io::Error::other("it breaks")) });
        return axum::body::Body::from_stream(broken).into_response();
    }
    Json(message).into_response()
}

/// The message that subscribers get.
fn judged(wanted: &Value) -> Result<Value, (u32, &'static str)> {
    let topic = wanted["topic"].as_str().unwrap_or_default();
    let plain = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_');
    if !(1..=64).contains(&topic.len()) || !topic.bytes().all(plain) {
        return Err((40009, "invalid request: topic invalid"));
    }
    let priority = wanted["priority"].as_i64().unwrap_or(0);
    if !(0..=5).contains(&priority) {
        return Err((40007, "invalid priority parameter"));
    }
    let actions = wanted["actions"].as_array().cloned().unwrap_or_default();
    let fits = |action: &Value| {
        let text = |key: &str| action[key].as_str().is_some_and(|text| !text.is_empty());
        let known = matches!(action["action"].as_str(), Some("view" | "http"));
        let no_body = matches!(action["method"].as_str(), Some("GET" | "HEAD")) && text("body");
        known && text("label") && text("url") && !no_body
    };
    if actions.len() > 3 || !actions.iter().all(fits) {
        return Err((40018, "invalid request: actions invalid"));
    }
    let mut message = wanted.clone();
    let text = wanted["message"].as_str().unwrap_or_default();
    if text.is_empty() {
        message["message"] = "triggered".into();
    } else if text.len() > MESSAGE {
        // What is too long for a message is kept as a file, and the message only names it.
        message["message"] = "You received a file: attachment.txt".into();
    }
    Ok(message)
}
