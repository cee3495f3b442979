//! OpenClaw: recordings of the real gateway, and stories with one that only looks like it.

pub mod fake;

mod approvals;
mod connection;
mod control;
mod device;
mod frames;
mod recordings;
mod scene;
