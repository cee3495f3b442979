//! What one event says that a later one leaves out: the arguments of a tool call, the session an agent was last in,
//! who has decided. Bounded, and nothing that could not be missed: a gateway that is asked again tells all that counts.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

use serde_json::Value;

use crate::core::time::Ts;

/// Tool calls and decisions that are remembered.
const MOST: usize = 2048;

/// A map that forgets its oldest entries.
pub struct Recent<K, V> {
    entries: HashMap<K, V>,
    order: VecDeque<K>,
}

impl<K, V> Default for Recent<K, V> {
    fn default() -> Self {
        Self { entries: HashMap::new(), order: VecDeque::new() }
    }
}

impl<K: Clone + Eq + Hash, V> Recent<K, V> {
    /// Remembers something.
    pub fn put(&mut self, key: K, value: V) {
        if self.entries.insert(key.clone(), value).is_some() {
            return;
        }
        self.order.push_back(key);
        if self.order.len() > MOST
            && let Some(oldest) = self.order.pop_front()
        {
            self.entries.remove(&oldest);
        }
    }

    /// What is remembered.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.entries.get(key)
    }
}

/// What is remembered of a gateway.
#[derive(Default)]
pub struct Memory {
    /// The arguments of tool calls, by their identity.
    pub calls: Recent<String, Value>,
    /// Who has decided an approval, by its identity.
    pub deciders: Recent<String, String>,
    /// The session in which each agent was last seen, and when.
    sessions: Recent<String, (String, Ts)>,
}

impl Memory {
    /// An agent was seen in a session.
    pub fn saw(&mut self, agent: &str, session: &str, at: Ts) {
        let newer = self.sessions.get(&agent.to_owned()).is_none_or(|(_, last)| *last <= at);
        if newer {
            self.sessions.put(agent.to_owned(), (session.to_owned(), at));
        }
    }

    /// The session in which an agent was last seen; its main one when it was in none.
    pub fn session_of(&self, agent: &str) -> String {
        let last = self.sessions.get(&agent.to_owned()).map(|(session, _)| session.clone());
        last.unwrap_or_else(|| format!("agent:{agent}:main"))
    }
}
