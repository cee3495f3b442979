//! What every channel promises, as checks that know no platform.
//!
//! A bench drives one channel and shows what people see there; each check sends through the real adapter
//! and compares. Whatever a policy says that a channel can do, it must do.

use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use axum::http::HeaderMap;
use sereno::channel::{About, Channel, DrawnButton, Outgoing, Push, Verdict};
use sereno::core::message::ButtonStyle;
use sereno::core::policy::Lang;
use sereno::core::text::utf16_len;
use sereno::core::time::Ts;
use sereno::render::markup::{Block, Doc, Span};

use super::watch::Watch;

/// What people see of one message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Its text.
    pub text: String,
    /// Its markup without any text, such as `b` or `pre`.
    pub markup: Vec<String>,
    /// Labels and tokens.
    pub buttons: Vec<(String, String)>,
    pub silent: bool,
    /// The message under which it hangs.
    pub under: Option<String>,
}

/// One channel with the platform behind it.
#[async_trait]
pub trait Bench: Send + Sync {
    fn channel(&self) -> &dyn Channel;

    /// A conversation that works.
    fn target(&self) -> &str;

    /// How many buttons the platform draws on one message.
    fn most_buttons(&self) -> usize {
        100
    }

    /// The messages there, in order, as they are now.
    fn seen(&self) -> Vec<Seen>;

    /// How many messages were ever posted there; a changed one counts once.
    fn posted(&self) -> usize;

    /// What must never be told.
    fn secrets(&self) -> Vec<String>;

    /// Whether a message can be sent without a sound.
    fn knows_silence(&self) -> bool {
        true
    }

    /// Whether what is sent twice under the same name shows once.
    fn shows_once(&self) -> bool {
        true
    }

    /// From now on nothing can be sent. Returns the errors that every call then gives.
    async fn breaks(&self) -> Vec<String>;
}

/// Where a text of somebody else can stand.
const MARK: &str = "QQQ";

/// Texts that try to be more than text.
const HOSTILE: [&str; 40] = [
    "<b>bold</b>",
    "</b></i></pre>",
    "<script>alert(1)</script>",
    "<a href=\"https://evil.example\">click</a>",
    "<img src=x onerror=alert(1)>",
    "<tg-spoiler>hidden</tg-spoiler>",
    "<blockquote>sereno says yes</blockquote>",
    "</code><b>approved</b><code>",
    "</pre>",
    "</article><button>✅</button>",
    "&lt;b&gt;",
    "&amp;",
    "&#60;b&#62;",
    "&#x3c;b&#x3e;",
    "&nbsp;&copy;&unknown;",
    "a & b",
    "1 < 2 > 0",
    "<",
    ">",
    "<<>>",
    "<!-- comment -->",
    "<![CDATA[x]]>",
    "<?php echo 1 ?>",
    "**bold** and __this__",
    "*bold* _it_ ~strike~ ||spoiler||",
    "`code` and ```fence```",
    "[link](https://evil.example)",
    "# heading",
    "- item :: field",
    "> quote",
    "{{ 7 * 7 }} {% raw %} ${x}",
    "%s %n %00 \\0 \\u003c",
    "'; DROP TABLE cards; --",
    "{\"json\": [1, 2]}",
    "\"quoted\" and 'single'",
    "C:\\Users\\<you>\\&co",
    "⟨U+202E⟩ is written, not shown",
    "👩‍👩‍👧‍👦 👍🏽 🇪🇸",
    "e\u{301} und ﷽ und 𝕿𝖊𝖝𝖙",
    "javascript:alert(1) data:text/html,<b>",
];

/// What calls people, rooms, groups or commands on one platform or another.
const MENTIONS: [&str; 20] = [
    "@everyone",
    "@here",
    "@channel",
    "@all",
    "@ana",
    "<@77>",
    "<@!77>",
    "<@&77>",
    "<#500>",
    "</kill:77>",
    "<@U77>",
    "<@U77|ana>",
    "<!channel>",
    "<!here|here>",
    "<!everyone>",
    "<!subteam^S1>",
    "<#C100|general>",
    "tg://user?id=77",
    "/kill@sereno_bot",
    "ana@example.org",
];

