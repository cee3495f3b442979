//! Files on Slack: uploaded and shared below their message, where nobody else reads along.

use sereno::channel::{Channel as _, Outgoing, Verdict};

use super::fake::Fake;
use super::{adapter, scene, taken};
use crate::channel::contract::line;
use crate::database::{Database, on_both};
use crate::render::exports::some;

#[tokio::test]
async fn a_file_is_shared_where_its_message_stands_and_never_beside_a_whisper() {
    let fake = Fake::start().await;
    let slack = adapter(&fake);
    let out = Outgoing { file: Some(some()), ..line("U1234", "Costs") };
    let Verdict::Sent(receipt) = slack.send(&out).await else { panic!("not sent") };
    assert_eq!(slack.follow(&out, &receipt).await, Verdict::Sent(receipt));
    let shared = fake.memory().shared.pop().unwrap();
    let file = some();
    assert_eq!((shared.channel.as_str(), shared.title, shared.alt.as_str()), ("D1234", file.name, ""));
    assert_eq!(shared.bytes, file.text.into_bytes());
    let out = Outgoing { only: Some("U1234".into()), file: Some(some()), ..line("C100", "Costs") };
    let Verdict::Sent(receipt) = slack.send(&out).await else { panic!("not sent") };
    assert!(matches!(slack.follow(&out, &receipt).await, Verdict::Rejected(_)), "that it is not there is told");
    assert_eq!(fake.memory().shared.len(), 0);
}

on_both![an_export_asked_among_others_comes_directly];

async fn an_export_asked_among_others_comes_directly(db: Database) {
    let fake = Fake::start().await;
    let scene = scene(db, &fake, "").await;
    scene.spends().await;
    taken(&scene, &fake, &fake.mention("C100", "U1234", "<@UB0T> export costs format:jsonl")).await;
    let shared = fake.memory().shared.pop().unwrap();
    assert_eq!(shared.channel, "D1234");
    assert_eq!(shared.title, "sereno-costs-2026-11-20.jsonl");
    let text = String::from_utf8(shared.bytes).unwrap();
    assert!(text.lines().all(|line| line.starts_with('{')) && text.contains("1.25"), "{text}");
    scene.finish(&[]).await;
}
