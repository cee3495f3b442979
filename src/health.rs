//! How the parts are doing, for `/readyz`, `/metrics` and the heartbeat.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::core::time::{Span, Ts};

/// What should have been done this long ago is late.
pub const LATE: Span = Span::mins(1);

/// How a channel is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChannelHealth {
    /// When it last took a message or brought one.
    pub last_ok: Option<Ts>,
    /// What is wrong with it, without any secret.
    pub trouble: Option<String>,
}

/// How all channels and the courier are doing.
pub struct Health {
    channels: Mutex<BTreeMap<String, ChannelHealth>>,
    /// When the courier last began or ended something.
    courier: AtomicI64,
}

impl Health {
    /// Everything is well at a start.
    pub fn new(now: Ts) -> Self {
        Self { channels: Mutex::default(), courier: AtomicI64::new(now.0) }
    }

    fn with<T>(&self, act: impl FnOnce(&mut BTreeMap<String, ChannelHealth>) -> T) -> T {
        act(&mut self.channels.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The courier has begun or ended something.
    pub fn courier_works(&self, now: Ts) {
        self.courier.store(now.0, Ordering::Relaxed);
    }

    /// Whether the courier hangs, when something has been waiting for it since `due`: whoever has much to do and does
    /// one thing after the other is behind, and a restart would not help.
    pub fn courier_hangs(&self, due: Ts, now: Ts) -> bool {
        now.since(due.max(Ts(self.courier.load(Ordering::Relaxed)))) > LATE
    }

    /// The channel works.
    pub fn ok(&self, channel: &str, now: Ts) {
        self.with(|all| {
            let about = all.entry(channel.to_owned()).or_default();
            if about.trouble.take().is_some() {
                tracing::info!(channel, "works again");
            }
            about.last_ok = Some(now);
        });
        metrics::gauge!("sereno_channel_up", "channel" => channel.to_owned()).set(1.0);
    }

    /// The channel does not work.
    pub fn trouble(&self, channel: &str, error: &str) {
        self.with(|all| {
            let about = all.entry(channel.to_owned()).or_default();
            if about.trouble.as_deref() != Some(error) {
                tracing::warn!(channel, error, "trouble");
            }
            about.trouble = Some(error.to_owned());
        });
        metrics::gauge!("sereno_channel_up", "channel" => channel.to_owned()).set(0.0);
    }

    /// How each channel is doing.
    pub fn channels(&self) -> BTreeMap<String, ChannelHealth> {
        self.with(|all| all.clone())
    }
}
