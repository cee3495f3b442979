//! One question, three people on two platforms, a deadline, and a process that may die between any two
//! steps: explored completely, with the real fold in the middle.
//!
//! The log and what folds it are sereno's own. Around it stands what it cannot trust: platforms that send
//! a tap again until it is confirmed, a clock that passes the deadline, a courier that dies before or
//! after its call, and a runtime that does what each idempotency key asks once.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use serde_json::json;
use sereno::core::access::Actor;
use sereno::core::approval::ApprovalState;
use sereno::core::control::{ControlOutcome, ControlResult, Order};
use sereno::core::delivery::{RowState, Work};
use sereno::core::input::{Body, Invocation, Origin, Tap};
use sereno::core::policy::{Lang, Person};
use stateright::{Checker as _, Model, Property};

use crate::sim::{Sim, at, policy};

/// Who taps what, and where.
const VOTERS: [(&str, &str, &str); 3] = [("page", "ana", "approve"), ("tg", "1234", "deny"), ("tg", "99", "approve")];
/// How often the courier tries at most, dying or not.
const ATTEMPTS: u32 = 3;

/// What was appended after the question, and whether that was after the deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Appended {
    Tap(usize),
    Tick,
    Confirmed(u32),
    /// The courier of this attempt did not come back.
    Lost(u32),
}

#[derive(Clone)]
struct State {
    log: Vec<(Appended, bool)>,
    late: bool,
    /// Taps that the platform still holds.
    held: [bool; VOTERS.len()],
    /// The courier's attempt that is under way, and whether it has called.
    leased: Option<(u32, bool)>,
    attempts: u32,
    /// What the runtime has done: key and outcome.
    done: Vec<(String, String)>,
    /// Every state that the approval was in, in order.
    outcomes: Vec<ApprovalState>,
    /// A tap that came too late was told that it counted.
    misled: bool,
    /// All that follows from the log.
    sim: Arc<Sim>,
}

impl State {
    /// What the rest follows from.
    fn identity(&self) -> impl Hash + PartialEq + '_ {
        (&self.log, self.late, self.held, self.leased, self.attempts, &self.done)
    }
}

impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        self.identity() == other.identity()
    }
}

impl Hash for State {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.identity().hash(hasher);
    }
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} late {} leased {:?} done {:?}", self.log, self.late, self.leased, self.done)
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Action {
    /// The platform sends a tap; sereno may die after it is stored and before it is confirmed.
    Tap {
        voter: usize,
        confirmed: bool,
    },
    DeadlinePasses,
    Tick,
    Claim,
    Call,
    Report,
    Die,
}

/// The numbers of the buttons that the voters tap, as they were drawn at first.
struct Question {
    buttons: [u16; VOTERS.len()],
}

fn sim() -> Sim {
    let mut policy = policy();
    let carla = Person {
        lang: Lang::En,
        accounts: [("telegram".to_owned(), "99".to_owned())].into(),
        ..policy.people["ana"].clone()
    };
    policy.people.insert("carla".into(), carla);
    let mut sim = Sim::with(policy);
    sim.event(json!({"type": "approval.requested", "agent": {"id": "Debug"}, "session": {"id": "4f2a"},
        "approval": {"id": "q1", "action": {"tool": "Bash", "input": {"command": "pytest"}}}}));
    sim
}

fn tap(sim: &Sim, voter: usize, button: u16) -> Body {
    let (channel, account, _) = VOTERS[voter];
    let copies = sim.world.copies.values();
    let mut copies = copies.filter(|copy| copy.to.channel == channel && copy.to.target == account);
    let copy = copies.next().expect("everybody is asked");
    let tap = Tap { copy: copy.number, button, receipt: copy.receipt.clone() };
    Body::Command(Invocation {
        actor: Actor { channel: channel.into(), account: account.into(), display: None },
        text: String::new(),
        tap: Some(tap),
        origin: Some(Origin { channel: channel.into(), target: account.into(), reply_to: None }),
        device: None,
        secret: None,
    })
}

/// The control calls that the fold has asked for: identity and outcome.
fn orders(sim: &Sim) -> Vec<(String, String)> {
    let rows = sim.decisions.iter().flat_map(|decision| &decision.outbox);
    rows.filter_map(|row| match &row.work {
        Work::Control(call) => match &call.order {
            Order::Decide { outcome, .. } => Some((call.id.clone(), outcome.clone())),
            _ => None,
        },
        Work::Deliver { .. } => None,
    })
    .collect()
}

/// Whether the first control call waits to be made, or made again.
fn is_due(sim: &Sim) -> bool {
    let Some((id, _)) = orders(sim).into_iter().next() else { return false };
    let mut settled = sim.decisions.iter().flat_map(|decision| &decision.settled);
    let state = settled.rfind(|row| row.id == id).map_or(RowState::Ready, |row| row.state);
    matches!(state, RowState::Ready | RowState::Uncertain)
}

fn state_of(sim: &Sim) -> ApprovalState {
    sim.world.approvals[&1].state
}

