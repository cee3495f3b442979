//! What each template gets to draw.

use serde::{Deserialize, Serialize};

use super::super::access::Role;
use super::super::event::{Progress, StepRef};
use super::super::money::{Micros, Sums};
use super::super::policy::Severity;
use super::super::status::Status;
use super::super::time::{Span, Ts};
use super::super::world::{Basis, Column, LogLine, StepState};
use super::Counts;

/// Who: the name, and what is known around it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Who {
    /// Name to show. Hostile.
    pub name: String,
    /// Identity in its runtime.
    pub id: String,
    /// Role. Hostile.
    pub role: Option<String>,
    /// Runtime.
    pub runtime: String,
    /// Label of the model used last.
    pub model: Option<String>,
}

/// A task by its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskLabel {
    /// Identity.
    pub id: String,
    /// Title. Hostile.
    pub title: Option<String>,
}

/// An error as a list shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultView {
    /// Type.
    pub kind: String,
    /// Text. Hostile.
    pub message: Option<String>,
    /// When it may be tried again.
    pub retry_at: Option<Ts>,
}

/// An alert's card.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AlertView {
    /// Such as `A17`.
    pub code: String,
    /// Name of the rule.
    pub rule: String,
    /// The rule's condition.
    pub condition: String,
    /// Severity.
    pub severity: Severity,
    /// `firing`, `acked` or `resolved`.
    pub state: String,
    /// The signal that leads the condition, such as `cost`.
    pub signal: String,
    /// Its value when it fired.
    pub value: f64,
    /// The limit, when the condition is a plain comparison.
    pub limit: Option<f64>,
    /// The window of the signal.
    pub window: Option<Span>,
    /// About whom.
    pub who: Option<Who>,
    /// For what it works.
    pub task: Option<TaskLabel>,
    /// In which session.
    pub session: Option<String>,
    /// What it has spent in that session or task.
    pub spent: Micros,
    /// Last runs of equal tools.
    pub tools: Vec<(String, u32)>,
    /// How far it is.
    pub progress: Progress,
    /// What went wrong last.
    pub fault: Option<FaultView>,
    /// The repeated call.
    pub repeated: Option<RepeatedView>,
    /// Since when the condition holds.
    pub since: Ts,
    /// When it was resolved.
    pub resolved: Option<Ts>,
    /// Who has seen it, and when.
    pub acked: Option<(String, Ts)>,
}

/// A call that an agent makes over and over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepeatedView {
    /// What it calls. Hostile.
    pub call: String,
    /// How often.
    pub count: u32,
    /// When, oldest first.
    pub times: Vec<Ts>,
    /// The result's digest, when it was always the same.
    pub same_result: Option<String>,
}

/// An approval's card.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ApprovalView {
    /// Four characters to say or type.
    pub code: String,
    /// `pending`, `approved`, `denied`, `expired`, `cancelled` or `superseded`.
    pub state: String,
    /// Who asks.
    pub who: Who,
    /// Tool.
    pub tool: String,
    /// What would run, on one line. Hostile.
    pub headline: String,
    /// What would run, whole. Hostile.
    pub text: String,
    /// Its length in characters.
    pub chars: usize,
    /// Everything else that the tool gets, by name. Hostile.
    pub inputs: Vec<(String, String)>,
    /// It holds characters that cannot be seen.
    pub hidden: bool,
    /// For what it works.
    pub task: Option<TaskLabel>,
    /// In which session.
    pub session: Option<String>,
    /// Where it would run. Hostile.
    pub place: Option<String>,
    /// On which branch. Hostile.
    pub branch: Option<String>,
    /// The agent's own words. Hostile, unverified.
    pub reason: Option<String>,
    /// What the session has cost so far, when that is known.
    pub spent: Option<Micros>,
    /// How long the session has been running.
    pub elapsed: Option<Span>,
    /// When it was asked.
    pub asked: Ts,
    /// When silence denies it.
    pub expires: Ts,
    /// The first digits of the digest.
    pub digest: String,
    /// How it was decided.
    pub decided: Option<DecidedView>,
    /// Whether the runtime has taken the decision: `asked`, `confirmed` or `failed`.
    pub receipt: Option<String>,
    /// What went wrong with that.
    pub receipt_error: Option<String>,
    /// What came of it.
    pub result: Option<ResultView>,
}

