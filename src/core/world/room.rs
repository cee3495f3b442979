//! Room: the World holds so many things and no more, however many names a runtime makes up.
//!
//! What is known goes on; what would add to a full kind is refused, told to admins, and nothing follows from it. Room
//! comes back when the oldest are forgotten. How fast anything may come is limited elsewhere.

use serde_json::json;

use super::World;
use crate::core::event::EventKind;
use crate::core::input::Reported;
use crate::core::policy::Severity;
use crate::core::reason::Reason;
use crate::core::route::Audience;
use crate::core::step::Fold;
use crate::core::time::Span;

/// Agents that are known at most: half as many again as sereno is measured with.
pub const MOST_AGENTS: usize = 150_000;
/// Sessions.
pub const MOST_SESSIONS: usize = 300_000;
/// Tasks.
pub const MOST_TASKS: usize = 300_000;
/// Questions, with those that are decided and not forgotten yet.
pub const MOST_APPROVALS: usize = 50_000;
/// People are told once in so long; the audit has each of those times.
const TOLD_EVERY: Span = Span::hours(1);

impl World {
    /// The kind of which an event would add one although it is full, and how many that is.
    pub(in crate::core) fn lacks_room_for(&self, reported: &Reported) -> Option<(&'static str, usize)> {
        let (event, runtime) = (&reported.event, reported.runtime.as_str());
        let new_agent = || {
            let known_session = event.session.as_ref().is_some_and(|said| self.session(runtime, &said.id).is_some());
            let id = event.agent.as_ref().map(|said| said.id.as_str());
            id.map_or(event.session.is_some() && !known_session, |id| self.agent(runtime, id).is_none())
        };
        let new_session = || event.session.as_ref().is_some_and(|said| self.session(runtime, &said.id).is_none());
        let new_task = || event.task.as_ref().is_some_and(|said| self.task(&said.id).is_none());
        let asks = event.kind == EventKind::ApprovalRequested;
        if self.agents.len() >= MOST_AGENTS && new_agent() {
            Some(("agent", MOST_AGENTS))
        } else if self.sessions.len() >= MOST_SESSIONS && new_session() {
            Some(("session", MOST_SESSIONS))
        } else if self.tasks.len() >= MOST_TASKS && new_task() {
            Some(("task", MOST_TASKS))
        } else if self.approvals.len() >= MOST_APPROVALS && asks {
            Some(("approval", MOST_APPROVALS))
        } else {
            None
        }
    }
}

impl Fold<'_> {
    /// An event would add to a kind that is full.
    pub(in crate::core) fn no_room(&mut self, thing: &str, most: usize, source: &str) {
        let most = u64::try_from(most).unwrap_or(u64::MAX);
        let reason = Reason::NoRoom { thing: thing.to_owned(), most, source: source.to_owned() };
        if self.w.no_room_told.is_none_or(|at| self.at.since(at) >= TOLD_EVERY) {
            self.w.no_room_told = Some(self.at);
            self.audit("sereno", "world.full", &format!("runtime:{source}"), json!({ "thing": thing, "most": most }));
            self.trouble(reason.clone(), Severity::Critical, Audience::Admins);
        }
        self.refuse(reason);
    }
}
