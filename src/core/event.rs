//! What runtimes report: immutable facts about agents, in one canonical shape.
//!
//! Every runtime adapter decodes into [`Event`]; `POST /v1/events` accepts it as JSON. This module
//! knows the fields, their units and which identifiers a type needs. It does not know what an event
//! changes (that is the fold's) nor how its sender was verified (that is intake's).

mod account;
mod kind;
mod wire;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::digest::Digest;
use super::money::{Micros, Tokens};
use super::time::Ts;

pub use account::Account;
pub use kind::{EventKind, KINDS};
use wire::{dollars, rfc3339};

/// The longest identifier that is accepted, in bytes.
pub const MAX_ID: usize = 256;
/// The longest free text that is kept, in bytes; longer text is cut with a mark and its length.
pub const MAX_TEXT: usize = 64 * 1024;

/// An immutable fact about an agent; idempotent by (runtime, [`Event::id`]).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Identity within the runtime, at most [`MAX_ID`] bytes. Intake fills it in when it is absent.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// What happened.
    #[serde(rename = "type")]
    pub kind: EventKind,
    /// When it happened, RFC 3339 on the wire. Intake fills in the time of receipt when it is absent.
    #[serde(default, with = "rfc3339", skip_serializing_if = "Option::is_none")]
    pub time: Option<Ts>,
    /// Who works.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<AgentRef>,
    /// The run in which it happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionRef>,
    /// The business task that the run serves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskRef>,
    /// The stage of a task or workflow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<StepRef>,
    /// Model name as the runtime spells it, such as `claude-sonnet-4-5`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Who serves the model, such as `anthropic`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// What a model call used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// Of which account [`Event::usage`] is, where sources tell the same more than once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<Box<Account>>,
    /// How long it took, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    /// The tool that was called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<ToolCall>,
    /// The question that the agent asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Ask>,
    /// Reported status: a word of [`Status`](super::status::Status), a synonym of it, or a runtime's own phase.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// What went wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Fault>,
    /// Free text. Hostile: it is shown as text and never interpreted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Who wrote [`Event::message`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Author>,
    /// How far the work is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<Progress>,
    /// A measured number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<Metric>,
    /// What the agent's process or machine uses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<Resource>,
    /// To whom work is handed over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<AgentRef>,
    /// Where to read more, such as a trace. Shown as text, never as a link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// Who works, as a runtime names it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentRef {
    /// Identity within the runtime.
    pub id: String,
    /// Name to show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Role such as `Debugger`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// The agent that spawned it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// Free labels for scopes and targets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
}

/// One run of an agent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionRef {
    /// Identity within the runtime.
    pub id: String,
    /// The session that spawned it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// Working directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// Version-control branch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
}

/// A business task; its identity is the same for every runtime.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskRef {
    /// Identity such as `OSINT-12`.
    pub id: String,
    /// Title to show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What sort of task, such as `bug`; chooses the wording of the completion notice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Where the task lives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// A stage of a task.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepRef {
    /// Name such as `Review`.
    pub name: String,
    /// Position, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<u32>,
    /// How many there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<u32>,
}

/// Tokens and cost of a model call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens read at the full input price.
    #[serde(default)]
    pub input_tokens: u64,
    /// Tokens written.
    #[serde(default)]
    pub output_tokens: u64,
    /// Tokens read from a prompt cache.
    #[serde(default)]
    pub cache_read_tokens: u64,
    /// Tokens written to a prompt cache.
    #[serde(default)]
    pub cache_write_tokens: u64,
    /// Cost as the runtime reports it, in US dollars (decimal string or number) on the wire.
    #[serde(rename = "cost_usd", default, with = "dollars", skip_serializing_if = "Option::is_none")]
    pub cost: Option<Micros>,
    /// The figures are running totals of this session and model, or of the counter that [`Event::account`] names, and
    /// not of one call.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cumulative: bool,
}

