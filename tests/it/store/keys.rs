//! Idempotency keys: each counts once, in whatever company it comes, and a commit that is given up leaves none.

use std::collections::HashSet;

use sereno::core::input::{Body, Reported};
use sereno::core::time::Ts;
use sereno::engine::NewInput;
use sereno::runtime::decode;

use super::night::{Folding, clock, whole_log};
use crate::database::{Database, on_both};

on_both!(every_key_counts_once_in_any_company, a_commit_that_is_given_up_notes_no_key);

fn input(n: u32) -> NewInput {
    let text = format!(r#"{{"id":"e-{n}","type":"agent.heartbeat","agent":{{"id":"a-{}"}}}}"#, n % 7);
    let event = decode::canonical(&text.into()).unwrap().remove(0);
    NewInput::keyed("runtime:x", format!("e-{n}"), Body::Event(Box::new(Reported::new("x", Ts(1_000), event))))
}

async fn every_key_counts_once_in_any_company(db: Database) {
    let store = db.open().await;
    let engine = Folding::start(&store, clock()).await;
    let (mut seen, mut twice) = (HashSet::new(), 0);
    for round in 0..30 {
        // Batches of all sizes, with keys of their own, of earlier ones, and some twice in one.
        let length = round * 37 % 700 + 1;
        let numbers: Vec<u32> = (0..length).map(|n| (n * 31 + round * 101) % 20_000 / (1 + round % 3)).collect();
        let news: Vec<bool> = numbers.iter().map(|n| seen.insert(*n)).collect();
        let appended = engine.log.append(numbers.into_iter().map(input).collect()).await.unwrap();
        assert_eq!(appended.iter().map(|a| a.pos.is_some()).collect::<Vec<_>>(), news);
        twice += news.iter().filter(|new| !**new).count();
    }
    engine.stop().await;
    assert!(twice > 100, "{twice} came twice");
    let log = whole_log(&store).await;
    assert_eq!(log.iter().filter(|input| matches!(input.body, Body::Event(_))).count(), seen.len());
}

async fn a_commit_that_is_given_up_notes_no_key(db: Database) {
    let store = db.open().await;
    let (keys, at) = ([([1; 16], false), ([2; 16], true)], Ts(5));
    for dropped in [true, false] {
        let mut tx = store.begin_commit().await.unwrap();
        assert!(tx.note_new_keys(&keys, at).await.unwrap());
        if dropped { drop(tx) } else { tx.roll_back().await.unwrap() }
    }
    let mut tx = store.begin_commit().await.unwrap();
    assert_eq!(tx.note_keys(&keys, at).await.unwrap().len(), keys.len());
}
