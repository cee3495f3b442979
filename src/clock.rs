//! The only source of time and of randomness.
//!
//! Everything else is handed `now` or asks one of these; a lint bans the ambient ones. Tests hold a
//! clock that moves when they say so and an entropy that repeats itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use tokio::sync::watch;

use crate::core::time::{Span, Ts};

/// Tells the time.
#[async_trait]
pub trait Clock: Send + Sync {
    /// Now, by the wall.
    fn now(&self) -> Ts;

    /// Returns once `at` has come.
    async fn sleep_until(&self, at: Ts);

    /// Returns once `span` has passed.
    async fn sleep(&self, span: Span) {
        self.sleep_until(self.now().plus(span)).await;
    }
}

/// The machine's clock.
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
    fn now(&self) -> Ts {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Ts(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
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
pub struct ManualClock(watch::Sender<Ts>);

impl ManualClock {
    /// A clock that stands at `at`.
    pub fn new(at: Ts) -> Self {
        Self(watch::Sender::new(at))
    }

    /// Moves it.
    pub fn advance(&self, span: Span) {
        self.0.send_modify(|now| *now = now.plus(span));
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Ts {
        *self.0.borrow()
    }

    async fn sleep_until(&self, at: Ts) {
        let mut ticks = self.0.subscribe();
        // The sender lives in `self`, so waiting cannot fail while it is borrowed.
        let _moved = ticks.wait_for(|now| *now >= at).await;
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

/// A clock and an entropy that are shared.
#[derive(Clone)]
pub struct Sources {
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Makes unpredictable bytes.
    pub entropy: Arc<dyn Entropy>,
}

impl Sources {
    /// Those of the machine.
    pub fn system() -> Self {
        Self { clock: Arc::new(SystemClock), entropy: Arc::new(SystemEntropy) }
    }

    /// Now.
    pub fn now(&self) -> Ts {
        self.clock.now()
    }
}
