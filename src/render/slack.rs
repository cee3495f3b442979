//! Slack's Block Kit: a header and rich text, whose text elements are never parsed.
//!
//! Mentions, links and emoji are elements of their own there, and none is ever made here: whatever an agent wrote is
//! the content of a text element. <https://docs.slack.dev/reference/block-kit/blocks/rich-text-block>

use serde_json::{Value, json};

use super::markup::{Block, Doc, Span, text_of};
use super::plain;
use crate::core::text::{clip, utf16_len};

/// Characters of a header block. <https://docs.slack.dev/reference/block-kit/blocks/header-block>
const HEADER: usize = 150;

/// A message as blocks, with at most `limit` UTF-16 units of text. What does not fit is left out in whole parts from
/// the end, with a sign; code is kept as long as anything is, because a shown action must be whole or not shown at all.
pub fn slack(doc: &Doc, limit: usize) -> Vec<Value> {
    let (parts, cut) = fitting(doc, limit);
    let mut text = RichText::default();
    let title = text_of(&doc.title);
    let header = (1..=HEADER).contains(&title.chars().count());
    if !header {
        // A character is at most two units; the sign that something is missing needs two more.
        text.lines.push(vec![element(&clip(&title, limit / 2 - 1), Style::Bold)]);
    }
    for part in parts {
        text.add(part);
    }
    if cut {
        text.lines.push(vec![element("…", Style::None)]);
    }
    text.end_section();
    let mut blocks = Vec::new();
    if header {
        // Without `emoji`, what looks like one (`:fire:`) stays as it is.
        blocks.push(json!({ "type": "header", "text": { "type": "plain_text", "text": title, "emoji": false } }));
    }
    if !text.elements.is_empty() {
        blocks.push(json!({ "type": "rich_text", "elements": text.elements }));
    }
    blocks
}

/// A text where Slack parses its own markup: three characters begin all of it.
/// <https://docs.slack.dev/messaging/formatting-message-text#escaping>
pub fn escape_slack(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// The whole message as one text, for where blocks are refused, with at most `limit` characters before they are escaped.
pub fn slack_plain(doc: &Doc, limit: usize) -> String {
    escape_slack(&clip(&plain(doc), limit))
}

fn fitting(doc: &Doc, limit: usize) -> (Vec<&Block>, bool) {
    let mut parts: Vec<&Block> = doc.blocks.iter().collect();
    let mut total = units(&doc.title) + 2 + parts.iter().map(|part| length(part)).sum::<usize>();
    let mut cut = false;
    while total > limit {
        let last_prose = parts.iter().rposition(|part| !matches!(part, Block::Code(_)));
        let Some(at) = last_prose.or_else(|| parts.len().checked_sub(1)) else { break };
        total -= length(parts.remove(at));
        cut = true;
    }
    (parts, cut)
}

/// UTF-16 units of a part, with the break before it.
fn length(part: &Block) -> usize {
    1 + match part {
        Block::Line(spans) | Block::Quote(spans) | Block::Note(spans) => units(spans),
        Block::Item(spans) => 2 + units(spans),
        Block::Field(label, value) => units(label) + 1 + units(value),
        Block::Code(text) => utf16_len(text).max(1),
        Block::Gap => 0,
    }
}

/// What is empty is drawn as a space.
fn units(spans: &[Span]) -> usize {
    utf16_len(&text_of(spans)).max(1)
}

/// How a text looks.
#[derive(Clone, Copy)]
enum Style {
    None,
    Bold,
    Italic,
    Code,
}

/// A text element; Slack takes none that is empty.
fn element(text: &str, style: Style) -> Value {
    let text = if text.is_empty() { " " } else { text };
    let style = match style {
        Style::None => return json!({ "type": "text", "text": text }),
        Style::Bold => "bold",
        Style::Italic => "italic",
        Style::Code => "code",
    };
    json!({ "type": "text", "text": text, "style": { style: true } })
}

fn inline(spans: &[Span]) -> Vec<Value> {
    let drawn = spans.iter().filter(|span| !span.text().is_empty()).map(|span| match span {
        Span::Text(text) => element(text, Style::None),
        Span::Strong(text) => element(text, Style::Bold),
        Span::Code(text) => element(text, Style::Code),
        Span::Break => element("\n", Style::None),
    });
    let drawn: Vec<Value> = drawn.collect();
    if drawn.is_empty() { vec![element(" ", Style::None)] } else { drawn }
}

/// A rich text under way: elements that are done, and the lines of the section that is being written.
#[derive(Default)]
struct RichText {
    elements: Vec<Value>,
    lines: Vec<Vec<Value>>,
}

impl RichText {
    fn add(&mut self, part: &Block) {
        match part {
            Block::Line(spans) => self.lines.push(inline(spans)),
            Block::Note(spans) => self.lines.push(vec![element(&text_of(spans), Style::Italic)]),
            Block::Field(label, value) => {
                let mut line = vec![element(&text_of(label), Style::Bold), element(" ", Style::None)];
                line.extend(inline(value));
                self.lines.push(line);
            }
            Block::Gap => self.lines.push(Vec::new()),
            Block::Item(spans) => self.add_item(spans),
            Block::Quote(spans) => self.add_element("rich_text_quote", inline(spans)),
            Block::Code(text) => self.add_element("rich_text_preformatted", vec![element(text, Style::None)]),
        }
    }

    fn add_element(&mut self, kind: &str, elements: Vec<Value>) {
        self.end_section();
        self.elements.push(json!({ "type": kind, "elements": elements }));
    }

    fn add_item(&mut self, spans: &[Span]) {
        self.end_section();
        let item = json!({ "type": "rich_text_section", "elements": inline(spans) });
        let list = self.elements.last_mut().filter(|last| last["type"] == "rich_text_list");
        match list.and_then(|list| list["elements"].as_array_mut()) {
            Some(items) => items.push(item),
            None => self.elements.push(json!({ "type": "rich_text_list", "style": "bullet", "elements": [item] })),
        }
    }

    /// Distance at either end of a section is left out: what surrounds it keeps its own.
    fn end_section(&mut self) {
        let lines = std::mem::take(&mut self.lines);
        let from = lines.iter().position(|line| !line.is_empty()).unwrap_or(lines.len());
        let to = lines.iter().rposition(|line| !line.is_empty()).map_or(from, |at| at + 1);
        let mut elements = Vec::new();
        for (place, line) in lines[from..to].iter().enumerate() {
            if place > 0 {
                elements.push(element("\n", Style::None));
            }
            elements.extend(line.iter().cloned());
        }
        if !elements.is_empty() {
            self.elements.push(json!({ "type": "rich_text_section", "elements": elements }));
        }
    }
}
