//! Inputs that a process took which does not fold, and what the fold answered.
//!
//! A request waits as long as its row is there. Whoever folds it writes the answer and takes the row away in the
//! commit of the fold; whoever gives up waiting takes the row away as well. Of the two one succeeds, so nothing
//! is folded twice, and nothing that was given up is folded.

use sqlx::Row as _;

use super::commit::insert;
use super::sql;
use super::{Error, Result, Store, Tx, execute, fetch, fetch_tx};
use crate::core::time::Ts;

/// A request that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// The process that took it.
    pub owner: String,
    /// Its number there.
    pub number: i64,
    /// When it was taken, by that process's clock; gives the order.
    pub at: Ts,
    /// The inputs as JSON.
    pub inputs: String,
}

/// What the fold answered to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// The process that took it.
    pub owner: String,
    /// Its number there.
    pub number: i64,
    /// The answer as JSON.
    pub body: String,
}

/// How far the log is, as a process reads it that does not fold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Folded {
    /// The term under which it is folded.
    pub term: i64,
    /// Position of the newest commit.
    pub cursor: u64,
    /// Position at which the policy was last written down.
    pub policy: u64,
}

/// Under which name the policy of the log is written down.
const POLICY: &str = "policy";

impl Store {
    /// Stores requests, all of them or none.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn add_requests(&self, requests: &[Waiting]) -> Result<()> {
        let mut tx = self.begin_commit().await?;
        insert!(&mut tx.0, sql::INSERT_REQUEST, requests, |query, row| query
            .bind(&row.owner)
            .bind(row.number)
            .bind(row.at.0)
            .bind(&row.inputs));
        kill_point!("follow.commit.before");
        tx.0.commit().await
    }

    /// Up to `limit` requests that wait, in order.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn requests(&self, limit: i64) -> Result<Vec<Waiting>> {
        Ok(fetch!(self, sql::SELECT_REQUESTS, [limit], |row| Waiting {
            owner: row.try_get("owner")?,
            number: row.try_get("number")?,
            at: Ts(row.try_get("at")?),
            inputs: row.try_get("inputs")?,
        }))
    }

    /// Takes back a request that waits. Returns whether it did: if not, it was folded, or never stored.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn withdraw_request(&self, owner: &str, number: i64) -> Result<bool> {
        let mut tx = self.begin().await?;
        let gone = execute!(&mut tx, sql::DELETE_REQUEST, owner, number);
        tx.commit().await?;
        Ok(gone == 1)
    }

    /// Answers to requests of `owner` after the one of number `after`.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn answers(&self, owner: &str, after: i64) -> Result<Vec<Answered>> {
        Ok(fetch!(self, sql::SELECT_ANSWERS, [owner, after], |row| Answered {
            owner: owner.to_owned(),
            number: row.try_get("number")?,
            body: row.try_get("body")?,
        }))
    }

    /// Forgets answers that `owner` has read.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn forget_answers(&self, owner: &str, upto: i64) -> Result<()> {
        let mut tx = self.begin().await?;
        execute!(&mut tx, sql::DELETE_ANSWERS, owner, upto);
        tx.commit().await
    }

    /// How far the log is folded.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn folded(&self) -> Result<Folded> {
        let rows = fetch!(self, sql::SELECT_ENGINE, [], |row| Folded {
            term: row.try_get("term")?,
            cursor: row.try_get::<i64, _>("cursor")?.cast_unsigned(),
            policy: row.try_get::<i64, _>("policy")?.cast_unsigned(),
        });
        rows.into_iter().next().ok_or(Error::Empty)
    }

    /// The policy of the log as it was last written down, as JSON.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn policy(&self) -> Result<Option<String>> {
        self.meta(POLICY).await
    }
}

impl Tx {
    /// Answers requests and takes them away.
    ///
    /// # Errors
    /// [`Error::Withdrawn`] when one of them has been taken back meanwhile: nothing may be written then.
    pub async fn answer(&mut self, answers: &[Answered], at: Ts) -> Result<()> {
        insert!(&mut self.0, sql::INSERT_ANSWER, answers, |query, row| query
            .bind(&row.owner)
            .bind(row.number)
            .bind(at.0)
            .bind(&row.body));
        let taken = execute!(&mut self.0, sql::DELETE_ANSWERED);
        if taken == answers.len() as u64 { Ok(()) } else { Err(Error::Withdrawn) }
    }

    /// Forgets answers that nobody has read since `before`.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn forget_old_answers(&mut self, before: Ts) -> Result<()> {
        execute!(&mut self.0, sql::DELETE_OLD_ANSWERS, before.0);
        Ok(())
    }

    /// Writes the policy of the log down, as JSON, for processes that do not fold.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn write_policy(&mut self, policy: &str, pos: u64) -> Result<()> {
        execute!(&mut self.0, sql::UPSERT_META, POLICY, policy);
        execute!(&mut self.0, sql::MARK_POLICY, pos.cast_signed());
        Ok(())
    }

    /// The term under which the log may be folded, and how far it is.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn fold_state(&mut self) -> Result<(i64, u64)> {
        let rows = fetch_tx!(&mut self.0, sql::SELECT_ENGINE, [], |row| (
            row.try_get::<i64, _>("term")?,
            row.try_get::<i64, _>("cursor")?.cast_unsigned()
        ));
        rows.into_iter().next().ok_or(Error::Empty)
    }
}
