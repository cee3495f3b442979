//! Requests that are held open until a person decides or lets go.
//!
//! A place is opened before the request is appended, so that a decision that follows at once still finds
//! it. It closes by itself when whoever waits goes away.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

use crate::core::control::Order;

/// What somebody waits for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum For {
    /// A decision on an approval.
    Approval(String),
    /// That a session may go on.
    Session(String),
    /// Control calls, over the one connection to their runtime.
    Connection,
}

impl std::fmt::Display for For {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Approval(id) => write!(f, "approval:{id}"),
            Self::Session(id) => write!(f, "session:{id}"),
            Self::Connection => f.write_str("connection"),
        }
    }
}

/// What ends a wait: an order, and who gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// A decision, or that the session shall go on or stop.
    pub order: Order,
    /// Who.
    pub by: String,
}

type Places = HashMap<For, Vec<(u64, oneshot::Sender<Release>)>>;

/// All places at which somebody waits in this process.
#[derive(Clone, Default)]
pub struct Holds(Arc<Mutex<(u64, Places)>>);

/// A place at which somebody waits.
pub struct Held {
    holds: Holds,
    place: For,
    number: u64,
    release: oneshot::Receiver<Release>,
}

impl Holds {
    fn with<T>(&self, act: impl FnOnce(&mut (u64, Places)) -> T) -> T {
        // Nothing that can panic happens under the lock, so a poisoned one is still in order.
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Opens a place.
    pub fn open(&self, place: For) -> Held {
        let (release, waits) = oneshot::channel();
        let number = self.with(|(next, places)| {
            *next += 1;
            places.entry(place.clone()).or_default().push((*next, release));
            *next
        });
        Held { holds: self.clone(), place, number, release: waits }
    }

    /// Ends every wait at a place. Returns how many there were.
    pub fn release(&self, place: &For, release: &Release) -> usize {
        let waiting = self.with(|(_, places)| places.remove(place)).unwrap_or_default();
        waiting.into_iter().filter_map(|(_, door)| door.send(release.clone()).ok()).count()
    }

    /// Whether anybody waits at a place.
    pub fn is_open(&self, place: &For) -> bool {
        self.with(|(_, places)| places.contains_key(place))
    }
}

impl Held {
    /// Waits until the place is released.
    pub async fn wait(mut self) -> Option<Release> {
        (&mut self.release).await.ok()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let number = self.number;
        self.holds.with(|(_, places)| {
            if let Some(waiting) = places.get_mut(&self.place) {
                waiting.retain(|(other, _)| *other != number);
                if waiting.is_empty() {
                    places.remove(&self.place);
                }
            }
        });
    }
}
