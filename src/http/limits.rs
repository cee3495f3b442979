//! Bounds of intake: how much memory bodies take, how fast each source may send, who guesses credentials.
//!
//! Defaults are generous for one machine and small enough that a runaway sender cannot fill the memory. What
//! is small always has room, so that questions and decisions get through while large bodies are refused.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::skew::Skew;
use crate::clock::Entropy;
use crate::core::time::Ts;

/// Longest body of a webhook, in bytes.
pub const WEBHOOK_BODY: usize = 1024 * 1024;
/// Longest batch of telemetry as it is sent, in bytes.
pub const BATCH: usize = 4 * 1024 * 1024;
/// The same once it is inflated.
pub const INFLATED: usize = 16 * 1024 * 1024;
/// Longest body of a chat platform or of the page, in bytes.
pub const SMALL_BODY: usize = 256 * 1024;
/// Longest path and query of an address, in bytes.
pub const ADDRESS: usize = 4096;
/// What of a body always has room, in bytes: as many connections as there may be are bounded by themselves.
pub const SMALL: usize = 16 * 1024;
/// What all bodies that are being read, decoded and stored may take together beyond that, in KiB.
const BODIES: usize = 64 * 1024;
/// Sources and addresses that are remembered.
const REMEMBERED: usize = 10_000;
/// Wrong credentials from one address in a minute, before it is told to wait.
const FAILURES_A_MINUTE: u32 = 10;

/// After how many seconds to come back, 2 to 30: another number for everybody.
pub fn come_back(entropy: &dyn Entropy) -> u16 {
    let mut byte = [0];
    entropy.fill(&mut byte);
    2 + u16::from(byte[0]) % 29
}

/// The bounds of one process.
pub struct Limits {
    /// Whether the clocks of senders agree with ours.
    pub skew: Skew,
    bodies: Arc<Semaphore>,
    rate: (f64, f64),
    sources: Mutex<HashMap<String, (f64, Ts)>>,
    failures: Mutex<HashMap<IpAddr, (u32, Ts)>>,
}

impl Limits {
    /// Bounds with `rate` requests a second from each source, and `burst` at once.
    pub fn new(rate: f64, burst: f64) -> Self {
        Self {
            skew: Skew::default(),
            bodies: Arc::new(Semaphore::new(BODIES)),
            rate: (rate, burst),
            sources: Mutex::default(),
            failures: Mutex::default(),
        }
    }

    /// Room for so many KiB of a body beyond what always has room; `None` when bodies take too much already.
    pub fn room(&self, kib: u32) -> Option<OwnedSemaphorePermit> {
        self.bodies.clone().try_acquire_many_owned(kib).ok()
    }

    /// Takes one of a source's turns; if there is none left, says after how many seconds there is.
    ///
    /// # Errors
    /// How many seconds to wait.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most a few seconds")]
    pub fn turn(&self, source: &str, now: Ts) -> Result<(), u32> {
        let (rate, burst) = self.rate;
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        if sources.len() >= REMEMBERED {
            sources.clear();
        }
        let (left, since) = sources.entry(source.to_owned()).or_insert((burst, now));
        *left = (*left + now.since(*since).as_secs_f64() * rate).min(burst);
        *since = now;
        if *left >= 1.0 {
            *left -= 1.0;
            return Ok(());
        }
        Err(((1.0 - *left) / rate).ceil().max(1.0) as u32)
    }

    /// Whether an address has shown wrong credentials too often.
    pub fn is_suspect(&self, address: IpAddr, now: Ts) -> bool {
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.get(&address).is_some_and(|(count, since)| *count >= FAILURES_A_MINUTE && now.since(*since).0 < 60_000)
    }

    /// An address has shown wrong credentials.
    pub fn failed(&self, address: IpAddr, now: Ts) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() >= REMEMBERED {
            failures.clear();
        }
        let (count, since) = failures.entry(address).or_insert((0, now));
        if now.since(*since).0 >= 60_000 {
            (*count, *since) = (0, now);
        }
        *count += 1;
    }
}
