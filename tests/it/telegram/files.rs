//! Files on Telegram: a document under its message, which is there with it or without it.

use sereno::channel::{Channel as _, Outgoing, Verdict};

use super::fake::Fake;
use super::faults::Fault;
use super::{adapter, scene, taken};
use crate::channel::contract::line;
use crate::database::{Database, on_both};
use crate::render::exports::some;

#[tokio::test]
async fn a_document_hangs_under_its_message_without_a_sound() {
    let fake = Fake::start().await;
    let telegram = adapter(&fake, false);
    let out = Outgoing { file: Some(some()), ..line("-100500/7", "Costs") };
    let Verdict::Sent(receipt) = telegram.send(&out).await else { panic!("not sent") };
    assert_eq!(telegram.follow(&out, &receipt).await, Verdict::Sent(receipt.clone()));
    let document = fake.memory().documents.pop().unwrap();
    assert_eq!((document.chat, document.topic, document.silent), (-100_500, Some(7), true));
    assert_eq!(document.reply_to.map(|id| id.to_string()), Some(receipt));
    let file = some();
    assert_eq!((document.name, document.mime.as_str(), document.text), (file.name, file.mime, file.text));
}

on_both![a_file_that_is_lost_is_told_and_stands_on_the_page];

async fn a_file_that_is_lost_is_told_and_stands_on_the_page(db: Database) {
    let fake = Fake::start().await;
    let scene = scene(db, &fake, "").await;
    scene.spends().await;
    taken(&scene, &fake, fake.says("77", 77, "/export costs")).await;
    assert_eq!(fake.memory().documents.len(), 1);
    fake.fails("sendDocument", Fault::Refusal(400, "Bad Request: not enough rights to send documents to the chat"));
    taken(&scene, &fake, fake.says("77", 77, "/export costs")).await;
    let last = fake.newest(77).text;
    assert!(last.starts_with("✋ the file for tg:77 was lost") && last.contains("It is on the page"), "{last}");
    assert_eq!((fake.chat(77).len(), fake.memory().documents.len()), (3, 1), "it is not sent again");
    let lost = scene.audit("file.lost").await;
    assert_eq!((lost.len(), &lost[0]["reason"]["code"]), (1, &serde_json::json!("file_lost")));
    let ana = scene.visitor("ana").await;
    let copy = ana.card(&scene, "export").await.out.copy;
    assert!(ana.reads(&scene, &format!("/file/{copy}")).await.contains("claude-sonnet-4-5"));
    scene.finish(&["a file was lost"]).await;
}
