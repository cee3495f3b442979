//! Goal 2: what committing together gains, against one transaction for each request, on this disk and on one
//! whose syncs take 2 ms more.
//!
//! The engine runs in a process of its own, without HTTP. One transaction a request is what it makes of
//! requests that wait for each other at the door.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use sereno::app::App;
use sereno::clock::Sources;
use sereno::config::Config;
use sereno::core::input::{Body, Reported};
use sereno::engine::{Log, NewInput};
use sereno::runtime::decode;
use tempfile::TempDir;
use tokio::sync::Semaphore;

use crate::Bench;
use crate::common::clock::now;
use crate::common::figures::{Figure, Rounds};
use crate::common::machine::Watch;
use crate::events::Events;
use crate::intake::AGENTS;

/// The name under which this program starts itself.
pub const CHILD: &str = "appends";
const ROUNDS: u32 = 5;
const ROUND: Duration = Duration::from_millis(1500);
const WARM: Duration = Duration::from_millis(200);
/// (connections, microseconds that a sync takes longer, the gain that is the goal)
const CASES: [(usize, u32, f64); 4] = [(1, 0, 0.8), (64, 0, 2.0), (1, 2000, 0.8), (64, 2000, 15.0)];

/// Measures both ways in turn.
pub fn run(bench: &Bench) -> Result<()> {
    println!("group: appended events/s, committed together against one transaction each");
    let folder = TempDir::new()?;
    let library = slow_sync(folder.path())?;
    let mut figures: [(Rounds, Rounds); CASES.len()] = Default::default();
    for _ in 0..bench.of(ROUNDS).max(3) {
        for ((connections, slower, _), (together, apart)) in CASES.into_iter().zip(&mut figures) {
            for (figures, places) in [(together, connections), (apart, 1)] {
                let watch = Watch::start();
                let rate = child(bench, &library, connections, places, slower)?;
                figures.add(rate, watch.is_quiet());
            }
        }
    }
    for ((connections, slower, goal), (together, apart)) in CASES.into_iter().zip(&figures) {
        let gain = Figure(together.median() / apart.median());
        let slower = if slower > 0 { ", each sync 2 ms longer" } else { "" };
        println!("{connections:>3} connections{slower}: together {together}, apart {apart}");
        println!("{connections:>3} connections{slower}: {gain} times (goal 2: at least {goal})");
    }
    Ok(())
}

/// Builds the library that makes syncs slower.
pub fn slow_sync(folder: &Path) -> Result<std::path::PathBuf> {
    let (source, library) = (folder.join("slowsync.c"), folder.join("slowsync.so"));
    std::fs::write(&source, include_str!("slowsync.c"))?;
    let built = Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&source).arg("-ldl").status()?;
    ensure!(built.success(), "cc could not build the library");
    Ok(library)
}

/// One round in a process of its own. Returns events a second.
fn child(bench: &Bench, library: &Path, connections: usize, places: usize, slower: u32) -> Result<f64> {
    let millis = bench.span(ROUND).as_millis();
    let mut command = Command::new(std::env::current_exe()?);
    command.args([CHILD.to_owned(), connections.to_string(), places.to_string(), millis.to_string()]);
    if slower > 0 {
        command.env("LD_PRELOAD", library).env("SLOWSYNC_US", slower.to_string());
    }
    let output = command.output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}

/// What the child does: appends for a while on so many connections, of which so many may wait for the
/// engine at the same time.
pub fn append(arguments: &[String]) -> Result<()> {
    let number = |place: usize| -> Result<usize> { Ok(arguments.get(place).context("an argument")?.parse()?) };
    let (connections, places, millis) = (number(0)?, number(1)?, number(2)?);
    let folder = TempDir::new()?;
    let store = folder.path().join("sereno.db");
    let config = format!(
        "[http]\nlisten = \"127.0.0.1:0\"\n[store]\nurl = \"sqlite://{}\"\n[people.boss]\nrole = \"admin\"\n",
        store.display()
    );
    let config = Config::from_text(&config)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let rate = runtime.block_on(async {
        let app = App::start(&config, Sources::system()).await?;
        let appended = measure(&app.door.log, connections, places, Duration::from_millis(millis as u64)).await;
        app.stop().await;
        anyhow::Ok(appended)
    })?;
    println!("{rate}");
    Ok(())
}

async fn measure(log: &Log, connections: usize, places: usize, span: Duration) -> f64 {
    let (door, appended) = (Arc::new(Semaphore::new(places)), Arc::new(AtomicUsize::new(0)));
    let begin = now() + WARM;
    let end = begin + span;
    let lanes = (0..connections).map(|lane| {
        tokio::spawn(one_lane(log.clone(), door.clone(), appended.clone(), (lane, connections), (begin, end)))
    });
    futures_util::future::join_all(lanes).await;
    crate::closed::rate(appended.load(Ordering::Relaxed), span)
}

async fn one_lane(
    log: Log,
    door: Arc<Semaphore>,
    appended: Arc<AtomicUsize>,
    (lane, lanes): (usize, usize),
    (begin, end): (Instant, Instant),
) {
    let sources = Sources::system();
    for turn in 0.. {
        let body = Events::body((turn * lanes + lane) as u64 + 1, AGENTS);
        let event = decode::canonical(&body.into()).expect("our own events are right").remove(0);
        let id = event.id.clone();
        let reported = Reported::new("fleet", sources.now(), event);
        let place = door.acquire().await;
        let input = NewInput::keyed("runtime:fleet", id, Body::Event(Box::new(reported)));
        log.append_one(input).await.expect("the store takes it");
        drop(place);
        let at = now();
        if at >= end {
            return;
        }
        if at >= begin {
            appended.fetch_add(1, Ordering::Relaxed);
        }
    }
}
