//! Events of runtimes: verified over raw bytes, decoded, appended, and only then acknowledged.
//!
//! The order of work is fixed: source, body under its limits, signature, content type, decoding, scope, the
//! source's turn, append. The turn comes that late because only then is it known what a request holds: an
//! approval goes in when its source has no turn left, and a stranger cannot use up the turns of another.

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
use crate::core::reason::Reason;
use crate::engine::{NewInput, Urgency};
use crate::runtime::{Decoded, Inbound, Refused, Runtime, Verified};
use crate::store::Appended;

pub use wait::{is_abandoned, withdraw};

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
    is_open(&door)?;
    let body = body::read(&door.limits, &headers, body, WEBHOOK_BODY).await?;
    let request = Inbound { headers: &headers, body: &body.bytes };
    let verified = debug_span!("verify").in_scope(|| runtime.verify(&request, door.sources.wall()));
    compare_clocks(&door, &name, &request, verified.as_ref().err()).await;
    let verified = verified.map_err(|why| refused(&door, &name, peer.0, why))?;
    let (decoded, held, appended) = take(&door, &name, &runtime, &request, &verified).await?;
    drop(body);
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
    is_open(&door)?;
    let body = body::read(&door.limits, &headers, body, WEBHOOK_BODY).await?;
    let request = Inbound { headers: &headers, body: &body.bytes };
    let now = door.sources.wall();
    let mut why = Refused::Missing;
    let mut names: Vec<&String> = door.runtimes.keys().collect();
    names.sort_unstable();
    for name in names {
        let runtime = &door.runtimes[name];
        if runtime.policy().kind != "generic" {
            continue;
        }
        let verified = debug_span!("verify", runtime = name).in_scope(|| runtime.verify(&request, now));
        compare_clocks(&door, name, &request, verified.as_ref().err()).await;
        match verified {
            Ok(verified) => {
                let (_, _, appended) = take(&door, name, runtime, &request, &verified).await?;
                return Ok(acknowledged(&appended));
            }
            Err(Refused::Stale) => why = Refused::Stale,
            Err(other) if why != Refused::Stale => why = other,
            Err(_) => {}
        }
    }
    Err(refused(&door, "v1/events", peer.0, why))
}

pub(super) fn is_open(door: &Shared) -> Result<(), Problem> {
    if door.stopping.is_asked() {
        return Err(Problem::new(503, "Stopping; try again soon."));
    }
    Ok(())
}

/// Counts how often genuine signatures are from another time, and has it told when that happens too often.
async fn compare_clocks(door: &Shared, source: &str, request: &Inbound<'_>, refused: Option<&Refused>) {
    let genuine = refused.is_none_or(|why| *why == Refused::Stale) && request.header("webhook-signature").is_some();
    if !genuine {
        return;
    }
    let Some(percent) = door.limits.skew.saw(source, refused.is_some(), door.sources.now()) else { return };
    tracing::warn!(source, percent, "signatures are from another time");
    let body = InputBody::Skewed { source: source.to_owned(), percent };
    if let Err(error) = door.log.append_patiently(vec![NewInput::unkeyed(body)]).await {
        tracing::warn!(%error, "nobody was told of it");
    }
}

/// Takes one of the source's turns. What is urgent goes in also when none is left.
pub(super) fn take_turn(door: &Shared, source: &str, urgency: Urgency) -> Result<(), Problem> {
    match door.limits.turn(source, door.sources.now()) {
        Err(seconds) if urgency < Urgency::Decision => {
            metrics::counter!("sereno_intake_refused_total", "source" => source.to_owned(), "reason" => "rate")
                .increment(1);
            Err(Problem::new(429, "Too many requests from this source.").retry_after(seconds))
        }
        _ => Ok(()),
    }
}

pub(super) fn refused(door: &Shared, source: &str, peer: SocketAddr, why: Refused) -> Problem {
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
    let now = door.sources.now();
    let mut decoded = match read_events(door, name, runtime, request, verified) {
        Ok(decoded) => decoded,
        Err(problem) => {
            // What cannot be read costs a turn like everything else.
            take_turn(door, name, Urgency::Telemetry)?;
            return Err(problem);
        }
    };
    let inputs = inputs(name, &mut decoded, !verified.timed, now);
    take_turn(door, name, Urgency::of_all(&inputs))?;
    // The place is open before anything can be decided, so that no decision finds nobody.
    let held = runtime.expect(&decoded);
    kill_point!("intake.append.before");
    // A batch of telemetry may tell nothing.
    let appended = if inputs.is_empty() { Vec::new() } else { door.log.append(inputs).await? };
    kill_point!("intake.append.after");
    let reasons = appended.iter().map(|appended| appended.reply.as_ref().map(|reply| &reply.reason));
    for (index, reason) in reasons.enumerate() {
        match reason {
            Some(Reason::Quarantined { digest, .. }) => return Err(Problem::quarantined(digest, index)),
            Some(Reason::NoRoom { thing, most, .. }) => {
                metrics::counter!("sereno_intake_refused_total", "source" => name.to_owned(), "reason" => "no_room")
                    .increment(1);
                return Err(Problem::no_room(thing, *most, index));
            }
            _ => {}
        }
    }
    Ok((decoded, held, appended))
}

/// The events of a genuine request, if its key may speak for their agents.
fn read_events(
    door: &Shared,
    name: &str,
    runtime: &Arc<dyn Runtime>,
    request: &Inbound<'_>,
    verified: &Verified,
) -> Result<Decoded, Problem> {
    body::check_json(request.headers)?;
    let now = door.sources.now();
    let decoded =
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
    Ok(decoded)
}

/// The events of a request as inputs; whoever answers it needs only what stands beside them.
fn inputs(name: &str, decoded: &mut Decoded, lasting: bool, now: crate::core::time::Ts) -> Vec<NewInput> {
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
                .lasting(lasting)
        })
        .collect()
}

/// The plain answer: how many events were new.
fn acknowledged(appended: &[Appended]) -> Response {
    // What is stored and not folded yet counts as new: whether it is shows when it is folded.
    let duplicates = appended.iter().filter(|a| a.duplicate).count();
    let accepted = appended.len() - duplicates;
    let status = if accepted == 0 && duplicates > 0 { StatusCode::OK } else { StatusCode::ACCEPTED };
    (status, Json(json!({ "accepted": accepted, "duplicates": duplicates }))).into_response()
}
