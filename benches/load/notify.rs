//! Goal 5: from an event that notifies to the chat's POST, in an open loop.
//!
//! The clock starts when an event is due, whether or not its connection was free then: a server that
//! stalls is charged for the queue that it caused.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::Bench;
use crate::client::Connection;
use crate::common::clock::now;
use crate::common::figures::{Rounds, quantile};
use crate::common::machine::Watch;
use crate::server::{CHATS, Server};
use crate::wait;

/// Events a second, and the p99 in milliseconds that is the goal.
const RATES: [(u32, f64); 2] = [(200, 25.0), (1_000, 50.0)];
const ROUNDS: u32 = 5;
const SECONDS: u32 = 8;
/// Connections over which events are spread.
const CONNECTIONS: u32 = 32;
/// How long the last notice may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a second copy of a notice is waited for.
const ECHO: Duration = Duration::from_millis(500);

#[derive(Default)]
struct Figures {
    p50: Rounds,
    p99: Rounds,
    sent: usize,
    lost: usize,
    double: usize,
}

/// Measures the way from event to chat at every rate.
pub async fn run(bench: &Bench) -> Result<()> {
    println!("notify: event due to sendMessage received, every event notifies, {CHATS} conversations");
    let server = bench.server().await?;
    let mut figures: [Figures; RATES.len()] = Default::default();
    for _ in 0..bench.of(ROUNDS).max(3) {
        for ((rate, _), figures) in RATES.into_iter().zip(&mut figures) {
            round(bench, &server, rate, figures).await?;
        }
    }
    for ((rate, goal), figures) in RATES.into_iter().zip(&figures) {
        println!("{rate:>5}/s  p50 {} ms", figures.p50);
        println!("{rate:>5}/s  p99 {} ms (goal 5: at most {goal})", figures.p99);
        println!("{rate:>5}/s  {} sent, {} lost, {} twice", figures.sent, figures.lost, figures.double);
    }
    Ok(())
}

async fn round(bench: &Bench, server: &Server, rate: u32, figures: &mut Figures) -> Result<()> {
    let watch = Watch::start();
    let count = rate * bench.of(SECONDS);
    let begin = now() + Duration::from_millis(50);
    let lanes = (0..CONNECTIONS).map(|lane| {
        let due = (lane..count).step_by(CONNECTIONS as usize);
        one_lane(bench, server, due.map(move |n| begin + Duration::from_secs(1) * n / rate))
    });
    let mut due: HashMap<u64, Instant> = HashMap::new();
    for lane in futures_util::future::join_all(lanes).await {
        due.extend(lane?);
    }
    let last = now();
    while bench.sink.arrived(&due) < due.len() && last.elapsed() < PATIENCE {
        wait::pause(Duration::from_millis(20)).await;
    }
    let quiet = watch.is_quiet();
    wait::pause(ECHO).await;
    let notices = bench.sink.take();
    let mut latencies: Vec<f64> = Vec::new();
    for (task, due) in &due {
        match notices.get(task).map(Vec::as_slice) {
            None | Some([]) => figures.lost += 1,
            Some([first, more @ ..]) => {
                latencies.push(first.saturating_duration_since(*due).as_secs_f64() * 1000.0);
                figures.double += more.len();
            }
        }
    }
    latencies.sort_unstable_by(f64::total_cmp);
    figures.sent += due.len();
    figures.p50.add(quantile(&latencies, 0.5), quiet);
    figures.p99.add(quantile(&latencies, 0.99), quiet);
    Ok(())
}

/// Sends an event whenever one is due. Returns when each was, by task.
async fn one_lane(bench: &Bench, server: &Server, times: impl Iterator<Item = Instant>) -> Result<Vec<(u64, Instant)>> {
    let mut connection = Connection::open(server.address).await?;
    let mut sent = Vec::new();
    for due in times {
        wait::until(due).await;
        let chat = bench.events.number() % CHATS;
        let (task, request) = bench.events.completion(chat);
        connection.deliver(&request).await?;
        sent.push((task, due));
    }
    Ok(sent)
}
