//! Goal 1: durable intake of single events against the signed no-op, in a closed loop.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::Bench;
use crate::client::Connection;
use crate::common::clock::now;
use crate::common::figures::{Figure, Rounds, quantile};
use crate::common::machine::Watch;
use crate::noop::Noop;
use crate::server::Server;

/// Connections at the same time.
const CONNECTIONS: [usize; 3] = [1, 16, 64];
const ROUNDS: u32 = 7;
/// How long a round is, and how long connections warm up before it.
const ROUND: Duration = Duration::from_millis(1500);
const WARM: Duration = Duration::from_millis(200);
/// Agents that report.
const AGENTS: u64 = 1_000;

#[derive(Default)]
struct Figures {
    noop: Rounds,
    accepted: Rounds,
    p50: Rounds,
    p99: Rounds,
}

/// Measures intake at every number of connections.
pub async fn run(bench: &Bench) -> Result<()> {
    println!("intake: accepted events/s, one signed event of 974 bytes a request, {AGENTS} agents");
    let server = bench.server().await?;
    let noop = Noop::start()?;
    let mut figures: [Figures; CONNECTIONS.len()] = Default::default();
    for round in 0..bench.of(ROUNDS).max(3) {
        for (connections, figures) in CONNECTIONS.into_iter().zip(&mut figures) {
            // Neither always has the other's traces in the caches.
            if round % 2 == 0 {
                against_noop(bench, &noop, connections, figures).await?;
                against_server(bench, &server, connections, figures).await?;
            } else {
                against_server(bench, &server, connections, figures).await?;
                against_noop(bench, &noop, connections, figures).await?;
            }
        }
    }
    for (connections, figures) in CONNECTIONS.into_iter().zip(&figures) {
        println!("{connections:>3} connections  no-op   {} /s", figures.noop);
        println!("{connections:>3} connections  sereno  {} /s", figures.accepted);
        println!("{connections:>3} connections  answer p50 {} ms, p99 {} ms", figures.p50, figures.p99);
        let share = 100.0 * figures.accepted.median() / figures.noop.median();
        let goal = if connections == 64 { " (goal 1: at least 50 %)" } else { "" };
        println!("{connections:>3} connections  {} % of the no-op{goal}", Figure(share));
    }
    Ok(())
}

async fn against_noop(bench: &Bench, noop: &Noop, connections: usize, figures: &mut Figures) -> Result<()> {
    let watch = Watch::start();
    let latencies = closed_loop(bench, noop.address, connections).await?;
    figures.noop.add(rate(bench, latencies.len()), watch.is_quiet());
    Ok(())
}

async fn against_server(bench: &Bench, server: &Server, connections: usize, figures: &mut Figures) -> Result<()> {
    let watch = Watch::start();
    let mut latencies = closed_loop(bench, server.address, connections).await?;
    latencies.sort_unstable_by(f64::total_cmp);
    let quiet = watch.is_quiet();
    figures.accepted.add(rate(bench, latencies.len()), quiet);
    figures.p50.add(quantile(&latencies, 0.5), quiet);
    figures.p99.add(quantile(&latencies, 0.99), quiet);
    Ok(())
}

fn length(bench: &Bench) -> Duration {
    if bench.quick { ROUND / 8 } else { ROUND }
}

#[expect(clippy::cast_precision_loss, reason = "counts of requests are small")]
fn rate(bench: &Bench, accepted: usize) -> f64 {
    accepted as f64 / length(bench).as_secs_f64()
}

/// Sends on every connection as soon as the last answer is there. Returns the milliseconds that each
/// answer took which came after the warm-up and before the end.
async fn closed_loop(bench: &Bench, address: SocketAddr, connections: usize) -> Result<Vec<f64>> {
    let begin = now() + WARM;
    let end = begin + length(bench);
    let mut latencies = Vec::new();
    let tasks = (0..connections).map(|_| one_connection(bench, address, begin, end));
    for outcome in futures_util::future::join_all(tasks).await {
        latencies.extend(outcome?);
    }
    Ok(latencies)
}

async fn one_connection(bench: &Bench, address: SocketAddr, begin: Instant, end: Instant) -> Result<Vec<f64>> {
    let mut connection = Connection::open(address).await?;
    let mut latencies = Vec::new();
    loop {
        let request = bench.events.one(AGENTS);
        let sent = now();
        connection.deliver(&request).await?;
        let answered = now();
        if answered >= end {
            return Ok(latencies);
        }
        if answered >= begin {
            latencies.push((answered - sent).as_secs_f64() * 1000.0);
        }
    }
}
