//! The fake server's socket: paths, long polling and broken connections.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use sereno::clock::within;
use tokio::net::TcpListener;

use super::fake::Fake;
use super::faults::{Fault, Refusal};
use crate::multipart::form;

/// The connection is cut without an answer.
#[derive(Debug, thiserror::Error)]
#[error("cut")]
struct Cut;

type Answer = Result<Response<Full<Bytes>>, Cut>;

/// Serves until the process ends.
pub async fn serve(listener: TcpListener, fake: Fake) -> Infallible {
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let fake = fake.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| answer(fake.clone(), request));
            let _ended = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn answer(fake: Fake, request: Request<Incoming>) -> Answer {
    let path = request.uri().path().to_owned();
    let (token, method) = path.trim_start_matches("/bot").split_once('/').unwrap_or_default();
    let method = method.to_lowercase();
    if !fake.knows(token) {
        return Ok(respond(Refusal::new(401, "Unauthorized").body()));
    }
    if fake.is_cut_before(&method) {
        return Err(Cut);
    }
    let kind = request.headers().get("content-type").map_or("", |value| value.to_str().unwrap());
    let boundary = kind.split_once("boundary=").map_or("", |(_, boundary)| boundary).to_owned();
    let body = request.into_body().collect().await.map_err(|_| Cut)?.to_bytes();
    let params = if boundary.is_empty() { json(&body) } else { form(&body, &boundary) };
    fake.remember(&method, &params);
    match fake.fault(&method, &params) {
        None => carry_out(&fake, &method, &params).await,
        Some(Fault::Wait(seconds)) => Ok(respond(Refusal::wait(seconds).body())),
        Some(Fault::Refusal(code, description)) => Ok(respond(Refusal::new(code, description).body())),
        Some(Fault::Raw(status, body)) => Ok(respond((status, body.to_owned()))),
        Some(Fault::Migrated(to)) => Ok(respond(Refusal::migrated(to).body())),
        Some(Fault::Silence) => std::future::pending().await,
        Some(Fault::ResetBefore) => Err(Cut),
        Some(Fault::ResetAfter) => {
            let _lost = carry_out(&fake, &method, &params).await?;
            Err(Cut)
        }
    }
}

fn json(body: &[u8]) -> Value {
    if body.is_empty() { json!({}) } else { serde_json::from_slice(body).unwrap() }
}

async fn carry_out(fake: &Fake, method: &str, params: &Value) -> Answer {
    let result = match method {
        "getupdates" => poll(fake, params).await,
        method => fake.carry_out(method, params),
    };
    Ok(respond(match result {
        Ok(result) => (200, json!({ "ok": true, "result": result }).to_string()),
        Err(refusal) => refusal.body(),
    }))
}

/// Returns at once when there is something, and otherwise as soon as there is.
async fn poll(fake: &Fake, params: &Value) -> Result<Value, Refusal> {
    let offset = params["offset"].as_i64().unwrap_or(0);
    let patience = Duration::from_secs(params["timeout"].as_u64().unwrap_or(0));
    let mut changes = fake.changes();
    fake.confirm(offset)?;
    let waited = within(patience, async {
        loop {
            let updates = fake.due(offset);
            if !updates.is_empty() {
                return updates;
            }
            changes.changed().await.unwrap();
        }
    });
    Ok(Value::Array(waited.await.unwrap_or_default()))
}

fn respond((status, body): (u16, String)) -> Response<Full<Bytes>> {
    let response = Response::builder().status(status).header("content-type", "application/json");
    response.body(Full::new(Bytes::from(body))).unwrap()
}
