//! Goal 4, and parts of goals 5 and 9: Alertmanager from Debian beside sereno, in the same rounds.
//!
//! It keeps alerts in memory and answers before anything is durable; each of its requests carries one alert of
//! about the length of our events, each alert is one that it did not know.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tempfile::TempDir;

use crate::client::{Connection, get, post};
use crate::common::clock::now;
use crate::common::figures::{Figure, Rounds};
use crate::common::machine::Watch;
use crate::events::TASK;
use crate::intake::{AGENTS, CONNECTIONS, Figures};
use crate::server::Server;
use crate::usage::Usage;
use crate::{Bench, closed, notify, wait};

/// Where Debian puts it.
pub const PROGRAM: &str = "/usr/bin/prometheus-alertmanager";
const ROUNDS: u32 = 5;
const ROUND: Duration = Duration::from_millis(1500);
/// Events a second when each of them notifies, and for how many seconds.
const RATE: u32 = 1_000;
const SECONDS: u32 = 6;
/// Alerts that are open when memory is looked at.
const OPEN: u64 = 10_000;
/// How long a start, or the last notice, may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running Alertmanager. Its data goes with it.
struct Alertmanager {
    address: SocketAddr,
    child: Child,
    _folder: TempDir,
}

impl Alertmanager {
    /// Starts it; every alert is a group of its own, and is told to `hook` at once.
    async fn start(hook: &str) -> Result<Self> {
        let folder = TempDir::new()?;
        let config = format!(
            "route: {{receiver: bench, group_by: ['...'], group_wait: 0s, repeat_interval: 24h}}\n\
             receivers: [{{name: bench, webhook_configs: [{{url: '{hook}/bot1/sendMessage', send_resolved: false}}]}}]\n"
        );
        std::fs::write(folder.path().join("config.yml"), config)?;
        let address = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let child = Command::new(PROGRAM)
            .arg(format!("--config.file={}", folder.path().join("config.yml").display()))
            .arg(format!("--storage.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .args(["--cluster.listen-address=", "--log.level=error"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let rival = Self { address, child, _folder: folder };
        let begun = now();
        loop {
            if let Ok(mut connection) = Connection::open(address).await
                && connection.send(&get("/-/ready")).await.is_ok_and(|status| status == 200)
            {
                return Ok(rival);
            }
            ensure!(begun.elapsed() < PATIENCE, "Alertmanager is not ready");
            wait::pause(Duration::from_millis(5)).await;
        }
    }

    fn usage(&self) -> Usage {
        Usage(self.child.id())
    }
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        // It may have ended already.
        let _gone = self.child.kill();
        let _ended = self.child.wait();
    }
}

/// A request with one alert that is not known yet, of about 890 bytes.
fn alert(bench: &Bench) -> (u64, Vec<u8>) {
    let n = bench.events.number();
    let text = "all work and no play ".repeat(33);
    let body = format!(
        r#"[{{"labels":{{"alertname":"completion","agent":"agent-{}","task":"{TASK}{n}","severity":"info"}},"annotations":{{"summary":"{text}"}}}}]"#,
        n % AGENTS
    );
    (n, post("/api/v2/alerts", None, &body))
}

/// Measures both.
pub async fn run(bench: &Bench) -> Result<()> {
    println!("rival: sereno beside Alertmanager, in the same rounds");
    ensure!(std::path::Path::new(PROGRAM).exists(), "{PROGRAM}: install prometheus-alertmanager");
    throughput(bench).await?;
    latency(bench).await?;
    memory(bench).await
}

#[derive(Default)]
struct Theirs {
    accepted: Rounds,
    cpu: Rounds,
}

async fn throughput(bench: &Bench) -> Result<()> {
    let mut figures: [(Figures, Theirs); CONNECTIONS.len()] = Default::default();
    let server = bench.server().await?;
    for _ in 0..bench.of(ROUNDS).max(3) {
        for (connections, (ours, theirs)) in CONNECTIONS.into_iter().zip(&mut figures) {
            ours.round(&server, &|| bench.events.one(AGENTS), (connections, 1), bench.span(ROUND)).await?;
            // A new one for each round: what it holds in memory makes it slower.
            let rival = Alertmanager::start(&bench.sink.url()).await?;
            let watch = Watch::start();
            let before = rival.usage().cost()?;
            let span = bench.span(ROUND);
            let answers = closed::run(&|| alert(bench).1, rival.address, connections, span).await?.len();
            let used = rival.usage().cost()?.since(before).seconds;
            let rate = closed::rate(answers, span);
            theirs.accepted.add(rate, watch.is_quiet());
            theirs.cpu.add(used * 1e6 / (rate * (span + closed::WARM).as_secs_f64()), true);
        }
    }
    bench.sink.take();
    for (connections, (ours, theirs)) in CONNECTIONS.into_iter().zip(&figures) {
        ours.print(&format!("{connections:>3} connections  sereno"));
        println!("{connections:>3} connections  Alertmanager  accepted {} alerts/s", theirs.accepted);
        println!("{connections:>3} connections  Alertmanager  {} µs of processor an alert", theirs.cpu);
        let goal = if connections == 64 { "1.5" } else { "1.0" };
        let times = Figure(ours.accepted.median() / theirs.accepted.median());
        println!("{connections:>3} connections  {times} times as many (goal 4: at least {goal})");
        let share = Figure(ours.cpu.median() / theirs.cpu.median());
        println!("{connections:>3} connections  {share} times the processor (goal 4: at most 0.4)");
    }
    Ok(())
}

/// From event to notice, each event notifying.
async fn latency(bench: &Bench) -> Result<()> {
    let (mut ours, mut theirs) = (notify::Figures::default(), notify::Figures::default());
    let server = bench.server().await?;
    for _ in 0..bench.of(ROUNDS).max(3) {
        notify::round(bench, &server, (RATE, bench.of(SECONDS)), &mut ours).await?;
        let rival = Alertmanager::start(&bench.sink.url()).await?;
        let watch = Watch::start();
        let due = send(bench, &rival, RATE * bench.of(SECONDS)).await?;
        theirs.settle(bench, &due, &watch).await;
    }
    ours.print("sereno        1,000/s");
    theirs.print("Alertmanager  1,000/s");
    let share = Figure(ours.p99.median() / theirs.p99.median());
    println!("p99 {share} times theirs (goal 5: at most 0.5)");
    Ok(())
}

async fn send(bench: &Bench, rival: &Alertmanager, count: u32) -> Result<HashMap<u64, Instant>> {
    const LANES: u32 = 32;
    let begin = now() + Duration::from_millis(50);
    let lanes = (0..LANES).map(|lane| async move {
        let mut connection = Connection::open(rival.address).await?;
        let mut sent = Vec::new();
        for n in (lane..count).step_by(LANES as usize) {
            let due = begin + Duration::from_secs(1) * n / RATE;
            wait::until(due).await;
            let (task, request) = alert(bench);
            connection.deliver(&request).await?;
            sent.push((task, due));
        }
        anyhow::Ok(sent)
    });
    Ok(futures_util::future::try_join_all(lanes).await?.into_iter().flatten().collect())
}

/// Resident memory with many open alerts.
async fn memory(bench: &Bench) -> Result<()> {
    let (mut ours, mut theirs) = (Rounds::default(), Rounds::default());
    for _ in 0..3 {
        let server: Server = bench.server().await?;
        let mut connection = Connection::open(server.address).await?;
        for first in (0..OPEN).step_by(100) {
            connection.deliver(&bench.events.failures(first, 100)).await?;
        }
        wait::pause(Duration::from_secs(2)).await;
        ours.add(server.resident()?, true);
        let rival = Alertmanager::start(&bench.sink.url()).await?;
        let mut connection = Connection::open(rival.address).await?;
        for _ in 0..OPEN {
            connection.deliver(&alert(bench).1).await?;
        }
        wait::pause(Duration::from_secs(2)).await;
        theirs.add(rival.usage().resident()?, true);
    }
    bench.sink.take();
    println!("memory with {OPEN} open alerts: sereno {ours} MiB, Alertmanager {theirs} MiB");
    println!("{} times theirs (goal 9: at most 0.3)", Figure(ours.median() / theirs.median()));
    Ok(())
}
