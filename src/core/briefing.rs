//! Digests: what happened in a day, a week or a month, told once to each reader at a time on their clock.
//!
//! A reader is one entry of a digest's `to`: a person on all their channels, or one conversation. Until when each was
//! told stands in the World, so whoever folds the log tells the same things, once: at each time of the schedule, all
//! whole days (weeks, months) that have ended since. After an absence that is one message about several. This module
//! knows nothing of how it reads. In code it is called a briefing, for a digest binds a decision.

mod late;
mod view;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::calendar::{Cron, Schedule};
use super::delivery::{Class, Draft, Subject};
use super::message::{Button, ButtonStyle, Content, DigestView};
use super::money::Micros;
use super::policy::{DigestSpec, Policy};
use super::reason::Reason;
use super::route::{Destination, expand};
use super::schedule::Timer;
use super::step::Fold;
use super::time::{Span, Ts, zone};
use super::world::World;

/// What a reader was told is remembered so long after the digest went out of the configuration: should it come back,
/// nothing is told twice and nothing is left out.
const REMEMBERED: Span = Span::days(65);

/// What a reader was told.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Told {
    /// Everything before this was told; the next digest begins here.
    pub until: Ts,
    /// When the next one is due.
    pub due: Option<Ts>,
    /// When it was last in the configuration.
    pub configured: Ts,
    /// On whose clock, then.
    pub tz: String,
    /// Cost that was booked before `until` since: it stands in no total yet.
    #[serde(default)]
    pub missed: Micros,
    /// Cost of before `until` by the clock of whoever reported it, that was booked later: the next total holds it.
    #[serde(default)]
    pub late: Micros,
    /// The last digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Box<DigestView>>,
}

/// What the readers of all digests were told.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Briefings {
    /// By name of the digest, and by the entry of its `to`.
    told: BTreeMap<String, BTreeMap<String, Told>>,
    /// The latest time until which anybody was told.
    cut: Ts,
}

impl Briefings {
    /// What a reader of a digest was told.
    pub fn told(&self, name: &str, reader: &str) -> Option<&Told> {
        self.told.get(name)?.get(reader)
    }

    fn told_mut(&mut self, name: &str, reader: &str) -> Option<&mut Told> {
        self.told.get_mut(name)?.get_mut(reader)
    }

    /// The digest that any reader of it got last, whoever that is.
    pub fn last(&self, name: &str) -> Option<&DigestView> {
        let told = self.told.get(name)?.values().filter_map(|told| told.last.as_deref());
        told.max_by_key(|view| view.at)
    }
}

/// Whoever reads a digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reader {
    /// The entry of the digest's `to`.
    pub key: String,
    /// On whose clock: an IANA zone.
    pub tz: String,
    /// Where they read.
    pub to: Vec<Destination>,
}

impl Reader {
    /// What ends their digests: a person's own choice. A conversation of several has none of its own.
    fn stops(&self) -> Option<Button> {
        self.key.starts_with("person:").then(|| Button::new("stop_digests", "/notify digest:off", ButtonStyle::Plain))
    }
}

/// The readers of a digest, in order. A conversation that two entries lead to belongs to the first.
pub fn readers(policy: &Policy, spec: &DigestSpec) -> Vec<Reader> {
    let mut seen = BTreeSet::new();
    let mut readers: Vec<Reader> = Vec::new();
    for key in &spec.to {
        let wanted = |to: &Destination| to.person.is_none() || spec.via.is_empty() || spec.via.contains(&to.channel);
        let to = expand(policy, key).unwrap_or_default().into_iter().filter(wanted);
        let to: Vec<Destination> = to.filter(|to| seen.insert((to.channel.clone(), to.target.clone()))).collect();
        let person = key.strip_prefix("person:").and_then(|name| policy.people.get(name));
        let tz = person.map_or(&policy.tz, |person| &person.tz).clone();
        if !readers.iter().any(|reader| reader.key == *key) {
            readers.push(Reader { key: key.clone(), tz, to });
        }
    }
    readers
}

impl World {
    /// Every digest with every reader of it.
    fn every_reader(&self) -> Vec<(String, DigestSpec, Reader)> {
        let policy = &self.policy;
        let of = |(name, spec): (&String, &DigestSpec)| {
            let (name, spec) = (name.clone(), spec.clone());
            readers(policy, &spec).into_iter().map(move |reader| (name.clone(), spec.clone(), reader))
        };
        policy.digests.iter().flat_map(of).collect()
    }
}

/// When a digest is next due for a reader, after `after`.
fn next(spec: &DigestSpec, tz: &str, after: Ts) -> Option<Ts> {
    Schedule::new(Cron::parse(&spec.at).ok()?, zone(tz).ok()?).next(after)
}

