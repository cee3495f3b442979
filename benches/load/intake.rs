//! Goal 1: durable intake of single events against the signed no-op; goal 3: arrays of a hundred.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Result;

use crate::Bench;
use crate::closed;
use crate::common::figures::{Figure, Rounds, quantile};
use crate::common::machine::Watch;
use crate::noop::Noop;
use crate::server::Server;

/// Connections at the same time.
pub const CONNECTIONS: [usize; 3] = [1, 16, 64];
const ROUNDS: u32 = 7;
const ROUND: Duration = Duration::from_millis(1500);
/// Agents that report.
pub const AGENTS: u64 = 1_000;
/// Events in an array, and connections that send them.
const ARRAY: u64 = 100;
const ARRAYS: usize = 8;
/// Length of an event.
pub const LENGTH: usize = 974;

/// What one kind of load costs.
#[derive(Default)]
pub struct Figures {
    /// Events a second.
    pub accepted: Rounds,
    /// Milliseconds to the answer.
    pub p50: Rounds,
    pub p99: Rounds,
    /// Microseconds of the server's processor time an event.
    pub cpu: Rounds,
    /// Bytes that the server hands to the disk for an event.
    pub written: Rounds,
}

impl Figures {
    /// Loads a server for one round; each request holds `events` events.
    pub async fn round(
        &mut self,
        server: &Server,
        request: &dyn Fn() -> Vec<u8>,
        (connections, events): (usize, u64),
        span: Duration,
    ) -> Result<()> {
        let watch = Watch::start();
        let before = server.usage().cost()?;
        let latencies = closed::run(request, server.address, connections, span).await?;
        let used = server.usage().cost()?.since(before);
        let quiet = watch.is_quiet();
        #[expect(clippy::cast_precision_loss, reason = "counts of events are small")]
        let count = latencies.len() as f64 * events as f64;
        let rate = count / span.as_secs_f64();
        self.accepted.add(rate, quiet);
        self.p50.add(quantile(&latencies, 0.5), quiet);
        self.p99.add(quantile(&latencies, 0.99), quiet);
        // The accounts cover the warm-up, too.
        let whole = span + closed::WARM;
        self.cpu.add(used.seconds * 1e6 / (rate * whole.as_secs_f64()), true);
        self.written.add(used.written / (rate * whole.as_secs_f64()), true);
        Ok(())
    }

    /// Prints what there is, each line after `name`.
    pub fn print(&self, name: &str) {
        println!("{name}  accepted {} events/s", self.accepted);
        println!("{name}  answer p50 {} ms, p99 {} ms", self.p50, self.p99);
        println!("{name}  {} µs of processor and {} bytes written an event", self.cpu, self.written);
    }
}

/// Measures intake at every number of connections.
pub async fn run(bench: &Bench) -> Result<()> {
    println!("intake: one signed event of {LENGTH} bytes a request, {AGENTS} agents");
    let server = bench.server().await?;
    let noop = Noop::start()?;
    let mut figures: [(Rounds, Figures); CONNECTIONS.len()] = Default::default();
    for round in 0..bench.of(ROUNDS).max(3) {
        for (connections, (nothing, figures)) in CONNECTIONS.into_iter().zip(&mut figures) {
            // Neither always has the other's traces in the caches.
            if round % 2 == 0 {
                against_noop(bench, noop.address, connections, nothing).await?;
            }
            figures.round(&server, &|| bench.events.one(AGENTS), (connections, 1), bench.span(ROUND)).await?;
            if round % 2 == 1 {
                against_noop(bench, noop.address, connections, nothing).await?;
            }
        }
    }
    for (connections, (nothing, figures)) in CONNECTIONS.into_iter().zip(&figures) {
        println!("{connections:>3} connections  no-op {nothing} /s");
        figures.print(&format!("{connections:>3} connections"));
        let share = 100.0 * figures.accepted.median() / nothing.median();
        let goal = if connections == 64 { " (goal 1: at least 50 %)" } else { "" };
        println!("{connections:>3} connections  {} % of the no-op{goal}", Figure(share));
    }
    Ok(())
}

/// Measures arrays of events.
pub async fn arrays(bench: &Bench) -> Result<()> {
    println!("arrays: {ARRAY} events of {LENGTH} bytes a request, {ARRAYS} connections, {AGENTS} agents");
    let server = bench.server().await?;
    let mut figures = Figures::default();
    for _ in 0..bench.of(ROUNDS).max(3) {
        let request = || bench.events.batch(ARRAY, AGENTS, LENGTH);
        figures.round(&server, &request, (ARRAYS, ARRAY), bench.span(ROUND)).await?;
    }
    figures.print("arrays (goal 3: at least 40,000)");
    Ok(())
}

async fn against_noop(bench: &Bench, address: SocketAddr, connections: usize, figures: &mut Rounds) -> Result<()> {
    let watch = Watch::start();
    let span = bench.span(ROUND);
    let latencies = closed::run(&|| bench.events.one(AGENTS), address, connections, span).await?;
    figures.add(closed::rate(latencies.len(), span), watch.is_quiet());
    Ok(())
}
