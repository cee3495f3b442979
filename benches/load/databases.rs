//! Goal 7: the same intake on PostgreSQL and on SQLite, in the same rounds.

use std::time::Duration;

use anyhow::Result;
use sereno::clock::{SystemEntropy, random_hex};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};

use crate::Bench;
use crate::common::figures::Figure;
use crate::intake::{AGENTS, Figures};
use crate::server::{Server, Setup};

/// (connections, the share of SQLite that is the goal)
const CASES: [(usize, f64); 2] = [(64, 0.6), (256, 0.9)];
const ROUNDS: u32 = 5;
const ROUND: Duration = Duration::from_millis(1500);

/// Measures both.
pub async fn run(bench: &Bench) -> Result<()> {
    println!("databases: one signed event a request, PostgreSQL beside SQLite");
    let Some(address) = server() else {
        println!("SERENO_TEST_POSTGRES names no server: nothing is measured; `./tests/run load` starts one");
        return Ok(());
    };
    let name = format!("bench_{}", random_hex(&SystemEntropy, 8));
    let mut maintenance = PgConnection::connect(&address).await?;
    maintenance.execute(AssertSqlSafe(format!("CREATE DATABASE {name}"))).await?;
    let mut url: reqwest::Url = address.parse()?;
    url.set_path(&name);
    let measured = both(bench, url.to_string()).await;
    maintenance.execute(AssertSqlSafe(format!("DROP DATABASE {name} WITH (FORCE)"))).await?;
    measured
}

/// The server of the tests.
#[expect(clippy::disallowed_methods, reason = "a benchmark is told by whoever runs it")]
fn server() -> Option<String> {
    std::env::var("SERENO_TEST_POSTGRES").ok().filter(|address| !address.is_empty())
}

async fn both(bench: &Bench, url: String) -> Result<()> {
    let sqlite = bench.server().await?;
    let postgres = Server::start(&bench.sink.url(), Setup { store: url, ..Setup::default() }).await?;
    let mut figures: [(Figures, Figures); CASES.len()] = Default::default();
    for _ in 0..bench.of(ROUNDS).max(3) {
        for ((connections, _), (one, other)) in CASES.into_iter().zip(&mut figures) {
            let request = || bench.events.one(AGENTS);
            one.round(&sqlite, &request, (connections, 1), bench.span(ROUND)).await?;
            other.round(&postgres, &request, (connections, 1), bench.span(ROUND)).await?;
        }
    }
    for ((connections, goal), (one, other)) in CASES.into_iter().zip(&figures) {
        one.print(&format!("{connections:>3} connections  SQLite"));
        other.print(&format!("{connections:>3} connections  PostgreSQL"));
        let share = Figure(other.accepted.median() / one.accepted.median());
        println!("{connections:>3} connections  {share} times SQLite (goal 7: at least {goal})");
    }
    Ok(())
}
