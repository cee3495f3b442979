//! Two processes at one gateway: one of them holds the connection, and everything is told and decided once.

use sereno::core::time::Span;

use super::fake::{Gateway, TOKEN};
use super::scene::{KEY, card_says, connected, eventually, settings, shows};
use crate::database;
use crate::scene::Scene;

const HALF_AN_HOUR: i64 = 1_800_000;

#[tokio::test]
async fn the_other_takes_over_and_nothing_is_told_or_decided_twice() {
    let gateway = Gateway::start().await;
    let mut scene = Scene::start(database::postgres().await, &settings(&gateway, TOKEN)).await;
    connected(&scene, &gateway, 1).await;
    let other = scene.another().await;
    let ana = scene.visitor("ana").await;
    gateway.runs(KEY, "run-1");
    gateway.answers(KEY, "first", 0.25);
    gateway.asks(KEY, "run-1", "q1", "touch one", HALF_AN_HOUR);
    card_says(&scene, &ana, "touch one").await;

    // From now on people are at the one that has no connection; what they decide goes to the one that has.
    let first = std::mem::replace(&mut scene.app, other);
    let yes = ana.card(&scene, "approval").await.yes();
    assert_eq!(ana.taps(&scene, &yes).await.0, 200);
    gateway.until("it is decided there", |memory| memory.approvals["q1"]["status"] == "allowed").await;
    assert_eq!(gateway.look(|memory| memory.connections), 1);
    gateway.asks(KEY, "run-1", "q2", "touch two", HALF_AN_HOUR);
    card_says(&scene, &ana, "touch two").await;

    first.stop().await;
    gateway.answers(KEY, "while nobody listens", 0.50);
    eventually("the other connects", async || {
        scene.advance(Span::secs(5)).await;
        gateway.look(|memory| memory.greeted) == 2
    })
    .await;
    connected(&scene, &gateway, 2).await;
    shows(&scene, &ana, "/cost", "$0.75").await;
    card_says(&scene, &ana, "touch two").await;
    let cards = ana.cards(&scene).await;
    let asked = cards.iter().filter(|card| card.card.content.name() == "approval").count();
    assert_eq!(asked, 2, "each was asked once");
    let no = ana.card(&scene, "approval").await.no();
    assert_eq!(ana.taps(&scene, &no).await.0, 200);
    gateway.until("it is decided there", |memory| memory.approvals["q2"]["status"] == "denied").await;
    card_says(&scene, &ana, "Rejected by ana").await;
    let decided = gateway.calls("approval.resolve");
    assert_eq!(decided.len(), 2, "{decided:?}");
    scene.finish(&[]).await;
}
