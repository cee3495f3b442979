//! Forgetting: the World is bounded, the store is not.

use super::{Agent, Scope, Session, Task, World};
use crate::core::arena::Ix;
use crate::core::reason::Reason;
use crate::core::schedule::Timer;
use crate::core::step::Fold;
use crate::core::time::{Span, Ts};

/// How often finished things are looked for.
pub const FORGET_EVERY: Span = Span::hours(1);
/// A session that has ended is kept this long.
const ENDED_SESSION: Span = Span::hours(24);
/// A session that never said that it ended is taken for ended after this long without a word.
const LOST_SESSION: Span = Span::days(3);
/// A task that has ended is kept this long; longer than the ledger names tasks.
const ENDED_TASK: Span = Span::days(3);
/// A task without a word is kept this long.
const LOST_TASK: Span = Span::days(14);
/// An agent without a word is kept this long; longer than the ledger names agents.
const LOST_AGENT: Span = Span::days(9);
/// A card that is closed, or not changed any more, can be tapped this long.
const OLD_CARD: Span = Span::days(2);
/// Alerts, approvals and control calls that are over are kept this long.
const OVER: Span = Span::days(2);

impl Fold<'_> {
    /// Forgets what is finished and sets the next round.
    pub(in crate::core) fn forget(&mut self) {
        self.forget_sessions();
        self.forget_tasks();
        self.forget_agents();
        self.forget_episodes();
        self.forget_cards();
        self.forget_dead();
        let now = self.at;
        self.w.ledger.compact(now);
        self.w.signins.forget(now);
        self.w.schedule.set(now.plus(FORGET_EVERY), Timer::Forget);
    }

    fn forget_sessions(&mut self) {
        let now = self.at;
        let old: Vec<Ix<Session>> = self
            .w
            .sessions
            .iter()
            .filter(|(_, s)| {
                let limit = if s.ended.is_some() { ENDED_SESSION } else { LOST_SESSION };
                now.since(s.last_seen) > limit
            })
            .map(|(ix, _)| ix)
            .collect();
        for ix in old {
            self.close_scope(Scope::Session(ix));
            let Some(session) = self.w.sessions.remove(ix) else { continue };
            self.w.index.sessions.remove(&session, ix);
            if session.ended.is_none()
                && let Some(agent) = self.w.agents.get_mut(session.agent)
            {
                agent.open_sessions -= 1;
            }
            self.w.forget_session_links(ix);
            for approval in self.w.approvals.values_mut().filter(|a| a.session == Some(ix)) {
                approval.session = None;
            }
            for control in self.w.controls.values_mut().filter(|c| c.session == Some(ix)) {
                control.session = None;
            }
        }
    }

    fn forget_tasks(&mut self) {
        let now = self.at;
        let old: Vec<Ix<Task>> = self
            .w
            .tasks
            .iter()
            .filter(|(_, t)| {
                let limit = if t.column.is_final() { ENDED_TASK } else { LOST_TASK };
                now.since(t.last_seen) > limit
            })
            .map(|(ix, _)| ix)
            .collect();
        for ix in old {
            self.close_scope(Scope::Task(ix));
            let Some(task) = self.w.tasks.remove(ix) else { continue };
            self.w.index.tasks.remove(&task, ix);
            self.w.forget_task_links(ix);
        }
    }

    fn forget_agents(&mut self) {
        let now = self.at;
        let old: Vec<Ix<Agent>> = self
            .w
            .agents
            .iter()
            .filter(|(ix, a)| now.since(a.last_seen) > LOST_AGENT && !self.w.is_referred_to(*ix))
            .map(|(ix, _)| ix)
            .collect();
        for ix in old {
            self.close_scope(Scope::Agent(ix));
            let Some(agent) = self.w.agents.remove(ix) else { continue };
            self.w.index.agents.remove(&agent, ix);
            // Its place may be given to another agent, which the alert is not about.
            for alert in self.w.alerts.values_mut().filter(|a| a.agent == Some(ix)) {
                alert.agent = None;
            }
        }
    }

    fn forget_episodes(&mut self) {
        let now = self.at;
        let over = |at: Option<Ts>| at.is_some_and(|at| now.since(at) > OVER);
        let index = &mut self.w.index;
        self.w.alerts.retain(|number, alert| {
            let keep = !over(alert.resolved);
            let key = (alert.rule.clone(), alert.scope);
            if !keep && index.alerts.get(&key) == Some(number) {
                index.alerts.remove(&key);
            }
            keep
        });
        self.w.approvals.retain(|number, approval| {
            let keep = approval.is_pending() || !over(approval.decided.as_ref().map(|d| d.at));
            let key = (approval.runtime.clone(), approval.external.clone());
            if !keep && index.approvals.get(&key) == Some(number) {
                index.approvals.remove(&key);
            }
            keep
        });
        self.w.controls.retain(|_, control| now.since(control.at) <= OVER);
    }

    fn forget_cards(&mut self) {
        let now = self.at;
        let living = |number: &u64| {
            let approval = self.w.approvals.values().any(|a| a.card == Some(*number) && a.is_pending());
            approval || self.w.alerts.values().any(|a| a.card == Some(*number) && a.is_open())
        };
        let old: Vec<u64> = self
            .w
            .cards
            .values()
            .filter(|card| now.since(card.updated) > OLD_CARD && !living(&card.number))
            .filter(|card| {
                let copies = card.copies.iter().filter_map(|c| self.w.copies.get(c));
                copies.clone().all(|c| c.outstanding.is_none())
            })
            .map(|card| card.number)
            .collect();
        for number in old {
            let Some(card) = self.w.cards.remove(&number) else { continue };
            for copy in card.copies {
                self.w.copies.remove(&copy);
            }
        }
    }

    /// Ends the alerts of a scope that is about to go.
    fn close_scope(&mut self, scope: Scope) {
        let open = self.w.signals(scope).map(|s| s.open.clone()).unwrap_or_default();
        for number in open {
            self.clear(number, Reason::ScopeGone);
        }
        for alert in self.w.alerts.values_mut().filter(|a| a.scope == scope) {
            alert.gone = true;
        }
        self.w.index.alerts.retain(|(_, have), _| *have != scope);
    }
}

