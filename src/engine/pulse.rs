//! The wall against the monotonic clock: whether time went by as it should.
//!
//! A reading is taken with every batch, so that nothing is folded after a jump before the jump itself is.
//! What follows from one is decided by the fold.

use std::sync::Arc;

use super::log::{Log, NewInput};
use crate::clock::Clock;
use crate::core::gap::Jump;
use crate::core::input::Body;
use crate::core::time::{Span, Ts};
use crate::stop::Stop;

/// Less than this is the clock being kept right.
const NOTICED: i64 = 5_000;
/// How often the clocks are compared when nothing is folded.
const BEAT: Span = Span::secs(1);
/// A pause in which nobody folded that is shorter than this is no absence.
const ABSENCE: Span = Span::secs(30);

/// All clocks at one instant.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pulse {
    /// Now, for decisions.
    pub now: Ts,
    wall: i64,
    monotonic: i64,
    with_sleep: i64,
}

impl Pulse {
    /// Reads them.
    pub fn read(clock: &dyn Clock) -> Self {
        // In this order a delay between the readings makes a jump look smaller, never larger.
        let now = clock.now();
        let (wall, monotonic, with_sleep) = (clock.wall().0, clock.monotonic().0, clock.with_sleep().0);
        Self { now, wall, monotonic, with_sleep }
    }

    /// The jump between an earlier reading and this one, if there was one.
    pub fn jump_since(&self, before: &Self) -> Option<Jump> {
        let passed = self.monotonic - before.monotonic;
        let wall = self.wall - before.wall - passed;
        let skipped = Span((self.now.since(before.now).0 - passed).max(0));
        let slept = Span((self.with_sleep - before.with_sleep - passed).max(0));
        (wall.abs() > NOTICED || skipped.0 > NOTICED).then_some(Jump { wall, skipped, slept })
    }
}

/// What the first input of a process says about time, when the log ends at `last` and its holder was alive
/// until `left`: that nobody was there, or that the wall is behind.
pub(super) fn arrival(clock: &dyn Clock, last: Ts, left: Ts) -> Option<Body> {
    if last == Ts::default() {
        return None;
    }
    let behind = last.since(clock.wall());
    clock.not_before(last);
    if behind.0 > NOTICED {
        return Some(Body::ClockJumped(Jump { wall: -behind.0, skipped: Span(0), slept: Span(0) }));
    }
    let since = last.max(left);
    (clock.now().since(since) > ABSENCE).then_some(Body::Returned { since })
}

/// Says that the wall jumped.
pub(super) fn tell(jump: &Jump) {
    let direction = if jump.wall < 0 { "back" } else { "ahead" };
    metrics::counter!("sereno_clock_jumps_total", "direction" => direction).increment(1);
    tracing::warn!(
        wall_ms = jump.wall,
        skipped_ms = jump.skipped.0,
        slept_ms = jump.slept.0,
        "the clock jumped {direction}"
    );
}

/// Compares the clocks each second, and has a jump folded at once also when nothing else happens.
pub async fn watch(clock: Arc<dyn Clock>, log: Log, mut stop: Stop) {
    let mut before = Pulse::read(clock.as_ref());
    loop {
        tokio::select! {
            () = stop.asked() => return,
            () = clock.sleep(BEAT) => {}
        }
        let pulse = Pulse::read(clock.as_ref());
        if pulse.jump_since(&before).is_some()
            && let Err(error) = log.append_patiently(vec![NewInput::unkeyed(Body::Tick)]).await
        {
            tracing::warn!(%error, "a jump of the clock is folded with the next input");
        }
        before = pulse;
    }
}
