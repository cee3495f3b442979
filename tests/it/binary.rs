//! The real binary: a folder with a configuration, one command in it, and a `serve` child.
//!
//! A child is waited for by what it says, never by time, and is gone when the value is dropped.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

/// Longer than anything that works takes.
const PATIENCE: Duration = Duration::from_secs(30);

pub const SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

/// Token of the runtime `claude`.
pub const CLAUDE_TOKEN: &str = "claude-token-for-tests";

/// A folder with a configuration. Its port is 0 until something listens there.
pub struct Home {
    folder: tempfile::TempDir,
    port: AtomicU16,
}

/// How a command ended.
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Home {
    /// An empty folder.
    pub fn empty() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), port: AtomicU16::new(0) }
    }

    /// A folder with one of everything, and `more`.
    pub fn new(more: &str) -> Self {
        let home = Self::empty();
        home.write("fleet.secret", SECRET);
        home.write("claude.token", CLAUDE_TOKEN);
        home.write("ops.token", "ops-token-for-tests");
        home.write(
            "sereno.toml",
            &format!(
                "[http]\nlisten = \"127.0.0.1:0\"\npublic_url = \"http://127.0.0.1:0\"\n\
                 [people.ana]\nrole = \"admin\"\n\
                 [channels.out]\nkind = \"log\"\n\
                 [runtimes.fleet]\nkind = \"generic\"\nsecret_file = \"fleet.secret\"\n\
                 [runtimes.claude]\nkind = \"claude-code\"\ntoken_file = \"claude.token\"\n\
                 [api.tokens.ops]\nrole = \"admin\"\ntoken_file = \"ops.token\"\n{more}"
            ),
        );
        home
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file that only its owner can read.
    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
        std::fs::set_permissions(self.path(name), std::fs::Permissions::from_mode(0o600)).unwrap();
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port.load(Ordering::Relaxed))
    }

    pub fn store_url(&self) -> String {
        format!("sqlite://{}", self.path("sereno.db").display())
    }

    /// Runs a command in the folder to its end.
    pub fn run(&self, args: &[&str]) -> Ran {
        self.run_with(args, &[], "")
    }

    /// Runs a command with variables and standard input.
    pub fn run_with(&self, args: &[&str], vars: &[(&str, &str)], input: &str) -> Ran {
        let mut child = command(self.folder.path(), args).envs(vars.iter().copied()).spawn().unwrap();
        feed(child.stdin.take().unwrap(), input.to_owned());
        let output = child.wait_with_output().unwrap();
        let text = |bytes: Vec<u8>| {
            let text = String::from_utf8(bytes).expect("it prints UTF-8");
            text.replace(&format!("{}/", self.folder.path().display()), "")
        };
        let ran = Ran { code: code(output.status), out: text(output.stdout), err: text(output.stderr) };
        assert!(!ran.err.contains("panicked") && !ran.err.contains("RUST_BACKTRACE"), "{args:?}: {}", ran.err);
        ran
    }

    /// Starts `serve` and waits until it is ready. From then on the configuration names the port that it got.
    pub fn serve(&self, vars: &[(&str, &str)]) -> Serve {
        let mut serve = self.begin_serve(vars);
        self.ready(&mut serve);
        serve
    }

    /// Waits until a child is ready, and notes its port.
    pub fn ready(&self, serve: &mut Serve) {
        let port = serve.address().rsplit(':').next().unwrap().parse().unwrap();
        self.port.store(port, Ordering::Relaxed);
        let text = std::fs::read_to_string(self.path("sereno.toml")).unwrap();
        self.write("sereno.toml", &text.replace("127.0.0.1:0", &format!("127.0.0.1:{port}")));
    }

    /// Starts `serve`.
    pub fn begin_serve(&self, vars: &[(&str, &str)]) -> Serve {
        let mut command = command(self.folder.path(), &["serve"]);
        command.envs(vars.iter().copied());
        Serve::begin(command)
    }

    /// Starts `serve` by another program, which gets the binary and its argument after its own. It must become the
    /// binary, so that signals reach it.
    pub fn begin_serve_by(&self, program: &str, args: &[&str]) -> Serve {
        let mut by = Command::new(program);
        by.args(args).args([env!("CARGO_BIN_EXE_sereno"), "serve"]).current_dir(self.folder.path());
        by.env("NO_COLOR", "1").env("RUST_BACKTRACE", "0").stdin(Stdio::piped());
        Serve::begin(by)
    }
}

fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sereno"));
    command.args(args).current_dir(folder).env_clear().env("NO_COLOR", "1").env("RUST_BACKTRACE", "0");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn feed(mut stdin: ChildStdin, input: String) {
    // Whoever does not read its input closes it early.
    thread::spawn(move || stdin.write_all(input.as_bytes()));
}

fn code(status: ExitStatus) -> i32 {
    status.code().expect("it ended by itself")
}

/// A `serve` child.
pub struct Serve {
    child: Child,
    lines: Receiver<String>,
    said: Vec<String>,
}

impl Serve {
    /// Starts a command that serves and prints its log.
    pub fn begin(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (sender, lines) = channel();
        let (out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let other = sender.clone();
        thread::spawn(move || BufReader::new(out).lines().map_while(Result::ok).try_for_each(|line| other.send(line)));
        thread::spawn(move || BufReader::new(err).lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Self { child, lines, said: Vec::new() }
    }

    /// Waits until it is ready. Returns the address on which it listens.
    pub fn address(&mut self) -> String {
        let ready = self.wait_for(" ready ");
        ready.split("address=").nth(1).and_then(|rest| rest.split(' ').next()).unwrap().to_owned()
    }

    /// Waits until it has said a line with `text`.
    pub fn wait_for(&mut self, text: &str) -> String {
        loop {
            if let Some(line) = self.said.iter().find(|line| line.contains(text)) {
                return line.clone();
            }
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => self.said.push(line),
                Err(RecvTimeoutError::Disconnected) => panic!("it ended without `{text}`: {:#?}", self.said),
                Err(RecvTimeoutError::Timeout) => panic!("it did not say `{text}`: {:#?}", self.said),
            }
        }
    }

    /// Whether it has said a line with `text` by now.
    pub fn has_said(&mut self, text: &str) -> bool {
        self.said.extend(self.lines.try_iter());
        self.said.iter().any(|line| line.contains(text))
    }

    /// Waits until it is ready or has ended. Returns which.
    pub fn is_ready(&mut self) -> bool {
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => self.said.push(line),
                Err(RecvTimeoutError::Disconnected) => return false,
                Err(RecvTimeoutError::Timeout) => panic!("it does nothing: {:#?}", self.said),
            }
            if self.said.last().is_some_and(|line| line.contains(" ready ")) {
                return true;
            }
        }
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal, such as `TERM`.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([format!("-{name}"), self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Asks it to stop. Returns its exit status and everything that it said.
    pub fn stop(self) -> (i32, String) {
        self.signal("TERM");
        self.ended()
    }

    /// Ends it without a chance to do anything. Returns what it had said.
    pub fn kill(mut self) -> Vec<String> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.said.extend(self.lines.iter());
        std::mem::take(&mut self.said)
    }

    /// Waits until it ends by itself.
    pub fn ended(mut self) -> (i32, String) {
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => self.said.push(line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("it does not end: {:#?}", self.said),
            }
        }
        let status = self.child.wait().unwrap();
        (code(status), self.said.join("\n"))
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        // It may have ended already.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}
