//! Rows of the API's lists: what programs of others may rely on, apart from how we store it.
//!
//! Times are RFC 3339 in UTC, money is US dollars with six places at most, and what is not known is left out. Text
//! that agents wrote stands here as they wrote it: whoever shows it must treat it as hostile.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::core::audit::AuditRow;
use crate::core::message::{self, AlertView, ApprovalView, Who};
use crate::core::money::{Micros, Sums};
use crate::core::time::Ts;
use crate::core::world::Basis;
use crate::core::{alert, approval};

/// An amount of micro-dollars in dollars.
#[expect(clippy::cast_precision_loss, reason = "amounts are far below 2^52 micro-dollars")]
pub fn dollars(amount: Micros) -> f64 {
    amount.0 as f64 / 1e6
}

fn stamp(at: Ts) -> String {
    at.rfc3339()
}

/// An agent.
#[derive(Debug, Serialize, ToSchema)]
pub struct Agent {
    /// Identity in its runtime.
    pub id: String,
    /// Name to show.
    pub name: String,
    /// Role.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Name of the runtime.
    pub runtime: String,
    /// `waiting`, `error`, `silent`, `running`, `paused`, `stopped`, `idle` or `completed`.
    pub status: &'static str,
    /// The runtime's own word for what it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// Since when it is in this state.
    pub since: String,
    /// The model used last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Identity of the task.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// Identity of the session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// What it waits for a person to decide.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wants: Option<String>,
    /// What went wrong last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Who holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paused_by: Option<String>,
    /// Share done, 0 to 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<f64>,
    /// Tokens of the current session, or of all when there is none.
    pub tokens: u64,
    /// Cost of the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<f64>,
    /// When it was last heard of.
    pub last_seen: String,
    /// Labels.
    pub tags: Vec<String>,
}

impl From<message::AgentRow> for Agent {
    fn from(row: message::AgentRow) -> Self {
        let Who { name, id, role, runtime, model } = row.who;
        Self {
            id,
            name,
            role,
            runtime,
            status: row.status.as_str(),
            phase: row.phase,
            since: stamp(row.since),
            model,
            task: row.task.map(|task| task.id),
            session: row.session,
            wants: row.wants,
            error: row.fault.map(|fault| fault.kind),
            paused_by: row.paused.map(|(who, _)| who),
            progress: row.progress.percent,
            tokens: row.tokens,
            cost_usd: row.cost.map(dollars),
            last_seen: stamp(row.last_seen),
            tags: row.tags,
        }
    }
}

/// Calls, tokens and money of something, together.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct Usage {
    /// Model calls.
    pub calls: u64,
    /// Calls for which no price is known; their cost is not in `cost_usd`.
    pub unpriced_calls: u64,
    /// Input tokens, without those from a cache.
    pub input_tokens: u64,
    /// Output tokens.
    pub output_tokens: u64,
    /// Tokens read from a cache.
    pub cache_read_tokens: u64,
    /// Tokens written to a cache.
    pub cache_write_tokens: u64,
    /// Cost of all priced calls.
    pub cost_usd: f64,
}

impl From<Sums> for Usage {
    fn from(sums: Sums) -> Self {
        Self {
            calls: sums.calls,
            unpriced_calls: sums.unpriced,
            input_tokens: sums.tokens.input,
            output_tokens: sums.tokens.output,
            cache_read_tokens: sums.tokens.cache_read,
            cache_write_tokens: sums.tokens.cache_write,
            cost_usd: dollars(sums.cost),
        }
    }
}

/// One run of an agent.
#[derive(Debug, Serialize, ToSchema)]
pub struct Session {
    /// Identity in its runtime.
    pub id: String,
    /// Identity of the agent.
    pub agent: String,
    /// Name of the runtime.
    pub runtime: String,
    /// As of an agent.
    pub status: &'static str,
    /// The runtime's own word for what it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// Identity of the task that it serves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// When it began.
    pub started: String,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
    /// When it was last heard of.
    pub last_seen: String,
    /// The model used last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// What it has used.
    pub usage: Usage,
    /// Whether its cost was `reported` by the runtime, `computed` from tokens and prices, or is `unknown`.
    pub cost_basis: &'static str,
}

impl From<message::SessionRow> for Session {
    fn from(row: message::SessionRow) -> Self {
        Self {
            id: row.id,
            agent: row.agent.id,
            runtime: row.agent.runtime,
            status: row.status.as_str(),
            phase: row.phase,
            task: row.task.map(|task| task.id),
            started: stamp(row.started),
            ended: row.ended.map(stamp),
            last_seen: stamp(row.last_seen),
            model: row.agent.model,
            usage: row.sums.into(),
            cost_basis: basis(row.basis),
        }
    }
}

const fn basis(basis: Basis) -> &'static str {
    match basis {
        Basis::Unknown => "unknown",
        Basis::Computed => "computed",
        Basis::Reported => "reported",
    }
}

