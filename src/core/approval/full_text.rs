//! Short codes, and full texts in pieces where a card cannot hold them.

use super::Approval;
use crate::core::delivery::{Class, Draft, Subject};
use crate::core::message::{Content, FullTextView, Shown, field_name};
use crate::core::reason::Reason;
use crate::core::route::Destination;
use crate::core::step::Fold;
use crate::core::text;
use crate::core::world::World;

/// Characters of codes: none of them looks or sounds like another one.
const ALPHABET: &[u8; 27] = b"346789ACDEFGHJKLMNPQRTUVWXY";
/// Characters of one piece, so that any platform takes it with its frame.
const PIECE: usize = 3000;

impl World {
    /// Finds an approval by code, newest first.
    pub fn approval_by_code(&self, code: &str) -> Option<&Approval> {
        let code = code.to_ascii_uppercase();
        self.approvals.values().rev().find(|a| a.code == code)
    }

    /// The copy of an approval's card in a conversation.
    fn approval_copy(&self, approval: &Approval, channel: &str, target: &str) -> Option<u64> {
        let card = self.cards.get(&approval.card?)?;
        card.copies
            .iter()
            .copied()
            .find(|number| self.copies.get(number).is_some_and(|c| c.to.channel == channel && c.to.target == target))
    }

    /// Whether whoever reads in this conversation has been shown the whole text there.
    pub fn has_read(&self, approval: &Approval, channel: &str, target: &str) -> bool {
        let copy = self.approval_copy(approval, channel, target).and_then(|n| self.copies.get(&n));
        let limit = self.policy.channels.get(channel).and_then(|c| c.text_limit);
        let place = (channel.to_owned(), target.to_owned());
        limit.is_none() || copy.is_some_and(|c| c.whole) || approval.read_at.contains(&place)
    }
}

impl Fold<'_> {
    /// Four characters that differ from every live code in at least two places, so that a slip of the
    /// finger or the tongue cannot decide something else. They are no secret.
    pub(super) fn new_code(&self, number: u64) -> String {
        let space = (ALPHABET.len() as u64).pow(4);
        // An odd step that shares no factor with 27^4 walks through the whole space.
        let mut at = number.wrapping_mul(193_877) % space;
        for _ in 0..space {
            let code = spelled(at);
            if !self.has_near_code(&code) {
                return code;
            }
            at = (at + 193_877) % space;
        }
        spelled(at)
    }

    fn has_near_code(&self, code: &str) -> bool {
        let live = self.w.approvals.values().filter(|a| a.is_pending());
        live.map(|a| a.code.bytes().zip(code.bytes()).filter(|(a, b)| a != b).count()).any(|d| d < 2)
    }

    /// Sends the whole text of an approval to a conversation, in pieces, the decision beneath the last.
    ///
    /// # Errors
    /// When it is decided already.
    pub fn show_all(&mut self, number: u64, to: Destination) -> Result<(), Reason> {
        let approval = self.w.approvals.get(&number).ok_or(Reason::NothingToDo)?;
        if !approval.is_pending() {
            return Err(approval.already());
        }
        let view = self.w.approval_view(approval);
        let parent = self.w.approval_copy(approval, &to.channel, &to.target);
        let mut buttons = self.w.approval_buttons(approval);
        buttons.retain(|b| b.shown != Shown::WhenCut);
        for button in &mut buttons {
            button.shown = Shown::Always;
        }
        let inputs: Vec<String> =
            view.inputs.iter().map(|(name, value)| format!("{}: {value}", field_name(name))).collect();
        let text = cut(&view.text).into_iter().map(|piece| (piece, false));
        let arguments = if inputs.is_empty() { Vec::new() } else { cut(&inputs.join("\n")) };
        let pieces: Vec<(String, bool)> = text.chain(arguments.into_iter().map(|piece| (piece, true))).collect();
        let of = u32::try_from(pieces.len()).unwrap_or(u32::MAX);
        for (part, (text, arguments)) in (1..).zip(pieces) {
            let content = FullTextView { code: view.code.clone(), part, of, arguments, text };
            let draft = Draft {
                subject: Subject::FullText(number),
                content: Content::FullText(content),
                class: Class::Decision,
                severity: None,
                silent: part < of,
                buttons: if part == of { buttons.clone() } else { Vec::new() },
                must_show: 0,
            };
            let card = self.send(draft, vec![(to.clone(), parent)]);
            if let Some(approval) = self.w.approvals.get_mut(&number) {
                approval.text_cards.push(card);
            }
        }
        Ok(())
    }

    /// A copy has arrived: it may be the last piece of a full text.
    pub fn full_text_delivered(&mut self, copy: u64) {
        let Some(copy) = self.w.copies.get(&copy) else { return };
        let Some(card) = self.w.cards.get(&copy.card) else { return };
        let (Subject::FullText(number), Content::FullText(view)) = (&card.subject, &card.content) else {
            return;
        };
        // The pieces are cards in a row; one that was given up has not been read.
        let first = copy.card.saturating_sub(u64::from(view.of) - 1);
        let arrived = |card: u64| {
            let copies = self.w.cards.get(&card).map(|c| c.copies.iter().filter_map(|n| self.w.copies.get(n)));
            copies.is_some_and(|mut copies| copies.all(|c| c.sent > 0))
        };
        if view.part == view.of
            && (first..=copy.card).all(arrived)
            && let Some(approval) = self.w.approvals.get_mut(number)
        {
            approval.read_at.push((copy.to.channel.clone(), copy.to.target.clone()));
        }
    }
}

fn spelled(mut at: u64) -> String {
    let mut code = String::with_capacity(4);
    for _ in 0..4 {
        let place = usize::try_from(at % ALPHABET.len() as u64).unwrap_or(0);
        code.push(char::from(ALPHABET[place]));
        at /= ALPHABET.len() as u64;
    }
    code
}

/// Pieces that are at most [`PIECE`] UTF-16 units long once hidden characters are made visible, cut at
/// line breaks where there are any.
fn cut(whole: &str) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut piece = String::new();
    let mut length = 0;
    for c in whole.chars() {
        piece.push(c);
        length += text::utf16_len(&text::block(&c.to_string()));
        let at_break = c == '\n' && length > PIECE / 2;
        if length >= PIECE || at_break {
            pieces.push(std::mem::take(&mut piece));
            length = 0;
        }
    }
    if !piece.is_empty() || pieces.is_empty() {
        pieces.push(piece);
    }
    pieces
}
