//! The connection: lost, refused, interrupted; and what is known after it.

use serde_json::{Value, json};
use sereno::core::time::Span;

use super::fake::{Gateway, NOW, TOKEN};
use super::scene::{KEY, again, connected, cut, eventually, settings, shows, spent_and_cut, start};
use crate::database::{Database, on_both};
use crate::scene::{Scene, Standing};

on_both![
    a_run_is_seen_live_and_its_cost_counts_once,
    what_happened_while_the_connection_was_lost_is_told_once,
    an_event_that_was_lost_is_asked_for,
    a_gateway_that_stays_away_cannot_be_told_of,
    a_wrong_token_is_told_to_admins_and_not_tried_again,
    a_gateway_that_lets_nobody_in_for_a_while_is_tried_again,
    a_restart_of_the_gateway_ends_what_it_forgot,
    a_restart_of_sereno_counts_nothing_twice,
    a_retry_of_the_provider_is_trouble_before_it_is_an_error,
    a_burst_is_counted_whole,
    a_cron_job_is_told_once_over_the_connection_and_by_its_webhook,
];

async fn a_run_is_seen_live_and_its_cost_counts_once(db: Database) {
    let (scene, gateway) = start(db, "").await;
    let ana = scene.visitor("ana").await;
    gateway.runs(KEY, "run-1");
    shows(&scene, &ana, "/agents", "🟢 main").await;
    gateway.answers(KEY, "first", 0.25);
    gateway.answers(KEY, "second", 0.50);
    gateway.ends(KEY, "run-1", "All tests pass.\nNothing else to do.");
    shows(&scene, &ana, "/agents", "✅ main").await;
    let cost = shows(&scene, &ana, "/cost", "$0.75").await;
    assert!(cost.contains("main"), "{cost}");
    shows(&scene, &ana, "/logs main", "All tests pass.").await;
    scene.finish(&[]).await;
}

async fn what_happened_while_the_connection_was_lost_is_told_once(db: Database) {
    let (scene, gateway, ana) = spent_and_cut(db).await;
    gateway.answers(KEY, "meanwhile", 0.50);
    gateway.ends(KEY, "run-1", "done while you were away");
    gateway.runs("agent:worker2:main", "run-2");
    again(&scene, &gateway).await;
    shows(&scene, &ana, "/cost", "$0.75").await;
    let agents = shows(&scene, &ana, "/agents", "✅ main").await;
    assert!(agents.contains("🟢 Worker"), "{agents}");
    gateway.drops();
    again(&scene, &gateway).await;
    shows(&scene, &ana, "/cost", "$0.75").await;
    scene.finish(&["the connection to the gateway broke"]).await;
}

async fn an_event_that_was_lost_is_asked_for(db: Database) {
    let (scene, gateway) = start(db, "").await;
    let ana = scene.visitor("ana").await;
    gateway.runs(KEY, "run-1");
    shows(&scene, &ana, "/agents", "🟢 main").await;
    gateway.loses_an_event();
    gateway.ends(KEY, "run-1", "done");
    again(&scene, &gateway).await;
    shows(&scene, &ana, "/agents", "✅ main").await;
    scene.finish(&["events of the gateway were lost"]).await;
}

