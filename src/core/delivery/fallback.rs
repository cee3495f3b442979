//! When a channel fails: who is told somewhere else, and what becomes of what is late when it works again.
//!
//! What could not be sent in time goes to the other channels of whoever it was for, the page among them, and says
//! why it comes there. What is late afterwards is told in one message; only questions that still wait, digests,
//! and alerts that are few, keep their own.

use std::collections::BTreeMap;

use super::{Class, Copy, Draft, RowState, Subject, Told};
use crate::core::access::Role;
use crate::core::approval::Approval;
use crate::core::arena::Ix;
use crate::core::message::{Content, MissedView};
use crate::core::policy::Severity;
use crate::core::reason::Reason;
use crate::core::route::Destination;
use crate::core::schedule::Timer;
use crate::core::step::Fold;
use crate::core::time::{Span, Ts};
use crate::core::world::Agent;

/// What is older than this when a channel comes back is late.
const LATE: Span = Span::secs(15);
/// A late message does not hold back newer ones for longer than this.
const HOLDS: Span = Span::mins(1);
/// So many late messages in a conversation are simply sent.
pub(in crate::core) const FEW: usize = 5;
/// Between two late messages of a conversation: five a minute.
const APART: Span = Span::secs(12);
/// Names in the one message about what is late.
const NAMED: usize = 10;

