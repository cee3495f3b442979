//! Discord's own description of its API as a judge, served by a program that somebody else wrote: Prism. The fake server
//! asks it about each request before it looks at it itself.
//!
//! The description is a part of <https://github.com/discord/discord-api-spec> (MIT), the paths that are called here, and
//! what is asked for in them.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use sereno::clock::within;
use tempfile::TempDir;

use super::PATIENCE;

const DESCRIPTION: &str = include_str!("../../fixtures/discord/openapi.json");

/// A running judge. Ends with the value.
#[derive(Debug)]
pub struct Prism {
    /// It reads the description again when that changes.
    _folder: TempDir,
    process: Child,
    url: String,
    client: reqwest::Client,
}

impl Prism {
    pub fn start() -> Self {
        let modules = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/node/node_modules");
        let folder = tempfile::tempdir().unwrap();
        let description = folder.path().join("openapi.json");
        std::fs::write(&description, answered()).unwrap();
        // It takes no port of its own choice.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
        let mut command = Command::new(format!("{modules}/node/bin/node"));
        command.arg(format!("{modules}/@stoplight/prism-cli/dist/index.js"));
        command.args(["mock", "--errors", "--host", "127.0.0.1", "--port", &port]).arg(description);
        let process = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let mut process = process.expect("node 24 is there: run ./tests/run");
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines().map_while(Result::ok);
        assert!(lines.any(|line| line.contains("Prism is listening")), "Prism is there: run ./tests/run");
        // It says more with every request, and stops when nobody reads that.
        std::thread::spawn(move || lines.for_each(drop));
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { _folder: folder, process, url: format!("http://127.0.0.1:{port}"), client }
    }

    /// What the description finds wrong with a request, given by its method and path and its body.
    pub async fn faults(&self, call: &str, body: &Value) -> Vec<String> {
        let (method, path) = call.split_once(' ').unwrap();
        let mut request = self.client.request(method.parse().unwrap(), format!("{}{path}", self.url));
        if !body.is_null() {
            request = request.json(body);
        }
        let answer = within(PATIENCE, request.send()).await.expect("an answer in time").unwrap();
        if answer.status() == 204 {
            return Vec::new();
        }
        let said: Value = answer.json().await.unwrap();
        let found = said["validation"].as_array().cloned().unwrap_or_else(|| vec![said.clone()]);
        found.iter().map(|fault| format!("{call}: {fault}")).collect()
    }
}

impl Drop for Prism {
    fn drop(&mut self) {
        let _ended = self.process.kill();
        let _status = self.process.wait();
    }
}

/// The description, with an answer to everything: what Discord answers is what the fake server does.
fn answered() -> String {
    let mut description: Value = serde_json::from_str(DESCRIPTION).unwrap();
    let paths = description["paths"].as_object_mut().unwrap().values_mut();
    for operation in paths.filter_map(Value::as_object_mut).flat_map(|path| path.values_mut()) {
        operation["responses"] = json!({ "204": { "description": "taken" } });
    }
    description.to_string()
}