async fn a_gateway_that_stays_away_cannot_be_told_of(db: Database) {
    let (scene, gateway) = start(db, "").await;
    let (ana, victor) = (scene.visitor("ana").await, scene.visitor("victor").await);
    gateway.runs(KEY, "run-1");
    shows(&scene, &ana, "/agents", "🟢 main").await;
    gateway.change(|memory| memory.away = true);
    gateway.drops();
    cut(&scene).await;
    eventually("it is missed", async || {
        scene.advance(Span::secs(30)).await;
        scene.audit("runtime.contact").await.len() == 1
    })
    .await;
    scene.advance(Span::mins(20)).await;
    let agents = shows(&scene, &ana, "/agents", "❔ main").await;
    assert!(!agents.contains("⏹") && !agents.contains("🔴"), "{agents}");
    assert!(ana.cards(&scene).await.iter().all(|card| card.card.content.name() != "alert"), "nobody is blamed for it");
    let told = |texts: Vec<String>| texts.into_iter().filter(|text| text.contains("claw")).collect::<Vec<_>>();
    let his = told(victor.cards(&scene).await.iter().map(Standing::text).collect());
    assert!(his.iter().any(|text| text.contains("No se puede contactar con claw")), "{his:?}");
    assert!(
        told(ana.cards(&scene).await.iter().map(Standing::text).collect()).iter().all(|text| !text.contains("reached"))
    );

    gateway.change(|memory| memory.away = false);
    scene.advance(Span::mins(2)).await;
    connected(&scene, &gateway, 2).await;
    shows(&scene, &ana, "/agents", "🟢 main").await;
    let his = told(victor.cards(&scene).await.iter().map(Standing::text).collect());
    assert_eq!(his.iter().filter(|text| text.contains("Hay contacto otra vez con claw")).count(), 1, "{his:?}");
    assert_eq!(his.iter().filter(|text| text.contains("No se puede contactar")).count(), 1, "{his:?}");
    scene.finish(&["trouble"]).await;
}

async fn a_wrong_token_is_told_to_admins_and_not_tried_again(db: Database) {
    let gateway = Gateway::start().await;
    let scene = Scene::start(db, &settings(&gateway, "another-token-another")).await;
    let victor = scene.visitor("victor").await;
    cut(&scene).await;
    eventually("somebody is told", async || {
        scene.settle().await;
        let cards = victor.cards(&scene).await;
        cards.iter().any(|card| card.text().contains("gateway token mismatch") && card.text().contains("token_file"))
    })
    .await;
    scene.advance(Span::hours(1)).await;
    assert_eq!(gateway.look(|memory| memory.greeted), 0);
    assert_eq!(scene.audit("runtime.contact").await.len(), 1, "it is told once");
    assert!(victor.cards(&scene).await.iter().all(|card| !card.text().contains(TOKEN)));
    scene.finish(&["token mismatch"]).await;
}

async fn a_gateway_that_lets_nobody_in_for_a_while_is_tried_again(db: Database) {
    let gateway = Gateway::start().await;
    let limited = json!({
        "code": "INVALID_REQUEST", "message": "unauthorized: too many failed authentication attempts (retry later)",
        "retryable": true, "retryAfterMs": 40_000, "details": { "code": "AUTH_RATE_LIMITED" },
    });
    gateway.change(|memory| memory.refusal = Some(limited));
    let scene = Scene::start(db, &settings(&gateway, TOKEN)).await;
    cut(&scene).await;
    gateway.change(|memory| memory.refusal = None);
    scene.advance(Span::secs(39)).await;
    scene.settle().await;
    assert_eq!(gateway.look(|memory| memory.greeted), 0, "it waits as long as it was asked to");
    scene.advance(Span::secs(2)).await;
    connected(&scene, &gateway, 1).await;
    assert!(scene.audit("runtime.contact").await.is_empty(), "nobody has to do anything");
    scene.finish(&["too many failed"]).await;
}

async fn a_restart_of_the_gateway_ends_what_it_forgot(db: Database) {
    let (scene, gateway) = start(db, "").await;
    let ana = scene.visitor("ana").await;
    gateway.runs(KEY, "run-1");
    shows(&scene, &ana, "/agents", "🟢 main").await;
    // What ran is not running any more, and the gateway says of it no more than that.
    gateway.change(|memory| memory.sessions.get_mut(KEY).unwrap()["hasActiveRun"] = json!(false));
    gateway.restarts();
    again(&scene, &gateway).await;
    shows(&scene, &ana, "/agents", "⏹ main").await;
    let health = shows(&scene, &ana, "/health", "").await;
    assert!(!health.contains("🔴"), "whoever was stopped has not failed: {health}");
    scene.finish(&["started anew"]).await;
}

