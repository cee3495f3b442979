//! `OpenInference`, which the instrumentations of Arize write for `CrewAI`, `LangChain`, `AutoGen` and others.
//!
//! Agents of `LangChain` 1 are named in what it keeps beside every run, and nowhere else.

use crate::runtime::otlp::attributes::{Field, Name};

/// The member of the metadata that names an agent.
pub const AGENT: &str = "lc_agent_name";

/// Its names.
pub const NAMES: &[Name] = &[
    ("openinference.span.kind", Field::Operation),
    ("agent.name", Field::Agent),
    ("graph.node.name", Field::Node),
    ("graph.node.id", Field::Node),
    ("session.id", Field::Session),
    // Of CrewAI's own spans.
    ("task_name", Field::Step),
    ("llm.provider", Field::Provider),
    ("llm.system", Field::Provider),
    ("llm.model_name", Field::Model),
    ("embedding.model_name", Field::Model),
    ("llm.token_count.prompt", Field::Input),
    ("llm.token_count.completion", Field::Output),
    ("llm.token_count.prompt_details.cache_read", Field::CacheRead),
    ("llm.token_count.prompt_details.cache_write", Field::CacheWrite),
    ("llm.cost.total", Field::Cost),
    ("tool.name", Field::Tool),
    ("tool.id", Field::ToolCall),
    ("tool_call.id", Field::ToolCall),
    ("tool.parameters", Field::ToolInput),
    ("metadata", Field::Metadata),
];
