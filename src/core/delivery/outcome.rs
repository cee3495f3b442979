//! What channels answered, and what follows.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{FREE, HELD, LONGEST_WISH, RowState, Settlement, Subject, holds};
use crate::core::message::{Content, NoticeView};
use crate::core::reason::Reason;
use crate::core::step::Fold;
use crate::core::time::{Span, Ts};

/// The end of one attempt to bring a copy up to date.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SendOutcome {
    /// The outbox row.
    pub id: String,
    /// Which attempt, from 1.
    pub attempt: u32,
    /// The card's version that was sent.
    pub version: u32,
    /// What was answered.
    pub result: SendResult,
    /// Why the picture or the file that goes with it did not arrive, or may not have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_lost: Option<String>,
}

impl SendOutcome {
    /// The end of an attempt to send `version`, about which nothing is left to say.
    pub fn new(id: &str, attempt: u32, version: u32, result: SendResult) -> Self {
        Self { id: id.to_owned(), attempt, version, result, image_lost: None }
    }
}

/// What a channel answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum SendResult {
    /// It was taken.
    Sent {
        /// What the platform calls the message.
        receipt: String,
    },
    /// Not now.
    Retry {
        /// What went wrong, without any secret.
        error: String,
        /// What the platform asked to wait.
        after: Option<Span>,
        /// It may have arrived all the same.
        uncertain: bool,
    },
    /// The destination does not exist any more, or does not want us.
    Gone {
        /// What was said.
        error: String,
    },
    /// The message will never be taken.
    Rejected {
        /// What was said.
        error: String,
    },
    /// The destination has moved.
    Moved {
        /// Its new name.
        target: String,
    },
    /// The message that was to be changed is not there any more.
    EditLost,
    /// The platform does not know us: nothing goes through until that is mended.
    Locked {
        /// What was said.
        error: String,
    },
    /// Whoever sent it broke down over it.
    Poisoned {
        /// What happened, without any secret.
        error: String,
    },
}

