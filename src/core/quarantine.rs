//! What broke the fold and was put aside, as it stands in the log.
//!
//! The fold is total by design and by test; should it break over an input all the same, everything else must go on.
//! Then this stands in the place of that input: its body is kept as text that nobody folds, somebody is told, and
//! whoever sent it is refused. Who is to blame is found elsewhere; nothing is caught here.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::input::Body;
use super::policy::Severity;
use super::reason::Reason;
use super::route::Audience;
use super::schedule::Timer;
use super::step::Fold;
use super::text::clip;
use super::time::Span;

/// People are told once in so long; the audit and the metrics have each of them.
const TOLD_EVERY: Span = Span::hours(1);
/// So much is kept of what a fold that broke has said.
const MAX_ERROR: usize = 300;

/// An input, or deadlines, over which the fold broke.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quarantined {
    /// The kind of input, or `deadlines`.
    pub what: String,
    /// Where it stood in the log, when a newer version broke over what an older one had folded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pos: Option<u64>,
    /// What the fold said when it broke.
    pub error: String,
    /// SHA-256 of the body.
    pub digest: String,
    /// How long the body is.
    pub bytes: u64,
    /// The body as JSON, for whoever mends the fold; it is never read here.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub body: String,
    /// It is about deadlines: those that are due now are dropped.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deadlines: bool,
    /// Telling somebody breaks the fold as well, so nobody is told.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub silent: bool,
}

impl Quarantined {
    /// Whoever appended it is told this.
    pub fn reason(&self) -> Reason {
        Reason::Quarantined { what: self.what.clone(), digest: self.digest.chars().take(16).collect() }
    }
}

impl Fold<'_> {
    /// Before anything that falls due is looked at: what must not be.
    pub(super) fn let_go(&mut self, body: &Body) {
        let Body::Quarantined(about) = body else { return };
        if !about.deadlines {
            return;
        }
        let mut dropped: Vec<Timer> = Vec::new();
        while let Some((_, timers)) = self.w.schedule.take_due(self.at) {
            dropped.extend(timers);
        }
        // This one sets itself anew each time.
        if dropped.contains(&Timer::Forget) {
            self.w.schedule.set(self.at.plus(super::world::FORGET_EVERY), Timer::Forget);
        }
        // What these were about is told next time.
        if dropped.contains(&Timer::Digests) {
            self.plan_digests();
        }
        self.audit("sereno", "deadlines.dropped", "deadlines", json!({ "dropped": dropped }));
    }

    /// The fold broke over something.
    pub(super) fn quarantined(&mut self, about: &Quarantined) {
        let due = self.w.quarantine_told.is_none_or(|at| self.at.since(at) >= TOLD_EVERY);
        let told = due && !about.silent;
        let data = json!({
            "error": clip(&about.error, MAX_ERROR), "digest": about.digest, "bytes": about.bytes, "pos": about.pos, "told": told,
        });
        self.audit("sereno", "input.quarantined", &about.what, data);
        if told {
            self.w.quarantine_told = Some(self.at);
            self.trouble(about.reason(), Severity::Critical, Audience::Admins);
        }
        self.refuse(about.reason());
    }
}
