//! Orders to agents: asked, then confirmed, or an honest no.

use serde_json::json;
use sereno::core::time::Span;

use crate::database::{Database, on_both};
use crate::scene::Scene;

on_both![
    an_order_is_asked_then_confirmed,
    an_order_is_given_again_under_the_same_identity,
    an_order_that_cannot_be_carried_out_is_told,
    work_is_handed_to_another_agent,
];

async fn running(scene: &Scene, agent: &str) {
    let task = json!({ "id": "T-1", "title": "Fix the build" });
    let event = json!({
        "type": "task.started", "agent": { "id": agent }, "session": { "id": format!("{agent}-1") }, "task": task,
    });
    scene.event(event).await;
    scene.settle().await;
}

async fn an_order_is_asked_then_confirmed(db: Database) {
    let scene = Scene::start(db, "").await;
    let victor = scene.visitor("victor").await;
    running(&scene, "build-1").await;
    let (status, said) = victor.says(&scene, "/pausar build").await;
    assert_eq!(status, 200, "{said}");
    assert_eq!(scene.fleet.heard(), ["control.pause build-1"]);
    let call = &scene.fleet.calls()[0];
    assert_eq!(call.id, call.body["id"], "the idempotency key is the call's own");
    assert_eq!(call.body["by"], "victor");
    let (status, _) = victor.says(&scene, "/resume build").await;
    assert_eq!(status, 200);
    let (status, _) = victor.says(&scene, "/tell build use the old API").await;
    assert_eq!(status, 200);
    let calls = scene.fleet.calls();
    assert_eq!(calls[2].body["message"]["text"], "use the old API");
    assert_eq!(calls.len(), 3);
    scene.finish(&[]).await;
}

async fn an_order_is_given_again_under_the_same_identity(db: Database) {
    let scene = Scene::start(db, "").await;
    let victor = scene.visitor("victor").await;
    running(&scene, "build-1").await;
    scene.fleet.answers([(503, json!({})), (429, json!({})), (200, json!({ "status": "done" }))]);
    let (status, said) = victor.says(&scene, "/pause build").await;
    assert_eq!(status, 200, "{said}");
    scene.advance(Span::mins(2)).await;
    let ids: Vec<String> = scene.fleet.calls().into_iter().map(|call| call.id).collect();
    assert_eq!(ids.len(), 3);
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    scene.finish(&[]).await;
}

async fn an_order_that_cannot_be_carried_out_is_told(db: Database) {
    let scene = Scene::start(db, "").await;
    let ana = scene.visitor("ana").await;
    running(&scene, "build-1").await;
    scene.fleet.answers([(200, json!({ "status": "failed", "message": "it is not mine" }))]);
    let (status, said) = ana.says(&scene, "/pause build").await;
    assert_eq!(status, 200, "{said}");
    let told = ana.cards(&scene).await;
    assert!(told.iter().any(|card| card.text().contains("it is not mine")), "somebody must be told why");
    scene.finish(&[]).await;
}

async fn work_is_handed_to_another_agent(db: Database) {
    let scene = Scene::start(db, "").await;
    let victor = scene.visitor("victor").await;
    running(&scene, "build-1").await;
    scene.event(json!({ "type": "agent.heartbeat", "agent": { "id": "build-2" } })).await;
    let (status, said) = victor.says(&scene, "/reassign T-1 to:build-2").await;
    assert_eq!(status, 200, "{said}");
    let call = &scene.fleet.calls()[0].body;
    assert_eq!(call["type"], "control.reassign");
    assert_eq!(call["reassign"], json!({ "task": { "id": "T-1" }, "to": { "id": "build-2" } }));
    scene.finish(&[]).await;
}
