//! The same question on Slack and on the page: one tap decides, and every copy says who it was.

use serde_json::json;

use super::fake::Fake;
use super::{MINUTE, restarted, scene, taken};
use crate::database::{Database, on_both};

on_both![
    a_tap_on_slack_changes_every_copy,
    a_decision_on_the_page_changes_the_message,
    a_channel_that_is_called_by_name_decides_also_after_a_restart,
    a_button_is_bound_to_its_conversation,
    a_reply_under_the_card_is_a_no_with_words,
    a_deleted_card_is_sent_again,
    words_alone_decide_nothing,
];

async fn a_tap_on_slack_changes_every_copy(db: Database) {
    let fake = Fake::start().await;
    let scene = scene(db, &fake, "").await;
    let victor = scene.visitor("victor").await;
    scene.asks("q1", "pytest tests/ <&> <!channel>").await;
    let (hers, his) = (fake.newest("D77"), fake.newest("D1234"));
    assert!(hers.text().contains("build-1 wants to run: pytest tests/ <&> <!channel>"), "{}", hers.text());
    assert!(hers.fallback.contains("&lt;!channel&gt;") && !hers.fallback.contains("<!"), "{}", hers.fallback);
    let page = victor.card(&scene, "approval").await;
    taken(&scene, &fake, &fake.tap("D77", "U77", &hers, "✅")).await;
    assert_eq!(scene.fleet.heard(), ["control.decide approved"]);
    for (channel, wanted) in
        [("D77", "✅ Approved by ana · Slack · 09:00"), ("D1234", "✅ Aprobado por ana · Slack · 09:00")]
    {
        let card = fake.newest(channel);
        assert_eq!(fake.channel(channel).len(), 1);
        assert!(card.text().starts_with(wanted), "{}", card.text());
        assert!(!card.has_buttons() && !card.history.is_empty());
    }
    // Whoever comes later is told who was first, privately, wherever they are.
    taken(&scene, &fake, &fake.tap("D1234", "U1234", &his, "❌")).await;
    let (status, said) = victor.taps(&scene, &page.no()).await;
    assert_eq!((status, said.as_str()), (409, "Ya está: aprobado por ana a las 09:00."));
    assert_eq!(fake.answered(2).await[1], said);
    assert_eq!(scene.fleet.calls().len(), 1);
    scene.finish(&[]).await;
}

async fn a_decision_on_the_page_changes_the_message(db: Database) {
    let fake = Fake::start().await;
    let scene = scene(db, &fake, "").await;
    let ana = scene.visitor("ana").await;
    scene.asks("q1", "rm -r build").await;
    let before = fake.newest("D77");
    scene.advance(MINUTE).await;
    let no = ana.card(&scene, "approval").await.no();
    assert_eq!(ana.taps(&scene, &no).await.0, 200);
    let card = fake.newest("D77");
    assert_eq!(card.ts, before.ts);
    assert!(card.text().starts_with("❌ Rejected by ana · page · 09:01"), "{}", card.text());
    taken(&scene, &fake, &fake.tap("D77", "U77", &before, "✅")).await;
    assert_eq!(fake.answered(1).await, ["Already rejected by ana at 09:01."]);
    assert_eq!(scene.fleet.heard(), ["control.decide denied"]);
    scene.finish(&[]).await;
}

async fn a_channel_that_is_called_by_name_decides_also_after_a_restart(db: Database) {
    let fake = Fake::start().await;
    let scene = scene(db, &fake, "[[routes]]\nmatch = \"\"\nto = [\"team:#agents\", \"team:#ops\"]\n").await;
    scene.asks("q1", "pytest tests/").await;
    scene.asks("q2", "make deploy").await;
    scene.asks("q3", "make clean").await;
    let [first, second, third] = fake.channel("C100").try_into().unwrap();
    let [_, private, _] = fake.channel("G200").try_into().unwrap();
    taken(&scene, &fake, &fake.tap("C100", "U77", &first, "✅")).await;
    assert_eq!(scene.fleet.heard(), ["control.decide approved"]);
    let scene = restarted(scene, &fake).await;
    // Which channels are meant by the names is not known any more.
    taken(&scene, &fake, &fake.tap("C300", "U77", &second, "✅")).await;
    taken(&scene, &fake, &fake.tap("C100", "U77", &private, "✅")).await;
    assert_eq!(scene.fleet.calls().len(), 1, "carried into another channel");
    taken(&scene, &fake, &fake.tap("G200", "U77", &private, "✅")).await;
    taken(&scene, &fake, &fake.tap("C100", "U77", &third, "❌")).await;
    let wanted = ["control.decide approved", "control.decide approved", "control.decide denied"];
    assert_eq!(scene.fleet.heard(), wanted, "{:#?}", fake.memory().answers);
    assert!(fake.channel("C100").iter().chain(&fake.channel("G200")).all(|card| !card.has_buttons()));
    scene.finish(&[]).await;
}

