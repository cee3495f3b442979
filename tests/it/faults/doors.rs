//! F1: every fault between a sender and us, and between a person on the page and us. Whoever has no whole answer sends the
//! same again, and it counts once.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use sereno::core::input::Body;

use super::proxy::{Proxy, QUICK};
use crate::database;
use crate::dose;
use crate::scene::{Scene, TOKEN};
use crate::store::night::whole_log;

/// A sender tries this often.
const TRIES: usize = 3;

/// Sends an event through `server` once. Whether it was taken, as far as a careful sender can tell.
async fn taken(scene: &Scene, server: &str, event: &Value) -> bool {
    let request = scene.client.post(format!("{server}/hooks/fleet")).bearer_auth(TOKEN).json(event);
    let Ok(answer) = request.send().await else { return false };
    if !answer.status().is_success() || answer.content_length().is_none_or(|bytes| bytes > 1 << 20) {
        return false;
    }
    answer.json::<Value>().await.is_ok_and(|said| said["accepted"] == 1 || said["duplicates"] == 1)
}

#[tokio::test]
async fn no_fault_loses_an_event_or_folds_it_twice() {
    let scene = Scene::start(database::sqlite().await, "").await;
    let proxy = Proxy::start(scene.app.address, "/hooks/fleet").await;
    let mut sent = BTreeSet::new();
    for (n, fault) in QUICK.into_iter().enumerate() {
        for round in 0..dose::times(2, 50) {
            let id = format!("event-{n}-{round}");
            let event = json!({ "type": "message", "id": id, "agent": { "id": "build-1" }, "message": "hello" });
            proxy.meets(fault);
            let mut tries = 0;
            while !taken(&scene, &proxy.url(), &event).await {
                tries += 1;
                assert!(tries < TRIES, "{fault:?}: {tries} tries in vain");
            }
            sent.insert(id);
        }
    }
    let log = whole_log(&scene.app.door.store).await;
    let folded: Vec<String> = log
        .into_iter()
        .filter_map(|input| match input.body {
            Body::Event(reported) => Some(reported.event.id),
            _ => None,
        })
        .collect();
    assert_eq!(folded.len(), sent.len(), "once each");
    assert_eq!(folded.into_iter().collect::<BTreeSet<_>>(), sent);
    scene.finish(&[]).await;
}

#[tokio::test]
async fn no_fault_loses_a_tap_on_the_page_or_counts_it_twice() {
    let scene = Scene::start(database::sqlite().await, "").await;
    let proxy = Proxy::start(scene.app.address, "/act").await;
    let ana = scene.visitor("ana").await;
    for (n, fault) in QUICK.into_iter().enumerate() {
        for round in 0..dose::times(1, 50) {
            scene.asks(&format!("tap-{n}-{round}"), &format!("make tap-{n}-{round}")).await;
            let (yes, before) = (ana.card(&scene, "approval").await.yes(), scene.fleet.calls().len());
            proxy.meets(fault);
            let mut tries = 0;
            while ana.tries(&scene, &proxy.url(), &yes).await.is_none() {
                tries += 1;
                assert!(tries < TRIES, "{fault:?}: {tries} taps in vain");
            }
            scene.settle().await;
            let calls = &scene.fleet.calls()[before..];
            assert_eq!(calls.len(), 1, "{fault:?}: {calls:?}");
            assert!(calls[0].body.to_string().contains("\"approved\""), "{fault:?}: {calls:?}");
        }
    }
    scene.finish(&[]).await;
}
