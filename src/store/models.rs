//! Read models: the rows by which everybody but the fold sees the World.
//!
//! Cards, copies, alerts, approvals and sign-ins are written with what changed them; agents, sessions, tasks and
//! costs when the engine says so, for they change with every event. What a row holds is decided by the World.

use std::collections::BTreeSet;

use serde::Serialize;

use super::commit::{insert, signed};
use super::{AnyTx, Result, Tx, execute, sql};
use crate::core::access::Concerns;
use crate::core::arena::Ix;
use crate::core::money::Sums;
use crate::core::step::Changed;
use crate::core::world::{Agent, CellKey, Session, Task, World};

/// Rows that are made, and held, at once: a fleet that reports all together changes tens of thousands.
const STRETCH: usize = 512;

/// The rows of what has changed, a stretch at a time.
fn stretches<'a, T, M>(changed: &'a BTreeSet<T>, model: impl Fn(&'a T) -> Option<M>) -> impl Iterator<Item = Vec<M>> {
    let mut rest = changed.iter();
    std::iter::from_fn(move || {
        let rows: Vec<M> = rest.by_ref().filter_map(&model).take(STRETCH).collect();
        (!rows.is_empty()).then_some(rows)
    })
}

impl Tx {
    /// Writes the read models of agents, sessions, tasks and costs.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn write_models(&mut self, changed: &Changed, world: &World) -> Result<()> {
        let tx = &mut self.0;
        for agents in stretches(&changed.agents, |ix| agent_model(world, *ix)) {
            insert!(&mut *tx, sql::UPSERT_AGENT, &agents, |query, m| query
                .bind(&m.name)
                .bind(&m.runtime)
                .bind(&m.status)
                .bind(m.last_seen)
                .bind(&m.body));
        }
        for sessions in stretches(&changed.sessions, |ix| session_model(world, *ix)) {
            insert!(&mut *tx, sql::UPSERT_SESSION, &sessions, |query, m| query
                .bind(&m.name)
                .bind(&m.runtime)
                .bind(&m.status)
                .bind(m.last_seen)
                .bind(&m.body));
        }
        for tasks in stretches(&changed.tasks, |ix| task_model(world, *ix)) {
            insert!(&mut *tx, sql::UPSERT_TASK, &tasks, |query, m| query
                .bind(&m.name)
                .bind(&m.status)
                .bind(m.last_seen)
                .bind(&m.body));
        }
        let mut first: Option<i64> = None;
        for cells in stretches(&changed.cells, |key| cost_model(world, key)) {
            insert!(&mut *tx, sql::UPSERT_COST, &cells, |query, c| query
                .bind(c.at)
                .bind(&c.agent)
                .bind(&c.model)
                .bind(&c.task)
                .bind(signed(c.sums.calls))
                .bind(signed(c.sums.unpriced))
                .bind(signed(c.sums.tokens.input))
                .bind(signed(c.sums.tokens.output))
                .bind(signed(c.sums.tokens.cache_read))
                .bind(signed(c.sums.tokens.cache_write))
                .bind(c.sums.cost.0));
            first = cells.iter().map(|cell| cell.at).chain(first).min();
        }
        if let Some(first) = first {
            let hour = first.div_euclid(3_600_000) * 3_600_000;
            execute!(&mut *tx, sql::LOWER_HOURS_MARK, hour);
        }
        Ok(())
    }
}

pub(super) async fn write_cards(tx: &mut AnyTx, changed: &Changed, world: &World) -> Result<()> {
    let cards: Vec<_> = changed.cards.iter().filter_map(|n| world.cards.get(n)).collect();
    insert!(&mut *tx, sql::UPSERT_CARD, &cards, |query, card| query
        .bind(signed(card.number))
        .bind(i64::from(card.version))
        .bind(card.updated.0)
        .bind(serde_json::to_string(card)?));
    // A copy is seen as changed whenever its card is, so that readers can ask for what is new.
    let of_cards = cards.iter().flat_map(|card| card.copies.iter());
    let mut numbers: Vec<u64> = changed.copies.iter().chain(of_cards).copied().collect();
    numbers.sort_unstable();
    numbers.dedup();
    let copies: Vec<_> = numbers.iter().filter_map(|n| world.copies.get(n)).collect();
    insert!(&mut *tx, sql::UPSERT_COPY, &copies, |query, copy| query
        .bind(signed(copy.number))
        .bind(signed(copy.card))
        .bind(&copy.to.channel)
        .bind(&copy.to.target)
        .bind(&copy.receipt)
        .bind(i64::from(copy.sent))
        .bind(copy.parent.map(signed))
        .bind(signed(world.pos))
        .bind(serde_json::to_string(copy)?));
    Ok(())
}

