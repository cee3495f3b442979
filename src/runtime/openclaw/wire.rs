//! Frames of the gateway's protocol 4: what we send to the letter, what we read as tolerantly as can be.
//!
//! Parameters are strict at the other end, which refuses a request with one it does not know; what comes from there
//! gains fields with every version. Observed with 2026.9.6 (`tests/fixtures/openclaw`).

use serde::Deserialize;
use serde_json::{Value, json};

use super::identity::Identity;
use crate::core::text;
use crate::core::time::{Span, Ts};

/// The only version of the protocol that we speak.
pub const PROTOCOL: u32 = 4;
/// The scope that sees the approvals of every session; the others see those of runs that they began themselves.
pub const ADMIN: &str = "operator.admin";
/// Kinds of client are a closed list; this is the one for programs.
const CLIENT: &str = "gateway-client";
const MODE: &str = "backend";
const ROLE: &str = "operator";
/// What we call ourselves; others read it as who has decided.
pub const NAME: &str = "sereno";
const PLATFORM: &str = "linux";
/// Structured tool events come to those alone who ask for them here.
const CAPS: [&str; 4] = ["tool-events", "exec-approvals", "plugin-approvals", "approvals"];

/// What comes over the socket.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Frame {
    /// `event` or `res`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Which event.
    pub event: String,
    /// The number of the event on this connection.
    pub seq: Option<u64>,
    /// Which request is answered.
    pub id: String,
    /// Whether it was granted.
    pub ok: bool,
    /// What it says.
    pub payload: Value,
    /// Why a request was refused.
    pub error: Value,
}

impl Frame {
    /// Reads a frame; nothing for what is none.
    pub fn read(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
}

/// Why the gateway refused a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refusal {
    /// The narrowest word for it, such as `AUTH_TOKEN_MISMATCH`.
    pub code: String,
    /// In its words, without any secret: they quote none.
    pub message: String,
    /// What it asks to wait.
    pub after: Option<Span>,
    /// The scope that is missing.
    pub scope: Option<String>,
    /// The pairing that a person has to approve.
    pub pairing: Option<String>,
}

impl Refusal {
    /// Reads the error of an answer.
    pub fn read(error: &Value) -> Self {
        let word = |value: &Value| value.as_str().map(|word| text::clip(word, 200));
        let details = &error["details"];
        let code = [&details["code"], &details["reason"], &error["code"]].into_iter().find_map(word);
        Self {
            code: code.unwrap_or_default(),
            message: word(&error["message"]).unwrap_or_else(|| "it gave no reason".into()),
            after: error["retryAfterMs"].as_u64().or(details["retryAfterMs"].as_u64()).map(|ms| {
                // Nobody is kept waiting for longer by what another program says.
                Span(i64::try_from(ms.min(60_000)).unwrap_or(60_000))
            }),
            scope: word(&details["missingScope"]),
            pairing: word(&details["requestId"]),
        }
    }
}

/// What the gateway asks to be signed.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Challenge {
    /// Must come back.
    pub nonce: String,
    /// When, in milliseconds by the gateway's clock.
    pub ts: i64,
}

/// The parameters of `connect`. A gateway elsewhere also wants to know the device.
pub fn connect(token: &str, scopes: &[&str], device: Option<(&Identity, &Challenge)>) -> Value {
    let mut params = json!({
        "minProtocol": PROTOCOL, "maxProtocol": PROTOCOL,
        "client": {
            "id": CLIENT, "version": env!("CARGO_PKG_VERSION"), "platform": PLATFORM, "mode": MODE, "displayName": NAME,
        },
        "role": ROLE, "scopes": scopes, "caps": CAPS, "auth": { "token": token }, "locale": "en-US",
        "userAgent": concat!("sereno/", env!("CARGO_PKG_VERSION")),
    });
    if let Some((identity, challenge)) = device {
        let signed = signed(&identity.id(), token, scopes, challenge);
        params["device"] = json!({
            "id": identity.id(), "publicKey": identity.public_key(), "signature": identity.sign(&signed),
            "signedAt": challenge.ts, "nonce": challenge.nonce,
        });
    }
    params
}

/// What a device signs: version 3 of the payload, with an empty family of devices.
pub fn signed(device: &str, token: &str, scopes: &[&str], challenge: &Challenge) -> String {
    let scopes = scopes.join(",");
    let Challenge { nonce, ts } = challenge;
    format!("v3|{device}|{CLIENT}|{MODE}|{ROLE}|{scopes}|{ts}|{token}|{nonce}|{PLATFORM}|")
}

/// How the gateway greets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hello {
    /// Its version.
    pub version: String,
    /// Changes when it is started anew.
    pub boot: String,
    /// This connection.
    pub connection: String,
    /// What we may do.
    pub scopes: Vec<String>,
    /// The token that it has given to this device, in place of the shared one.
    pub device_token: Option<String>,
    /// How often it gives a sign of life.
    pub tick: Span,
}

/// How often a gateway gives a sign of life, where it does not say so.
const TICK: u64 = 30_000;

impl Hello {
    /// Reads the payload of the answer to `connect`.
    pub fn read(payload: &Value) -> Self {
        let word = |value: &Value| value.as_str().map(|word| text::clip(word, 200)).unwrap_or_default();
        let scopes = payload["auth"]["scopes"].as_array().into_iter().flatten();
        let tick = payload["policy"]["tickIntervalMs"].as_u64().filter(|ms| *ms > 0).unwrap_or(TICK);
        Self {
            version: word(&payload["server"]["version"]),
            boot: word(&payload["server"]["bootId"]),
            connection: word(&payload["server"]["connId"]),
            scopes: scopes.filter_map(|scope| scope.as_str().map(str::to_owned)).collect(),
            device_token: payload["auth"]["deviceToken"].as_str().map(str::to_owned),
            tick: Span(i64::try_from(tick.min(600_000)).unwrap_or(600_000)),
        }
    }

    /// Whether something may be done; an administrator may everything.
    pub fn may(&self, scope: &str) -> bool {
        self.scopes.iter().any(|have| have == scope || have == ADMIN)
    }
}

/// A time in milliseconds since 1970; nothing for what can be no time of ours.
pub fn at(value: &Value) -> Option<Ts> {
    value.as_i64().filter(|ms| (0..=4_102_444_800_000).contains(ms)).map(Ts)
}
