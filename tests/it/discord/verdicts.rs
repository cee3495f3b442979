//! What Discord answers, and what it means for the message: one table.

use serde_json::json;
use sereno::channel::discord::{Discord, Settings};
use sereno::channel::{Channel as _, DrawnButton, Outgoing, Verdict};
use sereno::core::message::ButtonStyle;
use sereno::core::time::Span;
use sereno::render::markup::{Block, Doc, Span as Text};

use super::fake::{CHANNEL, Fake};
use super::faults::Fault;
use super::{ANA, adapter, pushed, settings};
use crate::channel::contract::{buttons, line, message};

/// The kind of a verdict, without its words.
fn kind(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Sent(_) => "sent",
        Verdict::Retry { uncertain: true, .. } => "uncertain",
        Verdict::Retry { after: Some(_), .. } => "later",
        Verdict::Retry { .. } => "not sent",
        Verdict::Gone(_) => "gone",
        Verdict::Rejected(_) => "rejected",
        Verdict::Moved(_) => "moved",
        Verdict::EditLost => "edit lost",
        Verdict::Unchanged => "unchanged",
        Verdict::Locked(_) => "locked",
    }
}

const fn refused(status: u16, code: i64) -> Fault {
    Fault::Refusal(status, code, "Words")
}

const fn raw(status: u16, body: &'static str) -> Fault {
    Fault::Raw(status, ("x-none", "1"), body)
}

#[tokio::test]
async fn every_answer_means_one_thing() {
    let fake = Fake::start().await;
    let discord = adapter(&fake);
    let Verdict::Sent(receipt) = discord.send(&line("500", "first")).await else { panic!() };
    let table = [
        (Fault::Wait(1.5), "later", "later"),
        (Fault::Raw(429, ("retry-after", "7"), ""), "later", "later"),
        (raw(429, "<html>"), "not sent", "not sent"),
        (refused(401, 0), "locked", "locked"),
        (refused(403, 50_001), "gone", "gone"),
        (refused(403, 50_013), "gone", "gone"),
        (refused(403, 50_007), "gone", "gone"),
        (refused(404, 10_003), "gone", "gone"),
        (refused(404, 10_008), "rejected", "edit lost"),
        (refused(403, 50_005), "rejected", "edit lost"),
        (refused(400, 50_083), "gone", "gone"),
        (refused(405, 0), "rejected", "rejected"),
        // Somebody stands before Discord and shuts everybody out for a while.
        (raw(403, "<html>banned</html>"), "not sent", "not sent"),
        (raw(404, "<html>"), "uncertain", "uncertain"),
        (raw(408, ""), "uncertain", "uncertain"),
        (raw(200, "not JSON"), "uncertain", "uncertain"),
        (raw(500, "{}"), "uncertain", "uncertain"),
        (raw(502, "<html>"), "uncertain", "uncertain"),
        (Fault::Raw(302, ("location", "https://evil.example"), ""), "uncertain", "uncertain"),
        (Fault::ResetBefore, "uncertain", "uncertain"),
        (Fault::ResetAfter, "uncertain", "uncertain"),
    ];
    for (at, (fault, sent, edited)) in table.into_iter().enumerate() {
        fake.fails("POST /channels/500", fault.clone());
        let out = Outgoing { id: format!("ob_{at}"), ..line("500", "again") };
        assert_eq!(kind(&discord.send(&out).await), sent, "{fault:?}");
        fake.fails("PATCH /channels/500", fault.clone());
        assert_eq!(kind(&discord.edit(&out, &receipt).await), edited, "{fault:?}");
    }
}

#[tokio::test]
async fn a_silence_leaves_it_open_whether_the_message_arrived() {
    let fake = Fake::start().await;
    fake.fails("POST /channels/500", Fault::Silence);
    assert_eq!(kind(&adapter(&fake).send(&line("500", "hello")).await), "uncertain");
}

#[tokio::test]
async fn what_was_asked_to_wait_is_waited() {
    let fake = Fake::start().await;
    fake.fails("POST /channels/500", Fault::Wait(1.25));
    let verdict = adapter(&fake).send(&line("500", "hello")).await;
    let wanted =
        Verdict::Retry { error: "Discord asks to wait 1s250ms".into(), after: Some(Span(1250)), uncertain: false };
    assert_eq!(verdict, wanted);
}

