//! The fake server's sockets: TLS under the name of the real one, and broken connections.

use std::convert::Infallible;
use std::sync::{Arc, LazyLock};

use axum::body::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::fake::Fake;
use super::faults::{Fault, Refusal};

/// Whoever vouches for the fake server: an authority whose key is thrown away.
pub const AUTHORITY: &[u8] = include_bytes!("../../fixtures/discord/authority.pem");
const CERTIFICATE: &[u8] = include_bytes!("../../fixtures/discord/server.pem");
const KEY: &[u8] = include_bytes!("../../fixtures/discord/server.key");

static TLS: LazyLock<TlsAcceptor> = LazyLock::new(|| {
    let chain = vec![CertificateDer::from_pem_slice(CERTIFICATE).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(KEY).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    TlsAcceptor::from(Arc::new(config.with_single_cert(chain, key).unwrap()))
});

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
            let Ok(stream) = TLS.accept(stream).await else { return };
            let service = service_fn(move |request| answer(fake.clone(), request));
            let _ended = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn answer(fake: Fake, request: Request<Incoming>) -> Answer {
    let path = request.uri().path().strip_prefix("/api/v10").expect("the API's version").to_owned();
    let header = |name: &str| request.headers().get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
    assert!(header("user-agent").starts_with("DiscordBot ("), "Discord refuses other names");
    assert_eq!(header("host"), "discord.com");
    let (authorization, kind) = (header("authorization"), header("content-type"));
    let call = format!("{} {path}", request.method());
    let body = request.into_body().collect().await.map_err(|_| Cut)?.to_bytes();
    let body = match boundary_of(&kind) {
        _ if body.is_empty() => Value::Null,
        Some(boundary) => with_file(crate::multipart::form(&body, boundary)),
        None => serde_json::from_slice(&body).unwrap(),
    };
    fake.change(|memory| memory.calls.push((call.clone(), body.clone())));
    if !fake.knows(&authorization) {
        return Ok(refuse(&Refusal::new(401, 0, "401: Unauthorized")));
    }
    if !fake.fits(&call, &body).await {
        return Ok(refuse(&Refusal::new(400, 50_035, "Invalid Form Body")));
    }
    match fake.fault(&call) {
        None => Ok(carry_out(&fake, &call, &body)),
        Some(Fault::Wait(seconds)) => {
            let body = json!({ "message": "You are being rate limited.", "retry_after": seconds, "global": false });
            Ok(respond(429, ("retry-after", &seconds.ceil().to_string()), body.to_string()))
        }
        Some(Fault::Refusal(status, code, words)) => Ok(refuse(&Refusal::new(status, code, words))),
        Some(Fault::Raw(status, header, body)) => Ok(respond(status, header, body.to_owned())),
        Some(Fault::Silence) => std::future::pending().await,
        Some(Fault::ResetBefore) => Err(Cut),
        Some(Fault::ResetAfter) => {
            let _lost = carry_out(&fake, &call, &body);
            Err(Cut)
        }
    }
}

/// What stands between the parts of a form.
fn boundary_of(kind: &str) -> Option<&str> {
    kind.strip_prefix("multipart/form-data; boundary=")
}

/// What a form says, with its file.
fn with_file(form: Value) -> Value {
    let mut body: Value = serde_json::from_str(form["payload_json"].as_str().unwrap()).unwrap();
    body["file"] = form["files[0]"].clone();
    body
}

fn carry_out(fake: &Fake, call: &str, body: &Value) -> Response<Full<Bytes>> {
    match fake.carry_out(call, body) {
        Ok(Value::Null) => respond(204, JSON, String::new()),
        Ok(result) => respond(200, JSON, result.to_string()),
        Err(refusal) => refuse(&refusal),
    }
}

const JSON: (&str, &str) = ("content-type", "application/json");

fn refuse(refusal: &Refusal) -> Response<Full<Bytes>> {
    respond(refusal.status, JSON, refusal.body())
}

fn respond(status: u16, (name, value): (&str, &str), body: String) -> Response<Full<Bytes>> {
    Response::builder().status(status).header(name, value).body(Full::new(Bytes::from(body))).unwrap()
}
