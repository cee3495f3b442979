//! The commit: all of it or nothing, and every input once.

use sereno::engine::{AppendError, NewInput};
use sereno::store::{Entry, Error, Store, Tx, Writes, idempotency_key};

use super::night::{Folding, clock, night, whole_log};
use crate::database::{Database, on_both};
use crate::sim::Sim;

on_both!(
    a_commit_that_fails_leaves_nothing,
    a_commit_under_an_old_term_leaves_nothing,
    an_input_that_comes_twice_counts_once,
    many_callers_at_once_are_all_answered_in_one_order,
    an_engine_whose_commit_failed_goes_on_with_what_is_stored,
);

/// Everything that a night writes, as one transaction.
async fn written(store: &Store, sim: &Sim) -> Tx {
    let mut writes = Writes::default();
    for decision in &sim.decisions {
        writes.add(decision.clone());
    }
    let entries: Vec<Entry> =
        sim.log.iter().map(|i| Entry { pos: i.pos, at: i.at, body: serde_json::to_string(&i.body).unwrap() }).collect();
    let mut tx = store.begin_commit().await.unwrap();
    let keys: Vec<_> = (0..100).map(|n: u32| (idempotency_key("night", &n.to_string()), false)).collect();
    let fresh = tx.note_keys(&keys, sim.now).await.unwrap();
    assert_eq!(fresh.len(), 100, "nothing was kept of an earlier try");
    tx.append(&entries).await.unwrap();
    tx.write(&writes, &sim.world).await.unwrap();
    tx.write_models(&writes.changed, &sim.world).await.unwrap();
    tx
}

async fn a_commit_that_fails_leaves_nothing(db: Database) {
    let (store, sim) = (db.open().await, night());
    let lease = store.seize_engine("me", sim.now).await.unwrap();
    let before = db.dump().await;
    let mut tx = written(&store, &sim).await;
    let again = Entry { pos: 1, at: sim.log[0].at, body: "{}".into() };
    assert!(matches!(tx.append(&[again]).await, Err(Error::Sql(_))), "a position is taken once");
    drop(tx);
    assert_eq!(db.dump().await, before);

    written(&store, &sim).await.commit(0, sim.world.pos, lease.term).await.unwrap();
    let after = db.dump().await;
    for table in ["seen", "log", "outbox", "cards", "copies", "audit", "agents", "sessions", "tasks", "costs"] {
        assert!(after[table].len() > before[table].len(), "{table}");
    }
    assert_eq!(after["log"].len(), sim.log.len());
}

async fn a_commit_under_an_old_term_leaves_nothing(db: Database) {
    let (store, sim) = (db.open().await, night());
    let old = store.seize_engine("old", sim.now).await.unwrap();
    let new = store.seize_engine("new", sim.now).await.unwrap();
    assert!(new.term > old.term);
    let before = db.dump().await;
    let refused = written(&store, &sim).await.commit(0, sim.world.pos, old.term).await;
    assert!(matches!(refused, Err(Error::LeaseLost)), "{refused:?}");
    assert_eq!(db.dump().await, before);
    let refused = written(&store, &sim).await.commit(7, sim.world.pos, new.term).await;
    assert!(matches!(refused, Err(Error::LeaseLost)), "not where the log is: {refused:?}");
    assert_eq!(db.dump().await, before);
    written(&store, &sim).await.commit(0, sim.world.pos, new.term).await.unwrap();
}

async fn an_input_that_comes_twice_counts_once(db: Database) {
    let store = db.open().await;
    let (engine, night) = (Folding::start(&store, clock()).await, night());
    engine.play(&night.log[..1]).await;
    let event = |source: &str, key: &str| NewInput::keyed(source, key, night.log[1].body.clone());
    let batch = vec![event("a", "1"), event("a", "1"), event("b", "1"), event("a", "2")];
    let first: Vec<bool> = engine.log.append(batch.clone()).await.unwrap().iter().map(|a| a.pos.is_some()).collect();
    assert_eq!(first, [true, false, true, true], "a key is unique within its source");
    let second = engine.log.append(batch).await.unwrap();
    assert!(second.iter().all(|a| a.pos.is_none() && a.reply.is_none()));
    // Neither can be mistaken for the other by moving the border between source and key.
    assert_ne!(idempotency_key("ab", "c"), idempotency_key("a", "bc"));
    engine.stop().await;
    assert_eq!(whole_log(&store).await.len(), 4);
}

async fn many_callers_at_once_are_all_answered_in_one_order(db: Database) {
    let store = db.open().await;
    let (engine, night) = (Folding::start(&store, clock()).await, night());
    let callers: Vec<_> = (0..300)
        .map(|n| {
            let (log, body) = (engine.log.clone(), night.log[1].body.clone());
            let batch = vec![NewInput::keyed(format!("caller {n}"), "1", body.clone()), NewInput::unkeyed(body)];
            tokio::spawn(async move { log.append_patiently(batch).await.unwrap() })
        })
        .collect();
    let mut positions = Vec::new();
    for caller in callers {
        let both: Vec<u64> = caller.await.unwrap().iter().map(|appended| appended.pos.unwrap()).collect();
        assert_eq!(both[0] + 1, both[1], "what was appended together stands together");
        positions.extend(both);
    }
    positions.sort_unstable();
    assert_eq!(positions, (1..=600).collect::<Vec<_>>());
    engine.stop().await;
    assert_eq!(whole_log(&store).await.len(), 600);
}

async fn an_engine_whose_commit_failed_goes_on_with_what_is_stored(db: Database) {
    let store = db.open().await;
    let (engine, night) = (Folding::start(&store, clock()).await, night());
    engine.play(&night.log[..2]).await;
    // Somebody has meddled: the next position is taken.
    db.execute("INSERT INTO log (pos, at, body) SELECT 3, MAX(at), '{}' FROM log").await;
    let input = NewInput::keyed("night", "once", night.log[2].body.clone());
    let refused = engine.log.append_one(input.clone()).await;
    assert!(matches!(refused, Err(AppendError::Unavailable(_))), "{refused:?}");
    db.execute("DELETE FROM log WHERE pos = 3").await;
    let taken = engine.log.append_one(input.clone()).await.unwrap();
    assert_eq!(taken.pos, Some(3), "the key of the failed commit is free again");
    assert_eq!(engine.log.append_one(input).await.unwrap().pos, None);
    engine.stop().await;
    assert_eq!(whole_log(&store).await.len(), 3);
}
