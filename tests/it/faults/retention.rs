//! What is old goes, what is needed stays, and what was spent stays what it was.

use std::collections::BTreeMap;

use proptest::prelude::*;
use sereno::core::input::Body;
use sereno::core::money::Sums;
use sereno::core::time::{Span, Ts};
use sereno::engine::NewInput;
use sereno::store::{KEY_STRETCHES, Prunable, Spender, Store};

use crate::database::{self, Database, on_both};
use crate::store::night::{Folding, clock, folded, night, whole_log};

on_both!(
    nothing_that_is_needed_goes,
    a_cut_audit_can_still_be_verified,
    hours_and_quarters_add_up_to_the_same,
    keys_go_when_their_time_has_come,
    the_log_is_cut_only_behind_the_older_snapshot,
);

const ALL: [Prunable; 11] = [
    Prunable::Log,
    Prunable::Outbox,
    Prunable::Sessions,
    Prunable::Tasks,
    Prunable::Agents,
    Prunable::Alerts,
    Prunable::Approvals,
    Prunable::Cards,
    Prunable::Audit,
    Prunable::SignIns,
    Prunable::Quarters,
];

fn family(model: &str) -> String {
    model.split('-').next().unwrap_or_default().to_owned()
}

/// A night with two snapshots, after a second engine has ended in order.
async fn two_nights(store: &Store) -> Ts {
    let night = night();
    let (first, second) = night.log.split_at(night.log.len() / 2);
    let engine = Folding::start(store, clock()).await;
    engine.play(first).await;
    let clock = engine.clock.clone();
    engine.stop().await;
    let engine = Folding::start(store, clock).await;
    engine.play(second).await;
    engine.stop().await;
    night.now
}

async fn prune_all(store: &Store, before: Ts) -> u64 {
    let mut gone = 0;
    for class in ALL {
        loop {
            match store.prune(class, before).await.unwrap() {
                0 => break,
                some => gone += some,
            }
        }
    }
    gone
}

async fn nothing_that_is_needed_goes(db: Database) {
    let store = db.open().await;
    let end = two_nights(&store).await.plus(Span::days(400));
    let open = store.pending_approvals("fleet").await.unwrap().len();
    let rows = store.list_outbox(1000).await.unwrap().len();
    assert!(open > 0 && rows > 0, "{open} {rows}");
    let alerts = store.count_open().await.unwrap();
    assert!(prune_all(&store, end).await > 20);
    assert_eq!(store.pending_approvals("fleet").await.unwrap().len(), open, "a question that waits");
    assert_eq!(store.list_outbox(1000).await.unwrap().len(), rows, "what must still be sent");
    assert_eq!(store.count_open().await.unwrap(), alerts, "what is not over");
    // Everything that must be sent can still be drawn.
    for row in store.claim("courier", end, Span::mins(1), 1000).await.unwrap() {
        assert!(!matches!(row.work, sereno::store::ClaimedWork::Broken(_)), "{row:?}");
    }
    let checked = store.check().await.unwrap();
    assert_eq!(checked.wrong, Vec::<String>::new());
    assert_eq!(prune_all(&store, end).await, 0, "and then there is nothing more to do");
}

async fn the_log_is_cut_only_behind_the_older_snapshot(db: Database) {
    let store = db.open().await;
    let end = two_nights(&store).await;
    let (before, snapshots) = (whole_log(&store).await, store.snapshots().await.unwrap());
    assert_eq!(snapshots.len(), 2);
    while store.prune(Prunable::Log, end.plus(Span::days(400))).await.unwrap() > 0 {}
    let after = whole_log(&store).await;
    assert_eq!(after.first().map(|input| input.pos), Some(snapshots[0].0 + 1));
    assert_eq!(after[..], before[before.len() - after.len()..]);
    // The World is what it was, and goes on.
    let world = folded(store.load_snapshot().await.unwrap(), &[]);
    assert!(world.write().unwrap() == snapshots[1].1);
    let engine = Folding::start(&store, sereno::clock::ManualClock::new(end)).await;
    engine.log.append_one(NewInput::unkeyed(Body::Tick)).await.unwrap();
    engine.stop().await;
    let checked = store.check().await.unwrap();
    assert_eq!(checked.wrong, Vec::<String>::new());
    assert!(checked.right.iter().any(|right| right.contains("what was before was cut")), "{:?}", checked.right);
    // Without a snapshot that can be read there is nothing to begin with, and that is said.
    db.execute("DELETE FROM snapshots").await;
    let error = store.load_snapshot().await.expect_err("the beginning is gone").to_string();
    assert!(error.starts_with("there is no snapshot that this version can read"), "{error}");
}