/// How an approval was decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecidedView {
    /// Who; empty when nobody did.
    pub by: Option<String>,
    /// Kind of channel.
    pub via: Option<String>,
    /// When.
    pub at: Ts,
    /// In which words.
    pub note: Option<String>,
    /// `once` or `session`.
    pub scope: Option<String>,
    /// The grant that decided it.
    pub grant: Option<String>,
    /// The agent was told to stop, too.
    pub stop: bool,
}

/// What came of an approved action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResultView {
    /// Whether it succeeded.
    pub ok: Option<bool>,
    /// How long it took.
    pub took: Option<Span>,
    /// What was said about it. Hostile.
    pub message: Option<String>,
}

/// A piece of a text that did not fit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FullTextView {
    /// Code of the approval.
    pub code: String,
    /// Which piece, from 1.
    pub part: u32,
    /// How many there are.
    pub of: u32,
    /// The piece. Hostile.
    pub text: String,
}

/// A task's living card.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskCardView {
    /// The task.
    pub task: TaskLabel,
    /// Where it stands.
    pub column: Column,
    /// Who works on it, in order of appearance. Hostile.
    pub agents: Vec<String>,
    /// Its stages.
    pub steps: Vec<StepState>,
    /// How far it is.
    pub progress: Progress,
    /// What it has cost.
    pub cost: Micros,
    /// When it was created.
    pub created: Ts,
    /// How long it has been, or was, worked on.
    pub took: Span,
}

/// A step forward on a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MilestoneView {
    /// Who reports it. Hostile.
    pub who: String,
    /// Whether it went well.
    pub ok: bool,
    /// Name of the stage. Hostile.
    pub step: String,
    /// What was said about it. Hostile.
    pub text: Option<String>,
    /// When.
    pub at: Ts,
}

/// A task is done, or failed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CompletionView {
    /// The task.
    pub task: TaskLabel,
    /// What sort of task.
    pub sort: Option<String>,
    /// Whether it was completed.
    pub ok: bool,
    /// What it cost.
    pub cost: Micros,
    /// Calls without a price.
    pub unpriced: u64,
    /// How long it took.
    pub took: Span,
    /// What each agent used, in cents that add up to the total. Hostile names.
    pub agents: Vec<(String, i64)>,
    /// Families of models.
    pub families: Vec<String>,
    /// How many sessions served it.
    pub sessions: usize,
    /// How far it got.
    pub progress: Progress,
    /// Last words. Hostile.
    pub note: Option<String>,
}

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
    /// Events of a kind that nobody knows.
    pub unknown_events: u64,
    /// When this was true.
    pub at: Ts,
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
    /// Cost in equal slices of that time, oldest first.
    pub slices: Vec<Micros>,
    /// Length of a slice.
    pub slice: Span,
    /// Cost of the last hour.
    pub last_hour: Micros,
    /// Sum of reported minus computed cost of current sessions, where both are known.
    pub difference: Micros,
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

/// What was asked of runtimes, and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ControlView {
    /// What.
    pub verb: String,
    /// By whom.
    pub by: String,
    /// Words for the agent.
    pub text: Option<String>,
    /// The task and the new agent, for a reassignment. Hostile.
    pub reassign: Option<(String, String)>,
    /// When it ends by itself.
    pub until: Option<Ts>,
    /// Of whom.
    pub targets: Vec<ControlTarget>,
    /// When it was asked.
    pub at: Ts,
}

/// One agent of whom something was asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ControlTarget {
    /// Who.
    pub who: Who,
    /// In which session.
    pub session: Option<String>,
    /// `asked`, `waiting`, `confirmed`, `failed`, `expired` or `cannot`.
    pub state: String,
    /// In the runtime's words. Hostile.
    pub note: Option<String>,
    /// It fetches what it is asked at its next sign of life.
    pub pull: bool,
    /// What it can do instead, when it cannot do this.
    pub can: Vec<String>,
}
