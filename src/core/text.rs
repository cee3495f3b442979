//! Hostile text made safe to look at.
//!
//! Agents write whatever they like. This module turns characters that a person cannot see, or that
//! reorder what they see, into visible escapes (threats T09 and T10), and measures text the way the
//! platforms do. It knows nothing of any markup: escaping for a dialect is `render`'s business.

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

/// A run of spaces longer than this is shown as a count, so that padding cannot push danger out of view.
const SPACE_RUN: usize = 15;
/// The same for line breaks inside a block.
const BREAK_RUN: usize = 3;

/// Whether `c` is invisible or reorders its neighbours.
pub fn is_hidden(c: char) -> bool {
    use GeneralCategory as G;
    match c.general_category() {
        G::Control | G::Format | G::PrivateUse | G::Surrogate | G::Unassigned => true,
        G::LineSeparator | G::ParagraphSeparator => true,
        G::SpaceSeparator => c != ' ',
        // Variation selectors pick glyphs without being seen; U+FE0F only asks for the emoji form.
        _ => {
            matches!(c, '\u{180B}'..='\u{180F}' | '\u{FE00}'..='\u{FE0E}' | '\u{E0100}'..='\u{E01EF}' | '\u{034F}' | '\u{115F}' | '\u{1160}' | '\u{3164}' | '\u{FFA0}')
        }
    }
}

/// Whether `text` holds a character that [`one_line`] or [`block`] would escape.
pub fn has_hidden(text: &str) -> bool {
    text.chars().any(|c| c != '\n' && is_hidden(c))
}

/// `text` on one line: hidden characters and line breaks become visible escapes such as `⟨U+202E⟩`.
pub fn one_line(text: &str) -> String {
    visible(text, false)
}

/// `text` as a block: as [`one_line`], but line breaks stay, long runs of them being counted.
pub fn block(text: &str) -> String {
    visible(text, true)
}

fn visible(text: &str, multiline: bool) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            ' ' | '\n' => {
                let mut run = 1_usize;
                while chars.peek() == Some(&c) {
                    chars.next();
                    run += 1;
                }
                push_run(&mut out, c, run, multiline);
            }
            // The signs that this function writes must not be forgeable by its input.
            '⟨' | '␊' => push_escape(&mut out, c),
            c if is_hidden(c) => push_escape(&mut out, c),
            c => out.push(c),
        }
    }
    out
}

fn push_run(out: &mut String, c: char, run: usize, multiline: bool) {
    use std::fmt::Write;
    let (sign, limit, plain) = match c {
        ' ' => ('␠', SPACE_RUN, true),
        _ => ('␊', BREAK_RUN, multiline),
    };
    if run == 1 && !plain {
        out.push(sign);
    } else if plain && run <= limit {
        out.extend(std::iter::repeat_n(c, run));
    } else {
        let _ = write!(out, "⟨{sign}×{run}⟩");
    }
}

fn push_escape(out: &mut String, c: char) {
    use std::fmt::Write;
    let _ = write!(out, "⟨U+{:04X}⟩", u32::from(c));
}

/// Reads back what [`one_line`] or [`block`] wrote; used to prove that nothing is lost or forged.
pub fn reveal(shown: &str) -> String {
    let mut out = String::with_capacity(shown.len());
    let mut rest = shown;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        match c {
            '␊' => out.push('\n'),
            '⟨' => {
                if let Some((sign, tail)) = rest.split_once('⟩') {
                    out.push_str(&revealed(sign));
                    rest = tail;
                }
            }
            c => out.push(c),
        }
    }
    out
}

fn revealed(sign: &str) -> String {
    if let Some(hex) = sign.strip_prefix("U+") {
        let code = u32::from_str_radix(hex, 16).ok();
        return code.and_then(char::from_u32).map(String::from).unwrap_or_default();
    }
    let (what, run) = sign.split_once('×').unwrap_or((sign, "0"));
    let c = if what == "␠" { " " } else { "\n" };
    c.repeat(run.parse().unwrap_or(0))
}

/// Length in UTF-16 code units, which is what Telegram and browsers count.
pub fn utf16_len(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

/// At most `max` characters of `text`, the last one `…` when something was cut.
///
/// For previews only: an action that a person approves is never shown through this.
pub fn clip(text: &str, max: usize) -> String {
    let mut out = String::new();
    push_clipped(&mut out, text, max);
    out
}

/// Appends to `out` what [`clip`] makes of `text`.
pub fn push_clipped(out: &mut String, text: &str, max: usize) {
    let (head, tail) = clipped(text, max);
    out.push_str(head);
    out.push_str(tail);
}

/// What [`clip`] makes of `text`, in two pieces that need no room: the second is empty or `…`.
pub fn clipped(text: &str, max: usize) -> (&str, &'static str) {
    // A text of at most `max` bytes has at most `max` characters.
    if text.len() <= max || text.chars().nth(max).is_none() {
        return (text, "");
    }
    let end = text.char_indices().nth(max.saturating_sub(1)).map_or(0, |(at, _)| at);
    (&text[..end], "…")
}
