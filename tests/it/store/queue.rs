//! The real queue and the real engine under schedules that nobody chose: callers of every urgency, commits that
//! fail, callers that go away, a disk and a clock that move, a stop at any moment.
//!
//! The laws are those of the model in `models/queue.rs`. Which schedule runs is the runtime's affair, so what is
//! repeated is what everybody does, and not when; the laws hold for every order.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::future::join_all;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::json;
use sereno::clock::{Clock as _, ManualClock, Sources, SystemEntropy, within};
use sereno::core::control::Point;
use sereno::core::input::{Body, Reported};
use sereno::core::step::step;
use sereno::core::time::Span;
use sereno::engine::{AppendError, DiskLevel, Engine, Log, NewInput, Stopped, Told, Urgency};
use sereno::runtime::decode;
use sereno::stop::Stopper;
use sereno::store::{Appended, Store};
use tokio::sync::watch;
use tokio::task::yield_now;

use super::night::{Folding, clock, night, whole_log};
use crate::core::logs::for_all;
use crate::database::{Database, on_both, sqlite};
use crate::scene::PATIENCE;

on_both!(what_is_committed_is_acknowledged_whatever_fails_after_it);

/// A commit that holds this fails as a whole.
const FAILS: &str = "this cannot be stored";

/// One append of one caller.
#[derive(Clone, Debug)]
struct Step {
    yields: usize,
    urgency: Urgency,
    /// For each input the key that it may share with others.
    keys: Vec<Option<u8>>,
    fails: bool,
    /// The caller goes away after this many turns.
    patience: Option<usize>,
    /// It waits for a place.
    patiently: bool,
}

/// What goes on around the callers, after so many commits.
#[derive(Clone, Debug)]
enum Around {
    Disk(DiskLevel),
    Time(i64),
}

#[derive(Clone, Debug)]
struct Story {
    threads: bool,
    callers: Vec<Vec<Step>>,
    around: Vec<(u64, Around)>,
    /// After so many commits it stops; otherwise when everybody is done.
    stop: Option<u64>,
}

fn stories() -> impl Strategy<Value = Story> {
    let urgency = select(vec![Urgency::Telemetry, Urgency::Report, Urgency::Question, Urgency::Decision]);
    let keys = vec(option::weighted(0.3, 0..4_u8), 1..4);
    let patience = option::weighted(0.15, 0..6_usize);
    let step = (0..4_usize, urgency, keys, prop::bool::weighted(0.12), patience, prop::bool::weighted(0.2)).prop_map(
        |(yields, urgency, keys, fails, patience, patiently)| Step {
            yields,
            urgency,
            keys,
            fails,
            patience,
            patiently,
        },
    );
    let around = prop_oneof![
        select(vec![DiskLevel::Plenty, DiskLevel::Low, DiskLevel::Scarce]).prop_map(Around::Disk),
        (0..4000_i64).prop_map(Around::Time),
    ];
    (any::<bool>(), vec(vec(step, 1..6), 1..9), vec((0..4_u64, around), 0..4), option::weighted(0.6, 0..20_u64))
        .prop_map(|(threads, callers, around, stop)| Story { threads, callers, around, stop })
}

/// An input that no other is like.
fn input(name: &str, urgency: Urgency, key: Option<u8>, fails: bool) -> NewInput {
    let kind = match urgency {
        Urgency::Telemetry => "agent.heartbeat",
        Urgency::Report | Urgency::Question => "message",
        Urgency::Decision => "approval.requested",
    };
    let mut event =
        json!({ "type": kind, "id": name, "agent": {"id": "a"}, "message": if fails { FAILS } else { name } });
    if urgency == Urgency::Decision {
        event["approval"] = json!({ "id": name, "action": {"tool": "Bash", "input": {"command": "make"}} });
    }
    let event = decode::event(event, None).unwrap();
    let reported = Reported::new("fleet", clock().now(), event);
    let reported = if urgency == Urgency::Question { reported.at_gate(Point::AfterTool) } else { reported };
    let body = Body::Event(Box::new(reported));
    assert_eq!(Urgency::of(&body), urgency);
    match key {
        Some(key) => NewInput::keyed("shared", key.to_string(), body),
        None => NewInput::unkeyed(body),
    }
}