#[tokio::test]
async fn a_remedy_stands_with_what_an_operator_can_mend() {
    let fake = Fake::start().await;
    let discord = adapter(&fake);
    let words = async |target: &str| format!("{:?}", discord.send(&line(target, "hello")).await);
    assert!(words("404404").await.contains("Unknown Channel (10003); copy the ID of the channel again"));
    fake.closes(ANA);
    assert!(words("@77").await.contains("share a server with the bot"));
    fake.revokes(true);
    assert!(words("500").await.contains("reset it in the Developer Portal"));
}

#[tokio::test]
async fn what_was_never_written_has_not_arrived() {
    let fake = Fake::start().await;
    let nowhere = Settings { resolve: Some("127.0.0.1:1".parse().unwrap()), ..settings(&fake) };
    let nowhere = Discord::new(nowhere).unwrap();
    assert_eq!(kind(&nowhere.send(&line("500", "hello")).await), "not sent");
    assert_eq!(kind(&nowhere.send(&line("@77", "hello")).await), "not sent");
    assert_eq!(kind(&nowhere.edit(&line("500", "hello"), "500:1").await), "not sent");
    // A server that nobody vouches for is not Discord.
    let unknown = Discord::new(Settings { authority: None, ..settings(&fake) }).unwrap();
    assert_eq!(kind(&unknown.send(&line("500", "hello")).await), "not sent");
    for wrong in ["", "0", "@0", "ana", "@", "@ana", "+7", "7/1", "1e3", "99999999999999999999"] {
        assert_eq!(kind(&nowhere.send(&line(wrong, "hello")).await), "rejected", "{wrong}");
    }
    for wrong in ["", "7", "7:", ":7", "0:1", "a:b"] {
        assert_eq!(kind(&nowhere.edit(&line("500", "hello"), wrong).await), "edit lost", "{wrong}");
    }
}

#[tokio::test]
async fn a_repetition_is_the_message_that_arrived() {
    let fake = Fake::start().await;
    let discord = adapter(&fake);
    let says = |text: &str| Outgoing { id: "ob_1".into(), ..line("500", text) };
    fake.fails("POST /channels/500", Fault::ResetAfter);
    assert_eq!(kind(&discord.send(&says("It asks")).await), "uncertain");
    let Verdict::Sent(receipt) = discord.send(&says("It asks")).await else { panic!() };
    assert_eq!((fake.chat(CHANNEL).len(), format!("500:{}", fake.newest(CHANNEL).id)), (1, receipt.clone()));
    assert!(fake.newest(CHANNEL).history.is_empty());
    // It may have changed meanwhile: then the one that arrived is changed.
    assert_eq!(discord.send(&says("It was approved")).await, Verdict::Sent(receipt));
    assert_eq!((fake.chat(CHANNEL).len(), fake.newest(CHANNEL).text.as_str()), (1, "It was approved"));
    // Or somebody has deleted it: then it is sent anew.
    fake.deletes(CHANNEL, fake.newest(CHANNEL).id);
    assert_eq!(kind(&discord.send(&says("It is over")).await), "sent");
    assert_eq!((fake.chat(CHANNEL).len(), fake.newest(CHANNEL).text.as_str()), (1, "It is over"));
}

#[tokio::test]
async fn words_get_through_when_the_form_is_refused() {
    let fake = Fake::start().await;
    let discord = adapter(&fake);
    let doc = Doc {
        title: vec![Text::Text("It asks".into())],
        blocks: vec![Block::Code("a < b".into()), Block::Line(vec![Text::Strong("now".into())])],
    };
    fake.fails("POST /channels/500", refused(400, 50_035));
    let Verdict::Sent(receipt) = discord.send(&message("500", doc.clone())).await else { panic!() };
    assert!(fake.newest(CHANNEL).markup.is_empty());
    assert!(fake.newest(CHANNEL).text.starts_with("It asks\n") && fake.newest(CHANNEL).text.ends_with("\nnow"));
    fake.fails("PATCH /channels/500", refused(400, 50_035));
    let verdict = discord.edit(&message("500", Doc { blocks: Vec::new(), ..doc }), &receipt).await;
    assert_eq!(verdict, Verdict::Sent(receipt));
    assert_eq!(fake.newest(CHANNEL).text, "It asks");
    for _ in 0..2 {
        fake.fails("POST /channels/500", refused(400, 50_035));
    }
    assert_eq!(kind(&discord.send(&line("500", "again")).await), "rejected");
}

