//! The real `sereno` as a child process, in a folder of its own, on a port that it keeps over restarts.
//!
//! It can be stopped, killed at any moment and started again on the same store. Its log is read as JSON, so
//! that a test can ask for what nobody expected. This is the one place of these tests that uses real time.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

/// How long anything that should happen at once may take on a busy machine.
pub const SOON: Duration = Duration::from_secs(30);

/// Waits until `look` finds something; what was waited for is said when it does not.
#[expect(clippy::disallowed_methods, reason = "a real process works in real time")]
pub async fn until<T>(deadline: Duration, what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let end = std::time::Instant::now() + deadline;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(std::time::Instant::now() < end, "waited {deadline:?} in vain until {what}");
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
}

/// A port that nobody listens on. It lies below those that outgoing connections take, so that it is still
/// free when a process that was killed starts again.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = u16::try_from(std::process::id() % 10_000).unwrap();
    loop {
        let port = 20_000 + (first + NEXT.fetch_add(1, Ordering::Relaxed)) % 10_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// A sereno, running or not.
pub struct Sereno {
    pub folder: tempfile::TempDir,
    pub port: u16,
    child: Option<Child>,
    log: Arc<Mutex<Vec<String>>>,
    client: reqwest::Client,
}

/// The token of the runtime `claude`.
pub const CLAUDE_TOKEN: &str = "claude-token-of-a-test";

impl Sereno {
    /// Writes a configuration with `more` in it, and starts it.
    pub async fn start(more: &str) -> Self {
        let port = free_port();
        let folder = tempfile::tempdir().unwrap();
        let text = format!(
            "[http]\nlisten = \"127.0.0.1:{port}\"\npublic_url = \"http://127.0.0.1:{port}\"\n\
             [log]\nformat = \"json\"\n\
             [people.victor]\nrole = \"admin\"\n\
             [runtimes.claude]\nkind = \"claude-code\"\ntoken_file = \"claude.token\"\n\
             [api.tokens.ana]\ntoken_file = \"ana.token\"\nrole = \"approver\"\n\
             [api.tokens.bea]\ntoken_file = \"bea.token\"\nrole = \"approver\"\n{more}"
        );
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("sereno.toml", &text);
        write("claude.token", CLAUDE_TOKEN);
        write("ana.token", "token-of-ana");
        write("bea.token", "token-of-bea");
        let client = reqwest::Client::builder().no_proxy().timeout(SOON).build().unwrap();
        let mut sereno = Self { folder, port, child: None, log: Arc::default(), client };
        sereno.again().await;
        sereno
    }

    /// Starts it on the store that it has, and waits until it is ready.
    pub async fn again(&mut self) {
        assert!(self.child.is_none(), "it runs already");
        let mut child = self.command(&["serve"]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let log = self.log.clone();
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| log.lock().unwrap().push(line)));
        self.child = Some(child);
        until(SOON, "sereno is ready", async || {
            let ended = self.child.as_mut().unwrap().try_wait().unwrap();
            assert!(ended.is_none(), "sereno ended: {ended:?}\n{}", self.log());
            let ready = self.client.get(self.url("/readyz")).send().await.ok()?;
            ready.status().is_success().then_some(())
        })
        .await;
    }

    /// Ends it without a chance to do anything.
    pub fn kill(&mut self) {
        let mut child = self.child.take().expect("it runs");
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Asks it to stop and waits until it has.
    pub async fn stop(&mut self) {
        let mut child = self.child.take().expect("it runs");
        let asked = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
        assert!(asked.success());
        let ended = until(SOON, "sereno stops", async || child.try_wait().unwrap()).await;
        assert!(ended.success(), "sereno ended badly: {ended}\n{}", self.log());
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sereno"));
        command.args(args).current_dir(self.folder.path()).env_clear().env("SERENO_CONFIG", self.path("sereno.toml"));
        command
    }

    /// Runs a subcommand to its end.
    pub fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Runs a subcommand that must succeed; what it printed.
    pub fn print(&self, args: &[&str]) -> String {
        let output = self.run(args);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "sereno {args:?}: {said}");
        String::from_utf8(output.stdout).unwrap()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Says `text` with the token of `who`.
    pub async fn say(&self, who: &str, text: &str) -> Value {
        let request = self.client.post(self.url("/v1/commands")).bearer_auth(format!("token-of-{who}"));
        let response = request.json(&json!({ "text": text })).send().await.unwrap();
        assert!(response.status().is_success(), "{text}: {}", response.status());
        response.json().await.unwrap()
    }

    /// The answer to a command as text.
    pub async fn text(&self, text: &str) -> String {
        self.say("ana", text).await["text"].as_str().unwrap().to_owned()
    }

    /// Waits until the answer to a command holds `words`.
    pub async fn shows(&self, command: &str, words: &str) -> String {
        let what = format!("{command} shows {words:?}");
        until(SOON, &what, async || {
            let text = self.text(command).await;
            text.contains(words).then_some(text)
        })
        .await
    }

    /// Waits until an approval is asked for; its code.
    pub async fn question(&self) -> String {
        until(SOON, "somebody asks", async || {
            let answer = self.say("ana", "/approvals").await;
            answer["content"]["pending"][0]["code"].as_str().map(str::to_owned)
        })
        .await
    }

    /// Everything that it has logged.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().join("\n")
    }

    /// Nothing went wrong in it, and nobody has touched the audit.
    pub fn assert_sound(&self) {
        let log = self.log.lock().unwrap();
        let bad: Vec<&String> = log.iter().filter(|line| !is_calm(line)).collect();
        assert!(bad.is_empty(), "sereno logged {bad:#?}");
        drop(log);
        assert!(self.print(&["audit", "verify"]).starts_with("ok: "));
    }
}

/// Whether a line of the log is JSON and no error; a panic is no JSON.
fn is_calm(line: &str) -> bool {
    serde_json::from_str::<Value>(line).is_ok_and(|line| line["level"] != "ERROR")
}

impl Drop for Sereno {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended by itself.
            let _ended = child.kill();
            let _reaped = child.wait();
        }
        if std::thread::panicking() {
            println!("--- the log of sereno\n{}", self.log());
        }
    }
}

/// A tool that the tests need and that `tests/run` installs.
pub fn installed(path: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    assert!(path.exists(), "{} is missing: run ./tests/run", path.display());
    path
}
