//! The last lines of a session, for `/logs`: one piece of text and where each line in it ends.
//!
//! Sessions are many and most of their lines are never looked at, so they share a small room: what one message to a
//! chat can show.

use serde::{Deserialize, Serialize};

use crate::core::text;
use crate::core::time::Ts;

/// Lines that are shown.
const SHOWN: usize = 40;
/// Lines that may gather before the oldest of them are cut off together.
const SPARE: usize = 8;
/// Bytes that the lines of a session may have together, as a message on Telegram has characters …
const MOST_TEXT: usize = 4096;
/// … and down to how many they are cut once there would be more, so that not every line cuts again.
const CUT_TEXT: usize = MOST_TEXT - MOST_TEXT / 8;
/// Characters of a line, and of one part of it.
const LONGEST_LINE: usize = 300;
const LONGEST_PART: usize = 160;
/// What stands between its parts.
const BETWEEN: &str = " · ";
/// Room for text and for ends is made in steps of so many bytes and lines: most sessions say little.
const ROOM: usize = 64;
const ROOM_ENDS: usize = 4;

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
    pub fn push<'a>(&mut self, at: Ts, word: &str, parts: impl Iterator<Item = &'a String> + Clone) {
        let parts = parts.map(|part| text::clipped(part, LONGEST_PART));
        let length = |(head, tail): (&str, &str)| BETWEEN.len() + head.len() + tail.len();
        self.make_room(word.len() + parts.clone().map(length).sum::<usize>());
        let begin = self.text.len();
        self.text.push_str(word);
        for (head, tail) in parts {
            for piece in [BETWEEN, head, tail] {
                self.text.push_str(piece);
            }
        }
        if self.text.len() - begin > LONGEST_LINE {
            self.clip(begin);
        }
        let end = u32::try_from(self.text.len()).expect("48 lines of 300 characters are short");
        self.ends.push((at, end));
    }

    /// Cuts off what is too old, or too much beside a new line of `length` bytes, and makes no more room than it needs.
    fn make_room(&mut self, length: usize) {
        if self.ends.len() == SHOWN + SPARE {
            self.cut(SPARE);
        }
        if self.text.len() + length > MOST_TEXT {
            let over = (self.text.len() + length).saturating_sub(CUT_TEXT);
            let gone = self.ends.partition_point(|(_, end)| (*end as usize) < over);
            self.cut((gone + 1).min(self.ends.len()));
        }
        if self.text.capacity() - self.text.len() < length {
            self.text.reserve_exact(length.next_multiple_of(ROOM));
        }
        if self.ends.len() == self.ends.capacity() {
            self.ends.reserve_exact(ROOM_ENDS);
        }
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
