//! The disk under a SQLite store: full, limited, torn and failing. What was answered 2xx is there, nothing is
//! damaged, and with room again work goes on without a restart.

mod failing;
mod torn;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use sereno::core::input::Body;
use sereno::core::time::Span;
use sereno::disk::level;
use sereno::store::{Error, Store, sqlite_options};
use sqlx::ConnectOptions as _;

use crate::binary::{Home, Serve};
use crate::dose;
use crate::store::night::whole_log;

/// A runtime that takes a bearer token, and a store in the folder `disk`.
fn home() -> Home {
    let home = Home::new("[runtimes.filler]\nkind = \"generic\"\ntoken_file = \"claude.token\"\n");
    let text = std::fs::read_to_string(home.path("sereno.toml")).unwrap();
    home.write("sereno.toml", &format!("[store]\nurl = \"sqlite://disk/sereno.db\"\n{text}"));
    std::fs::create_dir(home.path("disk")).unwrap();
    home
}

/// Reports events, and remembers those that were taken.
struct Reporter {
    client: reqwest::Client,
    sent: usize,
    taken: BTreeSet<String>,
}

impl Reporter {
    fn new() -> Self {
        Self { client: reqwest::Client::new(), sent: 0, taken: BTreeSet::new() }
    }

    /// Reports one event with this much text. Returns the status; nothing when nobody answers.
    async fn report(&mut self, home: &Home, bytes: usize) -> Option<u16> {
        self.sent += 1;
        let id = format!("filler-{}", self.sent);
        let event = serde_json::json!({
            "type": "message", "id": id, "agent": {"id": "filler"}, "message": "x".repeat(bytes),
        });
        let request = self.client.post(format!("{}/hooks/filler", home.url()));
        let answer = request.bearer_auth(crate::binary::CLAUDE_TOKEN).json(&event).send().await.ok()?;
        let status = answer.status().as_u16();
        assert!(matches!(status, 200 | 202 | 503), "{status}");
        if status == 503 {
            assert!(answer.headers().contains_key("retry-after"));
        } else {
            self.taken.insert(id);
        }
        Some(status)
    }

    /// Reports until the answer is one of those that are waited for.
    async fn until(&mut self, home: &Home, bytes: usize, wanted: &[u16]) {
        let clock = sereno::clock::Sources::system().clock;
        for _ in 0..5_000 {
            let status = self.report(home, bytes).await.expect("it lives");
            if wanted.contains(&status) {
                return;
            }
            if status == 503 {
                // How much room there is, is looked at every few seconds.
                clock.sleep(Span(5)).await;
            }
        }
        panic!("never {wanted:?}");
    }

    /// Goes on reporting until people were told of the trouble.
    async fn until_told(&mut self, home: &Home, serve: &mut Serve) {
        let clock = sereno::clock::Sources::system().clock;
        for _ in 0..1_200 {
            if serve.has_said("told from memory") {
                return;
            }
            self.report(home, 20_000).await.expect("it lives");
            clock.sleep(Span(50)).await;
        }
        panic!("nobody was told");
    }

    /// Everything that was taken is in the store at `path`, and the store is whole.
    async fn judge(&self, path: &Path) {
        let store = Store::open(&format!("sqlite://{}", path.display())).await.unwrap();
        let checked = store.check().await.unwrap();
        assert_eq!(checked.wrong, Vec::<String>::new());
        let log = whole_log(&store).await;
        let kept: BTreeSet<&str> = log
            .iter()
            .filter_map(|input| match &input.body {
                Body::Event(reported) => Some(reported.event.id.as_str()),
                _ => None,
            })
            .collect();
        let lost: Vec<_> = self.taken.iter().filter(|id| !kept.contains(id.as_str())).collect();
        assert!(lost.is_empty(), "answered 2xx and not there: {lost:?}");
        store.close().await;
    }
}

#[test]
fn watermarks_shrink_with_a_small_volume() {
    use sereno::engine::DiskLevel::{Low, Plenty, Scarce, Tight};
    const MIB: u64 = 1024 * 1024;
    let (large, small) = (100 * 1024 * MIB, 1024 * MIB);
    let said = |total: u64, free: &[u64]| free.iter().map(|mib| level(mib * MIB, total)).collect::<Vec<_>>();
    assert_eq!(said(large, &[20_000, 15_000, 5_200, 5_000, 65, 63]), [Plenty, Tight, Tight, Low, Low, Scarce]);
    assert_eq!(said(small, &[1_000, 160, 150, 130, 127, 33, 31]), [Plenty, Plenty, Tight, Tight, Low, Low, Scarce]);
}

/// Copies a store that somebody works on, while they stand still.
fn copy(serve: &Serve, from: &Path, to: &Path) {
    serve.signal("STOP");
    for suffix in ["", "-wal"] {
        let name = format!("sereno.db{suffix}");
        std::fs::copy(from.join(&name), to.join(&name)).unwrap();
    }
    serve.signal("CONT");
}

