//! Delivery: cards, their copies, and the outbox rows that bring each copy up to date.
//!
//! A card is what is said about one subject; a copy is that card in one conversation. A copy has at
//! most one outbox row at a time, and the row does not carry the content: whoever sends it reads the
//! card as it is then. So edits coalesce, a copy never goes back to an older state, and messages of
//! one conversation key keep their order.

mod dead;
mod fallback;
mod instead;
mod late;
mod line;
mod outcome;
mod retry;
mod row;

use serde::{Deserialize, Serialize};

use super::arena::Ix;
use super::message::{Button, Content, Labels};
use super::policy::Severity;
use super::reason::Reason;
use super::route::{Audience, Destination};
use super::step::Fold;
use super::time::{Span, Ts};
use super::world::Task;

pub use dead::{DeadBook, Which};
pub(super) use fallback::FEW;
pub use line::{Gate, Line, Shut};
pub use outcome::{SendOutcome, SendResult};
pub use retry::{Class, gate, jitter};
pub(super) use retry::{FREE, HELD, LONGEST_WISH, holds};
pub use row::{OutboxRow, Outstanding, RowState, Settlement, Work};

/// What a card is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// An alert.
    Alert(u64),
    /// An approval.
    Approval(u64),
    /// A task.
    Task(Ix<Task>),
    /// Control calls that were asked together; the number is that of the card itself.
    Control,
    /// A piece of an approval's full text.
    FullText(u64),
    /// An answer, or something that will not change.
    Nothing,
}

/// What whoever got an alert believes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Told {
    /// That it fires.
    Firing,
    /// That it is over.
    Resolved,
}

/// What is said about one subject.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Card {
    /// Number; only grows.
    pub number: u64,
    /// What it is about.
    pub subject: Subject,
    /// What it says.
    pub content: Content,
    /// How its copies are sent.
    pub class: Class,
    /// How important it is.
    pub severity: Option<Severity>,
    /// It makes no sound.
    pub silent: bool,
    /// Grows with every change.
    pub version: u32,
    /// Its buttons.
    pub buttons: Vec<Button>,
    /// The next button's number.
    pub next_button: u16,
    /// Its copies.
    pub copies: Vec<u64>,
    /// For an alert: which version began to say what.
    pub told: Vec<(u32, Told)>,
    /// The newest version that whoever has read an older one must hear of, also where no message can be changed; 0
    /// before the first such.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub turn: u32,
    /// The command that a text written under it stands for; the text is added.
    pub reply_command: Option<String>,
    /// When it was made.
    pub created: Ts,
    /// When it was last changed.
    pub updated: Ts,
}

impl Card {
    /// What a version tells about its alert.
    pub fn told_by(&self, version: u32) -> Option<Told> {
        self.told.iter().rev().find(|(since, _)| *since <= version).map(|(_, told)| *told)
    }
}

/// A card in one conversation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Copy {
    /// Number; only grows.
    pub number: u64,
    /// The card.
    pub card: u64,
    /// Where it is.
    pub to: Destination,
    /// The whole text fits there.
    pub whole: bool,
    /// Whoever reads there wants the first line only, where that is enough.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub compact: bool,
    /// The version that was sent last; 0 before the first.
    pub sent: u32,
    /// What whoever reads there believes of the alert.
    pub told: Option<Told>,
    /// What the platform calls the message.
    pub receipt: Option<String>,
    /// The outbox row that brings it up to date.
    pub outstanding: Option<String>,
    /// Why it will not be sent any more.
    pub dead: Option<String>,
    /// The card that tells of it in its place: of many together, or in more words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<u64>,
    /// Why it stands here or only now, for whoever reads it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remark: Option<Box<Reason>>,
    /// The copy under which it hangs.
    pub parent: Option<u64>,
    /// Copies that hang under it and wait for their turn.
    pub queue: Vec<u64>,
    /// A copy that hangs under it is being sent.
    pub busy: bool,
}

/// A card to be made.
pub struct Draft {
    /// What it is about.
    pub subject: Subject,
    /// What it says.
    pub content: Content,
    /// How its copies are sent.
    pub class: Class,
    /// How important it is.
    pub severity: Option<Severity>,
    /// It makes no sound.
    pub silent: bool,
    /// Its buttons, unnumbered.
    pub buttons: Vec<Button>,
    /// Length of the text that must be shown whole, in UTF-16 units.
    pub must_show: usize,
}

