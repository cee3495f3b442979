//! Attributes: what a span, a point or a record says of itself, whatever its dialect calls it.
//!
//! One pass over the attributes finds what any dialect knows; the rest costs a look-up and is passed over. Where two
//! dialects say the same, the one that stands first among them is believed. Text is hostile and cut to a length.

use std::collections::HashMap;
use std::sync::LazyLock;

use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;

use super::dialect;
use crate::core::digest::Digest;
use crate::core::money::Micros;
use crate::core::text;

/// The longest name or identity that is taken over, in bytes.
const MAX_NAME: usize = 200;
/// What of a longer one is kept, in characters.
const KEPT: usize = 40;
/// The longest text that is taken over, in characters.
const MAX_TEXT: usize = 2000;
/// The longest arguments of a tool that are taken over, in bytes.
const MAX_ARGUMENTS: usize = 64 * 1024;

/// What is known under some name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// What is done, in a word of its dialect.
    Operation,
    /// Who works.
    Agent,
    /// Who works, where only an agent's own span may say so.
    Node,
    /// The run of which it is a part.
    Session,
    /// The stage of which it is.
    Step,
    /// Who serves the model.
    Provider,
    /// The model that was asked for.
    Model,
    /// The model that answered.
    ModelUsed,
    /// Tokens read, those of a cache among them or not.
    Input,
    /// Tokens written.
    Output,
    /// Tokens read from a cache.
    CacheRead,
    /// Tokens written to a cache.
    CacheWrite,
    /// Tokens by sort, as JSON in a text.
    Usage,
    /// Dollars.
    Cost,
    /// Dollars by sort, as JSON in a text.
    Costs,
    /// The tool.
    Tool,
    /// The runtime's identity of a tool call.
    ToolCall,
    /// The arguments of a tool call, as JSON in a text.
    ToolInput,
    /// What sort of error it was.
    Error,
    /// What went wrong, in words.
    Trouble,
    /// How bad it is, in a word.
    Level,
    /// What a framework keeps beside a run, as JSON in a text.
    Metadata,
    /// Where it works, such as prod.
    Environment,
    /// The service, and what stands in for whatever else is not said.
    Service,
    /// One process of the service.
    Instance,
    /// Which sort of tokens a point counts.
    TokenType,
}

/// How many fields there are.
const FIELDS: usize = Field::TokenType as usize + 1;

/// A name, and what is known under it.
pub type Name = (&'static str, Field);

/// Every name with what it means and how much it is believed: the less, the more.
static NAMES: LazyLock<HashMap<&'static str, (Field, usize)>> = LazyLock::new(|| {
    let names = dialect::NAMES.iter().copied().flatten().enumerate();
    let mut known = HashMap::new();
    for (rank, (name, field)) in names {
        known.entry(*name).or_insert((*field, rank));
    }
    known
});

/// What attributes say, as far as any dialect knows it.
#[derive(Clone, Copy)]
pub struct Facts<'a> {
    said: [Option<(usize, &'a Value)>; FIELDS],
}

impl<'a> Facts<'a> {
    /// Reads attributes.
    pub fn read(attributes: &'a [KeyValue]) -> Self {
        let mut said = [None; FIELDS];
        for attribute in attributes {
            let Some((field, rank)) = NAMES.get(attribute.key.as_str()) else { continue };
            let Some(value) = attribute.value.as_ref().and_then(|value| value.value.as_ref()) else { continue };
            let place: &mut Option<(usize, &Value)> = &mut said[*field as usize];
            let empty = matches!(value, Value::StringValue(text) if text.trim().is_empty());
            if !empty && place.is_none_or(|(have, _)| *rank < have) {
                *place = Some((*rank, value));
            }
        }
        Self { said }
    }

    /// Whether anything is said of a field.
    pub fn has(&self, field: Field) -> bool {
        self.said[field as usize].is_some()
    }

    /// Whether nothing is said that any dialect knows.
    pub fn is_empty(&self) -> bool {
        self.said.iter().all(Option::is_none)
    }

    fn value(&self, field: Field) -> Option<&'a Value> {
        self.said[field as usize].map(|(_, value)| value)
    }

    /// A text as it is, of any length.
    pub fn raw(&self, field: Field) -> Option<&'a str> {
        match self.value(field)? {
            Value::StringValue(text) => Some(text.trim()),
            _ => None,
        }
    }

    /// A name or identity. Numbers are names, too.
    pub fn name(&self, field: Field) -> Option<String> {
        match self.value(field)? {
            Value::StringValue(text) => Some(name(text)),
            Value::IntValue(number) => Some(number.to_string()),
            _ => None,
        }
    }

    /// A text for people.
    pub fn text(&self, field: Field) -> Option<String> {
        self.raw(field).map(|text| text::clip(text, MAX_TEXT))
    }

    /// A count, whichever way it is written.
    pub fn count(&self, field: Field) -> Option<u64> {
        count(self.value(field)?)
    }

    /// An amount of dollars, whichever way it is written.
    pub fn dollars(&self, field: Field) -> Option<Micros> {
        dollars(self.value(field)?)
    }

    /// A name among the members of an object that is written as JSON in a text.
    pub fn member(&self, field: Field, of: &str) -> Option<String> {
        let members: serde_json::Value = arguments(self.raw(field)?)?;
        members[of].as_str().map(name).filter(|named| !named.is_empty())
    }

    /// The members of an object that is written as JSON in a text, as numbers; those of an object within it as
    /// `outer.inner`.
    pub fn numbers(&self, field: Field) -> Vec<(String, f64)> {
        let Some(text) = self.raw(field).filter(|text| text.len() <= MAX_TEXT) else { return Vec::new() };
        let Ok(serde_json::Value::Object(members)) = serde_json::from_str(text) else { return Vec::new() };
        let within = |(outer, value): (String, serde_json::Value)| match value {
            serde_json::Value::Object(inner) => {
                inner.into_iter().map(|(name, value)| (format!("{outer}.{name}"), value)).collect()
            }
            value => vec![(outer, value)],
        };
        members.into_iter().flat_map(within).filter_map(|(name, value)| Some((name, value.as_f64()?))).collect()
    }

    /// These facts, and where they say nothing, what `others` say.
    #[must_use]
    pub fn or(mut self, others: &Self) -> Self {
        for (mine, other) in self.said.iter_mut().zip(&others.said) {
            *mine = mine.or(*other);
        }
        self
    }
}

