//! Everything that can go wrong between us and Telegram, through the whole application: nothing is lost, and
//! nothing comes twice except what may have arrived.

use serde_json::json;
use sereno::core::time::Span;

use super::fake::Fake;
use super::faults::Fault;
use super::{MINUTE, drop_dead, scene, taken};
use crate::database::{Database, on_both, sqlite};

on_both![
    no_fault_loses_a_question,
    no_fault_loses_an_edit,
    an_answer_that_may_have_arrived_is_sent_once_more_and_no_more,
    whoever_asks_to_wait_keeps_nobody_else_waiting,
    two_who_ask_to_wait_mean_everybody,
    a_revoked_token_holds_everything_until_there_is_another,
    no_fault_of_a_poll_loses_a_word,
];

/// Faults of one call, and how many messages there are in the end when a send meets it.
fn faults() -> [(Fault, usize); 8] {
    [
        (Fault::Wait(7), 1),
        (Fault::Refusal(429, "Too Many Requests: retry after 7"), 1),
        (Fault::Migrated(77), 1),
        (Fault::Raw(200, "{\"ok\":tru"), 1),
        (Fault::Raw(418, "<html>a proxy's own page</html>"), 1),
        (Fault::ResetBefore, 1),
        (Fault::ResetAfter, 2),
        (Fault::Refusal(400, "Bad Request: can't parse entities: Unsupported start tag"), 1),
    ]
}

async fn no_fault_loses_a_question(db: Database) {
    let fake = Fake::start().await;
    let scene = scene(db, &fake, "[[routes]]\nmatch = \"\"\nto = [\"tg:77\"]\n").await;
    let mut total = 0;
    for (n, (fault, count)) in faults().into_iter().enumerate() {
        fake.fails("sendMessage", fault.clone());
        scene.asks(&format!("q{n}"), &format!("make target-{n}")).await;
        let is_sent = fake.chat(77).len() > total;
        let open = scene.outbox().await;
        let uncertain = open.iter().filter(|row| row.state == "uncertain").count();
        let may_have_arrived = matches!(fault, Fault::Raw(..) | Fault::ResetBefore | Fault::ResetAfter);
        assert_eq!(uncertain, usize::from(may_have_arrived), "{fault:?}: {open:#?}");
        scene.advance(MINUTE).await;
        let chat = fake.chat(77);
        assert_eq!(chat.len() - total, count, "{fault:?}, sent at once: {is_sent}");
        assert!(chat[total..].iter().all(|m| m.text.contains(&format!("make target-{n}"))), "{fault:?}");
        total = chat.len();
        let tap = fake.taps("77", 77, chat.last().unwrap(), "✅");
        taken(&scene, &fake, tap).await;
        assert_eq!(scene.fleet.calls().len(), n + 1, "{fault:?}: {:#?}", fake.memory().toasts);
    }
    // A twin of a card does nothing but say so.
    let heard = scene.fleet.calls().len();
    let chat = fake.chat(77);
    let twin = chat.iter().find(|message| !message.buttons.is_empty()).unwrap();
    let tap = fake.taps("77", 77, twin, "❌");
    taken(&scene, &fake, tap).await;
    assert!(fake.memory().toasts.last().unwrap().alert);
    assert_eq!(scene.fleet.calls().len(), heard);
    scene.finish(&["trouble"]).await;
}

async fn no_fault_loses_an_edit(db: Database) {
    let fake = Fake::start().await;
    let scene = scene(db, &fake, "[[routes]]\nmatch = \"\"\nto = [\"tg:77\"]\n").await;
    for (n, (fault, _)) in faults().into_iter().enumerate() {
        scene.asks(&format!("q{n}"), &format!("make target-{n}")).await;
        let card = fake.newest(77);
        fake.fails("editMessageText", fault.clone());
        let tap = fake.taps("77", 77, &card, "❌");
        taken(&scene, &fake, tap).await;
        scene.advance(MINUTE).await;
        let after = fake.newest(77);
        // An edit that may have arrived can be made again: it says the same.
        assert_eq!((fake.chat(77).len(), after.id), (n + 1, card.id), "{fault:?}");
        assert!(after.text.starts_with("❌ Rejected by ana"), "{fault:?}: {}", after.text);
        assert!(after.buttons.is_empty());
    }
    scene.finish(&["trouble"]).await;
}

async fn an_answer_that_may_have_arrived_is_sent_once_more_and_no_more(db: Database) {
    let fake = Fake::start().await;
    let scene = scene(db, &fake, "").await;
    for _ in 0..3 {
        fake.fails("sendMessage", Fault::ResetAfter);
    }
    let said = fake.says("77", 77, "/whoami");
    taken(&scene, &fake, said).await;
    assert_eq!(scene.outbox().await[0].state, "uncertain");
    scene.advance(Span::mins(5)).await;
    assert_eq!(fake.chat(77).len(), 2);
    let why = drop_dead(&scene).await;
    assert_eq!(why, ["the connection to Telegram broke"]);
    scene.finish(&["trouble"]).await;
}

