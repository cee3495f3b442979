//! Who may fold: one process, known by its term.

use std::sync::Arc;
use std::time::Duration;

use sereno::clock::{ManualClock, within};
use sereno::core::time::Span;
use sereno::engine::{AppendError, Claim, NewInput, Stopped, Watched};
use sereno::store::{Bell, ENGINE, Store};

use super::night::{Folding, LEASE, clock, night, whole_log};
use crate::database::{self, Database, on_both};
use crate::sim::at;

on_both!(an_engine_whose_lease_was_taken_stops, a_new_holder_begins_where_the_old_one_ended);

/// A process that wants the right to fold, by a clock of its own.
fn claim(store: &Store, holder: &str, clock: &ManualClock) -> Claim {
    Claim {
        store: store.clone(),
        clock: Arc::new(clock.clone()),
        bell: Bell::default(),
        name: ENGINE.to_owned(),
        holder: holder.to_owned(),
        lives: LEASE,
    }
}

#[tokio::test]
async fn a_holder_that_does_not_move_is_followed_after_its_time_by_the_watchers_clock() {
    let db = database::postgres().await;
    let (left, right) = (db.open().await, db.open().await);
    // Their clocks are a day apart, and nobody minds.
    let (mine, yours) = (clock(), ManualClock::new(at("09:00").plus(Span::days(1))));
    let first = claim(&left, "left", &mine).take_if_free().await.unwrap().expect("it was free");
    let other = claim(&right, "right", &yours);
    assert_eq!(other.take_if_free().await.unwrap(), None);
    let mut seen = Watched::default();
    for second in 0..11 {
        assert_eq!(other.look(&mut seen).await.unwrap(), None, "after {second} s");
        yours.advance(Span::secs(1));
    }
    let second = other.look(&mut seen).await.unwrap().expect("it has not moved for 11 s");
    assert!(second.term > first.term);
    assert!(!left.renew_lease(ENGINE, first.term, at("09:00")).await.unwrap());
}

#[tokio::test]
async fn a_holder_that_renews_is_left_alone_until_it_cannot() {
    let db = database::postgres().await;
    let (left, right) = (db.open().await, db.open().await);
    let (mine, yours) = (clock(), clock());
    let holder = claim(&left, "left", &mine);
    let first = holder.take_if_free().await.unwrap().unwrap();
    let kept = tokio::spawn(async move { holder.kept(first.term).await });
    // It counts from when it begins, so it begins before the clock is moved.
    tokio::task::yield_now().await;
    let (other, mut seen) = (claim(&right, "right", &yours), Watched::default());
    for _ in 0..4 {
        let beat = right.lease(ENGINE).await.unwrap().beat;
        assert_eq!(other.look(&mut seen).await.unwrap(), None);
        mine.advance(Span::secs(5));
        let renewed = within(Duration::from_secs(20), async {
            while right.lease(ENGINE).await.unwrap().beat == beat {
                tokio::task::yield_now().await;
            }
        });
        assert!(renewed.await.is_some(), "it renews each 5 s");
        // Others see it before the holder has its answer, and a holder whose clock moves meanwhile gives up.
        let _answered = within(Duration::from_millis(200), std::future::pending::<()>()).await;
        yours.advance(Span::secs(15));
    }
    assert_eq!(other.look(&mut seen).await.unwrap(), None);
    assert!(!kept.is_finished());
    // Somebody took it all the same: the next renewal tells.
    let third = left.seize_engine("third", at("09:00")).await.unwrap();
    assert!(third.term > first.term);
    mine.advance(Span::secs(5));
    within(Duration::from_secs(20), kept).await.expect("the lease is lost").unwrap();
}

#[tokio::test]
async fn a_lease_that_was_given_back_is_free_at_once() {
    let db = database::postgres().await;
    let (left, right) = (db.open().await, db.open().await);
    let (mine, yours) = (clock(), clock());
    let (one, other) = (claim(&left, "left", &mine), claim(&right, "right", &yours));
    let first = one.take_if_free().await.unwrap().unwrap();
    one.resign(first.term).await;
    let second = other.look(&mut Watched::default()).await.unwrap().expect("it was given back");
    one.resign(first.term).await;
    assert!(right.renew_lease(ENGINE, second.term, at("09:00")).await.unwrap(), "nobody gives back what is not theirs");
    assert_eq!(one.take_if_free().await.unwrap(), None);
}

#[tokio::test]
async fn of_many_that_want_the_lease_at_once_one_gets_it() {
    let db = database::postgres().await;
    let store = db.open().await;
    let wanted = (0..8).map(|n| {
        let claim = claim(&store, &format!("p{n}"), &clock());
        tokio::spawn(async move { claim.take_if_free().await.unwrap() })
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
    // Another process, from whose sight this one was lost.
    let later = at("09:00").plus(Span::hours(1));
    let other = store.seize_engine("second", later).await.unwrap();
    let refused = engine.log.append_one(NewInput::unkeyed(night.log[2].body.clone())).await;
    assert!(matches!(refused, Err(AppendError::Unavailable(_))), "{refused:?}");
    assert!(matches!(engine.stopped().await, Stopped::LeaseLost));
    assert_eq!(whole_log(&store).await.len(), 2);
    assert!(store.renew_lease(ENGINE, other.term, later).await.unwrap(), "the new holder keeps it");
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
