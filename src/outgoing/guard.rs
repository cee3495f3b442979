//! Who may be called: everybody outside the house, and inside it whomever the configuration names.
//!
//! A name is resolved for each connection, and the addresses that were judged are the ones that are dialled: a name that
//! answers otherwise the next time is judged again. It knows nothing of who is called, or why.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{RequestBuilder, Url};

/// Addresses that begin alike, such as `10.0.0.0/8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

impl Network {
    /// Reads `ADDRESS` or `ADDRESS/BITS`.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.parse().ok()?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Some(most), |bits| bits.parse().ok().filter(|bits| *bits <= most))?;
        Some(Self { address, bits })
    }

    fn holds(&self, other: IpAddr) -> bool {
        match (self.address, other) {
            (IpAddr::V4(own), IpAddr::V4(other)) => same(u32::from(own).into(), u32::from(other).into(), 32, self.bits),
            (IpAddr::V6(own), IpAddr::V6(other)) => same(own.into(), other.into(), 128, self.bits),
            _ => false,
        }
    }
}

impl std::fmt::Display for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

fn same(own: u128, other: u128, width: u32, bits: u8) -> bool {
    (own ^ other).checked_shr(width - u32::from(bits)).unwrap_or(0) == 0
}

/// Which addresses inside the house may be called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Inside {
    /// None.
    #[default]
    Nowhere,
    /// This machine and private networks, but not the link itself: there clouds keep credentials.
    Private,
    /// These.
    Only(Vec<Network>),
}

impl Inside {
    /// Whether an address may be called.
    pub fn allows(&self, address: IpAddr) -> bool {
        // The same machine under a longer name.
        let address = address.to_canonical();
        is_public(address)
            || match self {
                Self::Nowhere => false,
                Self::Private => is_private(address),
                Self::Only(networks) => networks.iter().any(|network| network.holds(address)),
            }
    }
}

/// Networks of IPv4 that are not the public Internet.
/// <https://www.iana.org/assignments/iana-ipv4-special-registry>
const SPECIAL_V4: [([u8; 4], u8); 15] = [
    ([0, 0, 0, 0], 8),
    ([10, 0, 0, 0], 8),
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    ([169, 254, 0, 0], 16),
    ([172, 16, 0, 0], 12),
    ([192, 0, 0, 0], 24),
    ([192, 0, 2, 0], 24),
    ([192, 88, 99, 0], 24),
    ([192, 168, 0, 0], 16),
    ([198, 18, 0, 0], 15),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    ([224, 0, 0, 0], 4),
    ([240, 0, 0, 0], 4),
];

/// Networks within `2000::/3` that are not the public Internet: ranges of protocols (Teredo among them), documentation.
/// <https://www.iana.org/assignments/iana-ipv6-special-registry>
const SPECIAL_V6: [(Ipv6Addr, u8); 3] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !SPECIAL_V4
            .iter()
            .any(|(first, bits)| same(u32::from(Ipv4Addr::from(*first)).into(), u32::from(address).into(), 32, *bits)),
        IpAddr::V6(address) => match address.segments() {
            // Ways to IPv4 (NAT64, 6to4): what counts is where they end.
            [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => {
                is_public(IpAddr::V4(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low))))
            }
            [first, ..] => {
                first & 0xe000 == 0x2000
                    && !SPECIAL_V6.iter().any(|(own, bits)| same((*own).into(), address.into(), 128, *bits))
            }
        },
    }
}

fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let shared = same(u32::from(Ipv4Addr::new(100, 64, 0, 0)).into(), u32::from(address).into(), 32, 10);
            address.is_loopback() || address.is_private() || shared
        }
        IpAddr::V6(address) => address.is_loopback() || address.is_unique_local(),
    }
}

/// Somebody inside the house was to be called who may not be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it leads into a private network, which allow_private does not name")]
pub struct Refused;

/// A client that calls nobody inside the house whom it may not call, and follows nobody to another address.
#[derive(Clone)]
pub struct Guarded {
    client: reqwest::Client,
    inside: Inside,
}

impl Guarded {
    /// A client that gives up after `limit`, body included, and resolves names as this machine does.
    ///
    /// # Errors
    /// When the client cannot be made.
    pub fn new(limit: Duration, inside: Inside) -> Result<Self, String> {
        Self::resolving(limit, inside, Arc::new(Machine))
    }

    /// A client that resolves names with `names`.
    ///
    /// # Errors
    /// As [`Guarded::new`].
    pub fn resolving(limit: Duration, inside: Inside, names: Arc<dyn Resolve>) -> Result<Self, String> {
        let judge = Arc::new(Judge { names, inside: inside.clone() });
        // A proxy would resolve names by itself.
        let client = super::builder(limit).no_proxy().dns_resolver(judge).build();
        Ok(Self { client: client.map_err(|_| "the HTTP client cannot be made")?, inside })
    }

    /// Begins to post something.
    ///
    /// # Errors
    /// When the address is written out, and may not be called.
    pub fn post(&self, url: Url) -> Result<RequestBuilder, Refused> {
        self.judged(&url)?;
        Ok(self.client.post(url))
    }

    /// Begins to ask for something.
    ///
    /// # Errors
    /// As [`Guarded::post`].
    pub fn get(&self, url: Url) -> Result<RequestBuilder, Refused> {
        self.judged(&url)?;
        Ok(self.client.get(url))
    }

    /// Addresses that are written out; names are judged when they are resolved.
    fn judged(&self, url: &Url) -> Result<(), Refused> {
        let written: Option<IpAddr> = url.host_str().and_then(|host| host.trim_matches(['[', ']']).parse().ok());
        written.is_none_or(|address| self.inside.allows(address)).then_some(()).ok_or(Refused)
    }
}

/// Names as this machine resolves them.
struct Machine;

impl Resolve for Machine {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// Hands over only addresses that may be called.
struct Judge {
    names: Arc<dyn Resolve>,
    inside: Inside,
}

impl Resolve for Judge {
    fn resolve(&self, name: Name) -> Resolving {
        let (found, inside) = (self.names.resolve(name), self.inside.clone());
        Box::pin(async move {
            let found: Vec<SocketAddr> = found.await?.collect();
            let allowed: Vec<SocketAddr> = found.iter().copied().filter(|at| inside.allows(at.ip())).collect();
            if allowed.is_empty() && !found.is_empty() {
                return Err(Refused.into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}
