//! Real time, for programs whose whole business is to measure it.

use std::time::Instant;

/// Now.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
pub fn now() -> Instant {
    Instant::now()
}