/// What came of an append; nobody knows when its caller went away.
struct Came {
    step: Step,
    inputs: Vec<NewInput>,
    result: Option<Result<Vec<Appended>, AppendError>>,
}

async fn caller(number: usize, steps: Vec<Step>, log: Log, store: Store) -> Vec<Came> {
    let mut all = Vec::new();
    for (n, step) in steps.into_iter().enumerate() {
        for _ in 0..step.yields {
            yield_now().await;
        }
        let name = |i: usize| format!("{number}-{n}-{i}");
        let inputs: Vec<NewInput> =
            step.keys.iter().enumerate().map(|(i, key)| input(&name(i), step.urgency, *key, step.fails)).collect();
        let append = async {
            if step.patiently { log.append_patiently(inputs.clone()).await } else { log.append(inputs.clone()).await }
        };
        let goes_away = async {
            let Some(turns) = step.patience else { return std::future::pending().await };
            for _ in 0..turns {
                yield_now().await;
            }
        };
        let result = tokio::select! {
            biased;
            result = append => Some(result),
            () = goes_away => None,
        };
        if let Some(Ok(results)) = &result {
            // What was acknowledged can be read by anybody at that very moment.
            for pos in results.iter().filter_map(|appended| appended.pos) {
                assert_eq!(store.log_after(pos - 1, pos).await.unwrap().len(), 1, "it was acknowledged too early");
            }
        }
        all.push(Came { step, inputs, result });
    }
    all
}

/// Waits for so many commits, or until there will be no more.
async fn commits(committed: &mut watch::Receiver<u64>, count: u64) {
    for _ in 0..count {
        if committed.changed().await.is_err() {
            return;
        }
    }
}

async fn move_around(around: Vec<(u64, Around)>, log: Log, clock: ManualClock, mut committed: watch::Receiver<u64>) {
    for (after, what) in around {
        commits(&mut committed, after).await;
        match what {
            Around::Disk(level) => drop(log.disk().send_replace(level)),
            Around::Time(span) => clock.advance(Span(span)),
        }
    }
}

async fn play(story: Story, tally: &RefCell<Tally>) {
    let db = sqlite().await;
    let (store, clock) = (db.open().await, clock());
    let fails = format!("WHEN NEW.body LIKE '%{FAILS}%' BEGIN SELECT RAISE(ABORT, 'as was asked'); END");
    db.execute(&format!("CREATE TRIGGER fails BEFORE INSERT ON log {fails}")).await;
    let lease = store.seize_engine("first", clock.now()).await.unwrap();
    let (log, requests) = Log::open(Arc::new(clock.clone()));
    let told = Told::new(Arc::default(), clock.now());
    let committed = told.progress().committed;
    let (stopper, stop) = Stopper::new();
    let sources = Sources { clock: Arc::new(clock.clone()), entropy: Arc::new(SystemEntropy), step };
    let engine = Engine::start(store.clone(), &sources, lease, told, requests.lock_owned().await);
    let engine = tokio::spawn(engine.await.unwrap().run(stop));

    let callers = story.callers.into_iter().enumerate();
    let callers = callers.map(|(n, steps)| tokio::spawn(caller(n, steps, log.clone(), store.clone())));
    let callers: Vec<_> = callers.collect();
    let around = tokio::spawn(move_around(story.around, log.clone(), clock.clone(), committed.clone()));
    if let Some(after) = story.stop {
        let (stopper, mut committed) = (stopper.clone(), committed);
        drop(tokio::spawn(async move {
            commits(&mut committed, after).await;
            stopper.stop();
        }));
    }
    let came = within(PATIENCE, join_all(callers)).await.expect("nobody waits for ever");
    stopper.stop();
    assert!(matches!(engine.await.unwrap(), Stopped::Asked));
    around.await.unwrap();
    assert!(log.is_closed());
    let bodies: Vec<Body> = whole_log(&store).await.into_iter().map(|input| input.body).collect();
    let came: Vec<Came> = came.into_iter().flat_map(Result::unwrap).collect();
    judge(&came, &bodies);
    count(&came, &mut tally.borrow_mut());
    store.close().await;
}

