//! Models that are explored completely: what can happen in any order, and what must never happen.

mod decision;
mod lease;
mod queue;