impl Fold<'_> {
    /// A copy may not be sent in time: looks again when its patience is over.
    pub(super) fn expect_fallback(&mut self, number: u64) {
        let Some(copy) = self.w.copies.get(&number).filter(|copy| copy.sent == 0) else { return };
        let Some(card) = self.w.cards.get(&copy.card) else { return };
        let Some(patience) = card.class.patience() else { return };
        let mut at = card.created.plus(patience);
        if let Subject::Approval(approval) = card.subject
            && let Some(approval) = self.w.approvals.get(&approval)
        {
            // Whoever is told in the last moment cannot decide.
            at = at.min(card.created.plus(Span(approval.expires.since(card.created).0 / 2)));
        }
        self.w.schedule.set(at.max(self.at), Timer::Fallback(number));
    }

    /// A line has broken: the same for everything that waits for it.
    pub(super) fn expect_fallbacks(&mut self, channel: &str) {
        let waits = self.w.outstanding.values().filter(|waits| !waits.dead).filter_map(|waits| waits.copy);
        let late: Vec<u64> =
            waits.filter(|copy| self.w.copies.get(copy).is_some_and(|copy| copy.to.channel == channel)).collect();
        for copy in late {
            self.expect_fallback(copy);
        }
    }

    /// Nobody waits for a copy any longer that still is on its way. What was given up was told somewhere else then,
    /// and what is held may have arrived.
    pub(in crate::core) fn patience_ends(&mut self, number: u64) {
        if self.w.copies.get(&number).is_some_and(|copy| copy.outstanding.is_some()) {
            self.fall_back(number);
        }
    }

    /// A copy has not been sent in time, or never will be: tells whoever it was for somewhere else.
    pub(in crate::core) fn fall_back(&mut self, number: u64) {
        // What was told with others in one message is no longer on its way.
        let unsent = |copy: &&Copy| copy.sent == 0 && (copy.outstanding.is_some() || copy.dead.is_some());
        let Some(copy) = self.w.copies.get(&number).map(Box::as_ref).filter(unsent) else { return };
        let (from, whole, dead) = (copy.to.clone(), copy.whole, copy.dead.is_some());
        let Some(card) = self.w.cards.get(&copy.card) else { return };
        if card.class.patience().is_none() || !self.still_matters(&card.subject) {
            return;
        }
        let (card, class, created) = (card.number, card.class, card.created);
        let kind = self.w.policy.channels.get(&from.channel).map_or_else(|| from.channel.clone(), |c| c.kind.clone());
        let since = self.w.lines.get(&from.channel).and_then(|line| line.since).unwrap_or(created);
        let remark =
            if dead { Reason::Refused { channel: kind } } else { Reason::Unreachable { channel: kind, since } };
        let elsewhere = self.elsewhere(card, &from, class);
        if elsewhere.is_empty() && !self.has_arrived(card) {
            self.tell_despite(card);
        }
        for to in elsewhere {
            let must_show = if whole { 0 } else { usize::MAX / 2 };
            let instead = self.make_copy(card, to.clone(), None, must_show);
            if let Some(copy) = self.w.copies.get_mut(&instead) {
                copy.remark = Some(Box::new(remark.clone()));
            }
            if let Some(card) = self.w.cards.get_mut(&card) {
                card.copies.push(instead);
            }
            self.out.changed.cards.insert(card);
            self.note_on_subject(card, Reason::FellBack { from: from.label(), to: to.label() });
            self.emit(instead);
        }
    }

    /// Whether any copy of a card has arrived.
    fn has_arrived(&self, card: u64) -> bool {
        let copies = self.w.cards.get(&card).into_iter().flat_map(|card| &card.copies);
        copies.filter_map(|copy| self.w.copies.get(copy)).any(|copy| copy.sent > 0)
    }

    /// Whether somebody who has not heard of it needs to.
    fn still_matters(&self, subject: &Subject) -> bool {
        match subject {
            Subject::Alert(number) => self.w.alerts.get(number).is_some_and(|alert| alert.is_open()),
            Subject::Approval(number) | Subject::FullText(number) => {
                self.w.approvals.get(number).is_some_and(Approval::is_pending)
            }
            Subject::Task(_) | Subject::Control | Subject::Nothing => true,
        }
    }

    /// Where else whoever reads at `from` can be told, on lines that work; nobody is told twice in one place. Where that
    /// is everybody, it is everybody who wants to hear of as much.
    fn elsewhere(&mut self, card: u64, from: &Destination, class: Class) -> Vec<Destination> {
        let owner = from.person.clone().or_else(|| self.w.owner_of(from));
        let to = match &owner {
            Some(person) => self.w.destinations_of_person(person),
            None => self.w.destinations_of(|person| class != Class::Decision || person.role > Role::Viewer),
        };
        let told: Vec<&Destination> = self
            .w
            .cards
            .get(&card)
            .into_iter()
            .flat_map(|card| card.copies.iter())
            .filter_map(|copy| self.w.copies.get(copy))
            .map(|copy| &copy.to)
            .collect();
        let about = self.agents_of_card(card);
        let to: Vec<Destination> = to
            .into_iter()
            .filter(|to| owner.is_some() || to.person.as_ref().is_none_or(|person| self.w.may_see(person, &about)))
            .filter(|to| to.channel != from.channel)
            .filter(|to| !self.w.lines.get(&to.channel).is_some_and(super::Line::is_broken))
            .filter(|to| !told.iter().any(|have| have.is_at(to)))
            .collect();
        let Some(about) = self.w.cards.get(&card).filter(|_| owner.is_none()) else { return to };
        let mut sorted = self.w.sorted_card(about, to);
        for reason in &sorted.why {
            self.note_on_subject(card, reason.clone());
        }
        let now = std::mem::take(&mut sorted.now);
        self.keep(card, sorted);
        now
    }

    /// The agents that a card is about; none when it is about nobody's agent.
    pub(in crate::core) fn agents_of_card(&self, card: u64) -> Vec<Ix<Agent>> {
        match self.w.cards.get(&card).map(|card| &card.subject) {
            Some(Subject::Alert(number)) => {
                self.w.alerts.get(number).map(|alert| self.w.concerned(alert)).unwrap_or_default()
            }
            Some(Subject::Approval(number) | Subject::FullText(number)) => {
                self.w.approvals.get(number).map(|approval| approval.agent).into_iter().collect()
            }
            Some(Subject::Task(task)) => self.w.working_on(*task),
            Some(Subject::Control | Subject::Nothing) | None => Vec::new(),
        }
    }

    /// Tells admins that a platform does not know us, on whatever else they have.
    pub(super) fn tell_locked(&mut self, channel: &str, error: &str) {
        let reason = Reason::ChannelLocked { channel: channel.to_owned(), error: error.to_owned() };
        self.tell_admins(reason, Some(channel));
    }

    /// A channel works again: in each conversation what is late becomes one message. `probe` is the row that went
    /// through.
    pub(super) fn catch_up(&mut self, channel: &str, since: Ts, probe: &str) {
        let mut late: BTreeMap<String, Vec<(String, u64)>> = BTreeMap::new();
        for (id, waits) in self.w.outstanding.iter().filter(|(id, waits)| !waits.dead && *id != probe) {
            let Some(copy) = waits.copy.and_then(|copy| self.w.copies.get(&copy)) else { continue };
            let made = self.w.cards.get(&copy.card).map_or(self.at, |card| card.created);
            if copy.to.channel == channel && copy.sent == 0 && self.at.since(made) > LATE {
                late.entry(copy.to.target.clone()).or_default().push((id.clone(), copy.number));
            }
        }
        for rows in late.into_values() {
            if rows.len() <= FEW {
                self.space_out(rows, self.at);
            } else {
                self.collapse(channel, since, rows);
            }
        }
    }

    fn collapse(&mut self, channel: &str, since: Ts, rows: Vec<(String, u64)>) {
        let at = self.at;
        let (asks, rest): (Vec<_>, Vec<_>) = rows.into_iter().partition(|(_, copy)| {
            let card = self.w.copies.get(copy).and_then(|copy| self.w.cards.get(&copy.card));
            // A report of a whole day is no news that many others push aside.
            card.is_some_and(|card| {
                matches!(card.content, Content::Digest(_))
                    || card.class == Class::Decision && self.still_matters(&card.subject)
            })
        });
        let Some(to) = rest.first().and_then(|(_, copy)| self.w.copies.get(copy)).map(|copy| copy.to.clone()) else {
            self.space_out(asks, at);
            return;
        };
        let kind = self.w.policy.channels.get(channel).map_or(channel, |c| c.kind.as_str()).to_owned();
        let mut view = MissedView { channel: kind, since, until: at, ..MissedView::default() };
        let mut worst: Option<Severity> = None;
        let mut together = Vec::new();
        for (id, number) in rest {
            self.take_back_row(&id, number, "told in one message with the others");
            let Some(card) = self.w.copies.get(&number).map(|copy| copy.card) else { continue };
            let Some(about) = self.w.cards.get(&card) else { continue };
            let (subject, severity) = (about.subject.clone(), about.severity);
            worst = worst.into_iter().chain(severity).min();
            self.count_missed(&mut view, card);
            together.extend(self.heard_of(number, &subject).then_some(number));
            self.note_on_subject(card, Reason::Collapsed { to: to.label() });
        }
        self.send_missed(view, worst, to, together);
        self.space_out(asks, at.plus(APART));
    }

    /// What a row would bring is told by another message.
    pub(super) fn take_back_row(&mut self, id: &str, number: u64, why: &str) {
        self.w.outstanding.remove(id);
        self.settle(id, RowState::Dropped, self.at, Some(why.to_owned()), None);
        if let Some(copy) = self.w.copies.get_mut(&number) {
            copy.outstanding = None;
            self.out.changed.copies.insert(number);
        }
        self.release_children(number, true);
    }

    /// Sends the one message in the place of `copies`.
    pub(super) fn send_missed(&mut self, view: MissedView, worst: Option<Severity>, to: Destination, copies: Vec<u64>) {
        let severity = worst.unwrap_or(Severity::Info);
        let draft = Draft {
            subject: Subject::Nothing,
            content: Content::Missed(view),
            class: Class::of(severity),
            severity: Some(severity),
            silent: !severity.rings(),
            buttons: Vec::new(),
            must_show: 0,
        };
        let summary = self.send(draft, vec![(to, None)]);
        for number in copies {
            if let Some(copy) = self.w.copies.get_mut(&number) {
                copy.within = Some(summary);
            }
        }
    }

    pub(super) fn count_missed(&self, view: &mut MissedView, card: u64) {
        let Some(card) = self.w.cards.get(&card) else { return };
        match (&card.subject, &card.content) {
            (Subject::Alert(number), _) => {
                view.alerts += 1;
                match self.w.alerts.get(number).filter(|alert| alert.is_open()) {
                    Some(alert) if view.open.len() < NAMED => view.open.push((*number, alert.rule.clone())),
                    Some(_) => {}
                    None => {
                        view.over += 1;
                        let passed = self.w.alerts.get(number).and_then(|alert| alert.passed());
                        view.passed.extend(passed.filter(|_| view.quiet && view.passed.len() < NAMED));
                    }
                }
            }
            (_, Content::Completion(end)) => {
                view.tasks += 1;
                // Nothing else tells of it where no message can be changed.
                view.ended.extend((view.ended.len() < NAMED).then(|| (end.task.clone(), end.ok)));
            }
            (Subject::Task(_), _) => view.tasks += 1,
            _ => view.other += 1,
        }
    }

    /// Whoever reads the one message knows that the alert fires, so they will hear that it is over. Returns
    /// whether it fires.
    pub(super) fn heard_of(&mut self, number: u64, subject: &Subject) -> bool {
        let Subject::Alert(alert) = subject else { return false };
        let open = self.w.alerts.get(alert).is_some_and(|alert| alert.is_open());
        if let Some(copy) = self.w.copies.get_mut(&number).filter(|_| open) {
            copy.told = Some(Told::Firing);
        }
        open
    }

    /// A copy of which another card tells has changed: what is over is said where it was told, and nothing else is said
    /// of it. Returns false when it fires again, or is a task that is opened again, which is told by itself.
    pub(super) fn told_within(&mut self, number: u64) -> bool {
        let Some(copy) = self.w.copies.get(&number) else { return true };
        let (Some(summary), before) = (copy.within, copy.told) else { return false };
        let Some(card) = self.w.cards.get(&copy.card) else { return true };
        let now = card.told_by(card.version);
        let is_open_again = matches!(&card.content, Content::TaskCard(task) if !task.column.is_final());
        if is_open_again || before == Some(Told::Resolved) && now == Some(Told::Firing) {
            if let Some(copy) = self.w.copies.get_mut(&number) {
                copy.within = None;
            }
            return false;
        }
        let Subject::Alert(alert) = card.subject else { return true };
        if before == now || now != Some(Told::Resolved) {
            return true;
        }
        if let Some(copy) = self.w.copies.get_mut(&number) {
            copy.told = now;
            self.out.changed.copies.insert(number);
        }
        if let Some(Content::Missed(mut view)) = self.w.cards.get(&summary).map(|card| card.content.clone()) {
            view.open.retain(|(number, _)| *number != alert);
            view.over += 1;
            self.revise(summary, Content::Missed(view), Vec::new());
        }
        true
    }

    /// Late messages that keep their own go out one after the other, no faster than anybody reads.
    fn space_out(&mut self, rows: Vec<(String, u64)>, from: Ts) {
        let (mut due, held) = (from, from.plus(HOLDS));
        for (id, number) in rows {
            if let Some(copy) = self.w.copies.get_mut(&number) {
                let made = self.w.cards.get(&copy.card).map_or(from, |card| card.created);
                copy.remark.get_or_insert_with(|| Box::new(Reason::Delayed { since: made }));
                self.out.changed.copies.insert(number);
            }
            self.settle_held(&id, RowState::Ready, due, held, "");
            due = due.plus(APART);
        }
    }
}
