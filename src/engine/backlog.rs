//! What waits to be stored, and who is refused when too much does.
//!
//! Overload is said, never suffered in silence: telemetry is refused first, then other events, then the
//! questions of agents that stand at a gate. Approvals, and what people and couriers append, come last and
//! have room of their own. Whoever is refused learns it before anything of theirs is stored.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use tokio::sync::watch;

use super::log::NewInput;
use crate::clock::Clock;
use crate::core::event::EventKind;
use crate::core::input::Body;
use crate::core::time::Span;

/// Inputs that may wait before telemetry is refused …
const TELEMETRY: usize = 1_000;
/// … before other events are …
const REPORTS: usize = 2_500;
/// … and before questions are.
const QUESTIONS: usize = 5_000;
/// The store is slow when nothing of what waits was taken for this long: then telemetry is refused, after
/// twice this other events, and after four times this questions.
const SLOW: Span = Span::secs(1);

/// How much it matters that an input is stored now; the lowest is refused first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// Signs of life and measurements: the next one says the same.
    Telemetry,
    /// Other events; their senders try again.
    Report,
    /// An event of an agent that stands at a gate and waits.
    Question,
    /// Approvals, and all that people, couriers and sereno itself append.
    Decision,
}

impl Urgency {
    /// Of one input.
    pub fn of(body: &Body) -> Self {
        let Body::Event(reported) = body else { return Self::Decision };
        match reported.event.kind {
            EventKind::ApprovalRequested | EventKind::ApprovalResolved | EventKind::ApprovalCancelled => Self::Decision,
            _ if reported.gate.is_some() => Self::Question,
            EventKind::AgentHeartbeat | EventKind::SessionProgress | EventKind::Metric | EventKind::Resource => {
                Self::Telemetry
            }
            _ => Self::Report,
        }
    }

    /// Of inputs that are appended together: that of the most urgent one.
    pub fn of_all(inputs: &[NewInput]) -> Self {
        inputs.iter().map(|input| Self::of(&input.body)).max().unwrap_or(Self::Telemetry)
    }

    /// The word in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Telemetry => "telemetry",
            Self::Report => "report",
            Self::Question => "question",
            Self::Decision => "decision",
        }
    }
}

/// How much room the disk has left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum DiskLevel {
    /// Enough.
    #[default]
    Plenty,
    /// Enough for now: it is logged, so that somebody looks in time.
    Tight,
    /// Telemetry is refused, and people are told.
    Low,
    /// Everything is refused but decisions.
    Scarce,
}

struct Shared {
    clock: Arc<dyn Clock>,
    waiting: AtomicUsize,
    /// When something was taken last, or began to wait after nothing had; milliseconds of the monotonic clock.
    moved: AtomicI64,
    disk: watch::Sender<DiskLevel>,
}

/// What waits.
#[derive(Clone)]
pub(super) struct Backlog(Arc<Shared>);

/// Inputs that wait; they do not any more when this is dropped.
pub(super) struct Waits {
    backlog: Backlog,
    inputs: usize,
}

impl Backlog {
    /// Nothing waits yet.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let moved = AtomicI64::new(clock.monotonic().0);
        Self(Arc::new(Shared { clock, waiting: AtomicUsize::new(0), moved, disk: watch::Sender::default() }))
    }

    /// How much room the disk has left, as whoever watches it says.
    pub fn disk(&self) -> &watch::Sender<DiskLevel> {
        &self.0.disk
    }

    /// Lets inputs wait, however many there are.
    pub fn let_in(&self, inputs: usize) -> Waits {
        if self.0.waiting.fetch_add(inputs, Ordering::Relaxed) == 0 {
            self.0.moved.store(self.0.clock.monotonic().0, Ordering::Relaxed);
        }
        Waits { backlog: self.clone(), inputs }
    }

    /// Lets inputs wait, if there is room for what is as urgent as they are.
    pub fn admit(&self, inputs: &[NewInput]) -> Option<Waits> {
        let urgency = Urgency::of_all(inputs);
        if self.refused().is_none_or(|refused| urgency > refused) {
            return Some(self.let_in(inputs.len()));
        }
        metrics::counter!("sereno_shed_total", "urgency" => urgency.as_str()).increment(1);
        None
    }

    /// For how long nothing of what waits was taken.
    pub fn stalled(&self) -> Span {
        if self.0.waiting.load(Ordering::Relaxed) == 0 {
            return Span(0);
        }
        Span(self.0.clock.monotonic().0 - self.0.moved.load(Ordering::Relaxed))
    }

    /// The most urgent of what is refused now; decisions never are.
    fn refused(&self) -> Option<Urgency> {
        let waiting = self.0.waiting.load(Ordering::Relaxed);
        let stalled = self.stalled();
        let disk = *self.0.disk.borrow();
        if waiting >= QUESTIONS || stalled.0 > SLOW.0 * 4 || disk == DiskLevel::Scarce {
            Some(Urgency::Question)
        } else if waiting >= REPORTS || stalled.0 > SLOW.0 * 2 {
            Some(Urgency::Report)
        } else if waiting >= TELEMETRY || stalled > SLOW || disk == DiskLevel::Low {
            Some(Urgency::Telemetry)
        } else {
            None
        }
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        let shared = &self.backlog.0;
        shared.moved.store(shared.clock.monotonic().0, Ordering::Relaxed);
        shared.waiting.fetch_sub(self.inputs, Ordering::Relaxed);
    }
}
