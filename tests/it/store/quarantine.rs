//! A fold that breaks: what broke it is put aside, and everything else goes on. The folds here break where they are
//! told to, and are the real one otherwise.

use futures_util::future::join_all;
use serde_json::json;
use sereno::clock::{Clock as _, within};
use sereno::core::audit::ChainHead;
use sereno::core::input::{Body, Input, Reported};
use sereno::core::quarantine::Quarantined;
use sereno::core::reason::Reason;
use sereno::core::step::{Decision, step};
use sereno::core::time::Span;
use sereno::core::world::World;
use sereno::engine::{AppendError, NewInput};
use sereno::runtime::decode;
use sereno::store::{Appended, Store};

use super::night::{Folding, clock, folded, night, whole_log};
use crate::database::{Database, on_both};
use crate::scene::PATIENCE;

on_both!(
    one_input_is_put_aside_and_the_others_of_its_batch_go_through,
    deadlines_are_dropped_when_they_break_the_fold,
    nobody_is_told_when_that_breaks_it_too,
    a_fold_that_nothing_helps_refuses_and_goes_on,
    what_a_newer_fold_breaks_over_is_passed_over_for_good,
);

const BREAKS: &str = "this breaks the fold";

fn is_bad(body: &Body) -> bool {
    matches!(body, Body::Event(reported) if reported.event.message.as_deref() == Some(BREAKS))
}

fn breaks(world: &mut World, input: &Input) -> Decision {
    if is_bad(&input.body) {
        // Something is half done by then.
        world.agents = sereno::core::arena::Arena::default();
        panic!("{BREAKS}");
    }
    step(world, input)
}

fn breaks_late(world: &mut World, input: &Input) -> Decision {
    let drops = matches!(&input.body, Body::Quarantined(about) if about.deadlines);
    assert!(drops || world.next_deadline().is_none_or(|due| due > input.at), "a deadline breaks the fold");
    step(world, input)
}

fn breaks_when_told(world: &mut World, input: &Input) -> Decision {
    let tells = matches!(&input.body, Body::Quarantined(about) if !about.silent);
    assert!(!tells, "telling breaks the fold");
    breaks(world, input)
}

fn breaks_always(world: &mut World, input: &Input) -> Decision {
    assert!(!matches!(input.body, Body::Quarantined(_)), "this breaks it too");
    breaks(world, input)
}

/// Breaks over an event of the night, as a newer version might.
fn breaks_over_old(world: &mut World, input: &Input) -> Decision {
    let is_event = matches!(input.body, Body::Event(_));
    assert!(input.pos != 5 || !is_event, "a newer fold breaks over an entry");
    assert!(input.pos != 7, "a newer fold breaks here, whatever is left out");
    step(world, input)
}

fn event(id: &str, message: &str) -> NewInput {
    let event = json!({ "type": "message", "id": id, "agent": {"id": id}, "message": message });
    let reported = Reported::new("fleet", clock().now(), decode::event(event, None).unwrap());
    NewInput::keyed("fleet", id, Body::Event(Box::new(reported)))
}

fn is_refused(appended: &Appended) -> bool {
    appended.reply.as_ref().is_some_and(|reply| reply.refused && matches!(reply.reason, Reason::Quarantined { .. }))
}

fn put_aside(log: &[Input]) -> Vec<&Quarantined> {
    log.iter()
        .filter_map(|input| if let Body::Quarantined(about) = &input.body { Some(&**about) } else { None })
        .collect()
}

/// The audit is one chain, whatever was left out.
async fn audit_verifies(store: &Store) -> Vec<String> {
    let mut head = ChainHead::default();
    let rows = store.audit_after(0, &sereno::store::AuditFilter::default()).await.unwrap();
    for row in &rows {
        head.verify(row).unwrap();
    }
    rows.into_iter().map(|row| row.action).collect()
}