impl Fold<'_> {
    /// Computes anew when digests are due. Whoever reads one for the first time is told from the day (week, month) on
    /// that is under way.
    pub(super) fn plan_digests(&mut self) {
        let at = self.at;
        for told in self.w.briefings.told.values_mut().flat_map(BTreeMap::values_mut) {
            told.due = None;
        }
        for (name, spec, reader) in self.w.every_reader() {
            let Ok(on) = zone(&reader.tz) else { continue };
            let readers = self.w.briefings.told.entry(name).or_default();
            let told = readers
                .entry(reader.key)
                .or_insert_with(|| Told { until: spec.period.began(at, &on), ..Told::default() });
            told.configured = at;
            told.tz.clone_from(&reader.tz);
            told.due = next(&spec, &reader.tz, at);
            if let Some(due) = told.due {
                self.w.schedule.set(due, Timer::Digests);
            }
        }
    }

    /// Tells the digests that are due.
    pub(super) fn digests_due(&mut self) {
        let at = self.at;
        for (name, spec, reader) in self.w.every_reader() {
            let due = self.w.briefings.told(&name, &reader.key).and_then(|told| told.due);
            if due.is_none_or(|due| due > at) {
                continue;
            }
            let due = next(&spec, &reader.tz, at);
            if let Some(told) = self.w.briefings.told_mut(&name, &reader.key) {
                told.due = due;
            }
            if let Some(due) = due {
                self.w.schedule.set(due, Timer::Digests);
            }
            self.tell_digest(&name, &spec, &reader);
        }
    }

    /// Tells a reader of what has ended since they were told last. When nothing has, or they can be reached nowhere,
    /// nothing is told, and the next digest is about that time as well. Whoever does not want it can still ask for it.
    fn tell_digest(&mut self, name: &str, spec: &DigestSpec, reader: &Reader) {
        let (Ok(on), Some(told)) = (zone(&reader.tz), self.w.briefings.told(name, &reader.key)) else { return };
        let (from, until) = (told.until, spec.period.began(self.at, &on));
        if from >= until || reader.to.is_empty() || spec.period.between(from, until, &on).next().is_none() {
            return;
        }
        let view = self.w.digest_view(name, spec, reader, (from, until), false);
        if self.w.wants_digest(&reader.key, name) {
            self.send_digest(name, reader, &view);
        } else {
            let data = json!({ "to": reader.key, "reason": Reason::DigestOff });
            self.audit("sereno", "digest.skipped", &format!("digest:{name}"), data);
        }
        let briefings = &mut self.w.briefings;
        briefings.cut = briefings.cut.max(until);
        if let Some(told) = briefings.told_mut(name, &reader.key) {
            (told.until, told.missed, told.late) = (until, Micros(0), Micros(0));
            told.last = Some(Box::new(view));
        }
    }

    fn send_digest(&mut self, name: &str, reader: &Reader, view: &DigestView) {
        let (from, until) = (view.from, view.until);
        let draft = Draft {
            subject: Subject::Nothing,
            content: Content::Digest(Box::new(view.clone())),
            class: Class::Info,
            severity: None,
            silent: true,
            buttons: reader.stops().into_iter().collect(),
            must_show: 0,
        };
        let to = reader.to.iter().map(|to| (self.w.moved_to(to.clone()), None)).collect();
        let card = self.send(draft, to);
        let data = json!({ "to": reader.key, "from": from.rfc3339(), "until": until.rfc3339(), "card": card });
        self.audit("sereno", "digest.told", &format!("digest:{name}"), data);
    }

    /// Writes pages for the clocks of all readers and of budgets, and forgets those who have not been told anything for long.
    pub(super) fn keep_briefings(&mut self) {
        let at = self.at;
        let mut clocks: BTreeMap<String, BTreeSet<Ts>> = BTreeMap::new();
        for told in self.w.briefings.told.values().flat_map(BTreeMap::values) {
            // The next digest begins there, whatever the clock was when the last one was told.
            clocks.entry(told.tz.clone()).or_default().insert(told.until);
        }
        if !self.w.policy.budgets.is_empty() {
            // Weeks and months of budgets are on the clock of the fleet.
            clocks.entry(self.w.policy.tz.clone()).or_default();
        }
        self.write_pages(&clocks);
        for (name, _, reader) in self.w.every_reader() {
            if let Some(told) = self.w.briefings.told_mut(&name, &reader.key) {
                told.configured = at;
            }
        }
        for readers in self.w.briefings.told.values_mut() {
            readers.retain(|_, told| at.since(told.configured) <= REMEMBERED);
        }
        self.w.briefings.told.retain(|_, readers| !readers.is_empty());
        self.w.diary.forget(at);
    }
}
