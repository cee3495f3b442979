//! The pure core: its laws as properties over random logs, and its rules as examples at their edges.

mod access;
mod approvals;
mod commands;
mod days;
mod digests;
mod ends;
mod exports;
mod forgetting;
mod gaps;
mod layers;
pub mod logs;
mod people;
mod preferences;
mod repeats;
mod replay;
mod room;
mod rules;
mod run;
mod sums;
mod taps;
mod text;
mod told;
mod totality;
mod vocabulary;
