//! The same question on Telegram and on the page: one tap decides, and every copy says who it was.

use serde_json::json;

use super::fake::Fake;
use super::updates::data;
use super::{MINUTE, drop_dead, scene, taken};
use crate::database::{Database, on_both};

on_both![
    a_tap_on_telegram_changes_every_copy,
    a_decision_on_the_page_changes_the_message,
    a_tap_that_comes_twice_counts_once,
    a_button_is_bound_to_its_conversation,
    a_reply_to_the_card_is_a_no_with_words,
    a_deleted_card_is_sent_again,
    a_group_that_moves_takes_its_cards_along,
    whoever_blocks_the_bot_is_given_up_with_a_reason,
];

async fn a_tap_on_telegram_changes_every_copy(db: Database) {
    let fake = Fake::start().await;
    let scene = scene(db, &fake, "").await;
    let victor = scene.visitor("victor").await;
    scene.asks("q1", "pytest tests/ <&>").await;
    let (hers, his) = (fake.newest(77), fake.newest(1234));
    assert!(hers.text.contains("build-1 wants to run: pytest tests/ <&>"), "{}", hers.text);
    assert!(hers.entities.contains(&("pre".into(), "pytest tests/ <&>".into())), "{:?}", hers.entities);
    assert!(!hers.silent);
    let page = victor.card(&scene, "approval").await;
    let tap = fake.taps("77", 77, &hers, "✅");
    taken(&scene, &fake, tap).await;
    assert!(scene.logs.take_spans().iter().any(|span| span == "receive > append"));
    assert_eq!(scene.fleet.heard(), ["control.decide approved"]);
    for (chat, wanted) in
        [(77, "✅ Approved by ana · Telegram · 09:00"), (1234, "✅ Aprobado por ana · Telegram · 09:00")]
    {
        let card = fake.newest(chat);
        assert_eq!(fake.chat(chat).len(), 1);
        assert!(card.text.starts_with(wanted), "{}", card.text);
        assert!(card.buttons.is_empty() && !card.history.is_empty());
    }
    let card = victor.card(&scene, "approval").await;
    assert!(card.text().starts_with("✅ Aprobado por ana · Telegram · 09:00"), "{}", card.text());
    // Whoever comes later is told who was first, wherever they are.
    let late = fake.taps("1234", 1234, &his, "❌");
    taken(&scene, &fake, late).await;
    let (status, said) = victor.taps(&scene, &page.no()).await;
    assert_eq!((status, said.as_str()), (409, "Ya está: aprobado por ana a las 09:00."));
    let toasts = fake.memory().toasts.clone();
    assert_eq!(toasts.len(), 2);
    assert!(!toasts[0].alert);
    assert_eq!((toasts[1].text.as_str(), toasts[1].alert), (said.as_str(), true));
    assert_eq!(scene.fleet.calls().len(), 1);
    scene.finish(&[]).await;
}

async fn a_decision_on_the_page_changes_the_message(db: Database) {
    let fake = Fake::start().await;
    let scene = scene(db, &fake, "").await;
    let ana = scene.visitor("ana").await;
    scene.asks("q1", "rm -r build").await;
    let before = fake.newest(77);
    scene.advance(MINUTE).await;
    let no = ana.card(&scene, "approval").await.no();
    assert_eq!(ana.taps(&scene, &no).await.0, 200);
    let card = fake.newest(77);
    assert_eq!(card.id, before.id);
    assert!(card.text.starts_with("❌ Rejected by ana · page · 09:01"), "{}", card.text);
    let late = fake.taps("77", 77, &before, "✅");
    taken(&scene, &fake, late).await;
    let toast = fake.memory().toasts.last().unwrap().clone();
    assert_eq!((toast.text.as_str(), toast.alert), ("Already rejected by ana at 09:01.", true));
    assert_eq!(scene.fleet.heard(), ["control.decide denied"]);
    scene.finish(&[]).await;
}

async fn a_tap_that_comes_twice_counts_once(db: Database) {
    let fake = Fake::start().await;
    let scene = scene(db, &fake, "").await;
    scene.asks("q1", "pytest tests/").await;
    let card = fake.newest(77);
    let mut tap = fake.tap("77", 77, &card, data(&card, "✅"));
    let update = fake.update(tap.clone());
    taken(&scene, &fake, update).await;
    tap["update_id"] = json!(update);
    fake.repeats(tap.clone());
    let after = fake.says("77", 77, "/whoami");
    taken(&scene, &fake, after).await;
    // After a restart Telegram is asked from the beginning, and may say everything again.
    let scene = scene.restart().await;
    fake.repeats(tap);
    let after = fake.says("77", 77, "/whoami");
    taken(&scene, &fake, after).await;
    assert_eq!(scene.fleet.heard(), ["control.decide approved"]);
    assert_eq!(fake.memory().toasts.len(), 1);
    scene.finish(&[]).await;
}

