//! Commands: what an operator wants, from a typed line or a tapped button.
//!
//! Parse, authorise, plan: the catalogue in `commands/` says what exists and who may use it; the fold
//! carries it out or refuses with a named reason, and never stays silent. A button is a command whose
//! text was written beforehand.

mod act;
mod catalogue;
mod look;
mod notify;
mod own;
mod parse;
mod people;
mod secret;
mod target;

pub use catalogue::{Arg, ArgKind, CATALOGUE, Catalogue, Confirm, Effect, Group, Spec, Texts, Touches};
pub use parse::{Line, is_command, quoted};
pub use secret::{Delicate, SecretKind, delicate};

use super::access::{self, Authorized};
use super::delivery::{Class, Draft, Subject};
use super::input::{Invocation, Origin, Secret, Tap};
use super::message::{Content, NoticeView};
use super::reason::Reason;
use super::route::Destination;
use super::step::{Fold, Reply};

/// A command that has been read and allowed.
pub struct Call {
    /// Which.
    pub spec: &'static Spec,
    /// With what.
    pub line: Line,
    /// By whom.
    pub who: Authorized,
    /// From where, when the answer goes there.
    pub from: Option<Destination>,
    /// Whether nobody else reads the answer.
    pub alone: bool,
    /// What was made up for it.
    pub secret: Option<Secret>,
}

/// What came of a command.
#[expect(clippy::large_enum_variant, reason = "there is one at a time, and it is moved once")]
pub enum Answer {
    /// Something to read.
    Content(Content),
    /// It is done; a card tells more, or there is nothing more to tell.
    Done(Reason),
}

