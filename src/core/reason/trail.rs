//! Trails: what has happened to an alert or an approval, and why, for `/why`.

use serde::{Deserialize, Serialize};

use super::Reason;
use crate::core::time::Ts;

/// A reason with the time at which it came up; the trail of an alert or an approval is a list of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// When.
    pub at: Ts,
    /// Why.
    #[serde(flatten)]
    pub reason: Reason,
}

/// What has happened to something, oldest first; bounded, the middle is forgotten first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Trail(pub Vec<Step>);

impl Trail {
    const LIMIT: usize = 60;

    /// Adds a step. Beyond the limit the oldest step after the first ten goes.
    pub fn push(&mut self, at: Ts, reason: Reason) {
        if self.0.len() >= Self::LIMIT {
            self.0.remove(10);
        }
        // Most trails end after two or three steps, and each is large.
        self.0.reserve_exact(1);
        self.0.push(Step { at, reason });
    }
}
