//! Whole stories of devices: who is notified on which, until when, and why not any more.

use serde_json::{Value, json};
use sereno::core::time::Span;

use super::{got, service};
use crate::database::{Database, on_both};
use crate::program::Program;
use crate::scene::{Scene, Visitor};

on_both![
    a_phone_is_notified_of_what_rings_and_of_what_became_of_it,
    a_device_that_is_gone_is_forgotten_with_its_reason,
    whoever_signs_out_is_notified_there_no_more,
    only_the_page_can_add_a_device_and_only_ones_own_can_be_taken_away,
];

const PHONE: &str = "0123456789abcdef0123456789abcdef";
const TABLET: &str = "fedcba9876543210fedcba9876543210";
const CONFIG: &str = "[push]\ncontact = \"mailto:ops@example.org\"\nallow_private = [\"127.0.0.1\"]\n";

/// Hands in a subscription of its own at `service`, and returns it.
async fn notify(scene: &Scene, visitor: &Visitor, service: &Program, device: &str) -> Value {
    let made = service.ask(&json!({ "new": true }));
    let body = json!({
        "device": device, "endpoint": made["endpoint"], "p256dh": made["p256dh"], "auth": made["auth"],
    });
    assert_eq!(visitor.posts(scene, "/devices", body).await.0, 200);
    made
}

/// What arrived at a subscription.
fn at(service: &Program, subscription: &Value) -> Vec<Value> {
    let endpoint = subscription["endpoint"].as_str().unwrap();
    let here = |push: &Value| endpoint.ends_with(push["to"].as_str().unwrap());
    got(service).into_iter().filter(here).map(|push| push["said"].clone()).collect()
}

async fn audited(scene: &Scene, action: &str) -> Vec<String> {
    let query = format!("SELECT data FROM audit WHERE action = '{action}' ORDER BY seq");
    scene.database.texts(&query).await
}

async fn a_phone_is_notified_of_what_rings_and_of_what_became_of_it(db: Database) {
    let service = service();
    let scene = Scene::start(db, CONFIG).await;
    let ana = scene.visitor("ana").await;
    let phone = notify(&scene, &ana, &service, PHONE).await;
    // Again is the same: one device has one subscription.
    let newer = notify(&scene, &ana, &service, PHONE).await;
    let victor = scene.visitor("victor").await;
    let tablet = notify(&scene, &victor, &service, TABLET).await;
    scene.asks("q1", "pytest tests/").await;
    assert!(at(&service, &phone).is_empty());
    let (mine, his) = (at(&service, &newer), at(&service, &tablet));
    assert_eq!((mine.len(), his.len()), (1, 1), "{mine:?} {his:?}");
    assert_eq!(mine[0]["title"], "⏳ build-1 wants to run: pytest tests/");
    assert_eq!((&mine[0]["lang"], &his[0]["lang"]), (&json!("en"), &json!("es")));
    assert_eq!(mine[0]["silent"], false);
    assert_eq!((&mine[0]["waiting"], &his[0]["waiting"]), (&json!(1), &json!(1)), "the number on the icon");
    let card = ana.card(&scene, "approval").await;
    assert_eq!(mine[0]["url"], format!("/c/{}", card.card.number));
    // Nothing that could be tapped or that says who we are is in it.
    let token = card.yes();
    assert!(!mine[0].to_string().contains(&token));
    // The tap leads to the card on her page, and on his.
    for visitor in [&ana, &victor] {
        let answer = visitor.reads(&scene, mine[0]["url"].as_str().unwrap()).await;
        assert!(answer.contains("class=\"card approval"), "{answer}");
    }
    assert_eq!(ana.taps(&scene, &token).await.0, 200);
    let after = at(&service, &newer);
    assert_eq!(after.len(), 2, "{after:?}");
    assert!(after[1]["title"].as_str().unwrap().starts_with("✅ Approved by ana"), "{after:?}");
    assert_eq!((&after[1]["tag"], &after[1]["silent"]), (&after[0]["tag"], &json!(true)));
    assert_eq!(after[1]["waiting"], 0);
    // What makes no sound wakes no phone.
    scene
        .event(json!({ "type": "task.created", "agent": { "id": "build-1" }, "task": { "id": "T-7", "title": "Nightly" } }))
        .await;
    scene.settle().await;
    assert_eq!(at(&service, &newer).len(), 2);
    scene.finish(&[]).await;
}

