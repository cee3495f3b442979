//! Real exporters: the SDKs of OpenTelemetry for Python and Node.js send to a sereno that runs, as they come.

use std::process::Command;

use serde_json::{Value, json};
use sereno::core::time::Span;

use super::{TOKEN, config};
use crate::database;
use crate::scene::Scene;

/// Runs a program that exports to `scene`; it must say that all of it was taken.
async fn exports(scene: &Scene, mut program: Command) {
    let root = env!("CARGO_MANIFEST_DIR");
    program.current_dir(root).env("OTEL_EXPORTER_OTLP_ENDPOINT", scene.url("/hooks/otel"));
    program.env("OTEL_EXPORTER_OTLP_HEADERS", format!("authorization=Bearer%20{TOKEN}"));
    program.env("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip").env("OTEL_SERVICE_NAME", "exporter").env("NO_PROXY", "*");
    let ended = tokio::task::spawn_blocking(move || program.output()).await.unwrap();
    let ended = ended.expect("it is there: run ./tests/run");
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(ended.status.success(), "{} {}", said(&ended.stdout), said(&ended.stderr));
    scene.settle().await;
    scene.advance(Span::secs(10)).await;
}

fn python() -> Command {
    let mut command = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/.cache/python/bin/python"));
    command.arg("tests/it/otlp/exporter.py");
    command
}

fn node() -> Command {
    let mut command = Command::new("node");
    command.arg("tests/node/exporter.mjs");
    command
}

async fn agent(scene: &Scene, name: &str) -> Value {
    let request = scene.client.get(scene.url("/v1/agents")).bearer_auth("reader-token-for-tests");
    let answer: Value = request.send().await.unwrap().json().await.unwrap();
    let agents = answer["items"].as_array().unwrap();
    agents.iter().find(|row| row["id"] == name).unwrap_or_else(|| panic!("{answer}")).clone()
}

async fn start(keys: &str) -> Scene {
    let reader = "[api.tokens.reader]\ntoken = \"reader-token-for-tests\"\nrole = \"viewer\"\n";
    Scene::start(database::sqlite().await, &(config(keys) + reader)).await
}

#[tokio::test]
async fn the_sdk_for_python_is_taken_and_counts_once() {
    let scene = start("").await;
    exports(&scene, python()).await;
    let pythia = agent(&scene, "Pythia").await;
    // 800 that were read, 200 of a cache, 100 that were written, by the price table.
    assert_eq!((&pythia["tokens"], &pythia["cost_usd"]), (&json!(1100), &json!(0.002_025)), "{pythia}");
    assert_eq!((&pythia["status"], &pythia["session"]), (&json!("idle"), &json!("delphi")), "{pythia}");
    scene.finish(&[]).await;
    // Another time the counters are believed; they do not tell which tokens were cached.
    let scene = start("usage_from = \"metrics\"").await;
    exports(&scene, python()).await;
    let pythia = agent(&scene, "Pythia").await;
    assert_eq!(pythia["tokens"], json!(1100), "{pythia}");
    scene.finish(&[]).await;
}

#[tokio::test]
async fn the_sdk_for_node_is_taken_in_both_forms() {
    let scene = start("").await;
    exports(&scene, node()).await;
    let nodens = agent(&scene, "Nodens").await;
    assert_eq!((&nodens["tokens"], &nodens["session"]), (&json!(1100), &json!("lydney")), "{nodens}");
    scene.finish(&[]).await;
}
