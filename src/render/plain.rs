//! Plain text: the log, notifications, screen readers.

use super::markup::{Block, Doc, text_of};

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
