//! `GET /v1/…`: lists of what is committed, page by page, for programs of others.
//!
//! Every list has the same frame and goes on behind a key that whoever reads hands back as it is. What is told comes
//! from the read models, which follow the fold by a moment. Whoever may see a part gets pages of that part, as full as
//! those of others: nothing tells how much was passed over.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::Serialize;
use utoipa::ToSchema;

use super::asked::{
    ActorsAsked, AlertsAsked, ApprovalsAsked, Asked, AuditAsked, CostsAsked, TasksAsked, instant, key, one_of, rows_of,
    since, written,
};
use super::rows::{Agent, Alert, Approval, Audited, Cost, Session, Task};
use super::{caller, reader};
use crate::core::access::{Concerns, Role};
use crate::core::alert::{self, AlertState};
use crate::core::approval::{self, ApprovalState};
use crate::core::message::Content;
use crate::core::money::Sums;
use crate::core::status::Status;
use crate::core::time::{Span, Ts};
use crate::core::world::Column;
use crate::http::Shared;
use crate::http::problem::{Document, Problem};
use crate::store::{self, AuditFilter, LATEST, Sight, Spender, Wanted, concerns};

/// Rows of the audit that one request looks at; what is sought may be rare.
const LOOKED_AT: usize = 10_000;
/// Rows that are looked at together for whoever may see a part.
const STRETCH: i64 = 500;
/// What costs are asked for when nobody says since when.
const DAY: Span = Span::days(1);

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct Page<T> {
    /// The rows.
    pub items: Vec<T>,
    /// Where the next page goes on, to be handed back as `after`; null when there is none.
    pub next: Option<String>,
}

type Listed<T> = Result<Json<Page<T>>, Problem>;

/// A page of what may be seen of the rows behind a key, however many are passed over before it is full.
macro_rules! page {
    ($limit:ident, $sight:ident, $after:ident, |$most:ident| $rows:expr, |$row:ident| $key:expr, $seen:block) => {{
        let $most = if $sight.is_everything() { $limit + 1 } else { STRETCH };
        let (mut $after, mut found) = ($after, Vec::new());
        loop {
            let stretch = $rows.await?;
            let is_last = i64::try_from(stretch.len()).is_ok_and(|count| count < $most);
            for $row in stretch {
                $after = $key;
                found.extend($seen.map(|told| ($after.clone(), told)));
            }
            if is_last || i64::try_from(found.len()).is_ok_and(|count| count > $limit) {
                break Ok(paged(found, $limit));
            }
        }
    }};
}

/// Agents, by their keys.
#[utoipa::path(get, path = "/v1/agents", params(ActorsAsked), security(("token" = [])),
    responses((status = 200, body = Page<Agent>), (status = "4XX", body = Document, content_type = "application/problem+json"),
        (status = 503, body = Document, content_type = "application/problem+json")))]
pub async fn agents(State(door): State<Shared>, headers: HeaderMap, Asked(asked): Asked<ActorsAsked>) -> Listed<Agent> {
    let sight = reader(&door, &caller(&door, &headers, None)?, "agents").await?;
    let (limit, after, wanted) = actors(&door, &asked)?;
    page!(limit, sight, after, |most| door.store.list_agents(&wanted, &after, most), |row| row.0.clone(), {
        sight.agent(&row.0).then(|| row.1.into())
    })
}

/// Runs of agents, by their keys.
#[utoipa::path(get, path = "/v1/sessions", params(ActorsAsked), security(("token" = [])),
    responses((status = 200, body = Page<Session>), (status = "4XX", body = Document, content_type = "application/problem+json"),
        (status = 503, body = Document, content_type = "application/problem+json")))]
pub async fn sessions(
    State(door): State<Shared>,
    headers: HeaderMap,
    Asked(asked): Asked<ActorsAsked>,
) -> Listed<Session> {
    let sight = reader(&door, &caller(&door, &headers, None)?, "sessions").await?;
    let (limit, after, wanted) = actors(&door, &asked)?;
    page!(limit, sight, after, |most| door.store.list_sessions(&wanted, &after, most), |row| row.0.clone(), {
        sight.who(&row.1.agent).then(|| row.1.into())
    })
}

/// Tasks, by their identities.
#[utoipa::path(get, path = "/v1/tasks", params(TasksAsked), security(("token" = [])),
    responses((status = 200, body = Page<Task>), (status = "4XX", body = Document, content_type = "application/problem+json"),
        (status = 503, body = Document, content_type = "application/problem+json")))]
