//! The server loop: bounded connections, bounded headers, bounded patience.

use std::convert::Infallible;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::{Request, service};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tower::ServiceExt as _;

use super::limits::come_back;
use super::patience::{Patient, REST, Turns};
use crate::clock::{Entropy, within};
use crate::stop::Stop;

/// Connections at the same time.
const CONNECTIONS: usize = 1024;
/// Longest head, in bytes.
const HEAD: usize = 16 * 1024 + 4096;
/// How long connections may take to finish once we stop.
const DRAIN: Duration = Duration::from_secs(5);

/// Serves `router` until `stop` is told, then lets what is under way finish.
pub async fn serve(listener: TcpListener, router: Router, entropy: Arc<dyn Entropy>, mut stop: Stop) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = stop.asked() => break,
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                #[expect(clippy::disallowed_methods, reason = "out of file handles: real ones come back in real time")]
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        // Beyond the bound a connection is told so and closed at once: cheaper than letting it wait for nothing.
        let Ok(place) = places.clone().try_acquire_owned() else {
            metrics::counter!("sereno_connections_refused_total").increment(1);
            refuse(stream, come_back(entropy.as_ref()));
            continue;
        };
        // An option that cannot be set costs some milliseconds, no more.
        let _slower = stream.set_nodelay(true);
        let (router, stop) = (router.clone(), stop.clone());
        connections.spawn(async move {
            connection(stream, peer, router, stop).await;
            drop(place);
        });
    }
    drop(listener);
    let drained = within(DRAIN, async { while connections.join_next().await.is_some() {} }).await;
    if drained.is_none() {
        tracing::info!("connections were cut at the end of their time");
    }
}

async fn connection(stream: TcpStream, peer: SocketAddr, router: Router, mut stop: Stop) {
    let turns = Turns::default();
    let stream = TokioIo::new(Patient::new(stream, turns.clone()));
    let service = service::service_fn(move |mut request: Request<Incoming>| {
        let answering = turns.begin();
        request.extensions_mut().insert(ConnectInfo(peer));
        let router = router.clone();
        async move {
            let response = respond(router, request.map(Body::new)).await;
            drop(answering);
            Ok::<_, Infallible>(response)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(REST)
        .max_buf_size(HEAD)
        .serve_connection(stream, service);
    tokio::pin!(connection);
    tokio::select! {
        result = connection.as_mut() => if let Err(error) = result {
            tracing::trace!(%error, "a connection ended");
            if let Some(reason) = ours(&error) {
                metrics::counter!("sereno_connections_cut_total", "reason" => reason).increment(1);
            }
        },
        () = stop.asked() => {
            connection.as_mut().graceful_shutdown();
            let _ended = connection.await;
        }
    }
}

/// Why we ended a connection, when we did.
fn ours(error: &hyper::Error) -> Option<&'static str> {
    let source = std::error::Error::source(error).and_then(|source| source.downcast_ref::<io::Error>());
    if source.is_some_and(|source| source.kind() == io::ErrorKind::TimedOut) {
        Some("slow_head")
    } else if error.is_parse_too_large() {
        Some("long_head")
    } else if error.is_parse() {
        Some("unreadable")
    } else {
        None
    }
}

/// Says to a connection for which there is no place when to come back. It is not waited for: whoever does not
/// even take this learns it from the close.
fn refuse(stream: TcpStream, seconds: u16) {
    let answer = format!(
        "HTTP/1.1 503 Service Unavailable\r\nretry-after: {seconds}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    );
    let _told = stream.into_std().and_then(|mut stream| stream.write_all(answer.as_bytes()));
}

async fn respond(router: Router, request: Request<Body>) -> axum::response::Response {
    match router.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}
