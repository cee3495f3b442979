//! Goal 10: from exec to ready, on an empty store and on a full one.

use std::time::Duration;

use anyhow::Result;

use crate::Bench;
use crate::client::Connection;
use crate::common::clock::now;
use crate::common::figures::{Figure, Rounds};
use crate::common::machine::Watch;
use crate::server::Server;
use crate::wait;

/// Starts on an empty store, and on a full one.
const EMPTY: u32 = 11;
const FULL: u32 = 5;
/// What the full store holds, unless filling it takes too long.
const EVENTS: u64 = 1_000_000;
const AGENTS: u64 = 100_000;
const FILL: Duration = Duration::from_secs(75);
/// How long a start is watched beyond its end: who used the machine is told in ticks of 10 ms.
const REST: Duration = Duration::from_millis(250);
/// Events in a request, and their length.
const BATCH: u64 = 1000;
const LENGTH: usize = 400;

/// Measures starts.
pub async fn run(bench: &Bench) -> Result<()> {
    println!("start: ms from exec to /readyz 200");
    let mut empty = Rounds::default();
    for _ in 0..bench.of(EMPTY).max(3) {
        let watch = Watch::start();
        let server = bench.server().await?;
        wait::pause(REST).await;
        empty.add(server.took.as_secs_f64() * 1000.0, watch.is_quiet());
    }
    println!("empty store  {empty} (goal 10: at most 50)");
    let mut server = bench.server().await?;
    fill(bench, &server).await?;
    let mut full = Rounds::default();
    for _ in 0..bench.of(FULL).max(3) {
        server.stop().await?;
        let watch = Watch::start();
        server.start_again().await?;
        wait::pause(REST).await;
        full.add(server.took.as_secs_f64() * 1000.0, watch.is_quiet());
    }
    println!("full store   {full} (goal 10: at most 1000, with 10 M events)");
    Ok(())
}

/// Fills the store with events of a few agents first, and of all of them at the end.
async fn fill(bench: &Bench, server: &Server) -> Result<()> {
    let scale = if bench.quick { 50 } else { 1 };
    let (events, agents) = (EVENTS / scale, AGENTS / scale);
    let mut connection = Connection::open(server.address).await?;
    let begun = now();
    let mut sent = 0;
    while sent < events - agents && begun.elapsed() < FILL {
        connection.deliver(&bench.events.batch(BATCH, 1_000, LENGTH)).await?;
        sent += BATCH;
    }
    let few = begun.elapsed();
    println!("full store   {sent} events of 1,000 agents stored in {} s", Figure(few.as_secs_f64()));
    for first in (0..agents).step_by(1000) {
        connection.deliver(&bench.events.roll_call(first, BATCH, LENGTH)).await?;
    }
    let rest = begun.elapsed().saturating_sub(few);
    println!("full store   {agents} more events of as many agents in {} s", Figure(rest.as_secs_f64()));
    println!("full store   {} MiB on disk", server.stored() / 1024 / 1024);
    Ok(())
}
