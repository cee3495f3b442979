//! Goal 5: from an event that notifies to the chat's POST, in an open loop; goal 6: the same at 3,000/s for a
//! minute.
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
/// A flood: events a second, for how many seconds, and the p99 that is the goal.
const FLOOD: u32 = 3_000;
const FLOOD_SECONDS: u32 = 60;
/// Connections over which events are spread.
const CONNECTIONS: u32 = 32;
/// How long the next notice may take before those that are missing count as lost: longer than a channel that failed is
/// left alone at first, and than a lease.
const PATIENCE: Duration = Duration::from_mins(1);
/// How long a second copy of a notice is waited for.
const ECHO: Duration = Duration::from_millis(500);

/// What became of notices.
#[derive(Default)]
pub struct Figures {
    pub p50: Rounds,
    pub p99: Rounds,
    sent: usize,
    lost: usize,
    double: usize,
}

impl Figures {
    /// Waits for the notices of what was `due` in a round, and counts them.
    pub async fn settle(&mut self, bench: &Bench, due: &HashMap<u64, Instant>, watch: &Watch) {
        let (mut arrived, mut newest) = (0, now());
        while arrived < due.len() && newest.elapsed() < PATIENCE {
            wait::pause(Duration::from_millis(20)).await;
            let before = std::mem::replace(&mut arrived, bench.sink.arrived(due));
            if arrived > before {
                newest = now();
            }
        }
        let quiet = watch.is_quiet();
        wait::pause(ECHO).await;
        let notices = bench.sink.take();
        let mut latencies: Vec<f64> = Vec::new();
        for (task, due) in due {
            match notices.get(task).map(Vec::as_slice) {
                None | Some([]) => self.lost += 1,
                Some([first, more @ ..]) => {
                    latencies.push(first.saturating_duration_since(*due).as_secs_f64() * 1000.0);
                    self.double += more.len();
                }
            }
        }
        latencies.sort_unstable_by(f64::total_cmp);
        self.sent += due.len();
        self.p50.add(quantile(&latencies, 0.5), quiet);
        self.p99.add(quantile(&latencies, 0.99), quiet);
    }

    /// Prints them, each line after `name`.
    pub fn print(&self, name: &str) {
        println!("{name}  p50 {} ms, p99 {} ms", self.p50, self.p99);
        println!("{name}  {} sent, {} lost, {} twice", self.sent, self.lost, self.double);
    }
}

/// Measures the way from event to chat at every rate.
pub async fn run(bench: &Bench) -> Result<()> {
    println!("notify: event due to sendMessage received, every event notifies, {CHATS} conversations");
    let server = bench.server().await?;
    let mut figures: [Figures; RATES.len()] = Default::default();
    for _ in 0..bench.of(ROUNDS).max(3) {
        for ((rate, _), figures) in RATES.into_iter().zip(&mut figures) {
            round(bench, &server, (rate, bench.of(SECONDS)), figures).await?;
        }
    }
    for ((rate, goal), figures) in RATES.into_iter().zip(&figures) {
        figures.print(&format!("{rate:>5}/s (goal 5: p99 at most {goal} ms)"));
    }
    Ok(())
}

/// Measures a flood, once: it is long.
pub async fn flood(bench: &Bench) -> Result<()> {
    println!("flood: {FLOOD} events/s for {FLOOD_SECONDS} s, every event notifies, {CHATS} conversations");
    let server = bench.server().await?;
    let mut figures = Figures::default();
    round(bench, &server, (FLOOD, bench.of(FLOOD_SECONDS)), &mut figures).await?;
    figures.print("flood (goal 6: p99 at most 100 ms)");
    Ok(())
}

/// Sends `rate` events a second for so many seconds.
pub async fn round(bench: &Bench, server: &Server, (rate, seconds): (u32, u32), figures: &mut Figures) -> Result<()> {
    let watch = Watch::start();
    let count = rate * seconds;
    let begin = now() + Duration::from_millis(50);
    let lanes = (0..CONNECTIONS).map(|lane| {
        let due = (lane..count).step_by(CONNECTIONS as usize);
        one_lane(bench, server, due.map(move |n| begin + Duration::from_secs(1) * n / rate))
    });
    let mut due: HashMap<u64, Instant> = HashMap::new();
    for lane in futures_util::future::join_all(lanes).await {
        due.extend(lane?);
    }
    figures.settle(bench, &due, &watch).await;
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
