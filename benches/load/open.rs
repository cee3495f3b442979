//! An open loop: requests are sent when they are due, and a server that stalls is charged for the queue.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Result;

use crate::client::Connection;
use crate::common::clock::now;
use crate::wait;

/// What was answered.
#[derive(Default)]
pub struct Answers {
    /// How often, by status.
    pub statuses: BTreeMap<u16, usize>,
    /// Milliseconds from when a request was due to its answer, sorted; of those that were taken.
    pub latencies: Vec<f64>,
}

/// Sends `rate` requests a second for `seconds` over so many connections.
pub async fn run(
    request: &dyn Fn() -> Vec<u8>,
    address: SocketAddr,
    connections: u32,
    rate: u32,
    seconds: u32,
) -> Result<Answers> {
    let begin = now() + Duration::from_millis(50);
    let lanes = (0..connections).map(|lane| async move {
        let mut connection = Connection::open(address).await?;
        let mut answers = Vec::new();
        for n in (lane..rate * seconds).step_by(connections as usize) {
            let due = begin + Duration::from_secs(1) * n / rate;
            wait::until(due).await;
            let status = connection.send(&request()).await?;
            answers.push((status, due.elapsed().as_secs_f64() * 1000.0));
        }
        anyhow::Ok(answers)
    });
    let mut all = Answers::default();
    for (status, took) in futures_util::future::try_join_all(lanes).await?.into_iter().flatten() {
        *all.statuses.entry(status).or_default() += 1;
        if (200..300).contains(&status) {
            all.latencies.push(took);
        }
    }
    all.latencies.sort_unstable_by(f64::total_cmp);
    Ok(all)
}
