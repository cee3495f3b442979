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

use super::access::{self, Actor, Authorized};
use super::delivery::{Class, Draft, Subject};
use super::input::{Invocation, Origin, Secret, Tap};
use super::message::{Content, NoticeView};
use super::reason::Reason;
use super::route::Destination;
use super::step::{Decision, Fold, Reply};
use super::time::Ts;
use super::world::World;

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

type Look = fn(&Fold<'_>, &Call) -> Result<Answer, Reason>;
type Act = fn(&mut Fold<'_>, &Call) -> Result<Answer, Reason>;

/// How a command is carried out.
enum Handler {
    /// It shows something and cannot change anything.
    Look(Look),
    /// It changes something.
    Act(Act),
    /// It changes something, or shows it when it is said without words.
    Either(Look, Act),
}

/// Every command's handler, by name.
const HANDLERS: &[(&str, Handler)] = &[
    ("status", Handler::Look(look::status)),
    ("agents", Handler::Look(look::agents)),
    ("agent", Handler::Look(look::agent)),
    ("sessions", Handler::Look(look::sessions)),
    ("session", Handler::Look(look::session)),
    ("tasks", Handler::Look(look::tasks)),
    ("task", Handler::Look(look::task)),
    ("cost", Handler::Look(look::cost)),
    ("digest", Handler::Look(look::digest)),
    ("budget", Handler::Look(look::budget)),
    ("health", Handler::Look(look::health)),
    ("errors", Handler::Look(look::errors)),
    ("events", Handler::Look(look::events)),
    ("timeline", Handler::Look(look::timeline)),
    ("audit", Handler::Look(look::audit)),
    ("export", Handler::Act(look::export)),
    ("settings", Handler::Look(look::settings)),
    ("alerts", Handler::Look(look::alerts)),
    ("approvals", Handler::Look(look::approvals)),
    ("why", Handler::Look(look::why)),
    ("logs", Handler::Look(look::logs)),
    ("whoami", Handler::Look(look::whoami)),
    ("help", Handler::Look(look::help)),
    ("show", Handler::Act(act::show)),
    ("approve", Handler::Act(act::approve)),
    ("deny", Handler::Act(act::deny)),
    ("revoke", Handler::Act(act::revoke)),
    ("ack", Handler::Act(act::ack)),
    ("resolve", Handler::Act(act::resolve)),
    ("pause", Handler::Act(act::pause)),
    ("resume", Handler::Act(act::resume)),
    ("kill", Handler::Act(act::kill)),
    ("tell", Handler::Act(act::tell)),
    ("reassign", Handler::Act(act::reassign)),
    ("spawn", Handler::Act(act::spawn)),
    ("dead", Handler::Look(look::dead)),
    ("outbox", Handler::Act(act::outbox)),
    ("link", Handler::Act(own::link)),
    ("login", Handler::Act(own::login)),
    ("notify", Handler::Either(notify::look, notify::notify)),
    ("people", Handler::Either(people::look, people::people)),
];

/// What a command shows to whoever asks, as the fold would answer it, without a place in the log: nothing follows from
/// it, and the World stays as it is. What would change something is refused.
pub fn look(world: &mut World, at: Ts, invocation: &Invocation) -> Reply {
    let fold = Fold { at: at.max(world.now), w: world, out: Decision::default(), suspects: Vec::new(), made: 0 };
    match fold.shown(invocation) {
        Ok(Answer::Content(content)) => {
            Reply { reason: Reason::Done, refused: false, content: Some(Box::new(content)), gate: None }
        }
        Ok(Answer::Done(reason)) => Reply { reason, refused: false, content: None, gate: None },
        Err(reason) => Reply { reason, refused: true, content: None, gate: None },
    }
}

fn handler(spec: &Spec) -> Option<&'static Handler> {
    HANDLERS.iter().find(|(name, _)| *name == spec.name).map(|(_, handler)| handler)
}

impl Call {
    /// A reason as whoever asks may know it.
    fn told(&self, reason: Reason) -> Reason {
        if self.who.is_unbounded() { reason } else { reason.without_names(|thing| self.line.typed(thing)) }
    }
}

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
        let call =
            self.call(spec, line, invocation).inspect_err(|reason| self.audit_refusal(invocation, spec, reason))?;
        let outcome = match handler(spec) {
            Some(Handler::Look(look)) => look(self, &call),
            Some(Handler::Act(act) | Handler::Either(_, act)) => act(self, &call),
            None => Err(Reason::NothingToDo),
        };
        if let Err(reason @ (Reason::OutOfScope { .. } | Reason::DeniedByRule { .. })) = &outcome {
            self.audit_refusal(invocation, spec, reason);
        }
        outcome.map_err(|reason| call.told(reason))
    }

    /// A command that may be used.
    fn call(&self, spec: &'static Spec, line: Line, invocation: &Invocation) -> Result<Call, Reason> {
        let who = access::authorize(&self.w.policy, &invocation.actor, spec)?;
        let from = invocation.origin.as_ref().map(|origin| self.destination(origin, &who));
        let (alone, secret) = (self.is_alone(invocation), invocation.secret.clone());
        Ok(Call { spec, line, who, from, alone, secret })
    }

    fn shown(&self, invocation: &Invocation) -> Result<Answer, Reason> {
        if self.is_over(&invocation.actor) {
            let Actor { channel, account, .. } = invocation.actor.clone();
            return Err(Reason::UnknownPerson { channel, account });
        }
        let (spec, line) = parse::read(&invocation.text)?;
        let call = self.call(spec, line, invocation)?;
        match handler(spec) {
            Some(Handler::Look(look) | Handler::Either(look, _)) => {
                look(self, &call).map_err(|reason| call.told(reason))
            }
            Some(Handler::Act(_)) | None => Err(Reason::NothingToDo),
        }
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
    fn is_over(&self, actor: &Actor) -> bool {
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
