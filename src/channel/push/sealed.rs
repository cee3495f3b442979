//! Payloads that only one browser can read (RFC 8291, over the coding aes128gcm of RFC 8188).
//!
//! It is handed its randomness, and knows nothing of what it seals.

use aes_gcm::aead::Aead as _;
use aes_gcm::{Aes128Gcm, KeyInit as _};
use hkdf::Hkdf;
use p256::{PublicKey, SecretKey};
use sha2::Sha256;

/// Bytes of a record, and of the largest body that every push service takes.
/// <https://www.rfc-editor.org/rfc/rfc8030#section-7.2>
const RECORD: u32 = 4096;
/// Salt, length of a record, length of the key and the key itself; then the sign of the last record, and the tag.
const FRAME: usize = 16 + 4 + 1 + POINT + 1 + 16;
/// Bytes of a public key, uncompressed.
const POINT: usize = 65;
/// Bytes that can be sealed.
pub const MOST: usize = RECORD as usize - FRAME;

/// The keys of a browser's subscription.
pub struct Keys {
    public: PublicKey,
    auth: [u8; 16],
}

impl Keys {
    /// Reads `p256dh` and `auth` as a subscription has them, decoded.
    pub fn read(public: &[u8], auth: &[u8]) -> Option<Self> {
        // Browsers give keys uncompressed, and what is derived below takes them so.
        let public = PublicKey::from_sec1_bytes(public).ok().filter(|_| public.len() == POINT)?;
        Some(Self { public, auth: auth.try_into().ok()? })
    }

    /// Seals `payload`, with a secret key that is used once and a salt. `None` when it is too long, or the chance of
    /// one in four billion has come true that the secret key is none.
    pub fn seal(&self, payload: &[u8], secret: &[u8; 32], salt: &[u8; 16]) -> Option<Vec<u8>> {
        if payload.len() > MOST {
            return None;
        }
        let own = SecretKey::from_slice(secret).ok()?;
        let (theirs, ours) = (self.public.to_sec1_bytes(), own.public_key().to_sec1_bytes());
        let shared = own.diffie_hellman(&self.public);
        let info = [b"WebPush: info\0", &theirs[..], &ours[..]].concat();
        let mut material = [0; 32];
        let first = Hkdf::<Sha256>::new(Some(&self.auth), shared.raw_secret_bytes());
        first.expand(&info, &mut material).ok()?;
        let second = Hkdf::<Sha256>::new(Some(salt), &material);
        let (mut key, mut nonce) = ([0; 16], [0; 12]);
        second.expand(b"Content-Encoding: aes128gcm\0", &mut key).ok()?;
        second.expand(b"Content-Encoding: nonce\0", &mut nonce).ok()?;
        // 2 ends the last record; there is one.
        let record = [payload, &[2]].concat();
        let sealed = Aes128Gcm::new_from_slice(&key).ok()?.encrypt(&nonce.into(), record.as_slice()).ok()?;
        let length = u8::try_from(ours.len()).ok()?;
        Some([&salt[..], &RECORD.to_be_bytes(), &[length], &ours, &sealed].concat())
    }
}
