//! What people want to be told: less than the configuration sends them, never more.
//!
//! A choice is the person's own and stands in the World, not in the configuration. It narrows alerts by severity and by
//! the hour, digests by name, and messages to their first line; what must be decided, what is critical, and what is
//! about sereno itself is never touched, and the page shows everything: nobody is woken by it. What a choice keeps from
//! somebody is not gone: it waits here, and is told when nothing keeps it any more. An alert that nobody would hear of is
//! told as if nobody had chosen a level.

mod kept;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::calendar::Hours;
use super::delivery::{Card, Draft, Subject};
use super::message::Content;
use super::policy::Severity;
use super::reason::Reason;
use super::route::Destination;
use super::time::{Ts, zone};
use super::world::World;

pub use kept::Kept;

/// What one person chose. Nothing is chosen where it says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preference {
    /// The first line of a message only, where that is enough.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub compact: bool,
    /// Alerts below this are not told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<Severity>,
    /// The only digests that are told, by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digests: Option<BTreeSet<String>>,
    /// What is not critical waits until these are over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quiet: Option<Hours>,
}

/// What everybody chose, and what waits because of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preferences {
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    chosen: BTreeMap<String, Preference>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    kept: BTreeMap<String, Vec<Kept>>,
}

/// What kind of message a choice can keep from somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    /// An alert that is not critical.
    Alert(Severity),
    /// That a task is over.
    End,
}

/// What a choice says of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ruling {
    /// It is told.
    Now,
    /// It is told then.
    Until(Ts),
    /// It is less than this.
    Below(Severity),
}

/// Who is told of a message at once, from whom it is kept, and why.
#[derive(Debug, Default)]
pub struct Sorted {
    /// They are told.
    pub now: Vec<Destination>,
    /// They are not, or only later.
    kept: Vec<Destination>,
    /// It is kept only for as long as hours are quiet, for nobody else would be told.
    despite: bool,
    /// What a trail says of it.
    pub why: Vec<Reason>,
}

impl Preferences {
    /// Whether nothing is known here.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What a person chose.
    pub fn of(&self, person: &str) -> Option<&Preference> {
        self.chosen.get(person)
    }

    /// Puts what a person chooses in the place of what they had chosen.
    pub fn choose(&mut self, person: &str, preference: Preference) {
        if preference == Preference::default() {
            self.chosen.remove(person);
        } else {
            self.chosen.insert(person.to_owned(), preference);
        }
    }

    /// How many messages wait for anybody.
    pub fn waiting(&self) -> usize {
        self.kept.values().map(Vec::len).sum()
    }

    /// Somebody is not known any more. What waits for them is let go by whoever looks at it next.
    pub fn forget(&mut self, person: &str) {
        self.chosen.remove(person);
    }
}

impl Sort {
    /// What of a message a choice can touch.
    fn of(subject: &Subject, content: &Content, severity: Option<Severity>) -> Option<Self> {
        match (subject, content, severity) {
            (Subject::Alert(_), _, Some(severity)) if severity != Severity::Critical => Some(Self::Alert(severity)),
            (_, Content::Completion(_), _) => Some(Self::End),
            _ => None,
        }
    }

    fn of_draft(draft: &Draft) -> Option<Self> {
        Self::of(&draft.subject, &draft.content, draft.severity)
    }

    fn of_card(card: &Card) -> Option<Self> {
        Self::of(&card.subject, &card.content, card.severity)
    }
}

impl World {
    /// Until when a person's quiet hours last, when they are in them.
    pub fn quiet_until(&self, person: &str) -> Option<Ts> {
        let hours = self.preferences.of(person)?.quiet?;
        let tz = self.policy.people.get(person).map_or(&self.policy.tz, |about| &about.tz);
        hours.until(self.now, &zone(tz).ok()?)
    }

    /// Whether a reader of a digest, an entry of its `to`, wants it.
    pub fn wants_digest(&self, reader: &str, digest: &str) -> bool {
        let chosen = reader.strip_prefix("person:").and_then(|person| self.preferences.of(person)?.digests.as_ref());
        chosen.is_none_or(|names| names.contains(digest))
    }

    /// Whether a person wants no more than first lines at a destination.
    pub fn wants_compact(&self, to: &Destination) -> bool {
        let chosen = to.person.as_ref().and_then(|person| self.preferences.of(person));
        chosen.is_some_and(|chosen| chosen.compact) && self.kind_at(to) != Some("web")
    }

    /// What a person's choice says of a message; with `despite`, whatever their level is.
    fn ruling(&self, person: &str, sort: Sort, despite: bool) -> Ruling {
        let level = self.preferences.of(person).and_then(|chosen| chosen.level).filter(|_| !despite);
        match (sort, level) {
            (Sort::Alert(severity), Some(level)) if severity > level => Ruling::Below(level),
            _ => self.quiet_until(person).map_or(Ruling::Now, Ruling::Until),
        }
    }

    fn kind_at(&self, to: &Destination) -> Option<&str> {
        self.policy.channels.get(&to.channel).map(|channel| channel.kind.as_str())
    }

    /// Whether what comes there comes to somebody's ears: a log and a machine are nobody, and the page waits.
    fn is_heard(&self, to: &Destination) -> bool {
        !matches!(self.kind_at(to), Some("log" | "webhook" | "web"))
    }

    /// Who of those that a message is for is told of it now.
    fn sorted(&self, sort: Option<Sort>, to: Vec<Destination>) -> Sorted {
        let Some(sort) = sort else { return Sorted { now: to, ..Sorted::default() } };
        let of = |to: &Destination, despite: bool| match &to.person {
            Some(person) if self.kind_at(to) != Some("web") => self.ruling(person, sort, despite),
            _ => Ruling::Now,
        };
        let is_below = |to: &Destination| matches!(of(to, false), Ruling::Below(_));
        // Whoever hears of it in the morning hears of it.
        let despite = !to.iter().any(|to| !is_below(to) && self.is_heard(to));
        let mut sorted = Sorted { despite, ..Sorted::default() };
        for to in to {
            if despite && is_below(&to) {
                sorted.say(&to, |person| Reason::NobodyElse { person });
            }
            match of(&to, despite) {
                Ruling::Now => sorted.now.push(to),
                Ruling::Until(until) => {
                    sorted.say(&to, |person| Reason::QuietHours { person, until });
                    sorted.kept.push(to);
                }
                Ruling::Below(level) => {
                    sorted.say(&to, |person| Reason::BelowLevel { person, level });
                    sorted.kept.push(to);
                }
            }
        }
        sorted
    }

    /// Who of those that a draft is for is told of it now.
    pub fn sorted_draft(&self, draft: &Draft, to: Vec<Destination>) -> Sorted {
        self.sorted(Sort::of_draft(draft), to)
    }

    /// Who of those that a card shall be told to as well is told of it now.
    pub fn sorted_card(&self, card: &Card, to: Vec<Destination>) -> Sorted {
        self.sorted(Sort::of_card(card), to)
    }
}

impl Sorted {
    /// Once for each person, however many conversations they have.
    fn say(&mut self, to: &Destination, reason: impl Fn(String) -> Reason) {
        let Some(reason) = to.person.clone().map(reason) else { return };
        if !self.why.contains(&reason) {
            self.why.push(reason);
        }
    }
}
