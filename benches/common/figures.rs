//! Figures of several rounds: a median with its spread, and quantiles of many samples.

use std::fmt;

/// Fewer undisturbed rounds than this tell nothing.
const ENOUGH: usize = 3;

/// Rounds of one measurement. Disturbed ones are kept apart: they are shown, and decide nothing.
#[derive(Clone, Debug, Default)]
pub struct Rounds {
    quiet: Vec<f64>,
    disturbed: Vec<f64>,
}

impl Rounds {
    /// Adds a round; `quiet` tells whether the machine had nothing else to do.
    pub fn add(&mut self, value: f64, quiet: bool) {
        if quiet { self.quiet.push(value) } else { self.disturbed.push(value) }
    }

    /// The middle of the undisturbed rounds; not a number when there are too few to tell.
    pub fn median(&self) -> f64 {
        if self.quiet.len() < ENOUGH { f64::NAN } else { quantile(&sorted(&self.quiet), 0.5) }
    }
}

impl fmt::Display for Rounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What is measured once, because it is long, is shown as it is.
        if let ([only], []) | ([], [only]) = (self.quiet.as_slice(), self.disturbed.as_slice()) {
            let remark = if self.quiet.is_empty() { " [disturbed]" } else { "" };
            return write!(f, "{}{remark}", Figure(*only));
        }
        if self.quiet.len() >= ENOUGH {
            f.write_str(&spread(&self.quiet))?;
            if !self.disturbed.is_empty() {
                write!(f, " [{} rounds disturbed]", self.disturbed.len())?;
            }
            return Ok(());
        }
        write!(f, "cannot tell [{} rounds disturbed: {}]", self.disturbed.len(), spread(&self.disturbed))
    }
}

/// Median, lowest and highest.
fn spread(values: &[f64]) -> String {
    let sorted = sorted(values);
    let at = |q| Figure(quantile(&sorted, q));
    format!("{} ({}–{})", at(0.5), at(0.0), at(1.0))
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted
}

/// A number with as many digits as it deserves; none when it cannot be told.
pub struct Figure(pub f64);

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_nan() {
            return f.write_str("cannot tell");
        }
        let digits = match self.0.abs() {
            size if size >= 100.0 => 0,
            size if size >= 10.0 => 1,
            _ => 2,
        };
        write!(f, "{:.digits$}", self.0)
    }
}

/// The value below which the share `q` of the sorted samples lies, by the nearest rank.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "counts of samples are small"
)]
pub fn quantile(sorted: &[f64], q: f64) -> f64 {
    let rank = (q * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.clamp(1, sorted.len().max(1)) - 1).copied().unwrap_or(f64::NAN)
}
