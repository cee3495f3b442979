//! What notifies devices: our own key, which the store keeps, and where devices are found.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::watch;

use super::StartError;
use crate::channel::push::{Devices, Push, Vapid};
use crate::clock::{Sources, random_hex};
use crate::config::{Config, Fault, PAGE};
use crate::core::access::{Actor, authorize};
use crate::core::command::CATALOGUE;
use crate::core::device::Device;
use crate::core::policy::Policy;
use crate::store::{self, Store};

/// Devices as the store has them.
struct Stored {
    store: Store,
    policy: watch::Receiver<Arc<Policy>>,
}

#[async_trait]
impl Devices for Stored {
    async fn device(&self, id: &str) -> Result<Option<Device>, String> {
        let found = self.store.device(id).await.map_err(|error| error.to_string())?;
        Ok(found.map(|notified| notified.device))
    }

    async fn waiting(&self, id: &str) -> Result<i64, String> {
        let Some(notified) = self.store.device(id).await.map_err(|error| error.to_string())? else { return Ok(0) };
        let policy = self.policy.borrow().clone();
        let count = waiting(&self.store, &policy, &notified.person).await;
        count.map_err(|error| error.to_string())
    }
}

/// How many decisions wait for a person: as many as the head of their page says.
async fn waiting(store: &Store, policy: &Policy, person: &str) -> store::Result<i64> {
    let actor = Actor { channel: PAGE.into(), account: person.to_owned(), display: None };
    let Some(Ok(who)) = CATALOGUE.find("approvals").map(|spec| authorize(policy, &actor, spec)) else { return Ok(0) };
    store.count_waiting(&store.sight(policy, &who).await?).await
}

/// The adapter, under the store's own key: with another one no device could be notified any more.
pub async fn push(
    config: &Config,
    store: &Store,
    sources: &Sources,
    policy: watch::Receiver<Arc<Policy>>,
) -> Result<Push, StartError> {
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
    let push = Push::new(Box::new(Stored { store: store.clone(), policy }), vapid, sources.entropy.clone(), inside);
    Ok(push.map_err(|error| crate::config::ConfigError::from(fault(&error)))?)
}

fn vapid(key: &str, contact: &str) -> Option<Vapid> {
    Vapid::read(&hex::decode(key).ok()?, contact.to_owned())
}
