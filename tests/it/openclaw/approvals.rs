//! Questions of the gateway: one outcome, whoever decides where.

use serde_json::json;
use sereno::core::time::Span;

use super::fake::Gateway;
use super::scene::{KEY, again, card_says, cut, eventually, shows, start};
use crate::database::{Database, on_both};
use crate::scene::{Scene, Visitor};

on_both![
    a_tap_decides_there,
    a_no_is_told_there,
    somebody_there_is_first_and_the_card_says_who,
    two_decide_at_once_and_the_gateways_word_counts,
    silence_here_is_a_no_there,
    what_expires_there_has_expired_here,
    a_run_that_is_aborted_takes_its_question_back,
    a_decision_without_a_connection_is_told_later,
    what_was_decided_while_the_connection_was_lost_is_asked_for,
    an_answer_that_was_lost_is_asked_for_and_not_guessed,
];

const HALF_AN_HOUR: i64 = 1_800_000;

async fn asked(scene: &Scene, gateway: &Gateway, ana: &Visitor) {
    gateway.runs(KEY, "run-1");
    gateway.asks(KEY, "run-1", "q1", "touch /srv/claw/x", HALF_AN_HOUR);
    card_says(scene, ana, "touch /srv/claw/x").await;
}

async fn decided(gateway: &Gateway) -> String {
    gateway.until("it is decided there", |memory| memory.approvals["q1"]["status"] != "pending").await;
    gateway.look(|memory| memory.approvals["q1"]["status"].as_str().unwrap().to_owned())
}

async fn a_tap_decides_there(db: Database) {
    let (scene, gateway) = start(db, "").await;
    let ana = scene.visitor("ana").await;
    asked(&scene, &gateway, &ana).await;
    let card = ana.card(&scene, "approval").await;
    let text = card.text();
    assert!(text.contains("/srv/claw") && text.contains("main") && text.contains("(in 25"), "ours is earlier: {text}");
    assert!(!card.labels().iter().any(|label| label.contains("Always")), "it was not offered: {:?}", card.labels());
    let (status, said) = ana.taps(&scene, &card.yes()).await;
    assert_eq!(status, 200, "{said}");
    assert_eq!(decided(&gateway).await, "allowed");
    let why = card_says(&scene, &ana, "Approved by ana").await;
    assert!(!why.contains("⚠️"), "{why}");
    assert_eq!(gateway.calls("approval.resolve"), [json!({ "id": "q1", "kind": "exec", "decision": "allow-once" })]);
    scene.finish(&[]).await;
}

async fn a_no_is_told_there(db: Database) {
    let (scene, gateway) = start(db, "").await;
    let ana = scene.visitor("ana").await;
    asked(&scene, &gateway, &ana).await;
    let no = ana.card(&scene, "approval").await.no();
    assert_eq!(ana.taps(&scene, &no).await.0, 200);
    assert_eq!(decided(&gateway).await, "denied");
    card_says(&scene, &ana, "Rejected by ana").await;
    scene.finish(&[]).await;
}

async fn somebody_there_is_first_and_the_card_says_who(db: Database) {
    let (scene, gateway) = start(db, "").await;
    let ana = scene.visitor("ana").await;
    asked(&scene, &gateway, &ana).await;
    let yes = ana.card(&scene, "approval").await.yes();
    gateway.decides("q1", "allow-once", "laptop <b>of</b> eve");
    let text = card_says(&scene, &ana, "Approved · claw").await;
    assert!(text.contains("laptop <b>of</b> eve"), "{text}");
    let (status, said) = ana.taps(&scene, &yes).await;
    assert_eq!(status, 409, "{said}");
    assert!(gateway.calls("approval.resolve").is_empty());
    scene.finish(&[]).await;
}