pub async fn tasks(State(door): State<Shared>, headers: HeaderMap, Asked(asked): Asked<TasksAsked>) -> Listed<Task> {
    let sight = reader(&door, &caller(&door, &headers, None)?, "tasks").await?;
    let limit = rows_of(asked.limit)?;
    let column = one_of("column", asked.column, &Column::ALL.map(Column::as_str))?;
    let since = since(&door, asked.since.as_deref(), Ts(i64::MIN))?;
    let after: String = key(asked.after.as_deref())?.unwrap_or_default();
    page!(limit, sight, after, |most| door.store.list_tasks(&column, since, &after, most), |row| row.0.clone(), {
        sight.task(row.1).map(Into::into)
    })
}

/// What was used, by agent, by family of models, or by task.
#[utoipa::path(get, path = "/v1/costs", params(CostsAsked), security(("token" = [])),
    responses((status = 200, body = Page<Cost>), (status = "4XX", body = Document, content_type = "application/problem+json"),
        (status = 503, body = Document, content_type = "application/problem+json")))]
pub async fn costs(State(door): State<Shared>, headers: HeaderMap, Asked(asked): Asked<CostsAsked>) -> Listed<Cost> {
    let sight = reader(&door, &caller(&door, &headers, None)?, "cost").await?;
    let limit = rows_of(asked.limit)?;
    let now = door.sources.now();
    let from = quarter(since(&door, asked.since.as_deref(), now.minus(DAY))?);
    let until = quarter(instant(asked.until.as_deref(), now)?.plus(Span(QUARTER.0 - 1)));
    let by = one_of("by", asked.by, &["agent", "model", "task"])?;
    let after: Option<String> = key(asked.after.as_deref())?;
    let policy = door.progress.policy.borrow().clone();
    let family = |model: &str| policy.price_of(model).family.to_owned();
    let spent = door.store.spent(from, until, &family).await?;
    let mut grouped = BTreeMap::<String, Sums>::new();
    for (Spender { agent, family, task }, sums) in spent.into_iter().filter(|(spender, _)| sight.agent(&spender.agent))
    {
        let name = match by.as_str() {
            "model" => family,
            "task" => task,
            _ => agent,
        };
        *grouped.entry(name).or_default() += sums;
    }
    let rows = grouped.into_iter().filter(|(name, _)| after.as_ref().is_none_or(|after| name > after));
    let rows = rows.take(usize::try_from(limit + 1).unwrap_or(usize::MAX));
    Ok(paged(rows.map(|(name, sums)| (name.clone(), Cost { name, usage: sums.into() })).collect(), limit))
}

/// Alerts, newest first.
#[utoipa::path(get, path = "/v1/alerts", params(AlertsAsked), security(("token" = [])),
    responses((status = 200, body = Page<Alert>), (status = "4XX", body = Document, content_type = "application/problem+json"),
        (status = 503, body = Document, content_type = "application/problem+json")))]
pub async fn alerts(State(door): State<Shared>, headers: HeaderMap, Asked(asked): Asked<AlertsAsked>) -> Listed<Alert> {
    let sight = reader(&door, &caller(&door, &headers, None)?, "alerts").await?;
    let limit = rows_of(asked.limit)?;
    let words = [AlertState::Pending, AlertState::Firing, AlertState::Acked, AlertState::Resolved];
    let state = one_of("state", asked.state, &words.map(AlertState::as_str))?;
    let before = key(asked.after.as_deref())?.unwrap_or(LATEST);
    let rule = asked.rule.unwrap_or_default();
    page!(limit, sight, before, |most| door.store.list_alerts(&rule, &state, before, most), |row| row.1.number, {
        alert_row(&door, &sight, row.0, row.1).await?
    })
}

/// Approvals, newest first.
#[utoipa::path(get, path = "/v1/approvals", params(ApprovalsAsked), security(("token" = [])),
    responses((status = 200, body = Page<Approval>), (status = "4XX", body = Document, content_type = "application/problem+json"),
        (status = 503, body = Document, content_type = "application/problem+json")))]
pub async fn approvals(
    State(door): State<Shared>,
    headers: HeaderMap,
    Asked(asked): Asked<ApprovalsAsked>,
) -> Listed<Approval> {
    let sight = reader(&door, &caller(&door, &headers, None)?, "approvals").await?;
    let limit = rows_of(asked.limit)?;
    let state = one_of("state", asked.state, &ApprovalState::ALL.map(ApprovalState::as_str))?;
    let before = key(asked.after.as_deref())?.unwrap_or(LATEST);
    let runtime = asked.runtime.unwrap_or_default();
    page!(limit, sight, before, |most| door.store.list_approvals(&runtime, &state, before, most), |row| row.1.number, {
        approval_row(&door, &sight, row.0, row.1).await?
    })
}

