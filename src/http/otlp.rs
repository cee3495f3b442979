//! Batches of telemetry: verified, unpacked, read, appended, and only then acknowledged.
//!
//! Exporters know another protocol than webhooks do: answers are messages in the form of the request, a batch is taken as
//! far as it can be, and what is sent again adds nothing. Whoever has no token learns nothing else.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use tracing::debug_span;

use super::inflate::{Packing, gunzip};
use super::limits::{BATCH, Limits};
use super::problem::Problem;
use super::webhook::{is_open, refused, take_turn};
use super::{Shared, body};
use crate::core::event::Event;
use crate::core::input::{Body as InputBody, Reported};
use crate::core::reason::Reason;
use crate::engine::{NewInput, Urgency};
use crate::runtime::decode::MAX_EVENTS;
use crate::runtime::telemetry::{Export, Format, Signal, Told};
use crate::runtime::{Inbound, Refused, Runtime, otlp};

/// `POST /v1/{traces,metrics,logs}`: of any runtime that takes telemetry, told by its token.
pub async fn anybody(
    signal: Signal,
    State(door): State<Shared>,
    peer: ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let mut names: Vec<&String> =
        door.runtimes.iter().filter(|(_, r)| r.policy().kind == otlp::KIND).map(|(n, _)| n).collect();
    names.sort_unstable();
    let mut why = Refused::Missing;
    for name in names {
        match verify(&door, name, &door.runtimes[name], &headers) {
            Ok(()) => {
                let (name, runtime) = (name.clone(), door.runtimes[name].clone());
                return answer(signal, &headers, take(&door, name, runtime, signal, &headers, body).await);
            }
            Err(other) => why = other,
        }
    }
    let place = format!("v1/{}", signal.as_str());
    answer(signal, &headers, Err(refused(&door, &place, peer.0, why)))
}

/// `POST /hooks/{runtime}/v1/{traces,metrics,logs}`: of one runtime, so that its address can be that of an exporter.
pub async fn of_runtime(
    signal: Signal,
    State(door): State<Shared>,
    peer: ConnectInfo<SocketAddr>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let taken = match door.runtimes.get(&name).cloned() {
        None => Err(Problem::new(404, "There is nothing here.")),
        Some(runtime) => match verify(&door, &name, &runtime, &headers) {
            Ok(()) => take(&door, name, runtime, signal, &headers, body).await,
            Err(why) => Err(refused(&door, &name, peer.0, why)),
        },
    };
    answer(signal, &headers, taken)
}

/// Whether the token is right. It says nothing of the body, so that no stranger has one read.
fn verify(door: &Shared, name: &str, runtime: &Arc<dyn Runtime>, headers: &HeaderMap) -> Result<(), Refused> {
    let request = Inbound { headers, body: &Bytes::new() };
    debug_span!("verify", runtime = name).in_scope(|| runtime.verify(&request, door.sources.wall())).map(drop)
}

/// How the body is written, and how its answer shall be.
fn format(headers: &HeaderMap) -> Option<Format> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    [Format::Protobuf, Format::Json].into_iter().find(|format| format.content_type() == kind)
}

/// Answers in the form of the request.
fn answer(signal: Signal, headers: &HeaderMap, taken: Result<Told, Problem>) -> Response {
    let format = format(headers).unwrap_or(Format::Json);
    match taken {
        Ok(told) => {
            let body = otlp::answer(signal, format, told.rejected, told.why.as_deref());
            (StatusCode::OK, [(header::CONTENT_TYPE, format.content_type())], body).into_response()
        }
        Err(problem) => {
            problem.written(|status, detail| (format.content_type(), otlp::trouble(status, detail, format)))
        }
    }
}

