//! Dead letters: rows that were given up, what becomes of them, and who is told.
//!
//! A dead row stays known until a person retries or drops it. A retried row keeps its identity and says that it
//! is late; a question whose time is over is never asked again.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Class, Draft, RowState, SendOutcome, Subject};
use crate::core::access::Role;
use crate::core::approval::Approval;
use crate::core::message::{Content, DeadRow, DeadView, NoticeView};
use crate::core::policy::Severity;
use crate::core::reason::Reason;
use crate::core::route::Destination;
use crate::core::step::Fold;
use crate::core::time::{Span, Ts};

/// More dead rows in an hour than this are told.
const MANY: usize = 20;
const HOUR: Span = Span::hours(1);
/// Dead rows are known this long.
const KEPT: Span = Span::days(30);
/// Rows of a list that is read on a phone.
const SHOWN: usize = 10;

/// When rows were given up lately.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadBook {
    recent: Vec<Ts>,
    told: Option<Ts>,
}

/// Which dead rows are meant.
#[derive(Clone, Debug, Default)]
pub struct Which {
    /// One row.
    pub id: Option<String>,
    /// Those of one channel.
    pub via: Option<String>,
    /// Those that were given up since.
    pub since: Option<Ts>,
}

impl Fold<'_> {
    /// Whoever sent a row broke down over it; the second time it is given up, and a plain word takes its place.
    pub(super) fn poisoned(&mut self, number: u64, outcome: &SendOutcome, error: &str) {
        let Some(waits) = self.w.outstanding.get_mut(&outcome.id) else { return };
        waits.poison += 1;
        let due = waits.class.next_attempt(&outcome.id, outcome.attempt, 0, self.at, None);
        if let Some(due) = due.filter(|_| waits.poison < 2) {
            self.settle(&outcome.id, RowState::Ready, due, Some(error.to_owned()), None);
            return;
        }
        self.give_up(number, &outcome.id, outcome.attempt, error);
        let Some(copy) = self.w.copies.get(&number) else { return };
        let (to, card) = (copy.to.clone(), copy.card);
        let is_word = |content: &Content| {
            matches!(content, Content::Notice(NoticeView { reason: Reason::CannotBeShown { .. }, .. }))
        };
        let Some(about) = self.w.cards.get(&card).filter(|card| !is_word(&card.content)) else { return };
        let draft =
            Draft { class: about.class, severity: about.severity, ..notice(Reason::CannotBeShown { number: card }) };
        self.send(draft, vec![(to, None)]);
    }

    /// Tells admins when rows die faster than anybody looks at them.
    pub(super) fn count_dead(&mut self) {
        let at = self.at;
        let book = &mut self.w.dead;
        book.recent.retain(|since| at.since(*since) < HOUR);
        book.recent.push(at);
        let count = book.recent.len();
        if count <= MANY || book.told.is_some_and(|told| at.since(told) < HOUR) {
            return;
        }
        book.told = Some(at);
        self.tell_admins(Reason::ManyDead { count: u32::try_from(count).unwrap_or(u32::MAX) }, None);
    }

    /// Tells every admin something about sereno itself, except through `not_by`.
    pub(super) fn tell_admins(&mut self, reason: Reason, not_by: Option<&str>) {
        let broken = |to: &Destination| self.w.lines.get(&to.channel).is_some_and(super::Line::is_broken);
        let to = self.w.destinations_of(|person| person.role == Role::Admin);
        let to: Vec<_> = to.into_iter().filter(|to| Some(to.channel.as_str()) != not_by && !broken(to)).collect();
        if !to.is_empty() {
            self.send(notice(reason), to.into_iter().map(|to| (to, None)).collect());
        }
    }

    /// Dead rows that are meant, oldest first.
    pub fn dead_rows(&self, which: &Which) -> Vec<String> {
        let meant = self.w.outstanding.iter().filter(|(id, waits)| {
            let via = waits.copy.and_then(|copy| self.w.copies.get(&copy)).map(|copy| copy.to.channel.as_str());
            waits.dead
                && which.id.as_ref().is_none_or(|wanted| wanted == *id)
                && which.via.as_ref().is_none_or(|wanted| Some(wanted.as_str()) == via)
                && which.since.is_none_or(|since| waits.since >= since)
        });
        meant.map(|(id, _)| id.clone()).collect()
    }

    /// A person wants a dead row tried again: from the first attempt on, under the same identity.
    ///
    /// # Errors
    /// When it asks something that is decided or expired, or is no row any more.
    pub fn revive(&mut self, id: &str) -> Result<(), Reason> {
        let number = self.dead_row(id).ok_or(Reason::NothingToDo)?;
        let copy = self.w.copies.get(&number).ok_or(Reason::NothingToDo)?;
        let card = self.w.cards.get(&copy.card).ok_or(Reason::NothingToDo)?;
        if let Subject::Approval(approval) | Subject::FullText(approval) = card.subject {
            let over = self.w.approvals.get(&approval).filter(|approval| !approval.is_pending());
            if let Some(already) = over.map(Approval::already) {
                return Err(already);
            }
        }
        let (at, made) = (self.at, card.created);
        if let Some(waits) = self.w.outstanding.get_mut(id) {
            let before = waits.attempts;
            let fresh = super::Outstanding::new(Some(number), waits.class, at, at.plus(super::ROW_LIVES));
            *waits = super::Outstanding { attempts: before, before, ..fresh };
        }
        if let Some(copy) = self.w.copies.get_mut(&number) {
            copy.dead = None;
            copy.outstanding = Some(id.to_owned());
            copy.remark = Some(Box::new(Reason::Delayed { since: made }));
        }
        self.out.changed.copies.insert(number);
        self.settle(id, RowState::Ready, at, None, None);
        Ok(())
    }

    /// A person gives a dead row up for good. Returns whether there was one.
    pub fn drop_dead(&mut self, id: &str) -> bool {
        if self.w.outstanding.get(id).is_none_or(|waits| !waits.dead) {
            return false;
        }
        self.w.outstanding.remove(id);
        self.settle(id, RowState::Dropped, self.at, None, None);
        true
    }

    fn dead_row(&self, id: &str) -> Option<u64> {
        self.w.outstanding.get(id).filter(|waits| waits.dead)?.copy
    }

    /// Dead rows that nobody has looked at in a month are history.
    pub(in crate::core) fn forget_dead(&mut self) {
        let at = self.at;
        self.w.outstanding.retain(|_, waits| !waits.dead || at.since(waits.since) <= KEPT);
    }

    /// What `/dead` shows.
    pub fn dead_view(&self) -> DeadView {
        let mut channels: BTreeMap<String, u32> = BTreeMap::new();
        let mut rows = Vec::new();
        for (id, waits) in self.w.outstanding.iter().filter(|(_, waits)| waits.dead) {
            let copy = waits.copy.and_then(|copy| self.w.copies.get(&copy));
            let via = copy.map_or_else(String::new, |copy| copy.to.channel.clone());
            *channels.entry(via).or_default() += 1;
            rows.push(DeadRow {
                id: id.clone(),
                to: copy.map(|copy| copy.to.label()).unwrap_or_default(),
                error: copy.and_then(|copy| copy.dead.clone()).unwrap_or_default(),
                since: waits.since,
            });
        }
        rows.sort_by(|a, b| b.since.cmp(&a.since).then_with(|| b.id.cmp(&a.id)));
        let more = rows.len().saturating_sub(SHOWN);
        rows.truncate(SHOWN);
        DeadView { channels: channels.into_iter().collect(), rows, more, at: self.at }
    }
}

/// A word of sereno about itself.
pub(super) const fn notice(reason: Reason) -> Draft {
    Draft {
        subject: Subject::Nothing,
        content: Content::Notice(NoticeView { reason, refused: false, trouble: true }),
        class: Class::Critical,
        severity: Some(Severity::Critical),
        silent: false,
        buttons: Vec::new(),
        must_show: 0,
    }
}
