//! The proof that a push is Slack's: a MAC under the app's signing secret, over the time and the body as it came.
//!
//! <https://docs.slack.dev/authentication/verifying-requests-from-slack>

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::channel::{Push, PushError};
use crate::core::time::Ts;

/// Header with the MAC: `v0=` and hexadecimal digits.
const SIGNATURE: &str = "x-slack-signature";
/// Header with the second at which it was made.
const TIMESTAMP: &str = "x-slack-request-timestamp";
/// A push may be this much older or newer than our wall clock, in seconds.
const WINDOW: u64 = 300;

/// Checks a push under the signing secret.
///
/// # Errors
/// [`PushError::Forged`] when the proof is missing, wrong or from another time.
pub fn check(secret: &str, push: &Push<'_>) -> Result<(), PushError> {
    let proved = proof(secret, push);
    proved.filter(|stamped| is_near(*stamped, push.now)).map(drop).ok_or(PushError::Forged)
}

/// The second that a genuine push is stamped with.
fn proof(secret: &str, push: &Push<'_>) -> Option<i64> {
    let stamp = push.header(TIMESTAMP)?;
    let given = hex::decode(push.header(SIGNATURE)?.strip_prefix("v0=")?).ok()?;
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any length is a key");
    mac.update(b"v0:");
    mac.update(stamp.as_bytes());
    mac.update(b":");
    mac.update(push.body);
    mac.verify_slice(&given).ok()?;
    stamp.parse().ok()
}

fn is_near(stamped: i64, now: Ts) -> bool {
    now.0.div_euclid(1000).abs_diff(stamped) <= WINDOW
}
