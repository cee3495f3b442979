//! Events of runtimes: verified over raw bytes, decoded, appended, and only then acknowledged.
//!
//! The order of work is fixed: source, rate, body limit, signature, content type, decoding, scope,
//! append. A request whose sender waits for a person holds no place of intake while it waits.

mod wait;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{ConnectInfo, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde_json::json;
use tracing::debug_span;

use super::limits::WEBHOOK_BODY;
use super::problem::Problem;
use super::{Shared, body};
use crate::core::input::{Body as InputBody, Reported};
use crate::engine::NewInput;
use crate::runtime::{Decoded, Inbound, Refused, Runtime, Verified};
use crate::store::Appended;

pub use wait::withdraw;

type Answer = Result<Response, Problem>;

/// `POST /hooks/{runtime}`
#[tracing::instrument(name = "webhook", level = "debug", skip_all, fields(runtime = name))]
pub async fn hook(
    State(door): State<Shared>,
    peer: ConnectInfo<SocketAddr>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let runtime = door.runtimes.get(&name).cloned().ok_or_else(|| Problem::new(404, "There is nothing here."))?;
    let place = admit(&door, &name)?;
    let body = body::read(&headers, body, WEBHOOK_BODY).await?;
    let request = Inbound { headers: &headers, body: &body };
    let verified = debug_span!("verify")
        .in_scope(|| runtime.verify(&request, door.sources.now()))
        .map_err(|why| refused(&door, &name, peer.0, why))?;
    let (decoded, held, appended) = take(&door, &name, &runtime, &request, &verified).await?;
    drop(place);
    wait::answer(door, name, runtime, decoded, held, appended).await
}

/// `POST /v1/events`: canonical events and `CloudEvents` of any generic runtime, told by its signature.
#[tracing::instrument(name = "webhook", level = "debug", skip_all)]
pub async fn events(
    State(door): State<Shared>,
    peer: ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let place = admit(&door, "v1/events")?;
    let body = body::read(&headers, body, WEBHOOK_BODY).await?;
    let request = Inbound { headers: &headers, body: &body };
    let now = door.sources.now();
    let mut why = Refused::Missing;
    let mut names: Vec<&String> = door.runtimes.keys().collect();
    names.sort_unstable();
    for name in names {
        let runtime = &door.runtimes[name];
        if runtime.policy().kind != "generic" {
            continue;
        }
        match debug_span!("verify", runtime = name).in_scope(|| runtime.verify(&request, now)) {
            Ok(verified) => {
                let (_, _, appended) = take(&door, name, runtime, &request, &verified).await?;
                drop(place);
                return Ok(acknowledged(&appended));
            }
            Err(Refused::Stale) => why = Refused::Stale,
            Err(other) if why != Refused::Stale => why = other,
            Err(_) => {}
        }
    }
    Err(refused(&door, "v1/events", peer.0, why))
}

fn admit<'a>(door: &'a Shared, source: &str) -> Result<tokio::sync::SemaphorePermit<'a>, Problem> {
    let now = door.sources.now();
    if door.stopping.is_asked() {
        return Err(Problem::new(503, "Stopping; try again soon.").retry_after(5));
    }
    door.limits.admit(source, now).map_err(|seconds| {
        metrics::counter!("sereno_intake_refused_total", "source" => source.to_owned(), "reason" => "rate")
            .increment(1);
        Problem::new(429, "Too many requests from this source.").retry_after(seconds)
    })?;
    door.limits.in_flight.try_acquire().map_err(|_| {
        metrics::counter!("sereno_intake_refused_total", "source" => source.to_owned(), "reason" => "busy")
            .increment(1);
        Problem::new(503, "Too much is under way; try again soon.").retry_after(2)
    })
}

fn refused(door: &Shared, source: &str, peer: SocketAddr, why: Refused) -> Problem {
    metrics::counter!("sereno_intake_refused_total", "source" => source.to_owned(), "reason" => why.as_str())
        .increment(1);
    if why == Refused::Stale {
        // The key was right: this is a clock, or an old request, and no guess.
        return Problem::new(401, "The signature is from another time; check the sender's clock.");
    }
    // Only who is wrong is told to wait: behind a proxy everybody shares one address.
    if door.limits.is_suspect(peer.ip(), door.sources.now()) {
        return Problem::new(429, "Too many wrong credentials from this address.").retry_after(60);
    }
    door.limits.failed(peer.ip(), door.sources.now());
    Problem::unauthorized()
}

/// Decodes a genuine request and appends what it holds.
async fn take(
    door: &Shared,
    name: &str,
    runtime: &Arc<dyn Runtime>,
    request: &Inbound<'_>,
    verified: &Verified,
) -> Result<(Decoded, Option<crate::runtime::hold::Held>, Vec<Appended>), Problem> {
    body::check_json(request.headers)?;
    let now = door.sources.now();
    let mut decoded =
        debug_span!("decode").in_scope(|| runtime.decode(request, verified.id.as_deref(), now)).map_err(|bad| {
            metrics::counter!("sereno_intake_refused_total", "source" => name.to_owned(), "reason" => "body")
                .increment(1);
            tracing::debug!(runtime = name, detail = bad.detail, "a body was refused");
            Problem::from(bad)
        })?;
    if let Some(index) = decoded.events.iter().position(|event| !runtime.may_speak_for(event)) {
        metrics::counter!("sereno_intake_refused_total", "source" => name.to_owned(), "reason" => "scope").increment(1);
        return Err(Problem::new(403, format!("This key may not speak for the agent of event {index}.")));
    }
    // The place is open before anything can be decided, so that no decision finds nobody.
    let held = runtime.expect(&decoded);
    let appended = door.log.append(inputs(name, &mut decoded, now)).await?;
    Ok((decoded, held, appended))
}

/// The events of a request as inputs; whoever answers it needs only what stands beside them.
fn inputs(name: &str, decoded: &mut Decoded, now: crate::core::time::Ts) -> Vec<NewInput> {
    let source = format!("runtime:{name}");
    // An agent at a gate waits for the answer to the first event; the others only go with it.
    let mut gate = decoded.gate;
    let reported = std::mem::take(&mut decoded.events).into_iter().map(|event| {
        let reported = Reported::new(name, now, event);
        match gate.take() {
            Some(point) => reported.at_gate(point),
            None => reported,
        }
    });
    reported
        .map(|reported| {
            NewInput::keyed(source.clone(), reported.event.id.clone(), InputBody::Event(Box::new(reported)))
        })
        .collect()
}

/// The plain answer: how many events were new.
fn acknowledged(appended: &[Appended]) -> Response {
    let accepted = appended.iter().filter(|a| a.pos.is_some()).count();
    let duplicates = appended.len() - accepted;
    let status = if accepted == 0 && duplicates > 0 { StatusCode::OK } else { StatusCode::ACCEPTED };
    (status, Json(json!({ "accepted": accepted, "duplicates": duplicates }))).into_response()
}
