//! Which conversation is meant: channels have an ID and a name, people an account and a direct conversation.
//!
//! A route may say `#agents`, and Slack's answers and payloads say `C012AB3CD`; a person's home is their member ID, and
//! what is said there comes from `D012AB3CD`. A button says itself for which target it was drawn, in the identifier of
//! its block, which Slack keeps with the message and hands back: it counts where that fits the place of the tap.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Names that are remembered; more than anybody routes to.
const REMEMBERED: usize = 1000;
/// Begins the identifier of every block with buttons.
const BLOCK: &str = "sereno";
/// Stands between the parts of an identifier; no name or ID holds it.
const SEPARATOR: char = '|';

/// IDs of channels that were written to by name, as Slack answered them.
#[derive(Default)]
pub struct Names(Mutex<BTreeMap<String, String>>);

impl Names {
    /// Slack has called the channel `name` by this ID.
    pub fn learn(&self, name: &str, id: &str) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if name.starts_with('#') && (known.len() < REMEMBERED || known.contains_key(name)) {
            known.insert(name.to_owned(), id.to_owned());
        }
    }

    /// What was written to by this name is not there any more.
    pub fn forget(&self, name: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }

    /// The ID of a target, as far as it is known.
    pub fn id_of(&self, target: &str) -> Option<String> {
        if !target.starts_with('#') {
            return Some(target.to_owned());
        }
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(target).cloned()
    }

    /// The target under which a channel is written to: its name where it was used, and otherwise its ID.
    pub fn target_of(&self, id: &str) -> String {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().find(|(_, known)| *known == id).map_or_else(|| id.to_owned(), |(name, _)| name.clone())
    }
}

/// Whether a conversation is one between two.
pub fn is_direct(channel: &str) -> bool {
    channel.starts_with('D')
}

/// Whether a target is one person's own, so that nobody else reads what is sent there.
pub fn is_home(target: &str) -> bool {
    target.starts_with(['U', 'W', 'D'])
}

/// The identifier of a block with buttons, for a message to `target` which `only` that account shall see.
pub fn block_id(target: &str, only: Option<&str>, row: usize) -> String {
    format!("{BLOCK}{SEPARATOR}{target}{SEPARATOR}{}{SEPARATOR}{row}", only.unwrap_or_default())
}

/// Where something was tapped, as Slack says.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// ID of the conversation.
    pub channel: &'a str,
    /// Its name, if Slack says one: private channels are all called `privategroup`.
    pub name: Option<&'a str>,
    /// Who tapped.
    pub account: &'a str,
}

/// The target for which a block was drawn, if it can have been tapped there. Otherwise the conversation itself, for
/// which no token of another one is good. Whether it is the same message is known to whoever holds the receipt.
pub fn target_at(names: &Names, block: &str, place: Place<'_>) -> String {
    let mut parts = block.split(SEPARATOR);
    let (kind, target, only) = (parts.next(), parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let is_theirs = only.is_empty() || only == place.account;
    let fits = kind == Some(BLOCK) && is_theirs && is_at(names, target, !only.is_empty(), place);
    if fits { target.to_owned() } else { place.channel.to_owned() }
}

fn is_at(names: &Names, target: &str, whispered: bool, place: Place<'_>) -> bool {
    if is_direct(place.channel) {
        // What could not be whispered in a channel was sent to the account alone.
        return target == place.account || target == place.channel || whispered;
    }
    let Some(name) = target.strip_prefix('#') else { return target == place.channel };
    match names.id_of(target) {
        Some(known) => known == place.channel,
        None => matches!(place.name, Some(said) if said == name || said == "privategroup"),
    }
}
