//! Everything that can go wrong between us and Slack, through the whole application: nothing is lost, and nothing comes
//! twice where we may look.

use sereno::core::time::Span;

use super::fake::Fake;
use super::faults::Fault;
use super::{MINUTE, scene, taken};
use crate::database::{Database, on_both};

on_both![
    no_fault_loses_or_doubles_a_question,
    no_fault_loses_an_edit,
    without_leave_to_look_it_may_show_twice_and_no_more,
    a_revoked_token_holds_everything_until_there_is_another,
];

fn faults() -> [Fault; 8] {
    [
        Fault::Wait("7"),
        Fault::Code("ratelimited"),
        Fault::Raw(200, "{\"ok\":tru"),
        Fault::Raw(502, "<html>Bad Gateway</html>"),
        Fault::Code("internal_error"),
        Fault::ResetBefore,
        Fault::ResetAfter,
        Fault::Code("invalid_blocks"),
    ]
}

async fn no_fault_loses_or_doubles_a_question(db: Database) {
    let fake = Fake::start().await;
    let scene = scene(db, &fake, "[[routes]]\nmatch = \"\"\nto = [\"person:ana\"]\n").await;
    for (n, fault) in faults().into_iter().enumerate() {
        fake.fails("chat.postMessage", fault.clone());
        scene.asks(&format!("q{n}"), &format!("make target-{n}")).await;
        scene.advance(MINUTE).await;
        let sent = fake.channel("D77");
        assert_eq!(sent.len(), n + 1, "{fault:?}");
        let card = &sent[n];
        if fault_is_about_blocks(&fault) {
            assert!(card.fallback.contains(&format!("make target-{n}")), "{fault:?}: {}", card.fallback);
            continue;
        }
        assert!(card.text().contains(&format!("make target-{n}")), "{fault:?}: {}", card.text());
        taken(&scene, &fake, &fake.tap("D77", "U77", card, "✅")).await;
        assert_eq!(scene.fleet.calls().len(), n + 1, "{fault:?}: {:#?}", fake.memory().answers);
    }
    scene.finish(&["trouble"]).await;
}

fn fault_is_about_blocks(fault: &Fault) -> bool {
    matches!(fault, Fault::Code("invalid_blocks"))
}

async fn no_fault_loses_an_edit(db: Database) {
    let fake = Fake::start().await;
    let scene = scene(db, &fake, "[[routes]]\nmatch = \"\"\nto = [\"person:ana\"]\n").await;
    for (n, fault) in faults().into_iter().enumerate() {
        scene.asks(&format!("q{n}"), &format!("make target-{n}")).await;
        let card = fake.newest("D77");
        fake.fails("chat.update", fault.clone());
        taken(&scene, &fake, &fake.tap("D77", "U77", &card, "❌")).await;
        scene.advance(MINUTE).await;
        let after = fake.newest("D77");
        assert_eq!((fake.channel("D77").len(), &after.ts), (n + 1, &card.ts), "{fault:?}");
        assert!(after.fallback.starts_with("❌ Rejected by ana"), "{fault:?}: {}", after.fallback);
        assert!(!after.has_buttons());
    }
    scene.finish(&["trouble"]).await;
}

async fn without_leave_to_look_it_may_show_twice_and_no_more(db: Database) {
    let fake = Fake::start().await;
    let scene = scene(db, &fake, "[[routes]]\nmatch = \"\"\nto = [\"team:C100\"]\n").await;
    fake.fails("chat.postMessage", Fault::ResetAfter);
    scene.asks("q1", "pytest tests/").await;
    scene.advance(MINUTE).await;
    assert_eq!(fake.channel("C100").len(), 2);
    fake.change(|memory| memory.may_look = true);
    fake.fails("chat.postMessage", Fault::ResetAfter);
    scene.asks("q2", "make deploy").await;
    scene.advance(MINUTE).await;
    assert_eq!(fake.channel("C100").len(), 3);
    let card = fake.newest("C100");
    taken(&scene, &fake, &fake.tap("C100", "U77", &card, "✅")).await;
    assert_eq!(scene.fleet.heard(), ["control.decide approved"]);
    scene.finish(&["trouble"]).await;
}

async fn a_revoked_token_holds_everything_until_there_is_another(db: Database) {
    let fake = Fake::start().await;
    let scene = scene(db, &fake, "").await;
    fake.revokes(true);
    scene.asks("q1", "pytest tests/").await;
    scene.advance(Span::mins(5)).await;
    let open = scene.outbox().await;
    assert!(open.len() == 2 && open.iter().all(|row| row.state == "ready"), "{open:#?}");
    let trouble = scene.app.door.health.channels()["team"].trouble.clone().unwrap();
    assert!(trouble.contains("bot_token_file"), "{trouble}");
    fake.revokes(false);
    scene.advance(Span::mins(3)).await;
    assert_eq!((fake.channel("D77").len(), fake.channel("D1234").len()), (1, 1));
    scene.finish(&["does not take this token"]).await;
}
