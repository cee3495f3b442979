//! The dialects by themselves: tags that match, texts that cannot break out, and limits that hold.

use std::sync::LazyLock;

use proptest::prelude::*;
use regex::Regex;
use sereno::core::policy::Lang;
use sereno::core::text::utf16_len;
use sereno::render::markup::{CLOSE, OPEN, parse};
use sereno::render::{RENDERER, Reader, html, plain, telegram};

use super::scenes::all;
use crate::core::logs::for_all;

static TAG: LazyLock<Regex> = LazyLock::new(|| Regex::new("<(/?)([a-z0-9]+)[^>]*>").unwrap());

/// Text without tags, entities read back.
fn stripped(markup: &str) -> String {
    TAG.replace_all(markup, "")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&amp;", "&")
}

/// Every tag that is opened is closed, in order; nothing but `allowed` occurs.
fn assert_balanced(markup: &str, allowed: &[&str]) {
    let mut open = Vec::new();
    for tag in TAG.captures_iter(markup) {
        let name = tag[2].to_owned();
        assert!(allowed.contains(&name.as_str()), "<{name}> in {markup}");
        if name == "br" {
            continue;
        }
        if tag[1].is_empty() {
            open.push(name);
        } else {
            assert_eq!(open.pop(), Some(name), "{markup}");
        }
    }
    assert!(open.is_empty(), "{open:?} stays open in {markup}");
}

const TELEGRAM: &[&str] = &["b", "i", "code", "pre", "blockquote"];
const PAGE: &[&str] = &["h3", "p", "dl", "div", "dt", "dd", "ul", "li", "blockquote", "pre", "strong", "code", "br"];

#[test]
fn every_scene_is_well_formed_and_fits_a_message_of_telegram() {
    for scene in all() {
        for lang in Lang::ALL {
            let reader = Reader { lang, tz: "UTC".into(), whole: scene.whole };
            let doc = RENDERER.draw(&scene.content, &reader, scene.now).unwrap();
            let message = telegram(&doc, 4096);
            assert!(utf16_len(&stripped(&message)) <= 4096, "{} is too long", scene.name);
            assert_balanced(&message, TELEGRAM);
            assert_balanced(&html(&doc), PAGE);
            assert!(!plain(&doc).lines().any(|line| line.ends_with(' ')), "{}: {:?}", scene.name, plain(&doc));
        }
    }
}

#[test]
fn what_a_variable_holds_is_text_in_every_dialect() {
    for_all(1500, &(any::<String>(), "[-*`>~: <&/a]{0,30}"), |(any, marks)| {
        let value: String = format!("{any}{marks}").chars().filter(|c| *c != OPEN && *c != CLOSE).collect();
        let doc = parse(&format!(
            "Title {OPEN}{value}{CLOSE}\nLabel :: {OPEN}{value}{CLOSE}\n- **{OPEN}{value}{CLOSE}**\n```\n{OPEN}{value}{CLOSE}\n```"
        ));
        assert_eq!(doc.blocks.len(), 3, "{value:?} made blocks of its own: {doc:?}");
        assert_balanced(&telegram(&doc, 1_000_000), TELEGRAM);
        assert_balanced(&html(&doc), PAGE);
        assert!(stripped(&html(&doc)).contains(value.trim_end_matches('\n')), "{value:?}");
    });
}

#[test]
fn a_message_that_is_too_long_loses_whole_blocks_and_says_so() {
    let lines = "a line & <more>\n".repeat(400);
    let doc = parse(&format!("Title\n{lines}```\nthe command\n```\n"));
    for limit in [200, 1000, 4096] {
        let message = telegram(&doc, limit);
        assert!(utf16_len(&stripped(&message)) <= limit);
        assert!(message.ends_with('…') && message.contains("<pre>the command</pre>"), "{message}");
        assert_balanced(&message, TELEGRAM);
    }
}
