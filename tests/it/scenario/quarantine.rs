//! A fault of sereno itself, from the outside: whoever sent what brought it about is told, an admin is told, and
//! everybody else notices nothing.

use serde_json::json;
use sereno::core::input::{Body, Input};
use sereno::core::step::{Decision, step};
use sereno::core::world::World;

use crate::database::{Database, on_both};
use crate::scene::{Scene, TOKEN};

on_both![whoever_breaks_the_fold_is_told_and_so_is_an_admin];

fn breaks(world: &mut World, input: &Input) -> Decision {
    if let Body::Event(reported) = &input.body {
        assert!(reported.event.message.as_deref() != Some("boom"), "an event that breaks the fold");
    }
    step(world, input)
}

async fn whoever_breaks_the_fold_is_told_and_so_is_an_admin(db: Database) {
    let scene = Scene::start_folding(db, breaks).await;
    let (victor, ana) = (scene.visitor("victor").await, scene.visitor("ana").await);
    let event =
        |id: &str, message: &str| json!({ "id": id, "type": "message", "agent": { "id": id }, "message": message });
    let (status, problem) = scene.post(TOKEN, &json!([event("first", "good"), event("second", "boom")])).await;
    assert_eq!((status, &problem["code"], &problem["index"]), (422, &json!("quarantined"), &json!(1)), "{problem}");
    let (status, again) = scene.post(TOKEN, &event("second", "boom")).await;
    assert_eq!((status, &again["code"]), (422, &json!("quarantined")), "a retry is told the same: {again}");
    assert_eq!(scene.event(event("third", "good")).await, json!({ "accepted": 1, "duplicates": 0 }));
    scene.settle().await;

    let notice = victor.card(&scene, "notice").await.text();
    assert!(notice.contains("defecto de sereno") && notice.contains("event"), "{notice}");
    assert!(ana.cards(&scene).await.iter().all(|card| card.card.content.name() != "notice"), "she is no admin");
    ana.says(&scene, "/agents").await;
    let agents = ana.card(&scene, "agents").await.text();
    assert!(agents.contains("first") && agents.contains("third") && !agents.contains("second"), "{agents}");
    let metrics = scene.client.get(scene.url("/metrics")).send().await.unwrap().text().await.unwrap();
    assert!(metrics.contains("sereno_quarantined_total"), "it is counted");
    scene.finish(&["the fold broke"]).await;
}
