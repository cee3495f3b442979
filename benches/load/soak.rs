//! Long runs: a soak at 50 events/s, half an hour at 200/s, and a burst of 2,000/s with an approval in it.

use std::cell::Cell;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use crate::Bench;
use crate::client::{Connection, post};
use crate::common::clock::now;
use crate::common::figures::{Figure, quantile};
use crate::intake::AGENTS;
use crate::open;
use crate::server::{API_TOKEN, Server};
use crate::wait;

/// Events a second of a soak; one in so many notifies.
const SOAK: u32 = 50;
const NOTIFIES: u64 = 50;
/// How long it is, in minutes, unless the command says so.
const SOAK_MINUTES: u32 = 60;
/// How often it is looked at, in seconds.
const LOOK: u32 = 30;
/// Half an hour at this rate.
const SUSTAINED: u32 = 200;
const SUSTAINED_MINUTES: u32 = 30;
/// A burst.
const BURST: u32 = 2_000;
const BURST_SECONDS: u32 = 10;
const CONNECTIONS: u32 = 32;
/// Approvals that are decided during a burst, and how far apart.
const TAPS: u32 = 20;
const BETWEEN: Duration = Duration::from_millis(400);

/// Memory, descriptors and files over time.
pub async fn soak(bench: &Bench) -> Result<()> {
    let minutes = bench.minutes.unwrap_or(if bench.quick { 1 } else { SOAK_MINUTES });
    println!("soak: {SOAK} events/s for {minutes} minutes, one in {NOTIFIES} notifies");
    println!("minute  MiB   descriptors  threads  WAL MiB  store MiB  ack p99 ms");
    let server = bench.server().await?;
    let mut resident = Vec::new();
    let turn = Cell::new(0_u64);
    let request = || {
        turn.set(turn.get() + 1);
        if turn.get().is_multiple_of(NOTIFIES) {
            bench.events.completion(turn.get() % 16).1
        } else {
            bench.events.one(AGENTS)
        }
    };
    for look in 1..=minutes * 60 / LOOK {
        let answers = open::run(&request, server.address, 8, SOAK, LOOK).await?;
        ensure!(answers.statuses.keys().all(|status| *status == 202), "{:?}\n{}", answers.statuses, server.said());
        let usage = server.usage();
        resident.push((f64::from(look * LOOK) / 3600.0, usage.resident()?));
        println!(
            "{:>6}  {:>4}  {:>11}  {:>7}  {:>7}  {:>9}  {}",
            Figure(f64::from(look * LOOK) / 60.0).to_string(),
            Figure(usage.resident()?).to_string(),
            usage.descriptors(),
            usage.threads(),
            Figure(mib(server.wal())).to_string(),
            Figure(mib(server.stored())).to_string(),
            Figure(quantile(&answers.latencies, 0.99)),
        );
    }
    let later = &resident[resident.len() / 2..];
    println!("memory in the second half: {} MiB an hour", Figure(slope(later)));
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "files are small")]
fn mib(bytes: u64) -> f64 {
    bytes as f64 / 1024.0 / 1024.0
}

/// The line through the points that misses them least.
#[expect(clippy::cast_precision_loss, reason = "counts of points are small")]
fn slope(points: &[(f64, f64)]) -> f64 {
    let count = points.len() as f64;
    let (x, y) = points.iter().fold((0.0, 0.0), |(x, y), point| (x + point.0 / count, y + point.1 / count));
    let spread: f64 = points.iter().map(|point| (point.0 - x).powi(2)).sum();
    points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum::<f64>() / spread
}

/// Answers over half an hour.
pub async fn sustained(bench: &Bench) -> Result<()> {
    let minutes = bench.minutes.unwrap_or(if bench.quick { 1 } else { SUSTAINED_MINUTES });
    println!("sustained: {SUSTAINED} events/s for {minutes} minutes");
    let server = bench.server().await?;
    let request = || bench.events.one(AGENTS);
    let answers = open::run(&request, server.address, CONNECTIONS, SUSTAINED, minutes * 60).await?;
    let at = |q| Figure(quantile(&answers.latencies, q));
    println!("answers by status {:?}", answers.statuses);
    println!("answer p50 {} ms, p99 {} ms (goal: p99 at most 250), longest {} ms", at(0.5), at(0.99), at(1.0));
    Ok(())
}

/// A burst, during which people decide.
pub async fn burst(bench: &Bench) -> Result<()> {
    println!("burst: {BURST} events/s for {BURST_SECONDS} s, meanwhile {TAPS} approvals are decided");
    let server = bench.server().await?;
    let request = || bench.events.one(AGENTS);
    let load = open::run(&request, server.address, CONNECTIONS * 2, BURST, BURST_SECONDS);
    let (answers, taps) = futures_util::future::try_join(load, taps(bench, &server)).await?;
    let other: usize = answers.statuses.iter().filter(|(status, _)| !matches!(status, 202 | 503)).map(|s| s.1).sum();
    println!("answers by status {:?}, {other} neither 202 nor 503 (goal: 0)", answers.statuses);
    let at = |of: &[f64], q| Figure(quantile(of, q));
    println!("answer p50 {} ms, p99 {} ms", at(&answers.latencies, 0.5), at(&answers.latencies, 0.99));
    println!("decision p50 {} ms, longest {} ms (goal: at most 300)", at(&taps, 0.5), at(&taps, 1.0));
    Ok(())
}

/// Milliseconds from each decision to its commit.
async fn taps(bench: &Bench, server: &Server) -> Result<Vec<f64>> {
    let (mut agent, mut person) = (Connection::open(server.address).await?, Connection::open(server.address).await?);
    let mut taken = Vec::new();
    for _ in 0..TAPS {
        wait::pause(BETWEEN).await;
        let external = format!("ask-{}", bench.events.number());
        let ask = format!(
            r#"{{"id":"{external}","type":"approval.requested","agent":{{"id":"asks"}},"session":{{"id":"asks"}},"approval":{{"id":"{external}","action":{{"tool":"Bash","input":{{"command":"echo {external}"}}}}}}}}"#
        );
        // A full queue refuses whoever comes: the sender tries again, as any does.
        let mut status = 503;
        for _ in 0..50 {
            status = agent.send(&bench.events.signed(&ask)).await?;
            if status == 202 {
                break;
            }
            wait::pause(Duration::from_millis(20)).await;
        }
        ensure!(status == 202, "the question was answered {status}");
        let code = code(&mut person).await?;
        let asked = now();
        person.deliver(&command(&format!("/deny {code}"))).await?;
        ensure!(person.body().contains(r#""refused":false"#), "{}", person.body());
        taken.push(asked.elapsed().as_secs_f64() * 1000.0);
    }
    taken.sort_unstable_by(f64::total_cmp);
    Ok(taken)
}

/// The code of the question that waits.
async fn code(person: &mut Connection) -> Result<String> {
    person.deliver(&command("/approvals")).await?;
    let answer = person.body();
    // The reason of an answer has a code too.
    let content = answer.split_once(r#""content":"#).with_context(|| format!("no content in {answer}"))?.1;
    let rest = content.split_once(r#""code":""#).with_context(|| format!("no code in {answer}"))?.1;
    Ok(rest.chars().take_while(char::is_ascii_alphanumeric).collect())
}

fn command(text: &str) -> Vec<u8> {
    post("/v1/commands", Some(API_TOKEN), &format!(r#"{{"text":"{text}"}}"#))
}
