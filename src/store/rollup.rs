//! Cost by the hour: what the quarters of an hour add up to, by agent, family of the model, and task.
//!
//! An hour is written whole, and again when one of its quarters has changed since, so it never counts twice.
//! Readers take hours as far as they are written and quarters from there on; both together are the whole.

use std::collections::BTreeMap;

use sqlx::Row as _;

use super::commit::insert;
use super::read::sums;
use super::{Result, Store, execute, fetch, fetch_tx, sql};
use crate::core::money::Sums;
use crate::core::time::{Span, Ts};

const HOUR: Span = Span::hours(1);
/// An hour is written this long after its end, when late reports of it have come.
const AFTER: Span = Span::mins(15);
/// Rows that one transaction writes.
const STEP: usize = 500;

/// What was spent, by whom, on which family of models, for which task.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Spender {
    /// The agent.
    pub agent: String,
    /// The family of the model.
    pub family: String,
    /// The task; empty for none.
    pub task: String,
}

impl Store {
    /// Writes the oldest hour that is over and not written. Returns whether there was one.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn roll_hour(&self, now: Ts, family: &(dyn Fn(&str) -> String + Sync)) -> Result<bool> {
        let Some(hour) = self.next_hour().await? else { return Ok(false) };
        let end = hour.plus(HOUR);
        if end.plus(AFTER) > now {
            return Ok(false);
        }
        let (found, whole) = self.quarters_of(hour, end, family).await?;
        let rows: Vec<(&Spender, &Sums)> = found.iter().collect();
        for chunk in rows.chunks(STEP) {
            let mut tx = self.begin().await?;
            insert!(&mut tx, sql::UPSERT_HOUR, chunk, |query, row| query
                .bind(hour.0)
                .bind(&row.0.agent)
                .bind(&row.0.family)
                .bind(&row.0.task)
                .bind(row.1.calls.cast_signed())
                .bind(row.1.unpriced.cast_signed())
                .bind(row.1.tokens.input.cast_signed())
                .bind(row.1.tokens.output.cast_signed())
                .bind(row.1.tokens.cache_read.cast_signed())
                .bind(row.1.tokens.cache_write.cast_signed())
                .bind(row.1.cost.0));
            tx.commit().await?;
        }
        let mut tx = self.begin().await?;
        // A report may have come in between: then the hour is done again.
        let still = fetch_tx!(&mut tx, sql::SUM_QUARTERS, [hour.0, end.0], |row| sums!(row));
        if still.first() == Some(&whole) {
            execute!(&mut tx, sql::SET_HOURS_MARK, end.0);
        }
        tx.commit().await?;
        Ok(true)
    }

    /// The hour from which on hours are not written yet.
    async fn hours_mark(&self) -> Result<Ts> {
        let marks = fetch!(self, sql::SELECT_HOURS_MARK, [], |row| Ts(row.try_get("value")?));
        Ok(marks.first().copied().unwrap_or_default())
    }

    async fn next_hour(&self) -> Result<Option<Ts>> {
        let mark = self.hours_mark().await?;
        let next = fetch!(self, sql::NEXT_QUARTER, [mark.0], |row| row.try_get::<Option<i64>, _>("at")?);
        Ok(next.into_iter().next().flatten().map(|at| Ts(at.div_euclid(HOUR.0) * HOUR.0)))
    }

    async fn quarters_of(
        &self,
        from: Ts,
        until: Ts,
        family: &(dyn Fn(&str) -> String + Sync),
    ) -> Result<(BTreeMap<Spender, Sums>, Sums)> {
        let rows = fetch!(self, sql::SELECT_QUARTERS, [from.0, until.0], |row| {
            let agent: String = row.try_get("agent")?;
            let model: String = row.try_get("model")?;
            (agent, model, row.try_get::<String, _>("task")?, sums!(row))
        });
        let (mut found, mut whole) = (BTreeMap::new(), Sums::default());
        for (agent, model, task, sums) in rows {
            whole += sums;
            *found.entry(Spender { agent, family: family(&model), task }).or_default() += sums;
        }
        Ok((found, whole))
    }

    /// What was spent from `from` on and before `until`, both whole quarters of an hour.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn spent(
        &self,
        from: Ts,
        until: Ts,
        family: &(dyn Fn(&str) -> String + Sync),
    ) -> Result<BTreeMap<Spender, Sums>> {
        // Whole hours inside, as far as they are written; quarters at both ends.
        let mark = self.hours_mark().await?;
        let first = Ts((from.0 + HOUR.0 - 1).div_euclid(HOUR.0) * HOUR.0);
        let last = Ts(until.min(mark).0.div_euclid(HOUR.0) * HOUR.0).max(first);
        let mut spent = BTreeMap::new();
        let mut add = |found: BTreeMap<Spender, Sums>| {
            for (spender, sums) in found {
                *spent.entry(spender).or_default() += sums;
            }
        };
        let hours = fetch!(self, sql::SELECT_HOURS, [first.0, last.0], |row| {
            let agent: String = row.try_get("agent")?;
            let spender = Spender { agent, family: row.try_get("family")?, task: row.try_get("task")? };
            (spender, sums!(row))
        });
        add(hours.into_iter().collect());
        add(self.quarters_of(from, first.min(until), family).await?.0);
        add(self.quarters_of(last, until, family).await?.0);
        Ok(spent)
    }

    /// Removes a quarter of an hour from before `before` that is written in its hour.
    pub(super) async fn prune_quarters(&self, before: Ts) -> Result<u64> {
        let mark = self.hours_mark().await?;
        let oldest = fetch!(self, sql::NEXT_QUARTER, [0_i64], |row| row.try_get::<Option<i64>, _>("at")?);
        let Some(at) = oldest.into_iter().next().flatten().filter(|at| *at < before.0.min(mark.0)) else {
            return Ok(0);
        };
        let mut tx = self.begin().await?;
        let gone = execute!(&mut tx, sql::DELETE_QUARTER, at);
        tx.commit().await?;
        Ok(gone)
    }
}