impl Fold<'_> {
    /// A channel has answered.
    pub(in crate::core) fn sent(&mut self, outcome: &SendOutcome) {
        let waits = self.w.outstanding.get(&outcome.id).filter(|waits| !waits.dead);
        let known = waits.and_then(|waits| waits.copy);
        let Some(copy) = known.filter(|copy| self.w.copies.contains_key(copy)) else {
            return;
        };
        self.note_on_line(copy, outcome);
        match &outcome.result {
            SendResult::Sent { receipt } => self.was_sent(copy, outcome, receipt),
            SendResult::Retry { error, after, uncertain } => {
                self.try_again(copy, outcome, error, *after, *uncertain);
            }
            SendResult::Gone { error } if self.w.copies.get(&copy).is_some_and(|copy| self.w.is_device(&copy.to)) => {
                self.device_gone(copy, &outcome.id, error);
            }
            SendResult::Gone { error } | SendResult::Rejected { error } => {
                self.give_up(copy, &outcome.id, outcome.attempt, error);
            }
            SendResult::Moved { target } => self.has_moved(copy, outcome, target),
            SendResult::EditLost => {
                if let Some(copy) = self.w.copies.get_mut(&copy) {
                    copy.receipt = None;
                    copy.sent = 0;
                }
                self.settle_held(&outcome.id, RowState::Ready, self.at, HELD, "");
            }
            SendResult::Locked { error } => self.wait_for_line(copy, &outcome.id, error),
            SendResult::Poisoned { error } => self.poisoned(copy, outcome, error),
        }
        self.out.changed.copies.insert(copy);
    }

    /// What an answer says about the line, whatever it says about the message.
    fn note_on_line(&mut self, copy: u64, outcome: &SendOutcome) {
        let Some(channel) = self.w.copies.get(&copy).map(|copy| copy.to.channel.clone()) else { return };
        let at = self.at;
        // Version 0 was written by nobody who has heard the platform.
        if outcome.version == 0 {
            return;
        }
        let line = self.w.lines.entry(channel.clone()).or_default();
        let mut back = None;
        match &outcome.result {
            SendResult::Retry { error, after: None, .. } => {
                if !line.failed(at, error) {
                    return;
                }
            }
            SendResult::Retry { error, after: Some(wish), .. } if *wish > LONGEST_WISH => {
                line.asked_to_wait(at, at.plus(super::gate(&outcome.id, *wish)), error);
            }
            SendResult::Retry { .. } | SendResult::Poisoned { .. } => return,
            SendResult::Locked { error } => {
                if line.locked(at, error) {
                    self.tell_locked(&channel, error);
                }
            }
            _ => {
                // What was on its way when the line broke found nothing late.
                let resting = line.until.is_some_and(|until| at < until);
                let since = line.worked();
                if since.is_none() {
                    return;
                }
                back = since.filter(|_| !resting);
            }
        }
        let gate = self.w.lines.entry(channel.clone()).or_default().gate(&channel);
        let broken = gate.shut.is_some();
        self.out.gates.push(gate);
        if broken {
            self.expect_fallbacks(&channel);
        }
        if let Some(since) = back {
            self.catch_up(&channel, since, &outcome.id);
        }
    }

    /// The row is fine; it waits until the platform knows us again.
    fn wait_for_line(&mut self, number: u64, id: &str, error: &str) {
        let Some(channel) = self.w.copies.get(&number).map(|copy| copy.to.channel.clone()) else { return };
        let until = self.w.lines.get(&channel).and_then(|line| line.until).unwrap_or(self.at);
        self.settle_held(id, RowState::Ready, until, HELD, error);
        self.expect_fallback(number);
    }

    fn was_sent(&mut self, number: u64, outcome: &SendOutcome, receipt: &str) {
        self.settle(&outcome.id, RowState::Sent, self.at, None, Some(receipt.to_owned()));
        self.w.outstanding.remove(&outcome.id);
        let Some(copy) = self.w.copies.get_mut(&number) else { return };
        let first = copy.sent == 0;
        copy.outstanding = None;
        copy.sent = copy.sent.max(outcome.version);
        copy.receipt = Some(receipt.to_owned());
        let (card, to) = (copy.card, copy.to.label());
        if let Some(card) = self.w.cards.get(&card) {
            copy.told = card.told_by(outcome.version).or(copy.told);
        }
        if first {
            let reason = Reason::Sent { to, receipt: receipt.to_owned(), attempt: outcome.attempt };
            self.note_on_subject(card, reason);
            self.full_text_delivered(number);
        }
        if let Some(error) = &outcome.image_lost {
            self.lost_attachment(number, error);
        }
        self.release_children(number, first);
        self.emit(number);
    }

    /// The words have arrived and the picture or the file has not: nobody is held up by that. Whoever wanted a file is
    /// told, for it is all that they wanted; of a picture it is told to whoever asks.
    fn lost_attachment(&mut self, number: u64, error: &str) {
        let Some(copy) = self.w.copies.get(&number) else { return };
        let (card, to, error) = (copy.card, copy.to.clone(), error.to_owned());
        let is_file = self.w.cards.get(&card).is_some_and(|card| matches!(card.content, Content::Export(_)));
        let object = format!("card:{card}");
        if !is_file {
            let reason = Reason::ImageLost { to: to.label(), error };
            return self.audit("sereno", "image.lost", &object, json!({ "reason": reason }));
        }
        let reason = Reason::FileLost { to: to.label(), error };
        self.audit("sereno", "file.lost", &object, json!({ "reason": reason }));
        self.send_answer(Content::Notice(NoticeView { reason, refused: true, trouble: false }), to);
    }

    fn try_again(&mut self, number: u64, outcome: &SendOutcome, error: &str, after: Option<Span>, uncertain: bool) {
        let at = self.at;
        let Some(copy) = self.w.copies.get(&number) else { return };
        // An edit that may have arrived can be made again: it says the same.
        let doubtful = uncertain && copy.receipt.is_none();
        let rests = self.w.lines.get(&copy.to.channel).and_then(|line| line.until);
        let Some(waits) = self.w.outstanding.get_mut(&outcome.id) else { return };
        waits.uncertain += u32::from(doubtful);
        waits.attempts = outcome.attempt;
        let attempt = outcome.attempt.saturating_sub(waits.before);
        let first = *waits.tried.get_or_insert(at);
        let held = if after.is_some() || rests.is_some() { HELD } else { holds(attempt, first) };
        let due = waits
            .class
            .next_attempt(&outcome.id, attempt, waits.uncertain, at, after)
            .map(|due| due.max(rests.unwrap_or(due)))
            .filter(|due| *due < waits.expires);
        let Some(due) = due else {
            self.give_up(number, &outcome.id, outcome.attempt, error);
            return;
        };
        let state = if uncertain { RowState::Uncertain } else { RowState::Ready };
        self.settle_held(&outcome.id, state, due, held, error);
        self.expect_fallback(number);
        if let Some(copy) = self.w.copies.get(&number) {
            let to = copy.to.label();
            let reason = Reason::SendRetried { to, error: error.to_owned(), due, uncertain };
            self.note_on_subject(copy.card, reason);
        }
    }

    /// The row stays known as dead until a person retries or drops it.
    pub(super) fn give_up(&mut self, number: u64, id: &str, attempt: u32, error: &str) {
        let at = self.at;
        self.settle(id, RowState::Dead, at, Some(error.to_owned()), None);
        if let Some(waits) = self.w.outstanding.get_mut(id) {
            waits.dead = true;
            waits.since = at;
            waits.attempts = attempt.max(waits.attempts);
        }
        let Some(copy) = self.w.copies.get_mut(&number) else { return };
        copy.outstanding = None;
        copy.dead = Some(error.to_owned());
        let (card, to) = (copy.card, copy.to.label());
        self.note_on_subject(card, Reason::SendDead { to, error: error.to_owned() });
        self.release_children(number, true);
        self.fall_back(number);
        self.count_dead();
    }

    /// Keeps a row back until a person retries or drops it: it may have happened already.
    pub fn hold(&mut self, number: u64, id: &str) {
        let why = "the store was restored: it may have been sent before";
        let at = self.at;
        self.settle(id, RowState::Held, at, Some(why.to_owned()), None);
        if let Some(waits) = self.w.outstanding.get_mut(id) {
            waits.dead = true;
            waits.since = at;
        }
        let Some(copy) = self.w.copies.get_mut(&number) else { return };
        copy.outstanding = None;
        copy.dead = Some(why.to_owned());
        let (card, to) = (copy.card, copy.to.label());
        self.out.changed.copies.insert(number);
        self.note_on_subject(card, Reason::Held { to });
        self.release_children(number, true);
    }

    fn has_moved(&mut self, number: u64, outcome: &SendOutcome, target: &str) {
        let Some(copy) = self.w.copies.get_mut(&number) else { return };
        let from = copy.to.label();
        let key = (copy.to.channel.clone(), copy.to.target.clone());
        let card = copy.card;
        target.clone_into(&mut copy.to.target);
        if key.1 != target {
            self.w.moved.insert(key, target.to_owned());
        }
        self.settle_held(&outcome.id, RowState::Ready, self.at, HELD, "");
        let reason = Reason::TargetMoved { from: from.clone(), to: target.to_owned() };
        self.note_on_subject(card, reason);
        self.audit("sereno", "destination.moved", &from, json!({ "to": target }));
    }

    /// Lets the next copy that hangs under `number` go; `number` may itself hang under another one.
    pub(in crate::core) fn release_children(&mut self, number: u64, first: bool) {
        if first && let Some(parent) = self.w.copies.get(&number).and_then(|c| c.parent) {
            if let Some(parent) = self.w.copies.get_mut(&parent) {
                parent.busy = false;
            }
            self.next_child(parent);
        }
        self.next_child(number);
    }

    fn next_child(&mut self, parent: u64) {
        let next = self.w.copies.get_mut(&parent).and_then(|copy| {
            let ready = !copy.busy && !copy.queue.is_empty();
            ready.then(|| copy.queue.remove(0))
        });
        if let Some(child) = next {
            self.emit(child);
        }
    }

    /// Changes an outbox row.
    pub fn settle(&mut self, id: &str, state: RowState, due: Ts, error: Option<String>, receipt: Option<String>) {
        let expires = self.w.outstanding.get(id).map(|waits| waits.expires);
        self.out.settled.push(Settlement { id: id.to_owned(), state, due, expires, held: FREE, error, receipt });
    }

    /// Changes an outbox row that is to be done later and holds back those behind it until `held`.
    pub fn settle_held(&mut self, id: &str, state: RowState, due: Ts, held: Ts, error: &str) {
        let expires = self.w.outstanding.get(id).map(|waits| waits.expires);
        let error = (!error.is_empty()).then(|| error.to_owned());
        self.out.settled.push(Settlement { id: id.to_owned(), state, due, expires, held, error, receipt: None });
    }

    /// Adds to the trail of what a card is about.
    pub fn note_on_subject(&mut self, card: u64, reason: Reason) {
        let at = self.at;
        match self.w.cards.get(&card).map(|c| c.subject.clone()) {
            Some(Subject::Alert(number)) => {
                if let Some(alert) = self.w.alerts.get_mut(&number) {
                    alert.trail.push(at, reason);
                    self.out.changed.alerts.insert(number);
                }
            }
            Some(Subject::Approval(number) | Subject::FullText(number)) => {
                if let Some(approval) = self.w.approvals.get_mut(&number) {
                    approval.trail.push(at, reason);
                    self.out.changed.approvals.insert(number);
                }
            }
            _ => {}
        }
    }
}
