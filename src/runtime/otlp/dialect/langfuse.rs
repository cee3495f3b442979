//! Langfuse's software development kits, which write tokens and costs as JSON.

use crate::runtime::otlp::attributes::{Field, Name};

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
