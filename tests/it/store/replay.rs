//! Law: a World is the fold of the log, whichever way it was come by.

use std::path::Path;

use sereno::core::input::{Body, Input};
use sereno::core::time::Span;
use sereno::core::world::World;
use sereno::engine::NewInput;
use sereno::store::parts_of;

use super::night::{Folding, clock, folded, night, whole_log};
use crate::database::{Database, on_both};

/// What a version has written, later ones read: the folder holds the night as it was written once.
const WRITTEN: &str = "tests/fixtures/store";

on_both!(
    a_snapshot_and_the_tail_give_the_same_world_as_the_whole_log,
    a_crash_loses_nothing_that_was_answered,
    read_models_are_brought_up_to_date_after_a_crash,
    whoever_crashes_young_leaves_a_snapshot_in_time,
    a_snapshot_stands_in_parts_and_one_in_one_piece_is_read,
);

/// Bytes of a part of a snapshot.
const PART: usize = 256 * 1024;

async fn a_snapshot_stands_in_parts_and_one_in_one_piece_is_read(db: Database) {
    let (store, night) = (db.open().await, night());
    let mut world = folded(World::default(), &night.log);
    // So large that it takes several parts, the last of which is not full.
    for n in 0..40_000 {
        world.moved.insert(("tg".into(), format!("old-{n}")), format!("new-{n}"));
    }
    let parts = parts_of(&world).unwrap();
    let (last, full) = parts.split_last().unwrap();
    assert!(full.len() > 2 && full.iter().all(|part| part.len() == PART) && last.len() < PART, "{}", parts.len());
    let whole = parts.concat();
    for later in 0..3 {
        store.save_snapshot(world.pos + later, night.now, parts.clone()).await.unwrap();
    }
    // The same position again takes the place of what was there.
    store.save_snapshot(world.pos + 2, night.now, parts.clone()).await.unwrap();
    let kept = store.snapshots().await.unwrap();
    assert_eq!(kept.iter().map(|(pos, _)| *pos).collect::<Vec<_>>(), [world.pos + 2]);
    assert!(kept.iter().all(|(_, body)| *body == whole));
    assert!(store.load_snapshot().await.unwrap().write().unwrap() == whole);
    let left = db.texts("SELECT CAST(COUNT(*) AS TEXT) FROM snapshot_parts").await;
    assert_eq!(left, [parts.len().to_string()], "no part is left over");

    // As a version before this one wrote it.
    db.execute("DELETE FROM snapshots").await;
    let body = hex::encode(folded(World::default(), &night.log).write().unwrap());
    let (pos, format) = (night.log.len(), World::FORMAT);
    let bytes = if store.is_exclusive() { format!("X'{body}'") } else { format!("decode('{body}', 'hex')") };
    db.execute(&format!("INSERT INTO snapshots (pos, at, format, body) VALUES ({pos}, 0, {format}, {bytes})")).await;
    assert_eq!(store.load_snapshot().await.unwrap().pos, pos as u64);
}

async fn a_snapshot_and_the_tail_give_the_same_world_as_the_whole_log(db: Database) {
    let (store, night) = (db.open().await, night());
    let (first, second) = night.log.split_at(night.log.len() / 2);
    let engine = Folding::start(&store, clock()).await;
    engine.play(first).await;
    engine.deliver(&store).await;
    let clock = engine.clock.clone();
    engine.stop().await;
    let engine = Folding::start(&store, clock).await;
    engine.play(second).await;
    engine.deliver(&store).await;
    engine.crash().await;

    let log = whole_log(&store).await;
    let positions: Vec<u64> = log.iter().map(|input| input.pos).collect();
    assert_eq!(positions, (1..=log.len() as u64).collect::<Vec<_>>(), "no gaps");
    let snapshot = store.load_snapshot().await.unwrap();
    let at = snapshot.pos;
    assert!(at > 0 && at < log.len() as u64, "there is a snapshot at {at} and a tail behind it");
    let tail = store.log_after(at, i64::MAX.cast_unsigned()).await.unwrap();
    let by_tail = folded(snapshot, &tail).write().unwrap();
    let by_all = folded(World::default(), &log).write().unwrap();
    assert!(by_tail == by_all, "{}\n\n{}", String::from_utf8_lossy(&by_tail), String::from_utf8_lossy(&by_all));
}

