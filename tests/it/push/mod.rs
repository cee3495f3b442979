//! Web push, against a push service and browsers whose cryptography somebody else wrote (`http_ece`, `cryptography`).

pub mod bench;
mod sealed;
mod stories;

use std::sync::Mutex;

use async_trait::async_trait;
use serde_json::{Value, json};
use sereno::channel::push::{Devices, Push, Vapid};
use sereno::clock::SystemEntropy;
use sereno::core::device::Device;
use sereno::outgoing::Inside;

use crate::program::Program;

fn service() -> Program {
    Program::start("push/server.py", &[])
}

/// A device under a name of 32 signs, subscribed at `service`.
fn subscribed(service: &Program, id: &str) -> Device {
    let made = service.ask(&json!({ "new": true }));
    let text = |key: &str| made[key].as_str().unwrap().to_owned();
    Device {
        id: id.to_owned(),
        session: "session".into(),
        endpoint: text("endpoint"),
        p256dh: text("p256dh"),
        auth: text("auth"),
    }
}

/// What browsers have got, opened.
fn got(service: &Program) -> Vec<Value> {
    service.ask(&json!({})).as_array().unwrap().clone()
}

/// Devices that the test knows.
#[derive(Default)]
struct Known(Mutex<Vec<Device>>);

#[async_trait]
impl Devices for Known {
    async fn device(&self, id: &str) -> Result<Option<Device>, String> {
        Ok(self.0.lock().unwrap().iter().find(|device| device.id == id).cloned())
    }

    async fn waiting(&self, _id: &str) -> Result<i64, String> {
        Ok(1)
    }
}

const SECRET: [u8; 32] = [7; 32];

/// The real adapter, which knows `devices`.
fn adapter(devices: Vec<Device>, inside: Inside) -> Push {
    let vapid = Vapid::read(&SECRET, "mailto:ops@example.org".into()).unwrap();
    let known = Box::new(Known(Mutex::new(devices)));
    Push::new(known, vapid, std::sync::Arc::new(SystemEntropy), inside).unwrap()
}