/// What stands on a card besides the text that must be shown whole, in UTF-16 units, generously.
const CARD_REST: usize = 1400;
/// Rows of answers are dropped after this: an old answer is worse than none.
const REPLY_LIVES: Span = Span::mins(15);
/// Other rows are given up after this.
const ROW_LIVES: Span = Span::hours(24);

impl Fold<'_> {
    /// Makes a card and sends it where its labels lead, unless whoever is there chose not to be told of it now. Returns
    /// its number and why it went where.
    pub fn tell(&mut self, draft: Draft, labels: &Labels, audience: Audience) -> (u64, Vec<Reason>) {
        self.tell_under(draft, labels, audience, |_, _| None)
    }

    /// The same, under the copy that `parent` names for a destination.
    fn tell_under(
        &mut self,
        draft: Draft,
        labels: &Labels,
        audience: Audience,
        parent: impl Fn(&Destination, &Self) -> Option<u64>,
    ) -> (u64, Vec<Reason>) {
        let chosen = self.w.destinations(labels, audience);
        let mut why: Vec<Reason> =
            chosen.iter().map(|(to, route)| Reason::Routed { route: route.clone(), to: to.label() }).collect();
        if why.is_empty() {
            why.push(Reason::NobodyToTell);
        }
        let mut sorted = self.w.sorted_draft(&draft, chosen.into_iter().map(|(to, _)| to).collect());
        why.append(&mut sorted.why.clone());
        let to = std::mem::take(&mut sorted.now).into_iter();
        let to = to.map(|to| (to.clone(), parent(&to, self))).collect();
        let card = self.send(draft, to);
        self.keep(card, sorted);
        (card, why)
    }

    /// Makes a card and sends it to `to`, each copy under its parent when it has one.
    pub fn send(&mut self, draft: Draft, to: Vec<(Destination, Option<u64>)>) -> u64 {
        self.w.counters.cards += 1;
        let number = self.w.counters.cards;
        let must_show = draft.must_show;
        let mut card = Card {
            number,
            subject: draft.subject,
            content: draft.content,
            class: draft.class,
            severity: draft.severity,
            silent: draft.silent,
            version: 1,
            buttons: Vec::new(),
            next_button: 1,
            copies: Vec::new(),
            told: Vec::new(),
            turn: 0,
            reply_command: None,
            created: self.at,
            updated: self.at,
        };
        set_buttons(&mut card, draft.buttons);
        // A phone is not woken for what makes no sound.
        let silent = card.silent;
        let to: Vec<_> = to.into_iter().filter(|(to, _)| !(silent && self.w.is_device(to))).collect();
        let copies: Vec<u64> =
            to.into_iter().map(|(to, parent)| self.make_copy(number, to, parent, must_show)).collect();
        card.copies.clone_from(&copies);
        self.w.cards.insert(number, Box::new(card));
        self.out.changed.cards.insert(number);
        for copy in copies {
            self.emit(copy);
        }
        number
    }

    fn make_copy(&mut self, card: u64, to: Destination, parent: Option<u64>, must_show: usize) -> u64 {
        self.w.counters.copies += 1;
        let number = self.w.counters.copies;
        let limit = self.w.policy.channels.get(&to.channel).and_then(|c| c.text_limit);
        let compact = self.w.wants_compact(&to);
        let copy = Copy {
            number,
            card,
            to,
            compact,
            whole: limit.is_none_or(|limit| must_show + CARD_REST <= limit),
            sent: 0,
            told: None,
            receipt: None,
            outstanding: None,
            dead: None,
            within: None,
            remark: None,
            parent,
            queue: Vec::new(),
            busy: false,
        };
        self.w.copies.insert(number, Box::new(copy));
        self.out.changed.copies.insert(number);
        number
    }

    /// Changes what a card says and brings its copies up to date. Unchanged buttons keep their numbers.
    pub fn revise(&mut self, number: u64, content: Content, buttons: Vec<Button>) {
        let at = self.at;
        let Some(card) = self.w.cards.get_mut(&number) else { return };
        let before = card.buttons.clone();
        set_buttons(card, buttons);
        if card.content == content && card.buttons == before {
            return;
        }
        card.version += 1;
        if card.content.turns_into(&content) {
            card.turn = card.version;
        }
        card.content = content;
        card.updated = at;
        let copies = card.copies.clone();
        self.out.changed.cards.insert(number);
        for copy in copies {
            self.emit(copy);
        }
    }

    /// Marks that from its current version on the card tells this about its alert.
    pub fn mark_told(&mut self, number: u64, told: Told) {
        let Some(card) = self.w.cards.get_mut(&number) else { return };
        if card.told_by(card.version) == Some(told) {
            return;
        }
        card.told.push((card.version, told));
        let copies = card.copies.clone();
        self.out.changed.cards.insert(number);
        // What was told with others in one message is judged by this, and not by the version.
        for copy in copies {
            if self.w.copies.get(&copy).is_some_and(|copy| copy.within.is_some()) {
                self.emit(copy);
            }
        }
    }

    /// Makes the outbox row that brings a copy up to date, unless there is one or none is needed.
    pub fn emit(&mut self, number: u64) {
        let Some(copy) = self.w.copies.get(&number) else { return };
        let Some(card) = self.w.cards.get(&copy.card) else { return };
        if copy.outstanding.is_some() || copy.dead.is_some() || copy.sent >= card.version {
            return;
        }
        if copy.within.is_some() && self.told_within(number) {
            return;
        }
        let Some(copy) = self.w.copies.get(&number) else { return };
        if copy.sent > 0 && !self.w.policy.edits(&copy.to.channel) && self.has_heard(copy) {
            return;
        }
        if copy.sent == 0
            && let Some(parent) = copy.parent
            && !self.may_hang(parent, number)
        {
            return;
        }
        let Some(copy) = self.w.copies.get(&number) else { return };
        let Some(card) = self.w.cards.get(&copy.card) else { return };
        let lives = if card.class == Class::Reply { REPLY_LIVES } else { ROW_LIVES };
        let (class, via) = (card.class, copy.to.channel.clone());
        let copy_channel = via.clone();
        let id = self.row_id();
        let expires = self.at.plus(lives);
        self.out.outbox.push(OutboxRow {
            id: id.clone(),
            work: Work::Deliver { copy: number },
            via,
            class,
            due: self.at,
            expires,
        });
        self.w.outstanding.insert(id.clone(), Outstanding::new(Some(number), class, self.at, expires));
        if self.w.lines.get(&copy_channel).is_some_and(Line::is_broken) {
            self.expect_fallback(number);
        }
        if let Some(copy) = self.w.copies.get_mut(&number) {
            copy.outstanding = Some(id);
            self.out.changed.copies.insert(number);
        }
    }

    /// Whether what has changed since is nothing for which a message of its own is sent, where none can be changed.
    fn has_heard(&self, copy: &Copy) -> bool {
        self.w.cards.get(&copy.card).is_none_or(|card| copy.sent >= card.turn)
    }

    /// Whether `child` may be sent under `parent` now; if not, it is queued there.
    fn may_hang(&mut self, parent: u64, child: u64) -> bool {
        let Some(parent) = self.w.copies.get_mut(&parent) else { return true };
        if parent.dead.is_some() {
            return true;
        }
        if parent.sent > 0 && !parent.busy {
            parent.busy = true;
            return true;
        }
        if !parent.queue.contains(&child) {
            parent.queue.push(child);
        }
        false
    }

    /// A new identity for an outbox row: time-ordered, and the same whenever this log is folded.
    pub fn row_id(&mut self) -> String {
        self.made += 1;
        // A position comes again after a restore; what it stood for in the lost time must not be taken for this.
        let epoch = if self.w.epoch > 1 { format!("e{:03x}_", self.w.epoch) } else { String::new() };
        format!("ob_{epoch}{:012x}_{:03x}", self.w.pos, self.made)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
const fn is_zero(n: &u32) -> bool {
    *n == 0
}

/// Gives `wanted` to the card; a button that was already there keeps its number.
fn set_buttons(card: &mut Card, wanted: Vec<Button>) {
    let before = std::mem::take(&mut card.buttons);
    card.buttons = wanted
        .into_iter()
        .map(|mut button| {
            let same = before.iter().find(|b| b.command == button.command && b.shown == button.shown);
            button.number = same.map_or_else(
                || {
                    let number = card.next_button;
                    card.next_button = number.wrapping_add(1);
                    number
                },
                |b| b.number,
            );
            button
        })
        .collect();
}
