//! What somebody may see of the read models: everything, or what some agents do.
//!
//! Who may is decided by the policy, by the same rules as for commands: an agent as it is known now, with its tags. A
//! row shows itself by the agents that it names; one that names none, or none that is known, is only for those who may
//! see everything. How many rows were passed over is told to nobody.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::Row as _;

use super::{Result, Store, Wanted, fetch, sql};
use crate::core::access::{Authorized, Concerns};
use crate::core::message::{AgentRow, TaskRow, Who};
use crate::core::money::Micros;
use crate::core::policy::Policy;
use crate::core::time::Ts;

/// Agents that are read at once.
const STRETCH: i64 = 1000;

/// What somebody may see.
#[derive(Clone, Debug)]
pub struct Sight {
    /// Agents by `runtime/identity`; `None` when everything may be seen.
    agents: Option<BTreeSet<String>>,
}

impl Sight {
    /// Nothing at all.
    pub const fn nothing() -> Self {
        Self { agents: Some(BTreeSet::new()) }
    }

    /// Whether everything may be seen.
    pub const fn is_everything(&self) -> bool {
        self.agents.is_none()
    }

    /// Whether an agent may be seen, by `runtime/identity`.
    pub fn agent(&self, name: &str) -> bool {
        self.agents.as_ref().is_none_or(|agents| agents.contains(name))
    }

    /// Whether an agent may be seen.
    pub fn who(&self, who: &Who) -> bool {
        self.is_everything() || self.agent(&format!("{}/{}", who.runtime, who.id))
    }

    /// A task, as far as it may be seen.
    pub fn task(&self, row: TaskRow) -> Option<TaskRow> {
        if self.is_everything() { Some(row) } else { row.seen_by(|agent| self.agent(agent)) }
    }
}

impl Store {
    /// What may be seen by whoever may use a command.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn sight(&self, policy: &Policy, who: &Authorized) -> Result<Sight> {
        if who.may_all() {
            return Ok(Sight { agents: None });
        }
        let all = Wanted { since: Ts(i64::MIN), ..Wanted::default() };
        let (mut agents, mut after) = (BTreeSet::new(), String::new());
        loop {
            let rows = self.list_agents(&all, &after, STRETCH).await?;
            let Some((last, _)) = rows.last() else { return Ok(Sight { agents: Some(agents) }) };
            after.clone_from(last);
            let may = |row: &AgentRow| who.may_target(&policy.target(&row.who.runtime, &row.who.id, &row.tags));
            agents.extend(rows.into_iter().filter(|(_, row)| may(row)).map(|(name, _)| name));
        }
    }

    /// Whether an alert or an approval may be seen by what it is about.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn is_seen(&self, sight: &Sight, concerns: &Concerns) -> Result<bool> {
        if sight.is_everything() {
            return Ok(true);
        }
        let Some(task) = &concerns.task else {
            return Ok(concerns.agent.as_ref().is_some_and(|agent| sight.agent(agent)));
        };
        let rows: Vec<TaskRow> =
            fetch!(self, sql::SELECT_TASK, [task], |row| serde_json::from_str(row.try_get::<&str, _>("body")?)?);
        Ok(rows.into_iter().any(|row| sight.task(row).is_some()))
    }

    /// Agents that were heard of after `since` and may be seen, by name.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn agents_seen(&self, sight: &Sight, since: Ts, limit: usize) -> Result<Vec<AgentRow>> {
        let most = if sight.is_everything() { i64::try_from(limit).unwrap_or(i64::MAX) } else { i64::MAX };
        let mut rows = self.agents(since, most).await?;
        rows.retain(|row| sight.who(&row.who));
        rows.truncate(limit);
        Ok(rows)
    }

    /// How many of the agents that were heard of after `since` are in each state.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn count_seen(&self, sight: &Sight, since: Ts) -> Result<BTreeMap<String, i64>> {
        if sight.is_everything() {
            return Ok(self.count_agents(since).await?.into_iter().collect());
        }
        let mut counts = BTreeMap::new();
        for row in self.agents_seen(sight, since, usize::MAX).await? {
            *counts.entry(row.status.as_str().to_owned()).or_default() += 1;
        }
        Ok(counts)
    }

    /// How many approvals wait, of those that may be seen.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn count_waiting(&self, sight: &Sight) -> Result<i64> {
        if sight.is_everything() {
            return Ok(self.count_open().await?.0);
        }
        let mut count = 0;
        for (concerns, _) in self.list_approvals("", "pending", LATEST, i64::MAX).await? {
            count += i64::from(self.is_seen(sight, &concerns).await?);
        }
        Ok(count)
    }

    /// How many alerts are open, of those that may be seen.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn count_alerts(&self, sight: &Sight) -> Result<i64> {
        if sight.is_everything() {
            return Ok(self.count_open().await?.1);
        }
        let mut count = 0;
        for state in ["firing", "acked"] {
            for (concerns, _) in self.list_alerts("", state, LATEST, i64::MAX).await? {
                count += i64::from(self.is_seen(sight, &concerns).await?);
            }
        }
        Ok(count)
    }

    /// Cost since `from` of those who may be seen.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn cost_seen(&self, sight: &Sight, from: Ts) -> Result<Micros> {
        if sight.is_everything() {
            return self.cost_since(from).await;
        }
        let costs = self.costs(from).await?.into_iter().filter(|(_, agent, ..)| sight.agent(agent));
        Ok(costs.map(|(.., sums)| sums.cost).sum())
    }
}

/// Above every number of an alert or an approval.
pub const LATEST: u64 = u64::MAX >> 1;
