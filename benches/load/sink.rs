//! Stands in for Telegram: takes what is sent, at once, and remembers when each notice came.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::Json;
use axum::routing::any;
use serde_json::{Value, json};
use sereno::clock::Sources;
use sereno::stop::Stopper;

use crate::common::clock::now;
use crate::events::TASK;
use crate::wait;

/// How long a poll is held open when nobody says anything; nobody ever does.
const POLL: Duration = Duration::from_secs(20);

#[derive(Default)]
struct Memory {
    sent: i64,
    notices: HashMap<u64, Vec<Instant>>,
}

/// A Bot API server with a thread of its own.
pub struct Sink {
    address: SocketAddr,
    memory: Arc<Mutex<Memory>>,
    _stopper: Stopper,
}

impl Sink {
    pub fn start() -> anyhow::Result<Self> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let memory = Arc::<Mutex<Memory>>::default();
        let router = Router::new().route("/{bot}/{method}", any(call)).with_state(memory.clone());
        let (stopper, stop) = Stopper::new();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        std::thread::spawn(move || {
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
                sereno::http::serve::serve(listener, router, Sources::system().entropy, stop).await;
            });
        });
        Ok(Self { address, memory, _stopper: stopper })
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How many of the tasks in `wanted` have had their notice, at most: only when that may be all of them are they
    /// looked for one by one, which takes the time of many notices.
    pub fn arrived(&self, wanted: &HashMap<u64, Instant>) -> usize {
        let memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        if memory.notices.len() < wanted.len() {
            return memory.notices.len();
        }
        wanted.keys().filter(|task| memory.notices.contains_key(task)).count()
    }

    /// When each notice came, by task; forgets them.
    pub fn take(&self) -> HashMap<u64, Vec<Instant>> {
        std::mem::take(&mut self.memory.lock().unwrap_or_else(PoisonError::into_inner).notices)
    }
}

async fn call(
    State(memory): State<Arc<Mutex<Memory>>>,
    Path((_bot, method)): Path<(String, String)>,
    body: Bytes,
) -> Json<Value> {
    let at = now();
    let result = match method.to_ascii_lowercase().as_str() {
        "sendmessage" | "editmessagetext" => {
            let mut memory = memory.lock().unwrap_or_else(PoisonError::into_inner);
            memory.sent += 1;
            if let Some(task) = task_of(&body) {
                memory.notices.entry(task).or_default().push(at);
            }
            let chat = json!({ "id": 1000, "type": "private", "first_name": "Boss" });
            json!({ "message_id": memory.sent, "date": 0, "chat": chat, "text": "taken" })
        }
        "getupdates" => {
            wait::pause(POLL).await;
            json!([])
        }
        _ => json!(true),
    };
    Json(json!({ "ok": true, "result": result }))
}

/// The number of the task that a message is about.
fn task_of(body: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(body).ok()?;
    let rest = &text[text.find(TASK)? + TASK.len()..];
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest[..digits].parse().ok()
}
