//! What people read: every template with content from real runs, in every language and dialect.

pub mod charts;
mod dialects;
pub mod exports;
mod goldens;
mod parity;
pub mod scenes;