#[tokio::test]
async fn a_private_conversation_is_asked_for_once() {
    let fake = Fake::start().await;
    let discord = adapter(&fake);
    for text in ["first", "second"] {
        let Verdict::Sent(receipt) = discord.send(&line("@77", text)).await else { panic!() };
        assert_eq!(receipt, format!("{}:{}", fake.home(ANA)[0].channel, fake.home(ANA).last().unwrap().id));
    }
    let asked = fake.memory().calls.iter().filter(|(call, _)| call == "POST /users/@me/channels").count();
    assert_eq!((asked, fake.home(ANA).len()), (1, 2));
}

#[tokio::test]
async fn the_26th_button_is_left_out_with_a_sign_and_a_long_token_is_refused() {
    let fake = Fake::start().await;
    let discord = adapter(&fake);
    let out = Outgoing { buttons: buttons(26, 64), ..line("500", "It asks") };
    assert_eq!(kind(&discord.send(&out).await), "sent");
    assert_eq!((fake.newest(CHANNEL).buttons.len(), fake.newest(CHANNEL).text.as_str()), (25, "It asks\n…"));
    let out = Outgoing { id: "ob_2".into(), buttons: buttons(1, 101), ..line("500", "It asks") };
    assert_eq!(kind(&discord.send(&out).await), "rejected");
}

#[tokio::test]
async fn an_action_that_cannot_be_shown_whole_cannot_be_approved_here() {
    let fake = Fake::start().await;
    let discord = adapter(&fake);
    let button = |label: &str, style| DrawnButton { label: label.into(), token: label.into(), style, asks_why: false };
    let buttons = vec![button("no", ButtonStyle::Danger), button("yes", ButtonStyle::Approve)];
    let asks = |id: &str, code: String| {
        let doc = Doc { title: vec![Text::Text("It asks".into())], blocks: vec![Block::Code(code)] };
        Outgoing { id: id.into(), buttons: buttons.clone(), ..message("500", doc) }
    };
    assert_eq!(kind(&discord.send(&asks("ob_1", "x".repeat(3900))).await), "sent");
    assert_eq!(fake.newest(CHANNEL).buttons.len(), 2);
    assert_eq!(kind(&discord.send(&asks("ob_2", "`".repeat(3900))).await), "sent");
    let labels: Vec<String> = fake.newest(CHANNEL).buttons.into_iter().map(|(label, _)| label).collect();
    assert_eq!((labels, fake.newest(CHANNEL).text.as_str()), (vec!["no".to_owned()], "It asks\n…"));
}

#[tokio::test]
async fn commands_are_registered_and_the_portal_is_checked() {
    let fake = Fake::start().await;
    let (held, pushed) = (adapter(&fake), pushed(&fake));
    for _ in 0..2 {
        held.prepare().await.unwrap();
    }
    let file = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/discord-commands.json")).unwrap();
    let wanted: serde_json::Value = serde_json::from_str(&file).unwrap();
    assert_eq!(fake.memory().commands, wanted);
    assert!(wanted.as_array().unwrap().len() > 10);
    let why = pushed.prepare().await.unwrap_err();
    assert!(why.contains("http.public_url followed by /channels/dc"), "{why}");
    fake.change(|memory| {
        memory.application = json!({ "interactions_endpoint_url": "https://sereno.example/channels/dc" });
    });
    pushed.prepare().await.unwrap();
    let why = held.prepare().await.unwrap_err();
    assert!(why.contains("take it out there, or set public_key"), "{why}");
    let other = ed25519_dalek::SigningKey::from_bytes(&[8; 32]);
    fake.change(|memory| memory.application["verify_key"] = json!(hex::encode(other.verifying_key().as_bytes())));
    assert!(pushed.prepare().await.is_err());
    fake.revokes(true);
    assert!(held.prepare().await.unwrap_err().contains("does not know this bot token"));
}