/// Where such a word can stand.
const PLACES: [(&str, &str); 25] = [
    ("", ""),
    ("*", "*"),
    ("_", "_"),
    ("**", "**"),
    ("~~", "~~"),
    ("||", "||"),
    ("`", "`"),
    ("\\", ""),
    ("\\\\", ""),
    ("(", ")"),
    ("[", "](https://evil.example)"),
    ("[ana](", ")"),
    ("<", ">"),
    ("<b>", "</b>"),
    ("<a href=\"", "\">ana</a>"),
    ("</code>", "<code>"),
    ("</pre>", "<pre>"),
    ("&lt;", "&gt;"),
    ("&amp;", ";"),
    ("&#60;", "&#62;"),
    ("\"", "\""),
    ("{{ ", " }}"),
    ("> ", ""),
    ("cc: ", ","),
    ("x", "x"),
];

fn text(text: impl Into<String>) -> Vec<Span> {
    vec![Span::Text(text.into())]
}

/// A message with the same text in every place that a text can have.
pub fn everywhere(what: &str) -> Doc {
    let own = |what: &str| what.to_owned();
    Doc {
        title: text(what),
        blocks: vec![
            Block::Line(vec![Span::Text(own(what)), Span::Strong(own(what)), Span::Code(own(what))]),
            Block::Field(text(what), text(what)),
            Block::Item(text(what)),
            Block::Code(own(what)),
            Block::Quote(text(what)),
            Block::Note(text(what)),
        ],
    }
}

/// A push of `body` that proves itself by nothing but `headers`.
pub fn push<'a>(headers: &'a HeaderMap, body: &'a [u8]) -> Push<'a> {
    Push { headers, body, now: Ts(1_790_000_000_000) }
}

/// A message to `target`, which is another one than all before it.
pub fn message(target: &str, doc: Doc) -> Outgoing {
    static ROWS: AtomicU64 = AtomicU64::new(1);
    Outgoing {
        id: format!("ob_{}", ROWS.fetch_add(1, Ordering::Relaxed)),
        copy: 1,
        version: 1,
        at: Ts(1_795_165_200_000),
        now: Ts(1_795_165_200_000),
        about: About::default(),
        lang: Lang::En,
        target: target.to_owned(),
        doc,
        picture: None,
        file: None,
        buttons: Vec::new(),
        silent: false,
        under: None,
        only: None,
        again: false,
    }
}

/// A message of one line.
pub fn line(target: &str, title: &str) -> Outgoing {
    message(target, Doc { title: text(title), blocks: Vec::new() })
}

/// What a verdict is in one word, with what is uncertain told apart.
pub fn word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Sent(_) => "sent",
        Verdict::Retry { uncertain: false, .. } => "retry",
        Verdict::Retry { .. } => "uncertain",
        Verdict::Gone(_) => "gone",
        Verdict::Rejected(_) => "rejected",
        Verdict::Locked(_) => "locked",
        other => panic!("{other:?}"),
    }
}

/// `count` buttons, each with a token of `bytes` bytes.
pub fn buttons(count: usize, bytes: usize) -> Vec<DrawnButton> {
    let button = |n: usize| DrawnButton {
        label: format!("✅ {n} <b>&"),
        token: format!("{n:0>bytes$}"),
        style: ButtonStyle::Plain,
        asks_why: false,
    };
    (1..=count).map(button).collect()
}

async fn sent(bench: &dyn Bench, out: &Outgoing) -> (String, Seen) {
    match bench.channel().send(out).await {
        Verdict::Sent(receipt) => (receipt, bench.seen().pop().unwrap()),
        other => panic!("{}: {other:?}", bench.channel().policy().kind),
    }
}

pub async fn hostile_text_is_text(bench: &dyn Bench) {
    let (_, harmless) = sent(bench, &message(bench.target(), everywhere(MARK))).await;
    for hostile in HOSTILE {
        let (_, seen) = sent(bench, &message(bench.target(), everywhere(hostile))).await;
        assert_eq!(seen.text, harmless.text.replace(MARK, hostile), "{hostile}");
        assert_eq!(seen.markup, harmless.markup, "{hostile}");
    }
}