async fn a_button_is_bound_to_its_conversation(db: Database) {
    let fake = Fake::start().await;
    let scene = scene(db, &fake, "").await;
    scene.asks("q1", "pytest tests/").await;
    let (hers, his) = (fake.newest(77), fake.newest(1234));
    let yes = data(&hers, "✅").to_owned();
    let mut forged = yes.clone().into_bytes();
    forged[20] = if forged[20] == b'A' { b'B' } else { b'A' };
    let forged = String::from_utf8(forged).unwrap();
    let taps = [
        // A card of hers that was carried into another chat, and into the right chat on another message.
        fake.tap("-100500", 77, &hers, &yes),
        fake.tap("1234", 1234, &his, &yes),
        fake.tap("77", 77, &his, &yes),
        // A guest to whom nobody has shown a card.
        fake.tap("5", 5, &hers, &yes),
        fake.tap("77", 77, &hers, &forged),
        fake.tap("77", 77, &hers, "approve"),
        fake.tap("77", 77, &hers, &"x".repeat(64)),
        // In her chat, but by somebody who may not decide.
        fake.tap("77", 5, &hers, &yes),
        fake.tap("77", 666, &hers, &yes),
    ];
    let count = taps.len();
    for tap in taps {
        let update = fake.update(tap);
        taken(&scene, &fake, update).await;
    }
    let toasts = fake.memory().toasts.clone();
    assert_eq!(toasts.len(), count);
    assert!(toasts.iter().all(|toast| toast.alert && !toast.text.is_empty()), "{toasts:#?}");
    assert!(scene.fleet.calls().is_empty());
    let tap = fake.taps("77", 77, &hers, "✅");
    taken(&scene, &fake, tap).await;
    assert_eq!(scene.fleet.heard(), ["control.decide approved"]);
    scene.finish(&[]).await;
}

async fn a_reply_to_the_card_is_a_no_with_words(db: Database) {
    let fake = Fake::start().await;
    let scene = scene(db, &fake, "").await;
    scene.asks("q1", "make deploy").await;
    // A tap cannot bring words along: it says how they are given, and decides nothing.
    let tap = fake.taps("77", 77, &fake.newest(77), "💬");
    taken(&scene, &fake, tap).await;
    let toast = fake.memory().toasts.last().unwrap().clone();
    assert!(toast.alert && toast.text.starts_with("Nothing is decided yet. Reply to the card"), "{}", toast.text);
    assert!(scene.fleet.calls().is_empty());
    let reply = fake.replies("77", 77, &fake.newest(77), "not on a Friday");
    taken(&scene, &fake, reply).await;
    assert_eq!(scene.fleet.heard(), ["control.decide denied"]);
    let card = &fake.chat(77)[0];
    assert!(card.text.starts_with("❌ Rejected by ana · Telegram · 09:00 — \"not on a Friday\""), "{}", card.text);
    scene.finish(&[]).await;
}

async fn a_deleted_card_is_sent_again(db: Database) {
    let fake = Fake::start().await;
    let scene = scene(db, &fake, "").await;
    let victor = scene.visitor("victor").await;
    scene.asks("q1", "make deploy").await;
    fake.deletes(77, fake.newest(77).id);
    let yes = victor.card(&scene, "approval").await.yes();
    assert_eq!(victor.taps(&scene, &yes).await.0, 200);
    scene.advance(MINUTE).await;
    assert_eq!(fake.chat(77).len(), 1);
    assert!(fake.newest(77).text.starts_with("✅ Approved by victor"), "{}", fake.newest(77).text);
    scene.finish(&[]).await;
}

async fn a_group_that_moves_takes_its_cards_along(db: Database) {
    let fake = Fake::start().await;
    let scene = scene(db, &fake, "[[routes]]\nmatch = \"\"\nto = [\"tg:-5\"]\n").await;
    scene.asks("q1", "pytest tests/").await;
    assert_eq!(fake.chat(-5).len(), 1);
    fake.migrates(-5, -100_500);
    scene.asks("q2", "make deploy").await;
    assert_eq!((fake.chat(-5).len(), fake.chat(-100_500).len()), (1, 1));
    // Its buttons belong to where it is now.
    let tap = fake.taps("-100500", 77, &fake.newest(-100_500), "✅");
    taken(&scene, &fake, tap).await;
    assert_eq!(scene.fleet.heard(), ["control.decide approved"], "{:#?}", fake.memory().toasts);
    // The old number is not asked again.
    let asked = |fake: &Fake| fake.memory().calls.iter().filter(|(_, params)| params["chat_id"] == -5).count();
    let before = asked(&fake);
    scene.asks("q3", "make clean").await;
    assert_eq!(asked(&fake), before);
    assert_eq!(fake.chat(-100_500).len(), 2);
    scene.finish(&[]).await;
}

async fn whoever_blocks_the_bot_is_given_up_with_a_reason(db: Database) {
    let fake = Fake::start().await;
    let scene = scene(db, &fake, "").await;
    fake.blocks(77);
    scene.asks("q1", "pytest tests/").await;
    assert!(fake.chat(77).is_empty());
    assert_eq!(fake.chat(1234).len(), 1);
    let asked = fake.memory().calls.iter().filter(|(_, params)| params["chat_id"] == 77).count();
    assert_eq!(asked, 1);
    let victor = scene.visitor("victor").await;
    let code = victor.card(&scene, "approval").await.out.buttons;
    assert!(!code.is_empty());
    let tap = fake.taps("1234", 1234, &fake.newest(1234), "✅");
    taken(&scene, &fake, tap).await;
    assert_eq!(scene.fleet.heard(), ["control.decide approved"]);
    let why = drop_dead(&scene).await;
    assert!(!why.is_empty() && why.iter().all(|error| error.contains("blocked")), "{why:?}");
    scene.finish(&[]).await;
}