impl Usage {
    /// The token counts.
    pub const fn tokens(&self) -> Tokens {
        Tokens {
            input: self.input_tokens,
            output: self.output_tokens,
            cache_read: self.cache_read_tokens,
            cache_write: self.cache_write_tokens,
        }
    }
}

/// A tool call, at its start or its end.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ToolCall {
    /// Tool name such as `Bash`.
    pub name: String,
    /// The runtime's identity of the call; pairs start and end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call_id: Option<String>,
    /// Its arguments. Hostile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Value>,
    /// Digest of name and arguments. Intake computes it from `input`; equal calls have equal digests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// Digest of the result, when the runtime gives one or intake saw the result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result_digest: Option<String>,
    /// Whether it succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ok: Option<bool>,
}

/// A question from an agent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ask {
    /// Identity within the runtime.
    pub id: String,
    /// Exactly what will run when it is approved. Needed when the approval is requested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<Action>,
    /// The agent's own words. Hostile: labelled as unverified and shown below the action.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When the runtime stops waiting, RFC 3339 on the wire.
    #[serde(default, with = "rfc3339", skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Ts>,
    /// How the runtime says that it was resolved elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// Who resolved it there. Hostile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// What the runtime lets be decided: `once`, `always`, `deny`; `answer` where words answer it, and nothing would run.
    /// Empty when it takes every decision.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub decisions: Vec<String>,
}

impl Ask {
    /// The word for a no among the decisions that a runtime takes.
    pub const DENY: &'static str = "deny";
    /// The word for words that answer it.
    pub const ANSWER: &'static str = "answer";
    /// How a runtime says that somebody there allowed it.
    pub const APPROVED: &'static str = "approved";
    /// How it says that somebody there refused it.
    pub const DENIED: &'static str = "denied";
    /// How it says that nobody answered in time.
    pub const EXPIRED: &'static str = "expired";

    /// A question of which no more than its identity is said.
    pub fn of(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            action: None,
            reason: None,
            expires_at: None,
            outcome: None,
            by: None,
            decisions: Vec::new(),
        }
    }
}

/// The structured input of what an agent wants to do; cards are drawn from it and from nothing else.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Action {
    /// Tool name such as `Bash`.
    pub tool: String,
    /// Its arguments.
    #[serde(default)]
    pub input: Value,
    /// Where it would run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// On which host or environment it would run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
}

/// What went wrong, by type so that a rate limit is not a crash.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// Type such as `rate_limit` or `timeout`.
    #[serde(rename = "type", default = "unknown_fault")]
    pub kind: String,
    /// Free text. Hostile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// When it may be tried again, RFC 3339 on the wire.
    #[serde(default, with = "rfc3339", skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<Ts>,
}

fn unknown_fault() -> String {
    "error".into()
}

/// Who wrote a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Author {
    Agent,
    User,
    System,
}

/// How far the work is. Facts that can only grow are what tells progress from a loop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Commits made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commits: Option<u32>,
    /// Tests that pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tests_passed: Option<u32>,
    /// Tests there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tests_total: Option<u32>,
    /// Share done, 0 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<f64>,
}

/// A measured number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metric {
    /// Name such as `queue_depth`.
    pub name: String,
    /// Its value, finite.
    pub value: f64,
    /// Its unit as UCUM, `1` for a count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
}

/// What an agent's process or machine uses, in percent of what it has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Resource {
    /// Processor, 0 to 100 per machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<f64>,
    /// Memory, 0 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<f64>,
    /// Disk, 0 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk: Option<f64>,
    /// Graphics processor, 0 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu: Option<f64>,
}

impl Event {
    /// An event of `kind` with nothing else in it.
    pub fn new(kind: EventKind) -> Self {
        Self {
            id: String::new(),
            kind,
            time: None,
            agent: None,
            session: None,
            task: None,
            step: None,
            model: None,
            provider: None,
            usage: None,
            account: None,
            duration_ms: None,
            tool: None,
            approval: None,
            status: None,
            error: None,
            message: None,
            from: None,
            progress: None,
            metric: None,
            resource: None,
            to: None,
            url: None,
        }
    }