impl Question {
    fn new() -> Self {
        let sim = sim();
        let buttons = &sim.card("approval").buttons;
        let number = |label| buttons.iter().find(|button| button.label == label).expect("it is drawn").number;
        Self { buttons: VOTERS.map(|(_, _, label)| number(label)) }
    }

    fn append(&self, state: &mut State, what: Appended) {
        let mut sim = (*state.sim).clone();
        sim.now = if state.late { at("09:26") } else { at("09:01") };
        let decided = state_of(&sim) != ApprovalState::Pending;
        let controlled = |attempt, result| {
            let id = orders(&state.sim)[0].0.clone();
            Body::Controlled(ControlOutcome { id, attempt, result })
        };
        let reply = sim.input(match what {
            Appended::Tap(voter) => tap(&sim, voter, self.buttons[voter]),
            Appended::Tick => Body::Tick,
            Appended::Confirmed(attempt) => controlled(attempt, ControlResult::Confirmed { receipt: "done".into() }),
            Appended::Lost(attempt) => {
                controlled(attempt, ControlResult::Retry { error: "gone".into(), after: None, uncertain: true })
            }
        });
        if let Appended::Tap(_) = what {
            state.misled |= (decided || state.late) && !reply.expect("every tap is answered").refused;
        }
        state.log.push((what, state.late));
        if state.outcomes.last() != Some(&state_of(&sim)) {
            state.outcomes.push(state_of(&sim));
        }
        state.sim = Arc::new(sim);
    }
}

impl Model for Question {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            log: Vec::new(),
            late: false,
            held: [true; VOTERS.len()],
            leased: None,
            attempts: 0,
            done: Vec::new(),
            outcomes: vec![ApprovalState::Pending],
            misled: false,
            sim: Arc::new(sim()),
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        for (voter, _) in state.held.iter().enumerate().filter(|(_, held)| **held) {
            actions.extend([true, false].map(|confirmed| Action::Tap { voter, confirmed }));
        }
        if !state.late {
            actions.push(Action::DeadlinePasses);
        }
        if state.late && state_of(&state.sim) == ApprovalState::Pending {
            actions.push(Action::Tick);
        }
        match state.leased {
            None if state.attempts < ATTEMPTS && is_due(&state.sim) => actions.push(Action::Claim),
            None => {}
            Some((_, false)) => actions.extend([Action::Call, Action::Die]),
            Some((_, true)) => actions.extend([Action::Report, Action::Die]),
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        match action {
            Action::Tap { voter, confirmed } => {
                state.held[voter] = !confirmed;
                // An update has a key: stored once, it is not folded again.
                if !state.log.iter().any(|(what, _)| *what == Appended::Tap(voter)) {
                    self.append(&mut state, Appended::Tap(voter));
                }
            }
            Action::DeadlinePasses => state.late = true,
            Action::Tick => self.append(&mut state, Appended::Tick),
            Action::Claim => {
                state.attempts += 1;
                state.leased = Some((state.attempts, false));
            }
            Action::Call => {
                let call = orders(&state.sim)[0].clone();
                if !state.done.iter().any(|(key, _)| *key == call.0) {
                    state.done.push(call);
                }
                state.leased = Some((state.attempts, true));
            }
            Action::Report => {
                self.append(&mut state, Appended::Confirmed(last.attempts));
                state.leased = None;
            }
            Action::Die => {
                self.append(&mut state, Appended::Lost(last.attempts));
                state.leased = None;
            }
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("one outcome at most", |_, state: &State| state.outcomes.len() <= 2),
            Property::always("the first in the log decides, and silence denies", |_, state: &State| {
                let first = state.log.first().map(|(what, late)| match what {
                    Appended::Tap(voter) if !late && VOTERS[*voter].2 == "approve" => ApprovalState::Approved,
                    Appended::Tap(_) if !late => ApprovalState::Denied,
                    _ => ApprovalState::Expired,
                });
                state_of(&state.sim) == first.unwrap_or(ApprovalState::Pending)
            }),
            Property::always("one order at most, executed at most once", |_, state: &State| {
                let outcome = state_of(&state.sim).as_str();
                orders(&state.sim).len() <= 1
                    && state.done.len() <= 1
                    && state.done.iter().all(|(_, done)| done == outcome)
            }),
            Property::always("nobody is told that a late tap counted", |_, state: &State| !state.misled),
            Property::sometimes("approved", |_, state: &State| is_done(state, "approved")),
            Property::sometimes("denied", |_, state: &State| is_done(state, "denied")),
            Property::sometimes("expired", |_, state: &State| is_done(state, "expired")),
            Property::sometimes("called again after a crash, done once", |_, state: &State| {
                state.attempts == ATTEMPTS && state.done.len() == 1 && !is_due(&state.sim)
            }),
        ]
    }
}

fn is_done(state: &State, outcome: &str) -> bool {
    state.done.iter().any(|(_, done)| done == outcome)
}

#[test]
fn every_order_of_taps_deadline_and_crashes_has_one_outcome() {
    let explored = Question::new().checker().threads(2).spawn_bfs().join();
    explored.assert_properties();
    assert!(explored.is_done());
    assert!(explored.unique_state_count() > 1000, "{} states", explored.unique_state_count());
}
