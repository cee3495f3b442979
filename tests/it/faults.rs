//! Faults from outside: clocks, networks, disks, databases, channels and runtimes that do what they should not, and
//! too much at once. One file a subject.

mod channels;
mod courier;
mod disk;
mod doors;
mod outage;
mod overload;
pub mod proxy;
mod restore;
mod retention;
mod time;
mod upkeep;

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// An instant of real time.
#[expect(clippy::disallowed_methods, reason = "a real process works in real time")]
pub fn instant() -> Instant {
    Instant::now()
}

/// Seconds since 1970, by the machine's wall.
#[expect(clippy::disallowed_methods, reason = "where the wall of a real process is set to depends on the machine's")]
pub fn wall() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs().cast_signed()
}
