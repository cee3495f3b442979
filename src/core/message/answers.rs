//! What the answers to commands show: a typed context each, also rows of the read models.

use serde::{Deserialize, Serialize};

use super::Counts;
use super::overview::BudgetRow;
use super::views::{AlertView, ApprovalView, FaultView, TaskLabel, Who};
use crate::core::access::Role;
use crate::core::event::{Progress, StepRef};
use crate::core::money::{Micros, Sums};
use crate::core::status::Status;
use crate::core::time::{Span, Ts};
use crate::core::world::{Basis, Column, LogLine, StepState};

/// `/status`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StatusView {
    /// Agents by state.
    pub counts: Counts,
    /// How many agents there are.
    pub agents: u32,
    /// Open alerts.
    pub alerts: u32,
    /// Approvals that wait.
    pub approvals: u32,
    /// Cost today.
    pub today: Micros,
    /// Tasks under way.
    pub tasks: u32,
    /// Runtimes with the time of their last word.
    pub feeds: Vec<(String, Option<Ts>)>,
    /// Messages and calls that wait in the outbox.
    pub waiting: u32,
    /// Destinations that do not take messages, and why.
    pub broken: Vec<(String, String)>,
    /// Channels through which nothing goes now, since when, and why.
    #[serde(default)]
    pub unreachable: Vec<(String, Ts, String)>,
    /// Events of a kind that nobody knows.
    pub unknown_events: u64,
    /// When this was true.
    pub at: Ts,
}

/// `/dead`: what could not be delivered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadView {
    /// How many rows of each channel.
    pub channels: Vec<(String, u32)>,
    /// The newest of them.
    pub rows: Vec<DeadRow>,
    /// Further ones.
    pub more: usize,
    /// When this was true.
    pub at: Ts,
}

/// A row that was given up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadRow {
    /// Its identity.
    pub id: String,
    /// Channel and target.
    pub to: String,
    /// Why.
    pub error: String,
    /// When it was given up.
    pub since: Ts,
}

/// What somebody missed while a channel did not answer, or what was kept from them in their quiet hours.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissedView {
    /// The channel's kind.
    pub channel: String,
    /// They did not want to hear of it until now.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub quiet: bool,
    /// Since when it did not answer; in quiet hours, when the first was kept.
    pub since: Ts,
    /// Until when.
    pub until: Ts,
    /// Alerts that fired meanwhile.
    pub alerts: u32,
    /// How many of them are over.
    pub over: u32,
    /// Those that are still open, by number and rule; not more than ten.
    pub open: Vec<(u64, String)>,
    /// Those that began and ended in quiet hours; not more than ten.
    #[serde(default)]
    pub passed: Vec<PassedRow>,
    /// Messages about tasks.
    pub tasks: u32,
    /// Tasks among them that ended, and whether they were completed; not more than ten. Hostile.
    #[serde(default)]
    pub ended: Vec<(TaskLabel, bool)>,
    /// Other messages.
    pub other: u32,
}

/// An alert that is over before somebody heard of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassedRow {
    /// Its short name.
    pub code: String,
    /// Its rule.
    pub rule: String,
    /// When it fired.
    pub fired: Ts,
    /// When it was resolved.
    pub resolved: Ts,
}

/// One agent in a list; also a row of the read model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AgentRow {
    /// Who.
    #[serde(flatten)]
    pub who: Who,
    /// State.
    pub status: Status,
    /// A runtime's own word for what it does.
    pub phase: Option<String>,
    /// Since when.
    pub since: Ts,
    /// What it works on.
    pub task: Option<TaskLabel>,
    /// In which session.
    pub session: Option<String>,
    /// What it waits for a person to decide. Hostile.
    pub wants: Option<String>,
    /// What went wrong.
    pub fault: Option<FaultView>,
    /// Stage.
    pub step: Option<StepRef>,
    /// How far it is.
    pub progress: Progress,
    /// Who holds it, and whether the runtime has confirmed that.
    pub paused: Option<(String, bool)>,
    /// Branch. Hostile.
    pub branch: Option<String>,
    /// Tokens of the current session, or of all when there is none.
    pub tokens: u64,
    /// Cost of the same; `None` when nothing has said what it used.
    pub cost: Option<Micros>,
    /// When the current session began.
    pub started: Option<Ts>,
    /// When it was last heard of.
    pub last_seen: Ts,
    /// Labels.
    pub tags: Vec<String>,
}

