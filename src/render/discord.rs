//! Discord's Markdown: what could be active is escaped, and code cannot be left from the inside.
//!
//! <https://discord.com/developers/docs/reference#message-formatting>. A backslash takes the meaning from the sign
//! after it and is not shown. In code nothing is active but the backticks that end it: runs of them are interrupted
//! by a zero width space, which can be told from text because hidden characters of text are always shown.

use super::markup::{Block, Doc, Span, text_of};
use crate::core::text::{clip, utf16_len};

/// Characters of the title: even if each of them is escaped, it fits the 2000 of a message's content.
const TITLE: usize = 400;
/// UTF-16 units of an embed's description. <https://discord.com/developers/docs/resources/message#embed-object>
const DESCRIPTION: usize = 4096;
/// Stands between two marks without being seen.
const NOTHING: char = '\u{200B}';

/// A message as Discord takes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DiscordText {
    /// The line that stands on the lock screen, for the content.
    pub title: String,
    /// Everything else, for the description of an embed.
    pub body: String,
    /// No block of code was left out.
    pub whole: bool,
}

/// A message in Discord's Markdown, with at most `limit` UTF-16 units of text that is seen. What does not fit is
/// left out in whole blocks from the end, with a sign; blocks of code are kept as long as anything is, because a
/// shown action must be whole or not shown at all.
pub fn discord(doc: &Doc, limit: usize) -> DiscordText {
    let seen = clip(&text_of(&doc.title), TITLE);
    let mut blocks: Vec<(&Block, String)> = doc.blocks.iter().map(|block| (block, drawn(block))).collect();
    let (mut cut, mut whole) = (false, true);
    while utf16_len(&seen) + seen_length(&blocks) > limit || drawn_length(&blocks) > DESCRIPTION {
        let last_prose = blocks.iter().rposition(|(block, _)| !matches!(block, Block::Code(_)));
        let Some(at) = last_prose.or_else(|| blocks.len().checked_sub(1)) else { break };
        whole &= !matches!(blocks.remove(at).0, Block::Code(_));
        cut = true;
    }
    let mut lines: Vec<String> = blocks.into_iter().map(|(_, text)| text).collect();
    if cut {
        lines.push("…".into());
    }
    DiscordText { title: strong(&seen), body: lines.join("\n"), whole }
}

/// Text of which nothing is active, for a message without any markup.
pub fn discord_escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    let mut start = true;
    for (at, c) in text.char_indices() {
        let rest = &text[at + c.len_utf8()..];
        if is_active(c, rest, start) || (c == '.' && ends_number(&text[..at])) {
            out.push('\\');
        }
        out.push(c);
        start = c == '\n' || (start && c == ' ');
    }
    out
}

/// Whether Discord would make something of a sign here. Headings, lists and quotations begin a line; mentions,
/// times, emoji and commands begin with an angle bracket; an address is one because of its colon.
fn is_active(c: char, rest: &str, start: bool) -> bool {
    let next = rest.chars().next();
    match c {
        '\\' | '`' | '*' | '_' | '~' | '|' | '[' | ']' => true,
        '<' => next.is_some_and(|n| n.is_ascii_alphabetic() || "@#:/!&".contains(n)),
        '@' => next.is_some_and(|n| n.is_alphanumeric() || "!&".contains(n)),
        ':' => rest.starts_with("//"),
        '#' | '-' | '+' | '>' => start,
        _ => false,
    }
}

/// Whether a line has held nothing but a number so far: with a full stop it would be a list.
fn ends_number(before: &str) -> bool {
    let line = before.rsplit('\n').next().unwrap_or_default().trim_start_matches(' ');
    !line.is_empty() && line.chars().all(|c| c.is_ascii_digit())
}

fn seen_length(blocks: &[(&Block, String)]) -> usize {
    let lengths = blocks.iter().map(|(block, _)| utf16_len(&block.seen()) + 1);
    lengths.sum::<usize>() + 2
}

fn drawn_length(blocks: &[(&Block, String)]) -> usize {
    let lengths = blocks.iter().map(|(_, drawn)| utf16_len(drawn) + 1);
    lengths.sum::<usize>() + 2
}

fn drawn(block: &Block) -> String {
    match block {
        Block::Line(spans) => inline(spans),
        Block::Field(label, value) => format!("{} {}", strong(&text_of(label)), inline(value)),
        Block::Item(spans) => format!("• {}", inline(spans)),
        Block::Quote(spans) => each_line("> ", &inline(spans)),
        Block::Note(spans) => each_line("-# ", &inline(spans)),
        Block::Code(text) => fenced(text),
        Block::Gap => String::new(),
    }
}

fn inline(spans: &[Span]) -> String {
    let mut out = String::new();
    let mut after_mark = false;
    for span in spans {
        let is_marked = matches!(span, Span::Strong(_) | Span::Code(_));
        // Two marks beside each other would be read as one.
        if after_mark && is_marked {
            out.push(NOTHING);
        }
        after_mark = is_marked;
        match span {
            Span::Text(text) => out.push_str(&discord_escape(text)),
            Span::Strong(text) => out.push_str(&strong(text)),
            Span::Code(text) => out.push_str(&code(text)),
            Span::Break => out.push_str(span.text()),
        }
    }
    out
}

fn strong(text: &str) -> String {
    if text.trim().is_empty() { text.to_owned() } else { format!("**{}**", discord_escape(text)) }
}

fn code(text: &str) -> String {
    if text.contains('`') {
        format!("``{NOTHING}{}{NOTHING}``", interrupted(text, 1))
    } else if text.trim().is_empty() {
        text.to_owned()
    } else {
        format!("`{text}`")
    }
}

fn fenced(text: &str) -> String {
    let text = if text.trim().is_empty() { " " } else { text };
    format!("```\n{}\n```", interrupted(text, 2))
}

/// Text in which at most `run` backticks follow each other.
fn interrupted(text: &str, run: usize) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    let mut ticks = 0;
    for c in text.chars() {
        ticks = if c == '`' { ticks + 1 } else { 0 };
        if ticks > run {
            out.push(NOTHING);
            ticks = 1;
        }
        out.push(c);
    }
    out
}

fn each_line(mark: &str, text: &str) -> String {
    text.split('\n').map(|line| format!("{mark}{line}")).collect::<Vec<_>>().join("\n")
}
