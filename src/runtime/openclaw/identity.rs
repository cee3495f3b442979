//! The device that we are to a gateway on another machine: an Ed25519 key that outlives every connection.
//!
//! A gateway knows a device by the digest of its public key; an owner approves it once. The key comes from whoever
//! keeps it; nothing here stores or prints it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signer as _, SigningKey};
use sha2::{Digest as _, Sha256};

/// A device.
pub struct Identity(SigningKey);

impl Identity {
    /// The device of a secret of 32 bytes in hexadecimal.
    pub fn from_hex(secret: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(secret, &mut bytes).ok()?;
        Some(Self(SigningKey::from_bytes(&bytes)))
    }

    /// How a gateway calls it: SHA-256 of the public key, hexadecimal.
    pub fn id(&self) -> String {
        hex::encode(Sha256::digest(self.0.verifying_key().as_bytes()))
    }

    /// The public key, base64 for addresses, without padding.
    pub fn public_key(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0.verifying_key().as_bytes())
    }

    /// A signature, written alike.
    pub fn sign(&self, text: &str) -> String {
        URL_SAFE_NO_PAD.encode(self.0.sign(text.as_bytes()).to_bytes())
    }
}
