//! The proof that Discord pushed something: an Ed25519 signature over the time and the body.
//!
//! <https://discord.com/developers/docs/interactions/overview#setting-up-an-endpoint-validating-security-request-headers>.
//! Discord sends wrong signatures on purpose, and takes an endpoint away that believes one.

use ed25519_dalek::{Signature, VerifyingKey};

use crate::channel::Push;
use crate::core::time::{Span, Ts};

const SIGNATURE: &str = "x-signature-ed25519";
const TIMESTAMP: &str = "x-signature-timestamp";
/// A signature from further away in time is somebody's recording. Discord names no limit of its own.
const WINDOW: Span = Span::mins(5);

/// The key in its hexadecimal form, as the Developer Portal shows it.
pub fn key(text: &str) -> Option<VerifyingKey> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text.trim(), &mut bytes).ok()?;
    VerifyingKey::from_bytes(&bytes).ok().filter(|key| !key.is_weak())
}

/// Whether `push` was signed with `key`, lately.
pub fn holds(key: &VerifyingKey, push: &Push<'_>) -> bool {
    is_signed(key, push).unwrap_or(false)
}

fn is_signed(key: &VerifyingKey, push: &Push<'_>) -> Option<bool> {
    let mut signature = [0; 64];
    hex::decode_to_slice(push.header(SIGNATURE)?, &mut signature).ok()?;
    let timestamp = push.header(TIMESTAMP)?;
    let signed = [timestamp.as_bytes(), push.body].concat();
    key.verify_strict(&signed, &Signature::from_bytes(&signature)).ok()?;
    let at = Ts(timestamp.parse::<i64>().ok()?.checked_mul(1000)?);
    Some(push.now.since(at) <= WINDOW && at.since(push.now) <= WINDOW)
}
