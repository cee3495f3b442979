//! A slab with stable small indices: entities refer to each other by [`Ix`] instead of by name.
//!
//! Deterministic: the same insertions and removals give the same indices.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::ops::{Index, IndexMut};

use serde::{Deserialize, Serialize};

/// Index of a `T` in its [`Arena`].
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ix<T> {
    at: u32,
    #[serde(skip)]
    of: PhantomData<fn() -> T>,
}

impl<T> Ix<T> {
    const fn new(at: u32) -> Self {
        Self { at, of: PhantomData }
    }

    /// The number behind the index.
    pub const fn raw(self) -> u32 {
        self.at
    }
}

impl<T> Clone for Ix<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Ix<T> {}
impl<T> PartialEq for Ix<T> {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}
impl<T> Eq for Ix<T> {}
impl<T> PartialOrd for Ix<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<T> Ord for Ix<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.at.cmp(&other.at)
    }
}
impl<T> Hash for Ix<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.at.hash(state);
    }
}
impl<T> fmt::Debug for Ix<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.at)
    }
}

/// A slab of `T`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Arena<T> {
    slots: Vec<Option<T>>,
    free: Vec<u32>,
}

impl<T> Default for Arena<T> {
    fn default() -> Self {
        Self { slots: Vec::new(), free: Vec::new() }
    }
}

impl<T> Arena<T> {
    /// Puts `value` into the most recently freed slot, or a new one.
    pub fn insert(&mut self, value: T) -> Ix<T> {
        if let Some(at) = self.free.pop() {
            self.slots[at as usize] = Some(value);
            return Ix::new(at);
        }
        let at = u32::try_from(self.slots.len()).expect("fewer than 2^32 entities fit in memory");
        self.slots.push(Some(value));
        Ix::new(at)
    }

    /// Takes the value out; its index may be given to another one later.
    pub fn remove(&mut self, ix: Ix<T>) -> Option<T> {
        let taken = self.slots.get_mut(ix.at as usize)?.take()?;
        self.free.push(ix.at);
        Some(taken)
    }

    /// The value, if it is still there.
    pub fn get(&self, ix: Ix<T>) -> Option<&T> {
        self.slots.get(ix.at as usize)?.as_ref()
    }

    /// The value, if it is still there.
    pub fn get_mut(&mut self, ix: Ix<T>) -> Option<&mut T> {
        self.slots.get_mut(ix.at as usize)?.as_mut()
    }

    /// All values in index order.
    pub fn iter(&self) -> impl Iterator<Item = (Ix<T>, &T)> {
        self.slots.iter().enumerate().filter_map(|(at, slot)| {
            let at = u32::try_from(at).ok()?;
            Some((Ix::new(at), slot.as_ref()?))
        })
    }

    /// All values in index order, to be changed.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.slots.iter_mut().flatten()
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Panics when the value is gone; callers hold indices of what they have just looked up.
impl<T> Index<Ix<T>> for Arena<T> {
    type Output = T;
    fn index(&self, ix: Ix<T>) -> &T {
        self.get(ix).expect("an index that is held refers to a living entity")
    }
}

impl<T> IndexMut<Ix<T>> for Arena<T> {
    fn index_mut(&mut self, ix: Ix<T>) -> &mut T {
        self.get_mut(ix).expect("an index that is held refers to a living entity")
    }
}
