//! What a sereno does for its store by itself while it serves: old rows go, and copies are made and go.

use std::path::Path;
use std::time::Duration;

use serde_json::json;
use sereno::clock::within;
use sereno::core::time::{Span, Ts};
use sereno::store::Store;

use crate::database::{self, Database, on_both};
use crate::scene::Scene;

on_both!(what_is_old_goes_while_it_serves);

/// Lets time pass in steps of `step` until `fact` holds; between two of them the tasks of the process have a turn.
async fn pass_until(scene: &Scene, step: Span, fact: impl AsyncFn() -> bool) {
    for _ in 0..20_000 {
        if fact().await {
            return;
        }
        scene.clock.advance(step);
        let _turn = within(Duration::from_millis(2), std::future::pending::<()>()).await;
    }
    panic!("it never came to that");
}

async fn what_is_old_goes_while_it_serves(db: Database) {
    let mut scene = Scene::start(db, "").await;
    for n in 0..3 {
        let id = format!("message-{n}");
        scene.event(json!({"type": "message", "id": id, "agent": {"id": "old"}, "message": "hello"})).await;
        scene.settle().await;
        // A stop writes a snapshot: the log is not needed up to the older of two.
        scene = scene.restart().await;
    }
    let first = async |scene: &Scene| scene.app.door.store.log_first().await.unwrap().unwrap().0;
    let agents = async |scene: &Scene| scene.app.door.store.agents(Ts(0), 10).await.unwrap().len();
    assert_eq!((first(&scene).await, agents(&scene).await), (1, 1));
    scene.clock.advance(Span::days(91));
    pass_until(&scene, Span::secs(1), async || first(&scene).await > 3 && agents(&scene).await == 0).await;
    assert!(
        scene.post(crate::scene::TOKEN, &json!({"type": "message", "agent": {"id": "new"}, "message": "hi"})).await.0
            < 300
    );
    scene = scene.restart().await;
    let checked = scene.app.door.store.check().await.unwrap();
    assert_eq!(checked.wrong, Vec::<String>::new());
    scene.finish(&[]).await;
}

#[tokio::test]
async fn copies_are_made_every_hour_and_one_of_each_day_stays() {
    let folder = tempfile::tempdir().unwrap();
    let plan = format!("[backup]\ndir = {:?}\nkeep = \"3h\"\nkeep_daily = \"2d\"", folder.path());
    let scene = Scene::start(database::sqlite().await, &plan).await;
    let newest = |scene: &Scene| format!("sereno-{}Z.db", scene.now().rfc3339()[..19].replace([':', '-'], ""));
    for _ in 0..60 {
        let wanted = newest(&scene);
        pass_until(&scene, Span(0), async || names(folder.path()).contains(&wanted)).await;
        scene.advance(Span::hours(1)).await;
    }
    let last = newest(&scene);
    pass_until(&scene, Span(0), async || names(folder.path()).len() == 6 && names(folder.path()).contains(&last)).await;
    let ends: Vec<String> = names(folder.path()).iter().map(|name| name[14..20].to_owned()).collect();
    assert_eq!(ends, ["1T0000", "2T0000", "2T1800", "2T1900", "2T2000", "2T2100"], "{:?}", names(folder.path()));
    let copy = Store::open_reader(&format!("sqlite://{}", folder.path().join(&last).display())).await.unwrap();
    copy.looked_through().await.unwrap();
    copy.close().await;
    scene.finish(&[]).await;
}

/// What is in a folder, in order.
fn names(folder: &Path) -> Vec<String> {
    let found = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = found.collect();
    names.sort();
    names
}
