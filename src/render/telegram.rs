//! Telegram's HTML mode: only `&`, `<` and `>` need escaping, so no text can break a message.
//!
//! <https://core.telegram.org/bots/api#html-style>

use super::markup::{Block, Doc, Span, text_of};
use crate::core::text::utf16_len;

/// A message in Telegram's HTML, with at most `limit` UTF-16 units of text after its tags are taken
/// away. What does not fit is left out in whole blocks from the end, with a sign; blocks of code are
/// kept as long as anything is, because a shown action must be whole or not shown at all.
pub fn telegram(doc: &Doc, limit: usize) -> String {
    let mut blocks: Vec<&Block> = doc.blocks.iter().collect();
    let mut cut = false;
    while length(doc, &blocks) > limit {
        let last_prose = blocks.iter().rposition(|b| !matches!(b, Block::Code(_)));
        let Some(at) = last_prose.or_else(|| blocks.len().checked_sub(1)) else { break };
        blocks.remove(at);
        cut = true;
    }
    let mut out = format!("<b>{}</b>", escape(&clipped(&text_of(&doc.title), limit)));
    for block in blocks {
        out.push('\n');
        out.push_str(&drawn(block));
    }
    if cut {
        out.push_str("\n…");
    }
    out
}

fn length(doc: &Doc, blocks: &[&Block]) -> usize {
    let blocks = blocks.iter().map(|block| utf16_len(&block.seen()) + 1);
    utf16_len(&text_of(&doc.title)) + blocks.sum::<usize>() + 2
}

/// A character is at most two units; the sign that something is missing needs two more.
fn clipped(title: &str, limit: usize) -> String {
    crate::core::text::clip(title, limit / 2 - 1)
}

fn drawn(block: &Block) -> String {
    match block {
        Block::Line(spans) => inline(spans),
        Block::Field(label, value) => format!("<b>{}</b> {}", escape(&text_of(label)), inline(value)),
        Block::Item(spans) => format!("• {}", inline(spans)),
        Block::Quote(spans) => format!("<blockquote>{}</blockquote>", inline(spans)),
        Block::Note(spans) => format!("<i>{}</i>", escape(&text_of(spans))),
        Block::Code(text) => format!("<pre>{}</pre>", escape(text)),
        Block::Gap => String::new(),
    }
}

fn inline(spans: &[Span]) -> String {
    spans
        .iter()
        .map(|span| match span {
            Span::Text(text) => escape(text),
            Span::Strong(text) => format!("<b>{}</b>", escape(text)),
            Span::Code(text) => format!("<code>{}</code>", escape(text)),
            Span::Break => span.text().to_owned(),
        })
        .collect()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
