//! Requests that other processes have stored, as the engine takes them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

use super::follow::Verdict;
use super::log::NewInput;
use crate::store::{self, Answered, Appended, Bell, Ring, Store, Waiting};

/// Requests that are taken into one batch at most.
const LIMIT: i64 = 128;

/// Whether requests of others wait.
#[derive(Clone, Default)]
pub(super) struct Others(Arc<(AtomicBool, Notify)>);

impl Others {
    /// Looks whether requests wait, until it is dropped.
    pub async fn look(&self, store: &Store, bell: &Bell) {
        let mut ear = bell.ear(Ring::Request);
        loop {
            // While the store cannot be read nothing can be folded either.
            if store.requests(1).await.is_ok_and(|rows| !rows.is_empty()) {
                self.wait();
            }
            ear.heard().await;
        }
    }

    fn wait(&self) {
        self.0.0.store(true, Ordering::Relaxed);
        self.0.1.notify_one();
    }

    /// Returns when requests wait.
    pub async fn come(&self) {
        self.0.1.notified().await;
    }

    /// The requests that wait, as many as fit into a batch.
    pub async fn take(&self, store: &Store) -> store::Result<Asked> {
        if !self.0.0.swap(false, Ordering::Relaxed) {
            return Ok(Asked::default());
        }
        let rows = store.requests(LIMIT).await?;
        if i64::try_from(rows.len()).is_ok_and(|rows| rows >= LIMIT) {
            self.wait();
        }
        Ok(Asked::read(rows))
    }
}

/// Requests of others in one batch.
#[derive(Default)]
pub(super) struct Asked {
    rows: Vec<(Waiting, Result<usize, String>)>,
    inputs: Vec<NewInput>,
}

impl Asked {
    fn read(rows: Vec<Waiting>) -> Self {
        let mut asked = Self::default();
        for row in rows {
            let read = match serde_json::from_str::<Vec<NewInput>>(&row.inputs) {
                Ok(inputs) => {
                    let count = inputs.len();
                    asked.inputs.extend(inputs);
                    Ok(count)
                }
                Err(error) => {
                    tracing::error!(%error, owner = row.owner, "a request of another version cannot be read");
                    Err(error.to_string())
                }
            };
            asked.rows.push((row, read));
        }
        asked
    }

    pub const fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Their inputs, in order.
    pub fn take_inputs(&mut self) -> Vec<NewInput> {
        std::mem::take(&mut self.inputs)
    }

    /// The answers, from what became of their inputs: the last of `results`.
    pub fn answers(&self, results: &[Appended]) -> store::Result<Vec<Answered>> {
        let count: usize = self.rows.iter().filter_map(|(_, read)| read.as_ref().ok()).sum();
        let mut results = results[results.len() - count..].iter().cloned();
        let answer = |(row, read): &(Waiting, Result<usize, String>)| {
            let verdict = match read {
                Ok(count) => Verdict::Folded(results.by_ref().take(*count).collect()),
                Err(error) => Verdict::Unreadable(error.clone()),
            };
            Ok::<_, store::Error>(Answered {
                owner: row.owner.clone(),
                number: row.number,
                body: serde_json::to_string(&verdict)?,
            })
        };
        self.rows.iter().map(answer).collect()
    }
}
