//! sereno: a self-hosted chat-ops bot and phone notifier for fleets of AI agents.

#![forbid(unsafe_code)]

#[macro_use]
mod kill_point;

pub mod app;
pub mod channel;
pub mod cli;
pub mod clock;
pub mod config;
pub mod core;
pub mod courier;
pub mod disk;
pub mod engine;
pub mod exam;
pub mod figures;
pub mod health;
pub mod http;
pub mod listener;
pub mod outgoing;
pub mod receiver;
pub mod render;
pub mod runtime;
pub mod stop;
pub mod store;
