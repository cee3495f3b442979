//! Real programs: the `sereno` binary as a child, and Claude Code and OpenClaw from npm with models that only look like ones.

mod anthropic;
mod claude;
mod fleet;
mod openai;
mod openclaw;
pub mod process;