/// How often appends ended in each way: taken, told that it was there before, refused for the crowd, refused
/// otherwise, left alone.
type Tally = [usize; 5];

fn count(came: &[Came], tally: &mut Tally) {
    for Came { result, .. } in came {
        tally[match result {
            Some(Ok(results)) if results.iter().any(|appended| appended.duplicate) => 1,
            Some(Ok(_)) => 0,
            Some(Err(AppendError::Busy)) => 2,
            Some(Err(AppendError::Unavailable(_))) => 3,
            None => 4,
        }] += 1;
    }
}

fn judge(came: &[Came], log: &[Body]) {
    let place = |body: &Body| log.iter().position(|known| known == body);
    let mut keys: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
    for input in came.iter().flat_map(|came| &came.inputs) {
        if let (Some(key), Some(place)) = (&input.key, place(&input.body)) {
            keys.entry(key).or_default().insert(place);
        }
    }
    assert!(keys.values().all(|places| places.len() == 1), "a key counts once: {keys:?}");
    for Came { step, inputs, result } in came {
        let stored: Vec<Option<usize>> = inputs.iter().map(|input| place(&input.body)).collect();
        assert!(!step.fails || stored.iter().all(Option::is_none), "a commit that fails leaves nothing");
        let places: Vec<usize> = stored.iter().copied().flatten().collect();
        assert!(places.windows(2).all(|pair| pair[0] + 1 == pair[1]), "what was appended together stands together");
        match result {
            Some(Ok(results)) => {
                assert_eq!(results.len(), inputs.len());
                for ((input, at), told) in inputs.iter().zip(&stored).zip(results) {
                    assert_eq!(told.pos, at.map(|at| at as u64 + 1), "an answer goes to whoever asked");
                    assert_eq!(told.duplicate, at.is_none());
                    assert!(
                        at.is_some() || keys.contains_key(input.key.as_deref().unwrap()),
                        "only a duplicate is not stored"
                    );
                }
            }
            Some(Err(why)) => {
                assert!(places.is_empty(), "a no means that nothing is stored: {why}");
                let sheds = step.urgency < Urgency::Decision && !step.patiently;
                assert!(*why != AppendError::Busy || sheds, "a decision is let in");
            }
            None => {}
        }
    }
    let appended: usize =
        came.iter().flat_map(|came| &came.inputs).filter(|input| place(&input.body).is_some()).count();
    let events = log.iter().filter(|body| matches!(body, Body::Event(_))).count();
    assert_eq!(appended, events, "nothing else is in the log");
}

#[test]
fn whatever_everybody_does_the_laws_of_the_queue_hold() {
    let tally = RefCell::default();
    for_all(80, &stories(), |story| {
        let mut builder = if story.threads {
            tokio::runtime::Builder::new_multi_thread()
        } else {
            tokio::runtime::Builder::new_current_thread()
        };
        builder.worker_threads(2).enable_all().build().unwrap().block_on(play(story, &tally));
    });
    assert!(tally.borrow().iter().all(|count| *count > 5), "the test shows too little: {tally:?}");
}

async fn what_is_committed_is_acknowledged_whatever_fails_after_it(db: Database) {
    let store = db.open().await;
    let (engine, night) = (Folding::start(&store, clock()).await, night());
    engine.play(&night.log[..2]).await;
    // A snapshot is due, and there is no room for one.
    db.execute("ALTER TABLE snapshots RENAME TO away").await;
    engine.clock.advance(Span::hours(1));
    let input = NewInput::keyed("night", "once", night.log[2].body.clone());
    let appended = engine.log.append_one(input.clone()).await.unwrap();
    let pos = appended.pos.expect("it was stored");
    assert_eq!(store.log_after(pos - 1, pos).await.unwrap()[0].body, input.body);
    db.execute("ALTER TABLE away RENAME TO snapshots").await;
    // Meanwhile it is being mended; whoever comes then is refused, and comes again.
    let again = async {
        loop {
            engine.clock.advance(Span::secs(2));
            if let Ok(appended) = engine.log.append_one(input.clone()).await {
                return appended;
            }
        }
    };
    let again = within(PATIENCE, again).await.expect("it goes on");
    assert!(again.duplicate);
    engine.stop().await;
}
