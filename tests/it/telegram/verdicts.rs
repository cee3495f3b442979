//! What Telegram answers, and what it means for the message: one table.

use sereno::channel::{Channel as _, Verdict};
use sereno::core::policy::Lang;
use sereno::core::time::Span;
use sereno::render::markup::{Block, Doc, Span as Text};

use super::fake::Fake;
use super::faults::Fault;
use super::{adapter, adapter_at};
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

const NOT_MODIFIED: &str = "Bad Request: message is not modified: specified new message content and reply markup are \
                            exactly the same as a current content and reply markup of the message";

/// Answers to a send or an edit alike.
const EITHER: &[(Fault, &str)] = &[
    (Fault::Wait(7), "later"),
    (Fault::Refusal(429, "Too Many Requests: retry after 7"), "not sent"),
    (Fault::Migrated(-100_200), "moved"),
    (Fault::Refusal(401, "Unauthorized"), "locked"),
    (Fault::Refusal(404, "Not Found"), "locked"),
    (Fault::Refusal(403, "Forbidden: bot was blocked by the user"), "gone"),
    (Fault::Refusal(403, "Forbidden: user is deactivated"), "gone"),
    (Fault::Refusal(403, "Forbidden: bot was kicked from the group chat"), "gone"),
    (Fault::Refusal(403, "Forbidden: bot was kicked from the supergroup chat"), "gone"),
    (Fault::Refusal(403, "Forbidden: bot is not a member of the supergroup chat"), "gone"),
    (Fault::Refusal(403, "Forbidden: bot can't initiate conversation with a user"), "gone"),
    (Fault::Refusal(401, "Unauthorized: bot can't send messages to bots"), "gone"),
    (Fault::Refusal(401, "Unauthorized: bot was kicked from a chat"), "gone"),
    (Fault::Refusal(400, "Bad Request: chat not found"), "gone"),
    (Fault::Refusal(400, "Bad Request: user not found"), "gone"),
    (Fault::Refusal(400, "Bad Request: group is deactivated"), "gone"),
    (Fault::Refusal(400, "Bad Request: message thread not found"), "gone"),
    (Fault::Refusal(400, "Bad Request: TOPIC_CLOSED"), "gone"),
    (Fault::Refusal(400, "Bad Request: TOPIC_DELETED"), "gone"),
    (Fault::Refusal(400, "Bad Request: need administrator rights in the channel chat"), "gone"),
    (Fault::Refusal(400, "Bad Request: not enough rights to send text messages to the chat"), "gone"),
    (Fault::Refusal(400, "Bad Request: CHAT_WRITE_FORBIDDEN"), "gone"),
    (Fault::Refusal(400, "Bad Request: BUTTON_DATA_INVALID"), "rejected"),
    (Fault::Refusal(400, "Bad Request: message is too long"), "rejected"),
    (Fault::Refusal(400, "Bad Request: message text is empty"), "rejected"),
    (Fault::Refusal(400, "Bad Request: something that nobody has seen yet"), "rejected"),
    (Fault::Raw(200, "{\"ok\":true,\"result\":{\"message_id\":"), "uncertain"),
    (Fault::Raw(200, "{\"ok\":true,\"result\":null}"), "uncertain"),
    (Fault::Raw(200, "<html>a proxy's own page</html>"), "uncertain"),
    (Fault::Raw(302, ""), "uncertain"),
    (Fault::Raw(418, ""), "uncertain"),
    (Fault::ResetBefore, "uncertain"),
    (Fault::ResetAfter, "uncertain"),
];

const EDIT: &[(Fault, &str)] = &[
    (Fault::Refusal(400, NOT_MODIFIED), "sent"),
    (Fault::Refusal(400, "Bad Request: message to edit not found"), "edit lost"),
    (Fault::Refusal(400, "Bad Request: MESSAGE_ID_INVALID"), "edit lost"),
    (Fault::Refusal(400, "Bad Request: message can't be edited"), "edit lost"),
];

#[tokio::test]
async fn every_answer_has_its_verdict() {
    let fake = Fake::start().await;
    let telegram = adapter(&fake, false);
    let Verdict::Sent(receipt) = telegram.send(&line("77", "first")).await else { panic!() };
    for (fault, wanted) in EITHER {
        fake.fails("sendMessage", fault.clone());
        let verdict = telegram.send(&line("77", "hello")).await;
        assert_eq!(kind(&verdict), *wanted, "send: {fault:?} gave {verdict:?}");
    }
    for (fault, wanted) in EITHER.iter().chain(EDIT) {
        fake.fails("editMessageText", fault.clone());
        let verdict = telegram.edit(&line("77", "hello"), &receipt).await;
        assert_eq!(kind(&verdict), *wanted, "edit: {fault:?} gave {verdict:?}");
    }
    fake.fails("sendMessage", Fault::Wait(7));
    let verdict = telegram.send(&line("77", "hello")).await;
    assert!(matches!(verdict, Verdict::Retry { after: Some(after), .. } if after == Span::secs(7)), "{verdict:?}");
    fake.fails("sendMessage", Fault::Migrated(-100_200));
    assert_eq!(telegram.send(&line("-5", "hello")).await, Verdict::Moved("-100200".into()));
}

