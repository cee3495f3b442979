//! Who may fold: one process, known by its term.

use sereno::core::time::Span;
use sereno::engine::{AppendError, NewInput, Stopped};

use super::night::{Folding, LEASE, clock, night, whole_log};
use crate::database::{self, Database, on_both};
use crate::sim::at;

on_both!(an_engine_whose_lease_was_taken_stops, a_new_holder_begins_where_the_old_one_ended);

#[tokio::test]
async fn one_process_holds_the_lease_until_it_expires() {
    let db = database::postgres().await;
    let (left, right) = (db.open().await, db.open().await);
    let now = at("09:00");
    let first = left.acquire_lease("left", now, LEASE).await.unwrap().expect("it was free");
    assert_eq!(right.acquire_lease("right", now.plus(Span::secs(14)), LEASE).await.unwrap(), None);
    assert_eq!(right.lease_holder().await.unwrap(), ("left".to_owned(), now.plus(LEASE)));

    assert!(left.renew_lease(first.term, now.plus(Span::secs(10)), LEASE).await.unwrap());
    assert_eq!(right.acquire_lease("right", now.plus(Span::secs(20)), LEASE).await.unwrap(), None, "it was renewed");

    let second = right.acquire_lease("right", now.plus(Span::secs(26)), LEASE).await.unwrap().expect("it has expired");
    assert!(second.term > first.term);
    assert!(!left.renew_lease(first.term, now.plus(Span::secs(27)), LEASE).await.unwrap());
    assert_eq!(left.acquire_lease("left", now.plus(Span::secs(28)), LEASE).await.unwrap(), None);
}

#[tokio::test]
async fn a_lease_that_was_given_back_is_free_at_once() {
    let db = database::postgres().await;
    let (left, right) = (db.open().await, db.open().await);
    let now = at("09:00");
    let first = left.acquire_lease("left", now, LEASE).await.unwrap().unwrap();
    left.resign_lease(first.term).await.unwrap();
    let second = right.acquire_lease("right", now, LEASE).await.unwrap().expect("it was given back");
    left.resign_lease(first.term).await.unwrap();
    assert!(right.renew_lease(second.term, now, LEASE).await.unwrap(), "nobody gives back what is not theirs");
    assert_eq!(left.acquire_lease("left", now, LEASE).await.unwrap(), None);
}

#[tokio::test]
async fn of_many_that_want_the_lease_at_once_one_gets_it() {
    let db = database::postgres().await;
    let store = db.open().await;
    let wanted = (0..8).map(|n| {
        let store = store.clone();
        tokio::spawn(async move { store.acquire_lease(&format!("p{n}"), at("09:00"), LEASE).await.unwrap() })
    });
    let mut got = 0;
    for task in wanted.collect::<Vec<_>>() {
        got += usize::from(task.await.unwrap().is_some());
    }
    assert_eq!(got, 1);
}

async fn an_engine_whose_lease_was_taken_stops(db: Database) {
    let (store, night) = (db.open().await, night());
    let engine = Folding::start(&store, clock()).await;
    engine.play(&night.log[..2]).await;
    // Another process, whose clock is ahead, or from whose sight this one was lost.
    let later = at("09:00").plus(Span::hours(1));
    let other = store.acquire_lease("second", later, LEASE).await.unwrap().expect("it has expired by that clock");
    let refused = engine.log.append_one(NewInput::unkeyed(night.log[2].body.clone())).await;
    assert!(matches!(refused, Err(AppendError::Unavailable(_))), "{refused:?}");
    assert!(matches!(engine.stopped().await, Stopped::LeaseLost));
    assert_eq!(whole_log(&store).await.len(), 2);
    assert!(store.renew_lease(other.term, later, LEASE).await.unwrap(), "the new holder keeps it");
}

async fn a_new_holder_begins_where_the_old_one_ended(db: Database) {
    let (store, night) = (db.open().await, night());
    let engine = Folding::start(&store, clock()).await;
    engine.play(&night.log).await;
    let clock = engine.clock.clone();
    engine.stop().await;
    let before = whole_log(&store).await.len() as u64;
    let engine = Folding::start(&store, clock).await;
    assert_eq!(engine.lease.cursor, before);
    let appended = engine.log.append_one(NewInput::unkeyed(night.log[1].body.clone())).await.unwrap();
    assert_eq!(appended.pos, Some(before + 1));
    engine.stop().await;
}
