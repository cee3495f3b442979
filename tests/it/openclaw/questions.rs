//! Questions that words answer: on a card while they wait, answered once, here or there.

use serde_json::{Value, json};
use sereno::core::time::Span;

use super::fake::Gateway;
use super::scene::{KEY, again, card_says, cut, eventually, shows, start};
use crate::database::{Database, on_both};
use crate::scene::{Scene, Visitor};

on_both![
    words_answer_a_question_once_also_when_the_answer_is_lost,
    a_number_or_a_tap_picks_what_was_offered,
    questions_that_are_asked_together_are_answered_together,
    words_answer_the_question_that_they_are_meant_for,
    whoever_declines_lets_it_go_on,
    what_is_answered_there_is_over_here,
    what_asks_for_a_secret_is_not_for_a_chat,
];

fn colour() -> Value {
    let options = json!([{ "label": "Red", "description": "warm" }, { "label": "*Blue* <b>" }]);
    json!([{ "questionId": "colour", "header": "Colour", "question": "Which colour?", "options": options, "isOther": true }])
}

async fn wonders(scene: &Scene, gateway: &Gateway) -> Visitor {
    let victor = scene.visitor("victor").await;
    gateway.runs(KEY, "run-1");
    gateway.wonders(KEY, "ask_1", colour());
    card_says(scene, &victor, "Which colour?").await;
    victor
}

fn answer(gateway: &Gateway, id: &str) -> Value {
    gateway.look(|memory| memory.questions[id]["answers"]["answers"].clone())
}

async fn words_answer_a_question_once_also_when_the_answer_is_lost(db: Database) {
    let (scene, gateway) = start(db, "").await;
    let victor = wonders(&scene, &gateway).await;
    let card = victor.card(&scene, "approval").await;
    let text = card.text();
    assert!(text.starts_with("⏳ main pregunta: Which colour? 1. Red (warm) 2."), "{text}");
    assert!(text.contains("contesta: /tell ") && text.contains("seguirá sin respuesta"), "{text}");
    assert_eq!(card.labels(), ["💬 Contestar", "❌ Sin respuesta"]);
    shows(&scene, &victor, "/agents", "⏳ main").await;
    gateway.change(|memory| memory.lost = Some("question.resolve".into()));
    assert_eq!(victor.says(&scene, "/tell main green, like grass").await.0, 200);
    again(&scene, &gateway).await;
    eventually("it was asked for", async || {
        scene.advance(Span::secs(5)).await;
        scene.outbox().await.is_empty()
    })
    .await;
    assert_eq!(answer(&gateway, "ask_1"), json!({ "colour": ["green, like grass"] }));
    assert_eq!(gateway.calls("question.resolve").len(), 1, "it was found, and not said again");
    assert!(gateway.calls("chat.send").is_empty());
    let text = card_says(&scene, &victor, "Contestado · claw").await;
    assert!(text.contains("\"green, like grass\""), "{text}");
    shows(&scene, &victor, "/agents", "🟢 main").await;
    // Nothing waits for words any more: these are for whatever runs.
    assert_eq!(victor.says(&scene, "/tell main and hurry").await.0, 200);
    gateway.until("it is said", |memory| memory.calls.iter().any(|(method, _)| method == "chat.send")).await;
    scene.settle().await;
    scene.finish(&["broke"]).await;
}

async fn a_number_or_a_tap_picks_what_was_offered(db: Database) {
    let (scene, gateway) = start(db, "").await;
    let victor = wonders(&scene, &gateway).await;
    assert_eq!(victor.says(&scene, "/tell main 2").await.0, 200);
    gateway.until("it is answered", |memory| memory.questions["ask_1"]["status"] == "answered").await;
    assert_eq!(answer(&gateway, "ask_1"), json!({ "colour": ["*Blue* <b>"] }));
    card_says(&scene, &victor, "*Blue* <b>").await;
    scene.finish(&[]).await;
}

async fn questions_that_are_asked_together_are_answered_together(db: Database) {
    let (scene, gateway) = start(db, "").await;
    let victor = scene.visitor("victor").await;
    gateway.runs(KEY, "run-1");
    let sizes = json!([{ "label": "S" }, { "label": "M" }, { "label": "L" }]);
    let mut both = colour();
    both.as_array_mut().unwrap().push(json!({
        "questionId": "size", "header": "Size", "question": "Which sizes?", "options": sizes, "multiSelect": true,
    }));
    gateway.wonders(KEY, "ask_2", both);
    card_says(&scene, &victor, "Which sizes?").await;
    victor.says(&scene, "/tell main red").await;
    shows(&scene, &victor, "/why main", "").await;
    assert!(gateway.calls("question.resolve").is_empty(), "half an answer is none");
    victor.says(&scene, "/tell main 1; 1, 3").await;
    gateway.until("it is answered", |memory| memory.questions["ask_2"]["status"] == "answered").await;
    assert_eq!(answer(&gateway, "ask_2"), json!({ "colour": ["Red"], "size": ["S", "L"] }));
    card_says(&scene, &victor, "Red; S, L").await;
    scene.finish(&[]).await;
}

