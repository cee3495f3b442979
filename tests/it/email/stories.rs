//! Whole stories by mail: what is told, what is told again in the same thread, and what is not worth a mail.

use serde_json::json;
use sereno::core::time::Span;

use super::links::post_to;
use super::post::Mail;
use super::{ANA, config, plain_post};
use crate::database::{Database, on_both};
use crate::scene::Scene;

on_both![
    a_question_goes_out_by_mail_and_is_decided_by_a_link,
    whoever_was_mailed_that_it_fires_is_mailed_that_it_is_over,
    a_task_is_told_when_it_begins_and_when_it_ends,
    an_uncertain_mail_is_sent_again_under_its_name,
    an_address_that_is_not_there_is_given_up_and_told_elsewhere,
];

const VICTOR: &str = "victor@example.org";

fn subjects(mails: &[Mail]) -> Vec<&str> {
    mails.iter().map(Mail::subject).collect()
}

async fn a_question_goes_out_by_mail_and_is_decided_by_a_link(db: Database) {
    let post = plain_post();
    let scene = Scene::start(db, &config(&post)).await;
    let victor = scene.visitor("victor").await;
    scene.asks("q1", "pytest tests/").await;
    let asked = post.to(ANA).pop().unwrap();
    assert_eq!(asked.subject(), "⏳ build-1 wants to run: pytest tests/");
    assert!(asked.text().contains("Code: ") && !asked.text().contains("reply"), "{}", asked.text());
    let his = victor.card(&scene, "approval").await;
    let (status, _) = post_to(&scene, "/m/act", json!({ "token": asked.token("✅") })).await;
    assert_eq!(status, 200);
    assert_eq!(scene.fleet.heard(), ["control.decide approved"]);
    for (to, wanted) in [(ANA, "✅ Approved by ana · e-mail · 09:00"), (VICTOR, "✅ Aprobado por ana · correo · 09:00")]
    {
        let mails = post.to(to);
        assert_eq!(mails.len(), 2, "{:?}", subjects(&mails));
        assert_eq!(mails[1].subject(), wanted);
        assert_eq!(mails[1].header("In-Reply-To"), mails[0].header("Message-ID"));
        assert!(mails[1].links().is_empty());
    }
    // On the page the copy has changed in its place, and whoever comes late is told.
    assert!(victor.card(&scene, "approval").await.text().starts_with("✅ Aprobado por ana · correo"));
    let (status, said) = victor.taps(&scene, &his.no()).await;
    assert_eq!((status, said.as_str()), (409, "Ya está: aprobado por ana a las 09:00."));
    let late = post.to(VICTOR)[0].token("❌");
    let (status, said) = post_to(&scene, "/m/act", json!({ "token": late })).await;
    assert_eq!((status, &said["text"]), (410, &json!("Ya está: aprobado por ana a las 09:00.")));
    // What came of the action changes cards, and is no mail.
    scene
        .event(json!({
            "type": "tool.ended", "agent": { "id": "build-1" }, "session": { "id": "s-1" }, "duration_ms": 12_000,
            "tool": { "name": "Bash", "input": { "command": "pytest tests/" }, "ok": true }, "message": "47 passed",
        }))
        .await;
    scene.settle().await;
    assert!(victor.card(&scene, "approval").await.text().contains("47 passed"));
    assert_eq!((post.to(ANA).len(), post.to(VICTOR).len()), (2, 2));
    scene.finish(&[]).await;
}

async fn whoever_was_mailed_that_it_fires_is_mailed_that_it_is_over(db: Database) {
    let post = plain_post();
    let scene = Scene::start(db, &config(&post)).await;
    scene.overspends().await;
    let fired = post.to(ANA).pop().unwrap();
    assert!(fired.subject().starts_with("🔴 Critical · build-1"), "{}", fired.subject());
    // That somebody has seen it is no mail; the card on the page says so.
    let (status, _) = post_to(&scene, "/m/act", json!({ "token": fired.token("✅") })).await;
    assert_eq!(status, 200);
    assert_eq!(post.to(ANA).len(), 1);
    scene.advance(Span::mins(12)).await;
    for to in [ANA, VICTOR] {
        let mails = post.to(to);
        assert_eq!(mails.len(), 2, "{:?}", subjects(&mails));
        assert!(mails[1].subject().starts_with("🟢"), "{}", mails[1].subject());
        assert_eq!(mails[1].header("References"), mails[0].header("Message-ID"));
    }
    scene.finish(&[]).await;
}

