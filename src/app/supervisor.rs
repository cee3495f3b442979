//! What systemd is told: that we are ready, what we do, that we stop, and at its pace that nothing hangs.
//!
//! The protocol is one datagram of `NAME=value` lines to the socket in `NOTIFY_SOCKET`. A store that is in
//! trouble is being mended and no reason for a restart; a part that does not do its work is.

use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use crate::core::time::Span;
use crate::http::Shared;
use crate::http::health::hangs;
use crate::stop::Stop;

/// The socket of a supervisor, if one has started us.
pub struct Supervisor {
    socket: Option<(UnixDatagram, SocketAddr)>,
    /// How often it wants to hear of us.
    watchdog: Option<Duration>,
}

impl Supervisor {
    /// The one that the environment names: `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID`.
    pub fn from_env(variable: impl Fn(&str) -> Option<String>) -> Self {
        let socket = variable("NOTIFY_SOCKET").and_then(|path| {
            let address = match path.strip_prefix('@') {
                Some(name) => SocketAddr::from_abstract_name(name),
                None => SocketAddr::from_pathname(&path),
            };
            Some((UnixDatagram::unbound().ok()?, address.ok()?))
        });
        let ours = variable("WATCHDOG_PID").is_none_or(|pid| pid == std::process::id().to_string());
        let watchdog = variable("WATCHDOG_USEC").and_then(|usec| usec.parse().ok()).map(Duration::from_micros);
        Self { socket, watchdog: watchdog.filter(|_| ours) }
    }

    /// Tells it something, such as `READY=1`. Without one nothing happens.
    pub fn tell(&self, state: &str) {
        let Some((socket, address)) = &self.socket else { return };
        if let Err(error) = socket.send_to_addr(state.as_bytes(), address) {
            tracing::warn!(%error, "the supervisor could not be told");
        }
    }

    /// Gives signs of life twice as often as they are wanted, as long as nothing hangs, until `stop` is told.
    pub async fn watch(&self, door: &Shared, mut stop: Stop) {
        let Some(every) = self.watchdog.filter(|_| self.socket.is_some()) else {
            stop.asked().await;
            return;
        };
        let pause = Span(i64::try_from(every.as_millis() / 2).unwrap_or(i64::MAX).max(1));
        loop {
            match hangs(door).await.filter(|_| door.progress.trouble.borrow().is_none()) {
                None => self.tell("WATCHDOG=1"),
                Some(why) => {
                    tracing::error!(why, "no sign of life is given to the supervisor");
                    self.tell(&format!("STATUS={why}"));
                }
            }
            tokio::select! {
                () = stop.asked() => return,
                () = door.sources.clock.sleep(pause) => {}
            }
        }
    }
}
