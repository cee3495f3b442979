//! One grammar for every channel: `/verb [target] [args] [for 30m] [key:value…]`.
//!
//! Names, aliases in any language and unique beginnings of them are accepted; a wrong word gets the
//! nearest suggestion. `ok 7K3F`, `sí 7K3F` and `no 7K3F …` decide an approval without a slash.

use std::collections::BTreeMap;

use super::catalogue::{CATALOGUE, Spec};
use crate::core::reason::Reason;
use crate::core::text::clip;
use crate::core::time::Span;

/// Keys that may be written as `key:value`.
const KEYS: &[&str] = &[
    "agent", "runtime", "task", "team", "session", "to", "by", "digest", "status", "via", "since", "role", "expires",
    "env", "lang", "tz", "format", "level", "quiet", "model",
];
/// After this key everything is one text.
const WHY: &str = "why:";

/// What stands after a command's name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// Words and quoted texts, in order.
    pub words: Vec<String>,
    /// `key:value` pairs.
    pub keys: BTreeMap<String, String>,
    /// `for 30m`.
    pub lasts: Option<Span>,
    /// Everything after `why:`.
    pub note: Option<String>,
    /// Everything before it, as it was written.
    pub said: String,
    /// The line as it was written, without the command's name.
    pub raw: String,
}

/// Keys behind which the name of something stands.
const NAMING: [&str; 6] = ["agent", "session", "task", "runtime", "team", "to"];
/// Characters of a name that is repeated.
const LONGEST_NAME: usize = 80;

impl Line {
    /// The word at `place`.
    pub fn word(&self, place: usize) -> Option<&str> {
        self.words.get(place).map(String::as_str)
    }

    /// The value of a key.
    pub fn key(&self, name: &str) -> Option<&str> {
        self.keys.get(name).map(String::as_str)
    }

    /// What was written for a thing: its own name where that stands in a place for names, else what stands in the
    /// first such place. Free text is no such place.
    pub fn typed(&self, thing: &str) -> String {
        let places = || NAMING.iter().filter_map(|key| self.key(key)).chain(self.word(0));
        let own = |word: &&str| word.rsplit('/').next().is_some_and(|name| name.eq_ignore_ascii_case(thing));
        clip(places().find(own).or_else(|| places().next()).unwrap_or_default(), LONGEST_NAME)
    }
}

/// What stands in `text` after its first `count` words, as it was written: free text is never searched for
/// keys and durations. Quotes around all of it are taken off.
pub fn after_words(text: &str, count: usize) -> &str {
    let mut rest = text.trim();
    for _ in 0..count {
        let mut in_quotes = false;
        let end = rest.find(|c: char| {
            in_quotes ^= is_quote(c);
            c.is_whitespace() && !in_quotes
        });
        rest = end.map_or("", |end| rest[end..].trim_start());
    }
    let inner = rest.strip_prefix(is_quote).and_then(|r| r.strip_suffix(is_quote));
    inner.filter(|inner| !inner.contains(is_quote)).unwrap_or(rest)
}

/// Whether a text is meant as a command: it begins with a slash, or decides by code.
pub fn is_command(text: &str) -> bool {
    let text = text.trim();
    text.starts_with('/') || spoken_decision(text).is_some()
}

/// Reads a line: which command, and with what.
///
/// # Errors
/// What is wrong with it, with the nearest command.
pub fn read(text: &str) -> Result<(&'static Spec, Line), Reason> {
    if let Some((name, rest)) = spoken_decision(text) {
        let spec = CATALOGUE.find(name).ok_or(Reason::NothingToDo)?;
        return Ok((spec, line(&rest)));
    }
    let text = text.trim().trim_start_matches('/').trim_start();
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    // Telegram writes `/agents@name_of_the_bot` in groups.
    let word = word.split('@').next().unwrap_or(word).to_lowercase();
    Ok((find(&word)?, line(rest)))
}

/// `ok 7K3F`, `sí 7K3F`, `no 7K3F toca producción`.
fn spoken_decision(text: &str) -> Option<(&'static str, String)> {
    let mut words = text.split_whitespace();
    let verb = words.next()?.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
    let name = match verb.as_str() {
        "ok" | "okay" | "yes" | "sí" | "si" => "approve",
        "no" => "deny",
        _ => return None,
    };
    let code = words.next()?.trim_matches(|c: char| !c.is_alphanumeric()).to_uppercase();
    let is_code = code.len() == 4 && code.bytes().all(|b| b.is_ascii_alphanumeric());
    let note: Vec<&str> = words.collect();
    let note = if note.is_empty() { String::new() } else { format!(" {WHY} {}", note.join(" ")) };
    is_code.then(|| (name, format!("{code}{note}")))
}

