//! Devices on which people want to be notified.
//!
//! A browser subscribes at its own push service and hands us where to send, and with which keys; one device has one
//! subscription. It ends when its owner says so or leaves the page there, and when the push service says that it is over.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::access::Actor;
use super::delivery::RowState;
use super::reason::Reason;
use super::route::Destination;
use super::step::Fold;
use super::time::Ts;
use super::world::World;

/// The kind of channel whose conversations are devices, and the name of the one that there is.
pub const PUSH: &str = "push";
/// Devices of one person; beyond it the oldest makes room.
const MOST: usize = 10;

/// A device that is notified.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// Its name, which its browser has made up at random.
    pub id: String,
    /// SHA-256 of the token of the page's session there, hexadecimal.
    pub session: String,
    /// Where notifications go. Whoever knows it and the keys can notify the device.
    pub endpoint: String,
    /// The browser's public key, base64url.
    pub p256dh: String,
    /// The secret that it shares with us, base64url.
    pub auth: String,
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Device({})", self.id)
    }
}

/// What somebody wants of a device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum DeviceWish {
    /// Notify me there.
    Notify(Device),
    /// Not any more.
    Forget {
        /// Its name.
        id: String,
    },
}

/// A device and whose it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notified {
    /// The person.
    pub person: String,
    /// Since when.
    pub since: Ts,
    /// The device.
    pub device: Device,
}

impl World {
    /// The devices of a person, as conversations.
    pub(super) fn devices_of(&self, person: &str) -> impl Iterator<Item = Destination> {
        let known = self.policy.channels.contains_key(PUSH);
        let own = self.devices.iter().filter(move |(_, notified)| known && notified.person == person);
        own.map(|(id, notified)| Destination {
            channel: PUSH.into(),
            target: id.clone(),
            person: Some(notified.person.clone()),
            only: None,
        })
    }

    /// Whether a conversation is a device.
    pub fn is_device(&self, to: &Destination) -> bool {
        self.policy.channels.get(&to.channel).is_some_and(|channel| channel.kind == PUSH)
    }
}

impl Fold<'_> {
    /// Somebody who is signed in on the page wants something of the device there.
    pub(super) fn device(&mut self, actor: &Actor, wish: &DeviceWish) {
        let on_page = self.w.policy.channels.get(&actor.channel).is_some_and(|channel| channel.kind == "web");
        let person = self.w.policy.person_of(actor).filter(|_| on_page).map(|(person, _)| person.to_owned());
        let Some(person) = person else {
            let (channel, account) = (actor.channel.clone(), actor.account.clone());
            return self.refuse(Reason::UnknownPerson { channel, account });
        };
        match wish {
            DeviceWish::Notify(device) => self.notify_on(&person, device),
            DeviceWish::Forget { id } => {
                if self.w.devices.get(id).is_none_or(|notified| notified.person != person) {
                    return self.refuse(Reason::NothingToDo);
                }
                self.end_device(id, &Reason::DeviceEnded { why: "forgotten".into() });
            }
        }
        self.answer(Reason::Done);
    }

    fn notify_on(&mut self, person: &str, device: &Device) {
        // A subscription is one browser's, whatever it calls itself now.
        let same =
            |(id, notified): &(&String, &Notified)| notified.device.endpoint == device.endpoint && **id != device.id;
        let same: Vec<String> = self.w.devices.iter().filter(same).map(|(id, _)| id.clone()).collect();
        for id in same {
            self.end_device(&id, &Reason::DeviceEnded { why: "replaced".into() });
        }
        let known = self.w.devices.get(&device.id).is_some_and(|notified| notified.person == person);
        let mut own: Vec<(Ts, String)> = self
            .w
            .devices
            .iter()
            .filter(|(id, notified)| notified.person == person && **id != device.id)
            .map(|(id, notified)| (notified.since, id.clone()))
            .collect();
        own.sort();
        for (_, id) in own.iter().take((own.len() + 1).saturating_sub(MOST)) {
            self.end_device(id, &Reason::DeviceEnded { why: "too_many".into() });
        }
        if !known {
            self.audit(person, "page.device_added", &format!("device:{}", device.id), json!({}));
        }
        let since = self.at;
        let notified = Notified { person: person.to_owned(), since, device: device.clone() };
        self.w.devices.insert(device.id.clone(), notified);
        self.out.changed.devices.insert(device.id.clone());
    }

    /// The devices on which a session of the page was, which is over.
    pub(super) fn end_devices_of(&mut self, session: &str) {
        let there = self.w.devices.iter().filter(|(_, notified)| notified.device.session == session);
        let there: Vec<String> = there.map(|(id, _)| id.clone()).collect();
        for id in there {
            self.end_device(&id, &Reason::DeviceEnded { why: "signed_out".into() });
        }
    }

    fn end_device(&mut self, id: &str, reason: &Reason) {
        if let Some(notified) = self.w.devices.remove(id) {
            let object = format!("device:{id}");
            self.audit(&notified.person, "page.device_removed", &object, json!({ "reason": reason }));
            self.out.changed.devices.insert(id.to_owned());
        }
    }

    /// A push service says that a device is not to be notified any more. Nobody needs to look at the row: whoever it
    /// was for is told elsewhere.
    pub(super) fn device_gone(&mut self, number: u64, row: &str, error: &str) {
        let at = self.at;
        self.settle(row, RowState::Dropped, at, Some(error.to_owned()), None);
        self.w.outstanding.remove(row);
        let Some(copy) = self.w.copies.get_mut(&number) else { return };
        copy.outstanding = None;
        copy.dead = Some(error.to_owned());
        let (card, to) = (copy.card, copy.to.clone());
        self.end_device(&to.target, &Reason::DeviceEnded { why: "gone".into() });
        self.note_on_subject(card, Reason::SendDead { to: to.label(), error: error.to_owned() });
        self.release_children(number, true);
        self.fall_back(number);
    }
}
