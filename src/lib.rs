//! sereno: a self-hosted chat-ops bot and phone notifier for fleets of AI agents.

#![forbid(unsafe_code)]

pub mod clock;
pub mod core;
pub mod engine;
pub mod render;
pub mod store;
