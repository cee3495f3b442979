//! Discord, against a server of our own that answers under its name and is as strict as the real one.

pub mod bench;
mod connection;
mod decisions;
mod exam;
pub mod fake;
pub mod faults;
mod files;
mod forms;
mod gateway;
mod hostile;
mod judged;
mod linking;
mod markdown;
mod people;
mod pictures;
mod prism;
mod receiving;
mod serve;
mod typing;
mod verdicts;

use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use ed25519_dalek::{Signer as _, SigningKey};
use serde_json::Value;
use sereno::channel::Push;
use sereno::channel::discord::{Discord, Settings};
use sereno::core::time::Ts;

use crate::database::Database;
use crate::scene::Scene;
use fake::{Fake, GUILD, TOKEN};

/// How long a test waits for something on a server, in real time.
const PATIENCE: Duration = Duration::from_secs(25);

/// Their accounts.
pub const ANA: u64 = 77;
pub const VICTOR: u64 = 1234;
const STRANGER: u64 = 666;

/// With which the fake server signs what it pushes.
fn key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

fn settings(fake: &Fake) -> Settings {
    Settings {
        name: "dc".into(),
        token: TOKEN.into(),
        key: None,
        guilds: vec![GUILD],
        resolve: Some(fake.address),
        authority: Some(serve::AUTHORITY.to_vec()),
        rate: (1.0, 40.0),
    }
}

/// The real adapter, speaking to `fake` and holding a connection.
fn adapter(fake: &Fake) -> Discord {
    Discord::new(settings(fake)).unwrap()
}

/// The real adapter, to which `fake` pushes.
fn pushed(fake: &Fake) -> Discord {
    Discord::new(Settings { key: Some(key().verifying_key()), ..settings(fake) }).unwrap()
}

/// The header fields with which Discord proves that a body is its own, at a time in seconds.
fn signed(body: &[u8], at: i64) -> HeaderMap {
    let timestamp = at.to_string();
    let signature = key().sign(&[timestamp.as_bytes(), body].concat());
    proof(&hex::encode(signature.to_bytes()), &timestamp)
}

fn proof(signature: &str, timestamp: &str) -> HeaderMap {
    let field = |name, value| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
    HeaderMap::from_iter([field("x-signature-ed25519", signature), field("x-signature-timestamp", timestamp)])
}

/// When the pushes of these tests come, in seconds.
const NOW: i64 = 1_790_000_000;

fn push<'a>(headers: &'a HeaderMap, body: &'a [u8]) -> Push<'a> {
    Push { headers, body, now: Ts(NOW * 1000) }
}

/// A scene with Discord, and with what `extra` adds to the configuration. Two of its people are on Discord.
async fn scene(db: Database, fake: &Fake, extra: &str) -> Scene {
    let scene = Scene::start(db, &config(fake, extra)).await;
    fake.until("the bot is connected", |memory| memory.identified > 0 && !memory.commands.is_null()).await;
    scene
}

pub fn config(fake: &Fake, extra: &str) -> String {
    let authority = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/discord/authority.pem");
    format!(
        "[channels.dc]\nkind = \"discord\"\ntoken = \"{TOKEN}\"\nguilds = [{GUILD}]\napi_resolve = \"{}\"\n\
         ca_file = \"{authority}\"\nper_chat = 1e6\nrate = 1e6\n{extra}\n\
         [people.dora]\nrole = \"approver\"\nlang = \"en\"\ndiscord = {ANA}\n\
         [people.diego]\nrole = \"admin\"\nlang = \"es\"\ndiscord = {VICTOR}\n",
        fake.address
    )
}

/// Says something over the gateway; everything that follows from it has been sent. What it was told.
async fn said(scene: &Scene, fake: &Fake, interaction: Value) -> String {
    let id = fake.says(interaction);
    let told = fake.is_told(id).await;
    scene.settle().await;
    fake.told(id).into_iter().find(|text| !text.is_empty()).unwrap_or(told)
}
