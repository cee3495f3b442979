//! How the parts are doing, for `/readyz`, `/metrics` and the heartbeat.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::core::time::Ts;

/// How a channel is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChannelHealth {
    /// When it last took a message or brought one.
    pub last_ok: Option<Ts>,
    /// What is wrong with it, without any secret.
    pub trouble: Option<String>,
}

/// How all channels are doing.
#[derive(Default)]
pub struct Health(Mutex<BTreeMap<String, ChannelHealth>>);

impl Health {
    fn with<T>(&self, act: impl FnOnce(&mut BTreeMap<String, ChannelHealth>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
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
