//! What was kept from somebody and is told now: by itself, or with others in one message.

use super::{Subject, Told};
use crate::core::message::MissedView;
use crate::core::reason::Reason;
use crate::core::route::Destination;
use crate::core::step::Fold;
use crate::core::time::Ts;

impl Fold<'_> {
    /// Tells a card where it was not told before, and says why it comes only now.
    pub(in crate::core) fn copy_late(&mut self, card: u64, to: Destination, reason: Reason) {
        if let Some(copy) = self.late_copy(card, to) {
            if let Some(copy) = self.w.copies.get_mut(&copy) {
                copy.remark = Some(Box::new(reason.clone()));
            }
            self.note_on_subject(card, reason);
            self.emit(copy);
        }
    }

    /// Tells of cards in one message. Each has a copy, which is silent until there is more to say of it.
    pub(in crate::core) fn tell_together(&mut self, cards: Vec<u64>, to: Destination, since: Ts) {
        let mut view = MissedView { quiet: true, since, until: self.at, ..MissedView::default() };
        let (mut worst, mut copies) = (None, Vec::new());
        for card in cards {
            let Some(number) = self.late_copy(card, to.clone()) else { continue };
            let Some(about) = self.w.cards.get(&card) else { continue };
            let (subject, severity) = (about.subject.clone(), about.severity);
            self.count_missed(&mut view, card);
            if self.heard_of(number, &subject) {
                worst = worst.into_iter().chain(severity).min();
            } else if let (Subject::Alert(_), Some(copy)) = (subject, self.w.copies.get_mut(&number)) {
                copy.told = Some(Told::Resolved);
            }
            copies.push(number);
            self.note_on_subject(card, Reason::Collapsed { to: to.label() });
        }
        if !copies.is_empty() {
            self.send_missed(view, worst, to, copies);
        }
    }

    fn late_copy(&mut self, card: u64, to: Destination) -> Option<u64> {
        // A phone is not woken for what makes no sound.
        self.w.cards.get(&card).filter(|card| !(card.silent && self.w.is_device(&to)))?;
        let to = self.w.moved_to(to);
        let number = self.make_copy(card, to, None, 0);
        let card = self.w.cards.get_mut(&card)?;
        card.copies.push(number);
        self.out.changed.cards.insert(card.number);
        Some(number)
    }
}
