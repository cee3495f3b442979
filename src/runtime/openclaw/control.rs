//! What people ask of agents, in the gateway's words.
//!
//! It has no pause: a run is aborted, and told to go on later in the session that remembers it. Whatever begins a run
//! is looked for before it is sent: a call that is tried again, because a connection broke, may have arrived.

use serde_json::{Value, json};

use super::{Link, OpenClaw, Trouble, approval, question};
use crate::core::control::{ControlCall, ControlResult, Order, Verdict, receipt};
use crate::core::digest::Digest;
use crate::core::text;
use crate::runtime::openclaw::wire::{NAME, Refusal};

/// Messages among which ours is looked for.
const LOOK_BACK: usize = 50;
/// Characters of what was asked and done that a new agent is told.
const HANDOVER: usize = 4000;
/// Messages that it is told at most.
const HANDOVER_MESSAGES: usize = 6;

/// An order that was carried out, or why not. Both are the same to whoever asked.
type Carried = Result<ControlResult, ControlResult>;

impl OpenClaw {
    /// Carries out an order.
    pub(super) async fn carry_out(&self, call: &ControlCall) -> Carried {
        let session = call.session.clone().unwrap_or_else(|| self.memory(|memory| memory.session_of(&call.agent)));
        match &call.order {
            Order::Decide { approval, verdict, reach, stop, .. } => {
                let decided = if let Some(id) = question::id_of(approval) {
                    self.decline(id).await?
                } else {
                    let params = json!({
                        "id": approval, "kind": approval::kind_of(approval),
                        "decision": approval::decision(*verdict, *reach),
                    });
                    self.decide(params, *verdict).await?
                };
                if *stop {
                    self.abort(&session).await?;
                }
                Ok(decided)
            }
            Order::Kill => {
                let ran = self.abort(&session).await?;
                Ok(confirmed(if ran { receipt::ABORTED } else { receipt::NOTHING_RAN }))
            }
            Order::Pause => {
                let ran = self.abort(&session).await?;
                Ok(confirmed(if ran { receipt::ABORTED_AND_HELD } else { receipt::NOTHING_RAN }))
            }
            Order::Tell { text } => {
                self.say(&session, text, &self.key(call)?).await?;
                Ok(confirmed(receipt::GIVEN))
            }
            Order::Answer { question, text } => self.answer(call, question, text).await,
            Order::Resume => self.resume(call, &session).await,
            Order::Spawn { text, model } => {
                self.begin(call, &call.agent, text, model.as_deref()).await?;
                Ok(confirmed(receipt::BEGUN))
            }
            Order::Reassign { to: None, model: Some(model), .. } => self.change_model(call, &session, model).await,
            Order::Reassign { to, model, .. } => {
                let to = to.clone().unwrap_or_else(|| call.agent.clone());
                self.hand_over(call, &session, &to, model.as_deref()).await
            }
        }
    }

    /// The idempotency key of a call: no other store may have given the same one to this gateway.
    fn key(&self, call: &ControlCall) -> Result<String, ControlResult> {
        let Link { origin, .. } = self.link().ok_or_else(|| trouble(Trouble::Away))?;
        Ok(format!("sereno-{origin}-{}", call.id))
    }

    async fn decide(&self, params: Value, verdict: Verdict) -> Carried {
        match self.call("approval.resolve", params).await {
            Ok(answer) => Ok(self.memory(|memory| approval::outcome(&answer, verdict, memory))),
            Err(Trouble::Refused(refusal)) => Ok(approval::refused(&refusal, verdict)),
            Err(other) => Err(trouble(other)),
        }
    }