/// Takes a batch of whoever has the token.
async fn take(
    door: &Shared,
    name: String,
    runtime: Arc<dyn Runtime>,
    signal: Signal,
    headers: &HeaderMap,
    body: Body,
) -> Result<Told, Problem> {
    is_open(door)?;
    let packed = body::read_encoded(&door.limits, headers, body, BATCH).await?;
    let unpacked = async {
        let packing = Packing::of(headers)?;
        let format =
            format(headers).ok_or_else(|| Problem::new(415, "Send application/x-protobuf or application/json."))?;
        unpack(door, runtime, packed, packing, signal, format).await
    };
    let mut told = match unpacked.await {
        Ok(told) => told,
        Err(problem) => {
            metrics::counter!("sereno_intake_refused_total", "source" => name.clone(), "reason" => "body").increment(1);
            // What cannot be read costs a turn like everything else.
            take_turn(door, &name, Urgency::Telemetry)?;
            return Err(problem);
        }
    };
    append(door, &name, &mut told).await?;
    count(&name, signal, &told);
    Ok(told)
}

/// Unpacks and reads a batch, apart from the threads that wait for others: a large one takes a while.
async fn unpack(
    door: &Shared,
    runtime: Arc<dyn Runtime>,
    packed: body::Read,
    packing: Packing,
    signal: Signal,
    format: Format,
) -> Result<Told, Problem> {
    let door = door.clone();
    let work = move || read(&door.limits, runtime.as_ref(), packed, packing, signal, format);
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(Problem::new(400, "The batch could not be read.")))
}

fn read(
    limits: &Limits,
    runtime: &dyn Runtime,
    packed: body::Read,
    packing: Packing,
    signal: Signal,
    format: Format,
) -> Result<Told, Problem> {
    let read = match packing {
        Packing::Plain => packed,
        Packing::Gzip => gunzip(limits, &packed.bytes)?,
    };
    let export = Export { signal, format, body: read.bytes.clone() };
    // What it unfolds to takes room as well.
    let values = otlp::weigh(&export)?;
    let _room = body::room(limits, values * otlp::VALUE / 1024)?;
    let told = debug_span!("decode").in_scope(|| runtime.telemetry(&export));
    Ok(told.ok_or_else(|| Problem::new(404, "This runtime takes no telemetry."))??)
}

/// Appends what a batch tells. What is refused there counts among what was rejected.
async fn append(door: &Shared, name: &str, told: &mut Told) -> Result<(), Problem> {
    let now = door.sources.now();
    let source = format!("runtime:{name}");
    // Exporters send again within the hour, if at all: no key need be kept for long.
    let input = |event: Event| {
        let reported = Reported::new(name, now, event);
        NewInput::keyed(source.clone(), reported.event.id.clone(), InputBody::Event(Box::new(reported)))
    };
    let inputs: Vec<NewInput> = std::mem::take(&mut told.events).into_iter().map(input).collect();
    take_turn(door, name, Urgency::of_all(&inputs))?;
    let mut inputs = inputs.into_iter().peekable();
    // If a later part finds no room, all of it is sent again, and the earlier parts add nothing then.
    while inputs.peek().is_some() {
        let part: Vec<NewInput> = inputs.by_ref().take(MAX_EVENTS).collect();
        for appended in door.log.append(part).await? {
            match appended.reply.as_ref().map(|reply| &reply.reason) {
                Some(Reason::Quarantined { digest, .. }) => {
                    told.reject(|| format!("it broke sereno and was put aside (SHA-256 {digest}…); please report it"));
                }
                Some(Reason::NoRoom { thing, most, .. }) => {
                    told.reject(|| format!("there is no room for more than {most} of the kind {thing}"));
                }
                _ => {}
            }
        }
    }
    told.rejected = told.rejected.min(told.items);
    Ok(())
}

fn count(name: &str, signal: Signal, told: &Told) {
    let taken = told.items.saturating_sub(told.ignored).saturating_sub(told.rejected);
    for (outcome, items) in [("taken", taken), ("ignored", told.ignored), ("rejected", told.rejected)] {
        let labels = [("source", name.to_owned()), ("signal", signal.as_str().into()), ("outcome", outcome.into())];
        metrics::counter!("sereno_telemetry_items_total", &labels).increment(items);
    }
}