async fn one_input_is_put_aside_and_the_others_of_its_batch_go_through(db: Database) {
    let store = db.open().await;
    let engine = Folding::start_with(&store, clock(), breaks).await;
    engine.play(&night().log[..2]).await;
    let batches = [
        vec![event("a", "good"), event("bad", BREAKS), event("b", "good")],
        vec![event("c", "good")],
        vec![event("worse", BREAKS), event("worse", BREAKS)],
        vec![event("d", "good")],
    ];
    let told = within(PATIENCE, join_all(batches.into_iter().map(|batch| engine.log.append(batch)))).await.unwrap();
    let told: Vec<Vec<Appended>> = told.into_iter().map(Result::unwrap).collect();
    let refused: Vec<Vec<bool>> = told.iter().map(|batch| batch.iter().map(is_refused).collect()).collect();
    assert_eq!(refused, [vec![false, true, false], vec![false], vec![true, false], vec![false]]);
    let again = engine.log.append_one(event("bad", BREAKS)).await.unwrap();
    assert!(again.duplicate && is_refused(&again), "whoever sends it again is told the same again");
    engine.crash().await;

    let log = whole_log(&store).await;
    for appended in told.iter().flatten().filter(|appended| !appended.duplicate) {
        let body = &log[usize::try_from(appended.pos.unwrap()).unwrap() - 1].body;
        assert_eq!(matches!(body, Body::Quarantined(_)), is_refused(appended));
    }
    let aside = put_aside(&log);
    assert_eq!(aside.len(), 2);
    assert_eq!((aside[0].what.as_str(), aside[0].error.as_str()), ("event", BREAKS));
    assert_eq!(serde_json::from_str::<Body>(&aside[0].body).unwrap(), event("bad", BREAKS).body);
    assert_eq!(aside[0].bytes, aside[0].body.len() as u64);

    // What is in the log breaks nothing any more, and leads to the same World with either fold.
    let world = folded(World::default(), &log);
    assert!(["a", "b", "c", "d"].iter().all(|id| world.agent("fleet", id).is_some()));
    assert!(world.agent("fleet", "bad").is_none());
    let engine = Folding::start_with(&store, clock(), breaks).await;
    assert!(!is_refused(&engine.log.append_one(event("e", "good")).await.unwrap()));
    engine.stop().await;
    let actions = audit_verifies(&store).await;
    assert_eq!(actions.iter().filter(|action| *action == "input.quarantined").count(), 2);
}

async fn deadlines_are_dropped_when_they_break_the_fold(db: Database) {
    let store = db.open().await;
    let engine = Folding::start_with(&store, clock(), breaks_late).await;
    engine.play(&night().log[..2]).await;
    engine.clock.advance(Span::days(2));
    let taken = within(PATIENCE, engine.log.append_one(event("a", "good"))).await.unwrap().unwrap();
    assert!(!is_refused(&taken), "it is not to blame");
    engine.stop().await;
    let log = whole_log(&store).await;
    let aside = put_aside(&log);
    assert!(!aside.is_empty() && aside.iter().all(|about| about.deadlines && about.what == "deadlines"), "{aside:?}");
    assert!(folded(World::default(), &log).agent("fleet", "a").is_some());
    assert!(audit_verifies(&store).await.contains(&"deadlines.dropped".to_owned()));
}

async fn nobody_is_told_when_that_breaks_it_too(db: Database) {
    let store = db.open().await;
    let engine = Folding::start_with(&store, clock(), breaks_when_told).await;
    engine.play(&night().log[..2]).await;
    let told = engine.log.append(vec![event("bad", BREAKS), event("a", "good")]).await.unwrap();
    assert!(is_refused(&told[0]) && !is_refused(&told[1]));
    engine.stop().await;
    let log = whole_log(&store).await;
    let aside = put_aside(&log);
    assert_eq!((aside.len(), aside[0].silent, aside[0].deadlines), (1, true, false), "no deadline is to blame");
    assert!(folded(World::default(), &log).cards.values().all(|card| card.content.name() != "notice"));
}

async fn a_fold_that_nothing_helps_refuses_and_goes_on(db: Database) {
    let store = db.open().await;
    let engine = Folding::start_with(&store, clock(), breaks_always).await;
    engine.play(&night().log[..2]).await;
    let refused = async {
        let append = engine.log.append_one(event("bad", BREAKS));
        tokio::pin!(append);
        loop {
            // It waits before it gives up, so that nobody spins.
            tokio::select! {
                refused = &mut append => return refused,
                () = tokio::task::yield_now() => engine.clock.advance(Span::secs(1)),
            }
        }
    };
    let refused = within(PATIENCE, refused).await.unwrap();
    assert!(matches!(refused, Err(AppendError::Unavailable(_))), "{refused:?}");
    assert!(engine.log.append_one(event("a", "good")).await.unwrap().pos.is_some());
    engine.stop().await;
    assert!(put_aside(&whole_log(&store).await).is_empty());
}

async fn what_a_newer_fold_breaks_over_is_passed_over_for_good(db: Database) {
    let store = db.open().await;
    let engine = Folding::start(&store, clock()).await;
    engine.play(&night().log[..20]).await;
    engine.crash().await;
    // All of the log is folded again, as after a change of the snapshots' format.
    db.execute("DELETE FROM snapshots").await;
    let before = whole_log(&store).await;
    for _ in 0..2 {
        // The second time it is known already.
        let engine = Folding::start_with(&store, clock(), breaks_over_old).await;
        let id = format!("after {}", whole_log(&store).await.len());
        let taken = engine.log.append(vec![event(&id, "good")]).await.unwrap();
        assert!(taken[0].pos.is_some() && !is_refused(&taken[0]));
        engine.crash().await;
        let log = whole_log(&store).await;
        assert_eq!(log[..before.len()], before, "the log is never changed");
        let aside: Vec<Option<u64>> = put_aside(&log).iter().map(|about| about.pos).collect();
        assert_eq!(aside, [Some(5), Some(7)], "somebody is told of each once");
        audit_verifies(&store).await;
    }
}
