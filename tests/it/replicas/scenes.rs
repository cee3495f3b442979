//! Whole processes beside each other, in a time that only the test moves.

use std::time::Duration;

use serde_json::json;
use sereno::app::App;
use sereno::clock::within;
use sereno::core::time::Span;

use crate::database;
use crate::scene::{PATIENCE, Scene};

/// From now on the scene plays at `other`; what it played at before.
fn move_to(scene: &mut Scene, other: App) -> App {
    std::mem::replace(&mut scene.app, other)
}

#[tokio::test]
async fn an_event_at_one_process_is_folded_by_another_and_told_once() {
    let mut scene = Scene::start(database::postgres().await, "").await;
    let other = scene.another().await;
    let first = move_to(&mut scene, other);
    let event = json!({
        "id": "e-1", "type": "agent.status", "agent": { "id": "build-1" }, "status": "error",
        "error": { "type": "crash", "message": "it fell over" },
    });
    assert_eq!(scene.event(event.clone()).await, json!({ "accepted": 1, "duplicates": 0 }));
    assert_eq!(scene.event(event).await, json!({ "accepted": 0, "duplicates": 1 }));
    scene.settle().await;
    let ana = scene.visitor("ana").await;
    assert_eq!(ana.cards(&scene).await.len(), 1);
    first.stop().await;
    scene.finish(&[]).await;
}

#[tokio::test]
async fn a_card_that_one_process_posted_can_be_tapped_at_another() {
    let mut scene = Scene::start(database::postgres().await, "").await;
    scene.asks("apr-1", "make deploy").await;
    let other = scene.another().await;
    let first = move_to(&mut scene, other);
    let victor = scene.visitor("victor").await;
    let yes = victor.card(&scene, "approval").await.yes();
    let (status, text) = victor.taps(&scene, &yes).await;
    assert_eq!(status, 200, "{text}");
    scene.settle().await;
    assert_eq!(scene.fleet.heard(), ["control.decide approved"]);
    // Whoever folded goes; the other one does the rest.
    first.stop().await;
    let (_, text) = victor.taps(&scene, &yes).await;
    assert!(!text.is_empty());
    assert_eq!(scene.fleet.calls().len(), 1, "a decision is carried out once");
    scene.finish(&[]).await;
}

#[tokio::test]
async fn a_question_held_at_a_process_that_does_not_fold_is_answered_there() {
    const CLAUDE: &str = "[runtimes.claude]\nkind = \"claude-code\"\ntoken = \"claude-token-claude-token\"\n";
    let mut scene = Scene::start(database::postgres().await, CLAUDE).await;
    let other = scene.another().await;
    let ask = scene
        .client
        .post(format!("http://{}/hooks/claude", other.address))
        .bearer_auth("claude-token-claude-token")
        .json(&json!({
            "hook_event_name": "PermissionRequest", "session_id": "s-1", "cwd": "/srv/app",
            "tool_name": "Bash", "tool_input": { "command": "make deploy" },
        }));
    let ask = tokio::spawn(async move { ask.send().await.unwrap().json::<serde_json::Value>().await.unwrap() });
    let victor = scene.visitor("victor").await;
    let asked = within(PATIENCE, async {
        while scene.app.door.store.pending_approvals("claude").await.unwrap().is_empty()
            || victor.cards(&scene).await.is_empty()
        {
            tokio::task::yield_now().await;
        }
    });
    assert!(asked.await.is_some(), "nobody was asked");
    let yes = victor.card(&scene, "approval").await.yes();
    let (status, text) = victor.taps(&scene, &yes).await;
    assert_eq!(status, 200, "{text}");
    // The call may have to be put back until the right process takes it.
    let answer = within(
        PATIENCE,
        Box::pin(async {
            while !ask.is_finished() {
                passes(&scene, Span::secs(1)).await;
            }
            ask.await.unwrap()
        }),
    );
    let answer = answer.await.expect("the question is answered");
    assert_eq!(answer["hookSpecificOutput"]["decision"]["behavior"], "allow", "{answer}");
    // If it had been decided before it waited, the call finds its way once each knows of the other.
    passes(&scene, Span::secs(20)).await;
    let first = move_to(&mut scene, other);
    first.stop().await;
    scene.finish(&[]).await;
}

/// Lets seconds pass, whatever is due: a call for another process is put back, and when both step aside for each other
/// nothing happens until both have waited. Each begins when nothing was committed for a while, so that time does not
/// run away from slow cores.
async fn passes(scene: &Scene, span: Span) {
    let mut committed = scene.app.door.progress.committed.clone();
    for _ in 0..span.0 / 1000 {
        scene.clock.advance(Span::secs(1));
        while within(Duration::from_millis(100), committed.changed()).await.is_some() {}
    }
}

#[tokio::test]
async fn a_page_at_a_process_that_does_not_fold_is_answered_by_the_one_that_does_without_a_trace() {
    let mut scene = Scene::start(database::postgres().await, "").await;
    scene.asks("apr-1", "make deploy").await;
    let other = scene.another().await;
    let first = move_to(&mut scene, other);
    let victor = scene.visitor("victor").await;
    let cursor = async |scene: &Scene| scene.app.door.store.folded().await.unwrap().cursor;
    let before = cursor(&scene).await;
    assert!(victor.reads(&scene, "/agent/fleet/build-1").await.contains("make deploy"));
    assert_eq!(cursor(&scene).await, before);
    let no = victor.card(&scene, "approval").await.no();
    assert_eq!(victor.taps(&scene, &no).await.0, 200);
    scene.settle().await;
    first.stop().await;
    scene.finish(&[]).await;
}
