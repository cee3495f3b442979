//! What Slack answers, and what it means for the message: one table.

use serde_json::{Value, json};
use sereno::channel::slack::Way;
use sereno::channel::{Channel as _, Outgoing, Verdict};
use sereno::core::message::ButtonStyle;
use sereno::core::time::Span;
use sereno::render::markup::{Block, Doc, Span as Text};

use super::fake::Fake;
use super::faults::Fault;
use super::{SIGNING, adapter, adapter_at};
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

/// Answers to a send or an edit alike.
const EITHER: &[(Fault, &str)] = &[
    (Fault::Wait("7"), "later"),
    (Fault::Wait("soon"), "not sent"),
    (Fault::Code("ratelimited"), "not sent"),
    (Fault::Code("team_added_to_org"), "not sent"),
    (Fault::Code("channel_not_found"), "gone"),
    (Fault::Code("not_in_channel"), "gone"),
    (Fault::Code("is_archived"), "gone"),
    (Fault::Code("user_disabled"), "gone"),
    (Fault::Code("user_not_found"), "gone"),
    (Fault::Code("cannot_dm_bot"), "gone"),
    (Fault::Code("messages_tab_disabled"), "gone"),
    (Fault::Code("restricted_action"), "gone"),
    (Fault::Code("restricted_action_read_only_channel"), "gone"),
    (Fault::Code("invalid_auth"), "locked"),
    (Fault::Code("not_authed"), "locked"),
    (Fault::Code("token_revoked"), "locked"),
    (Fault::Code("account_inactive"), "locked"),
    (Fault::Code("missing_scope"), "locked"),
    (Fault::Code("invalid_arguments"), "rejected"),
    (Fault::Code("something_that_nobody_has_seen_yet"), "rejected"),
    (Fault::Code("internal_error"), "uncertain"),
    (Fault::Code("fatal_error"), "uncertain"),
    (Fault::Code(""), "uncertain"),
    (Fault::Raw(200, "{\"ok\":true"), "uncertain"),
    (Fault::Raw(200, "{\"ok\":\"yes\"}"), "uncertain"),
    (Fault::Raw(200, "[]"), "uncertain"),
    (Fault::Raw(200, ""), "uncertain"),
    (Fault::Raw(200, "<html>a proxy's own page</html>"), "uncertain"),
    (Fault::Raw(302, ""), "uncertain"),
    (Fault::Raw(418, ""), "uncertain"),
    (Fault::Raw(500, "{\"ok\":false,\"error\":\"internal_error\"}"), "uncertain"),
    (Fault::Raw(502, "<html>Bad Gateway</html>"), "uncertain"),
    (Fault::Raw(503, ""), "uncertain"),
    (Fault::ResetBefore, "uncertain"),
    (Fault::ResetAfter, "uncertain"),
];

const EDIT: &[&str] = &["message_not_found", "edit_window_closed", "cant_update_message"];

#[tokio::test]
async fn every_answer_has_its_verdict() {
    let fake = Fake::start().await;
    let slack = adapter(&fake);
    let Verdict::Sent(receipt) = slack.send(&line("C100", "first")).await else { panic!() };
    for (fault, wanted) in EITHER {
        fake.fails("chat.postMessage", fault.clone());
        let verdict = slack.send(&line("C100", "hello")).await;
        assert_eq!(kind(&verdict), *wanted, "send: {fault:?} gave {verdict:?}");
        fake.fails("chat.update", fault.clone());
        let verdict = slack.edit(&line("C100", "hello"), &receipt).await;
        assert_eq!(kind(&verdict), *wanted, "edit: {fault:?} gave {verdict:?}");
    }
    for code in EDIT {
        fake.fails("chat.update", Fault::Code(code));
        assert_eq!(slack.edit(&line("C100", "hello"), &receipt).await, Verdict::EditLost, "{code}");
        fake.fails("chat.postMessage", Fault::Code(code));
        assert_eq!(kind(&slack.send(&line("C100", "hello")).await), "rejected", "{code}");
    }
    fake.fails("chat.postMessage", Fault::Raw(200, "{\"ok\":true}"));
    assert_eq!(kind(&slack.send(&line("C100", "hello")).await), "uncertain", "taken, but who knows as what");
    fake.fails("chat.postMessage", Fault::Wait("7"));
    let verdict = slack.send(&line("C100", "hello")).await;
    assert!(matches!(verdict, Verdict::Retry { after: Some(after), .. } if after == Span::secs(7)), "{verdict:?}");
}

#[tokio::test]
async fn no_answer_leaves_it_open_and_no_connection_does_not() {
    let fake = Fake::start().await;
    let slack = adapter(&fake);
    fake.fails("chat.postMessage", Fault::Silence);
    assert_eq!(kind(&slack.send(&line("C100", "hello")).await), "uncertain");
    let nowhere = adapter_at("http://127.0.0.1:1/api", Way::Pushed(SIGNING.into()));
    assert_eq!(kind(&nowhere.send(&line("C100", "hello")).await), "not sent");
    assert_eq!(kind(&nowhere.edit(&line("C100", "hello"), "C100:1.2").await), "not sent");
    assert_eq!(nowhere.prepare().await, Err("Slack cannot be reached".into()));
}

