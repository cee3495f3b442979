//! Slack, against a workspace of our own that is as strict as the real one, and judged by Slack's own client for Python.

pub mod bench;
mod blocks;
mod decisions;
mod drawn;
mod emulator;
mod exam;
pub mod fake;
mod faults;
mod files;
mod linking;
mod people;
mod pictures;
mod pushed;
mod receiving;
mod serve;
mod sockets;
mod storms;
mod verdicts;

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;
use serde_json::Value;
use sereno::channel::slack::{Settings, SlackChannel, Way};
use sereno::channel::{Inbox, Incoming, NotStored};
use sereno::core::policy::Lang;
use sereno::core::time::Span;

use crate::database::Database;
use crate::scene::Scene;
use fake::{APP, BOT, Fake};

/// What Slack signs pushes with; the one of its own documentation.
const SIGNING: &str = "8f742231b10e8888abcd99yyyzzz85a5";
const MINUTE: Span = Span::mins(1);
/// Sends as fast as it can: what paces do is not what most stories are about.
const UNPACED: &str = "per_chat = 1e6\nrate = 1e6";

pub fn adapter_at(url: &str, way: Way) -> SlackChannel {
    let settings = Settings {
        name: "team".into(),
        bot_token: BOT.into(),
        way,
        api_url: Some(url.parse().unwrap()),
        rate: (1.0, 4.0),
        langs: (BTreeMap::from([("U1234".to_owned(), Lang::Es)]), Lang::En),
    };
    SlackChannel::new(settings).unwrap()
}

/// The real adapter, speaking to `fake`.
fn adapter(fake: &Fake) -> SlackChannel {
    adapter_at(&fake.url(), Way::Socket(APP.into()))
}

pub fn config(url: &str, channel: &str, extra: &str) -> String {
    format!("[channels.team]\nkind = \"slack\"\nbot_token = \"{BOT}\"\napi_url = \"{url}\"\n{channel}\n{extra}")
}

pub fn with_sockets() -> String {
    format!("app_token = \"{APP}\"\n{UNPACED}")
}

/// A scene with Slack over Socket Mode, and with what `extra` adds to the configuration.
async fn scene(db: Database, fake: &Fake, extra: &str) -> Scene {
    let scene = Scene::start(db, &config(&fake.url(), &with_sockets(), extra)).await;
    fake.until("a connection is open", |memory| memory.hellos > 0).await;
    scene
}

/// Stops in order and starts again, with connections of its own.
async fn restarted(scene: Scene, fake: &Fake) -> Scene {
    fake.until("both connections are open", |memory| memory.hellos > 1).await;
    let hellos = fake.memory().hellos;
    let scene = scene.restart().await;
    fake.until("a new connection is open", |memory| memory.hellos > hellos).await;
    scene
}

/// Says it over a socket, and waits until it is stored and all that follows from it has been sent.
async fn taken(scene: &Scene, fake: &Fake, payload: &Value) {
    fake.acked(&fake.says(payload)).await;
    scene.settle().await;
}

/// An inbox in the test's hand.
#[derive(Default)]
struct Hand {
    said: Mutex<Vec<Incoming>>,
    broken: Mutex<bool>,
}

#[async_trait]
impl Inbox for Hand {
    async fn take(&self, incoming: Incoming) -> Result<(), NotStored> {
        self.said.lock().unwrap().push(incoming);
        if *self.broken.lock().unwrap() { Err(NotStored("the disk is full".into())) } else { Ok(()) }
    }

    fn alive(&self) {}
}