    /// Answers a question, once: whether it has this answer already is looked up first. What is said in its session
    /// otherwise would be heard only when nobody waits for an answer any more.
    async fn answer(&self, call: &ControlCall, open: &str, said: &str) -> Carried {
        let id = question::id_of(open).unwrap_or(open);
        let key = self.key(call)?;
        let stands = self.call("question.get", json!({ "id": id })).await;
        let asked = match stands {
            Ok(answer) => answer["question"].clone(),
            Err(Trouble::Refused(refusal)) => return Err(question::refused(&refusal)),
            Err(other) => return Err(trouble(other)),
        };
        if asked["resolvedBy"] == key.as_str() {
            return Ok(confirmed(receipt::GIVEN));
        }
        let answers = question::answers(&asked, said).map_err(|error| ControlResult::Failed { error })?;
        let params = json!({ "id": id, "answers": answers, "resolvedBy": key });
        match self.call("question.resolve", params).await {
            Ok(_) => Ok(confirmed(receipt::GIVEN)),
            Err(Trouble::Refused(refusal)) => Err(question::refused(&refusal)),
            Err(other) => Err(trouble(other)),
        }
    }

    /// Declines to answer a question.
    async fn decline(&self, id: &str) -> Carried {
        match self.call("question.resolve", json!({ "id": id, "cancel": true, "resolvedBy": NAME })).await {
            Ok(_) => Ok(confirmed(receipt::ANSWERED)),
            Err(Trouble::Refused(refusal)) if question::is_over(&refusal) => Ok(confirmed(receipt::NOBODY_WAITS)),
            Err(other) => Err(trouble(other)),
        }
    }

    /// Aborts what runs in a session, and what is queued there. Returns whether anything did.
    async fn abort(&self, session: &str) -> Result<bool, ControlResult> {
        let answer = self.call("chat.abort", json!({ "sessionKey": session })).await.map_err(trouble)?;
        Ok(answer["aborted"] == true)
    }

    /// The newest messages of a session, and what stands beside them.
    async fn history(&self, session: &str) -> Result<Value, ControlResult> {
        let params = json!({ "sessionKey": session, "limit": LOOK_BACK });
        self.call("chat.history", params).await.map_err(trouble)
    }

    /// Whether a session has what was sent under a key, or will have it when what runs there lets it.
    async fn has(&self, session: &str, key: &str) -> Result<bool, ControlResult> {
        let history = self.history(session).await?;
        let said = history["messages"].as_array().into_iter().flatten();
        let queued = history.pointer("/pendingInputs/items").and_then(Value::as_array).into_iter().flatten();
        let ours = |message: &Value| {
            let named = message["idempotencyKey"].as_str().or(message["runId"].as_str()).unwrap_or_default();
            named.strip_prefix(key).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
        };
        Ok(said.chain(queued).any(ours))
    }

    /// Says something in a session, once: what runs there hears it, and otherwise a run begins.
    async fn say(&self, session: &str, text: &str, key: &str) -> Result<(), ControlResult> {
        if self.has(session, key).await? {
            return Ok(());
        }
        let params = json!({ "sessionKey": session, "message": text, "idempotencyKey": key });
        self.call("chat.send", params).await.map_err(trouble)?;
        Ok(())
    }

    /// Tells a session to take up again what was aborted; where nothing was, nothing is begun.
    async fn resume(&self, call: &ControlCall, session: &str) -> Carried {
        let history = self.history(session).await?;
        let key = self.key(call)?;
        if history.pointer("/sessionInfo/abortedLastRun") != Some(&Value::Bool(true))
            && !self.has(session, &key).await?
        {
            return Ok(confirmed(receipt::RELEASED));
        }
        let asked = last_asked(&history).map_or_else(String::new, |asked| format!(" You were asked: {asked}"));
        let words = format!("You were held and may go on. Take up again what you were doing.{asked}");
        self.say(session, &words, &key).await?;
        Ok(confirmed(receipt::TOLD_TO_GO_ON))
    }

    /// Begins a run in a session of its own, once.
    async fn begin(
        &self,
        call: &ControlCall,
        agent: &str,
        text: &str,
        model: Option<&str>,
    ) -> Result<(), ControlResult> {
        let key = self.key(call)?;
        let session = format!("agent:{agent}:{}-sereno", Digest::of("sereno.openclaw.run.v1", key.as_bytes()).short());
        if self.has(&session, &key).await? {
            return Ok(());
        }
        let mut params = json!({ "message": text, "agentId": agent, "sessionKey": session, "idempotencyKey": key });
        if let Some(model) = model {
            params["model"] = json!(model);
        }
        self.call("agent", params).await.map_err(trouble)?;
        Ok(())
    }

