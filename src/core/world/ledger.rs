//! Money by time: cells of a quarter of an hour, by agent, model and task.
//!
//! A quarter of an hour is the finest step of any time zone, so "today" is exact for every reader.
//! Older than two days, cells are merged across tasks and into whole hours; older than eight days they
//! are forgotten here, the store's table being the history. Merging keeps every sum.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::BuildHasher as _;
use std::sync::Arc;

use hashbrown::HashTable;
use serde::ser::SerializeSeq as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::index::HASH;
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
    pub model: Arc<str>,
    /// For what.
    pub task: Option<Ix<Task>>,
}

/// A cell with its sums.
pub type Cell = (CellKey, Sums);

/// All cells, by their beginning.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    times: BTreeMap<Ts, Cells>,
    /// The names of models, so that cells share them.
    models: BTreeSet<Arc<str>>,
}

/// Cells of one beginning, in the order in which they were first booked on.
#[derive(Clone, Debug, Default)]
struct Cells {
    list: Vec<Cell>,
    places: HashTable<u32>,
}

impl Cells {
    fn hash(agent: Ix<Agent>, model: &str, task: Option<Ix<Task>>) -> u64 {
        HASH.hash_one((agent, model, task))
    }

    fn find(&self, agent: Ix<Agent>, model: &str, task: Option<Ix<Task>>) -> Option<usize> {
        let same = |place: &u32| {
            let (key, _) = &self.list[*place as usize];
            key.agent == agent && key.task == task && *key.model == *model
        };
        self.places.find(Self::hash(agent, model, task), same).map(|place| *place as usize)
    }

    fn add(&mut self, key: CellKey, sums: Sums) {
        if let Some(place) = self.find(key.agent, &key.model, key.task) {
            self.list[place].1 += sums;
            return;
        }
        let place = u32::try_from(self.list.len()).expect("fewer than 2^32 cells fit in memory");
        let hash = Self::hash(key.agent, &key.model, key.task);
        self.list.push((key, sums));
        let list = &self.list;
        self.places.insert_unique(hash, place, |place| {
            let (key, _) = &list[*place as usize];
            Self::hash(key.agent, &key.model, key.task)
        });
    }
}

impl Ledger {
    /// Books `sums` at `at`. Returns the cell's key.
    pub fn book(&mut self, at: Ts, agent: Ix<Agent>, model: &str, task: Option<Ix<Task>>, sums: Sums) -> CellKey {
        let at = floor(at, QUARTER);
        let cells = self.times.entry(at).or_default();
        if let Some(place) = cells.find(agent, model, task) {
            let (key, booked) = &mut cells.list[place];
            *booked += sums;
            return key.clone();
        }
        let key = CellKey { at, agent, model: shared(&mut self.models, model), task };
        cells.add(key.clone(), sums);
        key
    }

    /// The sums of a cell.
    pub fn get(&self, key: &CellKey) -> Option<&Sums> {
        let cells = self.times.get(&key.at)?;
        cells.find(key.agent, &key.model, key.task).map(|place| &cells.list[place].1)
    }

    /// Cells that begin at or after `from`, in order of their beginning.
    pub fn since(&self, from: Ts) -> impl Iterator<Item = (&CellKey, &Sums)> {
        self.times.range(from..).flat_map(|(_, cells)| &cells.list).map(|(key, sums)| (key, sums))
    }

    /// Cells that begin at or after `from` and before `until`, in order of their beginning.
    pub fn between(&self, from: Ts, until: Ts) -> impl Iterator<Item = (&CellKey, &Sums)> {
        self.times.range(from..until.max(from)).flat_map(|(_, cells)| &cells.list).map(|(key, sums)| (key, sums))
    }

    /// The sum of everything since `from`.
    pub fn total_since(&self, from: Ts) -> Sums {
        self.since(from).fold(Sums::default(), |mut total, (_, sums)| {
            total += *sums;
            total
        })
    }

    /// When the oldest cell begins.
    pub fn oldest(&self) -> Option<Ts> {
        self.times.keys().next().copied()
    }

    /// Merges what is old and forgets what is very old.
    pub fn compact(&mut self, now: Ts) {
        let (fine, kept) = (floor(now.minus(FINE), Span::hours(1)), now.minus(KEPT));
        for (at, cells) in std::mem::take(&mut self.times) {
            if at >= fine {
                self.times.insert(at, cells);
            } else if at >= kept {
                let hour = floor(at, Span::hours(1));
                let merged = self.times.entry(hour).or_default();
                for (key, sums) in cells.list {
                    merged.add(CellKey { at: hour, task: None, ..key }, sums);
                }
            }
        }
        // Nothing but this set knows a name that no cell has.
        self.models.retain(|model| Arc::strong_count(model) > 1);
    }
}

/// The one copy of `model` that all cells share.
fn shared(models: &mut BTreeSet<Arc<str>>, model: &str) -> Arc<str> {
    if let Some(known) = models.get(model) {
        return known.clone();
    }
    let new: Arc<str> = model.into();
    models.insert(new.clone());
    new
}

/// The last multiple of `step` that is not after `at`.
pub(super) const fn floor(at: Ts, step: Span) -> Ts {
    Ts(at.0.div_euclid(step.0) * step.0)
}

/// As a list of pairs: the order of the cells is all there is to know.
impl Serialize for Ledger {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let count = self.times.values().map(|cells| cells.list.len()).sum();
        let mut list = to.serialize_seq(Some(count))?;
        for cell in self.times.values().flat_map(|cells| &cells.list) {
            list.serialize_element(cell)?;
        }
        list.end()
    }
}

impl<'de> Deserialize<'de> for Ledger {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let mut ledger = Self::default();
        for (mut key, sums) in Vec::<Cell>::deserialize(from)? {
            key.model = shared(&mut ledger.models, &key.model);
            ledger.times.entry(key.at).or_default().add(key, sums);
        }
        Ok(ledger)
    }
}
