//! The founding story over HTTP, what comes twice, and what a restart must not change.

use serde_json::json;
use sereno::core::time::Span;

use crate::database::{Database, on_both};
use crate::scene::Scene;
use crate::seeds::bug_hunt;
use crate::sim::at;

on_both![
    the_bug_hunt_ends_in_one_notice,
    what_comes_twice_counts_once,
    a_restart_changes_no_answer,
    a_cut_off_process_leaves_its_work_to_the_next,
    what_a_dead_courier_had_not_begun_is_not_in_doubt,
    a_row_that_was_put_back_while_somebody_reported_it_is_not_stuck,
];

async fn hunt(scene: &Scene, times: usize) {
    for (time, mut event) in bug_hunt() {
        scene.advance(at(time).since(scene.now())).await;
        event["id"] = json!(format!("{time} {}", event["type"]));
        event["time"] = json!(scene.now().rfc3339());
        for _ in 0..times {
            scene.event(event.clone()).await;
        }
    }
    scene.settle().await;
}

async fn the_bug_hunt_ends_in_one_notice(db: Database) {
    let scene = Scene::start(db, "").await;
    let (ana, victor) = (scene.visitor("ana").await, scene.visitor("victor").await);
    hunt(&scene, 1).await;
    let hers = ana.card(&scene, "completion").await.text();
    assert!(hers.starts_with("✅ Bug resolved. $1.85. 33 min."), "{hers}");
    let his = victor.card(&scene, "completion").await.text();
    assert!(his.starts_with("✅ Bug resuelto. $1.85. 33 min."), "{his}");
    scene.finish(&[]).await;
}

async fn what_comes_twice_counts_once(db: Database) {
    let scene = Scene::start(db, "").await;
    let ana = scene.visitor("ana").await;
    hunt(&scene, 3).await;
    let cards = ana.cards(&scene).await;
    let notices = cards.iter().filter(|card| card.card.content.name() == "completion");
    assert_eq!(notices.count(), 1);
    assert!(ana.card(&scene, "completion").await.text().contains("$1.85"));
    let answer = scene.event(json!({ "id": "a", "type": "agent.heartbeat", "agent": { "id": "x" } })).await;
    assert_eq!(answer, json!({ "accepted": 1, "duplicates": 0 }));
    let answer = scene.event(json!({ "id": "a", "type": "agent.heartbeat", "agent": { "id": "x" } })).await;
    assert_eq!(answer, json!({ "accepted": 0, "duplicates": 1 }));
    scene.finish(&[]).await;
}

async fn a_restart_changes_no_answer(db: Database) {
    let scene = Scene::start(db, "").await;
    let ana = scene.visitor("ana").await;
    hunt(&scene, 1).await;
    let mut before = Vec::new();
    let looks = [("/agents", "agents"), ("/cost by model", "cost"), ("/tasks", "tasks"), ("/sessions", "sessions")];
    for (line, kind) in looks {
        assert_eq!(ana.says(&scene, line).await.0, 200);
        before.push(ana.card(&scene, kind).await.text());
    }
    let scene = scene.restart().await;
    for ((line, kind), before) in looks.into_iter().zip(before) {
        assert_eq!(ana.says(&scene, line).await.0, 200);
        assert_eq!(ana.card(&scene, kind).await.text(), before);
    }
    scene.finish(&[]).await;
}

/// A courier that died while it held rows: the next one reports the attempt and carries them out.
async fn a_cut_off_process_leaves_its_work_to_the_next(db: Database) {
    let scene = Scene::start(db, "").await;
    let ana = scene.visitor("ana").await;
    scene.fleet.answers([(503, json!({}))]);
    scene.asks("q1", "pytest tests/").await;
    ana.taps(&scene, &ana.card(&scene, "approval").await.yes()).await;
    let waiting = scene.outbox().await;
    assert_eq!(waiting.len(), 1, "{waiting:#?}");
    // Somebody else takes the row at the very moment at which it falls due, and is never seen again.
    let due = waiting[0].due;
    let stolen = scene.app.door.store.claim("the-dead", due, Span::secs(30), 10).await.unwrap();
    assert_eq!(stolen.len(), 1);
    scene.clock.advance(Span(due.since(scene.now()).0 + Span::secs(31).0));
    scene.advance(Span::mins(5)).await;
    assert_eq!(scene.fleet.heard(), ["control.decide approved"; 2]);
    let calls = scene.fleet.calls();
    assert_eq!(calls[0].id, calls[1].id);
    scene.finish(&[]).await;
}

