//! Tasks and their stages: the living card, silent milestones, and one notice at the end.

use super::About;
use crate::core::arena::Ix;
use crate::core::delivery::{Class, Draft, Subject};
use crate::core::event::{Event, EventKind};
use crate::core::message::{CompletionView, Content, Labels, MilestoneView, TaskCardView};
use crate::core::money::{self, Micros, Sums};
use crate::core::policy::Severity;
use crate::core::route::{Audience, Destination};
use crate::core::signal::Measure;
use crate::core::status::Status;
use crate::core::step::Fold;
use crate::core::text;
use crate::core::time::Ts;
use crate::core::world::{Agent, Column, Scope, Task, World};

impl Fold<'_> {
    pub(super) fn task_moves(&mut self, about: &About, event: &Event) {
        let Some(ix) = about.task else { return };
        let task = &mut self.w.tasks[ix];
        let column = match event.kind {
            EventKind::TaskAssigned => Column::Assigned,
            EventKind::TaskStarted => Column::Running,
            _ => Column::Inbox,
        };
        // News that arrive late do not move a task back, but a finished task can be opened again.
        let reopened = task.column.is_final() && column != Column::Inbox;
        if reopened || column > task.column {
            task.column = column;
            task.ended = None;
        }
        task.created = task.created.min(about.time);
        if column == Column::Running {
            task.started = Some(task.started.map_or(about.time, |s| s.min(about.time)));
        }
        self.fact_changed(Scope::Task(ix));
        if task_has_no_card(self.w, ix) {
            self.task_card(ix, about.agent);
        }
    }

    /// Work has begun on a task that was waiting for it.
    pub(super) fn task_is_worked_on(&mut self, about: &About) {
        let Some(ix) = about.task else { return };
        let task = &mut self.w.tasks[ix];
        if task.column < Column::Running {
            task.column = Column::Running;
            task.started = Some(about.time);
            self.fact_changed(Scope::Task(ix));
        }
    }

    pub(super) fn task_over(&mut self, about: &About, event: &Event) {
        let Some(ix) = about.task else { return };
        let ok = event.kind == EventKind::TaskCompleted;
        let column = if ok { Column::Completed } else { Column::Failed };
        let task = &mut self.w.tasks[ix];
        if task.column == column {
            return;
        }
        task.column = column;
        task.ended = Some(about.time);
        task.note = event.message.as_ref().map(|m| text::clip(m, 400));
        let scopes = about.scopes();
        let measure = if ok { Measure::Succeeded } else { Measure::Failed };
        self.measure(&scopes, measure, 1, about.when);
        self.fact_changed(Scope::Task(ix));
        if ok {
            self.work_is_done(ix);
        }
        self.note_end(ix, ok);
        self.completion(ix, about.agent, ok);
    }

    /// Whoever worked on a task that is completed, and says nothing else, is done with it.
    fn work_is_done(&mut self, ix: Ix<Task>) {
        let at = self.at;
        for (agent, _) in self.w.tasks[ix].agents.clone() {
            let Some(about) = self.w.agents.get_mut(agent) else { continue };
            if about.task == Some(ix) && about.reported == Status::Running && about.open_tools.is_empty() {
                about.report(Status::Completed, at);
                let (before, was_silent) = (about.last_seen, std::mem::take(&mut about.silent));
                if was_silent {
                    self.note_silence(agent, before);
                }
                self.out.changed.agent(agent);
                self.fact_changed(Scope::Agent(agent));
            }
        }
        for session in self.w.tasks[ix].sessions.clone() {
            if let Some(session) = self.w.sessions.get_mut(session).filter(|s| s.status == Status::Running) {
                session.status = Status::Completed;
            }
            self.out.changed.sessions.insert(session);
        }
    }

    pub(super) fn step(&mut self, about: &About, event: &Event) {
        let Some(step) = &event.step else { return };
        let ended = event.kind == EventKind::StepEnded;
        let ok = ended.then(|| event.error.is_none() && event.tool.as_ref().and_then(|t| t.ok) != Some(false));
        self.works(about, event);
        if let Some(session) = about.session {
            self.w.sessions[session].step = Some(step.clone());
        }
        let Some(ix) = about.task else { return };
        let task = &mut self.w.tasks[ix];
        task.step(&step.name, ok);
        if let Some(ok) = ok {
            self.milestone(ix, about, event, ok);
        }
    }

    fn task_card(&mut self, ix: Ix<Task>, agent: Option<Ix<Agent>>) {
        let Some(content) = self.w.task_card_content(ix, self.at) else { return };
        let labels = self.task_labels("task", Severity::Info, ix, agent);
        let draft = Draft {
            subject: Subject::Task(ix),
            content,
            class: Class::Info,
            severity: None,
            silent: true,
            buttons: Vec::new(),
            must_show: 0,
        };
        let (card, _) = self.tell(draft, &labels, Audience::Everyone);
        self.w.tasks[ix].card = Some(card);
    }

    /// Draws the card of a task anew, where its state has changed.
    pub(super) fn redraw_task(&mut self, ix: Ix<Task>) {
        let Some(task) = self.w.tasks.get(ix) else { return };
        let Some(card) = task.card else { return };
        let Some(Content::TaskCard(old)) = self.w.cards.get(&card).map(|c| &c.content) else { return };
        let agents = task.agents.iter().filter_map(|(a, _)| self.w.agents.get(*a)).map(|a| &a.name);
        // Money and minutes alone are no reason to edit a card: they would change it with every call.
        let moved = old.column != task.column || old.steps != task.steps || !agents.eq(&old.agents);
        if moved && let Some(new) = self.w.task_card_content(ix, self.at) {
            self.revise(card, new, Vec::new());
        }
    }

    fn milestone(&mut self, ix: Ix<Task>, about: &About, event: &Event, ok: bool) {
        let Some(parent) = self.w.tasks[ix].card.and_then(|card| self.w.cards.get(&card)) else { return };
        let to: Vec<(Destination, Option<u64>)> = parent
            .copies
            .iter()
            .filter_map(|number| self.w.copies.get(number))
            // Where a message is all there is, a step on the way is not worth one.
            .filter(|copy| self.w.policy.edits(&copy.to.channel))
            .map(|copy| (copy.to.clone(), Some(copy.number)))
            .collect();
        let who = about.agent.and_then(|a| self.w.agents.get(a)).map(|a| a.name.clone());
        let content = MilestoneView {
            who: who.unwrap_or_default(),
            ok,
            step: event.step.as_ref().map(|s| s.name.clone()).unwrap_or_default(),
            text: event.message.as_ref().map(|m| text::clip(m, 300)),
            at: about.time,
        };
        let draft = Draft {
            subject: Subject::Nothing,
            content: Content::Milestone(content),
            class: Class::Info,
            severity: None,
            silent: true,
            buttons: Vec::new(),
            must_show: 0,
        };
        self.send(draft, to);
    }

    fn completion(&mut self, ix: Ix<Task>, agent: Option<Ix<Agent>>, ok: bool) {
        let Some(content) = self.w.completion_content(ix, ok) else { return };
        let severity = if ok { Severity::Info } else { Severity::Warning };
        let labels = self.task_labels("completion", severity, ix, agent);
        let draft = Draft {
            subject: Subject::Nothing,
            content,
            class: Class::of(severity),
            severity: Some(severity),
            // The one notice of a task rings: it is what the operator waits for.
            silent: false,
            buttons: Vec::new(),
            must_show: 0,
        };
        self.tell_of_change(self.w.tasks[ix].card, draft, &labels, Audience::Everyone);
    }

    fn task_labels(&self, kind: &str, severity: Severity, ix: Ix<Task>, agent: Option<Ix<Agent>>) -> Labels {
        let task = self.w.tasks.get(ix).map(|t| t.id.clone()).unwrap_or_default();
        // The task's own name comes first, so that it wins over the agent's current task.
        let labels = Labels::of(kind, severity).with("task", &task);
        self.label_agent(labels, agent)
    }
}

