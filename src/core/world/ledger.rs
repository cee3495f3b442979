//! Money by time: cells of a quarter of an hour, by agent, model and task.
//!
//! A quarter of an hour is the finest step of any time zone, so "today" is exact for every reader.
//! Older than two days, cells are merged across tasks and into whole hours; older than eight days they
//! are forgotten here, the store's table being the history. Merging keeps every sum.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Agent, Task};
use crate::core::arena::Ix;
use crate::core::money::Sums;
use crate::core::time::{Span, Ts};

/// The length of a cell.
pub const QUARTER: Span = Span::mins(15);
const FINE: Span = Span::days(2);
const KEPT: Span = Span::days(8);

/// What a cell is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CellKey {
    /// When it begins.
    pub at: Ts,
    /// Who spent.
    pub agent: Ix<Agent>,
    /// On which model, as the runtime spells it; empty when it did not say.
    pub model: String,
    /// For what.
    pub task: Option<Ix<Task>>,
}

/// A cell with its sums.
pub type Cell = (CellKey, Sums);

/// All cells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger(BTreeMap<CellKey, Sums>);

impl Ledger {
    /// Books `sums` at `at`. Returns the cell's key.
    pub fn book(&mut self, at: Ts, agent: Ix<Agent>, model: &str, task: Option<Ix<Task>>, sums: Sums) -> CellKey {
        let key = CellKey { at: floor(at, QUARTER), agent, model: model.to_owned(), task };
        *self.0.entry(key.clone()).or_default() += sums;
        key
    }

    /// The sums of a cell.
    pub fn get(&self, key: &CellKey) -> Option<&Sums> {
        self.0.get(key)
    }

    /// Cells that begin at or after `from`.
    pub fn since(&self, from: Ts) -> impl Iterator<Item = (&CellKey, &Sums)> {
        // Every key at or after the first instant of `from` sorts at or after this one.
        self.0.iter().skip_while(move |(key, _)| key.at < from)
    }

    /// The sum of everything since `from`.
    pub fn total_since(&self, from: Ts) -> Sums {
        self.since(from).fold(Sums::default(), |mut total, (_, sums)| {
            total += *sums;
            total
        })
    }

    /// Merges what is old and forgets what is very old.
    pub fn compact(&mut self, now: Ts) {
        let (fine, kept) = (floor(now.minus(FINE), Span::hours(1)), now.minus(KEPT));
        for (key, sums) in std::mem::take(&mut self.0) {
            if key.at < kept {
                continue;
            }
            let key =
                if key.at < fine { CellKey { at: floor(key.at, Span::hours(1)), task: None, ..key } } else { key };
            *self.0.entry(key).or_default() += sums;
        }
    }
}

fn floor(at: Ts, step: Span) -> Ts {
    Ts(at.0.div_euclid(step.0) * step.0)
}

/// As a list of pairs: JSON has no maps with such keys.
impl Serialize for Ledger {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.0.iter().collect::<Vec<_>>().serialize(to)
    }
}

impl<'de> Deserialize<'de> for Ledger {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(Self(Vec::<Cell>::deserialize(from)?.into_iter().collect()))
    }
}
