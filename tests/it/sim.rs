//! The pure core alone: a World, a clock in the hand, and every copy "sent" at once.

use sereno::channel::carries;
use sereno::core::access::{Actor, Role};
use sereno::core::control::{ControlOutcome, ControlResult};
use sereno::core::delivery::{Card, RowState, SendOutcome, SendResult, Work};
use sereno::core::event::Event;
use sereno::core::gap::Jump;
use sereno::core::input::{Body, Input, Invocation, Origin, Reported, Tap};
use sereno::core::message::Content;
use sereno::core::policy::{Lang, Person, Policy, RuleSpec, RuntimePolicy, ScopeKind, Severity, Verb};
use sereno::core::step::{Decision, Reply, step};
use sereno::core::time::{Span, Ts};
use sereno::core::world::World;
use sereno::render::{RENDERER, Reader, plain};

/// A World under test.
#[derive(Clone)]
pub struct Sim {
    pub world: World,
    pub now: Ts,
    pub log: Vec<Input>,
    pub decisions: Vec<Decision>,
    /// Answer every delivery with a receipt, as a channel that works would.
    pub delivers: bool,
    receipts: u32,
}

pub fn rule(name: &str, when: &str) -> RuleSpec {
    RuleSpec {
        name: name.into(),
        when: when.into(),
        per: ScopeKind::Agent,
        severity: Severity::Critical,
        hold: Span(0),
        offer: vec!["pause".into()],
    }
}

/// One admin who reads English on the page and Spanish on Telegram never occurs: `ana` is English, `victor` Spanish.
pub fn policy() -> Policy {
    let person = |role, lang, tz: &str, telegram: &str| Person {
        role,
        lang,
        tz: tz.into(),
        accounts: [("telegram".to_owned(), telegram.to_owned())].into(),
    };
    Policy {
        people: [
            ("victor".to_owned(), person(Role::Admin, Lang::Es, "UTC", "1234")),
            ("ana".to_owned(), person(Role::Approver, Lang::En, "UTC", "77")),
        ]
        .into(),
        channels: [("tg".to_owned(), carries("telegram")), ("page".to_owned(), carries("web"))].into(),
        runtimes: [
            (
                "fleet".to_owned(),
                RuntimePolicy {
                    kind: "generic".into(),
                    can: [Verb::Decide, Verb::Pause, Verb::Resume, Verb::Kill, Verb::Tell, Verb::Reassign].into(),
                    pull: false,
                },
            ),
            (
                "claude".to_owned(),
                RuntimePolicy {
                    kind: "claude-code".into(),
                    can: [Verb::Decide, Verb::Pause, Verb::Resume, Verb::Kill, Verb::Tell].into(),
                    pull: true,
                },
            ),
        ]
        .into(),
        rules: vec![rule("loop", "repeats('10m') >= 5"), rule("runaway-cost", "cost('10m') > 5.0")],
        ..Policy::default()
    }
}

impl Sim {
    pub fn new() -> Self {
        Self::with(policy())
    }

    pub fn with(policy: Policy) -> Self {
        let mut sim = Self {
            world: World::default(),
            now: at("09:00"),
            log: Vec::new(),
            decisions: Vec::new(),
            delivers: true,
            receipts: 0,
        };
        sim.input(Body::Policy(Box::new(policy)));
        sim
    }

    pub fn input(&mut self, body: Body) -> Option<Reply> {
        let input = Input { pos: self.world.pos + 1, at: self.now, body };
        let decision = step(&mut self.world, &input);
        self.log.push(input);
        let reply = decision.reply.clone();
        let outbox = decision.outbox.clone();
        self.decisions.push(decision);
        for row in outbox {
            if let (true, Work::Deliver { .. }) = (self.delivers, &row.work) {
                self.answer_sent(&row.id);
            }
        }
        reply
    }

    /// The channel has taken what the row of this identity brings.
    pub fn answer_sent(&mut self, id: &str) {
        self.receipts += 1;
        let copy = self.world.outstanding[id].copy.expect("a row that delivers a copy");
        let copy = &self.world.copies[&copy];
        let version = self.world.cards[&copy.card].version;
        let receipt = copy.receipt.clone().unwrap_or_else(|| format!("m{}", self.receipts));
        let result = SendResult::Sent { receipt };
        self.input(Body::Sent(SendOutcome::new(id, 1, version, result)));
    }

    /// Everything that waits to be delivered arrives, in order.
    pub fn deliver_all(&mut self) {
        while let Some(id) =
            self.world.outstanding.iter().find(|(_, o)| o.copy.is_some() && !o.dead).map(|(id, _)| id.clone())
        {
            self.answer_sent(&id);
        }
    }

    /// The runtime answers to the control call that was asked last.
    pub fn answer_control_with(&mut self, result: ControlResult) {
        let id = self.world.outstanding.iter().rev().find(|(_, o)| o.copy.is_none()).map(|(id, _)| id.clone());
        let id = id.expect("a control call is under way");
        self.input(Body::Controlled(ControlOutcome { id, attempt: 1, result }));
    }

    /// The runtime has done what it was asked last, or says why not.
    pub fn answer_control(&mut self, result: Result<&str, &str>) {
        self.answer_control_with(match result {
            Ok(receipt) => ControlResult::Confirmed { receipt: receipt.into() },
            Err(error) => ControlResult::Failed { error: error.into() },
        });
    }

