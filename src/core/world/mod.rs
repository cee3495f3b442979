//! What is believed now: the fold of the log.
//!
//! The World keeps what rules, cards and commands need at this moment, bounded; history is the
//! store's. It can be written down as a snapshot and read back, and folding the same log from nothing
//! gives the same World again.

mod agent;
mod deeds;
mod diary;
mod forget;
mod index;
mod ledger;
mod lines;
mod pages;
mod room;
mod session;
mod snapshot;
mod tally;
mod task;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use agent::{Agent, Pause};
pub use deeds::{Deed, Deeds};
pub use diary::{Diary, Gap};
pub use forget::FORGET_EVERY;
pub use index::{Episode, Index, Named, Names};
pub use ledger::{Cell, CellKey, Ledger, QUARTER};
pub use lines::{Lines, LogLine};
pub use pages::{ByName, Money, Page, Pages, Spent};
pub use room::{MOST_AGENTS, MOST_APPROVALS, MOST_SESSIONS, MOST_TASKS};
pub use session::{Basis, Grant, MAX_GRANTS, Session, merge_progress};
pub use tally::{Ended, Faults, Fired, OTHERS, Tally, Work};
pub use task::{Column, StepState, Task};

use super::alert::Alert;
use super::approval::Approval;
use super::arena::{Arena, Ix};
use super::audit::ChainHead;
use super::briefing::Briefings;
use super::contact::Lost;
use super::control::Control;
use super::delivery::{Card, Copy, DeadBook, Line, Outstanding};
use super::device::Notified;
use super::people::Roster;
use super::policy::{Policy, ScopeKind};
use super::preference::Preferences;
use super::rule::RuleBook;
use super::schedule::Schedule;
use super::signal::Signals;
use super::signin::SignIns;
use super::time::Ts;

/// For what a rule is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// One agent.
    Agent(Ix<Agent>),
    /// One session.
    Session(Ix<Session>),
    /// One task.
    Task(Ix<Task>),
    /// Everything.
    Fleet,
}

impl Scope {
    /// The kind of scope.
    pub const fn kind(&self) -> ScopeKind {
        match self {
            Self::Agent(_) => ScopeKind::Agent,
            Self::Session(_) => ScopeKind::Session,
            Self::Task(_) => ScopeKind::Task,
            Self::Fleet => ScopeKind::Fleet,
        }
    }
}

/// Counters from which identifiers are made; they only grow.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Alerts, shown as `A17`.
    pub alerts: u64,
    /// Approvals.
    pub approvals: u64,
    /// Grants, shown as `G3`.
    pub grants: u64,
    /// Cards.
    pub cards: u64,
    /// Copies of cards.
    pub copies: u64,
    /// Events of a kind that nobody knows.
    pub unknown_events: u64,
}

