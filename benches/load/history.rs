//! Goals 10 and 11: a store of ten million events and a hundred thousand agents. How soon a server is ready on
//! it, and how long the costs of a day take against a scan of the log.
//!
//! The store is made here, by the fold itself, a day's events within minutes. Keys of idempotency are left out: a
//! start does not read them.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use sereno::clock::Sources;
use sereno::config::Config;
use sereno::core::input::{Body, Input, Reported};
use sereno::core::step::step;
use sereno::core::time::{Span, Ts};
use sereno::core::world::World;
use sereno::runtime::decode;
use sereno::store::{ENGINE, Entry, Store, Writes, sqlite_options};
use sqlx::{ConnectOptions as _, SqliteConnection};
use tempfile::TempDir;

use crate::Bench;
use crate::common::clock::now;
use crate::common::figures::{Figure, Rounds};
use crate::common::machine::Watch;
use crate::events::event;
use crate::server::{Server, Setup};
use crate::wait;

const EVENTS: u64 = 10_000_000;
/// Agents that report all day, and those that report once, at its end.
const BUSY: u64 = 1_000;
const AGENTS: u64 = 100_000;
const LENGTH: usize = 400;
/// Events in a transaction, and transactions between two writes of the read models.
const BATCH: u64 = 5_000;
const MODELS_EVERY: u64 = 20;
/// Events behind the newest snapshot when a server has crashed.
const TAIL: u64 = 20_000;
const ROUNDS: u32 = 5;
/// How long a start is watched beyond its end: who used the machine is told in ticks of 10 ms.
const REST: Duration = Duration::from_millis(250);
const DAY: Span = Span::days(1);

/// The costs of a day, as lists and digests sum them up.
const ROLLUP: &str = "SELECT agent, SUM(micros) FROM costs WHERE at >= $1 GROUP BY agent ORDER BY 2 DESC";
/// The same out of the log.
const SCAN: &str = "SELECT json_extract(body, '$.event.agent.id') AS agent, SUM(json_extract(body, '$.event.usage.cost_usd')) FROM log WHERE at >= $1 GROUP BY agent ORDER BY 2 DESC";

/// Measures starts and sums.
pub async fn run(bench: &Bench) -> Result<()> {
    let (events, agents) = if bench.quick { (EVENTS / 100, AGENTS / 100) } else { (EVENTS, AGENTS) };
    println!("history: {events} events, {agents} agents");
    let folder = TempDir::new()?;
    let path = folder.path().join("sereno.db");
    let begun = now();
    let from = make(&path, events, agents).await?;
    println!("made in {} s", Figure(begun.elapsed().as_secs_f64()));
    sums(bench, &path, from).await?;
    starts(bench, folder).await
}

/// Folds a day's events into a new store. Returns when the day begins.
async fn make(path: &Path, events: u64, agents: u64) -> Result<Ts> {
    let store = Store::open(&format!("sqlite://{}", path.display())).await?;
    let sources = Sources::system();
    let lease = store.seize_engine("bench", sources.now()).await?;
    let config = Config::from_text("[people.boss]\nrole = \"admin\"\n")?;
    let from = sources.now().minus(DAY);
    let mut world = World::default();
    let mut unwritten = Writes::default();
    let mut bodies = vec![Body::Policy(Box::new(config.policy))];
    let mut made = 0;
    while made < events || !bodies.is_empty() {
        let more = BATCH.min(events - made);
        for n in made..made + more {
            // Everybody reports at the end, so that nobody is missed.
            let agent = if n >= events - agents { n - (events - agents) } else { n / 5 % BUSY };
            bodies.push(reported(n, agent, from)?);
        }
        made += more;
        let before = world.pos;
        let (mut entries, mut writes) = (Vec::new(), Writes::default());
        for body in bodies.drain(..) {
            let span = DAY.0.cast_unsigned() * made.saturating_sub(more) / events;
            let at = Ts(from.0 + span.cast_signed()).max(world.now);
            let input = Input { pos: world.pos + 1, at, body };
            entries.push(Entry { pos: input.pos, at, body: serde_json::to_string(&input.body)? });
            writes.add(step(&mut world, &input));
        }
        let mut tx = store.begin_commit().await?;
        tx.append(&entries).await?;
        tx.write(&writes, &world).await?;
        unwritten.changed.merge(writes.changed);
        if (made / BATCH).is_multiple_of(MODELS_EVERY) || made == events {
            tx.write_models(&std::mem::take(&mut unwritten.changed), &world).await?;
        }
        tx.commit(before, world.pos, lease.term).await?;
        if made >= events - TAIL && made < events - TAIL + BATCH {
            store.save_snapshot(world.pos, world.now, sereno::store::parts_of(&world)?).await?;
        }
    }
    store.resign_lease(ENGINE, lease.term).await?;
    store.close().await;
    Ok(from)
}

fn reported(n: u64, agent: u64, at: Ts) -> Result<Body> {
    let mut text = String::with_capacity(LENGTH);
    event(&mut text, n, agent, LENGTH);
    let event = decode::canonical(&text.into()).map_err(|bad| anyhow::anyhow!(bad.detail))?.remove(0);
    Ok(Body::Event(Box::new(Reported::new("fleet", at, event))))
}

/// Sums of the read model and of the log.
async fn sums(bench: &Bench, path: &Path, from: Ts) -> Result<()> {
    let mut connection = sqlite_options(path, false).connect().await?;
    let (mut rollup, mut scan) = (Rounds::default(), Rounds::default());
    for _ in 0..bench.of(ROUNDS).max(3) {
        for (text, figures) in [(ROLLUP, &mut rollup), (SCAN, &mut scan)] {
            let watch = Watch::start();
            let took = sum(&mut connection, text, from).await?;
            figures.add(took, watch.is_quiet());
        }
    }
    println!("costs of the day by agent: read model {rollup} s (goal 11: at most 1), scan of the log {scan} s");
    println!("{} times as fast (goal 11: at least 10)", Figure(scan.median() / rollup.median()));
    Ok(())
}

async fn sum(connection: &mut SqliteConnection, text: &'static str, from: Ts) -> Result<f64> {
    let begun = now();
    sqlx::query(text).bind(from.0).fetch_all(connection).await?;
    Ok(begun.elapsed().as_secs_f64())
}

/// Starts after a crash, with a tail to fold, and after a stop in order.
async fn starts(bench: &Bench, folder: TempDir) -> Result<()> {
    let mut server = Server::start_in(folder, &bench.sink.url(), Setup::default()).await?;
    println!("{} MiB on disk", server.stored() / 1024 / 1024);
    let (mut crashed, mut stopped) = (Rounds::default(), Rounds::default());
    for _ in 0..bench.of(ROUNDS).max(3) {
        server.crash()?;
        again(&mut server, &mut crashed).await?;
    }
    for _ in 0..bench.of(ROUNDS).max(3) {
        server.stop().await?;
        again(&mut server, &mut stopped).await?;
    }
    println!("ready after a crash, {TAIL} events behind the snapshot: {crashed} ms");
    println!("ready after a stop in order: {stopped} ms (goal 10: at most 1000)");
    println!("resident {} MiB", Figure(server.resident()?));
    Ok(())
}

async fn again(server: &mut Server, figures: &mut Rounds) -> Result<()> {
    let watch = Watch::start();
    server.start_again().await?;
    wait::pause(REST).await;
    figures.add(server.took.as_secs_f64() * 1000.0, watch.is_quiet());
    Ok(())
}
