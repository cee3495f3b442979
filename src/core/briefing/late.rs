//! Facts as they come in, for the digest that will tell of them: into the diary, and what is late for a digest that
//! was told already.

use crate::core::approval::{Approval, ApprovalState};
use crate::core::arena::Ix;
use crate::core::gap::Jump;
use crate::core::input::Body;
use crate::core::money::Sums;
use crate::core::signal::Measure;
use crate::core::step::Fold;
use crate::core::text;
use crate::core::time::{Span, Ts};
use crate::core::world::{Agent, CellKey, Diary, Ended, Faults, Fired, Gap, Task};

/// A shorter absence is told to nobody.
const ABSENCE: Span = Span::mins(2);
/// Characters of the type of a fault.
const LONGEST_TYPE: usize = 60;

impl Fold<'_> {
    /// Something was booked in `cell` that happened at `time` by the clock of whoever reported it.
    pub(in crate::core) fn note_late(&mut self, cell: &CellKey, time: Ts, sums: Sums) {
        if cell.at.min(time) >= self.w.briefings.cut {
            return;
        }
        for told in self.w.briefings.told.values_mut().flat_map(|readers| readers.values_mut()) {
            if cell.at < told.until {
                told.missed += sums.cost;
            } else if time < told.until {
                told.late += sums.cost;
            }
        }
        let agent = self.w.agents.get(cell.agent).map(|agent| agent.name.clone()).unwrap_or_default();
        let task = cell.task.and_then(|ix| self.w.tasks.get(ix)).map(|task| task.id.clone()).unwrap_or_default();
        let family = self.w.policy.price_of(&cell.model).family.to_owned();
        self.add_to_pages(cell.at, &agent, &family, &task, sums);
    }

    /// A runtime said something through an agent that was last heard of at `before`.
    pub(in crate::core) fn note_heard(&mut self, agent: Ix<Agent>, before: Ts, was_silent: bool) {
        let at = self.at;
        if Diary::same(before, at) && !was_silent {
            return;
        }
        if was_silent {
            self.note_silence(agent, before);
        }
        self.w.diary.at(at).heard(&self.w.agents[agent].runtime);
    }

    /// An agent that should have given a sign of life has given none since `before`, until now.
    pub(in crate::core) fn note_silence(&mut self, agent: Ix<Agent>, before: Ts) {
        let about = &self.w.agents[agent];
        let (feed, who) = (Some(about.runtime.clone()), Some(about.name.clone()));
        // What was lost before is an absence of sereno's own.
        let from = before.max(self.w.attentive);
        self.w.diary.gap(Gap { feed, who, agents: 1, from, until: self.at });
    }

    /// Nobody was here, before anything that falls due is looked at.
    pub(in crate::core) fn note_absence(&mut self, body: &Body) {
        let lost = match body {
            Body::ClockJumped(Jump { skipped, .. }) => *skipped,
            Body::Returned { since } => self.at.since(*since),
            _ => return,
        };
        if lost > ABSENCE {
            let from = self.at.minus(lost);
            self.w.diary.gap(Gap { feed: None, who: None, agents: 0, from, until: self.at });
        }
    }

    /// Something was added up for rules.
    pub(in crate::core) fn note_work(&mut self, measure: Measure, amount: i64) {
        if !matches!(measure, Measure::Cost | Measure::Tokens) {
            self.w.diary.at(self.at).work.add(measure, amount);
        }
    }

    /// Something went wrong.
    pub(in crate::core) fn note_fault(&mut self, kind: &str, agent: Option<Ix<Agent>>) {
        let who = agent.and_then(|ix| self.w.agents.get(ix)).map(|agent| agent.name.clone());
        let kind = text::clip(kind, LONGEST_TYPE);
        self.w.diary.at(self.at).faulted(Faults { kind, count: 1, who, at: self.at });
    }

    /// A task is over.
    pub(in crate::core) fn note_end(&mut self, task: Ix<Task>, ok: bool) {
        let task = &self.w.tasks[task];
        let ended = Ended {
            id: task.id.clone(),
            title: task.title.clone(),
            ok,
            cost: task.sums.cost,
            took: task.ended.unwrap_or(self.at).since(task.began()),
            sessions: task.sessions.len(),
            progress: task.progress,
        };
        self.w.diary.at(self.at).ended(ended);
    }

    /// An alert fires that has not fired before.
    pub(in crate::core) fn note_alert(&mut self, number: u64) {
        let at = self.at;
        let Some(alert) = self.w.alerts.get(&number) else { return };
        let who = alert.agent.and_then(|ix| self.w.agents.get(ix)).map(|agent| agent.name.clone());
        let (rule, severity) = (alert.rule.clone(), alert.severity);
        self.w.diary.at(at).fired(Fired { number, rule, severity, who, at, over: None });
    }

    /// A question has its outcome.
    pub(in crate::core) fn note_decision(&mut self, number: u64) {
        let at = self.at;
        let Some(approval) = self.w.approvals.get(&number) else { return };
        let Approval { asked, state, .. } = *approval;
        // A grant decides at once, and nobody waits.
        let person = approval.decided.as_ref().is_some_and(|decided| decided.by.is_some() && decided.grant.is_none());
        let tally = self.w.diary.at(at);
        if person {
            tally.decided(at.since(asked));
        } else if state == ApprovalState::Expired {
            tally.expired += 1;
        }
    }
}
