//! Waiting in real time.

use std::time::{Duration, Instant};

use crate::common::clock::now;

/// Returns at `at`, to the millisecond.
#[expect(clippy::disallowed_methods, reason = "an open loop sends at real times")]
pub async fn until(at: Instant) {
    tokio::time::sleep_until(at.into()).await;
}

/// Returns after `span`.
pub async fn pause(span: Duration) {
    until(now() + span).await;
}
