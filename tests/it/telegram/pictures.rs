//! Pictures on Telegram: a photo under its message, which is there with it or without it.

use std::time::Duration;

use sereno::channel::{Channel as _, Outgoing, Verdict};

use super::fake::Fake;
use super::faults::Fault;
use super::{adapter, scene, taken};
use crate::channel::contract::line;
use crate::database::{Database, on_both};
use crate::render::charts::some;

fn pictured(target: &str) -> Outgoing {
    Outgoing { picture: Some(some()), ..line(target, "It costs") }
}

#[tokio::test]
async fn a_photo_hangs_under_its_message_without_a_sound() {
    let fake = Fake::start().await;
    let telegram = adapter(&fake, false);
    let out = pictured("-100500/7");
    let Verdict::Sent(receipt) = telegram.send(&out).await else { panic!("not sent") };
    assert_eq!(fake.memory().photos, [], "the words go first");
    assert_eq!(telegram.follow(&out, &receipt).await, Verdict::Sent(receipt.clone()));
    let photo = fake.memory().photos.pop().unwrap();
    assert_eq!((photo.chat, photo.topic, photo.silent), (-100_500, Some(7), true));
    assert_eq!(photo.reply_to.map(|id| id.to_string()), Some(receipt));
    assert_eq!(photo.caption, "Cost per hour");
}

#[tokio::test]
async fn what_becomes_of_a_photo_is_told_without_a_secret() {
    let fake = Fake::start().await;
    let telegram = adapter(&fake, false);
    let out = pictured("77");
    let Verdict::Sent(receipt) = telegram.send(&out).await else { panic!("not sent") };
    let faults = [
        Fault::Wait(3),
        Fault::Refusal(400, "Bad Request: PHOTO_INVALID_DIMENSIONS"),
        Fault::Raw(502, "<html>bad gateway"),
        Fault::ResetBefore,
        Fault::ResetAfter,
    ];
    for fault in faults {
        fake.fails("sendPhoto", fault.clone());
        let verdict = telegram.follow(&out, &receipt).await;
        assert!(!matches!(verdict, Verdict::Sent(_)), "{fault:?}");
        let (_, secret) = super::fake::TOKEN.split_once(':').unwrap();
        assert!(!format!("{verdict:?}").contains(secret), "{verdict:?}");
    }
    assert_eq!(fake.chat(77).len(), 1, "the message is there all the same");
}

on_both![a_cost_comes_with_its_chart, a_photo_that_is_lost_holds_nothing_back];

async fn a_cost_comes_with_its_chart(db: Database) {
    let fake = Fake::start().await;
    let scene = scene(db, &fake, "").await;
    let said = fake.says("77", 77, "/cost");
    taken(&scene, &fake, said).await;
    assert!(fake.memory().photos.is_empty(), "nothing was spent, and that needs no picture");
    scene.spends().await;
    for line in ["/cost", "/agents", "/digest now"] {
        let said = fake.says("77", 77, line);
        taken(&scene, &fake, said).await;
    }
    let messages: Vec<i64> = fake.chat(77).iter().map(|message| message.id).collect();
    let under: Vec<i64> = fake.memory().photos.iter().filter_map(|photo| photo.reply_to).collect();
    assert_eq!(under, [messages[1], messages[3]], "costs and digests have one, and nothing else");
    scene.finish(&[]).await;
}

async fn a_photo_that_is_lost_holds_nothing_back(db: Database) {
    let fake = Fake::start().await;
    let scene = scene(db, &fake, "").await;
    scene.spends().await;
    for fault in [Fault::Refusal(400, "Bad Request: not enough rights to send photos to the chat"), Fault::ResetAfter] {
        fake.fails("sendPhoto", fault);
        let said = fake.says("77", 77, "/cost");
        taken(&scene, &fake, said).await;
    }
    let said = fake.says("77", 77, "/whoami");
    taken(&scene, &fake, said).await;
    assert_eq!(fake.chat(77).len(), 3, "each message once, and what came after it");
    assert_eq!(fake.memory().photos.len(), 1, "the one whose answer was lost; none is sent again");
    let lost = scene.audit("image.lost").await;
    assert_eq!(lost.len(), 2, "{lost:?}");
    assert_eq!(lost[0]["reason"]["code"], "image_lost");
    assert_eq!(lost[0]["reason"]["to"], "tg:77");
    assert!(lost[0]["reason"]["error"].as_str().unwrap().contains("not enough rights"), "{lost:?}");
    scene.finish(&["a picture was lost"]).await;
}

#[tokio::test]
async fn a_platform_that_says_nothing_gets_no_more_time_than_is_left() {
    let fake = Fake::start().await;
    let telegram = adapter(&fake, false);
    let out = pictured("77");
    fake.fails("sendPhoto", Fault::Silence);
    let gives_up = sereno::clock::within(Duration::from_millis(300), telegram.follow(&out, "1")).await;
    assert_eq!(gives_up, None, "whoever calls decides how long");
}
