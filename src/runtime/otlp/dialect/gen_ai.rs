//! OpenTelemetry's own conventions for generative AI, as of 1.44 and before.
//!
//! Instrumentations that were built on 1.36 or earlier keep its names until they are told otherwise, so both come.

use crate::runtime::otlp::attributes::{Field, Name};

/// The names of now.
pub const NAMES: &[Name] = &[
    ("gen_ai.operation.name", Field::Operation),
    ("gen_ai.agent.name", Field::Agent),
    ("gen_ai.conversation.id", Field::Session),
    ("gen_ai.workflow.name", Field::Step),
    ("gen_ai.provider.name", Field::Provider),
    ("gen_ai.request.model", Field::Model),
    ("gen_ai.response.model", Field::ModelUsed),
    ("gen_ai.usage.input_tokens", Field::Input),
    ("gen_ai.usage.output_tokens", Field::Output),
    ("gen_ai.usage.cache_read.input_tokens", Field::CacheRead),
    ("gen_ai.usage.cache_creation.input_tokens", Field::CacheWrite),
    ("gen_ai.tool.name", Field::Tool),
    ("gen_ai.tool.call.id", Field::ToolCall),
    ("gen_ai.tool.call.arguments", Field::ToolInput),
    ("gen_ai.token.type", Field::TokenType),
    ("error.type", Field::Error),
    ("exception.message", Field::Trouble),
    ("exception.type", Field::Error),
];

/// The names of before, and those that many use though no convention has them.
pub const OLDER: &[Name] = &[
    ("gen_ai.system", Field::Provider),
    ("gen_ai.usage.prompt_tokens", Field::Input),
    ("gen_ai.usage.completion_tokens", Field::Output),
    ("gen_ai.usage.cache_read_input_tokens", Field::CacheRead),
    ("gen_ai.usage.cache_creation_input_tokens", Field::CacheWrite),
    ("gen_ai.usage.cache_write.input_tokens", Field::CacheWrite),
    ("gen_ai.usage.input_tokens.cached", Field::CacheRead),
    ("gen_ai.usage.total_cost", Field::Cost),
    ("gen_ai.agent.id", Field::Agent),
    ("gen_ai.session.id", Field::Session),
    ("gen_ai.thread.id", Field::Session),
];
