//! Real programs: the `sereno` binary as a child, Claude Code from npm, and a ledger that believes neither.

mod anthropic;
mod claude;

mod process;