/// `/agents`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AgentsView {
    /// Agents by state.
    pub counts: Counts,
    /// The worst first.
    pub rows: Vec<AgentRow>,
    /// How many are not listed.
    pub more: usize,
    /// Cost today, of everything.
    pub today: Micros,
    /// What was asked for, when not everything.
    pub filter: Option<String>,
    /// When this was true.
    pub at: Ts,
}

/// `/agent NAME`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AgentView {
    /// The row.
    pub row: AgentRow,
    /// All that it has used.
    pub sums: Sums,
    /// What can be asked of its runtime.
    pub can: Vec<String>,
    /// Last values of metrics.
    pub gauges: Vec<(String, f64)>,
    /// Its sessions, newest first.
    pub sessions: Vec<SessionRow>,
    /// When this was true.
    pub at: Ts,
}

/// One session in a list; also a row of the read model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SessionRow {
    /// Identity.
    pub id: String,
    /// The short form.
    pub short: String,
    /// Who runs.
    pub agent: Who,
    /// What it serves.
    pub task: Option<TaskLabel>,
    /// State.
    pub status: Status,
    /// A runtime's own word for what it does.
    pub phase: Option<String>,
    /// When it began.
    pub started: Ts,
    /// When it ended.
    pub ended: Option<Ts>,
    /// When it was last heard of.
    pub last_seen: Ts,
    /// All that it has used.
    pub sums: Sums,
    /// How its cost is known.
    pub basis: Basis,
    /// Reported minus computed cost, where both are known.
    pub difference: Micros,
    /// Working directory. Hostile.
    pub cwd: Option<String>,
    /// Branch. Hostile.
    pub branch: Option<String>,
}

/// `/sessions`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SessionsView {
    /// Newest first.
    pub rows: Vec<SessionRow>,
    /// How many are not listed.
    pub more: usize,
    /// What was asked for, when not everything.
    pub filter: Option<String>,
    /// When this was true.
    pub at: Ts,
}

/// `/session ID`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SessionView {
    /// The row.
    pub row: SessionRow,
    /// What is approved without asking again: number, what, by whom, how often used. Hostile.
    pub grants: Vec<(String, String, String, u32)>,
    /// Last runs of equal tools.
    pub tools: Vec<(String, u32)>,
    /// How far it is.
    pub progress: Progress,
    /// What went wrong.
    pub fault: Option<FaultView>,
    /// When this was true.
    pub at: Ts,
}

/// One task in a list; also a row of the read model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskRow {
    /// The task.
    #[serde(flatten)]
    pub label: TaskLabel,
    /// Where it stands.
    pub column: Column,
    /// Who works on it, in order of appearance. Hostile.
    pub agents: Vec<String>,
    /// Sessions that serve it.
    pub sessions: Vec<String>,
    /// All that was used for it.
    pub sums: Sums,
    /// How far it is.
    pub progress: Progress,
    /// Its stages.
    pub steps: Vec<StepState>,
    /// When it was created.
    pub created: Ts,
    /// When it ended.
    pub ended: Option<Ts>,
    /// How long it has been, or was, worked on.
    pub took: Span,
    /// Where it lives. Hostile.
    pub url: Option<String>,
    /// What each of those who work on it did; rows of earlier versions do not tell.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<TaskPart>,
}

/// What one agent did for a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskPart {
    /// `runtime/identity`.
    pub agent: String,
    /// Its name. Hostile.
    pub name: String,
    /// Its sessions that serve the task.
    pub sessions: Vec<String>,
    /// What it used for it.
    pub sums: Sums,
}

