//! Bounds of intake: how much at once, how fast from each source.
//!
//! Defaults are generous for one machine and small enough that a runaway sender cannot fill the memory.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use tokio::sync::Semaphore;

use crate::core::time::Ts;

/// Longest body of a webhook, in bytes.
pub const WEBHOOK_BODY: usize = 1024 * 1024;
/// Longest body of a chat platform or of the page, in bytes.
pub const SMALL_BODY: usize = 256 * 1024;
/// Requests of intake that are worked on at once. Those that wait for a person do not count.
const IN_FLIGHT: usize = 256;
/// Sources and addresses that are remembered.
const REMEMBERED: usize = 10_000;
/// Wrong credentials from one address in a minute, before it is told to wait.
const FAILURES_A_MINUTE: u32 = 10;

/// The bounds of one process.
pub struct Limits {
    /// Places for requests of intake.
    pub in_flight: Semaphore,
    rate: (f64, f64),
    sources: Mutex<HashMap<String, (f64, Ts)>>,
    failures: Mutex<HashMap<IpAddr, (u32, Ts)>>,
}

impl Limits {
    /// Bounds with `rate` requests a second from each source, and `burst` at once.
    pub fn new(rate: f64, burst: f64) -> Self {
        Self {
            in_flight: Semaphore::new(IN_FLIGHT),
            rate: (rate, burst),
            sources: Mutex::default(),
            failures: Mutex::default(),
        }
    }

    /// Whether a source may send one more request now; if not, after how many seconds.
    ///
    /// # Errors
    /// How many seconds to wait.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most a few seconds")]
    pub fn admit(&self, source: &str, now: Ts) -> Result<(), u32> {
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