/// An alert or an approval, with what it is about for those who do not hold the World.
#[derive(Serialize)]
struct Episode<'a, T> {
    concerns: Concerns,
    #[serde(flatten)]
    row: &'a T,
}

pub(super) async fn write_episodes(tx: &mut AnyTx, changed: &Changed, world: &World) -> Result<()> {
    let alerts: Vec<_> = changed.alerts.iter().filter_map(|n| world.alerts.get(n)).collect();
    insert!(&mut *tx, sql::UPSERT_ALERT, &alerts, |query, alert| query
        .bind(signed(alert.number))
        .bind(&alert.rule)
        .bind(alert.state.as_str())
        .bind(alert.since.0)
        .bind(serde_json::to_string(&Episode { concerns: world.alert_concerns(alert), row: alert })?));
    let approvals: Vec<_> = changed.approvals.iter().filter_map(|n| world.approvals.get(n)).collect();
    insert!(&mut *tx, sql::UPSERT_APPROVAL, &approvals, |query, approval| query
        .bind(signed(approval.number))
        .bind(&approval.code)
        .bind(&approval.runtime)
        .bind(&approval.external)
        .bind(approval.state.as_str())
        .bind(approval.asked.0)
        .bind(serde_json::to_string(&Episode { concerns: world.approval_concerns(approval), row: approval })?));
    Ok(())
}

pub(super) async fn write_sign_ins(tx: &mut AnyTx, changed: &Changed, world: &World) -> Result<()> {
    let sign_ins = |session: &String| world.signins.sessions.get(session).map(|sign_in| (session.clone(), sign_in));
    let alive: Vec<_> = changed.sign_ins.iter().filter_map(sign_ins).collect();
    insert!(&mut *tx, sql::UPSERT_SIGN_IN, &alive, |query, row| query
        .bind(&row.0)
        .bind(&row.1.person)
        .bind(row.1.expires.0));
    for session in changed.sign_ins.iter().filter(|session| !world.signins.sessions.contains_key(*session)) {
        execute!(&mut *tx, sql::DELETE_SIGN_IN, session);
    }
    Ok(())
}

pub(super) async fn write_devices(tx: &mut AnyTx, changed: &Changed, world: &World) -> Result<()> {
    let alive: Vec<_> = changed.devices.iter().filter_map(|id| world.devices.get(id)).collect();
    insert!(&mut *tx, sql::UPSERT_DEVICE, &alive, |query, notified| query
        .bind(&notified.device.id)
        .bind(serde_json::to_string(notified)?));
    for id in changed.devices.iter().filter(|id| !world.devices.contains_key(*id)) {
        execute!(&mut *tx, sql::DELETE_DEVICE, id);
    }
    Ok(())
}

struct Model {
    name: String,
    runtime: String,
    status: String,
    last_seen: i64,
    body: String,
}

fn agent_model(world: &World, ix: Ix<Agent>) -> Option<Model> {
    let agent = world.agents.get(ix)?;
    Some(Model {
        name: world.agent_key(ix),
        runtime: agent.runtime.clone(),
        status: agent.status().as_str().to_owned(),
        last_seen: agent.last_seen.0,
        body: serde_json::to_string(&world.agent_row(ix)?).ok()?,
    })
}

fn session_model(world: &World, ix: Ix<Session>) -> Option<Model> {
    let session = world.sessions.get(ix)?;
    Some(Model {
        name: format!("{}/{}", session.runtime, session.id),
        runtime: session.runtime.clone(),
        status: session.status.as_str().to_owned(),
        last_seen: session.last_seen.0,
        body: serde_json::to_string(&world.session_row(ix)?).ok()?,
    })
}

fn task_model(world: &World, ix: Ix<Task>) -> Option<Model> {
    let task = world.tasks.get(ix)?;
    Some(Model {
        name: task.id.clone(),
        runtime: String::new(),
        status: task.column.as_str().to_owned(),
        last_seen: task.last_seen.0,
        body: serde_json::to_string(&world.task_row(ix, world.now)?).ok()?,
    })
}

struct CostModel {
    at: i64,
    agent: String,
    model: String,
    task: String,
    sums: Sums,
}

fn cost_model(world: &World, key: &CellKey) -> Option<CostModel> {
    let task = key.task.and_then(|ix| world.tasks.get(ix)).map(|t| t.id.clone());
    Some(CostModel {
        at: key.at.0,
        agent: world.agent_key(key.agent),
        model: key.model.to_string(),
        task: task.unwrap_or_default(),
        sums: *world.ledger.get(key)?,
    })
}
