//! A sereno and a gateway that it calls, in the time of the test.

use std::time::Duration;

use sereno::clock::within;
use sereno::core::time::Span;

use super::fake::{Gateway, TOKEN};
use crate::database::Database;
use crate::scene::{PATIENCE, Scene, Standing, Visitor};

/// The session of most stories.
pub const KEY: &str = "agent:main:main";

/// Starts both and waits until they are connected. `more` is added to the configuration.
pub async fn start(db: Database, more: &str) -> (Scene, Gateway) {
    let gateway = Gateway::start().await;
    let scene = Scene::start(db, &format!("{}{more}", settings(&gateway, TOKEN))).await;
    connected(&scene, &gateway, 1).await;
    (scene, gateway)
}

pub fn settings(gateway: &Gateway, token: &str) -> String {
    format!(
        "[runtimes.claw]\nkind = \"openclaw\"\nurl = \"{}\"\ntoken = \"{token}\"\nhook_token = \"cron\"\n",
        gateway.url()
    )
}

/// Waits until sereno has connected for the `times`th time, and has looked at everything.
pub async fn connected(scene: &Scene, gateway: &Gateway, times: u32) {
    gateway.until("sereno connects", |memory| memory.greeted >= times).await;
    eventually("sereno has looked at everything", async || {
        let health = scene.app.door.health.channels();
        health.get("runtime:claw").is_some_and(|claw| claw.trouble.is_none() && claw.last_ok.is_some())
    })
    .await;
    scene.settle().await;
}

/// A run that has spent $0.25 when the connection is lost, and somebody who has seen it.
pub async fn spent_and_cut(db: Database) -> (Scene, Gateway, Visitor) {
    let (scene, gateway) = start(db, "").await;
    let ana = scene.visitor("ana").await;
    gateway.runs(KEY, "run-1");
    gateway.answers(KEY, "before", 0.25);
    shows(&scene, &ana, "/cost", "$0.25").await;
    gateway.drops();
    cut(&scene).await;
    (scene, gateway, ana)
}

/// Waits until sereno knows that the connection is gone.
pub async fn cut(scene: &Scene) {
    eventually("sereno knows that the connection is gone", async || {
        scene.app.door.health.channels().get("runtime:claw").is_some_and(|claw| claw.trouble.is_some())
    })
    .await;
}

/// Lets the time pass after which a connection is made again, and waits for it.
pub async fn again(scene: &Scene, gateway: &Gateway) {
    let times = gateway.look(|memory| memory.greeted);
    cut(scene).await;
    scene.advance(Span::secs(2)).await;
    connected(scene, gateway, times + 1).await;
}

pub async fn eventually(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let waited = within(
        PATIENCE,
        Box::pin(async {
            while !is_so().await {
                let _a_moment = within(Duration::from_millis(5), std::future::pending::<()>()).await;
            }
        }),
    );
    assert!(waited.await.is_some(), "waited in vain until {what}");
}

/// Waits until a command's answer, as a card, holds `words`.
pub async fn shows(scene: &Scene, visitor: &Visitor, command: &str, words: &str) -> String {
    let mut last = String::new();
    let waited = within(
        PATIENCE,
        Box::pin(async {
            loop {
                let (_, said) = visitor.says(scene, command).await;
                last = visitor.cards(scene).await.first().map_or(said, Standing::text);
                if last.contains(words) {
                    return;
                }
                let _a_moment = within(Duration::from_millis(20), std::future::pending::<()>()).await;
            }
        }),
    );
    assert!(waited.await.is_some(), "{command} never shows {words:?}: {last}");
    last
}

/// Waits until the newest approval card on somebody's page holds `words`.
pub async fn card_says(scene: &Scene, visitor: &Visitor, words: &str) -> String {
    let mut last = String::new();
    let waited = within(
        PATIENCE,
        Box::pin(async {
            loop {
                scene.settle().await;
                let cards = visitor.cards(scene).await;
                if let Some(card) = cards.iter().find(|card| card.card.content.name() == "approval") {
                    last = card.text();
                    if last.contains(words) {
                        return;
                    }
                }
                let _a_moment = within(Duration::from_millis(20), std::future::pending::<()>()).await;
            }
        }),
    );
    assert!(waited.await.is_some(), "the card never says {words:?}: {last}");
    last
}
