//! Tokens of buttons: opaque, short, and bound to one copy of one card in one conversation.
//!
//! `base64url(copy 8 bytes ‖ button 2 bytes ‖ MAC 10 bytes)`, 27 characters, which fits Telegram's 64
//! bytes. The MAC is HMAC-SHA256 over version, epoch, copy, button, channel and conversation; the epoch
//! changes when a backup is restored, so that buttons from before are dead. A copy's numbers are never
//! given out twice, so a token can only ever mean the button that was drawn.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

const MAC: usize = 10;
const LENGTH: usize = 8 + 2 + MAC;

/// Makes and checks tokens.
#[derive(Clone)]
pub struct Tokens {
    key: [u8; 32],
    epoch: u64,
}

/// What a token names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// The copy.
    pub copy: u64,
    /// The button on its card.
    pub button: u16,
}

impl Tokens {
    /// Tokens under `key`, as long as the store's restore epoch is `epoch`.
    pub const fn new(key: [u8; 32], epoch: u64) -> Self {
        Self { key, epoch }
    }

    /// The token of a button.
    pub fn make(&self, token: Token, channel: &str, target: &str) -> String {
        let mut bytes = [0; LENGTH];
        bytes[..8].copy_from_slice(&token.copy.to_be_bytes());
        bytes[8..10].copy_from_slice(&token.button.to_be_bytes());
        bytes[10..].copy_from_slice(&self.mac(token, channel, target));
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The copy that a token claims to be of; nothing is proved by it.
    pub fn claimed(&self, text: &str) -> Option<u64> {
        let bytes: [u8; LENGTH] = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
        bytes[..8].try_into().ok().map(u64::from_be_bytes)
    }

    /// What a token names, if it is ours and belongs to this conversation.
    pub fn read(&self, text: &str, channel: &str, target: &str) -> Option<Token> {
        let bytes: [u8; LENGTH] = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
        let token = Token {
            copy: u64::from_be_bytes(bytes[..8].try_into().ok()?),
            button: u16::from_be_bytes(bytes[8..10].try_into().ok()?),
        };
        let genuine = self.mac(token, channel, target).ct_eq(&bytes[10..]);
        bool::from(genuine).then_some(token)
    }

    fn mac(&self, token: Token, channel: &str, target: &str) -> [u8; MAC] {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("any length is a key");
        mac.update(b"sereno.button.v1\0");
        mac.update(&self.epoch.to_be_bytes());
        mac.update(&token.copy.to_be_bytes());
        mac.update(&token.button.to_be_bytes());
        mac.update(channel.as_bytes());
        mac.update(&[0]);
        mac.update(target.as_bytes());
        let mut head = [0; MAC];
        head.copy_from_slice(&mac.finalize().into_bytes()[..MAC]);
        head
    }
}
