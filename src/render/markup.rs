//! The small markup of message templates, and the tree that it makes.
//!
//! ```text
//! The first line is the title: it alone stands on the lock screen.
//! Label :: value              a field
//! - text                      an item of a list
//!    text                      (indented) the next line of that item
//! > text                      a quotation: what an agent says
//! ~ text                      a footnote
//! ``` … ```                   a block as it is, monospaced
//! **strong** and `code`       inside a line
//! ```
//! Values of variables come between [`OPEN`] and [`CLOSE`]; what stands between them is text and
//! nothing else. Neither sign can come out of a variable, because private-use characters are escaped
//! there before.

/// Begins the value of a variable.
pub const OPEN: char = '\u{E000}';
/// Ends the value of a variable.
pub const CLOSE: char = '\u{E001}';

/// A message as a tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Doc {
    /// The line that stands on the lock screen.
    pub title: Vec<Span>,
    /// Everything else.
    pub blocks: Vec<Block>,
}

/// A part of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Block {
    /// A line of text.
    Line(Vec<Span>),
    /// A label and its value.
    Field(Vec<Span>, Vec<Span>),
    /// An item of a list.
    Item(Vec<Span>),
    /// Something that is shown as it is, monospaced.
    Code(String),
    /// What an agent says.
    Quote(Vec<Span>),
    /// Fine print.
    Note(Vec<Span>),
    /// Some distance.
    Gap,
}

/// A part of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Span {
    /// Text.
    Text(String),
    /// Emphasised text.
    Strong(String),
    /// Monospaced text.
    Code(String),
    /// The next line of the same item.
    Break,
}

impl Span {
    /// The text alone.
    pub fn text(&self) -> &str {
        match self {
            Self::Text(text) | Self::Strong(text) | Self::Code(text) => text,
            Self::Break => "\n   ",
        }
    }
}

impl Block {
    /// What is seen of it where it is drawn as a line of a chat, for counting.
    pub fn seen(&self) -> String {
        match self {
            Self::Line(spans) | Self::Quote(spans) | Self::Note(spans) => text_of(spans),
            Self::Field(label, value) => format!("{} {}", text_of(label), text_of(value)),
            Self::Item(spans) => format!("• {}", text_of(spans)),
            Self::Code(text) => text.clone(),
            Self::Gap => String::new(),
        }
    }
}

/// The text of spans alone.
pub fn text_of(spans: &[Span]) -> String {
    spans.iter().map(Span::text).collect()
}

/// A character, and whether it came from a variable.
type Char = (char, bool);

/// Reads a rendered template.
pub fn parse(text: &str) -> Doc {
    let mut doc = Doc::default();
    let mut code: Option<String> = None;
    let mut titled = false;
    for line in lines(text) {
        if plain(&line).trim() == "```" && line.iter().all(|(_, literal)| !literal) {
            match code.take() {
                Some(block) => doc.blocks.push(Block::Code(block.trim_end_matches('\n').to_owned())),
                None => code = Some(String::new()),
            }
            continue;
        }
        if let Some(block) = &mut code {
            block.extend(line.iter().map(|(c, _)| c));
            block.push('\n');
        } else if !titled {
            if line.iter().any(|(c, _)| !c.is_whitespace()) {
                doc.title = spans(trimmed(&line));
                titled = true;
            }
        } else if let (true, Some(Block::Item(item))) = (starts_with(&line, "   "), doc.blocks.last_mut()) {
            item.push(Span::Break);
            item.extend(spans(trimmed(&line)));
        } else {
            doc.blocks.push(block(&line));
        }
    }
    if let Some(block) = code {
        doc.blocks.push(Block::Code(block.trim_end_matches('\n').to_owned()));
    }
    doc.blocks.dedup_by(|a, b| *a == Block::Gap && *b == Block::Gap);
    while doc.blocks.last() == Some(&Block::Gap) {
        doc.blocks.pop();
    }
    if doc.blocks.first() == Some(&Block::Gap) {
        doc.blocks.remove(0);
    }
    doc
}

/// The text of one line of markup, without any marks.
pub fn inline_text(text: &str) -> String {
    lines(text).iter().map(|line| text_of(&spans(line))).collect::<Vec<_>>().join(" ")
}

/// Lines of the template; a line break inside a variable does not end one, except in a block.
fn lines(text: &str) -> Vec<Vec<Char>> {
    let mut lines = vec![Vec::new()];
    let mut literal = false;
    for c in text.chars() {
        match c {
            OPEN => literal = true,
            CLOSE => literal = false,
            '\n' if !literal => lines.push(Vec::new()),
            c => {
                if let Some(line) = lines.last_mut() {
                    line.push((c, literal));
                }
            }
        }
    }
    lines
}

fn plain(line: &[Char]) -> String {
    line.iter().map(|(c, _)| c).collect()
}

fn trimmed(line: &[Char]) -> &[Char] {
    let blank = |(c, literal): &Char| !literal && c.is_whitespace();
    let from = line.iter().position(|c| !blank(c)).unwrap_or(line.len());
    let to = line.iter().rposition(|c| !blank(c)).map_or(from, |at| at + 1);
    &line[from..to]
}

fn block(line: &[Char]) -> Block {
    let line = trimmed(line);
    if line.is_empty() {
        return Block::Gap;
    }
    for (mark, make) in [("- ", Block::Item as fn(Vec<Span>) -> Block), ("> ", Block::Quote), ("~ ", Block::Note)] {
        if starts_with(line, mark) {
            return make(spans(trimmed(&line[mark.chars().count()..])));
        }
    }
    match find(line, " :: ") {
        Some(at) => Block::Field(spans(trimmed(&line[..at])), spans(trimmed(&line[at + 4..]))),
        None => Block::Line(spans(line)),
    }
}

/// Whether `line` begins with a mark that the template wrote.
fn starts_with(line: &[Char], mark: &str) -> bool {
    let count = mark.chars().count();
    line.len() >= count && line.iter().zip(mark.chars()).all(|((c, literal), m)| !literal && *c == m)
}

/// Where a mark that the template wrote stands.
fn find(line: &[Char], mark: &str) -> Option<usize> {
    (0..line.len()).find(|at| starts_with(&line[*at..], mark))
}

fn spans(line: &[Char]) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    let mut rest = line;
    while !rest.is_empty() {
        let (span, taken) = if starts_with(rest, "**") {
            marked(rest, "**", Span::Strong)
        } else if starts_with(rest, "`") {
            marked(rest, "`", Span::Code)
        } else {
            (Span::Text(rest[0].0.to_string()), 1)
        };
        match (spans.last_mut(), &span) {
            (Some(Span::Text(before)), Span::Text(more)) => before.push_str(more),
            _ => spans.push(span),
        }
        rest = &rest[taken..];
    }
    spans
}

fn marked(rest: &[Char], mark: &str, make: fn(String) -> Span) -> (Span, usize) {
    let count = mark.chars().count();
    match find(&rest[count..], mark) {
        Some(at) => (make(plain(&rest[count..count + at])), at + 2 * count),
        None => (Span::Text(plain(&rest[..count])), count),
    }
}