/// Five hundred words that want to call somebody, three in a message: they are text, and nothing besides.
pub async fn nobody_is_called(bench: &dyn Bench) {
    let mentions = MENTIONS.iter().flat_map(|word| PLACES.map(|(before, after)| format!("{before}{word}{after}")));
    let mentions: Vec<String> = mentions.collect();
    assert_eq!(mentions.len(), 500);
    let doc =
        |what: &str| Doc { title: text(what), blocks: vec![Block::Line(text(what)), Block::Code(what.to_owned())] };
    let (_, harmless) = sent(bench, &message(bench.target(), doc(MARK))).await;
    for hostile in mentions.chunks(3) {
        let hostile = hostile.join(" ");
        let (_, seen) = sent(bench, &message(bench.target(), doc(&hostile))).await;
        assert_eq!(seen.text, harmless.text.replace(MARK, &hostile), "{hostile}");
        assert_eq!(seen.markup, harmless.markup, "{hostile}");
    }
}

pub async fn the_longest_text_fits_and_a_longer_one_still_says_something(bench: &dyn Bench) {
    let limit = bench.channel().policy().text_limit;
    let near = limit.unwrap_or(5_000);
    for unit in ["x", "é", "<", "&", "😀", "𝕿"] {
        for length in [near - 2, near - 1, near, near + 1, near + 2, 3 * near] {
            let body = unit.repeat(length / utf16_len(unit));
            let code = Block::Code(body.clone());
            for (blocks, title) in [(vec![code], "It asks"), (vec![Block::Line(text(&body))], "It says")] {
                let (_, seen) = sent(bench, &message(bench.target(), Doc { title: text(title), blocks })).await;
                assert!(limit.is_none_or(|limit| utf16_len(&seen.text) <= limit), "{unit} × {length}");
                assert!(seen.text.starts_with(title), "{unit} × {length}: {:.40}", seen.text);
                // A text is whole or not shown at all, and what is missing leaves a sign.
                assert!(seen.text.contains(&body) || seen.text.ends_with('…'), "{unit} × {length}");
                let roomy = limit.is_none_or(|limit| utf16_len(&body) + 64 <= limit);
                assert!(!roomy || seen.text.contains(&body), "{unit} × {length}");
            }
            let (_, seen) = sent(bench, &message(bench.target(), everywhere(&body))).await;
            assert!(limit.is_none_or(|limit| utf16_len(&seen.text) <= limit), "{unit} × {length} everywhere");
        }
    }
}

pub async fn buttons_and_tokens_arrive_as_they_are(bench: &dyn Bench) {
    if !bench.channel().policy().buttons {
        return buttons_are_left_out(bench).await;
    }
    for (count, bytes) in [(0, 1), (1, 1), (3, 27), (4, 63), (8, 64), (99, 64), (100, 64)] {
        let out = Outgoing { buttons: buttons(count, bytes), ..line(bench.target(), "It asks") };
        let (_, seen) = sent(bench, &out).await;
        let wanted = out.buttons.iter().take(bench.most_buttons()).map(|b| (b.label.clone(), b.token.clone()));
        assert_eq!(seen.buttons, wanted.collect::<Vec<_>>());
        // What is left out leaves a sign.
        assert_eq!(seen.text.ends_with('…'), count > bench.most_buttons());
    }
}

async fn buttons_are_left_out(bench: &dyn Bench) {
    let out = Outgoing { buttons: buttons(3, 27), ..line(bench.target(), "It asks") };
    assert_eq!(sent(bench, &out).await.1.buttons, []);
}

pub async fn silence_and_threads_are_carried_or_said_to_be_missing(bench: &dyn Bench) {
    for silent in [true, false] {
        let out = Outgoing { silent, ..line(bench.target(), "It is well") };
        assert_eq!(sent(bench, &out).await.1.silent, silent && bench.knows_silence());
    }
    let (parent, _) = sent(bench, &line(bench.target(), "It asks")).await;
    let out = Outgoing { under: Some(parent.clone()), ..line(bench.target(), "The whole text") };
    let (_, seen) = sent(bench, &out).await;
    let wanted = bench.channel().policy().threads.then_some(parent);
    assert_eq!(seen.under, wanted);
    // A parent that is not there any more keeps nothing from being said.
    let out = Outgoing { under: Some("999999".into()), ..line(bench.target(), "The whole text") };
    assert_eq!(sent(bench, &out).await.1.text, "The whole text");
}

