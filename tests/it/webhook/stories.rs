//! Whole stories by webhook.

use serde_json::{Value, json};
use sereno::core::time::Span;

use super::config;
use super::taker::{Fault, Taker};
use crate::database::{Database, on_both};
use crate::scene::Scene;

on_both![
    a_question_and_what_became_of_it_are_told_as_one_notice,
    what_is_not_taken_is_tried_again_under_its_name,
    an_endpoint_that_wants_no_more_is_told_elsewhere,
];

async fn a_question_and_what_became_of_it_are_told_as_one_notice(db: Database) {
    let taker = Taker::start().await;
    let scene = Scene::start(db, &config(&taker)).await;
    let ana = scene.visitor("ana").await;
    scene.asks("q1", "pytest tests/").await;
    let card = ana.card(&scene, "approval").await;
    let asked = taker.taken().pop().unwrap();
    let wanted = json!({
        "schema": 1, "version": 1, "under": null, "channel": "hook", "to": "ops", "kind": "approval", "severity": "critical",
        "silent": false, "lang": "en", "title": "⏳ build-1 wants to run: pytest tests/",
    });
    for (key, value) in wanted.as_object().unwrap() {
        assert_eq!(&asked["data"][key], value, "{key}");
    }
    assert_eq!((&asked["type"], &asked["timestamp"]), (&json!("notice.sent"), &json!("2026-11-20T09:00:00.000Z")));
    assert!(asked["data"]["text"].as_str().unwrap().contains("    pytest tests/"), "{asked}");
    // No token of a button leaves the house this way.
    let token = card.yes();
    assert!(!asked.to_string().contains(&token));
    let path = asked["data"]["url"].as_str().unwrap().split_once("/c/").unwrap().1.to_owned();
    assert_eq!(path, card.card.number.to_string());
    assert_eq!(ana.taps(&scene, &token).await.0, 200);
    let changed = taker.taken().pop().unwrap();
    assert_eq!(changed["type"], "notice.changed");
    assert_eq!(changed["data"]["notice"], asked["data"]["notice"]);
    assert!(changed["data"]["title"].as_str().unwrap().starts_with("✅ Approved by ana"), "{changed}");
    assert!(changed["data"]["version"].as_u64() > asked["data"]["version"].as_u64());
    scene.finish(&[]).await;
}

async fn what_is_not_taken_is_tried_again_under_its_name(db: Database) {
    let taker = Taker::start().await;
    let scene = Scene::start(db, &config(&taker)).await;
    taker.fails([Fault::Says(503, vec![("retry-after", "20".into())]), Fault::Loses, Fault::Says(500, vec![])]);
    scene.asks("q1", "pytest tests/").await;
    assert_eq!(taker.heard().len(), 1);
    scene.advance(Span::secs(19)).await;
    assert_eq!(taker.heard().len(), 1, "it was asked to wait");
    scene.advance(Span::mins(2)).await;
    let names: Vec<String> = taker.heard().into_iter().map(|(id, _)| id).collect();
    assert_eq!(names.len(), 4, "{names:?}");
    assert!(names.iter().all(|name| *name == names[0]), "{names:?}");
    assert_eq!(taker.taken().len(), 1);
    scene.advance(Span::mins(30)).await;
    scene.finish(&["answered 500", "broke"]).await;
}

async fn an_endpoint_that_wants_no_more_is_told_elsewhere(db: Database) {
    let taker = Taker::start().await;
    let scene = Scene::start(db, &config(&taker).replace(", \"person:ana\"", "")).await;
    let victor = scene.visitor("victor").await;
    taker.fails([Fault::Says(410, Vec::new())]);
    scene.asks("q1", "pytest tests/").await;
    assert_eq!(taker.taken(), Vec::<Value>::new());
    let card = victor.card(&scene, "approval").await;
    assert!(card.text().contains("webhook"), "{}", card.text());
    assert_eq!(victor.taps(&scene, &card.yes()).await.0, 200);
    for row in scene.outbox().await {
        assert!(row.error.as_deref().unwrap_or_default().contains("it wants no more of these"), "{row:?}");
        assert_eq!(victor.says(&scene, &format!("/outbox drop {} why: read", row.id)).await.0, 200);
    }
    scene.finish(&[]).await;
}
