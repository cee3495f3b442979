//! How much a batch holds, before anything of it is unfolded.
//!
//! Two bytes can become a span of hundreds, so what a body unfolds to is counted on the bytes themselves: protobuf by
//! walking over its messages, JSON by its commas and braces. This knows which fields hold messages, and no values.

use crate::runtime::BadBody;
use crate::runtime::telemetry::{Export, Format, Signal};

/// Values that a batch may hold: messages, members of objects and elements of arrays.
pub const MAX_VALUES: usize = 400_000;
/// Memory that a value takes once it is unfolded, in bytes, about.
pub const VALUE: usize = 128;
/// Messages within messages; real ones are nested ten deep.
const MAX_DEPTH: usize = 64;

/// How many values a batch holds.
///
/// # Errors
/// When they are too many, nested too deep, or no protobuf.
pub fn weigh(export: &Export) -> Result<usize, BadBody> {
    let values = match export.format {
        Format::Json => export.body.iter().filter(|byte| matches!(byte, b',' | b'[' | b'{')).count(),
        Format::Protobuf => {
            let mut values = 0;
            walk(&export.body, Message::Request(export.signal), 0, &mut values)?;
            values
        }
    };
    if values > MAX_VALUES {
        return Err(BadBody::unreadable(format!("the batch holds more than {MAX_VALUES} values; send smaller ones")));
    }
    Ok(values)
}

/// Sorts of points, which have attributes in different places.
#[derive(Clone, Copy)]
enum Points {
    Number,
    Histogram,
    Exponential,
    Summary,
}

/// Messages of OTLP, as far as they hold others.
#[derive(Clone, Copy)]
enum Message {
    Request(Signal),
    OfResource(Signal),
    OfScope(Signal),
    Resource,
    Scope,
    Span,
    Event,
    Link,
    Record,
    Metric,
    Data(Points),
    Point(Points),
    Buckets,
    Attribute,
    Value,
    List,
    Attributes,
    /// Holds no messages.
    Leaf,
}

impl Message {
    /// What the field of this number holds, when it is a message or takes more room than its bytes.
    const fn field(self, number: u64) -> Option<Self> {
        Some(match (self, number) {
            (Self::Request(signal), 1) => Self::OfResource(signal),
            (Self::OfResource(_), 1) => Self::Resource,
            (Self::OfResource(signal), 2) => Self::OfScope(signal),
            (Self::OfScope(_), 1) => Self::Scope,
            (Self::OfScope(Signal::Traces), 2) => Self::Span,
            (Self::OfScope(Signal::Logs), 2) => Self::Record,
            (Self::OfScope(Signal::Metrics), 2) => Self::Metric,
            (Self::Resource, 1) | (Self::Scope | Self::Event, 3) | (Self::Span, 9) | (Self::Link, 4) => Self::Attribute,
            (Self::Record, 6) | (Self::Metric, 12) | (Self::Attributes, 1) => Self::Attribute,
            (Self::Point(Points::Number | Points::Summary), 7) => Self::Attribute,
            (Self::Point(Points::Histogram), 9) | (Self::Point(Points::Exponential), 1) => Self::Attribute,
            (Self::Span, 11) => Self::Event,
            (Self::Span, 13) => Self::Link,
            (Self::Span, 15) => Self::Leaf,
            (Self::Record, 5) | (Self::Attribute, 2) | (Self::List, 1) => Self::Value,
            (Self::Metric, 5 | 7) => Self::Data(Points::Number),
            (Self::Metric, 9) => Self::Data(Points::Histogram),
            (Self::Metric, 10) => Self::Data(Points::Exponential),
            (Self::Metric, 11) => Self::Data(Points::Summary),
            (Self::Data(points), 1) => Self::Point(points),
            (Self::Point(Points::Exponential), 8 | 9) => Self::Buckets,
            // Exemplars, quantiles, numbers that are packed, and references to entities.
            (Self::Point(_), 5..=8 | 11) | (Self::Resource, 3) | (Self::Buckets, _) => Self::Leaf,
            (Self::Value, 5) => Self::List,
            (Self::Value, 6) => Self::Attributes,
            _ => return None,
        })
    }
}

fn walk(mut bytes: &[u8], message: Message, depth: usize, values: &mut usize) -> Result<(), BadBody> {
    if depth > MAX_DEPTH {
        return Err(BadBody::unreadable(format!("the batch is nested deeper than {MAX_DEPTH} messages")));
    }
    if matches!(message, Message::Leaf) {
        // Whatever it is made of, nothing in it is smaller than a byte.
        *values += bytes.len() / 8;
        return Ok(());
    }
    while !bytes.is_empty() && *values <= MAX_VALUES {
        let key = varint(&mut bytes)?;
        match key & 7 {
            0 => drop(varint(&mut bytes)?),
            1 => drop(take(&mut bytes, 8)?),
            5 => drop(take(&mut bytes, 4)?),
            2 => {
                let length = varint(&mut bytes)?;
                let inner = take(&mut bytes, usize::try_from(length).unwrap_or(usize::MAX))?;
                let field = message.field(key >> 3);
                if let Some(field) = field {
                    *values += 1;
                    walk(inner, field, depth + 1, values)?;
                }
            }
            _ => return Err(no_protobuf()),
        }
    }
    Ok(())
}

fn varint(bytes: &mut &[u8]) -> Result<u64, BadBody> {
    let mut value = 0;
    for place in 0..10 {
        let (first, rest) = bytes.split_first().ok_or_else(cut_off)?;
        *bytes = rest;
        value |= u64::from(first & 0x7f) << (7 * place);
        if first & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(no_protobuf())
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Result<&'a [u8], BadBody> {
    let (head, rest) = bytes.split_at_checked(length).ok_or_else(cut_off)?;
    *bytes = rest;
    Ok(head)
}

fn no_protobuf() -> BadBody {
    BadBody::unreadable("the body is no protobuf of OTLP")
}

fn cut_off() -> BadBody {
    BadBody::unreadable("the body is no protobuf of OTLP, or it was cut off")
}
