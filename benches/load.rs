//! A black-box load program: it starts the real binary on a store of its own, reports to it over the
//! loopback, and stands in for Telegram.
//!
//! `cargo bench --bench load -- all`, or some of the names in [`SHORT`] and [`LONG`]; with `quick` short
//! rounds, to see that it runs. Generator, server and sink share the machine, so figures are only compared
//! within one run; a round that other programs disturbed is left out and counted.

#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

#[path = "load/client.rs"]
mod client;
#[path = "load/closed.rs"]
mod closed;
mod common;
#[path = "load/databases.rs"]
mod databases;
#[path = "load/events.rs"]
mod events;
#[path = "load/gateway.rs"]
mod gateway;
#[path = "load/group.rs"]
mod group;
#[path = "load/history.rs"]
mod history;
#[path = "load/intake.rs"]
mod intake;
#[path = "load/memory.rs"]
mod memory;
#[path = "load/noop.rs"]
mod noop;
#[path = "load/notify.rs"]
mod notify;
#[path = "load/open.rs"]
mod open;
#[path = "load/otlp.rs"]
mod otlp;
#[path = "load/rival.rs"]
mod rival;
#[path = "load/server.rs"]
mod server;
#[path = "load/sink.rs"]
mod sink;
#[path = "load/size.rs"]
mod size;
#[path = "load/soak.rs"]
mod soak;
#[path = "load/start.rs"]
mod start;
#[path = "load/usage.rs"]
mod usage;
#[path = "load/wait.rs"]
mod wait;

use anyhow::Result;

use events::Events;
use server::{Server, Setup};
use sink::Sink;

/// What every scenario works with.
pub struct Bench {
    /// Makes and signs events; identities are never used twice.
    pub events: Events,
    /// Stands in for Telegram.
    pub sink: Sink,
    /// Short rounds: shows that it runs, and measures nothing worth keeping.
    pub quick: bool,
    /// How long a long run shall be.
    pub minutes: Option<u32>,
}

/// What `all` runs, in less than half an hour.
const SHORT: [&str; 12] = [
    "intake",
    "arrays",
    "otlp",
    "gateway",
    "group",
    "rival",
    "notify",
    "flood",
    "databases",
    "memory",
    "start",
    "size",
];
/// What runs by name alone: it takes long.
const LONG: [&str; 4] = ["history", "sustained", "burst", "soak"];

impl Bench {
    /// `whole`, or a fraction of it when it shall be quick.
    pub const fn of(&self, whole: u32) -> u32 {
        if self.quick { whole.div_ceil(8) } else { whole }
    }

    /// The same for how long a round is.
    pub fn span(&self, whole: std::time::Duration) -> std::time::Duration {
        if self.quick { whole / 8 } else { whole }
    }

    /// Starts a server on a store of its own.
    ///
    /// # Errors
    /// When it does not get ready.
    pub async fn server(&self) -> Result<Server> {
        Server::start(&self.sink.url(), Setup::default()).await
    }
}

fn main() -> Result<()> {
    // Cargo adds `--bench`; names are scenarios, and a number is how many minutes a long one takes.
    let names: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    if let [first, arguments @ ..] = names.as_slice()
        && first == group::CHILD
    {
        return group::append(arguments);
    }
    let (quick, minutes) = (names.iter().any(|n| n == "quick"), names.iter().find_map(|n| n.parse().ok()));
    let bench = Bench { events: Events::new(), sink: Sink::start()?, quick, minutes };
    let everything = names.iter().all(|n| n == "quick" || n == "all");
    let wanted = |name: &&str| names.iter().any(|n| n == name) || (everything && SHORT.contains(name));
    // The generator has one thread, so that it takes no more than one of the cores from the server.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    for name in SHORT.into_iter().chain(LONG).filter(wanted) {
        runtime.block_on(run(name, &bench))?;
    }
    Ok(())
}

async fn run(name: &str, bench: &Bench) -> Result<()> {
    match name {
        "intake" => intake::run(bench).await,
        "arrays" => intake::arrays(bench).await,
        "otlp" => otlp::run(bench).await,
        "gateway" => gateway::run(bench).await,
        "group" => group::run(bench),
        "rival" => rival::run(bench).await,
        "notify" => notify::run(bench).await,
        "flood" => notify::flood(bench).await,
        "databases" => databases::run(bench).await,
        "memory" => memory::run(bench).await,
        "start" => start::run(bench).await,
        "size" => size::run(),
        "history" => history::run(bench).await,
        "sustained" => soak::sustained(bench).await,
        "burst" => soak::burst(bench).await,
        "soak" => soak::soak(bench).await,
        other => anyhow::bail!("there is no `{other}`"),
    }
}
