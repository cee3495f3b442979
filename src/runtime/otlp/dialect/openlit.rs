//! `OpenLIT`: the conventions of before 1.37, with a cost and the name of the application.

use crate::runtime::otlp::attributes::{Field, Name};

/// Its names beyond those of the conventions.
pub const NAMES: &[Name] = &[
    ("gen_ai.usage.cost", Field::Cost),
    ("gen_ai.application_name", Field::Service),
    ("gen_ai.environment", Field::Environment),
];

/// Whether a span that says nothing is a call that failed: `OpenLIT` writes no attributes then.
pub fn is_call(scope: &str, span: &str) -> bool {
    let last = span.rsplit('.').next().unwrap_or_default();
    scope.starts_with("openlit") && matches!(last, "completions" | "messages" | "create" | "chat" | "embeddings")
}
