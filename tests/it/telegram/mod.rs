//! Telegram, against a Bot API server of our own that is as strict as the real one, and against one that
//! somebody else wrote.

pub mod bench;
mod decisions;
mod emulator;
mod exam;
pub mod fake;
pub mod faults;
mod files;
mod html;
mod pace;
mod people;
mod pictures;
mod receiving;
mod serve;
mod storms;
mod updates;
mod verdicts;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use sereno::channel::telegram::{Settings, Telegram};
use sereno::core::time::Span;

use crate::database::Database;
use crate::scene::Scene;
use fake::{Fake, TOKEN};

/// The header by which a push proves itself with `secret`.
fn secret(secret: &str) -> HeaderMap {
    HeaderMap::from_iter([(
        HeaderName::from_static("x-telegram-bot-api-secret-token"),
        HeaderValue::from_str(secret).unwrap(),
    )])
}

/// The real adapter, speaking to `fake`.
fn adapter(fake: &Fake, webhook: bool) -> Telegram {
    adapter_at(&fake.url(), webhook)
}

fn adapter_at(url: &str, webhook: bool) -> Telegram {
    let settings = Settings {
        name: "tg".into(),
        token: TOKEN.into(),
        api_url: Some(url.parse().unwrap()),
        webhook: webhook.then(|| "https://sereno.example/channels/tg".parse().unwrap()),
        rate: (1.0, 30.0),
    };
    Telegram::new(settings).unwrap()
}

/// A scene with Telegram, and with what `extra` adds to the configuration.
async fn scene(db: Database, fake: &Fake, extra: &str) -> Scene {
    let scene = Scene::start(db, &config(&fake.url(), UNPACED, extra)).await;
    fake.until("the bot has begun to poll", |memory| memory.polls() > 0).await;
    scene
}

pub fn config(url: &str, channel: &str, extra: &str) -> String {
    format!("[channels.tg]\nkind = \"telegram\"\ntoken = \"{TOKEN}\"\napi_url = \"{url}\"\n{channel}\n{extra}")
}

/// Waits until an update is stored and answered, and all that follows from it has been sent.
async fn taken(scene: &Scene, fake: &Fake, update: i64) {
    fake.confirmed(update).await;
    scene.settle().await;
}

/// Gives up what is dead, as an admin would who has read why.
async fn drop_dead(scene: &Scene) -> Vec<String> {
    let victor = scene.visitor("victor").await;
    let mut why = Vec::new();
    for row in scene.outbox().await {
        assert_eq!(row.state, "dead", "{row:?}");
        let (status, said) = victor.says(scene, &format!("/outbox drop {} why: read", row.id)).await;
        assert_eq!(status, 200, "{said}");
        why.push(row.error.unwrap_or_default());
    }
    why
}

/// Sends as fast as it can: what paces do is not what most stories are about.
pub const UNPACED: &str = "per_chat = 1e6\nrate = 1e6";
/// A minute.
const MINUTE: Span = Span::mins(1);
