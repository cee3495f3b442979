//! Who folds what is appended where, and what happens to it when nobody does.

use std::sync::{Arc, Barrier, LazyLock};
use std::time::Duration;

use sereno::clock::{ManualClock, Sources, SystemEntropy, within};
use sereno::core::access::Actor;
use sereno::core::input::{Body, Input, Invocation};
use sereno::core::policy::Policy;
use sereno::core::step::{Decision, step};
use sereno::core::time::Span;
use sereno::core::world::World;
use sereno::engine::{AppendError, Keeper, Log, NewInput, Progress, Stopped};
use sereno::stop::Stopper;
use sereno::store::{ENGINE, Store};
use tokio::task::JoinHandle;

use crate::database::{self, Database};
use crate::scene::PATIENCE;
use crate::sim::policy;
use crate::store::night::{Folding, LEASE, clock, night, whole_log};

/// One process, without its doors to the outside.
struct Replica {
    log: Log,
    progress: Progress,
    store: Store,
    stopper: Stopper,
    task: JoinHandle<Stopped>,
}

impl Replica {
    async fn start(db: &Database, clock: &ManualClock) -> Self {
        Self::start_under(db, clock, policy()).await
    }

    async fn start_under(db: &Database, clock: &ManualClock, policy: Policy) -> Self {
        let store = db.open().await;
        let sources = Sources { clock: Arc::new(clock.clone()), entropy: Arc::new(SystemEntropy), step };
        let (keeper, log, progress) = Box::pin(Keeper::start(store.clone(), sources, LEASE, policy)).await.unwrap();
        let (stopper, stop) = Stopper::new();
        let task = tokio::spawn(keeper.run(stop));
        Self { log, progress, store, stopper, task }
    }

    async fn stop(self) {
        self.stopper.stop();
        assert!(matches!(self.task.await.unwrap(), Stopped::Asked));
    }

    /// Ends without a chance to give anything back.
    async fn crash(self) {
        self.task.abort();
        assert!(self.task.await.unwrap_err().is_cancelled());
    }
}

/// The nth event of a night, under a key of its own.
fn event(n: usize) -> NewInput {
    let bodies = night().log.into_iter().map(|input| input.body).filter(|body| matches!(body, Body::Event(_)));
    NewInput::keyed("night", n.to_string(), bodies.cycle().nth(n).unwrap())
}

/// A command that nobody can send twice without its happening twice.
fn command(text: &str) -> NewInput {
    let actor = Actor { channel: "page".into(), account: "victor".into(), display: None };
    NewInput::unkeyed(Body::Command(Invocation {
        actor,
        text: text.into(),
        tap: None,
        origin: None,
        device: None,
        secret: None,
    }))
}

async fn in_time<T>(what: &str, wait: impl Future<Output = T>) -> T {
    within(PATIENCE, wait).await.unwrap_or_else(|| panic!("{what} takes too long"))
}

/// Moves the clock a second at a time until `wait` is over. How many seconds that took.
async fn seconds_until<T>(clock: &ManualClock, wait: impl Future<Output = T>) -> (T, i64) {
    tokio::pin!(wait);
    let mut seconds = 0;
    loop {
        if let Some(over) = within(Duration::from_millis(400), &mut wait).await {
            return (over, seconds);
        }
        clock.advance(Span::secs(1));
        seconds += 1;
        assert!(seconds < 60, "it takes too long");
    }
}

#[tokio::test]
async fn what_is_taken_anywhere_is_folded_once_in_one_order() {
    let (db, clock) = (database::postgres().await, clock());
    let replicas =
        [Replica::start(&db, &clock).await, Replica::start(&db, &clock).await, Replica::start(&db, &clock).await];
    let appends = (0..90).map(|n| {
        let log = replicas[n % 3].log.clone();
        // Each of thirty events is sent to all three.
        tokio::spawn(async move { log.append_one(event(n / 3)).await.unwrap() })
    });
    let mut positions = Vec::new();
    let mut duplicates = 0;
    for append in appends.collect::<Vec<_>>() {
        let appended = in_time("an append", append).await.unwrap();
        positions.extend(appended.pos);
        duplicates += usize::from(appended.duplicate);
    }
    positions.sort_unstable();
    assert_eq!(positions, (2..=31).collect::<Vec<u64>>(), "after the policy, each once");
    assert_eq!(duplicates, 60);
    let reply = replicas[2].log.append_one(command("/agents")).await.unwrap().reply.expect("commands are answered");
    assert!(!reply.refused, "{reply:?}");
    for replica in &replicas {
        let mut committed = replica.progress.committed.clone();
        in_time("a commit is seen", committed.wait_for(|pos| *pos >= 32)).await.unwrap();
    }
    assert_eq!(whole_log(&replicas[0].store).await.len(), 32);
    for replica in replicas {
        replica.stop().await;
    }
    for table in ["requests", "answers", "replicas"] {
        assert!(db.texts(&format!("SELECT COUNT(*)::text FROM {table}")).await == ["0"], "{table}");
    }
}

#[tokio::test]
async fn when_the_one_that_folds_stops_in_order_the_next_goes_on_at_once() {
    let (db, clock) = (database::postgres().await, clock());
    let (first, second) = (Replica::start(&db, &clock).await, Replica::start(&db, &clock).await);
    assert_eq!(first.log.append_one(event(0)).await.unwrap().pos, Some(2));
    first.stop().await;
    // No time passes.
    let reply = in_time("a command", second.log.append_one(command("/agents"))).await.unwrap();
    assert_eq!(reply.pos, Some(3));
    assert!(in_time("an event", second.log.append_one(event(0))).await.unwrap().duplicate);
    second.stop().await;
}

