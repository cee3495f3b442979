//! The only source of time and of randomness.
//!
//! Everything else is handed `now` or asks one of these; a lint bans the ambient ones. Tests hold a
//! clock that moves when they say so and an entropy that repeats itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use tokio::sync::watch;

use crate::core::step::{Step, step};
use crate::core::time::{Span, Ts};

/// Tells the time.
///
/// There are three answers. Decisions are made by [`Clock::now`], which never goes back: when the wall is set
/// back, it goes on from where it was. What others have stamped is held against [`Clock::wall`]. And how long
/// something takes is the difference of two [`Clock::monotonic`] readings.
#[async_trait]
pub trait Clock: Send + Sync {
    /// Now, for decisions: the wall, but never earlier than before.
    fn now(&self) -> Ts;

    /// What the wall says, which may jump either way.
    fn wall(&self) -> Ts;

    /// Time since some instant, which never jumps; it stands still while the machine sleeps.
    fn monotonic(&self) -> Span;

    /// Time since some instant, the machine's sleep included.
    fn with_sleep(&self) -> Span;

    /// From here on, now is `at` or later.
    fn not_before(&self, at: Ts);

    /// Returns once `at` has come.
    async fn sleep_until(&self, at: Ts);

    /// Returns once `span` has passed.
    async fn sleep(&self, span: Span) {
        self.sleep_until(self.now().plus(span)).await;
    }
}

/// The machine's clock.
pub struct SystemClock {
    started: Instant,
    /// How far now is ahead of the monotonic reading, in milliseconds; only grows, so now never goes back.
    ahead: AtomicI64,
}

impl SystemClock {
    /// The machine's clock, whose now is the wall's until that is set back.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
    pub fn new() -> Self {
        Self { started: Instant::now(), ahead: AtomicI64::new(0) }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Ts {
        // The wall is read first: were it read last, whatever lies between the readings would be added for good.
        let wall = self.wall();
        let passed = self.monotonic();
        let ahead = wall.0.saturating_sub(passed.0);
        Ts(passed.0.saturating_add(self.ahead.fetch_max(ahead, Ordering::Relaxed).max(ahead)))
    }

    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
    fn wall(&self) -> Ts {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Ts(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    fn monotonic(&self) -> Span {
        Span(i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX))
    }

    fn with_sleep(&self) -> Span {
        let reading = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        Span(reading.tv_sec.saturating_mul(1000).saturating_add(reading.tv_nsec / 1_000_000))
    }

    fn not_before(&self, at: Ts) {
        self.ahead.fetch_max(at.0.saturating_sub(self.monotonic().0), Ordering::Relaxed);
    }

    async fn sleep_until(&self, at: Ts) {
        // The wall may be set while we sleep, so never sleep long without looking again.
        loop {
            let left = at.since(self.now());
            if left == Span(0) {
                return;
            }
            let left = Duration::from_millis(left.0.cast_unsigned());
            #[expect(clippy::disallowed_methods, reason = "this is the one place that waits")]
            tokio::time::sleep(left.min(Duration::from_mins(1))).await;
        }
    }
}

/// A clock that stands still until it is moved: for tests and for replaying a log.
#[derive(Clone)]
pub struct ManualClock(watch::Sender<Hands>);

/// Where the hands of a [`ManualClock`] stand.
#[derive(Clone, Copy)]
struct Hands {
    now: Ts,
    wall: Ts,
    monotonic: Span,
    slept: Span,
}

impl ManualClock {
    /// A clock that stands at `at`.
    pub fn new(at: Ts) -> Self {
        Self(watch::Sender::new(Hands { now: at, wall: at, monotonic: Span(0), slept: Span(0) }))
    }

    /// Lets time pass.
    pub fn advance(&self, span: Span) {
        self.0.send_modify(|hands| {
            hands.monotonic = Span(hands.monotonic.0 + span.0);
            hands.wall = hands.wall.plus(span);
            hands.now = hands.now.plus(span).max(hands.wall);
        });
    }

    /// Sets the wall forward or back, by milliseconds, while no time passes.
    pub fn jump(&self, by: i64) {
        self.0.send_modify(|hands| {
            hands.wall = hands.wall.plus(Span(by));
            hands.now = hands.now.max(hands.wall);
        });
    }

    /// Lets the machine sleep: the wall goes on, what is monotonic does not.
    pub fn suspend(&self, span: Span) {
        self.0.send_modify(|hands| {
            hands.slept = Span(hands.slept.0 + span.0);
            hands.wall = hands.wall.plus(span);
            hands.now = hands.now.max(hands.wall);
        });
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Ts {
        self.0.borrow().now
    }

    fn wall(&self) -> Ts {
        self.0.borrow().wall
    }

    fn monotonic(&self) -> Span {
        self.0.borrow().monotonic
    }

    fn with_sleep(&self) -> Span {
        let hands = *self.0.borrow();
        Span(hands.monotonic.0 + hands.slept.0)
    }

    fn not_before(&self, at: Ts) {
        self.0.send_modify(|hands| hands.now = hands.now.max(at));
    }

    async fn sleep_until(&self, at: Ts) {
        let mut moves = self.0.subscribe();
        // The sender lives in `self`, so waiting cannot fail while it is borrowed.
        let _moved = moves.wait_for(|hands| hands.now >= at).await;
    }
}

/// What `io` gives, or nothing when it takes longer than `limit`. For sockets alone: what waits on the other
/// end of one knows nothing of our clock.
#[expect(clippy::disallowed_methods, reason = "real peers take real time; nothing is decided by it")]
pub async fn within<T>(limit: Duration, io: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(limit, io).await.ok()
}

/// Makes unpredictable bytes.
pub trait Entropy: Send + Sync {
    /// Fills `bytes`.
    fn fill(&self, bytes: &mut [u8]);

    /// `N` bytes.
    fn bytes<const N: usize>(&self) -> [u8; N]
    where
        Self: Sized,
    {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }
}

/// The operating system's randomness.
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that asks for randomness")]
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("the operating system gives randomness");
    }
}

/// Bytes that are the same at every run: for tests only, because they are no secret.
#[derive(Default)]
pub struct CountingEntropy(AtomicU64);

impl Entropy for CountingEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        use sha2::{Digest, Sha256};
        for chunk in bytes.chunks_mut(32) {
            let n = self.0.fetch_add(1, Ordering::Relaxed);
            let hash = Sha256::digest(n.to_be_bytes());
            chunk.copy_from_slice(&hash[..chunk.len()]);
        }
    }
}

/// `bytes` unpredictable bytes as hexadecimal text.
pub fn random_hex(entropy: &dyn Entropy, bytes: usize) -> String {
    let mut raw = vec![0; bytes];
    entropy.fill(&mut raw);
    hex::encode(raw)
}

/// What a process is given from outside: its clock, its entropy, and the fold.
#[derive(Clone)]
pub struct Sources {
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Makes unpredictable bytes.
    pub entropy: Arc<dyn Entropy>,
    /// Folds. It never panics; whoever wants to see what happens if it does hands in another one.
    pub step: Step,
}

impl Sources {
    /// Those of the machine.
    pub fn system() -> Self {
        Self { clock: Arc::new(SystemClock::new()), entropy: Arc::new(SystemEntropy), step }
    }

    /// Now, for decisions; it never goes back.
    pub fn now(&self) -> Ts {
        self.clock.now()
    }

    /// What the wall says; what others have stamped, and what they will check, is held against it.
    pub fn wall(&self) -> Ts {
        self.clock.wall()
    }
}