#[tokio::test]
async fn a_server_in_trouble_leaves_it_open_whether_the_message_arrived() {
    let fake = Fake::start().await;
    let telegram = adapter(&fake, false);
    // The client waits ten seconds after each of these, so they go at the same time.
    let broken = [
        (1, Fault::Raw(502, "<html>Bad Gateway</html>")),
        (2, Fault::Refusal(500, "Internal Server Error")),
        (3, Fault::Silence),
    ];
    for (chat, fault) in &broken {
        fake.fails_in(*chat, "sendMessage", fault.clone());
    }
    let send = async |chat: &str| kind(&telegram.send(&line(chat, "hello")).await);
    let verdicts = tokio::join!(send("1"), send("2"), send("3"));
    assert_eq!(verdicts, ("uncertain", "uncertain", "uncertain"));
}

#[tokio::test]
async fn what_was_never_written_has_not_arrived() {
    let telegram = adapter_at("http://127.0.0.1:1", false);
    assert_eq!(kind(&telegram.send(&line("77", "hello")).await), "not sent");
    assert_eq!(kind(&telegram.edit(&line("77", "hello"), "1").await), "not sent");
    for nowhere in ["", "ana", "77/", "77/x", "@crew", "1e3"] {
        assert_eq!(kind(&telegram.send(&line(nowhere, "hello")).await), "rejected", "{nowhere}");
    }
    assert_eq!(kind(&telegram.edit(&line("77", "hello"), "no number").await), "edit lost");
}

#[tokio::test]
async fn one_button_or_byte_too_many_is_refused_for_good() {
    let fake = Fake::start().await;
    let telegram = adapter(&fake, false);
    for (count, bytes) in [(101, 64), (1, 65)] {
        let out = sereno::channel::Outgoing { buttons: buttons(count, bytes), ..line("77", "It asks") };
        assert_eq!(kind(&telegram.send(&out).await), "rejected", "{count} × {bytes}");
    }
    assert_eq!(fake.chat(77).len(), 0);
}

#[tokio::test]
async fn a_deleted_message_is_lost_to_edits() {
    let fake = Fake::start().await;
    let telegram = adapter(&fake, false);
    let Verdict::Sent(receipt) = telegram.send(&line("77", "first")).await else { panic!() };
    fake.deletes(77, receipt.parse().unwrap());
    assert_eq!(telegram.edit(&line("77", "second"), &receipt).await, Verdict::EditLost);
}

#[tokio::test]
async fn words_get_through_when_the_markup_is_refused() {
    let fake = Fake::start().await;
    let telegram = adapter(&fake, false);
    let doc = Doc {
        title: vec![Text::Text("It asks".into())],
        blocks: vec![Block::Code("a < b".into()), Block::Line(vec![Text::Strong("now".into())])],
    };
    let refusal = "Bad Request: can't parse entities: Unsupported start tag \"b\" at byte offset 3";
    fake.fails("sendMessage", Fault::Refusal(400, refusal));
    let Verdict::Sent(receipt) = telegram.send(&message("77", doc.clone())).await else { panic!() };
    assert_eq!(fake.newest(77).text, "It asks\n    a < b\nnow");
    assert!(fake.newest(77).entities.is_empty());
    fake.fails("editMessageText", Fault::Refusal(400, refusal));
    let verdict = telegram.edit(&message("77", Doc { blocks: Vec::new(), ..doc }), &receipt).await;
    assert_eq!(verdict, Verdict::Sent(receipt));
    assert_eq!(fake.newest(77).text, "It asks");
}

#[tokio::test]
async fn an_answer_to_a_tap_is_at_most_200_characters() {
    let fake = Fake::start().await;
    let telegram = adapter(&fake, false);
    let Verdict::Sent(_) = telegram.send(&line("77", "first")).await else { panic!() };
    for length in [199, 200, 201, 5000] {
        let update = fake.tap("77", 77, &fake.newest(77), "x");
        let query = update["callback_query"]["id"].as_str().unwrap();
        telegram.answer(query, &"ñ".repeat(length), true).await;
        let toast = fake.memory().toasts.pop().unwrap();
        assert_eq!(toast.text.chars().count(), length.min(200));
        assert_eq!(toast.text.ends_with('…'), length > 200);
        assert!(toast.alert);
    }
    // Whoever tapped long ago is not there to be told any more: nothing happens.
    telegram.answer("query-0", "too late", false).await;
    assert!(fake.memory().toasts.is_empty());
}

#[tokio::test]
async fn topics_are_part_of_the_conversation() {
    let fake = Fake::start().await;
    let telegram = adapter(&fake, false);
    for (target, topic) in [("-100500/7", Some(7)), ("-100500", None)] {
        let Verdict::Sent(_) = telegram.send(&line(target, "hello")).await else { panic!() };
        assert_eq!(fake.newest(-100_500).topic, topic);
    }
}

#[tokio::test]
async fn the_menu_is_the_catalogue_in_both_languages() {
    let fake = Fake::start().await;
    adapter(&fake, false).prepare().await.unwrap();
    let memory = fake.memory();
    for (code, lang) in [("", Lang::En), ("es", Lang::Es)] {
        let listed = sereno::core::command::CATALOGUE.listed();
        let wanted: Vec<_> = listed.map(|spec| (spec.name.clone(), spec.texts(lang).summary.clone())).collect();
        assert!(wanted.len() > 10);
        assert_eq!(memory.commands[code], wanted);
    }
    assert_eq!(memory.commands.len(), 2);
}
