//! `LiteLLM`'s proxy: one span for a request, with what it costs. The provider's own span within it says the same of
//! the same call under `llm.PROVIDER.*`, which nothing here reads.

use crate::runtime::otlp::attributes::{Field, Name};

/// Its names beyond those of the conventions.
pub const NAMES: &[Name] = &[
    ("llm.request.type", Field::Operation),
    ("gen_ai.cost.total_cost", Field::Cost),
    ("litellm.cost.total", Field::Cost),
    ("metadata.user_api_key_alias", Field::Agent),
    ("metadata.session_id", Field::Session),
];
