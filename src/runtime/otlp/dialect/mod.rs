//! Dialects: how different instrumentations call the same things.
//!
//! Each is a table of names. Where two say the same of a span, the one that stands first in [`NAMES`] is believed:
//! first who wrote the span on purpose for agents, last what merely stands in.

mod agentops;
pub mod claude_code;
pub mod codex;
mod gen_ai;
mod langfuse;
mod litellm;
pub mod openinference;
mod openlit;
mod resource;

use super::attributes::{Facts, Field, Name};

/// All names, those that are believed most first.
pub const NAMES: &[&[Name]] = &[
    langfuse::NAMES,
    gen_ai::NAMES,
    openinference::NAMES,
    litellm::NAMES,
    openlit::NAMES,
    agentops::NAMES,
    gen_ai::OLDER,
    resource::NAMES,
];

/// What a span is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A call of a model.
    Call,
    /// A call of a tool.
    Tool,
    /// A run of an agent.
    Agent,
    /// The making of an agent.
    Made,
    /// Agents at work together: a workflow, a crew, a chain.
    Work,
    /// Anything else.
    Other,
}

/// The words of all dialects for what is done, in small letters.
const WORDS: &[(&str, Role)] = &[
    // gen_ai.operation.name
    ("chat", Role::Call),
    ("text_completion", Role::Call),
    ("generate_content", Role::Call),
    ("embeddings", Role::Call),
    ("execute_tool", Role::Tool),
    ("invoke_agent", Role::Agent),
    ("create_agent", Role::Made),
    ("invoke_workflow", Role::Work),
    ("plan", Role::Other),
    ("retrieval", Role::Other),
    // OpenInference, and with it Langfuse and AgentOps
    ("llm", Role::Call),
    ("generation", Role::Call),
    ("embedding", Role::Call),
    ("tool", Role::Tool),
    ("agent", Role::Agent),
    ("chain", Role::Work),
    ("workflow", Role::Work),
    ("session", Role::Work),
    ("span", Role::Other),
    ("event", Role::Other),
    ("retriever", Role::Other),
    ("reranker", Role::Other),
    ("guardrail", Role::Other),
    ("evaluator", Role::Other),
    ("task", Role::Other),
    ("operation", Role::Other),
    // LiteLLM's llm.request.type
    ("completion", Role::Call),
    ("acompletion", Role::Call),
    ("aembedding", Role::Call),
    ("responses", Role::Call),
    ("aresponses", Role::Call),
    ("anthropic_messages", Role::Call),
];

/// What a word for what is done means.
pub fn role(word: &str) -> Option<Role> {
    WORDS.iter().find_map(|(known, role)| known.eq_ignore_ascii_case(word).then_some(*role))
}

/// Who runs in a span of a run, by the span's own name.
pub fn agent_of<'a>(scope: &str, span: &'a str) -> Option<&'a str> {
    span.strip_prefix("invoke_agent ").or_else(|| (scope == langfuse::SCOPE).then_some(span))
}

/// Whether a span that says nothing of itself is a call all the same.
pub fn is_bare_call(scope: &str, span: &str) -> bool {
    openlit::is_call(scope, span)
}

/// Whether whoever made a span tells of its calls in log records: Claude Code and Codex do.
pub fn tells_by_records(scope: &str, resource: &Facts<'_>) -> bool {
    scope.starts_with(claude_code::SCOPE) || resource.raw(Field::Service).is_some_and(|name| name.starts_with("codex"))
}
