//! What may stand in an argument, for whoever types it: names of agents, sessions and tasks.
//!
//! They come from the read models, the ones heard of lately only, and only what the person may use the command on. It
//! decides nothing: whatever is typed in the end is judged by the fold.

use std::collections::BTreeSet;

use crate::channel::{Offer, Typing};
use crate::core::access::{Authorized, authorize};
use crate::core::command::{ArgKind, CATALOGUE, quoted};
use crate::core::message::{AgentRow, SessionRow, TaskLabel, Who};
use crate::core::policy::Policy;
use crate::core::text::clip;
use crate::core::time::{Span, Ts};
use crate::store::{self, Store};

/// Names that are offered at once: what a phone shows, and Discord takes.
/// <https://discord.com/developers/docs/interactions/receiving-and-responding>
const OFFERED: usize = 25;
/// Characters of a name and of what stands beside it.
const LABEL: usize = 100;
/// Agents, sessions or tasks among which is sought.
const LOOKED_AT: i64 = 2_000;
/// Whoever was not heard of for so long is not offered.
const LATELY: Span = Span::days(2);

/// What fits what somebody has typed so far; nothing for whoever may not use the command.
///
/// # Errors
/// When the database refuses.
pub async fn offers(store: &Store, policy: &Policy, typing: &Typing, now: Ts) -> store::Result<Vec<Offer>> {
    let Some(spec) = CATALOGUE.find(&typing.command) else { return Ok(Vec::new()) };
    let kind = spec.args.iter().find(|arg| arg.name == typing.arg).map(|arg| arg.kind);
    let Ok(who) = authorize(policy, &typing.actor, spec) else { return Ok(Vec::new()) };
    let found = match kind {
        Some(ArgKind::Agent) => agents(&seen(store, policy, &who, now).await?),
        Some(ArgKind::Session) => {
            let rows = seen(store, policy, &who, now).await?;
            let seen: BTreeSet<_> = rows.iter().map(|row| identity(&row.who)).collect();
            let sessions = store.sessions(LOOKED_AT).await?;
            sessions.iter().filter(|row| seen.contains(&identity(&row.agent))).map(session).collect()
        }
        Some(ArgKind::Task) if who.is_unbounded() => {
            store.tasks(LOOKED_AT).await?.iter().map(|row| task(&row.label)).collect()
        }
        // Whoever sees a part sees the tasks at which their agents work.
        Some(ArgKind::Task) => {
            seen(store, policy, &who, now).await?.iter().filter_map(|row| row.task.as_ref()).map(task).collect()
        }
        _ => Vec::new(),
    };
    Ok(fitting(found, &typing.typed))
}

/// Agents that were heard of lately and on which the command may be used.
async fn seen(store: &Store, policy: &Policy, who: &Authorized, now: Ts) -> store::Result<Vec<AgentRow>> {
    let mut rows = store.agents(now.minus(LATELY), LOOKED_AT).await?;
    rows.retain(|row| who.may_target(&policy.target(&row.who.runtime, &row.who.id, &row.tags)));
    Ok(rows)
}

fn identity(who: &Who) -> (&str, &str) {
    (&who.runtime, &who.id)
}

/// Agents by name, and by runtime and identity where a name is not one agent's alone.
fn agents(rows: &[AgentRow]) -> Vec<Offer> {
    let is_shared = |name: &str| rows.iter().filter(|row| row.who.name == name).nth(1).is_some();
    let offer = |row: &AgentRow| {
        let who = &row.who;
        let value = if is_shared(&who.name) { format!("{}/{}", who.runtime, who.id) } else { who.name.clone() };
        let beside = row.task.as_ref().map_or(who.runtime.as_str(), |task| task.id.as_str());
        Offer { label: format!("{value} · {beside}"), value }
    };
    rows.iter().map(offer).collect()
}

fn session(row: &SessionRow) -> Offer {
    Offer { label: format!("{} · {}", row.short, row.agent.name), value: row.id.clone() }
}

fn task(label: &TaskLabel) -> Offer {
    let title = label.title.as_deref().map(|title| format!(" · {title}")).unwrap_or_default();
    Offer { label: format!("{}{title}", label.id), value: label.id.clone() }
}

/// Those that hold what was typed, first those that begin with it, each once.
fn fitting(found: Vec<Offer>, typed: &str) -> Vec<Offer> {
    let typed = typed.trim().trim_start_matches(['"', '#']).to_lowercase();
    let mut ranked: Vec<(bool, String, Offer)> = found
        .into_iter()
        .filter_map(|offer| {
            let label = offer.label.to_lowercase();
            label.contains(&typed).then(|| (!label.starts_with(&typed), label, offer))
        })
        .collect();
    ranked.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
    ranked.dedup_by(|a, b| a.2.value == b.2.value);
    let offers = ranked.into_iter().filter_map(|(_, _, offer)| typable(offer));
    offers.take(OFFERED).collect()
}

/// An offer that can be typed as one argument; `None` when it is too long for that.
fn typable(Offer { label, value }: Offer) -> Option<Offer> {
    let value = quoted(&value);
    (value.chars().count() <= LABEL).then(|| Offer { label: clip(&label, LABEL), value })
}
