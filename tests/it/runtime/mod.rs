//! Decoders and signatures: what real runtimes send, what nobody should, and what no forger can.

mod claude_code;
mod cloud_events;
mod fast;
mod hostile;
mod signature;

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderName, HeaderValue};

/// Headers from pairs; a value may hold any bytes that HTTP allows.
pub fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    let pair = |(name, value): &(&str, &str)| {
        Some((HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_bytes(value.as_bytes()).ok()?))
    };
    pairs.iter().filter_map(pair).collect()
}

pub fn bytes(body: impl AsRef<[u8]>) -> Bytes {
    Bytes::copy_from_slice(body.as_ref())
}
