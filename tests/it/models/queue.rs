//! The queue before the log as a model, explored completely: callers with one or two inputs, one writer that takes
//! what waits as one batch, commits it and answers, and everything that can come between any two steps.
//!
//! The channels of the real one are the runtime's own, which no checker of schedules can take over; so here is the
//! design in every order of steps, and `store/queue.rs` holds the real code to the same laws in random ones.

use stateright::{Checker as _, HasDiscoveries, Model, Property};

/// What each caller appends: keys, of which one is shared. The last one waits for a place.
const CALLERS: [&[u8]; 4] = [&[1], &[2, 1], &[3], &[4]];
const DECIDES: usize = 1;
const PATIENT: usize = 3;
/// Inputs that wait before whatever is no decision is refused.
const CROWD: usize = 2;
/// Requests that may wait, decisions or not.
const PLACES: usize = 2;

/// What is checked, and what is left out to see that the model notices.
#[derive(Clone)]
struct Queue {
    without: Option<Part>,
}

#[derive(Clone, Copy, PartialEq)]
enum Part {
    /// A batch is answered after its commit.
    CommitFirst,
    /// Whoever is in a batch that failed is told.
    ToldOfFailure,
    /// An input that was there before has its place among the results.
    PlaceOfDuplicates,
    /// After a commit of which nobody knows, the cursor is read before anybody is told.
    Look,
    /// What else is to be done after a commit, and may fail, is done when everybody is answered.
    AnswerFirst,
    /// The door is closed when the writer ends.
    ClosedDoor,
    /// Decisions are let in when others are not.
    Urgency,
}

const DESIGNED: Queue = Queue { without: None };

