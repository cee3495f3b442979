//! After each new connection: what happened while there was none, asked for and told once.
//!
//! Everything has the identity under which it would have been heard live, so what was heard already counts no second
//! time. Events that come meanwhile are taken before the list that they came before, which is newer than they are. What
//! was spent meanwhile is accounted for later, when the connection stands.

use serde_json::{Value, json};

use super::decode::{self, checked, end_id, event, words};
use super::socket::Socket;
use super::wire::{Refusal, at};
use super::{OpenClaw, approval, question};
use crate::core::event::{AgentRef, Event, EventKind, Fault};
use crate::core::time::Span;
use crate::runtime::{Ended, Intake};

/// Sessions that are looked at.
const SESSIONS: usize = 200;
/// What lies further back is not looked up.
const BACK: Span = Span::hours(24);

impl OpenClaw {
    /// Subscribes, and takes in agents, questions and sessions as they stand.
    pub(super) async fn reconcile(&self, socket: &mut Socket, intake: &dyn Intake) -> Result<(), Ended> {
        self.ask(socket, intake, "sessions.subscribe", json!({})).await?.map_or_else(without, drop);
        let agents = self.ask(socket, intake, "agents.list", json!({})).await?.unwrap_or_else(nothing);
        self.store(agents["agents"].as_array().into_iter().flatten().filter_map(agent).collect(), intake).await?;
        self.questions(socket, intake).await?;
        self.worded_questions(socket, intake).await?;
        self.sessions(socket, intake).await
    }

    /// Asks, and takes in first what came before the answer.
    async fn ask(
        &self,
        socket: &mut Socket,
        intake: &dyn Intake,
        method: &str,
        params: Value,
    ) -> Result<Result<Value, Refusal>, Ended> {
        let answer = socket.request(method, params).await?;
        let early = socket.early();
        self.take(&early, &socket.hello.connection, intake).await?;
        Ok(answer)
    }

    /// Questions that are open there, and what became of those that are open here alone.
    async fn questions(&self, socket: &mut Socket, intake: &dyn Intake) -> Result<(), Ended> {
        let mut open = Vec::new();
        for list in ["exec.approval.list", "plugin.approval.list"] {
            match self.ask(socket, intake, list, json!({})).await? {
                Ok(Value::Array(asked)) => open.extend(asked),
                Ok(_) => {}
                Err(refusal) => {
                    // Who may not see them cannot say that they are gone.
                    without(refusal);
                    return Ok(());
                }
            }
        }
        let known = |id: &String| open.iter().any(|asked| asked["id"] == id.as_str());
        let here = intake.open_questions().await?;
        for id in here.into_iter().filter(|id| !known(id) && question::id_of(id).is_none()) {
            let said = self.ask(socket, intake, "approval.get", json!({ "id": id })).await?;
            let ended = match &said {
                Ok(answer) => {
                    let asked = &answer["approval"];
                    let (status, by) = self.memory(|memory| approval::standing(asked, memory));
                    approval::ended(&id, &status, by.as_deref(), at(&asked["resolvedAtMs"]), &Value::Null)
                }
                Err(refusal) if refusal.code == "APPROVAL_NOT_FOUND" => {
                    approval::ended(&id, "cancelled", None, None, &Value::Null)
                }
                Err(_) => None,
            };
            self.store(ended.into_iter().filter_map(checked).collect(), intake).await?;
        }
        let asked = self.memory(|memory| {
            open.iter().flat_map(|asked| approval::requested(asked, memory)).filter_map(checked).collect()
        });
        self.store(asked, intake).await
    }

