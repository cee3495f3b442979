//! Forgetting: the World is bounded, the store is not.

use std::collections::BTreeSet;

use super::{Agent, Scope, Session, Task, World};
use crate::core::arena::Ix;
use crate::core::delivery::Card;
use crate::core::message::Content;
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
        // What is forgotten stands on its page before.
        self.keep_briefings();
        self.forget_sessions();
        self.forget_tasks();
        self.forget_agents();
        self.forget_episodes();
        self.forget_cards();
        self.forget_dead();
        let now = self.at;
        self.w.ledger.compact(now);
        self.w.signins.forget(now);
        self.forget_roster();
        self.reconsider_all();
        self.w.schedule.set(now.plus(FORGET_EVERY), Timer::Forget);
    }

    fn forget_sessions(&mut self) {
        let now = self.at;
        let is_old = |s: &Session| {
            let limit = if s.ended.is_some() { ENDED_SESSION } else { LOST_SESSION };
            now.since(s.last_seen) > limit
        };
        let old: BTreeSet<Ix<Session>> = self.w.sessions.iter().filter(|(_, s)| is_old(s)).map(|(ix, _)| ix).collect();
        self.close_scopes(&old.iter().map(|ix| Scope::Session(*ix)).collect());
        for ix in &old {
            let Some(session) = self.w.sessions.remove(*ix) else { continue };
            self.w.index.sessions.remove(&session, *ix);
            if session.ended.is_none()
                && let Some(agent) = self.w.agents.get_mut(session.agent)
            {
                agent.open_sessions -= 1;
            }
        }
        self.w.forget_links_to_sessions(&old);
    }

    fn forget_tasks(&mut self) {
        let now = self.at;
        let is_old = |t: &Task| {
            let limit = if t.column.is_final() { ENDED_TASK } else { LOST_TASK };
            now.since(t.last_seen) > limit
        };
        let old: BTreeSet<Ix<Task>> = self.w.tasks.iter().filter(|(_, t)| is_old(t)).map(|(ix, _)| ix).collect();
        self.close_scopes(&old.iter().map(|ix| Scope::Task(*ix)).collect());
        for ix in &old {
            let Some(task) = self.w.tasks.remove(*ix) else { continue };
            self.w.index.tasks.remove(&task, *ix);
        }
        self.w.forget_links_to_tasks(&old);
    }

    fn forget_agents(&mut self) {
        let now = self.at;
        let silent = self.w.agents.iter().filter(|(_, a)| now.since(a.last_seen) > LOST_AGENT).map(|(ix, _)| ix);
        let mut old: BTreeSet<Ix<Agent>> = silent.collect();
        if old.is_empty() {
            return;
        }
        for kept in self.w.referred_agents() {
            old.remove(&kept);
        }
        self.close_scopes(&old.iter().map(|ix| Scope::Agent(*ix)).collect());
        for ix in &old {
            let Some(agent) = self.w.agents.remove(*ix) else { continue };
            self.w.index.agents.remove(&agent, *ix);
        }
        // Its place may be given to another agent, which the alert is not about.
        for alert in self.w.alerts.values_mut().filter(|a| a.agent.is_some_and(|ix| old.contains(&ix))) {
            alert.agent = None;
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
        let asked = self.w.approvals.values().filter(|a| a.is_pending()).filter_map(|a| a.card);
        let told = self.w.alerts.values().filter(|a| a.is_open()).filter_map(|a| a.card);
        let living: BTreeSet<u64> = asked.chain(told).collect();
        // What was given up can be tried again for as long as it is listed.
        let given_up = self.w.outstanding.values().filter(|waits| waits.dead).filter_map(|waits| waits.copy);
        let given_up: BTreeSet<u64> = given_up.collect();
        let old: Vec<u64> = self
            .w
            .cards
            .values()
            .filter(|card| now.since(card.updated) > oldest(card) && !living.contains(&card.number))
            .filter(|card| {
                let copies = card.copies.iter().filter_map(|c| self.w.copies.get(c));
                copies.clone().all(|c| c.outstanding.is_none() && !given_up.contains(&c.number))
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

    /// Ends the alerts of scopes that are about to go.
    fn close_scopes(&mut self, scopes: &BTreeSet<Scope>) {
        if scopes.is_empty() {
            return;
        }
        for scope in scopes {
            let open = self.w.signals(*scope).map(|s| s.open.clone()).unwrap_or_default();
            for number in open {
                self.clear(number, Reason::ScopeGone);
            }
        }
        for alert in self.w.alerts.values_mut().filter(|a| scopes.contains(&a.scope)) {
            alert.gone = true;
        }
        self.w.index.alerts.retain(|(_, have), _| !scopes.contains(have));
    }
}

/// A file is large, and nothing on its card is tapped: the store keeps it for the page.
const fn oldest(card: &Card) -> Span {
    if matches!(card.content, Content::Export(_)) { Span(0) } else { OLD_CARD }
}

// Each of these walks everything once, however much is forgotten.
impl World {
    /// A subagent works in the session of another agent, and a session can move from task to task.
    fn forget_links_to_sessions(&mut self, gone: &BTreeSet<Ix<Session>>) {
        if gone.is_empty() {
            return;
        }
        let is_gone = |session: &mut Ix<Session>| gone.contains(session);
        for agent in self.agents.values_mut() {
            agent.session.take_if(is_gone);
        }
        for task in self.tasks.values_mut() {
            task.sessions.retain(|session| !gone.contains(session));
        }
        for approval in self.approvals.values_mut() {
            approval.session.take_if(is_gone);
        }
        for control in self.controls.values_mut() {
            control.session.take_if(is_gone);
        }
    }

    fn forget_links_to_tasks(&mut self, gone: &BTreeSet<Ix<Task>>) {
        if gone.is_empty() {
            return;
        }
        let is_gone = |task: &mut Ix<Task>| gone.contains(task);
        for session in self.sessions.values_mut() {
            session.task.take_if(is_gone);
        }
        for agent in self.agents.values_mut() {
            agent.task.take_if(is_gone);
        }
        for approval in self.approvals.values_mut() {
            approval.task.take_if(is_gone);
        }
    }

    /// Agents that something which is kept still names.
    fn referred_agents(&self) -> impl Iterator<Item = Ix<Agent>> {
        let sessions = self.sessions.iter().map(|(_, s)| s.agent);
        let tasks = self.tasks.iter().flat_map(|(_, t)| t.agents.iter().map(|(agent, _)| *agent));
        let approvals = self.approvals.values().map(|a| a.agent);
        sessions.chain(tasks).chain(approvals).chain(self.controls.values().map(|c| c.agent))
    }
}
