//! All tests, one binary.

#![expect(clippy::unwrap_used, reason = "a test that fails says where")]

mod api;
mod apprise;
mod binary;
mod channel;
mod cli;
mod config;
mod core;
mod crash;
mod database;
mod deploy;
mod discord;
mod dose;
mod email;
mod faults;
mod intake;
mod models;
mod multipart;
mod ntfy;
mod openclaw;
mod otlp;
mod page;
mod program;
mod push;
mod real;
mod render;
mod replicas;
mod runtime;
mod scenario;
mod scene;
mod seeds;
mod sim;
mod slack;
mod store;
mod telegram;
mod webhook;
