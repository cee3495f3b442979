//! Texts that want to be more than text on Discord: nothing of them is active, and nothing is changed.

use proptest::prelude::*;
use sereno::channel::{Channel as _, Verdict};
use sereno::core::policy::Lang;
use sereno::core::text::utf16_len;
use sereno::render::markup::{Block, Doc, Span};
use sereno::render::{RENDERER, Reader, discord, discord_escape};

use super::adapter;
use super::fake::{CHANNEL, Fake};
use super::markdown::read;
use crate::channel::contract::{everywhere, message};
use crate::render::scenes::all;

const HOSTILE: [&str; 43] = [
    "@everyone",
    "@here",
    "<@77>",
    "<@!77>",
    "<@&77>",
    "<#500>",
    "<:kill:77>",
    "<a:kill:77>",
    "<t:1790000000>",
    "<t:1790000000:R>",
    "</kill:77>",
    "</kill all:77>",
    "<id:customize>",
    "<id:browse>",
    "<https://evil.example>",
    "https://evil.example",
    "http://evil.example/@everyone",
    "see https://evil.example/a_b_c",
    "discord://evil",
    "[https://bank.example](https://evil.example)",
    "[click](<https://evil.example>)",
    "**bold**",
    "*italic*",
    "_italic_",
    "__under__",
    "~~gone~~",
    "||secret||",
    "***all***",
    "`code`",
    "``co`de``",
    "```sh rm -r / ```",
    "```",
    "\\```",
    "\\",
    "a\\",
    "\\*a\\*",
    "# heading",
    "## heading",
    "-# small",
    "> quoted",
    ">>> quoted",
    "- item",
    "1. item",
];

#[tokio::test]
async fn nobody_is_mentioned_and_nothing_is_a_link() {
    let fake = Fake::start().await;
    let discord = adapter(&fake);
    let send = async |what: &str| {
        let verdict = discord.send(&message("500", everywhere(what))).await;
        assert!(matches!(verdict, Verdict::Sent(_)), "{what}: {verdict:?}");
        let seen = fake.newest(CHANNEL);
        (seen.text, seen.markup)
    };
    let (text, markup) = send("QQQ").await;
    for hostile in HOSTILE {
        let wanted = text.replace("QQQ", hostile);
        assert_eq!(send(hostile).await, (wanted, markup.clone()), "{hostile}");
    }
}

/// Text of signs that mean something, and of some that do not.
fn signs() -> impl Strategy<Value = String> {
    "[-\\\\`*_~|<>@#:/\\[\\]().!&+a1 \\n]{0,24}"
}

proptest! {
    #[test]
    fn escaped_text_reads_as_it_was(text in signs()) {
        let read = read(&discord_escape(&text));
        prop_assert_eq!(read.text, text);
        prop_assert!(read.markup.is_empty(), "{:?}", read.markup);
    }

    #[test]
    fn code_reads_as_it_was(text in "[`\\\\a\\n ]{1,24}") {
        prop_assume!(!text.trim().is_empty() && !text.starts_with('\n') && !text.ends_with('\n'));
        let doc = Doc { title: vec![Span::Text("t".into())], blocks: vec![Block::Code(text.clone()), Block::Line(vec![Span::Code(text.replace('\n', " "))])] };
        let read = read(&discord(&doc, 4000).body);
        prop_assert_eq!(read.text, format!("{text}\n{}", text.replace('\n', " ")));
        prop_assert_eq!(read.markup, ["pre", "code"]);
    }
}

#[test]
fn every_scene_fits_a_message_of_discord() {
    for scene in all() {
        for lang in Lang::ALL {
            let reader = Reader { lang, tz: "UTC".into(), whole: scene.whole };
            let doc = RENDERER.draw(&scene.content, &reader, scene.now).unwrap();
            let text = discord(&doc, 4000);
            assert!(text.whole && utf16_len(&text.title) <= 2000 && utf16_len(&text.body) <= 4096, "{}", scene.name);
            let allowed = ["b", "code", "pre", "quote", "small"];
            let markup = [read(&text.title), read(&text.body)].into_iter().flat_map(|read| read.markup);
            let wrong: Vec<_> = markup.filter(|name| !allowed.contains(name)).collect();
            assert!(wrong.is_empty(), "{}: {wrong:?}", scene.name);
        }
    }
}
