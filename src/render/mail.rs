//! E-mail: a text and a page without scripts, pictures or anything from elsewhere, of the same tree.
//!
//! Mail programs keep styles only where they stand on the element itself; the sheet in the head is for the dark alone.
//! They also make links of whatever looks like one, so texts are interrupted where an address would go on; the only
//! links are those that are handed in.

use std::sync::LazyLock;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, Value};
use minijinja::{AutoEscape, Environment, context};
use serde::Serialize;

use super::html::{escape, push_escaped};
use super::markup::{Block, Doc, Span, text_of};
use super::plain::plain;
use super::{FILES, Words};
use crate::core::message::ButtonStyle;
use crate::core::policy::Lang;

const LAYOUT: &str = "layout";

static LAYOUTS: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut env = Environment::new();
    env.set_auto_escape_callback(|_| AutoEscape::Html);
    let syntax = SyntaxConfig::builder().trim_blocks(true).build();
    env.set_syntax(syntax.expect("the standard delimiters are fine"));
    let text = FILES.get_file("email/layout.html").and_then(|file| file.contents_utf8()).unwrap_or_default();
    env.add_template(LAYOUT, text).unwrap_or_else(|e| panic!("email/layout.html: {e}"));
    env
});

/// A button of a mail: where a tap leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// What stands on it.
    pub label: String,
    /// Where it leads.
    pub href: String,
    /// How it looks.
    pub style: ButtonStyle,
}

/// A picture in a mail.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Inline<'a> {
    /// What the part that holds it is called.
    pub cid: &'a str,
    /// What it shows, in words. Hostile.
    pub alt: &'a str,
}

/// A link with its colours.
#[derive(Serialize)]
struct Painted<'a> {
    label: &'a str,
    /// Escaped, but for its slashes.
    href: Value,
    class: &'static str,
    edge: &'static str,
    ground: &'static str,
    ink: &'static str,
    above: u8,
}

/// The text of a mail.
pub fn mail_text(doc: &Doc, links: &[Link], lang: Lang) -> String {
    let words = Words::of(lang);
    let mut out = plain(doc);
    for link in links {
        out.push_str(&format!("\n\n{}:\n{}", link.label, link.href));
    }
    out.push_str("\n\n-- \n");
    if !links.is_empty() {
        out.push_str(words.get("mail.links"));
        out.push('\n');
    }
    out.push_str(words.get("mail.from"));
    out.push('\n');
    out
}

/// The page of a mail.
///
/// # Errors
/// When the layout is broken; a test draws it.
pub fn mail(
    doc: &Doc,
    shown: Option<Inline<'_>>,
    links: &[Link],
    lang: Lang,
    subject: &str,
) -> Result<String, minijinja::Error> {
    let first = doc.blocks.iter().map(text).find(|text| !text.trim().is_empty());
    let links: Vec<Painted<'_>> = links.iter().map(painted).collect();
    LAYOUTS.get_template(LAYOUT)?.render(context! {
        lang => lang.as_str(), subject, preheader => first.unwrap_or_default(), w => Value::from(Serde(&Words::of(lang).0)),
        doc => Value::from_safe_string(page(doc)), links => Value::from(Serde(&links)),
        shown => Value::from(Serde(&shown)),
    })
}

fn painted(link: &Link) -> Painted<'_> {
    // What cannot be taken back stands apart.
    let (class, edge, ground, ink, above) = match link.style {
        ButtonStyle::Plain => ("plain", "#565b63", "transparent", "#1b1d21", 12),
        ButtonStyle::Approve => ("approve", "#1f4e8c", "#1f4e8c", "#ffffff", 12),
        ButtonStyle::Danger => ("danger", "#a3211b", "transparent", "#a3211b", 24),
    };
    let href = Value::from_safe_string(escape(&link.href));
    Painted { label: &link.label, href, class, edge, ground, ink, above }
}

fn text(block: &Block) -> String {
    match block {
        Block::Line(spans) | Block::Item(spans) | Block::Quote(spans) | Block::Note(spans) => text_of(spans),
        Block::Field(label, value) => format!("{}: {}", text_of(label), text_of(value)),
        Block::Code(text) => text.lines().next().unwrap_or_default().to_owned(),
        Block::Gap => String::new(),
    }
}

const MONO: &str =
    "font-family:ui-monospace,Menlo,Consolas,monospace;font-size:14px;background-color:#f0eee9;color:#1b1d21";

fn page(doc: &Doc) -> String {
    let title = inline(&doc.title);
    let mut out = format!("<h1 style=\"margin:0 0 12px;font-size:18px;line-height:1.3\">{title}</h1>\n");
    for block in &doc.blocks {
        out.push_str(&match block {
            Block::Line(spans) => format!("<p style=\"margin:8px 0\">{}</p>", inline(spans)),
            Block::Field(label, value) => format!(
                "<p style=\"margin:6px 0\"><span class=\"soft\" style=\"color:#565b63\">{}</span>&nbsp; {}</p>",
                inline(label),
                inline(value)
            ),
            Block::Item(spans) => format!("<p style=\"margin:6px 0\">• {}</p>", inline(spans)),
            Block::Code(text) => format!(
                "<pre class=\"mono\" style=\"margin:12px 0;padding:10px;border:1px solid #d8d6d0;border-radius:6px;\
                 white-space:pre-wrap;overflow-wrap:anywhere;word-break:break-word;{MONO}\">{}</pre>",
                unlinked(text)
            ),
            Block::Quote(spans) => format!(
                "<blockquote class=\"soft\" style=\"margin:8px 0;padding:0 0 0 10px;border-left:3px solid #d8d6d0;\
                 color:#565b63\">{}</blockquote>",
                inline(spans)
            ),
            Block::Note(spans) => {
                format!("<p class=\"soft\" style=\"margin:8px 0;color:#565b63;font-size:14px\">{}</p>", inline(spans))
            }
            Block::Gap => continue,
        });
        out.push('\n');
    }
    out
}

fn inline(spans: &[Span]) -> String {
    spans
        .iter()
        .map(|span| match span {
            Span::Text(text) => unlinked(text),
            Span::Strong(text) => format!("<strong>{}</strong>", unlinked(text)),
            Span::Code(text) => {
                format!(
                    "<code class=\"mono\" style=\"padding:0 4px;border-radius:4px;{MONO}\">{}</code>",
                    unlinked(text)
                )
            }
            Span::Break => "<br>".to_owned(),
        })
        .collect()
}

/// Escaped text, interrupted inside of whatever a mail program could take for an address.
fn unlinked(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut before = ' ';
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        push_escaped(&mut out, c);
        let goes_on = rest.peek().is_some_and(|next| !next.is_whitespace());
        if matches!(c, '.' | ':' | '@') && !before.is_whitespace() && goes_on {
            out.push_str("<wbr>");
        }
        before = c;
    }
    out
}
