//! The fake server's sockets: the Web API and addresses for answers over HTTP, and Socket Mode.

use std::convert::Infallible;

use axum::body::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message as Sent;

use super::fake::{Fake, Wire};
use super::faults::Fault;

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
    let header = |name: &str| request.headers().get(name).map_or("", |v| v.to_str().unwrap()).to_owned();
    let (kind, bearer) = (header("content-type"), header("authorization").replace("Bearer ", ""));
    let query = request.uri().query().unwrap_or_default().to_owned();
    let upload = path.strip_prefix("/upload/v1/");
    let method = upload.map_or_else(|| path.trim_start_matches("/api/").to_owned(), |_| "upload".to_owned());
    if fake.is_cut_before(&method) {
        return Err(Cut);
    }
    let body = request.into_body().collect().await.map_err(|_| Cut)?.to_bytes();
    if let Some(name) = path.strip_prefix("/answers/") {
        let said: Value = serde_json::from_slice(&body).unwrap();
        fake.change(|memory| memory.answers.push((name.to_owned(), said)));
        return Ok(respond(200, "ok".into()));
    }
    if let Some(name) = upload {
        // Whoever has the address may use it; a token is nothing to show there.
        assert!(["image/png", "text/csv", "application/jsonl"].contains(&kind.as_str()) && bearer.is_empty(), "{kind}");
        return match fake.fault(&method) {
            Some(Fault::Raw(status, body)) => Ok(respond(status, body.to_owned())),
            Some(Fault::Silence) => std::future::pending().await,
            Some(_) => Err(Cut),
            None if fake.change(|memory| memory.upload(name, &body)) => {
                Ok(respond(200, format!("OK - {}", body.len())))
            }
            None => Ok(respond(400, "no".into())),
        };
    }
    let params = if body.is_empty() { form(&query) } else { json_of(&kind, &body) };
    let carry_out = || match fake.carry_out(&method, &bearer, &params) {
        Ok(mut result) => {
            result["ok"] = json!(true);
            let mut response = respond(200, result.to_string());
            response.headers_mut().insert("x-oauth-scopes", fake.scopes().parse().unwrap());
            response
        }
        Err(code) => respond(200, refusal(&method, &code)),
    };
    match fake.fault(&method) {
        None => Ok(carry_out()),
        Some(Fault::Wait(seconds)) => {
            let mut response = respond(429, json!({ "ok": false, "error": "ratelimited" }).to_string());
            response.headers_mut().insert("retry-after", seconds.parse().unwrap());
            Ok(response)
        }
        Some(Fault::Code(code)) => Ok(respond(200, refusal(&method, code))),
        Some(Fault::Raw(status, body)) => Ok(respond(status, body.to_owned())),
        Some(Fault::Silence) => std::future::pending().await,
        Some(Fault::ResetBefore) => Err(Cut),
        Some(Fault::ResetAfter) => {
            let _lost = carry_out();
            Err(Cut)
        }
    }
}

fn refusal(method: &str, code: &str) -> String {
    let mut body = json!({ "ok": false, "error": code });
    if code == "missing_scope" {
        body["needed"] = json!(if method.starts_with("files.") { "files:write" } else { "channels:history" });
        body["provided"] = json!("chat:write");
    }
    body.to_string()
}

fn json_of(kind: &str, body: &[u8]) -> Value {
    assert!(kind.starts_with("application/json"), "{kind}");
    serde_json::from_slice(body).unwrap()
}

fn form(query: &str) -> Value {
    let url: reqwest::Url = format!("http://x/?{query}").parse().unwrap();
    Value::Object(url.query_pairs().map(|(k, v)| (k.into_owned(), json!(v))).collect())
}

fn respond(status: u16, body: String) -> Response<Full<Bytes>> {
    let response = Response::builder().status(status).header("content-type", "application/json; charset=utf-8");
    response.body(Full::new(Bytes::from(body))).unwrap()
}

/// Says hello to every connection, hands frames over and takes confirmations.
pub async fn serve_sockets(listener: TcpListener, fake: Fake) -> Infallible {
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        tokio::spawn(hold(stream, fake.clone()));
    }
}

async fn hold(stream: TcpStream, fake: Fake) {
    let Ok(socket) = tokio_tungstenite::accept_async(stream).await else { return };
    let (mut writer, mut reader) = socket.split();
    let hello = json!({
        "type": "hello", "num_connections": 1, "connection_info": { "app_id": "A1" },
        "debug_info": { "host": "applink", "build_number": 1, "approximate_connection_time": 18060 },
    });
    if writer.send(Sent::text(hello.to_string())).await.is_err() {
        return;
    }
    let (open, mut frames) = mpsc::unbounded_channel();
    fake.change(|memory| {
        memory.sockets.push(open);
        memory.hellos += 1;
    });
    loop {
        tokio::select! {
            frame = frames.recv() => match frame {
                Some(Wire::Text(text)) => drop(writer.send(Sent::text(text)).await),
                Some(Wire::Abort) | None => return,
            },
            said = reader.next() => match said {
                Some(Ok(Sent::Text(text))) => {
                    let ack: Value = serde_json::from_str(&text).unwrap();
                    let id = ack["envelope_id"].as_str().expect("a confirmation names its envelope").to_owned();
                    fake.change(|memory| memory.acks.push(id));
                }
                Some(Ok(Sent::Close(_)) | Err(_)) | None => {
                    fake.change(|memory| memory.sockets.retain(|socket| !socket.is_closed()));
                    return;
                }
                Some(Ok(_)) => {}
            },
        }
    }
}
