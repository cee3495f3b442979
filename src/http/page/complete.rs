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
use crate::core::access::authorize;
use crate::core::command::{ArgKind, CATALOGUE, quoted};
use crate::receiver::complete::{Name, names};

/// What stands in arguments: under which word, and as whoever may use which command sees it.
const KINDS: [(ArgKind, &str, &str); 5] = [
    (ArgKind::Agent, "agent", "agent"),
    (ArgKind::Session, "session", "session"),
    (ArgKind::Task, "task", "task"),
    (ArgKind::Alert, "alert", "why"),
    (ArgKind::Approval, "approval", "why"),
];
/// Names of a kind that are offered on the page.
const MOST: usize = 500;

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
    let mut said = json!({ "commands": commands });
    for (kind, key, command) in KINDS {
        let spec = CATALOGUE.find(command).ok_or_else(|| Problem::new(500, "There is no such command."))?;
        let Ok(who) = authorize(&policy, &visitor.actor(&door), spec) else { continue };
        let names = names(&door.store, &policy, &who, (kind, ""), now).await?;
        let name = |name: Name| json!({ "id": quoted(&name.value), "name": name.beside });
        said[key] = names.into_iter().take(MOST).map(name).collect();
    }
    Ok(Json(said))
}