#[tokio::test]
async fn when_it_vanishes_what_is_taken_meanwhile_is_kept_and_folded_within_the_bound() {
    let (db, clock) = (database::postgres().await, clock());
    let (first, second) = (Replica::start(&db, &clock).await, Replica::start(&db, &clock).await);
    assert_eq!(second.log.append_one(event(0)).await.unwrap().pos, Some(2));
    let term = second.store.lease(ENGINE).await.unwrap().term;
    first.crash().await;

    let log = second.log.clone();
    let (taken, seconds) = seconds_until(&clock, log.append_one(event(1))).await;
    let taken = taken.unwrap();
    assert_eq!((taken.pos, taken.duplicate), (None, false), "it is stored, and nobody has folded it");
    assert!(seconds <= 3, "{seconds}");
    // Whoever asks something waits until somebody folds.
    let (answered, more) = seconds_until(&clock, log.append_one(command("/agents"))).await;
    assert!(answered.unwrap().reply.is_some());
    assert!(seconds + more <= 15, "{seconds} + {more}");
    assert!(second.store.lease(ENGINE).await.unwrap().term > term);
    assert!(log.append_one(event(1)).await.unwrap().duplicate, "it was folded by whoever took over");
    let folded: Vec<bool> =
        whole_log(&second.store).await.iter().map(|input| matches!(input.body, Body::Event(_))).collect();
    assert_eq!(folded.iter().filter(|event| **event).count(), 2);
    second.stop().await;
}

#[tokio::test]
async fn a_command_that_nobody_folds_in_time_is_taken_back_before_it_is_refused() {
    let (db, clock) = (database::postgres().await, clock());
    let first = Replica::start(&db, &clock).await;
    let second = Replica::start(&db, &clock).await;
    first.crash().await;
    // Somebody else holds the lease, beats, and folds nothing.
    let stranger = second.store.seize_engine("stranger", clock_now(&clock)).await.unwrap();
    let log = second.log.clone();
    let wait = log.append_one(command("/agents"));
    tokio::pin!(wait);
    let mut refused = None;
    for _ in 0..40 {
        assert!(second.store.renew_lease(ENGINE, stranger.term, clock_now(&clock)).await.unwrap());
        refused = within(Duration::from_millis(300), &mut wait).await;
        if refused.is_some() {
            break;
        }
        clock.advance(Span::secs(1));
    }
    assert!(matches!(refused, Some(Err(AppendError::Unavailable(_)))), "{refused:?}");
    assert!(second.store.requests(10).await.unwrap().is_empty(), "nothing is left to be folded later");
    second.stop().await;
}

#[tokio::test]
async fn whoever_follows_knows_the_policy_of_the_log_and_folds_under_its_own() {
    let (db, clock) = (database::postgres().await, clock());
    let first = Replica::start(&db, &clock).await;
    let other = Policy { rules: Vec::new(), ..policy() };
    let second = Replica::start_under(&db, &clock, other.clone()).await;
    assert_eq!(**second.progress.policy.borrow(), policy());
    first.stop().await;
    let mut known = second.progress.policy.clone();
    in_time("the new policy", known.wait_for(|policy| **policy == other)).await.unwrap();
    second.stop().await;
}

fn clock_now(clock: &ManualClock) -> sereno::core::time::Ts {
    use sereno::clock::Clock as _;
    clock.now()
}

/// Where the test and a fold that takes all its time meet: when it has begun, and when it may go on.
static MEETING: LazyLock<Barrier> = LazyLock::new(|| Barrier::new(2));

/// Folds, and leaves whatever stands beside it in its task no turn over the first input.
fn busy(world: &mut World, input: &Input) -> Decision {
    if input.pos == 1 {
        tokio::task::block_in_place(|| {
            MEETING.wait();
            MEETING.wait();
        });
    }
    step(world, input)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_begins_to_fold_keeps_the_lease_however_busy_it_is() {
    let (db, clock) = (database::postgres().await, clock());
    let store = db.open().await;
    let engine = Folding::start(&store, clock.clone()).await;
    engine.play(&night().log[..3]).await;
    engine.crash().await;
    store.resign_lease(ENGINE, store.lease(ENGINE).await.unwrap().term).await.unwrap();

    let sources = Sources { clock: Arc::new(clock.clone()), entropy: Arc::new(SystemEntropy), step: busy };
    let start = tokio::spawn(Keeper::start(store.clone(), sources, LEASE, policy()));
    in_time("the fold", tokio::task::spawn_blocking(|| MEETING.wait())).await.unwrap();
    let before = store.lease(ENGINE).await.unwrap();
    for renewal in 1..=4 {
        clock.advance(Span(LEASE.0 / 3 + 1));
        let renewed = async { while store.lease(ENGINE).await.unwrap().beat < before.beat + renewal {} };
        in_time("a renewal", renewed).await;
    }
    in_time("the fold", tokio::task::spawn_blocking(|| MEETING.wait())).await.unwrap();
    let (_keeper, log, _progress) = in_time("the start", start).await.unwrap().unwrap();
    assert!(!log.is_closed());
    assert_eq!(store.lease(ENGINE).await.unwrap().term, before.term);
}