/// A business task.
#[derive(Debug, Serialize, ToSchema)]
pub struct Task {
    /// Identity.
    pub id: String,
    /// Title.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// `inbox`, `assigned`, `running`, `completed` or `failed`.
    pub column: &'static str,
    /// Names of those who work on it, in order of appearance.
    pub agents: Vec<String>,
    /// Identities of its sessions.
    pub sessions: Vec<String>,
    /// Share done, 0 to 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<f64>,
    /// What was used for it.
    pub usage: Usage,
    /// When it was created.
    pub created: String,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
    /// How long it has been, or was, worked on, in seconds.
    pub took_seconds: f64,
    /// Where it lives.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

impl From<message::TaskRow> for Task {
    fn from(row: message::TaskRow) -> Self {
        Self {
            id: row.label.id,
            title: row.label.title,
            column: row.column.as_str(),
            agents: row.agents,
            sessions: row.sessions,
            progress: row.progress.percent,
            usage: row.sums.into(),
            created: stamp(row.created),
            ended: row.ended.map(stamp),
            took_seconds: row.took.as_secs_f64(),
            url: row.url,
        }
    }
}

/// What somebody used, or was used of a model or for a task, between two instants.
#[derive(Debug, Serialize, ToSchema)]
pub struct Cost {
    /// The agent as `RUNTIME/ID`, the family of the model, or the task, as costs are grouped; empty for no task.
    pub name: String,
    /// What was used.
    #[serde(flatten)]
    pub usage: Usage,
}

/// An episode during which a rule holds.
#[derive(Debug, Serialize, ToSchema)]
pub struct Alert {
    /// Such as `A17`.
    pub id: String,
    /// Name of the rule.
    pub rule: String,
    /// `critical`, `warning`, `info` or `trend`.
    pub severity: &'static str,
    /// `pending`, `firing`, `acked` or `resolved`.
    pub state: &'static str,
    /// Since when the condition holds.
    pub since: String,
    /// When somebody was first told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fired: Option<String>,
    /// When it was resolved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolved: Option<String>,
    /// Who has seen it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acked_by: Option<String>,
    /// Identity of the agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// Name of the agent's runtime.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runtime: Option<String>,
    /// Identity of the task.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// The rule's condition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
    /// The value that the condition was about when it fired.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
}

impl Alert {
    /// A row of an alert of a task, or of something else, with what its card says while that is kept.
    pub fn new(alert: alert::Alert, task: Option<String>, view: Option<AlertView>) -> Self {
        let who = view.as_ref().and_then(|view| view.who.clone());
        let task = task.or_else(|| view.as_ref()?.task.as_ref().map(|task| task.id.clone()));
        Self {
            id: alert.code(),
            severity: alert.severity.as_str(),
            state: alert.state.as_str(),
            since: stamp(alert.since),
            fired: alert.fired.map(stamp),
            resolved: alert.resolved.map(stamp),
            acked_by: alert.acked.as_ref().map(|(who, _)| who.clone()),
            agent: who.as_ref().map(|who| who.id.clone()),
            runtime: who.map(|who| who.runtime),
            task,
            value: view.as_ref().map(|view| view.value).filter(|value| value.is_finite()),
            condition: view.map(|view| view.condition),
            rule: alert.rule,
        }
    }
}

/// A question from an agent.
#[derive(Debug, Serialize, ToSchema)]
pub struct Approval {
    /// Four characters to say or type.
    pub code: String,
    /// Name of the runtime that asks.
    pub runtime: String,
    /// Its identity there.
    pub id: String,
    /// `pending`, `approved`, `denied`, `expired`, `cancelled` or `superseded`.
    pub state: &'static str,
    /// Identity of the agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// Identity of the task.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// The tool that would run.
    pub tool: String,
    /// Its arguments, exactly.
    #[schema(value_type = Object)]
    pub input: Value,
    /// Where it would run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// SHA-256 that binds the decision to exactly this action, hexadecimal.
    pub digest: String,
    /// The agent's own words, unverified.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it was asked.
    pub asked: String,
    /// When silence denies it.
    pub expires: String,
    /// Who decided; absent when nobody did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decided_by: Option<String>,
    /// Through which channel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decided_via: Option<String>,
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decided: Option<String>,
    /// In which words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl Approval {
    /// A row of an approval, with what its card says while that is kept.
    pub fn new(approval: approval::Approval, view: Option<ApprovalView>) -> Self {
        let decided = approval.decided;
        Self {
            code: approval.code,
            runtime: approval.runtime,
            id: approval.external,
            state: approval.state.as_str(),
            agent: view.as_ref().map(|view| view.who.id.clone()),
            task: view.and_then(|view| view.task).map(|task| task.id),
            tool: approval.action.tool,
            input: approval.action.input,
            cwd: approval.action.cwd,
            digest: approval.digest.to_string(),
            reason: approval.reason,
            asked: stamp(approval.asked),
            expires: stamp(approval.expires),
            decided_by: decided.as_ref().and_then(|decided| decided.by.clone()),
            decided_via: decided.as_ref().and_then(|decided| decided.via.clone()),
            decided: decided.as_ref().map(|decided| stamp(decided.at)),
            note: decided.and_then(|decided| decided.note),
        }
    }
}

/// A row of the audit.
#[derive(Debug, Serialize, ToSchema)]
pub struct Audited {
    /// Number, from 1, without gaps.
    pub seq: u64,
    /// When.
    pub at: String,
    /// Who: a person's name, or `sereno` or `runtime:NAME`.
    pub actor: String,
    /// What, such as `approval.approved`.
    pub action: String,
    /// To what, such as `approval:12`.
    pub object: String,
    /// With which particulars.
    #[schema(value_type = Object)]
    pub data: Value,
    /// Hash of the row before; zeros for the first.
    pub prev: String,
    /// Hash of this row.
    pub hash: String,
}

impl From<AuditRow> for Audited {
    fn from(row: AuditRow) -> Self {
        Self {
            seq: row.seq,
            at: stamp(row.at),
            actor: row.actor,
            action: row.action,
            object: row.object,
            data: row.data,
            prev: row.prev.to_string(),
            hash: row.hash.to_string(),
        }
    }
}
