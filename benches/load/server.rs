//! The real binary on a store of its own, as a process.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use tempfile::TempDir;

use crate::client::{Connection, get};
use crate::common::clock::now;
use crate::events::SECRET;
use crate::usage::Usage;
use crate::wait;

/// Conversations to which notices are spread; each is fed in order.
pub const CHATS: u64 = 16;
/// A token for commands.
pub const API_TOKEN: &str = "bench-token-that-is-long-enough-to-be-taken";
/// How long a start or a stop may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// What is different about a server.
#[derive(Clone, Default)]
pub struct Setup {
    /// The store; a SQLite file of its own when empty.
    pub store: String,
    /// Settings after the others.
    pub more: String,
    /// A library that is loaded before all others.
    pub preload: Option<PathBuf>,
}

/// A running server. Its store goes with it.
pub struct Server {
    pub address: SocketAddr,
    /// How long its newest start took, from exec to ready.
    pub took: Duration,
    setup: Setup,
    child: Child,
    folder: TempDir,
}

impl Server {
    /// Starts on an empty store, and returns when it is ready.
    pub async fn start(bot_api: &str, setup: Setup) -> Result<Self> {
        let folder = TempDir::new()?;
        Self::start_in(folder, bot_api, setup).await
    }

    /// Starts in a folder that may hold a store already.
    pub async fn start_in(folder: TempDir, bot_api: &str, setup: Setup) -> Result<Self> {
        // Free now; somebody else could only take it within these microseconds.
        let address = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let mut file = fs::OpenOptions::new();
        let mut file = file.write(true).create(true).mode(0o600).open(folder.path().join("sereno.toml"))?;
        std::io::Write::write_all(&mut file, config(address, bot_api, &setup).as_bytes())?;
        let begun = now();
        let child = spawn(&folder, &setup)?;
        let mut server = Self { address, took: Duration::ZERO, setup, child, folder };
        server.ready().await?;
        server.took = begun.elapsed();
        Ok(server)
    }

    /// Starts again on the same store.
    pub async fn start_again(&mut self) -> Result<()> {
        let begun = now();
        self.child = spawn(&self.folder, &self.setup)?;
        self.ready().await?;
        self.took = begun.elapsed();
        Ok(())
    }

    /// Asks it to stop, and waits until it has.
    pub async fn stop(&mut self) -> Result<()> {
        let asked = Command::new("kill").arg("-TERM").arg(self.pid().to_string()).status()?;
        ensure!(asked.success(), "the server was gone already\n{}", self.said());
        let begun = now();
        while self.child.try_wait()?.is_none() {
            ensure!(begun.elapsed() < PATIENCE, "the server does not stop\n{}", self.said());
            wait::pause(Duration::from_millis(2)).await;
        }
        Ok(())
    }

    /// Kills it, as a crash would.
    pub fn crash(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    async fn ready(&mut self) -> Result<()> {
        let begun = now();
        loop {
            if let Ok(mut connection) = Connection::open(self.address).await
                && connection.send(&get("/readyz")).await.is_ok_and(|status| status == 200)
            {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("the server ended with {status}\n{}", self.said());
            }
            ensure!(begun.elapsed() < PATIENCE, "the server is not ready\n{}", self.said());
            wait::pause(Duration::from_millis(1)).await;
        }
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it complained about so far.
    pub fn said(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Bytes of the store with its write-ahead log.
    pub fn stored(&self) -> u64 {
        let files = ["sereno.db", "sereno.db-wal"].map(|name| fs::metadata(self.folder.path().join(name)));
        files.into_iter().flatten().map(|about| about.len()).sum()
    }

    /// Bytes of the write-ahead log.
    pub fn wal(&self) -> u64 {
        fs::metadata(self.folder.path().join("sereno.db-wal")).map_or(0, |about| about.len())
    }

    /// Where its store and its log are.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What its process uses.
    pub fn usage(&self) -> Usage {
        Usage(self.pid())
    }

    /// Resident memory now, in MiB.
    pub fn resident(&self) -> Result<f64> {
        self.usage().resident()
    }

    /// The most memory that was resident since it began, in MiB.
    pub fn peak(&self) -> Result<f64> {
        self.usage().memory("VmHWM:")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have stopped already.
        let _gone = self.child.kill();
        let _ended = self.child.wait();
    }
}

fn spawn(folder: &TempDir, setup: &Setup) -> Result<Child> {
    let log = File::options().append(true).create(true).open(folder.path().join("log"))?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_sereno"));
    command.arg("--config").arg(folder.path().join("sereno.toml")).arg("serve");
    // Neither its own settings nor a filter for its log come from whoever runs the benchmark.
    command.env_clear().current_dir(folder.path());
    if let Some(library) = &setup.preload {
        command.env("LD_PRELOAD", library);
    }
    Ok(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn()?)
}

fn config(address: SocketAddr, bot_api: &str, setup: &Setup) -> String {
    let store = if setup.store.is_empty() { "sqlite://sereno.db" } else { &setup.store };
    let more = &setup.more;
    let mut routes = String::new();
    for chat in 0..CHATS {
        routes.push_str(&format!("[[routes]]\nmatch = 'agent=\"chat-{chat}\"'\nto = [\"tg:{}\"]\n", 2000 + chat));
    }
    format!(
        r#"
[http]
listen = "{address}"
public_url = "http://{address}"
rate = 1e9
burst = 1e9

[store]
url = "{store}"

[log]
level = "warn"

[people.boss]
role = "admin"
telegram = 1000

[channels.tg]
kind = "telegram"
token = "1:bench"
api_url = "{bot_api}"
rate = 0.0
per_chat = 0.0

[runtimes.fleet]
kind = "generic"
secret = "{SECRET}"
control_url = "{bot_api}/fleet/control"

[api.tokens.bench]
token = "{API_TOKEN}"
role = "admin"

{routes}
{more}"#
    )
}