async fn two_decide_at_once_and_the_gateways_word_counts(db: Database) {
    let (scene, gateway) = start(db, "").await;
    let ana = scene.visitor("ana").await;
    asked(&scene, &gateway, &ana).await;
    let yes = ana.card(&scene, "approval").await.yes();
    // Nobody hears that it was decided there before ana taps.
    gateway.change(|memory| {
        let asked = memory.approvals.get_mut("q1").unwrap();
        asked["status"] = json!("denied");
        asked["resolver"] = json!({ "kind": "runtime", "id": "control-ui" });
    });
    ana.taps(&scene, &yes).await;
    let text = card_says(&scene, &ana, "⚠️").await;
    assert!(text.contains("it was denied there first by control-ui"), "{text}");
    // The event comes after all: what stands there is what the card says.
    gateway.emit(
        "exec.approval.resolved",
        json!({ "id": "q1", "decision": "deny", "resolvedBy": "control-ui", "request": {} }),
    );
    card_says(&scene, &ana, "Rejected · claw").await;
    shows(&scene, &ana, "/agents", "🟢 main").await;
    scene.finish(&[]).await;
}

async fn silence_here_is_a_no_there(db: Database) {
    let (scene, gateway) = start(db, "[approvals]\ntimeout = \"10m\"\n").await;
    let ana = scene.visitor("ana").await;
    asked(&scene, &gateway, &ana).await;
    scene.advance(Span::mins(11)).await;
    assert_eq!(decided(&gateway).await, "denied");
    card_says(&scene, &ana, "Expired").await;
    scene.finish(&[]).await;
}

async fn what_expires_there_has_expired_here(db: Database) {
    let (scene, gateway) = start(db, "").await;
    let ana = scene.visitor("ana").await;
    asked(&scene, &gateway, &ana).await;
    gateway.expires("q1");
    card_says(&scene, &ana, "Expired").await;
    assert!(gateway.calls("approval.resolve").is_empty());
    scene.finish(&[]).await;
}

async fn a_run_that_is_aborted_takes_its_question_back(db: Database) {
    let (scene, gateway) = start(db, "").await;
    let ana = scene.visitor("ana").await;
    asked(&scene, &gateway, &ana).await;
    gateway.aborts(KEY);
    card_says(&scene, &ana, "🚫").await;
    shows(&scene, &ana, "/agents", "⏹ main").await;
    shows(&scene, &ana, "/approvals", "Nothing waits").await;
    assert!(gateway.calls("approval.resolve").is_empty());
    scene.finish(&[]).await;
}

async fn a_decision_without_a_connection_is_told_later(db: Database) {
    let (scene, gateway) = start(db, "").await;
    let ana = scene.visitor("ana").await;
    asked(&scene, &gateway, &ana).await;
    let no = ana.card(&scene, "approval").await.no();
    gateway.drops();
    cut(&scene).await;
    assert_eq!(ana.taps(&scene, &no).await.0, 200);
    assert_eq!(gateway.look(|memory| memory.approvals["q1"]["status"].clone()), "pending");
    again(&scene, &gateway).await;
    scene.advance(Span::mins(1)).await;
    assert_eq!(decided(&gateway).await, "denied");
    let text = card_says(&scene, &ana, "Rejected by ana").await;
    assert!(!text.contains("⚠️"), "{text}");
    scene.finish(&["broke"]).await;
}

async fn what_was_decided_while_the_connection_was_lost_is_asked_for(db: Database) {
    let (scene, gateway) = start(db, "").await;
    let ana = scene.visitor("ana").await;
    asked(&scene, &gateway, &ana).await;
    gateway.drops();
    cut(&scene).await;
    gateway.decides("q1", "deny", "laptop");
    again(&scene, &gateway).await;
    card_says(&scene, &ana, "Rejected · claw").await;
    assert_eq!(gateway.calls("approval.get"), [json!({ "id": "q1" })]);
    scene.finish(&["broke"]).await;
}

async fn an_answer_that_was_lost_is_asked_for_and_not_guessed(db: Database) {
    let (scene, gateway) = start(db, "").await;
    let ana = scene.visitor("ana").await;
    asked(&scene, &gateway, &ana).await;
    let yes = ana.card(&scene, "approval").await.yes();
    gateway.change(|memory| memory.lost = Some("approval.resolve".into()));
    ana.taps(&scene, &yes).await;
    again(&scene, &gateway).await;
    eventually("it is asked for again", async || {
        scene.advance(Span::secs(5)).await;
        gateway.calls("approval.resolve").len() > 1
    })
    .await;
    let text = card_says(&scene, &ana, "Approved by ana").await;
    assert!(!text.contains("⚠️"), "{text}");
    assert_eq!(decided(&gateway).await, "allowed");
    scene.finish(&["broke"]).await;
}