/// Who did what, oldest first; for admins.
#[utoipa::path(get, path = "/v1/audit", params(AuditAsked), security(("token" = [])),
    responses((status = 200, body = Page<Audited>), (status = "4XX", body = Document, content_type = "application/problem+json"),
        (status = 503, body = Document, content_type = "application/problem+json")))]
pub async fn audit(State(door): State<Shared>, headers: HeaderMap, Asked(asked): Asked<AuditAsked>) -> Listed<Audited> {
    reader(&door, &caller(&door, &headers, Some(Role::Admin))?, "audit").await?;
    let limit = rows_of(asked.limit)?;
    let filter = AuditFilter {
        from: since(&door, asked.since.as_deref(), Ts(i64::MIN))?,
        until: instant(asked.until.as_deref(), Ts(i64::MAX))?,
    };
    let (actor, action) = (asked.actor.unwrap_or_default(), asked.action.unwrap_or_default());
    let mut seen: u64 = key(asked.after.as_deref())?.unwrap_or(0);
    let (mut items, mut looked_at) = (Vec::new(), 0);
    loop {
        let stretch = door.store.audit_after(seen, &filter).await?;
        if stretch.is_empty() {
            return Ok(Json(Page { items, next: None }));
        }
        for row in stretch {
            seen = row.seq;
            looked_at += 1;
            if concerns(&row, &actor, &action) {
                items.push(row.into());
            }
            if i64::try_from(items.len()).is_ok_and(|count| count >= limit) || looked_at >= LOOKED_AT {
                return Ok(Json(Page { items, next: Some(written(&seen)) }));
            }
        }
    }
}

/// Costs are booked by the quarter of an hour.
const QUARTER: Span = Span::mins(15);

/// The quarter of an hour in which an instant lies.
const fn quarter(at: Ts) -> Ts {
    Ts(at.0.div_euclid(QUARTER.0) * QUARTER.0)
}

/// An alert with what its card says, as far as it may be seen.
pub(super) async fn alert_row(
    door: &Shared,
    sight: &Sight,
    concerns: Concerns,
    alert: alert::Alert,
) -> store::Result<Option<Alert>> {
    if !door.store.is_seen(sight, &concerns).await? {
        return Ok(None);
    }
    let view = card(door, alert.card).await?.and_then(|content| match content {
        Content::Alert(view) | Content::Loop(view) => Some(view),
        _ => None,
    });
    // An alert of a task shows one of those who work on it.
    let view = view.map(|view| match &view.who {
        Some(who) if !sight.who(who) => view.without_agent(),
        _ => view,
    });
    Ok(Some(Alert::new(alert, concerns.task, view)))
}

/// An approval with what its card says, if it may be seen.
pub(super) async fn approval_row(
    door: &Shared,
    sight: &Sight,
    concerns: Concerns,
    approval: approval::Approval,
) -> store::Result<Option<Approval>> {
    if !door.store.is_seen(sight, &concerns).await? {
        return Ok(None);
    }
    let view = card(door, approval.card).await?.and_then(|content| match content {
        Content::Approval(view) => Some(view),
        _ => None,
    });
    Ok(Some(Approval::new(approval, view)))
}

async fn card(door: &Shared, number: Option<u64>) -> store::Result<Option<Content>> {
    match number {
        Some(number) => door.store.card_content(number).await,
        None => Ok(None),
    }
}

fn actors(door: &Shared, asked: &ActorsAsked) -> Result<(i64, String, Wanted), Problem> {
    let wanted = Wanted {
        runtime: asked.runtime.clone().unwrap_or_default(),
        status: one_of("status", asked.status.clone(), &Status::ALL.map(Status::as_str))?,
        since: since(door, asked.since.as_deref(), Ts(i64::MIN))?,
    };
    Ok((rows_of(asked.limit)?, key(asked.after.as_deref())?.unwrap_or_default(), wanted))
}

/// A page of rows with their keys, of which there is one more than `limit` when another page follows.
fn paged<K: Serialize, T>(mut rows: Vec<(K, T)>, limit: i64) -> Json<Page<T>> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more).map(|(key, _)| written(key));
    Json(Page { items: rows.into_iter().map(|(_, row)| row).collect(), next })
}
