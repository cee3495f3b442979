//! Which rows of the read models are behind, and when they are written.
//!
//! Agents, sessions, tasks and costs may change with every event, and nobody looks that often: their
//! rows are written together a little later. After a crash the log behind the newest snapshot is folded
//! again, which marks the same rows again, so nothing is missed.

use crate::core::step::Changed;
use crate::core::time::{Span, Ts};

/// How far read models are behind when little happens.
const BEHIND: Span = Span(250);
/// They are written so seldom that it takes at most one part in so many of the time …
const SHARE: i64 = 20;
/// … but never are they further behind than this.
const FAR_BEHIND: Span = Span::secs(3);

/// Rows that are behind.
pub(super) struct Models {
    changed: Changed,
    since: Option<Ts>,
    /// How far they may be behind now.
    behind: Span,
}

impl Models {
    pub fn new(changed: Changed, now: Ts) -> Self {
        let since = (!is_empty(&changed)).then_some(now);
        Self { changed, since, behind: BEHIND }
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
        self.since.map(|since| since.plus(self.behind))
    }

    /// Writing them took so long: what must be written often is written less often.
    pub fn took(&mut self, took: Span) {
        self.behind = Span((took.0 * SHARE).clamp(BEHIND.0, FAR_BEHIND.0));
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
