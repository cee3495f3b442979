//! A task: what the work is for, linked both ways with the sessions that serve it.

use serde::{Deserialize, Serialize};

use super::snapshot::in_json;
use super::{Agent, Session};
use crate::core::arena::Ix;
use crate::core::event::{Progress, TaskRef};
use crate::core::money::Sums;
use crate::core::signal::Signals;
use crate::core::time::Ts;

/// Sessions and agents that are listed for one task.
const MAX_LINKS: usize = 200;
/// Steps that are kept for one task.
const MAX_STEPS: usize = 50;

/// The business task that sessions serve.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// Its identity, the same for every runtime.
    pub id: String,
    /// Title to show.
    pub title: Option<String>,
    /// What sort of task.
    pub kind: Option<String>,
    /// Where it lives.
    pub url: Option<String>,
    /// Where it stands.
    pub column: Column,
    /// When it was first heard of, by the runtime's clock.
    pub created: Ts,
    /// When work began, by the runtime's clock.
    pub started: Option<Ts>,
    /// When it was completed or failed, by the runtime's clock.
    pub ended: Option<Ts>,
    /// When it was last heard of.
    pub last_seen: Ts,
    /// Sessions that serve it, in order of appearance.
    pub sessions: Vec<Ix<Session>>,
    /// What each agent used for it, in order of appearance.
    pub agents: Vec<(Ix<Agent>, Sums)>,
    /// Families of models that were used for it, in order of appearance.
    pub families: Vec<String>,
    /// All that was used for it.
    pub sums: Sums,
    /// How far it is.
    #[serde(with = "in_json")]
    pub progress: Progress,
    /// Its stages.
    pub steps: Vec<StepState>,
    /// Last words about it. Hostile.
    pub note: Option<String>,
    /// Its living card.
    pub card: Option<u64>,
    /// What rules read of it.
    pub signals: Signals,
}

/// Where a task stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Column {
    Inbox,
    Assigned,
    Running,
    Completed,
    Failed,
}

impl Column {
    /// Every column, in board order.
    pub const ALL: [Self; 5] = [Self::Inbox, Self::Assigned, Self::Running, Self::Completed, Self::Failed];

    /// The word in code and tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Inbox => "inbox",
            Self::Assigned => "assigned",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
        }
    }

    /// Whether work on it is over.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Failed)
    }
}

/// One stage of a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepState {
    /// Name. Hostile.
    pub name: String,
    /// `None` while it goes on.
    pub ok: Option<bool>,
}

impl Task {
    /// A task that was just heard of.
    pub fn new(id: &str, at: Ts) -> Self {
        Self {
            id: id.to_owned(),
            title: None,
            kind: None,
            url: None,
            column: Column::Inbox,
            created: at,
            started: None,
            ended: None,
            last_seen: at,
            sessions: Vec::new(),
            agents: Vec::new(),
            families: Vec::new(),
            sums: Sums::default(),
            progress: Progress::default(),
            steps: Vec::new(),
            note: None,
            card: None,
            signals: Signals::default(),
        }
    }

    /// Takes over what an event says about it.
    pub fn describe(&mut self, said: &TaskRef) {
        for (known, said) in [(&mut self.title, &said.title), (&mut self.kind, &said.kind), (&mut self.url, &said.url)]
        {
            if said.is_some() {
                known.clone_from(said);
            }
        }
    }

    /// Links a session and its agent.
    pub fn link(&mut self, session: Option<Ix<Session>>, agent: Ix<Agent>) {
        if let Some(session) = session
            && !self.sessions.contains(&session)
            && self.sessions.len() < MAX_LINKS
        {
            self.sessions.push(session);
        }
        self.agent_sums(agent);
    }

    /// What `agent` used for it. Beyond the limit the last listed agent stands for the rest, so that
    /// the parts still add up.
    pub fn agent_sums(&mut self, agent: Ix<Agent>) -> &mut Sums {
        let found = self.agents.iter().position(|(have, _)| *have == agent);
        let place = found.unwrap_or_else(|| {
            if self.agents.len() < MAX_LINKS {
                self.agents.push((agent, Sums::default()));
            }
            self.agents.len() - 1
        });
        &mut self.agents[place].1
    }

    /// Notes that a family of models was used.
    pub fn used_family(&mut self, family: &str) {
        if !self.families.iter().any(|have| have == family) && self.families.len() < MAX_LINKS {
            self.families.push(family.to_owned());
        }
    }

    /// Moves a stage; `ok` is `None` when it starts.
    pub fn step(&mut self, name: &str, ok: Option<bool>) {
        if let Some(step) = self.steps.iter_mut().find(|s| s.name == name) {
            step.ok = ok;
        } else if self.steps.len() < MAX_STEPS {
            self.steps.push(StepState { name: name.to_owned(), ok });
        }
    }

    /// When work began, for durations.
    pub fn began(&self) -> Ts {
        self.started.map_or(self.created, |started| started.min(self.created))
    }
}