/// Whether a text only agrees. Under a card it is no reason to deny; it needs the code to approve.
pub fn only_agrees(text: &str) -> bool {
    let word = text.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
    matches!(word.as_str(), "ok" | "okay" | "yes" | "sí" | "si" | "")
}

fn find(word: &str) -> Result<&'static Spec, Reason> {
    let names = |spec: &'static Spec| std::iter::once(&spec.name).chain(&spec.aliases);
    let all = || CATALOGUE.0.iter();
    if let Some(exact) = all().find(|spec| names(spec).any(|name| name == word)) {
        return Ok(exact);
    }
    let begins: Vec<&Spec> =
        CATALOGUE.listed().filter(|spec| !word.is_empty() && names(spec).any(|name| name.starts_with(word))).collect();
    match begins.as_slice() {
        [one] => Ok(one),
        [] => {
            let near = all()
                .filter(|spec| !spec.hidden)
                .flat_map(|spec| names(spec).map(move |name| (distance(name, word), &spec.name)))
                .min()
                .filter(|(distance, name)| *distance <= 1 + name.len() / 3);
            Err(Reason::UnknownCommand { word: word.to_owned(), nearest: near.map(|(_, name)| name.clone()) })
        }
        many => Err(Reason::AmbiguousCommand {
            word: word.to_owned(),
            candidates: many.iter().map(|spec| spec.name.clone()).collect(),
        }),
    }
}

fn distance(name: &str, word: &str) -> usize {
    strsim::damerau_levenshtein(name, word)
}

/// Takes the words, pairs and texts of a line apart. Total: a missing quote ends at the line's end.
fn line(text: &str) -> Line {
    let raw = text.trim().to_owned();
    let (text, note) = match find_why(&raw) {
        Some(at) => (&raw[..at], Some(raw[at + WHY.len()..].trim().to_owned())),
        None => (raw.as_str(), None),
    };
    let note = note.filter(|n| !n.is_empty());
    let mut line = Line { note, said: text.trim().to_owned(), ..Line::default() };
    let mut words = split(text).into_iter().peekable();
    while let Some((word, was_quoted)) = words.next() {
        let pair = word
            .split_once(':')
            .filter(|(key, value)| !was_quoted && !value.is_empty() && KEYS.contains(&key.to_lowercase().as_str()));
        if let Some((key, value)) = pair {
            line.keys.insert(key.to_lowercase(), value.to_owned());
        } else if matches!(word.to_lowercase().as_str(), "for" | "por") && !was_quoted {
            match words.peek().and_then(|(next, _)| Span::parse(next).ok()) {
                Some(span) => {
                    line.lasts = Some(span);
                    words.next();
                }
                None => line.words.push(word),
            }
        } else {
            line.words.push(word);
        }
    }
    line.raw = raw;
    line
}

/// Where `why:` begins a word outside of quotes.
fn find_why(text: &str) -> Option<usize> {
    let (mut in_quotes, mut at_start) = (false, true);
    for (at, c) in text.char_indices() {
        if at_start && !in_quotes && text[at..].starts_with(WHY) {
            return Some(at);
        }
        in_quotes ^= is_quote(c);
        at_start = c.is_whitespace();
    }
    None
}

const fn is_quote(c: char) -> bool {
    matches!(c, '"' | '“' | '”')
}

/// Words, and texts in straight or curly double quotes; a phone writes the curly ones by itself. With each comes
/// whether it is in quotes from its beginning: the value of a key may be, and is a value all the same.
fn split(text: &str) -> Vec<(String, bool)> {
    let mut words = Vec::new();
    let mut word = String::new();
    let (mut in_quotes, mut quoted) = (false, false);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            // Twice in a text in quotes it stands for itself.
            c if is_quote(c) && in_quotes && chars.peek() == Some(&c) => word.extend(chars.next()),
            c if is_quote(c) => {
                in_quotes = !in_quotes;
                quoted |= word.is_empty();
            }
            c if c.is_whitespace() && !in_quotes => {
                if !word.is_empty() || quoted {
                    words.push((std::mem::take(&mut word), quoted));
                }
                quoted = false;
            }
            c => word.push(c),
        }
    }
    if !word.is_empty() || quoted {
        words.push((word, quoted));
    }
    words
}

/// A name as a command can hold it: in quotes where it might be read as something else, and quotes in it twice.
pub fn quoted(name: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
    if !name.is_empty() && name.chars().all(plain) {
        return name.to_owned();
    }
    let twice = |c| std::iter::repeat_n(c, if is_quote(c) { 2 } else { 1 });
    format!("\"{}\"", name.chars().flat_map(twice).collect::<String>())
}