pub async fn an_edit_changes_the_message_in_its_place_or_follows_it(bench: &dyn Bench) {
    if !bench.channel().policy().edits {
        return a_change_follows_in_the_same_thread(bench).await;
    }
    let first = Outgoing { buttons: buttons(2, 27), ..line(bench.target(), "It asks") };
    let (receipt, _) = sent(bench, &first).await;
    let (posted, count) = (bench.posted(), bench.seen().len());
    let second = line(bench.target(), "Approved by ana");
    // The second time it says so already: that is no failure and no second message.
    for _ in 0..2 {
        let verdict = bench.channel().edit(&second, &receipt).await;
        assert!(matches!(&verdict, Verdict::Sent(same) if *same == receipt) || verdict == Verdict::Unchanged);
        assert_eq!((bench.posted(), bench.seen().len()), (posted, count));
        let now = bench.seen().pop().unwrap();
        assert_eq!((now.text.as_str(), now.buttons.len()), ("Approved by ana", 0));
    }
    // A receipt is the name of the message, the same after every edit.
    let (other, _) = sent(bench, &Outgoing { copy: 2, ..line(bench.target(), "It asks") }).await;
    assert_ne!(other, receipt);
}

/// Where no message can be changed, a change is a message of its own, which hangs under the first one where any can.
async fn a_change_follows_in_the_same_thread(bench: &dyn Bench) {
    let policy = bench.channel().policy();
    let first = Outgoing { buttons: buttons(2, 27), ..line(bench.target(), "It asks") };
    let (receipt, asked) = sent(bench, &first).await;
    for (count, title) in [(1, "Approved by ana"), (2, "The agent did not get it")] {
        let change = Outgoing { version: 1 + count, ..line(bench.target(), title) };
        let posted = bench.posted();
        // What is sent again because nobody knows whether it arrived is the same message, and shows once.
        for _ in 0..=usize::from(bench.shows_once()) {
            assert_eq!(bench.channel().edit(&change, &receipt).await, Verdict::Sent(receipt.clone()));
            assert_eq!(bench.posted(), posted + 1);
        }
        let seen = bench.seen();
        let (newest, before) = (seen.last().unwrap(), &seen[seen.len() - 1 - count as usize]);
        assert_eq!((newest.text.as_str(), newest.buttons.len()), (title, 0));
        assert_eq!(newest.under.as_ref(), policy.threads.then_some(&receipt));
        assert_eq!(*before, asked, "what was sent stays as it was");
    }
    let (other, _) = sent(bench, &Outgoing { copy: 2, ..line(bench.target(), "It asks") }).await;
    assert_ne!(other, receipt);
}

pub async fn no_secret_is_told(bench: &dyn Bench) {
    let watch = Watch::start();
    let (receipt, _) = sent(bench, &line(bench.target(), "It asks")).await;
    let mut told = bench.breaks().await;
    let verdict = bench.channel().send(&line(bench.target(), "again")).await;
    told.push(format!("{verdict:?}"));
    told.push(format!("{:?}", bench.channel().edit(&line(bench.target(), "again"), &receipt).await));
    told.push(format!("{:?}", bench.channel().prepare().await));
    told.push(format!("{:?}", bench.channel().pushed(&push(&HeaderMap::new(), b"{}"))));
    bench.channel().answer("nobody", "hello", true).await;
    tracing::trace!(sign = "the watch is awake");
    told.extend(watch.lines());
    assert!(told.iter().any(|line| line.contains("the watch is awake")));
    for secret in bench.secrets() {
        assert!(secret.len() > 10);
        let leak = told.iter().find(|line| line.contains(&secret));
        assert_eq!(leak, None);
    }
}
