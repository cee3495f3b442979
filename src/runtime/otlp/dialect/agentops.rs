//! `AgentOps`, and the conventions of Traceloop on which it is built.

use crate::runtime::otlp::attributes::{Field, Name};

/// Their names beyond those of the conventions. Traces of `AgentOps` are its sessions, and need no name.
pub const NAMES: &[Name] = &[
    ("agentops.span.kind", Field::Operation),
    ("traceloop.span.kind", Field::Operation),
    ("agentops.entity.name", Field::Node),
    ("traceloop.entity.name", Field::Node),
    ("operation.name", Field::Node),
    ("traceloop.association.properties.session_id", Field::Session),
    ("llm.usage.cache_read_input_tokens", Field::CacheRead),
    ("llm.usage.cache_creation_input_tokens", Field::CacheWrite),
    ("tool.parameters", Field::ToolInput),
];
