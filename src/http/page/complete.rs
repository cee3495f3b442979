//! What the command line offers: commands from the catalogue, and the names of what there is.
//!
//! Only what the visitor may use and see is offered; who may is decided again when the line is said.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use serde_json::{Value, json};

use super::super::Shared;
use super::super::problem::Problem;
use super::session;
use super::views::{AGENTS, LISTED, may_see};
use crate::core::command::{CATALOGUE, quoted};
use crate::core::message::{AgentRow, Who};

/// `GET /complete`: what the command line offers, from the catalogue and from what there is.
pub async fn complete(State(door): State<Shared>, headers: HeaderMap) -> Result<Json<Value>, Problem> {
    let visitor = session::visitor(&door, &headers).await?.ok_or_else(Problem::unauthorized)?;
    let now = door.sources.now();
    let policy = door.progress.policy.borrow().clone();
    let rights = policy.rights_of(&visitor.person);
    let commands = CATALOGUE.listed().filter(|spec| rights.as_ref().is_some_and(|rights| rights.somewhere(spec)));
    let commands: Vec<Value> = commands
        .map(|spec| {
            let texts = spec.texts(visitor.lang);
            let kinds: Vec<String> = spec.args.iter().map(|arg| format!("{:?}", arg.kind).to_lowercase()).collect();
            json!({ "name": spec.name, "aliases": spec.aliases, "usage": texts.usage, "summary": texts.summary, "args": kinds })
        })
        .collect();
    let mut agents = door.store.agents(now.minus(LISTED), AGENTS).await?;
    let mut tasks = door.store.tasks(100).await?;
    let mut sessions = door.store.sessions(50).await?;
    let mut alerts = door.store.alerts(50).await?;
    if !policy.is_unbounded(&visitor.person) {
        agents.retain(|row| may_see(&policy, &visitor, row));
        let mine = |who: &Who| agents.iter().any(|row| (&row.who.runtime, &row.who.id) == (&who.runtime, &who.id));
        sessions.retain(|row| mine(&row.agent));
        // Whose tasks and alerts are is not known here; whoever sees a part writes them out.
        tasks.clear();
        alerts.clear();
    }
    let open: Vec<String> = alerts.iter().filter(|a| a.is_open()).map(crate::core::alert::Alert::code).collect();
    let ids = |row: AgentRow| json!({ "id": quoted(&row.who.id), "name": row.who.name });
    Ok(Json(json!({
        "commands": commands,
        "agent": agents.into_iter().map(ids).collect::<Vec<_>>(),
        "task": tasks.into_iter().map(|t| json!({ "id": t.label.id, "name": t.label.title })).collect::<Vec<_>>(),
        "session": sessions.into_iter().map(|s| json!({ "id": s.short, "name": s.agent.name })).collect::<Vec<_>>(),
        "alert": open.into_iter().map(|code| json!({ "id": code })).collect::<Vec<_>>(),
    })))
}
