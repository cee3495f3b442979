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
    what_two_decided_while_the_connection_was_lost_is_the_gateways_word,
    a_rule_for_good_is_made_where_it_was_offered,
    a_plugin_asks_and_is_decided,
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
    let text = card_says(&scene, &ana, "Rejected · claw").await;
    assert!(text.contains("control-ui") && !text.contains("⚠️"), "{text}");
    // The event comes after all, and says no more than that.
    gateway.emit(
        "exec.approval.resolved",
        json!({ "id": "q1", "decision": "deny", "resolvedBy": "control-ui", "request": {} }),
    );
    scene.settle().await;
    assert_eq!(card_says(&scene, &ana, "Rejected · claw").await, text);
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

async fn what_two_decided_while_the_connection_was_lost_is_the_gateways_word(db: Database) {
    let (scene, gateway) = start(db, "").await;
    let ana = scene.visitor("ana").await;
    asked(&scene, &gateway, &ana).await;
    let yes = ana.card(&scene, "approval").await.yes();
    gateway.drops();
    cut(&scene).await;
    assert_eq!(ana.taps(&scene, &yes).await.0, 200);
    card_says(&scene, &ana, "Approved by ana").await;
    gateway.decides("q1", "deny", "laptop");
    again(&scene, &gateway).await;
    scene.advance(Span::mins(1)).await;
    let text = card_says(&scene, &ana, "Rejected · claw").await;
    assert!(!text.contains("⚠️") && !text.contains("ana"), "what holds is what it says, and whose word it is: {text}");
    assert_eq!(decided(&gateway).await, "denied");
    let decided = scene.audit("approval.denied").await;
    assert_eq!((decided.len(), scene.audit("approval.approved").await.len()), (1, 1), "both are proved: {decided:?}");
    shows(&scene, &ana, "/approvals", "Nothing waits").await;
    scene.finish(&["broke"]).await;
}

async fn a_rule_for_good_is_made_where_it_was_offered(db: Database) {
    let (scene, gateway) = start(db, "").await;
    let ana = scene.visitor("ana").await;
    gateway.runs(KEY, "run-1");
    gateway.asks_for(KEY, "run-1", "q1", "git status", HALF_AN_HOUR, &["allow-once", "allow-always", "deny"]);
    card_says(&scene, &ana, "git status").await;
    let always = ana.card(&scene, "approval").await.token("✅ Always");
    assert_eq!(ana.taps(&scene, &always).await.0, 200);
    assert_eq!(decided(&gateway).await, "allowed");
    card_says(&scene, &ana, "Approved by ana").await;
    assert_eq!(gateway.calls("approval.resolve")[0]["decision"], "allow-always");
    scene.finish(&[]).await;
}

async fn a_plugin_asks_and_is_decided(db: Database) {
    let (scene, gateway) = start(db, "").await;
    let ana = scene.visitor("ana").await;
    gateway.runs(KEY, "run-1");
    gateway.plugin_asks("plugin:1", "Send 40 mails <script>");
    let text = card_says(&scene, &ana, "Send 40 mails").await;
    assert!(text.contains("It cannot be undone.") && text.contains("send_mail"), "{text}");
    let no = ana.card(&scene, "approval").await.no();
    assert_eq!(ana.taps(&scene, &no).await.0, 200);
    gateway.until("it is decided there", |memory| memory.approvals["plugin:1"]["status"] == "denied").await;
    card_says(&scene, &ana, "Rejected by ana").await;
    assert_eq!(gateway.calls("approval.resolve")[0]["kind"], "plugin");

    gateway.plugin_asks("plugin:2", "Send one mail");
    card_says(&scene, &ana, "Send one mail").await;
    gateway.drops();
    cut(&scene).await;
    gateway.decides("plugin:2", "allow-once", "laptop");
    again(&scene, &gateway).await;
    card_says(&scene, &ana, "Approved · claw").await;
    scene.finish(&["broke"]).await;
}
