//! The store on both databases: what it promises, and what it refuses.

mod commit;
mod digests;
mod keys;
mod lease;
mod migrations;
pub mod night;
mod quarantine;
mod queue;
mod replay;
mod sql;
mod sqlite;
