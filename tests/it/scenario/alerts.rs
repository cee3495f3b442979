//! What is worth telling is told once, to everybody who should know, and told again when it is over.

use serde_json::{Value, json};
use sereno::core::message::Content;
use sereno::core::time::Span;

use crate::database::{Database, on_both};
use crate::scene::{Scene, Visitor};

on_both![
    a_loop_is_told_at_the_fifth_equal_call,
    costs_above_the_limit_are_told_once,
    a_silent_agent_is_told_and_told_to_be_back,
    an_acked_alert_says_by_whom,
];

fn call(id: u32, command: &str) -> Value {
    json!({
        "type": "tool.started", "agent": { "id": "build-1" }, "session": { "id": "s-1" },
        "tool": { "name": "Bash", "call_id": format!("c{id}"), "input": { "command": command } },
    })
}

/// States of the alerts of a rule on somebody's page.
async fn states(scene: &Scene, visitor: &Visitor, rule: &str) -> Vec<String> {
    let cards = visitor.cards(scene).await;
    let alerts = cards.iter().filter_map(|standing| match &standing.card.content {
        Content::Alert(view) | Content::Loop(view) => Some(view),
        _ => None,
    });
    alerts.filter(|view| view.rule == rule).map(|view| view.state.clone()).collect()
}

async fn a_loop_is_told_at_the_fifth_equal_call(db: Database) {
    let scene = Scene::start(db, "").await;
    let ana = scene.visitor("ana").await;
    for id in 1..=4 {
        scene.event(call(id, "pytest -k race")).await;
    }
    scene.event(call(9, "pytest -k other")).await;
    scene.settle().await;
    assert!(states(&scene, &ana, "loop").await.is_empty());
    scene.event(call(5, "pytest -k race")).await;
    scene.settle().await;
    assert_eq!(states(&scene, &ana, "loop").await, ["firing"]);
    scene.event(call(6, "pytest -k race")).await;
    scene.settle().await;
    assert_eq!(states(&scene, &ana, "loop").await, ["firing"], "the same alert, not another one");
    scene.advance(Span::mins(30)).await;
    assert_eq!(states(&scene, &ana, "loop").await, ["resolved"]);
    scene.finish(&[]).await;
}

async fn costs_above_the_limit_are_told_once(db: Database) {
    let scene = Scene::start(db, "").await;
    let ana = scene.visitor("ana").await;
    let spends = |cost: &str| {
        json!({
            "type": "model.call", "agent": { "id": "build-1" }, "session": { "id": "s-1" }, "model": "claude-opus-4-5",
            "usage": { "input_tokens": 1, "output_tokens": 1, "cost_usd": cost },
        })
    };
    scene.event(spends("5.00")).await;
    scene.settle().await;
    assert!(states(&scene, &ana, "runaway-cost").await.is_empty(), "the limit itself is not above it");
    scene.event(spends("0.01")).await;
    scene.settle().await;
    let card = ana.card(&scene, "alert").await;
    assert!(card.text().contains("$5.01"), "{}", card.text());
    scene.event(spends("3.00")).await;
    scene.advance(Span::mins(40)).await;
    assert_eq!(states(&scene, &ana, "runaway-cost").await.len(), 1);
    let (_, _) = ana.says(&scene, "/cost").await;
    let cost = ana.card(&scene, "cost").await.text();
    assert!(cost.contains("$8.01"), "{cost}");
    scene.finish(&[]).await;
}

async fn a_silent_agent_is_told_and_told_to_be_back(db: Database) {
    let scene = Scene::start(db, "").await;
    let ana = scene.visitor("ana").await;
    scene.event(json!({ "type": "agent.status", "agent": { "id": "build-1" }, "status": "running" })).await;
    scene.advance(Span::mins(15)).await;
    assert!(states(&scene, &ana, "silent").await.is_empty());
    scene.advance(Span::mins(2)).await;
    assert_eq!(states(&scene, &ana, "silent").await, ["firing"]);
    scene.event(json!({ "type": "agent.heartbeat", "agent": { "id": "build-1" } })).await;
    scene.settle().await;
    assert_eq!(states(&scene, &ana, "silent").await, ["resolved"]);
    scene.finish(&[]).await;
}

async fn an_acked_alert_says_by_whom(db: Database) {
    let scene = Scene::start(db, "").await;
    let (ana, victor) = (scene.visitor("ana").await, scene.visitor("victor").await);
    let failed = json!({ "type": "agent.status", "agent": { "id": "build-1" }, "status": "error" });
    scene.event(failed).await;
    scene.settle().await;
    let (status, said) = victor.says(&scene, "/ack A1").await;
    assert_eq!(status, 200, "{said}");
    let card = ana.card(&scene, "alert").await;
    assert!(card.text().contains("victor"), "{}", card.text());
    let (status, said) = ana.says(&scene, "/resolve A1").await;
    assert_eq!(status, 200, "{said}");
    assert_eq!(states(&scene, &ana, "failed").await, ["resolved"]);
    scene.finish(&[]).await;
}
