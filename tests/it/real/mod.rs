//! Real programs: the `sereno` binary as a child, and Claude Code from npm with a model that only looks like one.

mod anthropic;
mod claude;
pub mod process;