    /// Checks that the identifiers that the kind needs are there and that nothing is absurd.
    ///
    /// # Errors
    /// Names the field and what is wrong with it.
    pub fn check(&self) -> Result<(), String> {
        self.check_ids()?;
        self.check_needs()?;
        if let Some(metric) = &self.metric
            && !metric.value.is_finite()
        {
            return Err("metric.value must be a finite number".into());
        }
        Ok(())
    }

    fn check_ids(&self) -> Result<(), String> {
        let account = self.account.as_deref();
        let ids = [
            ("id", Some(self.id.as_str())),
            ("type", Some(self.kind.as_str())),
            ("agent.id", self.agent.as_ref().map(|a| a.id.as_str())),
            ("session.id", self.session.as_ref().map(|s| s.id.as_str())),
            ("task.id", self.task.as_ref().map(|t| t.id.as_str())),
            ("approval.id", self.approval.as_ref().map(|a| a.id.as_str())),
            ("to.id", self.to.as_ref().map(|a| a.id.as_str())),
            ("account.id", account.map(Account::id)),
            ("account.within", account.and_then(Account::within)),
        ];
        for (field, id) in ids {
            let Some(id) = id else { continue };
            if id.len() > MAX_ID {
                return Err(format!("{field} is longer than {MAX_ID} bytes"));
            }
            if id.trim().is_empty() && field != "id" {
                return Err(format!("{field} is empty"));
            }
        }
        Ok(())
    }

    fn check_needs(&self) -> Result<(), String> {
        use EventKind as K;
        let who = self.agent.is_some() || self.session.is_some();
        let need = |there: bool, field: &str| {
            if there { Ok(()) } else { Err(format!("{field} is needed for {}", self.kind.as_str())) }
        };
        match self.kind {
            K::AgentRegistered | K::AgentHeartbeat | K::AgentStatus => need(self.agent.is_some(), "agent.id"),
            K::SessionStarted | K::SessionProgress | K::SessionEnded | K::SessionFailed => {
                need(self.session.is_some(), "session.id")
            }
            K::TaskCreated | K::TaskAssigned | K::TaskStarted | K::TaskCompleted | K::TaskFailed => {
                need(self.task.is_some(), "task.id")
            }
            K::StepStarted | K::StepEnded => {
                need(self.step.is_some(), "step.name")?;
                need(who || self.task.is_some(), "agent.id, session.id or task.id")
            }
            K::ToolStarted | K::ToolEnded => {
                need(self.tool.is_some(), "tool.name")?;
                need(who, "agent.id or session.id")
            }
            K::ModelCall | K::Message | K::Resource => need(who, "agent.id or session.id"),
            K::Handoff => {
                need(who, "agent.id or session.id")?;
                need(self.to.is_some(), "to.id")
            }
            K::ApprovalRequested => {
                need(who, "agent.id or session.id")?;
                need(self.approval.as_ref().is_some_and(|a| a.action.is_some()), "approval.action")
            }
            K::ApprovalResolved | K::ApprovalCancelled => need(self.approval.is_some(), "approval.id"),
            K::Metric => need(self.metric.is_some(), "metric.name and metric.value"),
            K::Deployment | K::Other(_) => Ok(()),
        }
    }

    /// Cuts texts that are too long, leaving a mark with the original length.
    pub fn shorten(&mut self) {
        let fault = self.error.as_mut().and_then(|e| e.message.as_mut());
        let reason = self.approval.as_mut().and_then(|a| a.reason.as_mut());
        for text in [self.message.as_mut(), fault, reason].into_iter().flatten() {
            if text.len() > MAX_TEXT {
                let whole = text.len();
                let end = (0..=MAX_TEXT).rev().find(|i| text.is_char_boundary(*i));
                text.truncate(end.unwrap_or(0));
                text.push_str(&format!(" … ({whole} bytes)"));
            }
        }
    }
}
