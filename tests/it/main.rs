//! All tests, one binary.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test that fails says where, and prints what it saw")]

mod cli;
mod config;
mod core;
mod crash;
mod database;
mod intake;
mod page;
mod render;
mod scenario;
mod scene;
mod seeds;
mod sim;
mod store;