/// A World that changes its shape needs a number of its own, and a reader of the one before: where the log was cut,
/// a snapshot is all there is. Only the part in JSON may grow.
#[test]
fn a_snapshot_that_was_written_once_is_read() {
    let written = once_written(&format!("world-{}.snapshot", World::FORMAT), || night().world.write().unwrap());
    let world = World::read(&written).unwrap();
    let again = world.write().unwrap();
    let ((compact, json), (again, more)) = (parts(&written), parts(&again));
    assert!(compact == again, "World::FORMAT must grow");
    assert!(json.iter().all(|(name, value)| more.get(name) == Some(value)), "World::FORMAT must grow");
    assert_eq!((world.agents.len(), world.alerts.len(), world.approvals.len()), (4, 1, 2));
}

#[test]
fn a_log_that_was_written_once_is_folded() {
    let written = once_written("log.jsonl", || {
        let lines: Vec<String> = night().log.iter().map(|input| serde_json::to_string(input).unwrap()).collect();
        lines.join("\n").into_bytes()
    });
    let log: Vec<Input> =
        String::from_utf8(written).unwrap().lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let world = folded(World::default(), &log);
    assert_eq!((world.pos, world.approvals.len()), (log.len() as u64, 2));
}

/// A snapshot's compact part, and the JSON behind it.
fn parts(snapshot: &[u8]) -> (&[u8], serde_json::Map<String, serde_json::Value>) {
    let starts = (0..snapshot.len()).filter(|at| snapshot[*at] == b'{');
    let mut found = starts.filter_map(|at| Some((&snapshot[..at], serde_json::from_slice(&snapshot[at..]).ok()?)));
    found.next().expect("there is JSON behind it")
}

/// What is in a file; the first time it is written there, to be committed.
fn once_written(name: &str, write: impl Fn() -> Vec<u8>) -> Vec<u8> {
    let path = Path::new(WRITTEN).join(name);
    std::fs::read(&path).unwrap_or_else(|_| {
        std::fs::write(&path, write()).unwrap();
        panic!("{} was not there; look at it, and commit it", path.display());
    })
}

async fn a_crash_loses_nothing_that_was_answered(db: Database) {
    let (store, night) = (db.open().await, night());
    let engine = Folding::start(&store, clock()).await;
    engine.play(&night.log).await;
    let clock = engine.clock.clone();
    engine.crash().await;
    let before = whole_log(&store).await;
    let engine = Folding::start(&store, clock).await;
    assert_eq!(engine.lease.cursor, before.len() as u64);
    let again = night.log.iter().find(|input| matches!(input.body, Body::Event(_))).unwrap();
    let keyed = NewInput::keyed("night", again.pos.to_string(), again.body.clone());
    assert_eq!(engine.log.append_one(keyed).await.unwrap().pos, None, "it was answered before the crash");
    engine.stop().await;
    assert_eq!(whole_log(&store).await, before);
}

async fn read_models_are_brought_up_to_date_after_a_crash(db: Database) {
    let (store, night) = (db.open().await, night());
    let engine = Folding::start(&store, clock()).await;
    engine.play(&night.log).await;
    let clock = engine.clock.clone();
    engine.crash().await;
    Folding::start(&store, clock).await.stop().await;
    let world = folded(World::default(), &whole_log(&store).await);
    let agents = store.agents(sereno::core::time::Ts(0), 100).await.unwrap();
    assert_eq!(agents.len(), world.agents.iter().count());
    let spent: i64 = store.costs(sereno::core::time::Ts(0)).await.unwrap().iter().map(|row| row.4.cost.0).sum();
    assert_eq!(spent, 1_850_000, "0.42 + 0.45 + 0.46 + 0.14 + 0.38 dollars");
    assert_eq!(store.cost_since(sereno::core::time::Ts(0)).await.unwrap().0, spent);
}

/// A process that ends soon after it begins, again and again, must not have ever more to fold.
async fn whoever_crashes_young_leaves_a_snapshot_in_time(db: Database) {
    let store = db.open().await;
    let newest = async || store.snapshots().await.unwrap().last().map(|(pos, _)| *pos);
    let engine = Folding::start(&store, clock()).await;
    engine.play(&night().log[..3]).await;
    let clock = engine.clock.clone();
    engine.stop().await;
    let first = newest().await;
    for (lives, written) in [(1, false), (2, false), (3, true)] {
        clock.advance(Span::mins(4));
        let engine = Folding::start(&store, clock.clone()).await;
        // When the second one is answered, whatever was due after the first is done.
        for _ in 0..2 {
            engine.log.append_one(NewInput::unkeyed(Body::Tick)).await.unwrap();
        }
        engine.crash().await;
        assert_eq!(newest().await > first, written, "after {lives} lives of four minutes");
    }
}
