//! Plain text: the log, notifications, screen readers.

use super::markup::{Block, Doc, text_of};
use crate::core::text;

/// A message as plain text.
pub fn plain(doc: &Doc) -> String {
    let mut out = text_of(&doc.title);
    for block in &doc.blocks {
        out.push('\n');
        match block {
            Block::Line(spans) => out.push_str(&text_of(spans)),
            Block::Field(label, value) => {
                out.push_str(&format!("{}: {}", text_of(label), text_of(value)));
            }
            Block::Item(spans) => out.push_str(&format!("- {}", text_of(spans))),
            Block::Quote(spans) => out.push_str(&format!("> {}", text_of(spans))),
            Block::Note(spans) => out.push_str(&text_of(spans)),
            Block::Code(text) => {
                let lines: Vec<String> = text.lines().map(|line| format!("    {line}")).collect();
                out.push_str(&lines.join("\n"));
            }
            Block::Gap => {}
        }
    }
    out
}

/// As much of a message as fits, as plain text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Its first line.
    pub title: String,
    /// Everything else.
    pub text: String,
    /// Something is missing.
    pub cut: bool,
}

/// A title longer than this is cut: more than any lock screen shows.
const TITLE: usize = 200;

/// As much of a message as `fits`, which is asked of title, text, and whether something is missing. What does not fit
/// is left out in whole blocks from the end; blocks of code are kept as long as anything is, because a shown action must
/// be whole or not shown at all.
pub fn plain_within(doc: &Doc, fits: impl Fn(&str, &str, bool) -> bool) -> Shown {
    let full = text_of(&doc.title);
    let title = text::clip(&full, TITLE);
    let mut cut = title != full;
    let mut blocks = doc.blocks.clone();
    loop {
        let rest = plain(&Doc { title: Vec::new(), blocks: blocks.clone() });
        let text = rest.strip_prefix('\n').unwrap_or(&rest).to_owned();
        if blocks.is_empty() || fits(&title, &text, cut) {
            return Shown { title, text, cut };
        }
        let last_prose = blocks.iter().rposition(|block| !matches!(block, Block::Code(_)));
        blocks.remove(last_prose.unwrap_or(blocks.len() - 1));
        cut = true;
    }
}
