//! The folding lease as a model, explored completely: terms, beats, clocks that drift, and commits that
//! arrive late.
//!
//! A replica that stands by takes the lease once it has seen the same beat for the whole time-out by its
//! own clock. A holder trusts itself for less than that, by its own clock, and may be killed or cut off
//! between any two steps; what it has sent to the database may arrive at any later time. The database
//! checks in the commit itself that the term holds and that the position is free. Time is kept as ages, so the model has no last
//! moment; terms and positions are bounded.

use stateright::{Checker as _, HasDiscoveries, Model, Property};

use crate::dose;

const REPLICAS: usize = 3;
/// A beat that has not changed for so many ticks is that of a dead holder.
const TIME_OUT: u8 = 3;
/// How far two clocks can be apart. Over any stretch one can then gain twice that on the other.
const DRIFT: u8 = 1;
/// How long a holder trusts itself.
const TRUST: u8 = TIME_OUT - 2 * DRIFT;
const POSITIONS: usize = 2;
/// Commits that can be on their way at once.
const FLYING: usize = 2;

/// What is checked, and what is left out to see that the model notices.
#[derive(Clone)]
struct Lease {
    /// The commit moves the cursor under its own term only.
    checks_term: bool,
    /// A position that is taken is not written again.
    checks_position: bool,
    trust: u8,
    /// So many replicas hold the lease, one after the other.
    terms: u8,
}

const DESIGNED: Lease = Lease { checks_term: true, checks_position: true, trust: TRUST, terms: 2 };

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Role {
    /// Whether the beat is still the one that was seen, and for how long it has been looked at.
    StandsBy { same_beat: bool, age: u8 },
    /// `age` is counted from the last renewal; `sent` while a commit is on its way.
    Holds { term: u8, age: u8, next: u8, sent: bool },
}

const NEW: Role = Role::StandsBy { same_beat: false, age: 0 };

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    term: u8,
    held: bool,
    /// The term under which each position was written.
    log: Vec<u8>,
    written_twice: bool,
    /// Something was written under a term after a newer one was given.
    written_late: bool,
    /// Each replica, with how far its clock is ahead of the slowest; in order, as they have no names.
    replicas: [(Role, u8); REPLICAS],
    /// Commits on their way: term and position.
    flying: Vec<(u8, u8)>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Action {
    Tick(usize),
    Look(usize),
    Take(usize),
    Renew(usize),
    Fold(usize),
    /// A commit arrives; its answer reaches whoever sent it, or does not.
    Arrive(usize, bool),
    Vanish(usize),
    /// Whoever does not know what became of a commit reads the cursor again.
    Reload(usize),
    Resign(usize),
    Crash(usize),
}

impl Lease {
    fn takes(&self, state: &State, (term, position): (u8, u8)) -> bool {
        (!self.checks_term || state.term == term)
            && (!self.checks_position || state.log.len() + 1 == usize::from(position))
    }

    fn arrive(&self, state: &mut State, commit: usize, answered: bool) {
        let (term, position) = state.flying.remove(commit);
        let taken = self.takes(state, (term, position));
        if taken {
            state.written_twice |= usize::from(position) <= state.log.len();
            state.written_late |= term < state.term;
            state.log.push(term);
        }
        let sender = state
            .replicas
            .iter_mut()
            .map(|(role, _)| role)
            .find(|role| matches!(role, Role::Holds { term: t, .. } if *t == term));
        if let Some(Role::Holds { next, sent, .. }) = sender
            && answered
            && *sent
            && *next == position
            && taken
        {
            (*next, *sent) = (position + 1, false);
        }
    }

    /// The holder reads how far the log is; under another term it is holder no more.
    fn reload(state: &mut State, replica: usize) {
        let (term, reached) = (state.term, state.log.len());
        if let Role::Holds { term: mine, next, sent, .. } = &mut state.replicas[replica].0 {
            if *mine == term {
                *next = u8::try_from(reached).unwrap() + 1;
                *sent = false;
            } else {
                state.replicas[replica].0 = NEW;
            }
        }
    }
}

impl State {
    fn trusting(&self, trust: u8) -> usize {
        self.replicas.iter().filter(|(role, _)| matches!(role, Role::Holds { age, .. } if *age < trust)).count()
    }

    fn tick(&mut self, replica: usize) {
        match &mut self.replicas[replica].0 {
            Role::StandsBy { same_beat: false, .. } => {}
            Role::StandsBy { age, .. } => *age = (*age + 1).min(TIME_OUT),
            // Who trusts itself no more does not count on.
            Role::Holds { age, .. } => *age = (*age + 1).min(TRUST + 1),
        }
        self.replicas[replica].1 += 1;
        let slowest = self.replicas.iter().map(|(_, ahead)| *ahead).min().unwrap_or(0);
        self.replicas.iter_mut().for_each(|(_, ahead)| *ahead -= slowest);
    }

