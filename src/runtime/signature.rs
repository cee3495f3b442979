//! Standard Webhooks: `v1` (HMAC-SHA256) and `v1a` (Ed25519), several secrets at once for rotation.
//!
//! The signed content is `id.timestamp.body`, byte for byte.
//! <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, VerifyingKey};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

use super::secret::Secret;
use super::{Inbound, Refused, Verified};
use crate::core::time::{Span, Ts};

/// How far a sender's clock may be off.
pub const WINDOW: Span = Span::secs(300);
/// The longest `webhook-id`.
const MAX_ID: usize = 255;
/// Signatures that are looked at in one header.
const MAX_SIGNATURES: usize = 10;

/// A key with which requests are signed.
#[derive(Clone)]
pub enum Key {
    /// `whsec_…`: a shared secret.
    Shared(Vec<u8>),
    /// `whpk_…`: the sender's public key.
    Public(Box<VerifyingKey>),
}

impl Key {
    /// Reads `whsec_BASE64` (24 to 64 bytes) or `whpk_BASE64` (32 bytes).
    ///
    /// # Errors
    /// Says what is wrong without repeating the key.
    pub fn parse(secret: &Secret) -> Result<Self, String> {
        let text = secret.reveal();
        if let Some(rest) = text.strip_prefix("whsec_") {
            let bytes = STANDARD.decode(rest).map_err(|_| "what follows whsec_ is not base64")?;
            if !(24..=64).contains(&bytes.len()) {
                return Err(format!("a whsec_ secret holds 24 to 64 bytes, not {}", bytes.len()));
            }
            return Ok(Self::Shared(bytes));
        }
        if let Some(rest) = text.strip_prefix("whpk_") {
            let bytes = STANDARD.decode(rest).map_err(|_| "what follows whpk_ is not base64")?;
            let bytes = bytes.try_into().map_err(|_| "a whpk_ key holds 32 bytes")?;
            let key = VerifyingKey::from_bytes(&bytes).map_err(|_| "this is no Ed25519 public key")?;
            return Ok(Self::Public(Box::new(key)));
        }
        Err("a signing secret begins with whsec_ (shared) or whpk_ (public key)".into())
    }

    fn fits(&self, version: &str, signature: &str, content: &[u8]) -> bool {
        let Ok(given) = STANDARD.decode(signature) else { return false };
        match (self, version) {
            (Self::Shared(key), "v1") => bool::from(mac(key, content).ct_eq(&given)),
            (Self::Public(key), "v1a") => {
                Signature::from_slice(&given).is_ok_and(|signature| key.verify_strict(content, &signature).is_ok())
            }
            _ => false,
        }
    }
}

fn mac(key: &[u8], content: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length is a key");
    mac.update(content);
    mac.finalize().into_bytes().to_vec()
}

fn content(id: &str, timestamp: &str, body: &[u8]) -> Vec<u8> {
    [id.as_bytes(), b".", timestamp.as_bytes(), b".", body].concat()
}

/// Whether a request is signed with one of `keys` at about `now`.
///
/// # Errors
/// Why not.
pub fn verify(request: &Inbound<'_>, keys: &[Key], now: Ts) -> Result<Verified, Refused> {
    let header = |name| request.header(name).ok_or(Refused::Missing);
    let (id, timestamp, signatures) =
        (header("webhook-id")?, header("webhook-timestamp")?, header("webhook-signature")?);
    if id.is_empty() || id.len() > MAX_ID || id.contains('.') {
        return Err(Refused::Wrong);
    }
    let content = content(id, timestamp, request.body);
    let genuine = signatures.split(' ').take(MAX_SIGNATURES).any(|entry| {
        let Some((version, signature)) = entry.split_once(',') else { return false };
        // Every key is tried, so that the time taken does not tell which one it was.
        keys.iter().fold(false, |found, key| key.fits(version, signature, &content) | found)
    });
    if !genuine {
        return Err(Refused::Wrong);
    }
    let seconds: i64 = timestamp.parse().map_err(|_| Refused::Wrong)?;
    let at = Ts(seconds.saturating_mul(1000));
    if now.since(at).max(at.since(now)) > WINDOW {
        return Err(Refused::Stale);
    }
    Ok(Verified { id: Some(id.to_owned()), timed: true })
}

/// The three headers with which a body is signed.
pub fn sign(key: &[u8], id: &str, at: Ts, body: &[u8]) -> [(&'static str, String); 3] {
    let timestamp = (at.0 / 1000).to_string();
    let signature = STANDARD.encode(mac(key, &content(id, &timestamp, body)));
    [("webhook-id", id.to_owned()), ("webhook-timestamp", timestamp), ("webhook-signature", format!("v1,{signature}"))]
}
