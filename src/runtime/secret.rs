//! Secrets: they are compared in constant time and never print.

use std::fmt;

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// A secret text. It has no `Display`, its `Debug` hides it, and it cannot be compared with `==`.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret; white space around it, as files have, is not part of it.
    pub fn new(text: &str) -> Self {
        Self(text.trim().to_owned())
    }

    /// The secret itself, for whoever must send or sign with it.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether `given` is the secret. Takes the same time whatever `given` is.
    pub fn is(&self, given: &str) -> bool {
        let (ours, theirs) = (Sha256::digest(&self.0), Sha256::digest(given));
        bool::from(ours.ct_eq(&theirs))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("‹secret›")
    }
}