    /// The same of questions that words answer. A gateway that was started anew remembers none.
    async fn worded_questions(&self, socket: &mut Socket, intake: &dyn Intake) -> Result<(), Ended> {
        let list = match self.ask(socket, intake, "question.list", json!({})).await? {
            Ok(list) => list,
            Err(refusal) => {
                without(refusal);
                return Ok(());
            }
        };
        let open: Vec<&Value> = list["questions"].as_array().into_iter().flatten().collect();
        for here in intake.open_questions().await? {
            let Some(id) = question::id_of(&here).filter(|id| !open.iter().any(|asked| asked["id"] == *id)) else {
                continue;
            };
            let ended = match self.ask(socket, intake, "question.get", json!({ "id": id })).await? {
                Ok(answer) => question::ended(&answer["question"], None),
                Err(refusal) if question::is_over(&refusal) => {
                    question::ended(&json!({ "id": id, "status": "cancelled" }), None)
                }
                Err(_) => None,
            };
            self.store(ended.into_iter().filter_map(checked).collect(), intake).await?;
        }
        let asked = self.memory(|memory| {
            open.iter().flat_map(|asked| question::requested(asked, memory)).filter_map(checked).collect()
        });
        self.store(asked, intake).await
    }

    /// Sessions as they stand.
    async fn sessions(&self, socket: &mut Socket, intake: &dyn Intake) -> Result<(), Ended> {
        let list =
            self.ask(socket, intake, "sessions.list", json!({ "limit": SESSIONS })).await?.unwrap_or_else(nothing);
        let since = intake.sources().wall().minus(BACK);
        let is_new = |row: &&Value| row["hasActiveRun"] == true || at(&row["updatedAt"]).is_some_and(|at| at >= since);
        let rows: Vec<&Value> = list["sessions"].as_array().into_iter().flatten().filter(is_new).collect();
        let connection = socket.hello.connection.clone();
        let states = rows.iter().filter_map(|row| state(row, &connection)).filter_map(checked).collect();
        self.memory(|memory| {
            for row in &rows {
                if let ((Some(agent), Some(session)), Some(at)) = (decode::who(row), at(&row["updatedAt"])) {
                    memory.saw(&agent.id, &session.id, at);
                }
            }
        });
        self.store(states, intake).await
    }
}

/// An answer of a gateway that lets us see less.
fn nothing(refusal: Refusal) -> Value {
    without(refusal);
    Value::Null
}

fn without(refusal: Refusal) {
    let Refusal { code, message, .. } = refusal;
    tracing::info!(code, message, "the gateway does not tell all that could be known");
}

fn agent(row: &Value) -> Option<Event> {
    let id = words(&row["id"])?;
    let named = words(&row["identity"]["name"]).or_else(|| words(&row["name"]));
    let identity = format!("agent/{id}/{}", named.as_deref().unwrap_or_default());
    let agent = AgentRef { id, name: named, ..AgentRef::default() };
    checked(Event { id: identity, agent: Some(agent), ..Event::new(EventKind::AgentRegistered) })
}

/// What a session's row says of its newest run.
fn state(row: &Value, connection: &str) -> Option<Event> {
    let (key, run) = (row["key"].as_str()?, row["lastRunId"].as_str());
    let ended_at = at(&row["endedAt"]);
    let status = row["status"].as_str().unwrap_or_default();
    let found = |kind, id| event(kind, row, id, ended_at);
    if row["hasActiveRun"] == true {
        let id = format!("active/{connection}/{key}");
        let started = event(EventKind::SessionProgress, row, id, at(&row["startedAt"]));
        return Some(Event { status: Some("running".into()), model: words(&row["model"]), ..started });
    }
    match (status, run) {
        // It was under way when the gateway went, and is not any more.
        ("running", _) => {
            let id = format!("lost/{key}/{}", row["startedAt"].as_i64().unwrap_or_default());
            Some(Event { status: Some("cancelled".into()), ..event(EventKind::SessionEnded, row, id, None) })
        }
        ("failed" | "error" | "timeout", Some(run)) => {
            let fault = Fault { kind: "run_failed".into(), message: words(&row["lastRunError"]), retry_at: None };
            Some(Event { error: Some(fault), ..found(EventKind::SessionFailed, end_id(run)) })
        }
        ("", _) | (_, None) => None,
        (_, Some(run)) => {
            let stopped = row["abortedLastRun"] == true || matches!(status, "killed" | "cancelled" | "aborted");
            Some(Event { status: stopped.then(|| "cancelled".into()), ..found(EventKind::SessionEnded, end_id(run)) })
        }
    }
}