async fn a_task_is_told_when_it_begins_and_when_it_ends(db: Database) {
    let post = plain_post();
    let scene = Scene::start(db, &config(&post)).await;
    let report = async |kind: &str, more: serde_json::Value| {
        let mut event =
            json!({ "type": kind, "agent": { "id": "build-1" }, "task": { "id": "T-7", "title": "Nightly" } });
        event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        scene.event(event).await;
        scene.settle().await;
    };
    report("task.created", json!({})).await;
    report("task.started", json!({})).await;
    report("step.started", json!({ "step": { "name": "Review", "index": 1, "of": 2 } })).await;
    let fails =
        json!({ "step": { "name": "Review", "index": 1, "of": 2 }, "error": { "type": "crash", "message": "no" } });
    report("step.ended", fails).await;
    assert_eq!(post.to(ANA).len(), 1, "{:?}", subjects(&post.to(ANA)));
    report("task.completed", json!({ "message": "all done" })).await;
    for (to, done, steps) in [(ANA, "✅ Task done.", "Steps"), (VICTOR, "✅ Tarea lista.", "Pasos")] {
        let mails = post.to(to);
        let told = subjects(&mails);
        assert_eq!(told.len(), 2, "one end is one mail: {told:?}");
        assert!(told[1].starts_with(done), "{told:?}");
        let text = mails[1].text();
        assert!(["T-7 Nightly", steps, "❌ Review", "all done"].iter().all(|wanted| text.contains(wanted)), "{text}");
        for header in ["References", "In-Reply-To"] {
            assert_eq!(mails[1].header(header), mails[0].header("Message-ID"), "{header}");
        }
    }
    // Where a card can be changed it is, beside the notice.
    let ana = scene.visitor("ana").await;
    assert!(ana.card(&scene, "task_card").await.text().starts_with("✅ T-7 Nightly · completed"));
    // It is opened again, and fails: two more mails, in the same thread.
    report("task.started", json!({ "message": "once more" })).await;
    report("task.failed", json!({})).await;
    let mails = post.to(ANA);
    let told = subjects(&mails);
    assert_eq!(told.len(), 4, "{told:?}");
    assert!(told[2].contains("T-7 Nightly · running") && told[3].starts_with("❌ Task failed."), "{told:?}");
    assert!(mails[1..].iter().all(|mail| mail.header("References") == mails[0].header("Message-ID")), "{told:?}");
    scene.finish(&[]).await;
}

async fn an_uncertain_mail_is_sent_again_under_its_name(db: Database) {
    let post = plain_post();
    let scene = Scene::start(db, &format!("{}[[routes]]\nmatch = \"\"\nto = [\"mail:{ANA}\"]\n", config(&post))).await;
    post.fails("lost", "", 1);
    scene.asks("q1", "pytest tests/").await;
    scene.advance(Span::mins(1)).await;
    let mails = post.to(ANA);
    assert_eq!(mails.len(), 2, "{:?}", subjects(&mails));
    assert_eq!(mails[0].raw, mails[1].raw);
    let (status, _) = post_to(&scene, "/m/act", json!({ "token": mails[1].token("❌") })).await;
    assert_eq!(status, 200);
    assert_eq!(post.to(ANA)[2].header("In-Reply-To"), mails[0].header("Message-ID"));
    scene.finish(&["broke before it said whether it took the mail"]).await;
}

async fn an_address_that_is_not_there_is_given_up_and_told_elsewhere(db: Database) {
    let post = plain_post();
    let scene = Scene::start(db, &format!("{}[[routes]]\nmatch = \"\"\nto = [\"mail:{ANA}\"]\n", config(&post))).await;
    let ana = scene.visitor("ana").await;
    post.fails("rcpt", "550 5.1.1 nobody here", 1);
    scene.asks("q1", "pytest tests/").await;
    assert!(post.mails().is_empty());
    let card = ana.card(&scene, "approval").await;
    assert!(card.text().contains("e-mail did not take this"), "{}", card.text());
    assert_eq!(ana.taps(&scene, &card.yes()).await.0, 200);
    for row in scene.outbox().await {
        assert!(row.error.as_deref().unwrap_or_default().contains("550 5.1.1 nobody here"), "{row:?}");
        let victor = scene.visitor("victor").await;
        assert_eq!(victor.says(&scene, &format!("/outbox drop {} why: read", row.id)).await.0, 200);
    }
    scene.finish(&[]).await;
}