/// Of the rows that a dead courier held in one conversation, only the first can have been begun.
async fn what_a_dead_courier_had_not_begun_is_not_in_doubt(db: Database) {
    let scene = Scene::start(db, "").await;
    let victor = scene.visitor("victor").await;
    let working = json!({ "type": "agent.heartbeat", "agent": { "id": "build-1" }, "session": { "id": "s-1" } });
    scene.event(working).await;
    // Rows that have failed so often hold each other back no more, so somebody can lease them together.
    scene.fleet.answers((0..99).map(|_| (503, json!({}))));
    for text in ["one", "two", "three"] {
        victor.says(&scene, &format!("/tell build {text}")).await;
    }
    let mut waiting = scene.outbox().await;
    for _ in 0..12 {
        if waiting.iter().any(|row| row.attempts < 3) {
            scene.advance(Span::secs(10)).await;
            waiting = scene.outbox().await;
        }
    }
    assert!(waiting.iter().all(|row| row.attempts >= 3), "{waiting:#?}");
    let before = scene.fleet.calls().len();
    scene.fleet.obeys();
    let due = waiting.iter().map(|row| row.due).max().unwrap();
    let stolen = scene.app.door.store.claim("the-dead", due, Span::secs(30), 10).await.unwrap();
    assert_eq!(stolen.len(), 3);
    assert!(scene.app.door.store.claim("another", due, Span::secs(30), 10).await.unwrap().is_empty());
    scene.clock.advance(Span(due.since(scene.now()).0 + Span::secs(31).0));
    scene.settle().await;
    let in_doubt: Vec<(String, String)> = scene.outbox().await.into_iter().map(|row| (row.id, row.state)).collect();
    assert_eq!(in_doubt, [(stolen[0].id.clone(), "uncertain".to_owned())], "the two behind it went out at once");
    assert_eq!(scene.fleet.calls().len(), before + 2);
    scene.advance(Span::mins(2)).await;
    assert_eq!(scene.fleet.calls()[before + 2].id, stolen[0].id);
    assert_eq!(scene.fleet.calls().len(), before + 3);
    scene.finish(&[]).await;
}

/// Two processes judge what a dead one held, and one of them puts a row back that the other has just reported: its
/// next attempt has the same number, and what comes of it counts all the same.
async fn a_row_that_was_put_back_while_somebody_reported_it_is_not_stuck(db: Database) {
    let scene = Scene::start(db, "").await;
    let ana = scene.visitor("ana").await;
    scene.fleet.answers([(503, json!({}))]);
    scene.asks("q1", "pytest tests/").await;
    ana.taps(&scene, &ana.card(&scene, "approval").await.yes()).await;
    let waiting = scene.outbox().await;
    let due = waiting[0].due;
    scene.app.door.store.claim("the-dead", due, Span::secs(30), 10).await.unwrap();
    scene.clock.advance(Span(due.since(scene.now()).0 + Span::secs(31).0));
    scene.settle().await;
    let reported = scene.outbox().await;
    assert_eq!((reported[0].state.as_str(), reported[0].attempts), ("uncertain", 2));
    scene.database.execute("UPDATE outbox SET attempts = attempts - 1 WHERE state = 'uncertain'").await;
    scene.advance(Span::mins(5)).await;
    assert_eq!(scene.fleet.heard(), ["control.decide approved"; 2]);
    scene.finish(&[]).await;
}