/// What a caller is told.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Told {
    /// Position of each input; none for what was there before.
    Folded(Vec<Option<usize>>),
    /// Too much waits for what is no decision.
    Shed,
    /// There is no place.
    Busy,
    /// Nothing was stored.
    No,
    /// The writer was gone before it could say anything: it may be stored.
    Gone,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Caller {
    New,
    /// Counted, and not in the queue yet.
    LetIn,
    Waits,
    Told(Told),
    GaveUp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Writer {
    Idle,
    /// Holds a batch.
    Folds,
    Committed,
    /// The connection broke after the commit was sent.
    Unsure,
    Ended,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    callers: [Caller; CALLERS.len()],
    waiting: usize,
    queue: Vec<usize>,
    writer: Writer,
    batch: Vec<usize>,
    results: Vec<Option<usize>>,
    /// Who appended what, in order.
    log: Vec<(usize, u8)>,
    stopping: bool,
    open: bool,
    lease_lost: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Action {
    Knock(usize),
    Enter(usize),
    GiveUp(usize),
    Take,
    Commit,
    Fail,
    /// Nobody knows of the commit; it happened, or not.
    Cut(bool),
    Look,
    Answer,
    Stop,
    End,
    /// The writer is dropped where it stands, and another one goes on with the queue.
    LoseLease,
}

impl State {
    /// What the batch writes, and what its callers get to know.
    fn fold(&self, model: &Queue) -> (Vec<(usize, u8)>, Vec<Option<usize>>) {
        let (mut log, mut results) = (self.log.clone(), Vec::new());
        for caller in &self.batch {
            for key in CALLERS[*caller] {
                if !log.iter().any(|(_, known)| known == key) {
                    log.push((*caller, *key));
                    results.push(Some(log.len()));
                } else if model.has(Part::PlaceOfDuplicates) {
                    results.push(None);
                }
            }
        }
        (log, results)
    }

    fn tell(&mut self, caller: usize, what: Told) {
        // Whoever asked may have gone.
        if self.callers[caller] != Caller::GaveUp {
            self.callers[caller] = Caller::Told(what);
        }
    }

    fn tell_batch(&mut self, what: &Told) {
        for caller in std::mem::take(&mut self.batch) {
            self.tell(caller, what.clone());
        }
    }

    fn answer(&mut self) {
        let mut results = std::mem::take(&mut self.results).into_iter();
        for caller in std::mem::take(&mut self.batch) {
            let share = results.by_ref().take(CALLERS[caller].len()).collect();
            self.tell(caller, Told::Folded(share));
        }
        self.writer = Writer::Idle;
    }

    fn knock(&mut self, model: &Queue, caller: usize) {
        let decides = model.has(Part::Urgency) && caller == DECIDES;
        if !decides && caller != PATIENT && self.waiting >= CROWD {
            return self.tell(caller, Told::Shed);
        }
        self.waiting += CALLERS[caller].len();
        self.callers[caller] = Caller::LetIn;
    }

    fn enter(&mut self, caller: usize) {
        let full = self.queue.len() >= PLACES;
        if self.open && !full {
            self.queue.push(caller);
            self.callers[caller] = Caller::Waits;
            return;
        }
        self.waiting -= CALLERS[caller].len();
        self.tell(caller, if self.open { Told::Busy } else { Told::No });
    }

    fn all_know(&self) -> bool {
        self.callers.iter().all(|caller| matches!(caller, Caller::Told(_) | Caller::GaveUp))
    }

    fn stored(&self, caller: usize) -> bool {
        self.log.iter().any(|(who, _)| *who == caller)
    }

    /// Whoever was told something.
    fn told(&self) -> impl Iterator<Item = (usize, &Told)> {
        self.callers
            .iter()
            .enumerate()
            .filter_map(|(n, at)| if let Caller::Told(told) = at { Some((n, told)) } else { None })
    }

    /// Whether results are those of a caller's own inputs.
    fn is_own(&self, caller: usize, results: &[Option<usize>]) -> bool {
        let at = |key: &u8, pos: &Option<usize>| pos.is_none_or(|pos| self.log.get(pos - 1) == Some(&(caller, *key)));
        results.len() == CALLERS[caller].len() && CALLERS[caller].iter().zip(results).all(|(key, pos)| at(key, pos))
    }
}

impl Queue {
    fn has(&self, part: Part) -> bool {
        self.without != Some(part)
    }

    fn committed(&self, state: &mut State) {
        (state.log, state.results) = state.fold(self);
        if self.has(Part::CommitFirst) {
            state.writer = Writer::Committed;
        } else {
            state.batch.clear();
            state.writer = Writer::Idle;
        }
    }

    fn take(&self, state: &mut State) {
        state.batch = std::mem::take(&mut state.queue);
        state.waiting -= state.batch.iter().map(|caller| CALLERS[*caller].len()).sum::<usize>();
        state.writer = Writer::Folds;
        if !self.has(Part::CommitFirst) {
            let batch = state.batch.clone();
            state.results = state.fold(self).1;
            state.answer();
            state.batch = batch;
        }
    }

    fn fail(&self, state: &mut State) {
        if self.has(Part::ToldOfFailure) {
            state.tell_batch(&Told::No);
        }
        state.batch.clear();
        state.results.clear();
        state.writer = Writer::Idle;
    }

    fn look(&self, state: &mut State) {
        let happened = state.batch.iter().any(|caller| state.stored(*caller));
        if self.has(Part::Look) && happened {
            state.writer = Writer::Committed;
        } else {
            self.fail(state);
        }
    }

    fn end(&self, state: &mut State) {
        state.writer = Writer::Ended;
        if self.has(Part::ClosedDoor) {
            state.open = false;
            for caller in std::mem::take(&mut state.queue) {
                state.waiting -= CALLERS[caller].len();
                state.tell(caller, Told::No);
            }
        }
    }
}

impl Model for Queue {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            callers: [const { Caller::New }; CALLERS.len()],
            waiting: 0,
            queue: Vec::new(),
            writer: Writer::Idle,
            batch: Vec::new(),
            results: Vec::new(),
            log: Vec::new(),
            stopping: false,
            open: true,
            lease_lost: false,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        for (caller, at) in state.callers.iter().enumerate() {
            match at {
                Caller::New => actions.push(Action::Knock(caller)),
                Caller::LetIn if caller == PATIENT && state.open && state.queue.len() >= PLACES => {}
                Caller::LetIn => actions.push(Action::Enter(caller)),
                Caller::Waits if caller == 0 => actions.push(Action::GiveUp(caller)),
                Caller::Waits | Caller::Told(_) | Caller::GaveUp => {}
            }
        }
        match state.writer {
            Writer::Idle if state.stopping => actions.push(Action::End),
            Writer::Idle if state.queue.is_empty() => {}
            Writer::Idle => actions.push(Action::Take),
            Writer::Folds => actions.extend([Action::Commit, Action::Fail, Action::Cut(true), Action::Cut(false)]),
            Writer::Unsure => actions.push(Action::Look),
            Writer::Committed if self.has(Part::AnswerFirst) => actions.push(Action::Answer),
            Writer::Committed => actions.extend([Action::Answer, Action::Fail]),
            Writer::Ended => {}
        }
        if !state.stopping {
            actions.push(Action::Stop);
        }
        if !state.lease_lost && matches!(state.writer, Writer::Folds | Writer::Unsure) {
            actions.push(Action::LoseLease);
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        match action {
            Action::Knock(caller) => state.knock(self, caller),
            Action::Enter(caller) => state.enter(caller),
            Action::GiveUp(caller) => state.callers[caller] = Caller::GaveUp,
            Action::Take => self.take(&mut state),
            Action::Commit => self.committed(&mut state),
            Action::Fail => self.fail(&mut state),
            Action::Cut(happened) => {
                if happened {
                    (state.log, state.results) = state.fold(self);
                }
                state.writer = Writer::Unsure;
            }
            Action::Look => self.look(&mut state),
            Action::Answer => state.answer(),
            Action::Stop => state.stopping = true,
            Action::End => self.end(&mut state),
            Action::LoseLease => {
                (state.lease_lost, state.writer) = (true, Writer::Idle);
                state.tell_batch(&Told::Gone);
                state.results.clear();
            }
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("a yes comes after the commit", |_, state: &State| {
                let stored = |key: &u8| state.log.iter().any(|(_, known)| known == key);
                !state.told().any(|(n, told)| matches!(told, Told::Folded(_)) && !CALLERS[n].iter().all(stored))
            }),
            Property::always("an answer goes to whoever asked", |_, state: &State| {
                state.told().all(|(n, told)| !matches!(told, Told::Folded(results) if !state.is_own(n, results)))
            }),
            Property::always("a no means that nothing is stored", |_, state: &State| {
                !state.told().any(|(n, told)| matches!(told, Told::No | Told::Busy | Told::Shed) && state.stored(n))
            }),
            Property::always("nobody waits for ever", |model: &Self, state: &State| {
                let mut actions = Vec::new();
                model.actions(state, &mut actions);
                !actions.is_empty() || state.all_know()
            }),
            Property::always("a key counts once", |_, state: &State| {
                (1..=4).all(|key| state.log.iter().filter(|(_, known)| *known == key).count() <= 1)
            }),
            Property::always("a decision is let in", |_, state: &State| {
                !state.told().any(|(n, told)| n == DECIDES && *told == Told::Shed)
            }),
            Property::sometimes("two in one commit", |_, state: &State| state.batch.len() == 2 && state.log.len() >= 3),
            Property::sometimes("somebody is refused for the crowd", |_, state: &State| {
                state.told().any(|(_, told)| *told == Told::Shed)
            }),
            Property::sometimes("one that was there before is told so", |_, state: &State| {
                state.told().any(|(_, told)| matches!(told, Told::Folded(results) if results.contains(&None)))
            }),
        ]
    }
}

#[test]
fn the_queue_as_designed_holds() {
    let explored = DESIGNED.checker().threads(2).spawn_bfs().join();
    explored.assert_properties();
    assert!(explored.is_done());
    assert!(explored.unique_state_count() > 5_000, "{} states", explored.unique_state_count());
}

#[test]
fn without_any_part_of_the_design_the_fault_is_found() {
    for (part, property) in [
        (Part::CommitFirst, "a yes comes after the commit"),
        (Part::ToldOfFailure, "nobody waits for ever"),
        (Part::PlaceOfDuplicates, "an answer goes to whoever asked"),
        (Part::Look, "a no means that nothing is stored"),
        (Part::AnswerFirst, "a no means that nothing is stored"),
        (Part::ClosedDoor, "nobody waits for ever"),
        (Part::Urgency, "a decision is let in"),
    ] {
        let found = HasDiscoveries::AnyOf([property].into());
        let explored = Queue { without: Some(part) }.checker().finish_when(found).spawn_bfs().join();
        assert!(explored.discovery(property).is_some(), "{property}");
    }
}
