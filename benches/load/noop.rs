//! The signed no-op: the same server loop reads the body, checks the signature, parses the JSON, and says yes.
//!
//! It is what HTTP and cryptography cost alone; the product is measured against it.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Json;
use axum::routing::post;
use serde_json::{Value, json};
use sereno::clock::Sources;
use sereno::runtime::Inbound;
use sereno::runtime::secret::Secret;
use sereno::runtime::signature::{self, Key};
use sereno::stop::Stopper;
use tokio::runtime::Runtime;

use crate::events::SECRET;

/// A server that does nothing, on as many threads as the product has.
pub struct Noop {
    pub address: SocketAddr,
    runtime: Option<Runtime>,
    _stopper: Stopper,
}

impl Noop {
    pub fn start() -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let key = Key::parse(&Secret::new(SECRET)).map_err(anyhow::Error::msg)?;
        let router = Router::new().route("/v1/events", post(take)).with_state(Arc::new((key, Sources::system())));
        let (stopper, stop) = Stopper::new();
        runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            sereno::http::serve::serve(listener, router, Sources::system().entropy, stop).await;
        });
        Ok(Self { address, runtime: Some(runtime), _stopper: stopper })
    }
}

impl Drop for Noop {
    fn drop(&mut self) {
        // A runtime must not be waited for inside another one.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn take(
    State(state): State<Arc<(Key, Sources)>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<(StatusCode, Json<Value>), StatusCode> {
    let (key, sources) = &*state;
    let request = Inbound { headers: &headers, body: &body };
    signature::verify(&request, std::slice::from_ref(key), sources.now()).map_err(|_| StatusCode::UNAUTHORIZED)?;
    let event: Value = serde_json::from_slice(&body).map_err(|_| StatusCode::BAD_REQUEST)?;
    if event["id"].is_null() {
        return Err(StatusCode::UNPROCESSABLE_ENTITY);
    }
    Ok((StatusCode::ACCEPTED, Json(json!({ "accepted": 1, "duplicates": 0 }))))
}