async fn a_button_is_bound_to_its_conversation(db: Database) {
    let fake = Fake::start().await;
    let scene = scene(db, &fake, "").await;
    scene.asks("q1", "pytest tests/").await;
    let (hers, his) = (fake.newest("D77"), fake.newest("D1234"));
    let genuine = fake.tap("D77", "U77", &hers, "✅");
    let with = |path: &str, value: serde_json::Value| {
        let mut tap = fake.tap("D77", "U77", &hers, "✅");
        *tap.pointer_mut(path).unwrap() = value;
        tap
    };
    let token = genuine["actions"][0]["value"].as_str().unwrap().to_owned();
    let mut forged = token.clone().into_bytes();
    forged[20] = if forged[20] == b'A' { b'B' } else { b'A' };
    let taps = [
        // A card of hers that was carried into another conversation, and onto another message of the right one.
        fake.tap("D1234", "U1234", &hers, "✅"),
        fake.tap("C100", "U77", &hers, "✅"),
        with("/container/message_ts", json!(his.ts)),
        with("/container/channel_id", json!("D1234")),
        with("/actions/0/value", json!(String::from_utf8(forged).unwrap())),
        with("/actions/0/value", json!("approve")),
        with("/actions/0/value", json!("x".repeat(2000))),
        with("/actions/0/block_id", json!("sereno|U1234||0")),
        with("/actions/0/block_id", json!("block")),
        // Somebody to whom nobody has shown a card.
        fake.tap("D5", "U5", &hers, "✅"),
        fake.tap("D666", "U666", &hers, "✅"),
    ];
    let count = taps.len();
    for (n, tap) in taps.iter().enumerate() {
        taken(&scene, &fake, tap).await;
        let told = fake.answered(n + 1).await;
        assert!(!told[n].is_empty());
    }
    assert_eq!(fake.memory().answers.len(), count);
    assert!(scene.fleet.calls().is_empty());
    taken(&scene, &fake, &genuine).await;
    assert_eq!(scene.fleet.heard(), ["control.decide approved"]);
    scene.finish(&[]).await;
}

async fn a_reply_under_the_card_is_a_no_with_words(db: Database) {
    let fake = Fake::start().await;
    let scene = scene(db, &fake, "").await;
    scene.asks("q1", "make deploy").await;
    let card = fake.newest("D77");
    taken(&scene, &fake, &fake.reply("U77", &card, "not on a Friday")).await;
    assert_eq!(scene.fleet.heard(), ["control.decide denied"]);
    let card = &fake.channel("D77")[0];
    assert!(card.text().starts_with("❌ Rejected by ana · Slack · 09:00 — \"not on a Friday\""), "{}", card.text());
    scene.finish(&[]).await;
}

async fn a_deleted_card_is_sent_again(db: Database) {
    let fake = Fake::start().await;
    let scene = scene(db, &fake, "").await;
    let victor = scene.visitor("victor").await;
    scene.asks("q1", "make deploy").await;
    fake.deletes("D77", &fake.newest("D77").ts);
    let yes = victor.card(&scene, "approval").await.yes();
    assert_eq!(victor.taps(&scene, &yes).await.0, 200);
    scene.advance(MINUTE).await;
    assert_eq!(fake.channel("D77").len(), 1);
    assert!(fake.newest("D77").text().starts_with("✅ Approved by victor"), "{}", fake.newest("D77").text());
    scene.finish(&[]).await;
}

async fn words_alone_decide_nothing(db: Database) {
    let fake = Fake::start().await;
    let scene = scene(db, &fake, "[[routes]]\nmatch = \"\"\nto = [\"team:#agents\"]\n").await;
    scene.asks("q1", "make deploy").await;
    let card = fake.newest("C100");
    for text in ["yes", "approved", "ok", "✅", "Approved by ana", "sí, dale"] {
        taken(&scene, &fake, &fake.direct("U77", text)).await;
        let mut mention = fake.mention("C100", "U77", &format!("<@UB0T> {text}"));
        mention["event"]["thread_ts"] = json!(card.ts);
        taken(&scene, &fake, &mention).await;
        let mut echo = fake.direct("U77", text);
        echo["event"]["bot_id"] = json!("B1");
        taken(&scene, &fake, &echo).await;
        if !scene.fleet.calls().is_empty() {
            // Under a card, words that do not agree are a reason to say no; nothing is ever approved by them.
            assert_eq!(scene.fleet.heard(), ["control.decide denied"], "{text}");
        }
    }
    scene.finish(&[]).await;
}
