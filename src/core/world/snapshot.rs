//! The World written down, and read back.
//!
//! What grows with the fleet (agents, sessions, tasks, money, deadlines) is written as postcard: fields in
//! order without names, small numbers in few bytes. The rest is little, holds messages of many shapes, and
//! stands behind it as JSON. Equal Worlds give equal bytes.

use std::sync::Arc;

use serde::de::Error as _;
use serde::{Deserialize, Serialize};

use super::{Agent, Ledger, Session, Task, World};
use crate::core::arena::Arena;
use crate::core::rule::RuleBook;
use crate::core::schedule::Schedule;
use crate::core::signal::Signals;

/// What grows with the fleet.
#[derive(Serialize)]
struct Written<'a> {
    agents: &'a Arena<Agent>,
    sessions: &'a Arena<Session>,
    tasks: &'a Arena<Task>,
    fleet: &'a Signals,
    ledger: &'a Ledger,
    schedule: &'a Schedule,
}

/// The same, read back.
#[derive(Deserialize)]
struct Read {
    agents: Arena<Agent>,
    sessions: Arena<Session>,
    tasks: Arena<Task>,
    fleet: Signals,
    ledger: Ledger,
    schedule: Schedule,
}

impl World {
    /// The format of [`World::write`]; a snapshot of another format is not read, the log behind it is folded.
    pub const FORMAT: u32 = 2;

    /// What of the World is written as postcard; the rest is the World's own form as JSON, and stands behind it.
    pub const fn compact(&self) -> impl Serialize {
        Written {
            agents: &self.agents,
            sessions: &self.sessions,
            tasks: &self.tasks,
            fleet: &self.fleet,
            ledger: &self.ledger,
            schedule: &self.schedule,
        }
    }

    /// Writes the World down in one piece.
    ///
    /// # Errors
    /// When serialisation fails, which no World that a fold can reach does.
    pub fn write(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut bytes = postcard::to_extend(&self.compact(), Vec::new()).map_err(serde_json::Error::custom)?;
        serde_json::to_writer(&mut bytes, self)?;
        Ok(bytes)
    }

    /// Reads back what [`World::write`] wrote.
    ///
    /// # Errors
    /// When the bytes are not a World of this format.
    pub fn read(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        let (read, rest): (Read, &[u8]) = postcard::take_from_bytes(bytes).map_err(serde_json::Error::custom)?;
        let mut world: Self = serde_json::from_slice(rest)?;
        world.agents = read.agents;
        world.sessions = read.sessions;
        world.tasks = read.tasks;
        world.fleet = read.fleet;
        world.ledger = read.ledger;
        world.schedule = read.schedule;
        world.rules = Arc::new(RuleBook::compile_lossy(&world.policy.rules));
        world.index = world.rebuilt_index();
        Ok(world)
    }
}

/// What an event may leave out, as JSON in a string: postcard knows no fields that are left out.
pub mod in_json {
    use serde::de::{DeserializeOwned, Error as _};
    use serde::ser::Error as _;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<T: Serialize + Default + PartialEq, S: Serializer>(value: &T, to: S) -> Result<S::Ok, S::Error> {
        if *value == T::default() {
            return to.serialize_str("");
        }
        to.serialize_str(&serde_json::to_string(value).map_err(S::Error::custom)?)
    }

    pub fn deserialize<'de, T: DeserializeOwned + Default, D: Deserializer<'de>>(from: D) -> Result<T, D::Error> {
        let text = <&str>::deserialize(from)?;
        if text.is_empty() { Ok(T::default()) } else { serde_json::from_str(text).map_err(D::Error::custom) }
    }
}
