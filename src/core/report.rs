//! What an event changes: agents, sessions and tasks, their links, and the signals that rules read.

mod life;
mod usage;
mod work;

use std::ops::Deref;

use super::arena::Ix;
use super::control::Point;
use super::event::{Event, EventKind, Fault};
use super::input::Reported;
use super::signal::Measure;
use super::step::Fold;
use super::time::{Span, Ts};
use super::world::{Agent, Scope, Session, Task};

/// How far the clock of a runtime may be behind the time of receipt before windows stop believing it.
const LATE: Span = Span::mins(10);
/// The same of a runtime that was asked for what it remembers: as long as costs are kept apart by their time.
const RECALLED: Span = Span::days(7);

/// What an event is about, looked up or made.
#[derive(Clone, Copy)]
struct About {
    agent: Option<Ix<Agent>>,
    session: Option<Ix<Session>>,
    task: Option<Ix<Task>>,
    /// When it happened, by the runtime's clock.
    time: Ts,
    /// The same, as far as windows believe it.
    when: Ts,
    /// It was asked for afterwards.
    recalled: bool,
}

impl About {
    /// The scopes for which rules may be judged.
    fn scopes(&self) -> Scopes {
        let mut scopes = Scopes { all: [Scope::Fleet; 4], count: 0 };
        let agent = self.agent.map(Scope::Agent);
        let session = self.session.map(Scope::Session);
        let task = self.task.map(Scope::Task);
        for scope in agent.into_iter().chain(session).chain(task).chain([Scope::Fleet]) {
            scopes.all[scopes.count] = scope;
            scopes.count += 1;
        }
        scopes
    }
}

/// At most one scope of each kind, the narrowest first.
struct Scopes {
    all: [Scope; 4],
    count: usize,
}

impl Deref for Scopes {
    type Target = [Scope];
    fn deref(&self) -> &[Scope] {
        &self.all[..self.count]
    }
}