/// A name or identity of bounded length. Of two that are longer, those that differ stay different.
pub fn name(text: &str) -> String {
    let text = text.trim();
    if text.len() <= MAX_NAME {
        return text.to_owned();
    }
    let whole = Digest::of("sereno.otlp.name.v1", text.as_bytes());
    format!("{} {}", text::clip(text, KEPT), whole.short())
}

/// The arguments of a tool, unless they are too long or no JSON.
pub fn arguments(text: &str) -> Option<serde_json::Value> {
    if text.len() > MAX_ARGUMENTS {
        return None;
    }
    serde_json::from_str(text).ok()
}

/// A count, whichever way it is written; never a negative one.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked first")]
pub fn count(value: &Value) -> Option<u64> {
    match value {
        Value::IntValue(count) => u64::try_from(*count).ok(),
        Value::DoubleValue(count) => (0.0..9e15).contains(count).then_some(count.round() as u64),
        Value::StringValue(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// An amount of dollars, whichever way it is written; never a negative one.
fn dollars(value: &Value) -> Option<Micros> {
    let cost = match value {
        Value::DoubleValue(dollars) => Micros::from_dollars(*dollars),
        Value::IntValue(dollars) => dollars.checked_mul(1_000_000).map(Micros),
        Value::StringValue(text) => Micros::parse_dollars(text).ok(),
        _ => None,
    };
    cost.filter(|cost| cost.0 >= 0)
}

/// Attributes by the names of one dialect alone.
#[derive(Clone, Copy)]
pub struct Said<'a>(pub &'a [KeyValue]);

impl<'a> Said<'a> {
    fn value(&self, name: &str) -> Option<&'a Value> {
        self.0.iter().find(|attribute| attribute.key == name)?.value.as_ref()?.value.as_ref()
    }

    /// A text that says something.
    pub fn raw(&self, name: &str) -> Option<&'a str> {
        match self.value(name)? {
            Value::StringValue(text) => Some(text.trim()).filter(|text| !text.is_empty()),
            _ => None,
        }
    }

    /// A name or identity.
    pub fn name(&self, of: &str) -> Option<String> {
        match self.value(of)? {
            Value::IntValue(number) => Some(number.to_string()),
            _ => self.raw(of).map(name),
        }
    }

    /// A text for people.
    pub fn text(&self, name: &str) -> Option<String> {
        self.raw(name).map(|text| text::clip(text, MAX_TEXT))
    }

    /// A count, whichever way it is written.
    pub fn count(&self, name: &str) -> Option<u64> {
        count(self.value(name)?)
    }

    /// An amount of dollars.
    pub fn dollars(&self, name: &str) -> Option<Micros> {
        dollars(self.value(name)?)
    }

    /// Yes or no, whichever way it is written.
    pub fn flag(&self, name: &str) -> Option<bool> {
        match self.value(name)? {
            Value::BoolValue(flag) => Some(*flag),
            Value::StringValue(text) => text.trim().parse().ok(),
            _ => None,
        }
    }
}
