//! A closed loop: every connection sends as soon as its last answer is there.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::client::Connection;
use crate::common::clock::now;

/// How long connections warm up before a round.
pub const WARM: Duration = Duration::from_millis(200);

/// Sends what `request` makes on so many connections for `span`. Returns the milliseconds that each answer
/// took which came after the warm-up and before the end, sorted.
pub async fn run(
    request: &dyn Fn() -> Vec<u8>,
    address: SocketAddr,
    connections: usize,
    span: Duration,
) -> Result<Vec<f64>> {
    let begin = now() + WARM;
    let end = begin + span;
    let mut latencies = Vec::new();
    let tasks = (0..connections).map(|_| one_connection(request, address, begin, end));
    for outcome in futures_util::future::join_all(tasks).await {
        latencies.extend(outcome?);
    }
    latencies.sort_unstable_by(f64::total_cmp);
    Ok(latencies)
}

async fn one_connection(
    request: &dyn Fn() -> Vec<u8>,
    address: SocketAddr,
    begin: Instant,
    end: Instant,
) -> Result<Vec<f64>> {
    let mut connection = Connection::open(address).await?;
    let mut latencies = Vec::new();
    loop {
        let request = request();
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

/// How many a second.
#[expect(clippy::cast_precision_loss, reason = "counts of requests are small")]
pub fn rate(answers: usize, span: Duration) -> f64 {
    answers as f64 / span.as_secs_f64()
}
