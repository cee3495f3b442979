//! Inflating what exporters compress, under limits of its own.
//!
//! A body of a few bytes can become gigabytes, so that what it becomes is counted while it is unpacked, and room is taken
//! for it. Nothing that is packed twice is unpacked twice.

use std::io::Read as _;

use axum::body::Bytes;
use axum::http::HeaderMap;
use flate2::read::MultiGzDecoder;

use super::body::{Growing, Read};
use super::limits::{INFLATED, Limits};
use super::problem::Problem;

/// How many times its own length a body may grow.
const RATIO: usize = 100;
/// What any body may become, whatever its length, in bytes.
const ANY: usize = 64 * 1024;

/// How a body is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// Not at all.
    Plain,
    /// `gzip`
    Gzip,
}

impl Packing {
    /// As the headers say.
    pub fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let encoding = headers.get("content-encoding").map_or(Some(""), |value| value.to_str().ok());
        match encoding.map(|text| text.trim().to_ascii_lowercase()).as_deref() {
            Some("" | "identity") => Ok(Self::Plain),
            Some("gzip") => Ok(Self::Gzip),
            _ => Err(Problem::new(415, "Send the body without a content encoding, or with gzip.")),
        }
    }
}

/// Inflates a body that is gzip, of one member or several.
pub fn gunzip(limits: &Limits, packed: &Bytes) -> Result<Read, Problem> {
    let most = INFLATED.min(packed.len().saturating_mul(RATIO).max(ANY));
    let mut inflated = Growing::new(limits, INFLATED);
    let mut decoder = MultiGzDecoder::new(packed.as_ref());
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let length =
            decoder.read(&mut buffer).map_err(|_| Problem::new(400, "The body is no gzip, or it was cut off."))?;
        if length == 0 {
            return Ok(inflated.done());
        }
        if inflated.len() + length > most && most < INFLATED {
            return Err(Problem::new(413, format!("The body grows to more than {RATIO} times its length.")));
        }
        inflated.push(&buffer[..length])?;
    }
}
