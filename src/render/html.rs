//! HTML for the phone page: elements and classes only, every text escaped here.

use super::markup::{Block, Doc, Span};

/// A message as HTML: a heading and what follows it.
pub fn html(doc: &Doc) -> String {
    let mut out = format!("<h3>{}</h3>", inline(&doc.title));
    let mut open = "";
    for block in &doc.blocks {
        let list = match block {
            Block::Field(..) => "dl",
            Block::Item(_) => "ul",
            _ => "",
        };
        if list != open {
            close(&mut out, open);
            if !list.is_empty() {
                out.push_str(&format!("<{list}>"));
            }
            open = list;
        }
        match block {
            Block::Line(spans) => out.push_str(&format!("<p>{}</p>", inline(spans))),
            Block::Field(label, value) => {
                out.push_str(&format!("<div><dt>{}</dt><dd>{}</dd></div>", inline(label), inline(value)));
            }
            Block::Item(spans) => out.push_str(&format!("<li>{}</li>", inline(spans))),
            Block::Quote(spans) => out.push_str(&format!("<blockquote>{}</blockquote>", inline(spans))),
            Block::Note(spans) => out.push_str(&format!("<p class=\"note\">{}</p>", inline(spans))),
            Block::Code(text) => {
                // Focusable, so that a keyboard can scroll a long command.
                out.push_str(&format!("<pre tabindex=\"0\">{}</pre>", escape(text)));
            }
            Block::Gap => {}
        }
    }
    close(&mut out, open);
    out
}

fn close(out: &mut String, list: &str) {
    if !list.is_empty() {
        out.push_str(&format!("</{list}>"));
    }
}

fn inline(spans: &[Span]) -> String {
    spans
        .iter()
        .map(|span| match span {
            Span::Text(text) => escape(text),
            Span::Strong(text) => format!("<strong>{}</strong>", escape(text)),
            Span::Code(text) => format!("<code>{}</code>", escape(text)),
            Span::Break => "<br>".to_owned(),
        })
        .collect()
}

/// Escapes text for HTML content and double-quoted attributes.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        push_escaped(&mut out, c);
    }
    out
}

/// Adds a character, escaped.
pub(super) fn push_escaped(out: &mut String, c: char) {
    match c {
        '&' => out.push_str("&amp;"),
        '<' => out.push_str("&lt;"),
        '>' => out.push_str("&gt;"),
        '"' => out.push_str("&quot;"),
        '\'' => out.push_str("&#39;"),
        c => out.push(c),
    }
}
