//! Langfuse's software development kits, which write tokens and costs as JSON, as seen with 5.0.4 for Python.

use crate::runtime::otlp::attributes::{Field, Name};

/// What its kits call themselves. They name the span of an agent after it.
pub const SCOPE: &str = "langfuse-sdk";

/// Its names.
pub const NAMES: &[Name] = &[
    ("langfuse.observation.type", Field::Operation),
    ("langfuse.observation.model.name", Field::Model),
    ("langfuse.observation.usage_details", Field::Usage),
    ("langfuse.observation.cost_details", Field::Costs),
    ("langfuse.observation.level", Field::Level),
    ("langfuse.observation.status_message", Field::Trouble),
    ("langfuse.session.id", Field::Session),
    ("langfuse.environment", Field::Environment),
];
