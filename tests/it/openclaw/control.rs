//! Orders to agents of the gateway: carried out once, with an honest receipt.

use serde_json::json;
use sereno::core::time::Span;

use super::fake::Gateway;
use super::scene::{KEY, again, eventually, shows, start};
use crate::database::{Database, on_both};
use crate::scene::{Scene, Standing, Visitor};

on_both![
    words_reach_the_session_once_also_when_the_answer_is_lost,
    a_kill_aborts_and_nothing_has_failed,
    a_pause_aborts_and_holds_and_a_resume_takes_it_up_again,
    a_spawn_begins_a_run_of_its_own,
    work_goes_to_another_agent_or_another_model,
    what_the_token_does_not_allow_is_said,
    an_order_that_lacks_a_word_is_refused_here,
];

async fn running(scene: &Scene, gateway: &Gateway) -> Visitor {
    let victor = scene.visitor("victor").await;
    gateway.runs(KEY, "run-1");
    shows(scene, &victor, "/agents", "🟢 main").await;
    victor
}

/// Says something that must be taken; the newest card is its receipt.
async fn says(scene: &Scene, visitor: &Visitor, line: &str, receipt: &str) -> String {
    let (status, said) = visitor.says(scene, line).await;
    assert_eq!(status, 200, "{line}: {said}");
    let mut last = String::new();
    eventually(&format!("{line} → {receipt}"), async || {
        scene.settle().await;
        last = visitor
            .cards(scene)
            .await
            .iter()
            .map(Standing::text)
            .find(|text| text.contains(receipt))
            .unwrap_or_default();
        !last.is_empty()
    })
    .await;
    last
}

async fn words_reach_the_session_once_also_when_the_answer_is_lost(db: Database) {
    let (scene, gateway) = start(db, "").await;
    let victor = running(&scene, &gateway).await;
    says(&scene, &victor, "/tell main try the other branch", "tiene tus palabras").await;
    let sent = gateway.calls("chat.send");
    assert_eq!((&sent[0]["sessionKey"], &sent[0]["message"]), (&json!(KEY), &json!("try the other branch")));
    assert!(sent[0]["idempotencyKey"].as_str().unwrap().contains("-ob_"), "{sent:?}");

    gateway.change(|memory| memory.lost = Some("chat.send".into()));
    victor.says(&scene, "/tell main and tell me").await;
    again(&scene, &gateway).await;
    eventually("it was asked for", async || {
        scene.advance(Span::secs(5)).await;
        scene.outbox().await.is_empty()
    })
    .await;
    let heard = gateway.look(|memory| memory.messages[KEY].iter().filter(|m| m["content"] == "and tell me").count());
    assert_eq!(heard, 1);
    assert_eq!(gateway.calls("chat.send").len(), 2, "it was found, and not sent again");
    scene.finish(&["broke"]).await;
}

async fn a_kill_aborts_and_nothing_has_failed(db: Database) {
    let (scene, gateway) = start(db, "").await;
    let victor = running(&scene, &gateway).await;
    says(&scene, &victor, "/kill main yes", "se abortó su ejecución").await;
    shows(&scene, &victor, "/agents", "⏹ main").await;
    assert_eq!(gateway.calls("chat.abort"), [json!({ "sessionKey": KEY })]);
    let errors = shows(&scene, &victor, "/errors", "").await;
    assert!(!errors.contains("abort"), "{errors}");
    says(&scene, &victor, "/kill main yes", "no se ejecutaba nada").await;
    scene.finish(&[]).await;
}

async fn a_pause_aborts_and_holds_and_a_resume_takes_it_up_again(db: Database) {
    let (scene, gateway) = start(db, "").await;
    let victor = running(&scene, &gateway).await;
    gateway.change(|memory| {
        let asked = json!({ "role": "user", "content": "fix the build", "timestamp": super::fake::NOW });
        memory.messages.insert(KEY.into(), vec![asked]);
    });
    let receipt = says(&scene, &victor, "/pause main", "no conoce pausa").await;
    assert!(receipt.contains("/resume"), "{receipt}");
    shows(&scene, &victor, "/agents", "⏸ main").await;
    says(&scene, &victor, "/resume main", "retomar lo que hacía").await;
    let sent = &gateway.calls("chat.send")[0];
    assert_eq!(sent["sessionKey"], KEY);
    assert!(sent["message"].as_str().unwrap().contains("fix the build"), "{sent}");
    shows(&scene, &victor, "/agents", "🟢 main").await;
    scene.finish(&[]).await;
}

async fn a_spawn_begins_a_run_of_its_own(db: Database) {
    let (scene, gateway) = start(db, "").await;
    let victor = running(&scene, &gateway).await;
    says(&scene, &victor, "/spawn main \"look into it\" model:deepseek", "empezó una nueva ejecución").await;
    let begun = &gateway.calls("agent")[0];
    assert_eq!(
        (&begun["agentId"], &begun["message"], &begun["model"]),
        (&json!("main"), &json!("look into it"), &json!("deepseek"))
    );
    let key = begun["sessionKey"].as_str().unwrap();
    let short =
        key.strip_prefix("agent:main:").and_then(|key| key.strip_suffix("-sereno")).expect("a session of its own");
    let sessions = shows(&scene, &victor, "/sessions main", short).await;
    assert!(sessions.contains("🟢 main"), "{sessions}");
    scene.finish(&[]).await;
}

async fn work_goes_to_another_agent_or_another_model(db: Database) {
    let (scene, gateway) = start(db, "").await;
    let victor = running(&scene, &gateway).await;
    says(&scene, &victor, "/reassign main model:deepseek", "retomar lo que hacía").await;
    assert_eq!(gateway.calls("sessions.patch"), [json!({ "key": KEY, "model": "deepseek" })]);
    gateway.answers(KEY, "half of it is done", 0.01);
    says(&scene, &victor, "/reassign main to:worker2", "empezó una nueva ejecución").await;
    let begun = &gateway.calls("agent")[0];
    assert_eq!(begun["agentId"], "worker2");
    let told = begun["message"].as_str().unwrap();
    assert!(told.contains("half of it is done") && told.contains("main"), "{told}");
    shows(&scene, &victor, "/agents", "🟢 Worker").await;
    scene.finish(&[]).await;
}

async fn what_the_token_does_not_allow_is_said(db: Database) {
    let (scene, gateway) = start(db, "").await;
    let victor = running(&scene, &gateway).await;
    let why = json!({
        "code": "FORBIDDEN", "message": "missing scope: operator.write", "details": { "missingScope": "operator.write" },
    });
    gateway.change(|memory| memory.refused = Some(("chat.abort", why)));
    says(&scene, &victor, "/kill main yes", "operator.write is missing").await;
    shows(&scene, &victor, "/agents", "🟢 main").await;
    assert_eq!(gateway.calls("chat.abort").len(), 1, "nor is it tried again");
    scene.finish(&[]).await;
}

async fn an_order_that_lacks_a_word_is_refused_here(db: Database) {
    let (scene, gateway) = start(db, "").await;
    let victor = running(&scene, &gateway).await;
    let (status, said) = victor.says(&scene, "/reassign main").await;
    assert_eq!(status, 409, "{said}");
    let (status, said) = victor.says(&scene, "/spawn main").await;
    assert_eq!(status, 409, "{said}");
    assert!(gateway.calls("agent").is_empty());
    scene.finish(&[]).await;
}
