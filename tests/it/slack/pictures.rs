//! Pictures on Slack: uploaded and shared below their message, which is there with them or without them.

use serde_json::json;
use sereno::channel::{Channel as _, Outgoing, Verdict};

use super::fake::{BOT, Fake};
use super::faults::Fault;
use super::{adapter, scene, taken};
use crate::channel::contract::line;
use crate::database::{Database, on_both};
use crate::render::charts::some;

fn pictured(target: &str) -> Outgoing {
    Outgoing { picture: Some(some()), ..line(target, "It costs") }
}

async fn sent(slack: &sereno::channel::slack::SlackChannel, out: &Outgoing) -> String {
    match slack.send(out).await {
        Verdict::Sent(receipt) => receipt,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_picture_is_uploaded_and_shared_where_its_message_stands() {
    let fake = Fake::start().await;
    let slack = adapter(&fake);
    // By name, to a person, and in a thread.
    let root = sent(&slack, &line("C100", "The task")).await;
    let (_, ts) = root.split_once(':').unwrap();
    let hangs = Outgoing { under: Some(root.clone()), ..pictured("C100") };
    for (out, channel, thread) in
        [(pictured("#agents"), "C100", None), (pictured("U1234"), "D1234", None), (hangs, "C100", Some(ts.to_owned()))]
    {
        let receipt = sent(&slack, &out).await;
        assert_eq!(slack.follow(&out, &receipt).await, Verdict::Sent(receipt));
        let shared = fake.memory().shared.pop().unwrap();
        assert_eq!((shared.channel.as_str(), shared.thread), (channel, thread));
        assert_eq!(shared.title, "Cost per hour");
        assert!(shared.alt.starts_with("Cost per hour: $1.85 in all; most $1.20"), "{}", shared.alt);
    }
}

#[tokio::test]
async fn what_one_reader_alone_sees_has_no_picture() {
    let fake = Fake::start().await;
    let slack = adapter(&fake);
    let out = Outgoing { only: Some("U1234".into()), ..pictured("C100") };
    let receipt = sent(&slack, &out).await;
    assert_eq!(slack.follow(&out, &receipt).await, Verdict::Unchanged);
    assert_eq!(fake.memory().count("files.getUploadURLExternal"), 0);
    // At home nobody else reads along.
    let out = Outgoing { only: Some("U1234".into()), ..pictured("D1234") };
    let receipt = sent(&slack, &out).await;
    assert_eq!(slack.follow(&out, &receipt).await, Verdict::Sent(receipt));
}

#[tokio::test]
async fn what_becomes_of_a_picture_is_told_without_a_secret() {
    let fake = Fake::start().await;
    let slack = adapter(&fake);
    let out = pictured("C100");
    let receipt = sent(&slack, &out).await;
    let faults = [
        Fault::Wait("3"),
        Fault::Code("missing_scope"),
        Fault::Raw(500, "xoxb-1-bot-token-of-the-tests"),
        Fault::ResetBefore,
        Fault::ResetAfter,
    ];
    for method in ["files.getUploadURLExternal", "upload", "files.completeUploadExternal"] {
        for fault in &faults {
            fake.fails(method, fault.clone());
            let verdict = slack.follow(&out, &receipt).await;
            let told = format!("{verdict:?}");
            assert!(!matches!(verdict, Verdict::Sent(_)), "{method} {fault:?}");
            assert!(!told.contains(BOT) && !told.contains("CwABAAAA") && !told.contains("upload/v1"), "{told}");
            if matches!(fault, Fault::Code(_)) && method != "upload" {
                assert!(told.contains("lacks the scope files:write"), "{told}");
            }
        }
    }
    assert_eq!(fake.channel("C100").len(), 1, "the message is there all the same");
}

#[tokio::test]
async fn bytes_go_to_nobody_but_slack() {
    let fake = Fake::start().await;
    let slack = adapter(&fake);
    let out = pictured("C100");
    let receipt = sent(&slack, &out).await;
    for place in ["http://127.0.0.1:9/upload/v1/x", "https://files.slack.com.evil.example/x", "file:///etc/passwd", "x"]
    {
        let body: &'static str =
            Box::leak(json!({ "ok": true, "upload_url": place, "file_id": "F1" }).to_string().into_boxed_str());
        fake.fails("files.getUploadURLExternal", Fault::Raw(200, body));
        let verdict = slack.follow(&out, &receipt).await;
        assert!(matches!(&verdict, Verdict::Rejected(error) if error.contains("not its own")), "{place}: {verdict:?}");
    }
}

on_both![a_cost_comes_with_its_chart_or_without_it];

async fn a_cost_comes_with_its_chart_or_without_it(db: Database) {
    let fake = Fake::start().await;
    let scene = scene(db, &fake, "").await;
    scene.spends().await;
    taken(&scene, &fake, &fake.direct("U1234", "/cost")).await;
    let shared = fake.memory().shared.clone();
    assert_eq!((shared.len(), shared[0].channel.as_str()), (1, "D1234"));
    assert!(shared[0].alt.contains("$1.85"), "{}", shared[0].alt);
    fake.fails("files.completeUploadExternal", Fault::Code("missing_scope"));
    taken(&scene, &fake, &fake.direct("U1234", "/cost")).await;
    taken(&scene, &fake, &fake.direct("U1234", "/whoami")).await;
    assert_eq!((fake.channel("D1234").len(), fake.memory().shared.len()), (3, 1));
    let lost = scene.audit("image.lost").await;
    assert_eq!(lost.len(), 1, "{lost:?}");
    assert!(lost[0]["reason"]["error"].as_str().unwrap().contains("files:write"), "{lost:?}");
    scene.finish(&["a picture was lost"]).await;
}
