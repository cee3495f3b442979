//! An agent asks, people answer, and exactly one answer counts.

use serde_json::json;
use sereno::core::time::Span;

use crate::database::{Database, on_both};
use crate::scene::Scene;

on_both![
    one_tap_decides_and_every_copy_says_who,
    two_people_tap_at_once_and_one_wins,
    silence_is_a_no_of_its_own,
    a_question_survives_a_restart,
    a_viewer_may_not_decide,
    a_button_of_somebody_else_is_refused,
    a_withdrawn_question_cannot_be_approved,
];

async fn one_tap_decides_and_every_copy_says_who(db: Database) {
    let scene = Scene::start(db, "").await;
    let (ana, victor) = (scene.visitor("ana").await, scene.visitor("victor").await);
    scene.asks("q1", "pytest tests/").await;
    let (hers, his) = (ana.card(&scene, "approval").await, victor.card(&scene, "approval").await);
    assert!(hers.text().contains("pytest tests/"), "{}", hers.text());
    let (status, said) = ana.taps(&scene, &hers.yes()).await;
    assert_eq!(status, 200, "{said}");
    assert_eq!(scene.fleet.heard(), ["control.decide approved"]);
    for visitor in [&ana, &victor] {
        let card = visitor.card(&scene, "approval").await;
        assert!(card.labels().is_empty(), "{:?}", card.labels());
        assert!(card.text().contains("ana"), "{}", card.text());
    }
    let (status, said) = victor.taps(&scene, &his.yes()).await;
    assert_eq!(status, 409);
    assert!(said.contains("ana"), "{said}");
    assert_eq!(scene.fleet.heard().len(), 1);
    scene.finish(&[]).await;
}

async fn two_people_tap_at_once_and_one_wins(db: Database) {
    let scene = Scene::start(db, "").await;
    let (ana, victor) = (scene.visitor("ana").await, scene.visitor("victor").await);
    scene.asks("q1", "rm -r build").await;
    let yes = ana.card(&scene, "approval").await.yes();
    let no = victor.card(&scene, "approval").await.no();
    let (hers, his) = tokio::join!(ana.taps(&scene, &yes), victor.taps(&scene, &no));
    let mut statuses = [hers.0, his.0];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409], "{hers:?} {his:?}");
    let outcome = if hers.0 == 200 { "approved" } else { "denied" };
    assert_eq!(scene.fleet.heard(), [format!("control.decide {outcome}")]);
    scene.finish(&[]).await;
}

async fn silence_is_a_no_of_its_own(db: Database) {
    let scene = Scene::start(db, "[approvals]\ntimeout = \"10m\"\n").await;
    let ana = scene.visitor("ana").await;
    scene.asks("q1", "make deploy").await;
    let yes = ana.card(&scene, "approval").await.yes();
    scene.advance(Span::mins(9)).await;
    assert!(scene.fleet.calls().is_empty());
    scene.advance(Span::mins(2)).await;
    assert_eq!(scene.fleet.heard(), ["control.decide expired"]);
    let (status, said) = ana.taps(&scene, &yes).await;
    assert_eq!(status, 409);
    assert!(said.to_lowercase().contains("expired"), "{said}");
    assert_eq!(scene.fleet.heard().len(), 1);
    scene.finish(&[]).await;
}

async fn a_question_survives_a_restart(db: Database) {
    let scene = Scene::start(db, "").await;
    let ana = scene.visitor("ana").await;
    scene.asks("q1", "pytest tests/").await;
    let before = ana.card(&scene, "approval").await;
    let scene = scene.restart().await;
    let after = ana.card(&scene, "approval").await;
    assert_eq!(before.text(), after.text());
    // The session on the page and the buttons of old cards live on, too.
    let (status, said) = ana.taps(&scene, &before.yes()).await;
    assert_eq!(status, 200, "{said}");
    assert_eq!(scene.fleet.heard(), ["control.decide approved"]);
    let scene = scene.restart().await;
    let (status, _) = ana.taps(&scene, &before.no()).await;
    assert_eq!(status, 409);
    assert_eq!(scene.fleet.heard().len(), 1);
    scene.finish(&[]).await;
}

async fn a_viewer_may_not_decide(db: Database) {
    let scene = Scene::start(db, "").await;
    let (ana, guest) = (scene.visitor("ana").await, scene.visitor("guest").await);
    scene.asks("q1", "pytest tests/").await;
    let code = ana.card(&scene, "approval").await.text();
    let code = code.split_whitespace().find(|word| is_code(word)).expect("the card shows its code").to_owned();
    let (status, said) = guest.says(&scene, &format!("/approve {code}")).await;
    assert_eq!(status, 409, "{said}");
    assert!(scene.fleet.calls().is_empty());
    let (status, said) = ana.says(&scene, &format!("ok {}", code.to_lowercase())).await;
    assert_eq!(status, 200, "{said}");
    assert_eq!(scene.fleet.heard(), ["control.decide approved"]);
    scene.finish(&[]).await;
}

/// Four characters without vowels and look-alikes, such as `7K3F`.
fn is_code(word: &str) -> bool {
    word.len() == 4 && word.chars().all(|c| c.is_ascii_digit() || c.is_ascii_uppercase())
}

async fn a_button_of_somebody_else_is_refused(db: Database) {
    let scene = Scene::start(db, "").await;
    let (ana, guest) = (scene.visitor("ana").await, scene.visitor("guest").await);
    scene.asks("q1", "pytest tests/").await;
    let hers = ana.card(&scene, "approval").await.yes();
    let mut forged = hers.clone().into_bytes();
    forged[10] = if forged[10] == b'A' { b'B' } else { b'A' };
    for token in [hers.clone(), String::from_utf8(forged).unwrap(), String::new(), "x".repeat(100)] {
        let (status, said) = guest.taps(&scene, &token).await;
        assert_eq!(status, 403, "{said}");
    }
    assert!(scene.fleet.calls().is_empty());
    assert_eq!(ana.taps(&scene, &hers).await.0, 200);
    scene.finish(&[]).await;
}

async fn a_withdrawn_question_cannot_be_approved(db: Database) {
    let scene = Scene::start(db, "").await;
    let ana = scene.visitor("ana").await;
    scene.asks("q1", "pytest tests/").await;
    let yes = ana.card(&scene, "approval").await.yes();
    scene.event(json!({ "type": "approval.cancelled", "approval": { "id": "q1" } })).await;
    scene.settle().await;
    let (status, _) = ana.taps(&scene, &yes).await;
    assert_eq!(status, 409);
    assert!(scene.fleet.calls().is_empty());
    assert!(ana.card(&scene, "approval").await.labels().is_empty());
    scene.finish(&[]).await;
}
