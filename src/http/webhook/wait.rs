//! Requests whose sender waits for a person.
//!
//! Whoever goes away takes the question back. Whoever is still there when nobody has answered gets a no.

use std::sync::Arc;

use axum::Json;
use axum::response::{IntoResponse as _, Response};

use super::super::Shared;
use super::super::problem::Problem;
use super::acknowledged;
use crate::core::control::{ControlOutcome, ControlResult, Gate, receipt};
use crate::core::event::{Ask, Event, EventKind};
use crate::core::input::{Body, Reported};
use crate::core::time::{Span, Ts};
use crate::engine::NewInput;
use crate::runtime::hold::{For, Held};
use crate::runtime::{Decoded, HookAnswer, Runtime, Standing};
use crate::store::{Appended, ApprovalRow};

/// How long after its deadline an approval is waited for: the fold decides, this only guards it.
const GRACE: Span = Span::secs(10);
/// How long an agent is held at a gate at most; the hook's own time limit is longer.
const LONGEST_HOLD: Span = Span::mins(55);
/// Whoever comes back within this time has not gone away.
const COME_BACK: Span = Span::secs(5);

/// The call that would bring a decision that was there already may be under way in another process for this long.
const UNDER_WAY: Span = Span::secs(30);

/// Answers a request once everything that it waits for has happened.
pub async fn answer(
    door: Shared,
    name: String,
    runtime: Arc<dyn Runtime>,
    decoded: Decoded,
    held: Option<Held>,
    appended: Vec<Appended>,
) -> Result<Response, Problem> {
    let gate = appended.first().and_then(|a| a.reply.as_ref()).and_then(|reply| reply.gate.clone());
    let standing = standing(&door, &name, &decoded).await?;
    let decided = standing.as_ref().filter(|row| row.state != "pending");
    let until = until(&door, standing.as_ref(), gate.as_ref());
    if let Some(gate) = gate.as_ref().filter(|gate| gate.hold) {
        confirm(&door, gate.controls.iter().map(|id| (id.clone(), receipt::HELD.to_owned()))).await;
    }
    let hold = Hold::open(&door, &name, &decoded, gate.as_ref()).await;
    if decided.is_some() {
        let clock = door.sources.clock.clone();
        tokio::spawn(async move {
            clock.sleep(UNDER_WAY).await;
            drop(hold);
        });
    }
    let leaver = decoded.asks.clone().filter(|_| decided.is_none()).map(|approval| Leaver {
        door: door.clone(),
        name: name.clone(),
        runtime: runtime.clone(),
        approval,
        answered: false,
    });
    let view = Standing { gate: gate.as_ref(), decided: decided.map(|row| &row.approval) };
    let mut stopping = door.stopping.clone();
    let answer = tokio::select! {
        answer = runtime.answer(&decoded, view, held) => answer,
        () = door.sources.clock.sleep_until(until) => {
            Some(HookAnswer { body: runtime.silence(&decoded), carried_out: Vec::new() })
        }
        // Our command hook tries again; an HTTP hook fails, and a gate that fails blocks.
        () = stopping.asked() => {
            if let Some(leaver) = leaver {
                leaver.done();
            }
            return Err(Problem::new(503, "Stopping; ask again soon.").retry_after(1));
        }
    };
    if let Some(leaver) = leaver {
        leaver.done();
    }
    let Some(answer) = answer else {
        return Ok(acknowledged(&appended));
    };
    confirm(&door, answer.carried_out.into_iter()).await;
    Ok(Json(answer.body).into_response())
}

/// The approval behind a question: it may be decided already, by a grant, or before the asker came back.
async fn standing(door: &Shared, name: &str, decoded: &Decoded) -> Result<Option<ApprovalRow>, Problem> {
    match &decoded.asks {
        Some(approval) => Ok(door.store.approval(name, approval).await?),
        None => Ok(None),
    }
}