async fn a_restart_of_sereno_counts_nothing_twice(db: Database) {
    let (scene, gateway) = start(db, "").await;
    let ana = scene.visitor("ana").await;
    gateway.runs(KEY, "run-1");
    gateway.answers(KEY, "one", 0.25);
    shows(&scene, &ana, "/cost", "$0.25").await;
    let scene = scene.restart().await;
    connected(&scene, &gateway, 2).await;
    gateway.answers(KEY, "two", 0.25);
    shows(&scene, &ana, "/cost", "$0.50").await;
    scene.finish(&[]).await;
}

async fn a_retry_of_the_provider_is_trouble_before_it_is_an_error(db: Database) {
    let (scene, gateway) = start(db, "").await;
    let ana = scene.visitor("ana").await;
    gateway.runs(KEY, "run-1");
    gateway.retries(KEY, "run-1");
    let errors = shows(&scene, &ana, "/errors", "server_error").await;
    assert!(errors.contains("main"), "{errors}");
    shows(&scene, &ana, "/agents", "🟢 main").await;
    gateway.emit("something.new", json!({ "sessionKey": KEY, "whatever": 1 }));
    shows(&scene, &ana, "/logs main", "openclaw.something.new").await;
    scene.finish(&[]).await;
}

async fn a_burst_is_counted_whole(db: Database) {
    let (scene, gateway) = start(db, "").await;
    let ana = scene.visitor("ana").await;
    gateway.runs(KEY, "run-1");
    for _ in 0..2000 {
        gateway.answers(KEY, "one more", 0.001);
    }
    gateway.ends(KEY, "run-1", "done");
    shows(&scene, &ana, "/agents", "✅ main").await;
    shows(&scene, &ana, "/cost", "$2.00").await;
    assert_eq!(gateway.look(|memory| memory.greeted), 1, "it has kept up");
    scene.finish(&[]).await;
}

/// What the gateway posts.
async fn posts(scene: &Scene, token: &str, body: &Value) -> (u16, Value) {
    let answer = scene.client.post(scene.url("/hooks/claw")).bearer_auth(token).json(body).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap_or_default())
}

async fn a_cron_job_is_told_once_over_the_connection_and_by_its_webhook(db: Database) {
    let (scene, gateway) = start(db, "").await;
    let ana = scene.visitor("ana").await;
    let finished = |at: i64, status: &str| {
        json!({
            "jobId": "job-1", "action": "finished", "job": { "id": "job-1", "name": "nightly report", "agentId": "main" },
            "runAtMs": at, "durationMs": 1500, "status": status, "summary": "12 mails were sent",
            "error": if status == "error" { json!("no route to host") } else { json!(null) },
            "sessionKey": "agent:main:cron:job-1",
        })
    };
    gateway.emit("cron", finished(NOW, "ok"));
    shows(&scene, &ana, "/logs main", "nightly report · ok: 12 mails were sent").await;
    let (status, said) = posts(&scene, "cron", &finished(NOW, "ok")).await;
    assert_eq!((status, &said["duplicates"]), (200, &json!(1)), "{said}");
    let logs = shows(&scene, &ana, "/logs main", "nightly report").await;
    assert_eq!(logs.matches("nightly report").count(), 1, "{logs}");
    // The webhook may be first, or the only one.
    let (status, said) = posts(&scene, "cron", &finished(NOW + 60_000, "error")).await;
    assert_eq!((status, &said["accepted"]), (202, &json!(1)), "{said}");
    gateway.emit("cron", finished(NOW + 60_000, "error"));
    let errors = shows(&scene, &ana, "/errors", "cron_failed").await;
    assert!(errors.contains("main") && !errors.contains("2×"), "{errors}");
    let (status, said) = posts(&scene, TOKEN, &finished(NOW, "ok")).await;
    assert_eq!(status, 401, "the gateway's own token is not the webhook's: {said}");
    scene.finish(&[]).await;
}