fn task_has_no_card(world: &World, ix: Ix<Task>) -> bool {
    let card = world.tasks.get(ix).and_then(|t| t.card);
    card.is_none_or(|card| !world.cards.contains_key(&card))
}

impl World {
    fn task_card_content(&self, ix: Ix<Task>, now: Ts) -> Option<Content> {
        let task = self.tasks.get(ix)?;
        let names = task.agents.iter().filter_map(|(a, _)| self.agents.get(*a));
        Some(Content::TaskCard(TaskCardView {
            task: Self::task_label(task),
            column: task.column,
            agents: names.map(|a| a.name.clone()).collect(),
            steps: task.steps.clone(),
            progress: task.progress,
            cost: task.sums.cost,
            created: task.created,
            took: task.ended.unwrap_or(now).since(task.began()),
        }))
    }

    fn completion_content(&self, ix: Ix<Task>, ok: bool) -> Option<Content> {
        let task = self.tasks.get(ix)?;
        Some(Content::Completion(CompletionView {
            task: Self::task_label(task),
            sort: task.kind.clone(),
            ok,
            cost: task.sums.cost,
            unpriced: task.sums.unpriced,
            took: task.ended?.since(task.began()),
            agents: self.cents_by_agent(&task.agents),
            families: task.families.clone(),
            sessions: task.sessions.len(),
            progress: task.progress,
            steps: task.steps.clone(),
            note: task.note.clone(),
        }))
    }

    /// What each of a task's agents used for it, in cents that add up to what they used together.
    pub fn cents_by_agent(&self, agents: &[(Ix<Agent>, Sums)]) -> Vec<(String, i64)> {
        let costs: Vec<Micros> = agents.iter().map(|(_, sums)| sums.cost).collect();
        let (cents, _) = money::apportion_cents(&costs);
        let names = agents.iter().map(|(ix, _)| self.agents.get(*ix).map_or_else(|| "?".into(), |a| a.name.clone()));
        names.zip(cents).collect()
    }
}
