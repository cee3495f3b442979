//! Forms in which events may come: one, many, signed or under a token, canonical or as `CloudEvents`.

use serde_json::json;

use super::{position, sent, signed};
use crate::database;
use crate::scene::{Scene, TOKEN};

#[tokio::test]
async fn signed_events_are_taken_at_both_doors() {
    let scene = Scene::start(database::sqlite().await, "").await;
    let body = json!({ "type": "agent.heartbeat", "agent": { "id": "a" } }).to_string();
    for (id, path) in [("m1", "/hooks/fleet"), ("m2", "/v1/events")] {
        let answer = sent(signed(&scene, path, id, scene.now(), body.as_bytes())).await;
        assert_eq!(answer, (202, json!({ "accepted": 1, "duplicates": 0 })));
        let again = sent(signed(&scene, path, id, scene.now(), body.as_bytes())).await;
        assert_eq!(again, (200, json!({ "accepted": 0, "duplicates": 1 })));
    }
    scene.finish(&[]).await;
}

#[tokio::test]
async fn a_thousand_events_come_in_one_request_and_no_more() {
    let scene = Scene::start(database::sqlite().await, "").await;
    let many = |count: u32| -> Vec<_> {
        (0..count)
            .map(|n| json!({ "id": format!("e{n}"), "type": "agent.heartbeat", "agent": { "id": "a" } }))
            .collect()
    };
    assert_eq!(scene.post(TOKEN, &json!(many(1001))).await.0, 422);
    assert_eq!(scene.post(TOKEN, &json!([])).await.0, 422);
    let before = position(&scene);
    assert_eq!(scene.post(TOKEN, &json!(many(1000))).await.1, json!({ "accepted": 1000, "duplicates": 0 }));
    assert_eq!(position(&scene), before + 1000);
    assert_eq!(scene.post(TOKEN, &json!(many(3))).await.1, json!({ "accepted": 0, "duplicates": 3 }));
    scene.finish(&[]).await;
}

#[tokio::test]
async fn an_array_with_a_bad_member_is_refused_whole() {
    let scene = Scene::start(database::sqlite().await, "").await;
    let before = position(&scene);
    let good = json!({ "type": "agent.heartbeat", "agent": { "id": "a" } });
    let (status, answer) = scene.post(TOKEN, &json!([good, { "type": "agent.heartbeat" }, good])).await;
    assert_eq!((status, &answer["index"]), (422, &json!(1)), "{answer}");
    assert_eq!(position(&scene), before);
    scene.finish(&[]).await;
}

#[tokio::test]
async fn cloudevents_come_structured_binary_and_in_batches() {
    let scene = Scene::start(database::sqlite().await, "").await;
    let envelope = |id: &str| {
        json!({ "specversion": "1.0", "id": id, "source": "/ci", "type": "dev.sereno.task.created",
                "data": { "task": { "id": id, "title": "A task" } } })
    };
    let post = |kind: &str, body: String| {
        let request = scene.client.post(scene.url("/hooks/fleet")).bearer_auth(TOKEN);
        sent(request.header("content-type", kind).body(body))
    };
    let structured = "application/cloudevents+json; charset=utf-8";
    assert_eq!(post(structured, envelope("T-1").to_string()).await.0, 202);
    assert_eq!(post(structured, envelope("T-1").to_string()).await.0, 200, "the same source and id");
    let batch = json!([envelope("T-2"), envelope("T-3")]).to_string();
    assert_eq!(post("application/cloudevents-batch+json", batch).await.1["accepted"], 2);
    let binary = scene.client.post(scene.url("/hooks/fleet")).bearer_auth(TOKEN);
    let binary = binary.header("ce-specversion", "1.0").header("ce-id", "T-4").header("ce-source", "/ci");
    let binary = binary.header("ce-type", "task.created").json(&json!({ "task": { "id": "T-4" } }));
    assert_eq!(sent(binary).await.0, 202);
    let (status, answer) = post(structured, json!({ "specversion": "1.0", "id": "x" }).to_string()).await;
    assert_eq!(status, 422);
    assert!(answer["detail"].as_str().unwrap().contains("source"), "{answer}");
    let ana = scene.visitor("ana").await;
    ana.says(&scene, "/tasks").await;
    let tasks = ana.card(&scene, "tasks").await.text();
    assert!((1..=4).all(|n| tasks.contains(&format!("T-{n}"))), "{tasks}");
    scene.finish(&[]).await;
}

#[tokio::test]
async fn a_kind_that_nobody_knows_is_kept_and_shown() {
    let scene = Scene::start(database::sqlite().await, "").await;
    scene
        .event(json!({
            "type": "quantum.entangled", "agent": { "id": "a" }, "session": { "id": "a-1" }, "message": "spooky",
        }))
        .await;
    scene.settle().await;
    let ana = scene.visitor("ana").await;
    assert_eq!(ana.says(&scene, "/logs a").await.0, 200);
    let logs = ana.card(&scene, "logs").await.text();
    assert!(logs.contains("quantum.entangled") || logs.contains("spooky"), "{logs}");
    scene.finish(&[]).await;
}
