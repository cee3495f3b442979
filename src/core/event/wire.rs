//! How times and money are written in events.

use serde::{Deserialize, Deserializer, Serializer};
use serde_json::Value;

use crate::core::money::Micros;
use crate::core::time::Ts;

pub mod rfc3339 {
    use super::{Deserialize, Deserializer, Serializer, Ts};

    #[expect(clippy::ref_option, reason = "the signature is serde's")]
    pub fn serialize<S: Serializer>(at: &Option<Ts>, to: S) -> Result<S::Ok, S::Error> {
        match at {
            Some(at) => to.serialize_str(&at.rfc3339()),
            None => to.serialize_none(),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Ts>, D::Error> {
        let Some(text) = Option::<String>::deserialize(from)? else {
            return Ok(None);
        };
        Ts::parse(&text).map(Some).ok_or_else(|| {
            serde::de::Error::custom(format!("`{text}` is not an RFC 3339 time such as 2026-11-20T09:15:02Z"))
        })
    }
}

pub mod dollars {
    use super::{Deserialize, Deserializer, Micros, Serializer, Value};

    #[expect(clippy::ref_option, reason = "the signature is serde's")]
    pub fn serialize<S: Serializer>(cost: &Option<Micros>, to: S) -> Result<S::Ok, S::Error> {
        match cost {
            Some(cost) => {
                let sign = if cost.0 < 0 { "-" } else { "" };
                let amount = cost.0.unsigned_abs();
                let text = format!("{sign}{}.{:06}", amount / 1_000_000, amount % 1_000_000);
                to.serialize_str(&text)
            }
            None => to.serialize_none(),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Micros>, D::Error> {
        let text = match Value::deserialize(from)? {
            Value::Null => return Ok(None),
            Value::String(text) => text,
            Value::Number(number) => number.to_string(),
            _ => return Err(serde::de::Error::custom("cost_usd must be a decimal string or a number")),
        };
        Micros::parse_dollars(&text).map(Some).map_err(serde::de::Error::custom)
    }
}
