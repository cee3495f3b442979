//! What living cards show: a typed context each.

use serde::{Deserialize, Serialize};

use crate::core::event::Progress;
use crate::core::money::Micros;
use crate::core::policy::Severity;
use crate::core::time::{Span, Ts};
use crate::core::world::{Column, StepState};

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

impl AlertView {
    /// The same for somebody who may not see the agent that it is about.
    #[must_use]
    pub fn without_agent(self) -> Self {
        Self {
            who: None,
            task: None,
            session: None,
            spent: Micros(0),
            tools: Vec::new(),
            progress: Progress::default(),
            fault: None,
            repeated: None,
            ..self
        }
    }
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
    /// Words answer it: nothing would run.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub asks: bool,
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
    /// It lists the other arguments, which would otherwise look like more of the text.
    #[serde(default)]
    pub arguments: bool,
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
    /// Its stages.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<StepState>,
    /// Last words. Hostile.
    pub note: Option<String>,
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
