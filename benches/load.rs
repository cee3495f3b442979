//! A black-box load program: it starts the real binary on a store of its own, reports to it over the
//! loopback, and stands in for Telegram.
//!
//! `cargo bench --bench load -- all`, or `intake`, `notify`, `memory`, `start`; with `quick` short rounds,
//! to see that it runs. Generator, server and sink share the machine, so figures are only compared
//! within one run; a round that other programs disturbed is left out and counted.

#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

#[path = "load/client.rs"]
mod client;
mod common;
#[path = "load/events.rs"]
mod events;
#[path = "load/intake.rs"]
mod intake;
#[path = "load/memory.rs"]
mod memory;
#[path = "load/noop.rs"]
mod noop;
#[path = "load/notify.rs"]
mod notify;
#[path = "load/server.rs"]
mod server;
#[path = "load/sink.rs"]
mod sink;
#[path = "load/start.rs"]
mod start;
#[path = "load/wait.rs"]
mod wait;

use anyhow::Result;

use events::Events;
use server::Server;
use sink::Sink;

/// What every scenario works with.
pub struct Bench {
    /// Makes and signs events; identities are never used twice.
    pub events: Events,
    /// Stands in for Telegram.
    pub sink: Sink,
    /// Short rounds: shows that it runs, and measures nothing worth keeping.
    pub quick: bool,
}

impl Bench {
    /// `whole`, or a fraction of it when it shall be quick.
    pub const fn of(&self, whole: u32) -> u32 {
        if self.quick { whole.div_ceil(8) } else { whole }
    }

    /// Starts a server on a store of its own.
    ///
    /// # Errors
    /// When it does not get ready.
    pub async fn server(&self) -> Result<Server> {
        Server::start(&self.sink.url()).await
    }
}

fn main() -> Result<()> {
    // Cargo adds `--bench`; names are scenarios.
    let names: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    let wants = |name: &str| names.iter().any(|n| n == name || n == "all") || names.iter().all(|n| n == "quick");
    let bench = Bench { events: Events::new(), sink: Sink::start()?, quick: names.iter().any(|n| n == "quick") };
    // The generator has one thread, so that it takes no more than one of the cores from the server.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        if wants("intake") {
            intake::run(&bench).await?;
        }
        if wants("notify") {
            notify::run(&bench).await?;
        }
        if wants("memory") {
            memory::run(&bench).await?;
        }
        if wants("start") {
            start::run(&bench).await?;
        }
        Ok(())
    })
}