/// DF1: a disk of 16 MiB that is filled up again and again.
#[tokio::test]
async fn a_full_disk_is_told_and_got_over() {
    let home = home();
    let mount = "mount -t tmpfs -o size=16m tmpfs disk && exec \"$@\"";
    let mut serve = home.begin_serve_by("unshare", &["-rm", "sh", "-c", mount, "sh"]);
    home.ready(&mut serve);
    let disk = PathBuf::from(format!("/proc/{}/root{}", serve.pid(), home.path("disk").display()));
    let mut reporter = Reporter::new();
    for round in 0..dose::times(2, 50) {
        reporter.until(&home, 100, &[200, 202]).await;
        fill(&disk.join("filler"));
        reporter.until(&home, 20_000, &[503]).await;
        if round == 0 {
            reporter.until_told(&home, &mut serve).await;
        }
        std::fs::remove_file(disk.join("filler")).unwrap();
        reporter.until(&home, 100, &[200, 202]).await;
    }
    let kept = tempfile::tempdir().unwrap();
    copy(&serve, &disk, kept.path());
    assert_eq!(serve.stop().0, 0, "it never had to be started again");
    reporter.judge(&kept.path().join("sereno.db")).await;
}

/// Takes all the room that there is.
fn fill(path: &Path) {
    use std::io::Write as _;
    let mut file = std::fs::File::create(path).unwrap();
    let block = [0_u8; 4096];
    while file.write_all(&block).is_ok() {}
}

/// DF2: a limit on the size of files. Without care the system would end the process.
#[tokio::test]
async fn a_size_limit_is_a_full_disk_and_no_end() {
    for _ in 0..dose::times(1, 50) {
        let home = home();
        let mut serve = home.begin_serve_by("bash", &["-c", "ulimit -S -f 1024; exec \"$@\"", "bash"]);
        home.ready(&mut serve);
        let mut reporter = Reporter::new();
        reporter.until(&home, 20_000, &[503]).await;
        reporter.until_told(&home, &mut serve).await;
        let limit =
            Command::new("prlimit").args(["--pid", &serve.pid().to_string(), "--fsize=unlimited:unlimited"]).status();
        assert!(limit.unwrap().success());
        reporter.until(&home, 100, &[200, 202]).await;
        assert_eq!(serve.stop().0, 0);
        reporter.judge(&home.path("disk/sereno.db")).await;
    }
}

/// DF3: a database that may not grow says that it is full, and we hear it as that.
#[tokio::test]
async fn a_database_that_may_not_grow_is_full() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sereno.db");
    Store::open(&format!("sqlite://{}", path.display())).await.unwrap().close().await;
    let mut connection = sqlite_options(&path, false).pragma("max_page_count", "200").connect().await.unwrap();
    let insert = "INSERT INTO log (pos, at, body) VALUES ($1, 0, $2)";
    let mut rows = 0;
    let error = loop {
        let body = "x".repeat(10_000);
        match sqlx::query(insert).bind(rows).bind(body).execute(&mut connection).await {
            Ok(_) => rows += 1,
            Err(error) => break Error::from(error),
        }
    };
    assert!(error.is_full() && !error.is_damage(), "{error}");
    assert!(rows > 0);
    let store = Store::open(&format!("sqlite://{}", path.display())).await.unwrap();
    store.quick_check().await.unwrap();
    store.close().await;
}

/// A file that is damaged while it is served is not written to any more, and the end says so.
#[tokio::test]
async fn a_damaged_file_ends_it_with_74() {
    let home = home();
    let mut serve = home.serve(&[]);
    let mut reporter = Reporter::new();
    reporter.until(&home, 2_000, &[200, 202]).await;
    serve.kill();
    // The WAL goes, and the pages after the first are noise: the schema cannot be read.
    let path = home.path("disk/sereno.db");
    Store::open(&format!("sqlite://{}", path.display())).await.unwrap().close().await;
    let mut bytes = std::fs::read(&path).unwrap();
    let half = bytes.len() / 2;
    bytes[half..].fill(0xA5);
    std::fs::write(&path, &bytes).unwrap();
    std::fs::write(home.path("disk/sereno.db.lock"), "at work\n").unwrap();
    serve = home.begin_serve(&[]);
    let (code, said) = serve.ended();
    assert_eq!(code, 74, "{said}");
    assert!(said.contains("the store is damaged: "), "{said}");
    assert_eq!(std::fs::read(&path).unwrap().len(), bytes.len(), "it is left as it was");
    let ran = home.run(&["db", "check"]);
    assert_eq!(ran.code, 1, "{}", ran.out);
    assert!(ran.err.contains(" is damaged: "), "{}", ran.err);
}
