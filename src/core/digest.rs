//! Digests: what binds a decision to exactly the action that was shown.
//!
//! Canonical JSON is RFC 8785 (JCS). Integers that a double cannot hold are written as tagged strings
//! first, because JCS would otherwise let two different numbers share one digest.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::event::Action;

/// A SHA-256 digest, hexadecimal in text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// Digest of `bytes` within `domain`; the domain keeps digests of different things apart.
    pub fn of(domain: &str, bytes: &[u8]) -> Self {
        let mut hash = Sha256::new();
        hash.update(domain.as_bytes());
        hash.update([0]);
        hash.update(bytes);
        Self(hash.finalize().into())
    }

    /// The first eight hexadecimal digits, for people.
    pub fn short(&self) -> String {
        hex::encode(&self.0[..4])
    }

    /// The first eight bytes as a number, for rings and sets that tolerate a collision.
    pub fn head(&self) -> u64 {
        u64::from_be_bytes(self.0[..8].try_into().unwrap_or_default())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let mut bytes = [0_u8; 32];
        hex::decode_to_slice(&text, &mut bytes)
            .map_err(|_| serde::de::Error::custom("a digest is 64 hexadecimal digits"))?;
        Ok(Self(bytes))
    }
}

/// Canonical JSON of `value` (RFC 8785), after [`exact`].
pub fn canonical(value: &Value) -> String {
    let exact = exact(value);
    // Serialising a `Value` to a string has no way to fail; the plain form keeps this function total.
    serde_jcs::to_string(&exact).unwrap_or_else(|_| exact.to_string())
}

/// Numbers that a double cannot hold exactly, as strings such as `"int:9007199254740993"`.
fn exact(value: &Value) -> Value {
    match value {
        Value::Number(number) if !fits_double(number) => Value::String(format!("int:{number}")),
        Value::Array(items) => items.iter().map(exact).collect(),
        Value::Object(map) => map.iter().map(|(k, v)| (k.clone(), exact(v))).collect(),
        other => other.clone(),
    }
}

fn fits_double(number: &serde_json::Number) -> bool {
    const LIMIT: u64 = 1 << 53;
    match (number.as_u64(), number.as_i64()) {
        (Some(n), _) => n <= LIMIT,
        (None, Some(n)) => n.unsigned_abs() <= LIMIT,
        (None, None) => true,
    }
}

/// The digest of a tool call: equal name and arguments give equal digests.
pub fn of_call(tool: &str, input: &Value) -> Digest {
    let canon = canonical(&json!({ "tool": tool, "input": input }));
    Digest::of("sereno.call.v1", canon.as_bytes())
}

/// The digest of an action that waits for a decision; it travels from the request to the button to the
/// control call, and a decision for any other digest is refused.
pub fn of_action(runtime: &str, agent: &str, session: &str, action: &Action) -> Digest {
    let canon = canonical(&json!({
        "v": 1,
        "runtime": runtime,
        "agent": agent,
        "session": session,
        "tool": action.tool,
        "input": action.input,
        "cwd": action.cwd,
        "target": action.target,
    }));
    Digest::of("sereno.action.v1", canon.as_bytes())
}
