//! How things are found by name: tables of indices that hold no names themselves.
//!
//! A name is hashed and compared where it stands, in the entity. The hash has fixed keys, so the same log
//! costs the same work; nothing ever walks these tables, so their order cannot be seen.

use std::hash::BuildHasher as _;

use foldhash::fast::FixedState;
use hashbrown::{Equivalent, HashMap, HashTable};

use super::{Agent, Scope, Session, Task};
use crate::core::arena::{Arena, Ix};

/// How everything here is hashed.
pub(super) const HASH: FixedState = FixedState::with_seed(0x5e7e_0000);

/// What is found by a runtime and an identifier in it.
pub trait Named {
    /// The runtime, empty for what all runtimes share, and the identifier.
    fn name(&self) -> (&str, &str);
}

impl Named for Agent {
    fn name(&self) -> (&str, &str) {
        (&self.runtime, &self.id)
    }
}

impl Named for Session {
    fn name(&self) -> (&str, &str) {
        (&self.runtime, &self.id)
    }
}

impl Named for Task {
    fn name(&self) -> (&str, &str) {
        ("", &self.id)
    }
}

/// Entities of an arena by name.
#[derive(Clone, Debug)]
pub struct Names<T>(HashTable<Ix<T>>);

impl<T> Default for Names<T> {
    fn default() -> Self {
        Self(HashTable::new())
    }
}

fn hash(name: (&str, &str)) -> u64 {
    HASH.hash_one(name)
}

impl<T: Named> Names<T> {
    /// All of an arena.
    pub fn of(all: &Arena<T>) -> Self {
        let mut names = Self(HashTable::with_capacity(all.len()));
        for (ix, entity) in all.iter() {
            names.0.insert_unique(hash(entity.name()), ix, |ix| hash(all[*ix].name()));
        }
        names
    }

    /// The entity of that name.
    pub fn find(&self, all: &Arena<T>, name: (&str, &str)) -> Option<Ix<T>> {
        self.0.find(hash(name), |ix| all[*ix].name() == name).copied()
    }

    /// An entity was put into the arena.
    pub fn insert(&mut self, all: &Arena<T>, ix: Ix<T>) {
        self.0.insert_unique(hash(all[ix].name()), ix, |ix| hash(all[*ix].name()));
    }

    /// An entity was taken out of the arena.
    pub fn remove(&mut self, entity: &T, ix: Ix<T>) {
        if let Ok(entry) = self.0.find_entry(hash(entity.name()), |have| *have == ix) {
            entry.remove();
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Lookups that are rebuilt from the rest after a snapshot is read.
#[derive(Clone, Debug, Default)]
pub struct Index {
    /// Agents by (runtime, identifier).
    pub agents: Names<Agent>,
    /// Sessions by (runtime, identifier).
    pub sessions: Names<Session>,
    /// Tasks by identifier.
    pub tasks: Names<Task>,
    /// Approvals by (runtime, identifier).
    pub approvals: HashMap<(String, String), u64, FixedState>,
    /// Alerts that are open or may be reopened, by rule and scope.
    pub alerts: HashMap<(String, Scope), u64, FixedState>,
}

/// A key of [`Index::alerts`] that owns nothing.
#[derive(Hash)]
pub struct Episode<'a> {
    /// Name of the rule.
    pub rule: &'a str,
    /// For what it was judged.
    pub scope: Scope,
}

impl Equivalent<(String, Scope)> for Episode<'_> {
    fn equivalent(&self, key: &(String, Scope)) -> bool {
        self.rule == key.0 && self.scope == key.1
    }
}
