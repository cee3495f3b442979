//! The last of what people and sereno did, for whoever asks in a chat.
//!
//! It is a copy of the end of the audit, without its hashes and in a few words; the whole chain is the store's. What
//! runtimes ask of people is not among it: there may be a great deal of that.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::core::text;
use crate::core::time::Ts;

/// So many are kept.
const KEPT: usize = 200;
/// Characters of a note.
const LONGEST_NOTE: usize = 120;

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deed {
    /// When.
    pub at: Ts,
    /// Who: a person's name, or `sereno`.
    pub by: String,
    /// What, such as `approval.approved`.
    pub what: String,
    /// To what, such as `approval:12`.
    pub about: String,
    /// In which words. Hostile.
    pub note: Option<String>,
}

/// The last of them, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Deeds(VecDeque<Deed>);

impl Deeds {
    /// Keeps what an audit row says.
    pub fn keep(&mut self, at: Ts, by: &str, what: &str, about: &str, data: &Value) {
        if by.starts_with("runtime:") {
            return;
        }
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        let said = data.get("order").unwrap_or(data);
        let note = ["text", "note", "why"].into_iter().find_map(|key| said.get(key)?.as_str());
        self.0.push_back(Deed {
            at,
            by: by.to_owned(),
            what: what.to_owned(),
            about: about.to_owned(),
            note: note.map(|note| text::clip(note, LONGEST_NOTE)),
        });
    }

    /// All of them, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Deed> {
        self.0.iter()
    }
}
