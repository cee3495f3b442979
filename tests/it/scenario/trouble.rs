//! A store that refuses to write: nothing is acknowledged, nothing is half done, and it is all well again
//! once the store is.

use std::time::Duration;

use axum::Router;
use axum::routing::get;
use serde_json::json;
use sereno::clock::within;
use sereno::core::time::Span;
use sqlx::{Connection as _, Executor as _, PgConnection, SqliteConnection};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::database::{Database, on_both};
use crate::scene::{PATIENCE, Scene, TOKEN};

on_both![a_commit_that_fails_never_was, the_heartbeat_stops_with_the_store];

/// Runs a statement behind sereno's back.
async fn behind_its_back(url: &str, statement: &'static str) {
    if url.starts_with("sqlite") {
        SqliteConnection::connect(url).await.unwrap().execute(statement).await.unwrap();
    } else {
        PgConnection::connect(url).await.unwrap().execute(statement).await.unwrap();
    }
}

async fn a_commit_that_fails_never_was(db: Database) {
    let url = db.url().to_owned();
    let scene = Scene::start(db, "").await;
    let ana = scene.visitor("ana").await;
    scene.event(json!({ "id": "e1", "type": "agent.heartbeat", "agent": { "id": "first" } })).await;
    let second = json!({ "id": "e2", "type": "task.completed", "agent": { "id": "second" }, "task": { "id": "T-2" } });
    behind_its_back(&url, "ALTER TABLE outbox RENAME TO outbox_gone").await;
    let response = scene.client.post(scene.url("/hooks/fleet")).bearer_auth(TOKEN).json(&second).send().await.unwrap();
    assert_eq!(response.status(), 503);
    let come_back: i64 = response.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((2..=30).contains(&come_back), "{come_back}");
    behind_its_back(&url, "ALTER TABLE outbox_gone RENAME TO outbox").await;
    scene.advance(Span::secs(come_back)).await;
    assert_eq!(scene.event(second).await, json!({ "accepted": 1, "duplicates": 0 }), "its key was not used up");
    scene.settle().await;
    assert!(ana.card(&scene, "completion").await.text().contains("T-2"));
    ana.says(&scene, "/agents").await;
    let agents = ana.card(&scene, "agents").await.text();
    assert!(agents.contains("first") && agents.contains("second"), "{agents}");
    scene.finish(&["commit failed"]).await;
}

async fn the_heartbeat_stops_with_the_store(db: Database) {
    let (beat, mut beats) = mpsc::unbounded_channel();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().route("/ping", get(async move || beat.send(()).unwrap()));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let url = db.url().to_owned();
    let scene = Scene::start(db, &format!("[heartbeat]\nurl = \"http://{address}/ping\"\nevery = \"1m\"\n")).await;
    for _ in 0..3 {
        next_beat(&scene, &mut beats).await;
    }
    behind_its_back(&url, "ALTER TABLE outbox RENAME TO outbox_gone").await;
    scene.clock.advance(Span::mins(1));
    scene.logs.wait_for("no heartbeat is sent").await;
    assert!(beats.try_recv().is_err());
    behind_its_back(&url, "ALTER TABLE outbox_gone RENAME TO outbox").await;
    next_beat(&scene, &mut beats).await;
    scene.finish(&["no heartbeat is sent"]).await;
}

/// Lets minutes pass until it beats.
async fn next_beat(scene: &Scene, beats: &mut mpsc::UnboundedReceiver<()>) {
    let beat = within(PATIENCE, async {
        // It may still be on its way to sleep when the minute passes, and then sleeps through the next one.
        while within(Duration::from_millis(50), beats.recv()).await.is_none() {
            scene.clock.advance(Span::mins(1));
        }
    });
    beat.await.expect("a beat a minute");
}