async fn a_cut_audit_can_still_be_verified(db: Database) {
    let store = db.open().await;
    let end = two_nights(&store).await;
    let head = store.verify_audit().await.unwrap().unwrap();
    let middle = store.audit_after(2, &sereno::store::AuditFilter::default()).await.unwrap()[0].at;
    assert!(store.prune(Prunable::Audit, middle).await.unwrap() > 0);
    assert!(store.audit_anchor().await.unwrap().seq > 0);
    assert_eq!(store.verify_audit().await.unwrap().unwrap(), head, "the rest is whole");
    db.execute("UPDATE audit SET actor = 'nobody' WHERE seq = (SELECT MIN(seq) FROM audit)").await;
    let wrong = store.verify_audit().await.unwrap().unwrap_err();
    assert!(wrong.ends_with("was changed after it was written"), "{wrong}");
    while store.prune(Prunable::Audit, end.plus(Span::days(400))).await.unwrap() > 0 {}
    assert_eq!(store.verify_audit().await.unwrap().unwrap(), head, "what follows will still follow");
}

async fn keys_go_when_their_time_has_come(db: Database) {
    let store = db.open().await;
    let keys: Vec<([u8; 16], bool)> =
        (0..200).map(|n| (sereno::store::idempotency_key("s", &n.to_string()), n % 2 == 0)).collect();
    let lease = store.seize_engine("first", Ts(0)).await.unwrap();
    let mut tx = store.begin_commit().await.unwrap();
    assert_eq!(tx.note_keys(&keys, Ts(0)).await.unwrap().len(), 200);
    tx.commit(0, 0, lease.term).await.unwrap();
    let sweep = async |before: i64, lasting: i64| {
        let mut gone = 0;
        for stretch in 0..KEY_STRETCHES {
            gone += store.prune_keys(stretch, Ts(before), Ts(lasting)).await.unwrap();
        }
        gone
    };
    assert_eq!(sweep(0, 0).await, 0);
    assert_eq!(sweep(1, 0).await, 100, "those that do not last");
    assert_eq!(sweep(1, 1).await, 100, "and then the others");
}