impl World {
    /// A subagent works in the session of another agent, and a session can move from task to task.
    fn forget_session_links(&mut self, session: Ix<Session>) {
        let agents: Vec<_> = self.agents.iter().filter(|(_, a)| a.session == Some(session)).map(|(ix, _)| ix).collect();
        for ix in agents {
            self.agents[ix].session = None;
        }
        let tasks: Vec<_> =
            self.tasks.iter().filter(|(_, t)| t.sessions.contains(&session)).map(|(ix, _)| ix).collect();
        for ix in tasks {
            self.tasks[ix].sessions.retain(|have| *have != session);
        }
    }

    fn forget_task_links(&mut self, task: Ix<Task>) {
        let sessions: Vec<_> = self.sessions.iter().filter(|(_, s)| s.task == Some(task)).map(|(ix, _)| ix).collect();
        for ix in sessions {
            self.sessions[ix].task = None;
        }
        let agents: Vec<_> = self.agents.iter().filter(|(_, a)| a.task == Some(task)).map(|(ix, _)| ix).collect();
        for ix in agents {
            self.agents[ix].task = None;
        }
        for approval in self.approvals.values_mut().filter(|a| a.task == Some(task)) {
            approval.task = None;
        }
    }

    /// Whether something that is kept still names the agent.
    fn is_referred_to(&self, agent: Ix<Agent>) -> bool {
        self.sessions.iter().any(|(_, s)| s.agent == agent)
            || self.tasks.iter().any(|(_, t)| t.agents.iter().any(|(a, _)| *a == agent))
            || self.approvals.values().any(|a| a.agent == agent)
            || self.controls.values().any(|c| c.agent == agent)
    }
}
