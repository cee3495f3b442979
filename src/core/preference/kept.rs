//! What waits for somebody: until their quiet hours are over, or until they want to hear of as much.
//!
//! The end of what keeps it is what brings it: alerts that are open and notices come one by one when they are few, and
//! in one message when they are many, as do alerts that are over by then. Nothing that waits here is lost in a restart,
//! and none of it is told twice.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Preferences, Ruling, Sort, Sorted};
use crate::core::delivery::{Card, FEW, Subject};
use crate::core::reason::Reason;
use crate::core::route::Destination;
use crate::core::schedule::Timer;
use crate::core::step::Fold;
use crate::core::time::Ts;

/// A card that was not told at a destination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    card: u64,
    to: Destination,
    /// When it would have been told.
    since: Ts,
    /// Nobody else would be told, so the person's level does not count.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    despite: bool,
}

impl Preferences {
    /// Whether a card waits for whoever reads at a destination.
    pub fn keeps(&self, card: u64, to: &Destination) -> bool {
        self.kept.values().flatten().any(|kept| kept.card == card && kept.to.is_at(to))
    }
}

impl Fold<'_> {
    /// Keeps a card from those who chose not to be told of it now.
    pub fn keep(&mut self, card: u64, sorted: Sorted) {
        let (at, despite) = (self.at, sorted.despite);
        let is_about_nothing = self.w.cards.get(&card).is_some_and(|card| card.subject == Subject::Nothing);
        for reason in sorted.why.iter().filter(|_| is_about_nothing) {
            // What has no trail has the audit.
            self.audit("sereno", "notice.held", &format!("card:{card}"), json!({ "reason": reason }));
        }
        for to in sorted.kept {
            let Some(person) = to.person.clone() else { continue };
            if let Some(until) = self.w.quiet_until(&person) {
                self.w.schedule.set(until, Timer::QuietEnds(person.clone()));
            }
            let kept = self.w.preferences.kept.entry(person).or_default();
            // Several ways can fail to the same end.
            if !kept.iter().any(|one| one.card == card && one.to == to) {
                kept.push(Kept { card, to, since: at, despite });
            }
        }
    }

    /// Looks at what waits for anybody: something may keep it no more.
    pub fn reconsider_all(&mut self) {
        let people: Vec<String> = self.w.preferences.kept.keys().cloned().collect();
        // Whoever is not there any more will hear of nothing, which others may have been spared for.
        for person in &people {
            self.drop_kept(person);
        }
        for person in people {
            self.reconsider(&person);
        }
    }

    /// Drops what is not for a person any more, and says so.
    fn drop_kept(&mut self, person: &str) {
        let kept = self.w.preferences.kept.remove(person).unwrap_or_default();
        let (theirs, others): (Vec<Kept>, Vec<Kept>) = kept.into_iter().partition(|one| self.is_theirs(person, one));
        if !theirs.is_empty() {
            self.w.preferences.kept.insert(person.to_owned(), theirs);
        }
        for one in others {
            self.note_on_subject(one.card, Reason::NotTheirs { person: person.to_owned() });
        }
    }

    /// Whether a person is there, may see what a card is about, and can be told where they were to be told.
    fn is_theirs(&self, person: &str, one: &Kept) -> bool {
        let policy = &self.w.policy;
        let is_there = policy.people.contains_key(person) && policy.channels.contains_key(&one.to.channel);
        is_there && self.w.cards.get(&one.card).is_some_and(|card| self.may_hear(person, card))
    }

    /// Looks at what waits for a person: it is told, waits on, or matters no more.
    pub fn reconsider(&mut self, person: &str) {
        self.drop_kept(person);
        let kept = self.w.preferences.kept.remove(person).unwrap_or_default();
        let (mut told, mut rest) = (Vec::new(), Vec::new());
        for mut one in kept {
            let Some(card) = self.w.cards.get(&one.card) else { continue };
            let Some(sort) = Sort::of_card(card) else {
                told.push(one);
                continue;
            };
            let is_below = matches!(self.w.ruling(person, sort, one.despite), Ruling::Below(_));
            if is_below && !self.is_heard_of(card) {
                one.despite = true;
                self.note_on_subject(one.card, Reason::NobodyElse { person: person.to_owned() });
            } else if is_below && !self.may_go_on(card) {
                continue;
            }
            match self.w.ruling(person, sort, one.despite) {
                Ruling::Now => told.push(one),
                Ruling::Until(_) | Ruling::Below(_) => rest.push(one),
            }
        }
        if !rest.is_empty() {
            if let Some(until) = self.w.quiet_until(person) {
                self.w.schedule.set(until, Timer::QuietEnds(person.to_owned()));
            }
            self.w.preferences.kept.insert(person.to_owned(), rest);
        }
        self.release(told);
    }

    /// Whoever was to be told of a card cannot be reached, and nobody has been: those from whom it is kept by their
    /// level are told after all.
    pub fn tell_despite(&mut self, card: u64) {
        let mut people = Vec::new();
        for (person, kept) in &mut self.w.preferences.kept {
            for one in kept.iter_mut().filter(|one| one.card == card && !one.despite) {
                one.despite = true;
                people.push(person.clone());
            }
        }
        people.dedup();
        for person in people {
            self.note_on_subject(card, Reason::NobodyElse { person: person.clone() });
            self.reconsider(&person);
        }
    }

    /// How many cards wait for the end of a person's quiet hours.
    pub fn waiting_for(&self, person: &str) -> usize {
        let kept = self.w.preferences.kept.get(person).into_iter().flatten();
        let waits = |one: &&Kept| {
            let sort = self.w.cards.get(&one.card).and_then(|card| Sort::of_card(card));
            sort.is_some_and(|sort| matches!(self.w.ruling(person, sort, one.despite), Ruling::Until(_)))
        };
        let cards: std::collections::BTreeSet<u64> = kept.filter(waits).map(|one| one.card).collect();
        cards.len()
    }

    /// Whether a person may still see what a card is about.
    fn may_hear(&self, person: &str, card: &Card) -> bool {
        let is_alert = matches!(card.subject, Subject::Alert(_));
        !is_alert || self.w.may_see(person, &self.agents_of_card(card.number))
    }

    /// Whether somebody has heard of a card, is about to, or will when their quiet hours are over.
    fn is_heard_of(&self, card: &Card) -> bool {
        let copies = card.copies.iter().filter_map(|copy| self.w.copies.get(copy));
        let mut copies = copies.filter(|copy| self.w.is_heard(&copy.to));
        let mut kept =
            self.w.preferences.kept.iter().flat_map(|(person, kept)| kept.iter().map(move |one| (person, one)));
        let waits = |(person, one): (&String, &Kept)| {
            let sort = Sort::of_card(card).filter(|_| one.card == card.number);
            sort.is_some_and(|sort| !matches!(self.w.ruling(person, sort, one.despite), Ruling::Below(_)))
        };
        copies.any(|copy| copy.sent > 0 || copy.outstanding.is_some() || copy.within.is_some()) || kept.any(waits)
    }

    fn may_go_on(&self, card: &Card) -> bool {
        let Subject::Alert(number) = card.subject else { return false };
        self.w.alerts.get(&number).is_some_and(|alert| alert.is_live(self.at))
    }

    /// Brings what nothing keeps any more, conversation by conversation, the most important first.
    fn release(&mut self, mut told: Vec<Kept>) {
        told.sort_by_key(|one| {
            let severity = self.w.cards.get(&one.card).and_then(|card| card.severity);
            (one.to.channel.clone(), one.to.target.clone(), severity, one.card)
        });
        for here in told.chunk_by(|a, b| a.to == b.to) {
            let (open, over): (Vec<&Kept>, Vec<&Kept>) = here.iter().partition(|one| self.is_open(one.card));
            let together: Vec<&Kept> = if open.len() > FEW { here.iter().collect() } else { over };
            for one in open.iter().filter(|one| !together.contains(one)) {
                let reason = Reason::SuppressionEnded { since: one.since };
                self.copy_late(one.card, one.to.clone(), reason);
            }
            let (Some(to), Some(since)) = (here.first().map(|one| &one.to), together.iter().map(|one| one.since).min())
            else {
                continue;
            };
            let cards = together.iter().map(|one| one.card).collect();
            self.tell_together(cards, to.clone(), since);
        }
    }

    /// Whether it is told by itself: an alert that is over is not.
    fn is_open(&self, card: u64) -> bool {
        match self.w.cards.get(&card).map(|card| &card.subject) {
            Some(Subject::Alert(number)) => self.w.alerts.get(number).is_some_and(|alert| alert.is_open()),
            other => other.is_some(),
        }
    }
}