/// Cost of a quarter of an hour.
type Quarter = (i64, &'static str, &'static str, &'static str, i64);

fn quarters() -> Vec<Quarter> {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let quarter = (
        0_i64..400,
        prop_oneof![Just("a"), Just("b"), Just("c")],
        prop_oneof![Just("claude-x"), Just("claude-y"), Just("gpt-z")],
        prop_oneof![Just(""), Just("t1")],
        1_i64..1_000_000,
    );
    let quarters = proptest::collection::vec(quarter, 800);
    let tree = Strategy::new_tree(&quarters, &mut runner).unwrap();
    proptest::strategy::ValueTree::current(&tree)
}

async fn book(db: &Database, quarters: &[Quarter]) {
    let rows = quarters.iter().map(|(n, agent, model, task, micros)| {
        format!("({}, '{agent}', '{model}', '{task}', 1, 0, 10, 1, 0, 0, {micros})", n * 900_000)
    });
    let rows: Vec<String> = rows.collect();
    for chunk in rows.chunks(200) {
        // Every row a statement: the same cell may come again, and adds up.
        let statements: Vec<String> = chunk
            .iter()
            .map(|row| {
                format!(
                    "INSERT INTO costs (at, agent, model, task, calls, unpriced, input, output, cache_read, cache_write, micros) VALUES {row} \
                     ON CONFLICT (at, agent, model, task) DO UPDATE SET calls = costs.calls + excluded.calls, input = costs.input + excluded.input, output = costs.output + excluded.output, micros = costs.micros + excluded.micros"
                )
            })
            .collect();
        db.execute(&statements.join("; ")).await;
    }
}

fn expected(quarters: &[Quarter], from: i64, until: i64) -> BTreeMap<Spender, i64> {
    let mut spent = BTreeMap::new();
    for (_, agent, model, task, micros) in quarters.iter().filter(|q| (from..until).contains(&q.0)) {
        let spender = Spender { agent: (*agent).into(), family: family(model), task: (*task).into() };
        *spent.entry(spender).or_default() += micros;
    }
    spent
}

async fn hours_and_quarters_add_up_to_the_same(db: Database) {
    let store = db.open().await;
    let mut booked = quarters();
    book(&db, &booked).await;
    let same = async |booked: &[Quarter], word: &str| {
        for (from, until) in [(0, 400), (1, 399), (7, 8), (5, 6), (4, 8), (97, 203), (150, 150), (399, 400), (0, 3)] {
            let found = store.spent(Ts(from * 900_000), Ts(until * 900_000), &family).await.unwrap();
            let found: BTreeMap<Spender, i64> =
                found.into_iter().map(|(who, sums): (_, Sums)| (who, sums.cost.0)).collect();
            assert_eq!(found, expected(booked, from, until), "{word}: {from} to {until}");
        }
    };
    same(&booked, "nothing is written by the hour").await;
    let middle = Ts(200 * 900_000);
    while store.roll_hour(middle, &family).await.unwrap() {}
    same(&booked, "half is written by the hour").await;
    // A late report: the engine says which hour it touches.
    booked.push((10, "a", "gpt-z", "", 77));
    book(&db, &booked[booked.len() - 1..]).await;
    db.execute(&format!("UPDATE marks SET value = {} WHERE name = 'hours' AND value > {}", 8 * 900_000, 8 * 900_000))
        .await;
    while store.roll_hour(middle, &family).await.unwrap() {}
    same(&booked, "a late report").await;
    while store.roll_hour(Ts(500 * 900_000), &family).await.unwrap() {}
    same(&booked, "all is written by the hour").await;
    let far = Ts(200 * 900_000).plus(Span::days(9));
    let mut gone = 0;
    loop {
        match store.prune(Prunable::Quarters, far).await.unwrap() {
            0 => break,
            some => gone += some,
        }
    }
    assert!(gone > 100);
    let found = store.spent(Ts(0), Ts(400 * 900_000), &family).await.unwrap();
    let found: i64 = found.values().map(|sums| sums.cost.0).sum();
    assert_eq!(found, booked.iter().map(|q| q.4).sum::<i64>(), "and nothing is lost when quarters go");
}

#[tokio::test]
async fn days_of_the_log_are_made_ahead_and_dropped_whole() {
    let db = database::postgres().await;
    let store = db.open().await;
    let day = |n: i64| Ts(n * 86_400_000);
    assert_eq!(store.make_partitions(day(20_000)).await.unwrap(), 4);
    assert_eq!(store.make_partitions(day(20_000)).await.unwrap(), 0, "they are there");
    assert_eq!(store.make_partitions(day(20_001)).await.unwrap(), 1);
    for (pos, at) in [(1, 19_000), (2, 20_000), (3, 20_001), (4, 20_002)] {
        db.execute(&format!("INSERT INTO log (pos, at, body) VALUES ({pos}, {}, '{{\"kind\":\"tick\"}}')", day(at).0))
            .await;
    }
    db.execute("INSERT INTO snapshots (pos, at, format, body) VALUES (3, 0, 1, '')").await;
    let places = db.texts("SELECT tableoid::regclass::text FROM log ORDER BY pos").await;
    assert_eq!(places, ["log_other", "log_day_20000", "log_day_20001", "log_day_20002"]);
    let gone = store.prune(Prunable::Log, day(20_001)).await.unwrap();
    assert_eq!(gone, 2, "the day that is over, and the row without a day");
    let gone = store.prune(Prunable::Log, day(20_400)).await.unwrap();
    assert_eq!(gone, 1, "never what the older snapshot has before it");
    assert_eq!(db.texts("SELECT pos::text FROM log").await, ["4"]);
    let days =
        db.texts("SELECT relname::text FROM pg_class WHERE relname LIKE 'log_day%' AND relkind = 'r' ORDER BY 1").await;
    assert!(days.contains(&"log_day_20002".to_owned()) && !days.contains(&"log_day_20001".to_owned()), "{days:?}");
}
