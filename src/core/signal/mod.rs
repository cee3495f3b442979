//! Signals: what rules can read, and the state behind them.
//!
//! Knows the names, units and windows of signals and keeps sums and call digests per scope. It does
//! not know what a rule says about them.

mod catalogue;
mod judge;
mod repeat;
mod window;

use serde::{Deserialize, Serialize};

pub use catalogue::{CATALOGUE, Entry, Gauge, Ratio, Shape, Signal, TextSignal, Timed};
pub use judge::ScopeReading;
pub use repeat::{Calls, Repeated};
pub use window::{Measure, WindowIx, WindowSpec, Windows};

use super::time::Ts;

/// What rules read of one scope, and what is true of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signals {
    /// Sliding sums.
    pub windows: Windows,
    /// When it will next be judged because time has passed.
    pub watch: Option<Ts>,
    /// Alerts that are pending, firing or acked for it.
    pub open: Vec<u64>,
}