async fn words_answer_the_question_that_they_are_meant_for(db: Database) {
    let (scene, gateway) = start(db, "").await;
    let victor = wonders(&scene, &gateway).await;
    let first = victor.card(&scene, "approval").await.token("💬");
    let sizes = json!([{ "questionId": "size", "header": "Size", "question": "Which size?", "options": [] }]);
    gateway.runs("agent:main:other", "run-2");
    gateway.wonders("agent:main:other", "ask_2", sizes);
    let text = card_says(&scene, &victor, "Which size?").await;
    let (_, code) = text.split_once("/tell ").expect("it says how to answer it");
    let code = code.split(' ').next().unwrap().to_owned();
    // Of two that are open, words for the agent answer neither.
    let (_, said) = victor.says(&scene, "/tell main red").await;
    assert!(said.contains(&code), "{said}");
    victor.posts(&scene, "/act", json!({ "token": first, "why": "1" })).await;
    gateway.until("it is answered", |memory| memory.questions["ask_1"]["status"] == "answered").await;
    assert_eq!(answer(&gateway, "ask_1"), json!({ "colour": ["Red"] }));
    eventually("its card says so", async || {
        scene.settle().await;
        victor.cards(&scene).await.iter().any(|card| card.text().starts_with("✅ Contestado · claw"))
    })
    .await;
    // An old tap is for what it showed, and never for what is asked now.
    let (_, said) = victor.posts(&scene, "/act", json!({ "token": first, "why": "small" })).await;
    assert!(said.starts_with("Ya "), "{said}");
    assert_eq!(gateway.look(|memory| memory.questions["ask_2"]["status"].clone()), "pending");
    victor.says(&scene, &format!("/tell {code} large")).await;
    gateway.until("it is answered", |memory| memory.questions["ask_2"]["status"] == "answered").await;
    assert_eq!(answer(&gateway, "ask_2"), json!({ "size": ["large"] }));
    assert_eq!(gateway.calls("question.resolve").len(), 2);
    scene.settle().await;
    scene.finish(&[]).await;
}

async fn whoever_declines_lets_it_go_on(db: Database) {
    let (scene, gateway) = start(db, "").await;
    let victor = wonders(&scene, &gateway).await;
    let code = shows(&scene, &victor, "/approvals", "Which colour?").await;
    assert!(code.contains('1'), "{code}");
    let decline = victor.card(&scene, "approval").await.token("❌");
    assert_eq!(victor.taps(&scene, &decline).await.0, 200);
    gateway.until("it is told", |memory| memory.questions["ask_1"]["status"] == "cancelled").await;
    card_says(&scene, &victor, "Rechazado por victor").await;
    shows(&scene, &victor, "/agents", "🟢 main").await;
    scene.finish(&[]).await;
}

async fn what_is_answered_there_is_over_here(db: Database) {
    let (scene, gateway) = start(db, "").await;
    let victor = wonders(&scene, &gateway).await;
    gateway.drops();
    cut(&scene).await;
    let there = json!({ "id": "ask_1", "answers": { "answers": { "colour": ["Red"] } }, "resolvedBy": "laptop" });
    gateway.answered_by(&there).unwrap();
    gateway.wonders(KEY, "ask_2", colour());
    again(&scene, &gateway).await;
    shows(&scene, &victor, "/approvals", "Which colour?").await;
    assert_eq!(gateway.calls("question.get"), [json!({ "id": "ask_1" })]);
    // It forgets what it asked when it is started anew.
    gateway.change(|memory| memory.questions.clear());
    gateway.restarts();
    again(&scene, &gateway).await;
    card_says(&scene, &victor, "🚫").await;
    shows(&scene, &victor, "/approvals", "Nada espera").await;
    assert!(gateway.calls("question.resolve").is_empty());
    scene.finish(&["broke", "started anew"]).await;
}

async fn what_asks_for_a_secret_is_not_for_a_chat(db: Database) {
    let (scene, gateway) = start(db, "").await;
    let victor = scene.visitor("victor").await;
    gateway.runs(KEY, "run-1");
    let secret =
        json!([{ "questionId": "key", "header": "Key", "question": "Your API key?", "options": [], "isSecret": true }]);
    gateway.wonders(KEY, "ask_1", secret);
    gateway.answers(KEY, "something that comes after it", 0.25);
    shows(&scene, &victor, "/cost", "$0.25").await;
    let approvals = shows(&scene, &victor, "/approvals", "").await;
    assert!(!approvals.contains("API key"), "{approvals}");
    scene.finish(&[]).await;
}
