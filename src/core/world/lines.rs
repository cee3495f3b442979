//! The last lines of a session, for `/logs`: one piece of text and where each line in it ends.

use serde::{Deserialize, Serialize};

use crate::core::text;
use crate::core::time::Ts;

/// Lines that are shown.
const SHOWN: usize = 40;
/// Lines that may gather before the oldest of them are cut off together.
const SPARE: usize = 8;
/// Characters of a line, and of one part of it.
const LONGEST_LINE: usize = 300;
const LONGEST_PART: usize = 160;
/// Room is made in steps of so many bytes: most sessions say little.
const ROOM: usize = 128;

/// One line of a session's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// When.
    pub at: Ts,
    /// What. Hostile.
    pub text: String,
}

/// The last lines of a session, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lines {
    text: String,
    /// When each line was written, and where in `text` it ends.
    ends: Vec<(Ts, u32)>,
}

impl Lines {
    /// Adds a line of a word and parts.
    pub fn push<'a>(&mut self, at: Ts, word: &str, parts: impl Iterator<Item = &'a String>) {
        if self.ends.len() == SHOWN + SPARE {
            self.cut(SPARE);
        }
        let begin = self.text.len();
        self.append(word);
        for part in parts {
            self.append(" · ");
            if self.text.capacity() - self.text.len() < part.len() {
                self.text.reserve_exact(part.len().clamp(ROOM, 4 * LONGEST_PART));
            }
            text::push_clipped(&mut self.text, part, LONGEST_PART);
        }
        if self.text.len() - begin > LONGEST_LINE {
            self.clip(begin);
        }
        let end = u32::try_from(self.text.len()).expect("48 lines of 300 characters are short");
        if self.ends.len() == self.ends.capacity() {
            self.ends.reserve_exact(8);
        }
        self.ends.push((at, end));
    }

    /// At most `count` lines, the last ones, oldest first.
    pub fn last(&self, count: usize) -> impl Iterator<Item = LogLine> {
        let skip = self.ends.len().saturating_sub(count.min(SHOWN));
        let begins = std::iter::once(0).chain(self.ends.iter().map(|(_, end)| *end));
        let lines = begins.zip(&self.ends).skip(skip);
        lines.map(|(begin, (at, end))| {
            let text = self.text.get(begin as usize..*end as usize).unwrap_or_default();
            LogLine { at: *at, text: text.to_owned() }
        })
    }

    fn append(&mut self, text: &str) {
        if self.text.capacity() - self.text.len() < text.len() {
            self.text.reserve_exact(text.len().max(ROOM));
        }
        self.text.push_str(text);
    }

    /// Shortens the line that begins at `begin` to what a line may have.
    fn clip(&mut self, begin: usize) {
        let line = &self.text[begin..];
        if line.chars().nth(LONGEST_LINE).is_some() {
            let end = line.char_indices().nth(LONGEST_LINE - 1).map_or(0, |(at, _)| at);
            self.text.truncate(begin + end);
            self.text.push('…');
        }
    }

    fn cut(&mut self, count: usize) {
        let Some((_, cut)) = count.checked_sub(1).and_then(|last| self.ends.get(last)).copied() else { return };
        self.text.drain(..cut as usize);
        self.ends.drain(..count);
        for (_, end) in &mut self.ends {
            *end -= cut;
        }
    }
}
