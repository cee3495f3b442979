//! Agents and sessions: what they say about themselves.

use super::About;
use crate::core::arena::Ix;
use crate::core::control::{ControlState, Order, receipt};
use crate::core::delivery::RowState;
use crate::core::event::{Event, EventKind};
use crate::core::signal::Measure;
use crate::core::status::Status;
use crate::core::step::Fold;
use crate::core::world::{Agent, Scope};

impl Fold<'_> {
    pub(super) fn agent_reports(&mut self, about: &About, event: &Event) {
        let Some(ix) = about.agent else { return };
        let Some(word) = event.status.as_deref() else {
            if event.kind == EventKind::AgentHeartbeat {
                return;
            }
            self.fault(ix, event);
            return;
        };
        if let Some(status) = Status::read(word) {
            self.report(ix, status, event);
            // A paused agent says so because a person paused it, or by itself.
            self.confirm_by_status(ix, status);
        } else {
            self.w.agents[ix].phase = Some(word.to_owned());
            self.report(ix, Status::Running, event);
        }
    }

    pub(super) fn session_goes_on(&mut self, about: &About, event: &Event) {
        let (Some(agent), Some(session)) = (about.agent, about.session) else { return };
        let word = event.status.as_deref();
        let status = word.map_or(Some(Status::Running), Status::read);
        let phase = word.filter(|_| status.is_none()).map(str::to_owned);
        let status = status.unwrap_or(Status::Running);
        if status == Status::Running {
            self.task_is_worked_on(about);
        }
        let about_it = &mut self.w.sessions[session];
        about_it.status = status;
        about_it.phase.clone_from(&phase);
        if about_it.ended.take().is_some() {
            self.w.agents[about_it.agent].open_sessions += 1;
        }
        self.w.agents[agent].phase = phase;
        self.report(agent, status, event);
    }

    pub(super) fn session_over(&mut self, about: &About, event: &Event) {
        let (Some(agent), Some(ix)) = (about.agent, about.session) else { return };
        let failed = event.kind == EventKind::SessionFailed;
        let said = event.status.as_deref().and_then(Status::read);
        let status = said.unwrap_or(if failed { Status::Error } else { Status::Completed });
        let session = &mut self.w.sessions[ix];
        session.status = status;
        session.phase = None;
        let owner = session.agent;
        let was_open = session.ended.replace(about.time).is_none();
        if failed {
            session.fault = event.error.clone().map(Box::new);
        }
        let mailbox = std::mem::take(&mut session.mailbox);
        for id in mailbox {
            self.mail_undelivered(&id);
        }
        // Whoever was stopped has neither failed nor done it.
        if status != Status::Stopped {
            let measure = if failed { Measure::Failed } else { Measure::Succeeded };
            self.measure(&about.scopes(), measure, 1, about.when);
        }
        self.cancel_open_questions(ix);
        if was_open {
            self.w.agents[owner].open_sessions -= 1;
        }
        if self.w.agents[agent].open_sessions == 0 {
            self.w.agents[agent].phase = None;
            // Where a run can only be aborted, that is how it is held.
            if status != Status::Stopped {
                self.w.agents[agent].pause = None;
            }
            self.report(agent, status, event);
        }
    }

    /// A session that has ended cannot fetch anything any more; what it should do is done by its end.
    fn mail_undelivered(&mut self, id: &str) {
        let killed = self.w.controls.get(id).is_some_and(|c| c.order == Order::Kill);
        if killed {
            self.end_control(id, ControlState::Confirmed, RowState::Sent, receipt::SESSION_ENDED);
        } else {
            self.end_control(id, ControlState::Failed, RowState::Dropped, receipt::SESSION_ENDED);
        }
    }

    fn cancel_open_questions(&mut self, session: Ix<crate::core::world::Session>) {
        let open: Vec<u64> = self
            .w
            .approvals
            .values()
            .filter(|a| a.session == Some(session) && a.is_pending())
            .map(|a| a.number)
            .collect();
        for number in open {
            self.session_gone(number);
        }
    }

    /// Takes over a state and what went wrong, and tells the rules.
    pub(super) fn report(&mut self, ix: Ix<Agent>, status: Status, event: &Event) {
        let at = self.at;
        self.w.agents[ix].report(status, at);
        self.fault(ix, event);
        self.fact_changed(Scope::Agent(ix));
    }

    fn fault(&mut self, ix: Ix<Agent>, event: &Event) {
        if event.error.is_some() {
            self.w.agents[ix].fault = event.error.clone().map(Box::new);
            self.fact_changed(Scope::Agent(ix));
        }
    }

    /// What a runtime reports may be the confirmation of what it was asked.
    fn confirm_by_status(&mut self, ix: Ix<Agent>, status: Status) {
        let asked: Vec<String> = self
            .w
            .controls
            .values()
            .filter(|c| c.agent == ix && c.state == ControlState::Asked)
            .filter(|c| match c.order {
                Order::Pause => status == Status::Paused,
                Order::Resume => matches!(status, Status::Running | Status::Idle),
                Order::Kill => matches!(status, Status::Stopped | Status::Completed | Status::Error),
                _ => false,
            })
            .map(|c| c.id.clone())
            .collect();
        for id in asked {
            self.end_control(&id, ControlState::Confirmed, RowState::Sent, status.as_str());
        }
        // A pause that nobody here asked for, or that the runtime has lifted by itself.
        let at = self.at;
        let agent = &mut self.w.agents[ix];
        match (status, &agent.pause) {
            (Status::Running | Status::Idle, Some(pause)) if pause.confirmed && pause.at < at => {
                agent.pause = None;
            }
            _ => {}
        }
    }

    pub(super) fn message(&mut self, about: &About, event: &Event) {
        // A message of an agent that was idle is a sign that it works again.
        if let Some(ix) = about.agent
            && event.from != Some(crate::core::event::Author::System)
            && self.w.agents[ix].reported == Status::Idle
        {
            self.report(ix, Status::Running, event);
        }
    }

    pub(super) fn gauges(&mut self, about: &About, event: &Event) {
        let Some(ix) = about.agent else { return };
        let agent = &mut self.w.agents[ix];
        if let Some(metric) = &event.metric {
            agent.set_gauge(&metric.name, metric.value);
        }
        if let Some(used) = &event.resource {
            for (name, value) in [("cpu", used.cpu), ("memory", used.memory), ("disk", used.disk), ("gpu", used.gpu)] {
                if let Some(value) = value {
                    agent.set_gauge(name, value);
                }
            }
        }
        self.fact_changed(Scope::Agent(ix));
    }

    pub(super) fn handoff(&mut self, about: &About, event: &Event) {
        let (Some(task), Some(to)) = (about.task, &event.to) else { return };
        let Some(from) = about.agent else { return };
        if let Some(to) = self.w.agent(&self.w.agents[from].runtime, &to.id) {
            self.w.agents[to].task = Some(task);
            self.w.tasks[task].link(None, to);
            self.out.changed.agent(to);
        }
    }

    /// Work shows that an agent runs, whatever it last said.
    pub(super) fn works(&mut self, about: &About, event: &Event) {
        let is_over = about.session.and_then(|ix| self.w.sessions[ix].ended).is_some_and(|end| about.time <= end);
        if is_over || about.recalled {
            // Late news of what was done before the session ended, or nobody knows until when.
            return;
        }
        if let Some(session) = about.session {
            let session = &mut self.w.sessions[session];
            if session.ended.is_none() {
                session.status = Status::Running;
            }
        }
        self.task_is_worked_on(about);
        let Some(ix) = about.agent else { return };
        if self.w.agents[ix].reported == Status::Running {
            // What went wrong before does not matter any more once work goes on.
            self.w.agents[ix].fault = event.error.clone().map(Box::new);
            self.fact_changed(Scope::Agent(ix));
        } else {
            self.report(ix, Status::Running, event);
        }
    }
}
