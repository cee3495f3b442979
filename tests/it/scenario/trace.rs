//! A trace reads like the flow: what a report, a tap and an order go through, by name.

use std::collections::BTreeSet;

use crate::database;
use crate::scene::Scene;

fn distinct(spans: Vec<String>) -> Vec<String> {
    let distinct: BTreeSet<String> = spans.into_iter().collect();
    distinct.into_iter().collect()
}

#[tokio::test]
async fn spans_are_named_by_the_flow() {
    let scene = Scene::start(database::sqlite().await, "").await;
    let ana = scene.visitor("ana").await;
    drop(scene.logs.take_spans());
    scene.asks("q1", "pytest tests/").await;
    let report = [
        "commit",
        "courier",
        "courier > append",
        "courier > render",
        "courier > send",
        "fold",
        "webhook",
        "webhook > append",
        "webhook > decode",
        "webhook > verify",
    ];
    assert_eq!(distinct(scene.logs.take_spans()), report);
    ana.taps(&scene, &ana.card(&scene, "approval").await.yes()).await;
    let spans = distinct(scene.logs.take_spans());
    for wanted in ["append", "commit", "courier > control", "courier > send", "fold"] {
        assert!(spans.iter().any(|span| span == wanted), "{wanted} is not among {spans:?}");
    }
    scene.finish(&[]).await;
}
