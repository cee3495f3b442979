//! What was spent while nobody listened: counted once, for its own time, as far as calls are told one by one.

use sereno::core::time::Span;

use super::fake::{Gateway, NOW, TOKEN};
use super::scene::{KEY, again, connected, eventually, settings, shows, spent_and_cut};
use crate::database::{Database, on_both};
use crate::scene::Scene;

on_both![
    what_was_spent_before_counts_for_its_own_time,
    more_than_a_page_is_counted_once,
    what_a_session_used_counts_also_when_it_is_gone,
    sums_that_are_not_fresh_are_no_noughts,
    what_is_told_in_sums_alone_is_left_out,
];

const OTHER: &str = "agent:worker2:main";

async fn what_was_spent_before_counts_for_its_own_time(db: Database) {
    let gateway = Gateway::start().await;
    gateway.runs(KEY, "run-1");
    let (yesterday, long_ago) = (NOW - Span::hours(20).0, NOW - Span::days(5).0);
    gateway.answered(KEY, "long ago", 8.0, long_ago);
    gateway.answered(KEY, "yesterday", 0.25, yesterday);
    gateway.ends(KEY, "run-1", "done");
    let scene = Scene::start(db, &settings(&gateway, TOKEN)).await;
    connected(&scene, &gateway, 1).await;
    let ana = scene.visitor("ana").await;
    shows(&scene, &ana, "/cost 24h", "$0.25").await;
    let today = shows(&scene, &ana, "/cost", "$").await;
    assert!(today.contains("$0.00") && !today.contains("0.25"), "it was spent yesterday: {today}");
    // Nobody works because of it.
    shows(&scene, &ana, "/agents", "✅ main").await;
    gateway.answers(KEY, "now", 0.50);
    shows(&scene, &ana, "/cost", "$0.50").await;
    shows(&scene, &ana, "/cost 7d", "$0.75").await;
    scene.finish(&[]).await;
}

async fn more_than_a_page_is_counted_once(db: Database) {
    let (scene, gateway, ana) = spent_and_cut(db).await;
    for _ in 0..450 {
        gateway.answers(KEY, "meanwhile", 0.01);
    }
    again(&scene, &gateway).await;
    shows(&scene, &ana, "/cost", "$4.75").await;
    assert_eq!(gateway.calls("chat.history").iter().filter(|asked| asked["offset"] == 400).count(), 1);
    gateway.drops();
    again(&scene, &gateway).await;
    gateway.answers(KEY, "after", 0.25);
    shows(&scene, &ana, "/cost", "$5.00").await;
    assert!(gateway.calls("sessions.usage.timeseries").is_empty(), "no call is missing");
    scene.finish(&["broke"]).await;
}

async fn what_a_session_used_counts_also_when_it_is_gone(db: Database) {
    let (scene, gateway, ana) = spent_and_cut(db).await;
    gateway.answers(KEY, "meanwhile", 0.50);
    gateway.resets(KEY);
    gateway.answers(KEY, "in the session that was begun anew", 1.0);
    gateway.runs(OTHER, "run-2");
    gateway.answers(OTHER, "in a session that is gone", 2.0);
    gateway.deletes(OTHER);
    again(&scene, &gateway).await;
    let cost = shows(&scene, &ana, "/cost by model", "$3.75").await;
    assert!(cost.contains("fake-1"), "{cost}");
    let agents = shows(&scene, &ana, "/agents", "🟢 main").await;
    assert!(!agents.contains("🟢 Worker"), "what is over shows nobody at work: {agents}");
    gateway.drops();
    again(&scene, &gateway).await;
    gateway.answers(KEY, "after", 0.25);
    shows(&scene, &ana, "/cost", "$4.00").await;
    scene.finish(&["broke"]).await;
}

async fn sums_that_are_not_fresh_are_no_noughts(db: Database) {
    let gateway = Gateway::start().await;
    gateway.runs(KEY, "run-1");
    gateway.answers(KEY, "before anybody listened", 0.25);
    gateway.resets(KEY);
    gateway.change(|memory| memory.stale = 2);
    let scene = Scene::start(db, &settings(&gateway, TOKEN)).await;
    connected(&scene, &gateway, 1).await;
    let ana = scene.visitor("ana").await;
    assert!(gateway.calls("sessions.usage.timeseries").is_empty());
    eventually("the gateway has added up", async || {
        scene.advance(Span::secs(5)).await;
        gateway.calls("sessions.usage").len() == 3
    })
    .await;
    shows(&scene, &ana, "/cost", "$0.25").await;
    scene.advance(Span::mins(10)).await;
    assert_eq!(gateway.calls("sessions.usage").len(), 3, "then it is not asked for again");
    scene.finish(&[]).await;
}

async fn what_is_told_in_sums_alone_is_left_out(db: Database) {
    let gateway = Gateway::start().await;
    gateway.runs(KEY, "run-1");
    for _ in 0..250 {
        gateway.answers(KEY, "one of many", 0.01);
    }
    gateway.resets(KEY);
    gateway.answers(KEY, "after it", 0.25);
    let scene = Scene::start(db, &settings(&gateway, TOKEN)).await;
    connected(&scene, &gateway, 1).await;
    let ana = scene.visitor("ana").await;
    shows(&scene, &ana, "/cost", "$0.25").await;
    gateway
        .until("accounts are asked for", |memory| {
            memory.calls.iter().any(|(method, _)| method == "sessions.usage.timeseries")
        })
        .await;
    scene.settle().await;
    shows(&scene, &ana, "/cost", "$0.25").await;
    scene.finish(&[]).await;
}