    /// The code of the newest approval.
    pub fn code(&self) -> String {
        self.world.approvals.values().last().expect("an approval").code.clone()
    }

    /// An event of the runtime `fleet`, as canonical JSON.
    pub fn event(&mut self, json: serde_json::Value) -> Option<Reply> {
        self.event_of("fleet", json)
    }

    pub fn event_of(&mut self, runtime: &str, json: serde_json::Value) -> Option<Reply> {
        let mut event: Event = serde_json::from_value(json).expect("a canonical event");
        event.check().expect("a valid event");
        if let Some(tool) = &mut event.tool
            && let Some(input) = &tool.input
        {
            tool.digest = Some(sereno::core::digest::of_call(&tool.name, input));
        }
        let received = self.now;
        self.input(Body::Event(Box::new(Reported::new(runtime, received, event))))
    }

    /// Moves the clock, letting every deadline on the way be due at its own time.
    pub fn advance(&mut self, span: Span) {
        let until = self.now.plus(span);
        while let Some(due) = self.world.next_deadline().filter(|due| *due <= until) {
            self.now = self.now.max(due);
            self.input(Body::Tick);
        }
        self.now = until;
    }

    /// The wall jumps, either way; the time of decisions only forward.
    pub fn jump(&mut self, wall: i64) {
        let skipped = Span(wall.max(0));
        self.now = self.now.plus(skipped);
        self.input(Body::ClockJumped(Jump { wall, skipped, slept: Span(0) }));
    }

    /// Nothing is folded for a while.
    pub fn away(&mut self, span: Span) {
        let since = self.now;
        self.now = self.now.plus(span);
        self.input(Body::Returned { since });
    }

    pub fn to(&mut self, time: &str) {
        let target = at(time);
        self.advance(target.since(self.now));
    }

    /// Typed on the page by `person`.
    pub fn say(&mut self, person: &str, text: &str) -> Reply {
        self.say_on("page", person, text)
    }

    /// Typed on a channel, in the conversation with an account.
    pub fn say_on(&mut self, channel: &str, account: &str, text: &str) -> Reply {
        self.reply(channel, account, None, text)
    }

    /// Typed as an answer to a message.
    pub fn reply(&mut self, channel: &str, account: &str, reply_to: Option<String>, text: &str) -> Reply {
        self.input(Body::Command(Invocation {
            actor: Actor { channel: channel.into(), account: account.into(), display: None },
            text: text.into(),
            tap: None,
            origin: Some(Origin { channel: channel.into(), target: account.into(), reply_to }),
            device: None,
            secret: None,
        }))
        .expect("every command is answered")
    }

    /// The channel will never take what the row of this identity brings.
    pub fn give_up(&mut self, id: &str) {
        let result = SendResult::Gone { error: "the chat is gone".into() };
        self.input(Body::Sent(SendOutcome::new(id, 1, 1, result)));
    }

    /// Taps a button by its label on the copy of a card that `person` has on the page.
    pub fn tap(&mut self, person: &str, card: u64, label: &str) -> Reply {
        let button = self.world.cards[&card].buttons.iter().find(|b| b.label == label).map(|b| b.number);
        self.tap_number(person, card, button.unwrap_or_else(|| panic!("no button {label}")))
    }

    pub fn tap_number(&mut self, person: &str, card: u64, button: u16) -> Reply {
        let copy = self.world.cards[&card]
            .copies
            .iter()
            .map(|n| &self.world.copies[n])
            .find(|c| c.to.channel == "page" && c.to.target == person)
            .unwrap_or_else(|| panic!("{person} has no copy"));
        let tap = Tap { copy: copy.number, button, receipt: copy.receipt.clone() };
        self.input(Body::Command(Invocation {
            actor: Actor { channel: "page".into(), account: person.into(), display: None },
            text: String::new(),
            tap: Some(tap),
            origin: Some(Origin { channel: "page".into(), target: person.into(), reply_to: None }),
            device: None,
            secret: None,
        }))
        .expect("every tap is answered")
    }

    /// The newest card of a kind.
    pub fn card(&self, kind: &str) -> &Card {
        self.cards(kind).last().copied().unwrap_or_else(|| panic!("no card of kind {kind}"))
    }

    pub fn cards(&self, kind: &str) -> Vec<&Card> {
        self.world.cards.values().map(Box::as_ref).filter(|c| c.content.name() == kind).collect()
    }

    /// The newest card of a kind as plain text.
    pub fn text(&self, kind: &str, lang: Lang) -> String {
        draw(&self.card(kind).content, lang, self.now)
    }

    /// Nothing is on its way any more.
    pub fn assert_empty(&self) {
        assert!(self.world.outstanding.is_empty(), "{:?}", self.world.outstanding);
        let unsettled = self.decisions.iter().flat_map(|d| &d.settled).filter(|s| s.state == RowState::Dead);
        assert_eq!(unsettled.count(), 0);
    }
}

pub fn draw(content: &Content, lang: Lang, now: Ts) -> String {
    let reader = Reader { lang, tz: "UTC".into(), whole: true };
    plain(&RENDERER.draw(content, &reader, now).expect("every template renders"))
}

/// A time on the day of the seeds.
pub fn at(time: &str) -> Ts {
    Ts::parse(&format!("2026-11-20T{time}:00Z")).expect("a time")
}
