//! A notice that says more than the change of a card that comes with it, such as the end of a task.
//!
//! Where messages can be changed, whoever is told gets both. Where none can be changed, as in mail, the change would be
//! a second message about one thing: there the notice alone tells of it, in the thread of the card's first message. A
//! copy whose reader is not told by the notice keeps its change.

use super::{Copy, Draft};
use crate::core::message::Labels;
use crate::core::route::{Audience, Destination};
use crate::core::step::Fold;

impl Fold<'_> {
    /// Makes a card and sends it where its labels lead, like [`tell`](Self::tell). It says what is about to change on
    /// the card `of`, if there is one.
    pub fn tell_of_change(&mut self, of: Option<u64>, draft: Draft, labels: &Labels, audience: Audience) {
        let lasting = self.lasting_copies(of);
        let (notice, _) = self.tell_under(draft, labels, audience, |to, fold| {
            let copy = lasting.iter().find(|(there, _)| there.is_at(to)).map(|(_, number)| *number)?;
            // It waits for nothing, so that it is told elsewhere in time where it must be.
            fold.w.copies.get(&copy).filter(|copy| copy.sent > 0 && !copy.busy).map(|copy| copy.number)
        });
        for (to, copy) in lasting {
            if self.reaches(notice, &to) {
                self.told_in_place(copy, notice);
            }
        }
    }

    /// Copies of a card that cannot be changed, and where they are.
    fn lasting_copies(&self, card: Option<u64>) -> Vec<(Destination, u64)> {
        let card = card.and_then(|card| self.w.cards.get(&card));
        let copies = card.into_iter().flat_map(|card| &card.copies).filter_map(|copy| self.w.copies.get(copy));
        let lasting = copies.filter(|copy| copy.dead.is_none() && !self.w.policy.edits(&copy.to.channel));
        lasting.map(|copy| (copy.to.clone(), copy.number)).collect()
    }

    /// Whether a card is told at a destination: it was sent there, or waits for whoever reads there.
    fn reaches(&self, card: u64, to: &Destination) -> bool {
        let copies = self.w.cards.get(&card).into_iter().flat_map(|card| &card.copies);
        let mut copies = copies.filter_map(|copy| self.w.copies.get(copy));
        copies.any(|copy| copy.to.is_at(to)) || self.w.preferences.keeps(card, to)
    }

    /// A notice tells what a copy would say. What is still on its way would say the same, and is taken back.
    fn told_in_place(&mut self, number: u64, notice: u64) {
        let Some(copy) = self.w.copies.get_mut(&number) else { return };
        copy.within = Some(notice);
        self.out.changed.copies.insert(number);
        if let Copy { sent: 0, outstanding: Some(row), .. } = copy.as_ref() {
            let row = row.clone();
            self.take_back_row(&row, number, "told by the notice that says more");
        }
    }
}