#[tokio::test]
async fn what_is_wrong_is_told_with_its_remedy() {
    let fake = Fake::start().await;
    let slack = adapter(&fake);
    for (code, words) in [
        ("missing_scope", "lacks the scope channels:history; add it to the app"),
        ("invalid_auth", "put its bot token (xoxb-…) into bot_token_file"),
        ("not_allowed_token_type", "bot_token_file takes xoxb-…, app_token_file takes xapp-…"),
        ("not_in_channel", "invite the app to the channel (/invite)"),
        ("odd\u{202e} <code>", "Slack says: oddcode"),
    ] {
        fake.fails("auth.test", Fault::Code(code));
        let said = slack.prepare().await.unwrap_err();
        assert!(said.contains(words), "{code}: {said}");
    }
    for target in ["C404", "#nowhere", "U404", "C900", "", "ana"] {
        let verdict = slack.send(&line(target, "hello")).await;
        assert_eq!(kind(&verdict), "gone", "{target}: {verdict:?}");
    }
    for nothing in ["", "C100", "C100:", ":1.2", "C100:soon", "C100:1795165200.999999"] {
        assert_eq!(kind(&slack.edit(&line("C100", "hello"), nothing).await), "edit lost", "{nothing}");
    }
}

#[tokio::test]
async fn words_get_through_when_the_blocks_are_refused() {
    let fake = Fake::start().await;
    let slack = adapter(&fake);
    let doc = Doc {
        title: vec![Text::Text("It asks <!channel>".into())],
        blocks: vec![Block::Code("a < b & c".into()), Block::Line(vec![Text::Strong("now".into())])],
    };
    for refusal in ["invalid_blocks", "msg_blocks_too_long", "msg_too_long", "invalid_blocks_format"] {
        fake.fails("chat.postMessage", Fault::Code(refusal));
        let Verdict::Sent(receipt) = slack.send(&message("C100", doc.clone())).await else { panic!() };
        let sent = fake.newest("C100");
        assert_eq!(sent.fallback, "It asks &lt;!channel&gt;\n    a &lt; b &amp; c\nnow");
        assert!(sent.blocks.is_empty());
        fake.fails("chat.update", Fault::Code(refusal));
        assert_eq!(slack.edit(&line("C100", "It is over"), &receipt).await, Verdict::Sent(receipt));
        assert_eq!(fake.newest("C100").fallback, "It is over");
    }
    // Refused twice, it is refused.
    for method in ["chat.postMessage", "chat.postMessage"] {
        fake.fails(method, Fault::Code("msg_too_long"));
    }
    assert_eq!(kind(&slack.send(&message("C100", doc)).await), "rejected");
}

#[tokio::test]
async fn a_message_says_what_it_is_on_the_lock_screen_and_hangs_where_it_belongs() {
    let fake = Fake::start().await;
    let slack = adapter(&fake);
    let first = Outgoing { id: "ob_1".into(), ..line("#agents", "Who <works> & what") };
    let Verdict::Sent(root) = slack.send(&first).await else { panic!() };
    let sent = fake.newest("C100");
    assert_eq!(sent.fallback, "Who &lt;works&gt; &amp; what");
    assert_eq!(sent.metadata, json!({ "event_type": "sereno", "event_payload": { "id": "ob_1" } }));
    let Verdict::Sent(_) = slack.send(&Outgoing { under: Some(root.clone()), ..line("#agents", "more") }).await else {
        panic!()
    };
    assert_eq!(fake.newest("C100").thread.as_deref(), root.split(':').nth(1));
    // The second time the channel is called by the ID that Slack has answered.
    let asked: Vec<Value> = fake.memory().calls.iter().map(|(_, params)| params["channel"].clone()).collect();
    assert_eq!(asked, ["#agents", "C100"]);
    fake.deletes("C100", root.split(':').nth(1).unwrap());
    let Verdict::Sent(_) = slack.send(&Outgoing { under: Some(root), ..line("#agents", "late") }).await else {
        panic!()
    };
    assert_eq!(fake.newest("C100").thread, None);
}

#[tokio::test]
async fn buttons_look_like_what_they_do() {
    let fake = Fake::start().await;
    let slack = adapter(&fake);
    let mut drawn = buttons(3, 27);
    drawn[1].style = ButtonStyle::Approve;
    drawn[2].style = ButtonStyle::Danger;
    drawn[2].asks_why = true;
    drawn[0].label = "x".repeat(200);
    let Verdict::Sent(_) = slack.send(&Outgoing { buttons: drawn, ..line("C100", "It asks") }).await else { panic!() };
    let (row, first) = fake.newest("C100").button("x");
    assert_eq!(first["text"]["text"].as_str().unwrap().chars().count(), 75);
    let styles: Vec<&Value> = row["elements"].as_array().unwrap().iter().map(|b| &b["style"]).collect();
    assert_eq!(styles, [&Value::Null, &json!("primary"), &json!("danger")]);
    assert_eq!(row["block_id"], "sereno|C100||0");
    assert_eq!(row["elements"][2]["action_id"], "why.2");
}

#[tokio::test]
async fn answers_go_to_slack_and_to_nobody_else() {
    let fake = Fake::start().await;
    let slack = adapter(&fake);
    let elsewhere = Fake::start().await;
    let port = elsewhere.address.port();
    for url in [
        elsewhere.answer_url("x"),
        format!("http://localhost:{port}/answers/x"),
        "http://169.254.169.254/latest/meta-data".into(),
        "file:///etc/passwd".into(),
        "not an address".into(),
        String::new(),
    ] {
        slack.answer(&url, "hello", false).await;
    }
    slack.answer(&fake.answer_url("x"), "a < b", false).await;
    assert_eq!(fake.answered(1).await, ["a &lt; b"]);
    assert!(elsewhere.memory().answers.is_empty());
}