fn until(door: &Shared, approval: Option<&ApprovalRow>, gate: Option<&Gate>) -> Ts {
    let now = door.sources.now();
    match (approval, gate) {
        (Some(row), _) => row.approval.expires.max(now).plus(GRACE),
        (None, Some(gate)) if gate.hold => now.plus(LONGEST_HOLD),
        _ => now.plus(GRACE),
    }
}

/// Appends that control calls were carried out by an answer.
async fn confirm(door: &Shared, carried_out: impl Iterator<Item = (String, String)>) {
    let inputs: Vec<NewInput> = carried_out
        .map(|(id, receipt)| {
            let result = ControlResult::Confirmed { receipt };
            NewInput::unkeyed(Body::Controlled(ControlOutcome { id, attempt: 0, result }))
        })
        .collect();
    if inputs.is_empty() {
        return;
    }
    if let Err(error) = door.log.append_patiently(inputs).await {
        // It is handed out again at the next sign of life.
        tracing::warn!(%error, "a receipt could not be stored");
    }
}

/// Says to other processes that somebody waits here; not any more when it is dropped.
struct Hold {
    door: Shared,
    name: String,
    place: String,
}

impl Hold {
    async fn open(door: &Shared, name: &str, decoded: &Decoded, gate: Option<&Gate>) -> Option<Self> {
        if door.store.is_exclusive() {
            return None;
        }
        let held = gate.is_some_and(|gate| gate.hold);
        let place = match (&decoded.asks, &decoded.session) {
            (Some(approval), _) => For::Approval(approval.clone()),
            (None, Some(session)) if held => For::Session(session.clone()),
            _ => return None,
        };
        let hold = Self { door: door.clone(), name: name.to_owned(), place: place.to_string() };
        if let Err(error) = door.store.hold(name, &hold.place).await {
            // Another process will not find it, and tries until this one does.
            tracing::warn!(%error, "others are not told that somebody waits here");
        }
        Some(hold)
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let (door, name, place) = (self.door.clone(), self.name.clone(), self.place.clone());
        tokio::spawn(async move {
            if let Err(error) = door.store.let_go(&name, &place).await {
                tracing::warn!(%error, "others believe that somebody waits here, until we stop");
            }
        });
    }
}

/// Whether nobody waits for a decision any more, here or in another process.
pub async fn is_abandoned(door: &Shared, name: &str, runtime: &dyn Runtime, approval: &str) -> bool {
    let place = For::Approval(approval.to_owned()).to_string();
    // While nobody knows, the question stays; it expires by itself.
    runtime.is_abandoned(approval) && door.store.is_held_elsewhere(name, &place).await.is_ok_and(|held| !held)
}

/// Takes the question back when whoever asked goes away.
struct Leaver {
    door: Shared,
    name: String,
    runtime: Arc<dyn Runtime>,
    approval: String,
    answered: bool,
}

impl Leaver {
    /// Whoever asked has an answer.
    fn done(mut self) {
        self.answered = true;
    }
}

impl Drop for Leaver {
    fn drop(&mut self) {
        if self.answered {
            return;
        }
        let (door, name, runtime, approval) =
            (self.door.clone(), self.name.clone(), self.runtime.clone(), self.approval.clone());
        tokio::spawn(async move {
            door.sources.clock.sleep(COME_BACK).await;
            if is_abandoned(&door, &name, runtime.as_ref(), &approval).await {
                withdraw(&door.log, &name, &approval, door.sources.now()).await;
            }
        });
    }
}

/// Appends that whoever asked has stopped waiting.
pub async fn withdraw(log: &crate::engine::Log, name: &str, approval: &str, now: Ts) {
    let event = Event { approval: Some(Ask::of(approval)), ..Event::new(EventKind::ApprovalCancelled) };
    let body = Body::Event(Box::new(Reported::new(name, now, event)));
    if let Err(error) = log.append_patiently(vec![NewInput::unkeyed(body)]).await {
        tracing::warn!(%error, approval, "a withdrawn question could not be stored; it will expire");
    }
}
