//! A program of somebody else behind a server in Python, which says its port and then answers lines of JSON.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;

use serde_json::Value;

/// A running program. Ends with the value.
pub struct Program {
    pub port: u16,
    process: Child,
    ends: Mutex<(ChildStdin, BufReader<ChildStdout>)>,
}

impl Program {
    /// Starts `tests/it/PATH` with what `tests/requirements.txt` names.
    pub fn start(path: &str, arguments: &[&str]) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut process = Command::new(root.join("tests/.cache/python/bin/python"))
            .arg(root.join("tests/it").join(path))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Python and its packages are there: run ./tests/run");
        let mut said = BufReader::new(process.stdout.take().unwrap());
        let mut port = String::new();
        said.read_line(&mut port).unwrap();
        let port = port.trim().parse().expect("Python and its packages are there: run ./tests/run");
        let ends = Mutex::new((process.stdin.take().unwrap(), said));
        Self { port, process, ends }
    }

    /// Says one line, and reads what is answered.
    pub fn ask(&self, what: &Value) -> Value {
        let mut ends = self.ends.lock().unwrap();
        writeln!(ends.0, "{what}").unwrap();
        let mut answer = String::new();
        ends.1.read_line(&mut answer).unwrap();
        serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{error}: {answer}"))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _killed = self.process.kill();
        let _ended = self.process.wait();
    }
}
