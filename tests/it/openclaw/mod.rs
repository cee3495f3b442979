//! OpenClaw: recordings of the real gateway, and stories with one that only looks like it.

pub mod device;
pub mod fake;

mod approvals;
mod connection;
mod control;
mod frames;
mod money;
mod questions;
mod recordings;
mod replicas;
mod scene;
