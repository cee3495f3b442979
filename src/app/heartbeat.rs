//! The dead man's switch: an address outside is asked for only while we can take in, store and send, so that
//! our silence is noticed by somebody else.

use std::net::SocketAddr;
use std::time::Duration;

use crate::clock::within;
use crate::config::Heartbeat;
use crate::core::input::Body;
use crate::core::time::Span;
use crate::engine::NewInput;
use crate::http::Shared;
use crate::http::health::standing;
use crate::outgoing;
use crate::stop::Stop;

/// A beat or a probe that takes longer has failed.
const TIMEOUT: Duration = Duration::from_secs(10);
/// A commit that is older says nothing about the store: another one is tried.
const FRESH: Span = Span::secs(30);

/// Beats until `stop` is told. `address` is where we listen.
pub async fn run(heartbeat: Option<Heartbeat>, address: SocketAddr, door: Shared, mut stop: Stop) {
    let Some(heartbeat) = heartbeat else { return };
    let client = outgoing::builder(TIMEOUT).build();
    let probe = outgoing::builder(TIMEOUT).no_proxy().build();
    let (Ok(client), Ok(probe)) = (client, probe) else { return };
    loop {
        tokio::select! {
            () = stop.asked() => return,
            () = beat((&client, &probe), &heartbeat, address, &door) => {}
        }
        tokio::select! {
            () = stop.asked() => return,
            () = door.sources.clock.sleep(heartbeat.every.0) => {}
        }
    }
}

async fn beat(
    (client, probe): (&reqwest::Client, &reqwest::Client),
    heartbeat: &Heartbeat,
    address: SocketAddr,
    door: &Shared,
) {
    let result = if let Some(why) = unwell(probe, address, door).await {
        tracing::warn!(why, "not well: no heartbeat is sent");
        "withheld"
    } else {
        let beat = client.get(heartbeat.url.get_ref().0.as_str()).send().await;
        if beat.is_ok_and(|response| response.status().is_success()) { "taken" } else { "failed" }
    };
    metrics::counter!("sereno_heartbeats_total", "result" => result).increment(1);
}

/// Why we cannot take in, store or send.
async fn unwell(probe: &reqwest::Client, address: SocketAddr, door: &Shared) -> Option<String> {
    if let Some(why) = standing(door).await.why_not.into_iter().next() {
        return Some(why);
    }
    if !reaches_people(door) {
        return Some("no channel works".into());
    }
    let idle = door.sources.now().since(*door.progress.last_commit.borrow());
    if idle > FRESH {
        let canary = door.log.append_patiently(vec![NewInput::unkeyed(Body::Tick)]);
        match within(TIMEOUT, canary).await {
            Some(Ok(_)) => {}
            Some(Err(error)) => return Some(error.to_string()),
            None => return Some("the store takes nothing".into()),
        }
    }
    // Over the wire, as others come in: a full house is no intake either.
    let answer = probe.get(format!("http://{}/healthz", reachable(address))).send().await;
    (!answer.is_ok_and(|response| response.status().is_success())).then(|| "intake does not answer".into())
}

/// Whether a channel works. The page is where people look by themselves: it counts when it is the only one.
fn reaches_people(door: &Shared) -> bool {
    let channels = door.health.channels();
    let is_alone = channels.len() <= 1;
    let mut away = channels.iter().filter(|(name, _)| is_alone || **name != door.page.0).peekable();
    away.peek().is_none() || away.any(|(_, channel)| channel.trouble.is_none())
}

/// The address under which we reach ourselves.
pub fn reachable(listen: SocketAddr) -> SocketAddr {
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}
