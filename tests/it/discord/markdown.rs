//! Discord's Markdown, read as its clients read it: what people see, and everything that would be more than text.
//!
//! A backslash before a sign that is no letter, number or blank space takes its meaning away. Zero width spaces are
//! not seen. <https://support.discord.com/hc/en-us/articles/210298617>,
//! <https://discord.com/developers/docs/reference#message-formatting>

use std::sync::LazyLock;

use regex::Regex;

/// What people see of a text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parsed {
    pub text: String,
    /// What is more than text, in order: `b`, `code`, `pre`, `quote`, `small`, or what must not be there at all.
    pub markup: Vec<&'static str>,
}

macro_rules! pattern {
    ($name:ident, $text:literal) => {
        static $name: LazyLock<Regex> = LazyLock::new(|| Regex::new($text).unwrap());
    };
}

pattern!(FENCE, r"^```(?:[a-zA-Z0-9_+.\-]+?\n)?\n*((?s:[^\n].*?))\n*```");
pattern!(ANGLE, r"^<(?:@[!&]?\d+|#\d+|a?:\w+:\d+|t:-?\d+(?::[tTdDfFR])?|/[-\w ]+:\d+|id:\w+|https?://[^>\s]+)>");
pattern!(ADDRESS, r"^(?:https?|steam|discord)://[^\s<]+");
pattern!(EVERYONE, r"^@(?:everyone|here)\b");
pattern!(LINK, r"^\[[^\]\n]+\]\([^)\n]+\)");
pattern!(LIST, r"^(?:[-*+]|\d+\.) +\S");
pattern!(HEADING, r"^#{1,3} +\S");

/// Pairs of signs, the longer ones first.
const PAIRS: [(&str, &str); 7] =
    [("**", "b"), ("__", "u"), ("~~", "s"), ("||", "spoiler"), ("*", "i"), ("_", "i"), ("~", "s?")];

/// Reads a text.
pub fn read(text: &str) -> Parsed {
    let mut parsed = Parsed::default();
    scan(text, true, &mut parsed);
    parsed
}

fn scan(text: &str, mut start: bool, parsed: &mut Parsed) {
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if start && let Some(length) = begins_line(rest, parsed) {
            rest = &rest[length..];
            continue;
        }
        let length = step(rest, parsed);
        start = c == '\n' || (start && c == ' ');
        rest = &rest[length..];
    }
}

/// What begins a line, and how long its mark is.
fn begins_line(rest: &str, parsed: &mut Parsed) -> Option<usize> {
    for (mark, name) in [(">>> ", "quotes"), ("> ", "quote"), ("-# ", "small")] {
        if rest.starts_with(mark) {
            parsed.markup.push(name);
            return Some(mark.len());
        }
    }
    for (pattern, name) in [(&HEADING, "heading"), (&LIST, "list")] {
        if pattern.is_match(rest) {
            parsed.markup.push(name);
        }
    }
    None
}

/// Reads one thing; how long it was written.
fn step(rest: &str, parsed: &mut Parsed) -> usize {
    let mut chars = rest.chars();
    let c = chars.next().unwrap();
    match (c, chars.next()) {
        ('\\', Some(next)) if !next.is_alphanumeric() && !next.is_whitespace() => {
            parsed.text.push(next);
            return 1 + next.len_utf8();
        }
        ('\u{200B}', _) => return c.len_utf8(),
        _ => {}
    }
    if let Some(found) = FENCE.captures(rest) {
        parsed.markup.push("pre");
        parsed.text.push_str(&found[1].replace('\u{200B}', ""));
        return found[0].len();
    }
    if c == '`'
        && let Some(length) = inline_code(rest, parsed)
    {
        return length;
    }
    for (pattern, name) in [(&ANGLE, "mention"), (&ADDRESS, "link"), (&EVERYONE, "everyone"), (&LINK, "link")] {
        if let Some(found) = pattern.find(rest) {
            parsed.markup.push(name);
            parsed.text.push_str(found.as_str());
            return found.len();
        }
    }
    for (mark, name) in PAIRS {
        if let Some(inner) = rest.strip_prefix(mark).and_then(|tail| enclosed(tail, mark)) {
            parsed.markup.push(name);
            scan(inner, false, parsed);
            return inner.len() + 2 * mark.len();
        }
    }
    parsed.text.push(c);
    c.len_utf8()
}

/// Code between two runs of backticks of the same length.
fn inline_code(rest: &str, parsed: &mut Parsed) -> Option<usize> {
    let run = rest.len() - rest.trim_start_matches('`').len();
    let inside = &rest[run..];
    let mut at = 0;
    loop {
        let from = at + inside[at..].find('`')?;
        let length = inside[from..].len() - inside[from..].trim_start_matches('`').len();
        if length == run && from > 0 {
            parsed.markup.push("code");
            parsed.text.push_str(&inside[..from].replace('\u{200B}', ""));
            return Some(from + 2 * run);
        }
        at = from + length;
    }
}

/// What stands before the next `mark` that is not escaped.
fn enclosed<'a>(text: &'a str, mark: &str) -> Option<&'a str> {
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        if c == '\\' {
            chars.next();
        } else if at > 0 && text[at..].starts_with(mark) && !text[at + mark.len()..].starts_with(&mark[..1]) {
            return Some(&text[..at]);
        }
    }
    None
}

#[test]
fn everything_that_can_be_active_is_seen() {
    let seen = |text: &str| (read(text).text, read(text).markup);
    assert_eq!(seen(r"\*a\* \_b\_ \`c\` \<@1> \# d"), ("*a* _b_ `c` <@1> # d".into(), vec![]));
    assert_eq!(seen("**a `b` c**\n```\nd ** e\n```"), ("a b c\nd ** e".into(), vec!["b", "code", "pre"]));
    assert_eq!(seen("> a\n-# b"), ("a\nb".into(), vec!["quote", "small"]));
    for (text, name) in [
        ("*a*", "i"),
        ("__a__", "u"),
        ("~~a~~", "s"),
        ("||a||", "spoiler"),
        ("[a](https://evil.example)", "link"),
        ("see https://evil.example", "link"),
        ("<https://evil.example>", "mention"),
        ("<@1>", "mention"),
        ("<@&1>", "mention"),
        ("<#1>", "mention"),
        ("<:a:1>", "mention"),
        ("<t:1:R>", "mention"),
        ("</kill:1>", "mention"),
        ("@everyone", "everyone"),
        ("# a", "heading"),
        ("a\n- b", "list"),
        ("  1. b", "list"),
        (">>> a", "quotes"),
    ] {
        assert_eq!(read(text).markup, [name], "{text}");
    }
}
