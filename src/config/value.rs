//! Values of a configuration: how each is written, what is said when it is not, and which never print.
//!
//! Knows nothing of the keys under which they stand.

use std::fmt;
use std::net::SocketAddr;
use std::ops::Range;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::error::{Fault, Source};
use crate::core::time::{Span, zone};
use crate::outgoing::{Inside, Network};
use crate::store::hide_password;

/// One value or a list of them.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(untagged, expecting = "this is a text in quotes, or a list of them")]
pub enum OneOrMany<T> {
    /// One.
    One(T),
    /// Several.
    Many(Vec<T>),
}

impl<T> OneOrMany<T> {
    /// All of them.
    pub fn as_slice(&self) -> &[T] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }
}

/// A secret in the file itself. It is written back as a sign.
#[derive(Clone, Default)]
pub struct SecretText(pub String);

impl<'de> Deserialize<'de> for SecretText {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        // Serde's own words would repeat what stands there.
        let refused = |_| serde::de::Error::custom("a secret is written as a text in quotes");
        String::deserialize(from).map(Self).map_err(refused)
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("‹secret›")
    }
}

impl Serialize for SecretText {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str("‹secret›")
    }
}

/// An address in which a password may stand. It is written back without one.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub struct Address(pub String);

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hide_password(&self.0))
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

/// A length of time, written `10m`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Duration(pub Span);

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let refused = |_| serde::de::Error::custom("a duration is written in quotes, such as \"10m\"");
        let text = String::deserialize(from).map_err(refused)?;
        Span::parse(&text).map(Self).map_err(serde::de::Error::custom)
    }
}

impl Serialize for Duration {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&self.0)
    }
}

/// Where to listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Listen(pub SocketAddr);

impl<'de> Deserialize<'de> for Listen {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let hint = "write an address and a port in quotes, such as \"127.0.0.1:8787\"";
        let text = String::deserialize(from).map_err(|_| serde::de::Error::custom(hint))?;
        text.parse().map(Self).map_err(|_| serde::de::Error::custom(hint))
    }
}

/// An IANA zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Tz(pub String);

impl<'de> Deserialize<'de> for Tz {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let name = String::deserialize(from)?;
        zone(&name).map_err(serde::de::Error::custom)?;
        Ok(Self(name))
    }
}

/// Which addresses inside the house may be called: `true`, `false`, or a list of addresses and networks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowPrivate(pub Inside);

impl<'de> Deserialize<'de> for AllowPrivate {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "write true, false, or a list such as [\"10.0.0.0/8\", \"192.168.1.5\"]")]
        enum Written {
            All(bool),
            Some(Vec<String>),
        }
        let named = |text: &String| {
            let hint =
                format!("`{text}` is no address or network; write one such as \"10.0.0.0/8\" or \"192.168.1.5\"");
            Network::parse(text).ok_or_else(|| serde::de::Error::custom(hint))
        };
        Ok(Self(match Written::deserialize(from)? {
            Written::All(true) => Inside::Private,
            Written::All(false) => Inside::Nowhere,
            Written::Some(list) => Inside::Only(list.iter().map(named).collect::<Result<_, D::Error>>()?),
        }))
    }
}

impl Serialize for AllowPrivate {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Inside::Nowhere => to.serialize_bool(false),
            Inside::Private => to.serialize_bool(true),
            Inside::Only(networks) => to.collect_seq(networks.iter().map(ToString::to_string)),
        }
    }
}

/// Notes it when `url` is no address of a web server.
pub fn check_url(url: &str, at: Range<usize>, source: Source<'_>, faults: &mut Vec<Fault>) {
    let fits = reqwest::Url::parse(url).is_ok_and(|u| matches!(u.scheme(), "http" | "https") && u.has_host());
    if !fits {
        faults.push(source.fault(Some(at), "write an address such as https://sereno.example.org"));
    }
}