async fn a_device_that_is_gone_is_forgotten_with_its_reason(db: Database) {
    let service = service();
    let scene = Scene::start(db, CONFIG).await;
    let ana = scene.visitor("ana").await;
    let phone = notify(&scene, &ana, &service, PHONE).await;
    service.ask(&json!({ "says": [410, {}] }));
    scene.asks("q1", "pytest tests/").await;
    assert!(at(&service, &phone).is_empty());
    assert_eq!(audited(&scene, "page.device_removed").await, [r#"{"reason":{"code":"device_ended","why":"gone"}}"#]);
    // Nobody has to look at a row for that, and nothing more is tried there.
    assert!(scene.outbox().await.is_empty(), "{:?}", scene.outbox().await);
    scene.asks("q2", "pytest more/").await;
    assert!(at(&service, &phone).is_empty());
    // Once it is handed in again it is notified again.
    let again = notify(&scene, &ana, &service, PHONE).await;
    scene.asks("q3", "pytest others/").await;
    assert_eq!(at(&service, &again).len(), 1);
    // A push service that is away for a while is tried again.
    service.ask(&json!({ "says": [503, { "retry-after": "20" }] }));
    scene.asks("q4", "pytest last/").await;
    assert_eq!(at(&service, &again).len(), 1);
    scene.advance(Span::secs(30)).await;
    assert_eq!(at(&service, &again).len(), 2);
    let scene = scene.restart().await;
    scene.advance(Span::mins(40)).await;
    scene.finish(&[]).await;
}

async fn whoever_signs_out_is_notified_there_no_more(db: Database) {
    let service = service();
    let scene = Scene::start(db, CONFIG).await;
    let (here, there) = (scene.visitor("ana").await, scene.visitor("ana").await);
    let phone = notify(&scene, &here, &service, PHONE).await;
    let tablet = notify(&scene, &there, &service, TABLET).await;
    assert_eq!(here.posts(&scene, "/signout", json!({})).await.0, 204);
    scene.asks("q1", "pytest tests/").await;
    assert_eq!((at(&service, &phone).len(), at(&service, &tablet).len()), (0, 1));
    assert_eq!(
        audited(&scene, "page.device_removed").await,
        [r#"{"reason":{"code":"device_ended","why":"signed_out"}}"#]
    );
    // Somebody else signs in on the same phone: it is theirs now, under the name that it had.
    let victor = scene.visitor("victor").await;
    let his = notify(&scene, &victor, &service, PHONE).await;
    scene.asks("q2", "pytest more/").await;
    assert_eq!((at(&service, &his).len(), at(&service, &tablet).len()), (1, 2));
    assert_eq!(victor.posts(&scene, "/devices/forget", json!({ "device": PHONE })).await.0, 200);
    scene.asks("q3", "pytest others/").await;
    assert_eq!(at(&service, &his).len(), 1);
    scene.finish(&[]).await;
}

async fn only_the_page_can_add_a_device_and_only_ones_own_can_be_taken_away(db: Database) {
    let service = service();
    let scene = Scene::start(db, CONFIG).await;
    let (ana, victor) = (scene.visitor("ana").await, scene.visitor("victor").await);
    let phone = notify(&scene, &ana, &service, PHONE).await;
    assert_eq!(victor.posts(&scene, "/devices/forget", json!({ "device": PHONE })).await.0, 409);
    let wanted =
        json!({ "device": TABLET, "endpoint": phone["endpoint"], "p256dh": phone["p256dh"], "auth": phone["auth"] });
    let with = |key: &str, value: &str| {
        let mut body = wanted.clone();
        body[key] = value.into();
        body
    };
    for body in [
        with("device", "short"),
        with("device", &"G".repeat(32)),
        with("endpoint", "https://169.254.169.254/latest/meta-data"),
        with("endpoint", "http://10.0.0.1/push"),
        with("endpoint", "https://user:word@push.example/x"),
        with("p256dh", "AAAA"),
        with("auth", "AAAA"),
        with("more", "x"),
    ] {
        assert_eq!(victor.posts(&scene, "/devices", body.clone()).await.0, 422, "{body}");
    }
    // Nobody who is not signed in, and nobody from another page.
    let bare = scene.client.post(scene.url("/devices")).json(&wanted).send().await.unwrap();
    assert_eq!(bare.status(), 401);
    // More devices than anybody has: the first makes room.
    scene.advance(Span::secs(1)).await;
    for number in 0..10 {
        notify(&scene, &ana, &service, &format!("{number:032x}")).await;
    }
    assert_eq!(
        audited(&scene, "page.device_removed").await,
        [r#"{"reason":{"code":"device_ended","why":"too_many"}}"#]
    );
    scene.asks("q1", "pytest tests/").await;
    assert_eq!((at(&service, &phone).len(), got(&service).len()), (0, 10));
    // What stands in the log and in errors names no endpoint.
    assert!(!scene.logs.troubles().iter().any(|line| line.contains("/push/")));
    scene.finish(&[]).await;
}