/// How a command is carried out.
type Handler = fn(&mut Fold<'_>, &Call) -> Result<Answer, Reason>;

/// Every command's handler, by name.
const HANDLERS: &[(&str, Handler)] = &[
    ("status", look::status),
    ("agents", look::agents),
    ("agent", look::agent),
    ("sessions", look::sessions),
    ("session", look::session),
    ("tasks", look::tasks),
    ("task", look::task),
    ("cost", look::cost),
    ("digest", look::digest),
    ("budget", look::budget),
    ("health", look::health),
    ("errors", look::errors),
    ("events", look::events),
    ("timeline", look::timeline),
    ("audit", look::audit),
    ("export", look::export),
    ("settings", look::settings),
    ("alerts", look::alerts),
    ("approvals", look::approvals),
    ("why", look::why),
    ("logs", look::logs),
    ("whoami", look::whoami),
    ("help", look::help),
    ("show", act::show),
    ("approve", act::approve),
    ("deny", act::deny),
    ("revoke", act::revoke),
    ("ack", act::ack),
    ("resolve", act::resolve),
    ("pause", act::pause),
    ("resume", act::resume),
    ("kill", act::kill),
    ("tell", act::tell),
    ("reassign", act::reassign),
    ("spawn", act::spawn),
    ("dead", look::dead),
    ("outbox", act::outbox),
    ("link", own::link),
    ("login", own::login),
    ("notify", notify::notify),
    ("people", people::people),
];

impl Fold<'_> {
    /// A person wants something.
    pub(super) fn command(&mut self, invocation: &Invocation) {
        if let Some(wish) = &invocation.device {
            return self.device(&invocation.actor, wish);
        }
        let text = match &invocation.tap {
            Some(tap) => match self.tapped(tap, invocation) {
                Ok(command) => command,
                Err(reason) => return self.refuse(reason),
            },
            None => self.said(invocation),
        };
        match self.carry_out(&text, invocation) {
            Ok(Answer::Done(reason)) => self.answer(reason),
            Ok(Answer::Content(content)) => self.deliver_answer(content, invocation),
            Err(reason) => self.deliver_refusal(reason, invocation),
        }
    }

    fn carry_out(&mut self, text: &str, invocation: &Invocation) -> Result<Answer, Reason> {
        let read = parse::read(text);
        if self.w.policy.person_of(&invocation.actor).is_none() || self.is_over(&invocation.actor) {
            return self.stranger_says(read.ok(), invocation);
        }
        let (spec, line) = read?;
        let who = access::authorize(&self.w.policy, &invocation.actor, spec)
            .inspect_err(|reason| self.audit_refusal(invocation, spec, reason))?;
        let from = invocation.origin.as_ref().map(|origin| self.destination(origin, &who));
        let (alone, secret) = (self.is_alone(invocation), invocation.secret.clone());
        let handler = HANDLERS.iter().find(|(name, _)| *name == spec.name).map(|(_, handler)| *handler);
        let call = Call { spec, line, who, from, alone, secret };
        let outcome = handler.map_or(Err(Reason::NothingToDo), |handler| handler(self, &call));
        let outcome = outcome.map_err(|reason| if call.who.is_unbounded() { reason } else { reason.without_names() });
        if let Err(reason @ (Reason::OutOfScope { .. } | Reason::DeniedByRule { .. })) = &outcome {
            self.audit_refusal(invocation, spec, reason);
        }
        outcome
    }

    /// Somebody whom nobody knows may ask who they are, and say a code; what else they say is not even read.
    fn stranger_says(
        &mut self,
        read: Option<(&'static Spec, Line)>,
        invocation: &Invocation,
    ) -> Result<Answer, Reason> {
        let actor = &invocation.actor;
        match read.as_ref().map(|(spec, line)| (*spec, line)) {
            Some((spec, _)) if spec.name == "whoami" => {
                let reason = Reason::UnknownPerson { channel: actor.channel.clone(), account: actor.account.clone() };
                look::stranger(self, actor, reason)
            }
            Some((spec, line)) if spec.name == "link" && line.word(0).is_some() => {
                self.says_code(&line.words.concat(), invocation)
            }
            read => {
                let reason = self.stranger(actor);
                if let Some((spec, _)) = read {
                    self.audit_refusal(invocation, spec, &reason);
                }
                Err(reason)
            }
        }
    }

    /// Whether a token has expired and was not forgotten yet.
    fn is_over(&self, actor: &access::Actor) -> bool {
        let is_api = self.w.policy.channels.get(&actor.channel).is_some_and(|channel| channel.kind == "api");
        is_api && self.w.policy.keys.get(&actor.account).is_some_and(|key| key.expires <= self.at)
    }

    fn audit_refusal(&mut self, invocation: &Invocation, spec: &Spec, reason: &Reason) {
        if spec.effect == Effect::Read {
            return;
        }
        let actor = format!("{}:{}", invocation.actor.channel, invocation.actor.account);
        let data = serde_json::json!({ "reason": reason });
        self.audit(&actor, "command.refused", &format!("command:{}", spec.name), data);
    }

    /// The command behind a button, if the button is still drawn on the card that was tapped.
    fn tapped(&self, tap: &Tap, invocation: &Invocation) -> Result<String, Reason> {
        let copy = self.w.copies.get(&tap.copy).ok_or(Reason::UnknownButton)?;
        let card = self.w.cards.get(&copy.card).ok_or(Reason::UnknownButton)?;
        let here = invocation
            .origin
            .as_ref()
            .is_some_and(|origin| origin.channel == copy.to.channel && origin.target == copy.to.target);
        let on_this_message = match (&tap.receipt, &copy.receipt) {
            (Some(tapped), Some(known)) => tapped == known,
            // The tap came before the platform's receipt was folded.
            (Some(_), None) => true,
            (None, _) => true,
        };
        if invocation.actor.channel != copy.to.channel || !here || !on_this_message {
            return Err(Reason::ForeignButton);
        }
        let button = card.buttons.iter().find(|b| b.number == tap.button);
        match button {
            Some(button) if button.asks_why && !self.asks(&copy.to.channel) => Err(Reason::ReplyInstead),
            Some(button) if button.is_drawn(copy.whole) => {
                let words = if button.asks_why { invocation.text.as_str() } else { "" };
                Ok(format!("{} {words}", button.command).trim().to_owned())
            }
            _ => Err(self.why_stale(&card.subject)),
        }
    }

    fn asks(&self, channel: &str) -> bool {
        self.w.policy.channels.get(channel).is_some_and(|channel| channel.asks)
    }

    fn why_stale(&self, subject: &Subject) -> Reason {
        let approval = match subject {
            Subject::Approval(number) | Subject::FullText(number) => self.w.approvals.get(number),
            _ => None,
        };
        approval.filter(|a| !a.is_pending()).map_or(Reason::StaleButton, super::approval::Approval::already)
    }

    /// Typed text; a text that answers a card is added to the command that the card stands for.
    fn said(&self, invocation: &Invocation) -> String {
        let text = invocation.text.trim();
        let answered = invocation.origin.as_ref().and_then(|origin| {
            let receipt = origin.reply_to.as_ref()?;
            let copy = self.w.copies.values().rev().find(|copy| {
                copy.receipt.as_ref() == Some(receipt)
                    && copy.to.channel == origin.channel
                    && copy.to.target == origin.target
            })?;
            self.w.cards.get(&copy.card)?.reply_command.clone()
        });
        match answered {
            Some(command) if !is_command(text) && !parse::only_agrees(text) => format!("{command} {text}"),
            _ => text.to_owned(),
        }
    }

    fn destination(&self, origin: &Origin, who: &Authorized) -> Destination {
        let person = self.w.policy.people.get(&who.person);
        let kind = self.w.policy.channels.get(&origin.channel).map_or("", |c| c.kind.as_str());
        // A conversation is a person's own when the platform names it after their account.
        let own = person.and_then(|p| p.home(&who.person, kind)).as_ref() == Some(&origin.target);
        Destination {
            channel: origin.channel.clone(),
            target: origin.target.clone(),
            person: own.then(|| who.person.clone()),
            only: None,
        }
    }

    fn deliver_answer(&mut self, content: Content, invocation: &Invocation) {
        let mut reply = Reply { reason: Reason::Done, refused: false, content: None, gate: None };
        match &invocation.origin {
            Some(origin) => {
                let to = self.conversation(origin, invocation);
                self.send_answer(content, to);
            }
            None => reply.content = Some(Box::new(content)),
        }
        self.out.reply = Some(reply);
    }

    fn deliver_refusal(&mut self, reason: Reason, invocation: &Invocation) {
        // Whoever tapped is told by the platform, privately; whoever typed gets an answer. A stranger gets one, unless
        // nobody else reads the others.
        let whispers = self.w.policy.channels.get(&invocation.actor.channel).is_some_and(|channel| channel.whispers);
        let silent = invocation.tap.is_some() || (reason == Reason::StillUnknown && !whispers);
        if let Some(origin) = invocation.origin.as_ref().filter(|_| !silent) {
            let notice = NoticeView { reason: reason.clone(), refused: true, trouble: false };
            let to = self.conversation(origin, invocation);
            self.send_answer(Content::Notice(notice), to);
        }
        self.refuse(reason);
    }

    /// Where an answer goes that only whoever asked needs to read.
    fn conversation(&self, origin: &Origin, invocation: &Invocation) -> Destination {
        let policy = &self.w.policy;
        let person = policy.person_of(&invocation.actor).map(|(name, _)| name.to_owned());
        let home = person
            .as_ref()
            .and_then(|name| policy.people.get(name)?.home(name, &policy.channels.get(&origin.channel)?.kind));
        let whispers = policy.channels.get(&origin.channel).is_some_and(|channel| channel.whispers);
        let only = (whispers && home.as_ref() != Some(&origin.target)).then(|| invocation.actor.account.clone());
        Destination { channel: origin.channel.clone(), target: origin.target.clone(), person, only }
    }

    /// Sends an answer that will not change.
    pub fn send_answer(&mut self, content: Content, to: Destination) -> u64 {
        self.send_answers(content, vec![to])
    }

    /// Sends the same answer to several places.
    fn send_answers(&mut self, content: Content, to: Vec<Destination>) -> u64 {
        let draft = Draft {
            subject: Subject::Nothing,
            content,
            class: Class::Reply,
            severity: None,
            silent: true,
            buttons: Vec::new(),
            must_show: 0,
        };
        self.send(draft, to.into_iter().map(|to| (to, None)).collect())
    }
}