impl Fold<'_> {
    /// A runtime has reported something.
    pub(super) fn event(&mut self, reported: &Reported) {
        let event = &reported.event;
        if let Some((thing, most)) = self.w.lacks_room_for(reported) {
            return self.no_room(thing, most, &reported.runtime);
        }
        let about = self.about(reported);
        let scopes = about.scopes();
        self.seen(&about, event);
        self.apply(&about, reported);
        self.measures(&about, &scopes, event);
        self.judge_all(&scopes);
        if let Some(agent) = about.agent {
            self.out.changed.agent(agent);
        }
        if let Some(session) = about.session {
            self.out.changed.sessions.insert(session);
            if let Some(point) = reported.gate {
                self.gate(session, point);
            }
        }
        if let Some(task) = about.task {
            self.out.changed.tasks.insert(task);
            self.redraw_task(task);
        }
    }

    fn apply(&mut self, about: &About, reported: &Reported) {
        use EventKind as K;
        let event = &reported.event;
        match &event.kind {
            K::AgentRegistered | K::AgentHeartbeat | K::AgentStatus => self.agent_reports(about, event),
            K::SessionStarted | K::SessionProgress => self.session_goes_on(about, event),
            K::SessionEnded | K::SessionFailed => self.session_over(about, event),
            K::TaskCreated | K::TaskAssigned | K::TaskStarted => self.task_moves(about, event),
            K::TaskCompleted | K::TaskFailed => self.task_over(about, event),
            K::StepStarted | K::StepEnded => self.step(about, event),
            K::ModelCall => self.model_call(about, event),
            K::ToolStarted => self.tool_started(about, event),
            K::ToolEnded => self.tool_ended(about, event),
            K::Handoff => self.handoff(about, event),
            K::ApprovalRequested => {
                if let Some(agent) = about.agent {
                    self.asked(reported, agent, about.session);
                }
            }
            K::ApprovalResolved => self.withdrawn(reported, true),
            K::ApprovalCancelled => self.withdrawn(reported, false),
            K::Message => self.message(about, event),
            K::Metric | K::Resource => self.gauges(about, event),
            K::Deployment => {}
            K::Other(_) => self.w.counters.unknown_events += 1,
        }
        self.log_line(about, event);
    }

    /// Finds, or makes, what the event is about, and links it both ways.
    fn about(&mut self, reported: &Reported) -> About {
        let event = &reported.event;
        let time = event.time.unwrap_or(reported.received);
        let behind = if reported.recalled { RECALLED } else { LATE };
        let when = time.max(reported.received.minus(behind)).min(self.at);
        let session = event.session.as_ref().and_then(|said| self.w.session(&reported.runtime, &said.id));
        let agent = self.agent_for(reported, session);
        let session = match (&event.session, agent) {
            (Some(said), Some(agent)) => {
                Some(session.unwrap_or_else(|| self.new_session(&reported.runtime, &said.id, agent, time)))
            }
            _ => None,
        };
        let task = self.task_for(event, agent, session, time);
        let about = About { agent, session, task, time, when, recalled: reported.recalled };
        self.link(&about, event);
        about
    }

    fn agent_for(&mut self, reported: &Reported, session: Option<Ix<Session>>) -> Option<Ix<Agent>> {
        let runtime = reported.runtime.as_str();
        let id = match (&reported.event.agent, session) {
            (Some(said), _) => said.id.as_str(),
            (None, Some(session)) => return Some(self.w.sessions[session].agent),
            // A session that names no agent: its runtime stands in for one.
            (None, None) if reported.event.session.is_some() => runtime,
            (None, None) => return None,
        };
        let ix = self.w.agent(runtime, id).unwrap_or_else(|| {
            let ix = self.w.agents.insert(Agent::new(runtime, id, self.at));
            self.w.diary.at(self.at).heard(runtime);
            self.w.index.agents.insert(&self.w.agents, ix);
            ix
        });
        if let Some(said) = &reported.event.agent {
            self.w.agents[ix].describe(said);
        }
        Some(ix)
    }

    fn new_session(&mut self, runtime: &str, id: &str, agent: Ix<Agent>, time: Ts) -> Ix<Session> {
        let mut session = Session::new(runtime, id, agent, time);
        session.last_seen = self.at;
        let ix = self.w.sessions.insert(session);
        self.w.diary.at(self.at).sessions += 1;
        self.w.agents[agent].open_sessions += 1;
        self.w.index.sessions.insert(&self.w.sessions, ix);
        ix
    }

    fn task_for(
        &mut self,
        event: &Event,
        agent: Option<Ix<Agent>>,
        session: Option<Ix<Session>>,
        time: Ts,
    ) -> Option<Ix<Task>> {
        let Some(said) = &event.task else {
            let of_session = session.and_then(|ix| self.w.sessions[ix].task);
            // Without a session, the work of an agent belongs to the task that it was last seen on.
            let of_agent = || session.is_none().then(|| agent.and_then(|ix| self.w.agents[ix].task)).flatten();
            return of_session.or_else(of_agent);
        };
        let ix = self.w.task(&said.id).unwrap_or_else(|| {
            let ix = self.w.tasks.insert(Task::new(&said.id, time));
            self.w.index.tasks.insert(&self.w.tasks, ix);
            ix
        });
        self.w.tasks[ix].describe(said);
        Some(ix)
    }

    fn link(&mut self, about: &About, event: &Event) {
        let at = self.at;
        if let (Some(task), Some(agent)) = (about.task, about.agent) {
            self.w.tasks[task].link(about.session, agent);
            self.w.agents[agent].task = Some(task);
        }
        if let Some(task) = about.task {
            self.w.tasks[task].last_seen = at;
        }
        if let Some(ix) = about.session {
            let session = &mut self.w.sessions[ix];
            session.last_seen = at;
            session.started = session.started.min(about.time);
            if about.task.is_some() {
                session.task = about.task;
            }
            if let Some(said) = &event.session {
                for (known, said) in [
                    (&mut session.parent, &said.parent),
                    (&mut session.cwd, &said.cwd),
                    (&mut session.branch, &said.branch),
                ] {
                    if said.is_some() {
                        known.clone_from(said);
                    }
                }
            }
            // What is recalled may be older than what is known.
            if event.model.is_some() && !(about.recalled && session.model.is_some()) {
                session.model.clone_from(&event.model);
            }
            if let Some(agent) = about.agent.filter(|agent| !about.recalled || self.w.agents[*agent].session.is_none())
            {
                self.w.agents[agent].session = Some(ix);
            }
        }
        if let Some(agent) = about.agent
            && event.model.is_some()
            && !(about.recalled && self.w.agents[agent].model.is_some())
        {
            self.w.agents[agent].model.clone_from(&event.model);
        }
    }

    /// Any event is a sign of life.
    fn seen(&mut self, about: &About, event: &Event) {
        let at = self.at;
        if let Some(ix) = about.agent {
            let agent = &mut self.w.agents[ix];
            let (before, was_silent) = (agent.last_seen, agent.silent);
            agent.last_seen = at;
            if was_silent {
                agent.silent = false;
                agent.since = at;
                self.fact_changed(Scope::Agent(ix));
            }
            self.note_heard(ix, before, was_silent);
        }
        if let (Some(progress), Some(session)) = (&event.progress, about.session) {
            self.w.sessions[session].advance(progress);
            self.fact_changed(Scope::Session(session));
        }
        if let (Some(progress), Some(task)) = (&event.progress, about.task) {
            super::world::merge_progress(&mut self.w.tasks[task].progress, progress);
            self.fact_changed(Scope::Task(task));
        }
    }

    /// Sums that any kind of event may add to.
    fn measures(&mut self, about: &About, scopes: &[Scope], event: &Event) {
        if let Some(fault) = &event.error {
            self.measure(scopes, Measure::Errors, 1, about.when);
            self.note_fault(&fault.kind, about.agent);
            if is_timeout(fault) {
                self.measure(scopes, Measure::Timeouts, 1, about.when);
            }
        }
        let timed = matches!(event.kind, EventKind::ModelCall | EventKind::ToolEnded);
        if let Some(took) = event.duration_ms.filter(|_| timed) {
            let took = i64::try_from(took).unwrap_or(i64::MAX / 2).min(i64::MAX / 2);
            self.measure(scopes, Measure::Latency, took, about.when);
            self.measure(scopes, Measure::Timed, 1, about.when);
        }
    }

    fn log_line(&mut self, about: &About, event: &Event) {
        let Some(session) = about.session else { return };
        if matches!(event.kind, EventKind::AgentHeartbeat | EventKind::Metric | EventKind::Resource) {
            return;
        }
        let error = event.error.as_ref().map(|e| e.message.as_ref().unwrap_or(&e.kind));
        let parts = [
            event.tool.as_ref().map(|t| &t.name),
            event.step.as_ref().map(|s| &s.name),
            event.status.as_ref(),
            error,
            event.message.as_ref(),
        ];
        self.w.sessions[session].lines.push(about.time, event.kind.as_str(), parts.into_iter().flatten());
    }
}

fn is_timeout(fault: &Fault) -> bool {
    let has = |word: &str| fault.kind.as_bytes().windows(word.len()).any(|w| w.eq_ignore_ascii_case(word.as_bytes()));
    has("timeout") || has("timed_out")
}

impl Reported {
    /// An event as intake received it, of an agent that does not stand at a gate.
    pub fn new(runtime: &str, received: Ts, event: Event) -> Self {
        Self { runtime: runtime.to_owned(), received, gate: None, recalled: false, event }
    }

    /// The same, of what the runtime remembers and was asked for.
    #[must_use]
    pub const fn recalled(mut self) -> Self {
        self.recalled = true;
        self
    }

    /// The same, of an agent that waits for an answer at `point`.
    #[must_use]
    pub const fn at_gate(mut self, point: Point) -> Self {
        self.gate = Some(point);
        self
    }
}