    /// The row has changed: whoever watches it sees another beat.
    fn beat(&mut self) {
        for (role, _) in &mut self.replicas {
            if let Role::StandsBy { same_beat, age } = role {
                (*same_beat, *age) = (false, 0);
            }
        }
    }
}

impl Model for Lease {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            term: 0,
            held: false,
            log: Vec::new(),
            written_twice: false,
            written_late: false,
            replicas: [(NEW, 0); REPLICAS],
            flying: Vec::new(),
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        for (replica, (role, ahead)) in state.replicas.iter().enumerate() {
            if *ahead < DRIFT {
                actions.push(Action::Tick(replica));
            }
            match *role {
                Role::StandsBy { same_beat, age } => {
                    if !same_beat {
                        actions.push(Action::Look(replica));
                    }
                    if !state.held || (same_beat && age >= TIME_OUT) {
                        actions.push(Action::Take(replica));
                    }
                }
                Role::Holds { term, age, next, sent } => {
                    if term == state.term {
                        actions.push(Action::Renew(replica));
                    }
                    if !sent && age < self.trust && usize::from(next) <= POSITIONS && state.flying.len() < FLYING {
                        actions.push(Action::Fold(replica));
                    }
                    if sent || term != state.term {
                        actions.push(Action::Reload(replica));
                    }
                    if !sent && term == state.term {
                        actions.push(Action::Resign(replica));
                    }
                    actions.push(Action::Crash(replica));
                }
            }
        }
        for commit in 0..state.flying.len() {
            actions.extend([Action::Arrive(commit, true), Action::Arrive(commit, false), Action::Vanish(commit)]);
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        match action {
            Action::Tick(replica) => state.tick(replica),
            Action::Look(replica) => state.replicas[replica].0 = Role::StandsBy { same_beat: true, age: 0 },
            Action::Take(replica) => {
                state.term += 1;
                state.held = true;
                let next = u8::try_from(state.log.len()).unwrap() + 1;
                state.replicas[replica].0 = Role::Holds { term: state.term, age: 0, next, sent: false };
                state.beat();
            }
            Action::Renew(replica) => {
                if let Role::Holds { age, .. } = &mut state.replicas[replica].0 {
                    *age = 0;
                }
                state.beat();
            }
            Action::Fold(replica) => {
                if let Role::Holds { term, next, sent, .. } = &mut state.replicas[replica].0 {
                    *sent = true;
                    state.flying.push((*term, *next));
                    state.flying.sort_unstable();
                }
            }
            Action::Arrive(commit, answered) => self.arrive(&mut state, commit, answered),
            Action::Vanish(commit) => drop(state.flying.remove(commit)),
            Action::Reload(replica) => Self::reload(&mut state, replica),
            Action::Resign(replica) => {
                state.held = false;
                state.replicas[replica].0 = NEW;
                state.beat();
            }
            Action::Crash(replica) => state.replicas[replica].0 = NEW,
        }
        state.replicas.sort_unstable();
        Some(state)
    }

    fn within_boundary(&self, state: &State) -> bool {
        state.term <= self.terms && state.log.len() <= POSITIONS
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("a position is written once", |_, state: &State| !state.written_twice),
            Property::always("terms only grow along the log", |_, state: &State| state.log.is_sorted()),
            Property::always("nothing is written under a term that is over", |_, state: &State| !state.written_late),
            Property::always("one at most trusts itself", |model: &Self, state: &State| {
                state.trusting(model.trust) <= 1
            }),
            Property::sometimes("everything is folded", |_, state: &State| state.log.len() == POSITIONS),
            Property::sometimes("another one goes on", |_, state: &State| {
                state.log.len() == POSITIONS && state.log.first() != state.log.last()
            }),
        ]
    }
}

#[test]
fn the_lease_as_designed_holds() {
    let terms = if dose::times(0, 1) == 1 { 3 } else { DESIGNED.terms };
    let explored = Lease { terms, ..DESIGNED }.checker().threads(2).spawn_bfs().join();
    explored.assert_properties();
    assert!(explored.is_done());
    assert!(explored.unique_state_count() > 50_000, "{} states", explored.unique_state_count());
}

/// What is found when something of the design is left out.
fn finds(model: Lease, property: &'static str) {
    let found = HasDiscoveries::AnyOf([property].into());
    let explored = model.checker().finish_when(found).spawn_bfs().join();
    assert!(explored.discovery(property).is_some(), "{property}");
}

#[test]
fn without_the_term_a_dead_holder_writes() {
    finds(Lease { checks_term: false, ..DESIGNED }, "nothing is written under a term that is over");
}

#[test]
fn without_the_position_a_late_commit_is_written_twice() {
    finds(Lease { checks_position: false, ..DESIGNED }, "a position is written once");
}

#[test]
fn without_a_margin_two_trust_themselves() {
    finds(Lease { trust: TRUST + 1, ..DESIGNED }, "one at most trusts itself");
}