impl TaskRow {
    /// The same for somebody who may see some agents, by `runtime/identity`: who else works on it, and what they used,
    /// is left out. `None` when nobody is left.
    #[must_use]
    pub fn seen_by(mut self, may: impl Fn(&str) -> bool) -> Option<Self> {
        let all = self.parts.len();
        self.parts.retain(|part| may(&part.agent));
        if self.parts.is_empty() {
            return None;
        }
        if self.parts.len() < all {
            self.agents = self.parts.iter().map(|part| part.name.clone()).collect();
            self.sessions = self.parts.iter().flat_map(|part| part.sessions.iter().cloned()).collect();
            self.sums = self.parts.iter().map(|part| part.sums).sum();
        }
        Some(self)
    }
}

/// `/tasks`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TasksView {
    /// Tasks by column.
    pub counts: Vec<(Column, u32)>,
    /// Open ones first, then the newest.
    pub rows: Vec<TaskRow>,
    /// How many are not listed.
    pub more: usize,
    /// When this was true.
    pub at: Ts,
}

/// `/task ID`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskView {
    /// The row.
    pub row: TaskRow,
    /// What each agent used, in cents that add up to the total. Hostile names.
    pub agents: Vec<(String, i64)>,
    /// Its sessions.
    pub sessions: Vec<SessionRow>,
    /// Families of models.
    pub families: Vec<String>,
    /// Last words. Hostile.
    pub note: Option<String>,
    /// When this was true.
    pub at: Ts,
}

/// `/cost`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CostView {
    /// `today`, or a span such as `7d`.
    pub period: String,
    /// Since when.
    pub from: Ts,
    /// Everything in that time.
    pub total: Sums,
    /// The total in cents, to which every group adds up.
    pub total_cents: i64,
    /// Groupings such as by model and by agent.
    pub groups: Vec<CostGroup>,
    /// Cost in slices of that time, oldest first.
    pub slices: Vec<Micros>,
    /// Length of a slice; the first and the last may be shorter.
    pub slice: Span,
    /// When each slice begins.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub edges: Vec<Ts>,
    /// Cost of the last hour.
    pub last_hour: Micros,
    /// Sum of reported minus computed cost of current sessions, where both are known.
    pub difference: Micros,
    /// What may be spent on such a day, and how much of it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<BudgetRow>,
    /// For what, when not everything.
    pub filter: Option<String>,
    /// Date of the price table.
    pub prices: String,
    /// When this was true.
    pub at: Ts,
}

/// One grouping of costs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CostGroup {
    /// `model`, `agent` or `task`.
    pub by: String,
    /// The largest first; the cents add up to the total, the percentages to 100.
    pub rows: Vec<CostRow>,
}

/// One row of a grouping.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CostRow {
    /// Whose. Hostile; empty where the cost belongs to no task.
    pub name: String,
    /// Cents.
    pub cents: i64,
    /// Whole percent.
    pub percent: i64,
    /// Calls, tokens and exact cost.
    pub sums: Sums,
}

/// `/alerts`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AlertsView {
    /// Open ones, the most severe first; then recently resolved ones.
    pub rows: Vec<AlertView>,
    /// When this was true.
    pub at: Ts,
}

/// `/approvals`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ApprovalsView {
    /// Those that wait, the soonest deadline first.
    pub pending: Vec<ApprovalView>,
    /// Recently decided ones, newest first.
    pub recent: Vec<ApprovalView>,
    /// What is approved without asking again: number, agent, what, by whom. Hostile.
    pub grants: Vec<(String, String, String, String)>,
    /// When this was true.
    pub at: Ts,
}

/// `/logs`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogsView {
    /// Whose.
    pub agent: Who,
    /// Which session.
    pub session: String,
    /// Oldest first. Hostile.
    pub lines: Vec<LogLine>,
    /// When this was true.
    pub at: Ts,
}

/// `/whoami`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WhoamiView {
    /// The channel that was used.
    pub channel: String,
    /// The account there.
    pub account: String,
    /// The person behind it, with role, language and zone.
    pub person: Option<(String, Role, String, String)>,
    /// The commands that they may use.
    pub may: Vec<String>,
}

/// `/help`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HelpView {
    /// Commands to explain, by name; one when one was asked for.
    pub commands: Vec<String>,
    /// Whether one was asked for.
    pub detail: bool,
}
