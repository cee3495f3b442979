//! What resources say of whoever exports, whatever the dialect.

use crate::runtime::otlp::attributes::{Field, Name};

/// Their names.
pub const NAMES: &[Name] = &[
    ("service.name", Field::Service),
    ("service.instance.id", Field::Instance),
    ("deployment.environment.name", Field::Environment),
    ("deployment.environment", Field::Environment),
];
