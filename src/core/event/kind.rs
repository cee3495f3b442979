//! The kinds of events and their names on the wire.

use serde::{Deserialize, Serialize};

/// Kinds of events. A kind that nobody knows is kept as [`EventKind::Other`], counted and shown.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
#[expect(missing_docs, reason = "the names say it")]
pub enum EventKind {
    AgentRegistered,
    AgentHeartbeat,
    AgentStatus,
    SessionStarted,
    SessionProgress,
    SessionEnded,
    SessionFailed,
    TaskCreated,
    TaskAssigned,
    TaskStarted,
    TaskCompleted,
    TaskFailed,
    StepStarted,
    StepEnded,
    ModelCall,
    ToolStarted,
    ToolEnded,
    Handoff,
    ApprovalRequested,
    ApprovalResolved,
    ApprovalCancelled,
    Message,
    Metric,
    Resource,
    Deployment,
    Other(String),
}

/// Every known kind with its name on the wire.
pub const KINDS: &[(EventKind, &str)] = &[
    (EventKind::AgentRegistered, "agent.registered"),
    (EventKind::AgentHeartbeat, "agent.heartbeat"),
    (EventKind::AgentStatus, "agent.status"),
    (EventKind::SessionStarted, "session.started"),
    (EventKind::SessionProgress, "session.progress"),
    (EventKind::SessionEnded, "session.ended"),
    (EventKind::SessionFailed, "session.failed"),
    (EventKind::TaskCreated, "task.created"),
    (EventKind::TaskAssigned, "task.assigned"),
    (EventKind::TaskStarted, "task.started"),
    (EventKind::TaskCompleted, "task.completed"),
    (EventKind::TaskFailed, "task.failed"),
    (EventKind::StepStarted, "step.started"),
    (EventKind::StepEnded, "step.ended"),
    (EventKind::ModelCall, "model.call"),
    (EventKind::ToolStarted, "tool.started"),
    (EventKind::ToolEnded, "tool.ended"),
    (EventKind::Handoff, "handoff"),
    (EventKind::ApprovalRequested, "approval.requested"),
    (EventKind::ApprovalResolved, "approval.resolved"),
    (EventKind::ApprovalCancelled, "approval.cancelled"),
    (EventKind::Message, "message"),
    (EventKind::Metric, "metric"),
    (EventKind::Resource, "resource"),
    (EventKind::Deployment, "deployment"),
];

impl EventKind {
    /// The name on the wire.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Other(name) => name,
            known => KINDS.iter().find_map(|(kind, name)| (kind == known).then_some(*name)).unwrap_or_default(),
        }
    }
}

impl From<String> for EventKind {
    fn from(name: String) -> Self {
        KINDS.iter().find_map(|(kind, known)| (*known == name).then(|| kind.clone())).unwrap_or(Self::Other(name))
    }
}

impl From<EventKind> for String {
    fn from(kind: EventKind) -> Self {
        kind.as_str().to_owned()
    }
}
