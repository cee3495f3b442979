//! Recordings as people see them, on both databases.

use serde_json::Value;
use sereno::core::time::Span;
use sereno::runtime::telemetry::{Export, Format};

use super::{TOKEN, batch, claude_code, config, gzip};
use crate::database::{Database, on_both};
use crate::scene::Scene;

on_both![crews_and_calls_are_seen_like_any_other, claude_code_is_seen_by_its_telemetry];

async fn send(scene: &Scene, export: Export) {
    let kind = if export.format == Format::Json { "application/json" } else { "application/x-protobuf" };
    let request = scene.client.post(scene.url(&format!("/v1/{}", export.signal.as_str()))).bearer_auth(TOKEN);
    let request = request.header("content-type", kind).header("content-encoding", "gzip");
    let response = request.body(gzip(&export.body)).send().await.unwrap();
    assert_eq!(response.status(), 200);
    scene.settle().await;
}

async fn said(scene: &Scene, text: &str) -> String {
    let ana = scene.visitor("ana").await;
    assert_eq!(ana.says(scene, text).await.0, 200);
    ana.card(scene, text.trim_start_matches('/')).await.text()
}

/// Rows of a list of the API, by what names them.
async fn rows(scene: &Scene, list: &str) -> Vec<Value> {
    let request = scene.client.get(scene.url(&format!("/v1/{list}"))).bearer_auth("reader-token-for-tests");
    let answer: Value = request.send().await.unwrap().json().await.unwrap();
    answer["items"].as_array().unwrap_or_else(|| panic!("{answer}")).clone()
}

async fn start(db: Database, keys: &str) -> Scene {
    let reader = "[api.tokens.reader]\ntoken = \"reader-token-for-tests\"\nrole = \"viewer\"\n";
    let scene = Scene::start(db, &(config(keys) + reader)).await;
    // The recordings are of that evening.
    scene.advance(Span::mins(14 * 60 + 55)).await;
    scene
}

async fn crews_and_calls_are_seen_like_any_other(db: Database) {
    let scene = start(db, "").await;
    for name in ["crewai", "openlit", "sdk-traces", "langfuse"] {
        for _ in 0..2 {
            send(&scene, batch(name)).await;
        }
    }
    scene.advance(Span::secs(10)).await;
    insta::assert_snapshot!("otlp-agents", said(&scene, "/agents").await);
    insta::assert_snapshot!("otlp-cost", said(&scene, "/cost").await);
    let sessions = rows(&scene, "sessions").await;
    let names: Vec<&str> = sessions.iter().filter_map(|row| row["id"].as_str()).collect();
    assert!(
        names.iter().any(|id| id.contains("conv_5j66")) && names.iter().any(|id| id.contains("sess-9")),
        "{names:?}"
    );
    scene.finish(&[]).await;
}

async fn claude_code_is_seen_by_its_telemetry(db: Database) {
    let scene = start(db, "").await;
    for (signal, body) in claude_code() {
        send(&scene, Export { signal, format: Format::Json, body }).await;
    }
    scene.advance(Span::secs(10)).await;
    let agents = rows(&scene, "agents").await;
    let claude = agents.iter().find(|row| row["id"] == "claude-code").unwrap_or_else(|| panic!("{agents:?}"));
    assert_eq!(claude["status"], "idle", "{claude}");
    insta::assert_snapshot!("otlp-claude-code-cost", said(&scene, "/cost").await);
    scene.finish(&[]).await;
}
