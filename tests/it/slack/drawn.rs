//! What is drawn for Slack: judged by Slack's own client, read by people, and never more than text.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::Value;
use sereno::channel::{Channel as _, SLACK_TEXT, Verdict};
use sereno::core::text::utf16_len;
use sereno::render::markup::{CLOSE, OPEN, parse};
use sereno::render::slack;

use super::fake::Fake;
use super::{adapter, blocks};
use crate::channel::contract::message;
use crate::core::logs::for_all;
use crate::render::scenes::outgoing;

/// What Slack's own client for Python finds wrong with each message.
fn judged(messages: &[Vec<Value>]) -> Vec<Vec<String>> {
    let python = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/.cache/python/bin/python");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/slack/judge.py");
    let mut judge = Command::new(python);
    let judge = judge.args([script, "blocks"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut judge = judge.spawn().expect("slack_sdk is there: run ./tests/run");
    let lines: Vec<String> = messages.iter().map(|blocks| Value::from(blocks.clone()).to_string()).collect();
    let mut input = judge.stdin.take().unwrap();
    let writer = std::thread::spawn(move || input.write_all(lines.join("\n").as_bytes()).unwrap());
    let said = judge.wait_with_output().unwrap();
    writer.join().unwrap();
    let lines = String::from_utf8(said.stdout).unwrap();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Every scene in every language as it arrives, with its buttons.
async fn arrived() -> Vec<(String, Vec<Value>)> {
    let fake = Fake::start().await;
    let channel = adapter(&fake);
    let mut arrived = Vec::new();
    for (name, out) in outgoing("C100") {
        let verdict = channel.send(&out).await;
        assert!(matches!(verdict, Verdict::Sent(_)), "{name}: {verdict:?}");
        arrived.push((name, fake.newest("C100").blocks));
    }
    arrived
}

#[tokio::test]
async fn every_message_is_what_slacks_own_client_would_send() {
    let (names, mut messages): (Vec<String>, Vec<Vec<Value>>) = arrived().await.into_iter().unzip();
    assert!(messages.len() > 100);
    // A judge that finds nothing anywhere would be no judge.
    let mut long = messages.iter().find(|blocks| !blocks::buttons(blocks).is_empty()).unwrap().clone();
    long.last_mut().unwrap()["elements"][0]["text"]["text"] = Value::from("x".repeat(76));
    messages.push(long);
    let said = judged(&messages);
    assert_eq!(said.len(), messages.len());
    for (name, faults) in names.iter().zip(&said) {
        assert!(faults.is_empty(), "{name}: {faults:?}");
    }
    assert_eq!(said.last().unwrap().as_slice(), ["actions: text attribute cannot exceed 75 characters"]);
}

#[tokio::test]
async fn messages_read_as_they_were_approved() {
    let wanted = ["approval.en", "approval-approved.es", "alert.en", "agents.es"];
    for (name, blocks) in arrived().await.into_iter().filter(|(name, _)| wanted.contains(&name.as_str())) {
        insta::assert_snapshot!(format!("slack-{name}"), serde_json::to_string_pretty(&blocks).unwrap());
    }
}

/// Texts that would call, link or format somewhere in Slack.
const MENTIONS: [&str; 40] = [
    "<!channel>",
    "<!here>",
    "<!everyone>",
    "<!channel|channel>",
    "<!here|@here>",
    "<!subteam^S012|@crew>",
    "<@U77>",
    "<@U77|ana>",
    "<@W77>",
    "<#C100>",
    "<#C100|agents>",
    "<https://evil.example|https://bank.example>",
    "<https://evil.example>",
    "https://evil.example",
    "www.evil.example",
    "<mailto:a@evil.example|a>",
    "<tel:112|112>",
    "<!date^1392734382^{date}^https://evil.example|today>",
    "@channel",
    "@here",
    "@everyone",
    "@ana",
    "#agents",
    "*bold*",
    "_italic_",
    "~strike~",
    "`code`",
    "```block```",
    "> quote",
    ">>> quote",
    "1. one",
    "- item",
    ":fire:",
    ":skin-tone-2:",
    "&lt;!channel&gt;",
    "&amp;lt;!channel&amp;gt;",
    "<!channel",
    "!channel>",
    "<<!channel>>",
    "[https://bank.example](https://evil.example)",
];

#[tokio::test]
async fn nothing_that_an_agent_writes_calls_links_or_formats() {
    let fake = Fake::start().await;
    let channel = adapter(&fake);
    for hostile in MENTIONS {
        let text = format!("{OPEN}{hostile}{CLOSE}");
        let doc = parse(&format!(
            "{text}\n{text}\nLabel :: {text}\n- {text}\n> {text}\n~ {text}\n**{text}** `{text}`\n```\n{text}\n```"
        ));
        let Verdict::Sent(_) = channel.send(&message("C100", doc.clone())).await else { panic!("{hostile}") };
        let sent = fake.newest("C100");
        // The fake takes no element but text, and no text object that is parsed.
        assert_eq!(sent.text().matches(hostile).count(), doc.blocks.len() + 2, "{hostile}: {}", sent.text());
        assert!(!sent.fallback.contains(['<', '>']), "{}", sent.fallback);
        let read_back = sent.fallback.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
        assert_eq!(read_back, hostile);
    }
}

#[test]
fn whatever_is_drawn_fits_and_is_nothing_but_text() {
    use proptest::prelude::*;
    for_all(400, &(any::<String>(), "[-*`>~: <&/a]{0,30}", 0..400_usize), |(any, marks, times)| {
        let value: String = format!("{any}{marks}").chars().filter(|c| *c != OPEN && *c != CLOSE).collect();
        let line = format!("{OPEN}{value}{CLOSE}");
        let lines = format!("{line}\n- {line}\n> {line}\n").repeat(times);
        let doc = parse(&format!("{line}\n{lines}```\n{line}\n```"));
        for limit in [200, SLACK_TEXT] {
            let drawn = slack(&doc, limit);
            for block in &drawn {
                assert_eq!(blocks::checked(block), Ok(()));
            }
            assert!(utf16_len(&blocks::text(&drawn)) <= limit, "{value:?} × {times}");
        }
    });
}
