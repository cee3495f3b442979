//! Who we are to a push service: a key of our own, and a short-lived word signed with it (RFC 8292).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use p256::SecretKey;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use reqwest::Url;
use serde_json::json;

use crate::core::time::{Span, Ts};

/// A word is good for this long; a day at most. <https://www.rfc-editor.org/rfc/rfc8292#section-2>
const LIVES: Span = Span::hours(12);

/// The key by which push services know us.
pub struct Vapid {
    key: SigningKey,
    public: String,
    /// Whom a push service may write to about us: `mailto:` or `https:`.
    contact: String,
}

impl Vapid {
    /// Reads the secret key, 32 bytes.
    pub fn read(secret: &[u8], contact: String) -> Option<Self> {
        let secret = SecretKey::from_slice(secret).ok()?;
        let public = BASE64.encode(secret.public_key().to_sec1_bytes());
        Some(Self { key: secret.into(), public, contact })
    }

    /// The public key as browsers take it.
    pub fn public(&self) -> &str {
        &self.public
    }

    /// The header field `Authorization` for a push service.
    pub fn authorization(&self, endpoint: &Url, now: Ts) -> String {
        let claims = json!({
            "aud": endpoint.origin().ascii_serialization(),
            "exp": now.plus(LIVES).0 / 1000,
            "sub": self.contact,
        });
        let head = BASE64.encode(r#"{"typ":"JWT","alg":"ES256"}"#);
        let word = format!("{head}.{}", BASE64.encode(claims.to_string()));
        let signature: Signature = self.key.sign(word.as_bytes());
        format!("vapid t={word}.{}, k={}", BASE64.encode(signature.to_bytes()), self.public)
    }
}
