//! An agent: who it is, what it does, what it uses.

use serde::{Deserialize, Serialize};

use super::snapshot::in_json;
use super::{Session, Task};
use crate::core::arena::Ix;
use crate::core::event::{AgentRef, Fault};
use crate::core::money::Sums;
use crate::core::signal::Signals;
use crate::core::status::Status;
use crate::core::time::{Span, Ts};

/// The most gauges that are kept for one agent.
const MAX_GAUGES: usize = 32;
/// The most tool calls that are remembered as open.
const MAX_OPEN_TOOLS: usize = 64;

/// Who works.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Agent {
    /// The runtime that reports it.
    pub runtime: String,
    /// Its identity there.
    pub id: String,
    /// Name to show.
    pub name: String,
    /// Role such as `Debugger`.
    pub role: Option<String>,
    /// The agent that spawned it.
    pub parent: Option<String>,
    /// Free labels.
    pub tags: Vec<String>,
    /// State as last reported.
    pub reported: Status,
    /// A runtime's own word for what it does, such as `compacting`.
    pub phase: Option<String>,
    /// Since when it is in that state.
    pub since: Ts,
    /// What went wrong last, while it matters.
    #[serde(with = "in_json")]
    pub fault: Option<Box<Fault>>,
    /// Model it used last.
    pub model: Option<String>,
    /// Its current or last session.
    pub session: Option<Ix<Session>>,
    /// How many of the sessions that began as its own have not ended.
    pub open_sessions: u32,
    /// Its current or last task.
    pub task: Option<Ix<Task>>,
    /// All that it has used.
    pub sums: Sums,
    /// When it was first heard of.
    pub first_seen: Ts,
    /// When it was last heard of.
    pub last_seen: Ts,
    /// Approvals of it that wait for a person.
    pub asking: u32,
    /// A person has held it.
    pub pause: Option<Box<Pause>>,
    /// Running, and silent for too long.
    pub silent: bool,
    /// Last values of metrics and resources.
    pub gauges: Vec<(String, f64)>,
    /// Tool calls that have not ended, with their start.
    pub open_tools: Vec<(String, Ts)>,
    /// What rules read of it.
    pub signals: Signals,
}

/// A hold that a person put on an agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// Who.
    pub by: String,
    /// When.
    pub at: Ts,
    /// The runtime has said that it holds.
    pub confirmed: bool,
    /// When it ends by itself.
    pub until: Option<Ts>,
}

impl Agent {
    /// An agent that was just heard of.
    pub fn new(runtime: &str, id: &str, at: Ts) -> Self {
        Self {
            runtime: runtime.to_owned(),
            id: id.to_owned(),
            name: id.to_owned(),
            role: None,
            parent: None,
            tags: Vec::new(),
            reported: Status::Idle,
            phase: None,
            since: at,
            fault: None,
            model: None,
            session: None,
            open_sessions: 0,
            task: None,
            sums: Sums::default(),
            first_seen: at,
            last_seen: at,
            asking: 0,
            pause: None,
            silent: false,
            gauges: Vec::new(),
            open_tools: Vec::new(),
            signals: Signals::default(),
        }
    }

    /// Takes over what an event says about who it is.
    pub fn describe(&mut self, said: &AgentRef) {
        if let Some(name) = said.name.as_ref().filter(|n| !n.trim().is_empty()) {
            self.name.clone_from(name);
        }
        if said.role.is_some() {
            self.role.clone_from(&said.role);
        }
        if said.parent.is_some() {
            self.parent.clone_from(&said.parent);
        }
        if !said.tags.is_empty() {
            self.tags.clone_from(&said.tags);
        }
    }

    /// What it does, as far as can be told.
    pub fn status(&self) -> Status {
        if self.asking > 0 {
            Status::Waiting
        } else if self.pause.is_some() {
            Status::Paused
        } else if self.silent {
            Status::Silent
        } else {
            self.reported
        }
    }

    /// Takes over a reported state. Returns whether it is another one than before.
    pub fn report(&mut self, status: Status, at: Ts) -> bool {
        let changed = self.reported != status;
        if changed {
            self.reported = status;
            self.since = at;
        }
        if status != Status::Error {
            self.fault = None;
        }
        if !status.expects_signs_of_life() {
            self.open_tools.clear();
        }
        changed
    }

    /// How long it has given no sign of life although it should. Waiting for a person, being paused,
    /// being done and sitting in a tool call are not silence.
    pub fn idle(&self, now: Ts) -> Span {
        let expected = self.reported.expects_signs_of_life()
            && self.asking == 0
            && self.pause.is_none()
            && self.open_tools.is_empty();
        if expected { now.since(self.last_seen) } else { Span(0) }
    }

    /// How long its oldest open tool call has been running.
    pub fn in_tool(&self, now: Ts) -> Span {
        let oldest = self.open_tools.iter().map(|(_, since)| *since).min();
        oldest.map_or(Span(0), |since| now.since(since))
    }

    /// A tool call has started.
    pub fn tool_started(&mut self, call: &str, at: Ts) {
        if self.open_tools.len() < MAX_OPEN_TOOLS {
            self.open_tools.push((call.to_owned(), at));
        }
    }

    /// A tool call has ended.
    pub fn tool_ended(&mut self, call: &str) {
        self.open_tools.retain(|(open, _)| open != call);
    }

    /// Sets the last value of a metric; beyond the limit new names are not kept.
    pub fn set_gauge(&mut self, name: &str, value: f64) {
        if let Some((_, last)) = self.gauges.iter_mut().find(|(have, _)| have == name) {
            *last = value;
        } else if self.gauges.len() < MAX_GAUGES {
            self.gauges.push((name.to_owned(), value));
        }
    }

    /// The last value of a metric.
    pub fn gauge(&self, name: &str) -> Option<f64> {
        self.gauges.iter().find(|(have, _)| have == name).map(|(_, value)| *value)
    }
}
