//! Which rows of the read models are behind, and when they are written.
//!
//! Agents, sessions, tasks and costs may change with every event, and nobody looks that often: their
//! rows are written together a little later. After a crash the log behind the newest snapshot is folded
//! again, which marks the same rows again, so nothing is missed.

use crate::core::step::Changed;
use crate::core::time::{Span, Ts};

/// How far read models may be behind.
const BEHIND: Span = Span(250);

/// Rows that are behind.
pub(super) struct Models {
    changed: Changed,
    since: Option<Ts>,
}

impl Models {
    pub fn new(changed: Changed, now: Ts) -> Self {
        let since = (!is_empty(&changed)).then_some(now);
        Self { changed, since }
    }

    /// Rows have changed.
    pub fn add(&mut self, changed: Changed, now: Ts) {
        if !is_empty(&changed) {
            self.since.get_or_insert(now);
            self.changed.merge(changed);
        }
    }

    /// When they must be written.
    pub fn due(&self) -> Option<Ts> {
        self.since.map(|since| since.plus(BEHIND))
    }

    /// Takes what must be written.
    pub fn take(&mut self) -> Changed {
        self.since = None;
        std::mem::take(&mut self.changed)
    }
}

fn is_empty(changed: &Changed) -> bool {
    changed.agents.is_empty() && changed.sessions.is_empty() && changed.tasks.is_empty() && changed.cells.is_empty()
}