/// The fold of the log. What there is much of is skipped here: a snapshot has it apart.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct World {
    /// Time of the newest input; never goes back.
    pub now: Ts,
    /// Position of the newest input.
    pub pos: u64,
    /// Since when no time was lost: silence counts from here at the earliest.
    #[serde(default)]
    pub attentive: Ts,
    /// When people were last told that the clock jumped.
    #[serde(default)]
    pub jump_told: Option<Ts>,
    /// When people were last told that the fold broke over something.
    #[serde(default)]
    pub quarantine_told: Option<Ts>,
    /// When people were last told that there is no room for more.
    #[serde(default)]
    pub no_room_told: Option<Ts>,
    /// Runtimes of which people were told that they are away.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub lost: BTreeMap<String, Lost>,
    /// The policy in force.
    pub policy: Arc<Policy>,
    /// Who works.
    #[serde(skip)]
    pub agents: Arena<Agent>,
    /// Their runs.
    #[serde(skip)]
    pub sessions: Arena<Session>,
    /// What they work on.
    #[serde(skip)]
    pub tasks: Arena<Task>,
    /// What rules read of everything together.
    #[serde(skip)]
    pub fleet: Signals,
    /// Money by time, agent, model and task.
    #[serde(skip)]
    pub ledger: Ledger,
    /// Alerts that are open or recently resolved, by number. In boxes, as cards and copies are: numbers only grow, and
    /// then the nodes of such a map are half empty.
    pub alerts: BTreeMap<u64, Box<Alert>>,
    /// Approvals that are open or recently decided, by number.
    pub approvals: BTreeMap<u64, Approval>,
    /// Control calls that are under way or recently ended, by outbox row.
    pub controls: BTreeMap<String, Control>,
    /// Cards that can still change or be tapped, by number.
    pub cards: BTreeMap<u64, Box<Card>>,
    /// Their copies, by number.
    pub copies: BTreeMap<u64, Box<Copy>>,
    /// Outbox rows without a final outcome.
    pub outstanding: BTreeMap<String, Outstanding>,
    /// How channels have answered lately, by name.
    #[serde(default)]
    pub lines: BTreeMap<String, Line>,
    /// When rows were given up lately.
    #[serde(default)]
    pub dead: DeadBook,
    /// What has happened lately.
    #[serde(default)]
    pub diary: Diary,
    /// Days that are over, on the clocks of those who read digests.
    #[serde(default)]
    pub pages: Pages,
    /// What was told in digests.
    #[serde(default)]
    pub briefings: Briefings,
    /// Where destinations have moved to, by (channel, old target).
    #[serde(with = "pairs")]
    pub moved: BTreeMap<(String, String), String>,
    /// Links and sessions of the page.
    pub signins: SignIns,
    /// Devices on which people are notified, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub devices: BTreeMap<String, Notified>,
    /// What is known of people beyond the configuration.
    #[serde(default, skip_serializing_if = "Roster::is_empty")]
    pub roster: Roster,
    /// What people want to be told, and what waits because of it.
    #[serde(default, skip_serializing_if = "Preferences::is_empty")]
    pub preferences: Preferences,
    /// Deadlines.
    #[serde(skip)]
    pub schedule: Schedule,
    /// End of the audit chain.
    pub audit: ChainHead,
    /// The last of what people and sereno did, as the audit has it.
    #[serde(default)]
    pub deeds: Deeds,
    /// Where identifiers stand.
    pub counters: Counters,
    /// How often the store was brought back from a copy, counted from 1; 0 before the first time.
    #[serde(default)]
    pub epoch: u64,
    /// Rules of the policy, compiled.
    #[serde(skip)]
    pub rules: Arc<RuleBook>,
    /// How names are found.
    #[serde(skip)]
    pub index: Index,
}

impl World {
    fn rebuilt_index(&self) -> Index {
        let mut index = Index {
            agents: Names::of(&self.agents),
            sessions: Names::of(&self.sessions),
            tasks: Names::of(&self.tasks),
            ..Index::default()
        };
        for (number, approval) in &self.approvals {
            index.approvals.insert((approval.runtime.clone(), approval.external.clone()), *number);
        }
        for (number, alert) in self.alerts.iter().filter(|(_, a)| a.is_live(self.now)) {
            index.alerts.insert((alert.rule.clone(), alert.scope), *number);
        }
        index
    }

    /// An agent by its runtime and its identifier there.
    pub fn agent(&self, runtime: &str, id: &str) -> Option<Ix<Agent>> {
        self.index.agents.find(&self.agents, (runtime, id))
    }

    /// A session by its runtime and its identifier there.
    pub fn session(&self, runtime: &str, id: &str) -> Option<Ix<Session>> {
        self.index.sessions.find(&self.sessions, (runtime, id))
    }

    /// A task by its identifier.
    pub fn task(&self, id: &str) -> Option<Ix<Task>> {
        self.index.tasks.find(&self.tasks, ("", id))
    }

    /// The next deadline.
    pub fn next_deadline(&self) -> Option<Ts> {
        self.schedule.next()
    }
}

/// Maps with pairs as keys, as lists: JSON has no such maps.
mod pairs {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    type Map = BTreeMap<(String, String), String>;

    pub fn serialize<S: Serializer>(map: &Map, to: S) -> Result<S::Ok, S::Error> {
        map.iter().collect::<Vec<_>>().serialize(to)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Map, D::Error> {
        Ok(Vec::<((String, String), String)>::deserialize(from)?.into_iter().collect())
    }
}