async fn whoever_asks_to_wait_keeps_nobody_else_waiting(db: Database) {
    let fake = Fake::start().await;
    let scene = scene(db, &fake, "").await;
    fake.fails_in(77, "sendMessage", Fault::Wait(30));
    scene.asks("q1", "pytest tests/").await;
    assert_eq!((fake.chat(77).len(), fake.chat(1234).len()), (0, 1));
    // The conversation waits, and not only the row that was told.
    let said = fake.says("77", 77, "/whoami");
    taken(&scene, &fake, said).await;
    let said = fake.says("1234", 1234, "/whoami");
    taken(&scene, &fake, said).await;
    scene.advance(Span::secs(29)).await;
    assert_eq!((fake.chat(77).len(), fake.chat(1234).len()), (0, 2));
    scene.advance(Span::secs(4)).await;
    assert_eq!((fake.chat(77).len(), fake.chat(1234).len()), (2, 2));
    scene.finish(&[]).await;
}

async fn two_who_ask_to_wait_mean_everybody(db: Database) {
    let fake = Fake::start().await;
    let scene = scene(db, &fake, "").await;
    fake.fails_in(77, "sendMessage", Fault::Wait(30));
    fake.fails_in(1234, "sendMessage", Fault::Wait(20));
    scene.asks("q1", "pytest tests/").await;
    let said = fake.says("5", 5, "/whoami");
    taken(&scene, &fake, said).await;
    assert!(fake.chat(5).is_empty());
    scene.advance(Span::secs(18)).await;
    assert!([5, 77, 1234].iter().all(|chat| fake.chat(*chat).is_empty()));
    scene.advance(MINUTE).await;
    assert!([5, 77, 1234].iter().all(|chat| fake.chat(*chat).len() == 1));
    scene.finish(&[]).await;
}

async fn a_revoked_token_holds_everything_until_there_is_another(db: Database) {
    let fake = Fake::start().await;
    let scene = scene(db, &fake, "").await;
    fake.revokes(true);
    scene.asks("q1", "pytest tests/").await;
    scene.advance(Span::mins(5)).await;
    let open = scene.outbox().await;
    assert!(open.len() == 2 && open.iter().all(|row| row.state == "ready"), "{open:#?}");
    let trouble = scene.app.door.health.channels()["tg"].trouble.clone().unwrap();
    assert!(trouble.contains("@BotFather"), "{trouble}");
    fake.revokes(false);
    scene.advance(Span::mins(3)).await;
    assert_eq!((fake.chat(77).len(), fake.chat(1234).len()), (1, 1));
    assert_eq!(scene.app.door.health.channels()["tg"].trouble, None);
    scene.finish(&["does not know this bot token"]).await;
}

async fn no_fault_of_a_poll_loses_a_word(db: Database) {
    let fake = Fake::start().await;
    let scene = scene(db, &fake, "").await;
    let conflict = "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running";
    let faults = [
        Fault::Wait(7),
        Fault::Raw(200, "{\"ok\":tru"),
        Fault::Refusal(409, conflict),
        Fault::ResetBefore,
        Fault::ResetAfter,
    ];
    for (n, fault) in faults.into_iter().enumerate() {
        fake.fails("getUpdates", fault);
        // The poll that is open brings the first one; the next poll meets the fault.
        for _ in 0..2 {
            let said = fake.says("77", 77, "/whoami");
            while !fake.memory().is_confirmed(said) {
                let before = fake.memory().polls();
                scene.advance(Span::secs(10)).await;
                fake.soon(|memory| memory.is_confirmed(said) || memory.polls() > before).await;
            }
        }
        scene.settle().await;
        assert_eq!(fake.chat(77).len(), 2 * (n + 1));
    }
    scene.finish(&["trouble"]).await;
}

#[tokio::test]
async fn a_server_in_trouble_loses_no_question() {
    let fake = Fake::start().await;
    let scene = scene(sqlite().await, &fake, "").await;
    fake.fails_in(77, "sendMessage", Fault::Raw(502, "<html>Bad Gateway</html>"));
    scene.event(json!({ "type": "agent.started", "agent": { "id": "build-1" } })).await;
    scene.asks("q1", "pytest tests/").await;
    assert_eq!((fake.chat(77).len(), fake.chat(1234).len()), (0, 1));
    scene.advance(MINUTE).await;
    assert_eq!((fake.chat(77).len(), fake.chat(1234).len()), (1, 1));
    scene.finish(&["trouble"]).await;
}
