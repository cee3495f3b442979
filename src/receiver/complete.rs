//! What may stand in an argument, for whoever types it on any channel: names of agents, sessions and tasks, and codes of
//! what is open.
//!
//! They come from the read models, and only what the person may use the command on. It decides nothing: whatever is
//! typed in the end is judged by the fold.

use crate::channel::{Offer, Typing};
use crate::core::access::{Authorized, authorize};
use crate::core::command::{ArgKind, CATALOGUE, quoted};
use crate::core::message::{AgentRow, SessionRow, TaskLabel};
use crate::core::policy::Policy;
use crate::core::text::clip;
use crate::core::time::{Span, Ts};
use crate::store::{self, LATEST, Store};

/// Names that are offered at once: what a phone shows, and Discord takes.
/// <https://discord.com/developers/docs/interactions/receiving-and-responding>
const OFFERED: usize = 25;
/// Characters of a name and of what stands beside it.
const LABEL: usize = 100;
/// Rows of a kind among which is sought, the newest first.
const LOOKED_AT: usize = 2_000;
/// Agents that were not heard of for so long are not offered.
const LATELY: Span = Span::days(2);

/// Something that may stand in an argument.
pub struct Name {
    /// What is typed for it, before it is put in quotes.
    pub value: String,
    /// What tells it from others.
    pub beside: String,
}

/// What fits what somebody has typed so far; nothing for whoever may not use the command.
///
/// # Errors
/// When the database refuses.
pub async fn offers(store: &Store, policy: &Policy, typing: &Typing, now: Ts) -> store::Result<Vec<Offer>> {
    let Some(spec) = CATALOGUE.find(&typing.command) else { return Ok(Vec::new()) };
    let kind = spec.args.iter().find(|arg| arg.name == typing.arg).map(|arg| arg.kind);
    let (Some(kind), Ok(who)) = (kind, authorize(policy, &typing.actor, spec)) else { return Ok(Vec::new()) };
    let typed = typing.typed.trim().trim_start_matches(['"', '#']).to_lowercase();
    Ok(fitting(names(store, policy, &who, (kind, &typed), now).await?, &typed))
}

/// Those of one kind on which somebody may use a command, with all among them that hold what was typed: of sessions and
/// tasks little else is looked at, so what is old is found by more letters.
///
/// # Errors
/// When the database refuses.
pub async fn names(
    store: &Store,
    policy: &Policy,
    who: &Authorized,
    (kind, typed): (ArgKind, &str),
    now: Ts,
) -> store::Result<Vec<Name>> {
    let sight = store.sight(policy, who).await?;
    let most = i64::try_from(LOOKED_AT).unwrap_or(i64::MAX);
    let mut found: Vec<Name> = match kind {
        ArgKind::Agent => agents(&store.agents_seen(&sight, now.minus(LATELY), LOOKED_AT).await?),
        ArgKind::Session => {
            let rows = store.sessions_with(typed, most).await?;
            rows.iter().filter(|row| sight.who(&row.agent)).map(session).collect()
        }
        ArgKind::Task => {
            let rows = store.tasks_with(typed, most).await?;
            rows.into_iter().filter_map(|row| sight.task(row)).map(|row| task(row.label)).collect()
        }
        ArgKind::Alert => {
            let mut open = Vec::new();
            for state in ["firing", "acked"] {
                for (concerns, alert) in store.list_alerts("", state, LATEST, most).await? {
                    if store.is_seen(&sight, &concerns).await? {
                        open.push(Name { value: alert.code(), beside: alert.rule });
                    }
                }
            }
            open
        }
        ArgKind::Approval => {
            let mut open = Vec::new();
            for (concerns, approval) in store.list_approvals("", "pending", LATEST, most).await? {
                if store.is_seen(&sight, &concerns).await? {
                    open.push(Name { value: approval.code, beside: approval.action.tool });
                }
            }
            open
        }
        _ => Vec::new(),
    };
    found.truncate(LOOKED_AT);
    Ok(found)
}

/// Agents by name, and by runtime and identity where a name is not one agent's alone.
fn agents(rows: &[AgentRow]) -> Vec<Name> {
    let is_shared = |name: &str| rows.iter().filter(|row| row.who.name == name).nth(1).is_some();
    let offer = |row: &AgentRow| {
        let who = &row.who;
        let value = if is_shared(&who.name) { format!("{}/{}", who.runtime, who.id) } else { who.name.clone() };
        let beside = row.task.as_ref().map_or(who.runtime.as_str(), |task| task.id.as_str());
        Name { value, beside: beside.to_owned() }
    };
    rows.iter().map(offer).collect()
}

fn session(row: &SessionRow) -> Name {
    Name { value: row.id.clone(), beside: row.agent.name.clone() }
}

fn task(label: TaskLabel) -> Name {
    Name { value: label.id, beside: label.title.unwrap_or_default() }
}

/// Those that hold what was typed, first those that begin with it, each once.
fn fitting(found: Vec<Name>, typed: &str) -> Vec<Offer> {
    let mut ranked: Vec<(bool, String, Offer)> = found
        .into_iter()
        .filter_map(|Name { value, beside }| {
            let label = if beside.is_empty() { value.clone() } else { format!("{value} · {beside}") };
            let offer = Offer { label, value };
            let label = offer.label.to_lowercase();
            label.contains(typed).then(|| (!label.starts_with(typed), label, offer))
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
