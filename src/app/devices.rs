//! What notifies devices: our own key, which the store keeps, and where devices are found.

use async_trait::async_trait;

use super::StartError;
use crate::channel::push::{Devices, Push, Vapid};
use crate::clock::{Sources, random_hex};
use crate::config::{Config, Fault};
use crate::core::device::Device;
use crate::store::Store;

/// Devices as the store has them.
struct Stored(Store);

#[async_trait]
impl Devices for Stored {
    async fn device(&self, id: &str) -> Result<Option<Device>, String> {
        let found = self.0.device(id).await.map_err(|error| error.to_string())?;
        Ok(found.map(|notified| notified.device))
    }
}

/// The adapter, under the store's own key: with another one no device could be notified any more.
pub async fn push(config: &Config, store: &Store, sources: &Sources) -> Result<Push, StartError> {
    let fresh = loop {
        // One in four billion is no key.
        let fresh = random_hex(sources.entropy.as_ref(), 32);
        if vapid(&fresh, "").is_some() {
            break fresh;
        }
    };
    let key = store.meta_or("vapid_key", &fresh).await?;
    let fault = |message: &str| Fault { place: "push".into(), message: message.into() };
    let vapid = vapid(&key, &config.contact()).ok_or_else(|| fault("the key in the store is damaged"));
    let vapid = vapid.map_err(crate::config::ConfigError::from)?;
    let inside = config.file.push.allow_private.clone().unwrap_or_default().0;
    let push = Push::new(Box::new(Stored(store.clone())), vapid, sources.entropy.clone(), inside);
    Ok(push.map_err(|error| crate::config::ConfigError::from(fault(&error)))?)
}

fn vapid(key: &str, contact: &str) -> Option<Vapid> {
    Vapid::read(&hex::decode(key).ok()?, contact.to_owned())
}