    /// Aborts, and lets another agent go on with what it is told of it.
    async fn hand_over(&self, call: &ControlCall, session: &str, to: &str, model: Option<&str>) -> Carried {
        let history = self.history(session).await?;
        self.abort(session).await?;
        self.begin(call, to, &handover(&call.agent, &history), model).await?;
        Ok(confirmed(receipt::BEGUN))
    }

    /// Aborts, and goes on with another model.
    async fn change_model(&self, call: &ControlCall, session: &str, model: &str) -> Carried {
        let key = self.key(call)?;
        if !self.has(session, &key).await? {
            let ran = self.abort(session).await?;
            self.call("sessions.patch", json!({ "key": session, "model": model })).await.map_err(trouble)?;
            if !ran {
                return Ok(confirmed(receipt::NOTHING_RAN));
            }
        }
        self.say(session, "You go on with another model. Take up again what you were doing.", &key).await?;
        Ok(confirmed(receipt::TOLD_TO_GO_ON))
    }
}

fn confirmed(receipt: &str) -> ControlResult {
    ControlResult::Confirmed { receipt: receipt.to_owned() }
}

/// What a request without an answer means.
fn trouble(trouble: Trouble) -> ControlResult {
    match trouble {
        Trouble::Away => {
            let error = "there is no connection to the gateway".to_owned();
            ControlResult::Retry { error, after: None, uncertain: false }
        }
        Trouble::Lost => {
            let error = "the connection to the gateway broke before it answered".to_owned();
            ControlResult::Retry { error, after: None, uncertain: true }
        }
        Trouble::Refused(refusal) => refused(&refusal),
    }
}

/// What a refusal means.
pub fn refused(refusal: &Refusal) -> ControlResult {
    let Refusal { code, message, after, scope, .. } = refusal;
    match (code.as_str(), scope) {
        (_, Some(scope)) => {
            ControlResult::Failed { error: format!("the gateway's token does not allow it: {scope} is missing") }
        }
        ("UNAVAILABLE" | "RATE_LIMITED" | "startup-sidecars", _) => {
            ControlResult::Retry { error: message.clone(), after: *after, uncertain: false }
        }
        _ if after.is_some() => ControlResult::Retry { error: message.clone(), after: *after, uncertain: false },
        _ => ControlResult::Failed { error: message.clone() },
    }
}

/// The text of a message.
fn said(message: &Value) -> Option<String> {
    let parts = message["content"].as_array().into_iter().flatten();
    let parts: Vec<&str> = parts.filter_map(|part| part["text"].as_str()).collect();
    let text = message["content"].as_str().map_or_else(|| parts.join("\n"), str::to_owned);
    Some(text).filter(|text| !text.trim().is_empty())
}

/// What a person asked last.
fn last_asked(history: &Value) -> Option<String> {
    let messages = history["messages"].as_array()?;
    let asked = messages.iter().rev().filter(|message| message["role"] == "user").find_map(said)?;
    Some(text::clip(&asked, HANDOVER / 4))
}

/// What whoever takes over is told: what was asked and answered last, as the words of others.
fn handover(from: &str, history: &Value) -> String {
    let messages = history["messages"].as_array().map_or(&[][..], Vec::as_slice);
    let speaks = |message: &&Value| matches!(message["role"].as_str(), Some("user" | "assistant"));
    let last: Vec<String> = messages
        .iter()
        .rev()
        .filter(speaks)
        .filter_map(|message| Some((message["role"].as_str()?, said(message)?)))
        .take(HANDOVER_MESSAGES)
        .map(|(role, words)| format!("{role}: {}", text::clip(&words, HANDOVER / HANDOVER_MESSAGES)))
        .collect();
    let last: Vec<String> = last.into_iter().rev().collect();
    format!(
        "You take over from {from}, whose run was aborted. Go on with its work. The last messages there were:\n\n{}",
        last.join("\n\n")
    )
}
