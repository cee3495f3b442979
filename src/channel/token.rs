//! Tokens of buttons: opaque, short, and bound to one copy of one card in one conversation.
//!
//! `base64url(copy 8 bytes ‖ button 2 bytes ‖ MAC 10 bytes)`, 27 characters, which fits Telegram's 64
//! bytes. The MAC is HMAC-SHA256 over version, epoch, copy, button, channel and conversation; the epoch
//! changes when a backup is restored, so that buttons from before are dead. A copy's numbers are never
//! given out twice, so a token can only ever mean the button that was drawn.

use std::borrow::Cow;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::clock::{Entropy, random_hex};
use crate::core::command::{Delicate, SecretKind, delicate};
use crate::core::input::{Invocation, Secret};
use crate::core::message::{Content, SecretView};
use crate::core::time::Ts;

const MAC: usize = 10;
const LENGTH: usize = 8 + 2 + MAC;
/// Letters of codes: none looks like another (Crockford's base 32).
const LETTERS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Letters of a code: 40 bits, and whoever guesses has a handful of tries.
const CODE: usize = 8;
/// How a token of the API begins, so that it is known for one where it was lost.
const KEY: &str = "sereno_";

/// Makes and checks tokens.
#[derive(Clone)]
pub struct Tokens {
    key: [u8; 32],
    epoch: u64,
    /// The address of the page, for links to it.
    page: Arc<str>,
}

/// SHA-256 of a secret, hexadecimal: what may be known of it.
pub fn hash(secret: &str) -> String {
    hex::encode(Sha256::digest(secret))
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
    pub fn new(key: [u8; 32], epoch: u64) -> Self {
        Self { key, epoch, page: Arc::from("") }
    }

    /// The same, with the address of the page for links to it.
    #[must_use]
    pub fn with_page(self, page: &str) -> Self {
        Self { page: Arc::from(page), ..self }
    }

    /// A line as it may be logged: with what it needs that nobody can guess, and without the code that it holds.
    pub fn sealed(&self, mut invocation: Invocation, entropy: &dyn Entropy) -> Invocation {
        invocation.secret = None;
        if invocation.tap.is_some() {
            return invocation;
        }
        match delicate(&invocation.text) {
            Some(Delicate::Needs(kind)) => {
                let nonce = random_hex(entropy, 16);
                let hash = hash(&self.secret(kind.as_str(), &nonce));
                invocation.secret = Some(Secret { nonce, hash });
            }
            Some(Delicate::Holds(code)) => invocation.text = format!("/link {}", hash(&code)),
            None => {}
        }
        invocation
    }

    /// A message as its reader gets it: with the secret that it is about, while that is good.
    pub fn revealed<'a>(&self, content: &'a Content, now: Ts) -> Cow<'a, Content> {
        match content {
            Content::Secret(view) if view.expires > now => {
                let secret = self.secret(&view.what, &view.nonce);
                let text = if view.what == SecretKind::Code.as_str() {
                    format!("{}-{}", &secret[..CODE / 2], &secret[CODE / 2..])
                } else if view.what == SecretKind::Link.as_str() {
                    format!("{}/#signin={secret}", self.page)
                } else {
                    secret
                };
                Cow::Owned(Content::Secret(SecretView { text: Some(text), ..view.clone() }))
            }
            other => Cow::Borrowed(other),
        }
    }

    /// The secret of a kind that is made from a nonce: nobody can tell one from the other without the store's key.
    fn secret(&self, kind: &str, nonce: &str) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("any length is a key");
        mac.update(b"sereno.secret.v1\0");
        mac.update(&self.epoch.to_be_bytes());
        mac.update(kind.as_bytes());
        mac.update(&[0]);
        mac.update(nonce.as_bytes());
        let bytes = mac.finalize().into_bytes();
        if kind == SecretKind::Code.as_str() {
            let bits = bytes[..5].iter().fold(0_u64, |bits, byte| (bits << 8) | u64::from(*byte));
            let letters =
                (0..CODE).map(|place| LETTERS[usize::try_from((bits >> (5 * place)) & 31).unwrap_or_default()]);
            return letters.map(char::from).collect();
        }
        let start = if kind == SecretKind::Key.as_str() { KEY } else { "" };
        format!("{start}{}", hex::encode(bytes))
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
