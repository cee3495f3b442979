//! What comes in over HTTP: genuine, well-formed, in scope, once; anything else is refused with a reason.
//!
//! Nothing that a stranger can send makes a 5xx, and nothing that is refused leaves a trace in the log.

mod forms;
mod hostile;
mod refusals;

use reqwest::RequestBuilder;
use serde_json::Value;
use sereno::core::time::Ts;
use sereno::runtime::signature;

use crate::scene::{SECRET_BYTES, Scene};

/// A request to `path`, signed as the runtime `fleet` signs.
fn signed(scene: &Scene, path: &str, id: &str, at: Ts, body: &[u8]) -> RequestBuilder {
    let mut request = scene.client.post(scene.url(path)).header("content-type", "application/json");
    for (name, value) in signature::sign(&SECRET_BYTES, id, at, body) {
        request = request.header(name, value);
    }
    request.body(body.to_vec())
}

/// Sends, and gives the status with the answer.
async fn sent(request: RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    (status, response.json().await.unwrap_or_default())
}

/// How far the log is.
fn position(scene: &Scene) -> u64 {
    *scene.app.door.progress.committed.borrow()
}
