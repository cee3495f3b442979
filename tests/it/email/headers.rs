//! Headers that no text can add to: whatever agents call themselves, the reader sees exactly those that we wrote.

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use sereno::channel::{Channel as _, Outgoing, Verdict};
use sereno::render::markup::{Block, Doc, Span};

use super::{ANA, adapter, plain_post};
use crate::channel::contract::message;

/// Every header of a mail that begins a thread, in order.
const HEADERS: [&str; 9] = [
    "Date",
    "From",
    "To",
    "Subject",
    "Message-ID",
    "Auto-Submitted",
    "X-Auto-Response-Suppress",
    "MIME-Version",
    "Content-Type",
];

/// Texts out of what headers and parts are made of.
fn hostile() -> impl Strategy<Value = String> {
    let pieces = prop_oneof![
        Just("\r\n".to_owned()),
        Just("\n".to_owned()),
        Just("\r".to_owned()),
        Just("\r\n\r\n".to_owned()),
        Just("\r\n.\r\n".to_owned()),
        Just("Bcc: eve@evil.example".to_owned()),
        Just("Subject: another".to_owned()),
        Just("Content-Type: text/html".to_owned()),
        Just("--sereno-".to_owned()),
        Just("=?utf-8?q?=0d=0aBcc:=20eve@evil.example?=".to_owned()),
        Just("\u{2028}\u{85}\u{0}\u{b}\u{c}".to_owned()),
        Just("x".repeat(1200)),
        "\\PC{0,40}",
        any::<String>(),
    ];
    prop::collection::vec(pieces, 1..6).prop_map(|pieces| pieces.concat())
}

#[tokio::test]
async fn no_text_adds_a_header_a_reader_or_a_part() {
    let post = plain_post();
    let channel = adapter(&post);
    let mut runner = TestRunner::new_with_rng(Config::default(), TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let cases = 400;
    let mut texts = Vec::new();
    for _ in 0..cases {
        let text = hostile().new_tree(&mut runner).unwrap().current();
        let doc = Doc { title: vec![Span::Text(text.clone())], blocks: vec![Block::Code(text.clone())] };
        let under = Some(text.clone());
        let verdict = channel.send(&Outgoing { under, ..message(ANA, doc) }).await;
        assert!(matches!(verdict, Verdict::Sent(_)), "{text:?}: {verdict:?}");
        texts.push(text);
    }
    let mails = post.mails();
    assert_eq!(mails.len(), cases);
    for (mail, text) in mails.iter().zip(&texts) {
        let names: Vec<&str> = mail.headers.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, HEADERS, "{text:?}");
        assert_eq!((mail.to.as_slice(), mail.header("To")), (&[ANA.to_owned()][..], Some(ANA)), "{text:?}");
        assert_eq!(mail.header("From"), Some("sereno <sereno@example.org>"), "{text:?}");
        assert_eq!(mail.kinds, ["multipart/alternative", "text/plain", "text/html"], "{text:?}");
        assert_eq!(mail.defects, [""; 0], "{text:?}");
        assert!(!mail.subject().contains(|c: char| c.is_control()), "{text:?}");
        assert!(mail.subject().chars().count() <= 140, "{text:?}");
        let long = mail.raw.split(|byte| *byte == b'\n').any(|line| line.len() > 999);
        assert!(mail.raw.is_ascii() && !long, "{text:?}");
    }
}
