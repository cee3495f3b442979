//! Goal 9: resident memory, idle, under load, and by agent.

use std::time::Duration;

use anyhow::Result;

use crate::Bench;
use crate::client::Connection;
use crate::common::clock::now;
use crate::common::figures::Rounds;
use crate::common::machine::Watch;
use crate::server::Server;
use crate::wait;

const ROUNDS: u32 = 5;
/// How long a server rests before it counts as idle.
const REST: Duration = Duration::from_secs(1);
/// Requests a second and events in each, and for how many seconds.
const REQUESTS: u32 = 100;
const BATCH: u64 = 100;
const SECONDS: u32 = 6;
/// Connections over which the requests are spread.
const CONNECTIONS: u32 = 8;
const AGENTS: u64 = 1_000;
/// Agents of the last figure, and how many events each has sent.
const MANY: u64 = 10_000;
const EACH: u64 = 10;

/// Measures memory in fresh processes.
pub async fn run(bench: &Bench) -> Result<()> {
    println!("memory: MiB resident");
    let (mut idle, mut loaded, mut rate, mut agents) =
        (Rounds::default(), Rounds::default(), Rounds::default(), Rounds::default());
    for _ in 0..bench.of(ROUNDS).max(3) {
        let server = bench.server().await?;
        wait::pause(REST).await;
        idle.add(server.resident()?, true);
        let watch = Watch::start();
        let taken = under_load(bench, &server).await?;
        // What was reached tells nothing when others took the machine; memory does.
        rate.add(taken, watch.is_quiet());
        loaded.add(server.peak()?, true);
        drop(server);
        agents.add(by_agents(bench).await?, true);
    }
    println!("idle, Telegram connected        {idle} (goal 9: at most 28)");
    println!("events/s while loaded           {rate} (10,000 are offered)");
    println!("peak while loaded, {AGENTS} agents {loaded} (goal 9: at most 96)");
    println!("1,000 agents more               {agents} (goal 9: at most 4)");
    Ok(())
}

/// Sends 10,000 events a second for some seconds. Returns how many a second were taken.
async fn under_load(bench: &Bench, server: &Server) -> Result<f64> {
    let count = REQUESTS * bench.of(SECONDS);
    let begin = now();
    let lanes = (0..CONNECTIONS).map(|lane| async move {
        let mut connection = Connection::open(server.address).await?;
        for n in (lane..count).step_by(CONNECTIONS as usize) {
            wait::until(begin + Duration::from_secs(1) * n / REQUESTS).await;
            connection.deliver(&bench.events.batch(BATCH, AGENTS, 974)).await?;
        }
        anyhow::Ok(())
    });
    futures_util::future::try_join_all(lanes).await?;
    #[expect(clippy::cast_precision_loss, reason = "counts of events are small")]
    Ok((u64::from(count) * BATCH) as f64 / begin.elapsed().as_secs_f64())
}

/// MiB that 1,000 agents add, each with a session, windows and some events.
async fn by_agents(bench: &Bench) -> Result<f64> {
    let server = bench.server().await?;
    wait::pause(REST).await;
    let before = server.resident()?;
    let mut connection = Connection::open(server.address).await?;
    let many = if bench.quick { MANY / 10 } else { MANY };
    for _ in 0..EACH {
        for first in (0..many).step_by(1000) {
            connection.deliver(&bench.events.roll_call(first, 1000, 974)).await?;
        }
    }
    wait::pause(REST).await;
    #[expect(clippy::cast_precision_loss, reason = "counts of agents are small")]
    Ok((server.resident()? - before) * 1000.0 / many as f64)
}
