//! Whoever folds tells a digest once: crashes, other holders and the clock between them.

use sereno::core::calendar::Unit;
use sereno::core::input::Body;
use sereno::core::policy::DigestSpec;
use sereno::core::time::{Span, Ts};
use sereno::engine::NewInput;
use sereno::store::AuditFilter;

use super::night::{Folding, clock};
use crate::database::{Database, on_both};
use crate::sim::policy;

on_both!(a_digest_is_told_once_whoever_folds);

async fn a_digest_is_told_once_whoever_folds(db: Database) {
    let store = db.open().await;
    let mut policy = policy();
    let (at, to) = ("0 7 * * *".to_owned(), vec!["person:ana".to_owned()]);
    policy.digests.insert("daily".into(), DigestSpec { at, to, period: Unit::Day, via: Vec::new() });
    let mut engine = Folding::start(&store, clock()).await;
    engine.log.append_one(NewInput::unkeyed(Body::Policy(Box::new(policy)))).await.unwrap();
    // Awake when it is due, away when it is due, for a day and for three.
    for hours in [11, 11, 2, 24, 11, 72, 1, 24] {
        let clock = engine.clock.clone();
        let awake = hours % 2 == 1;
        if awake {
            clock.advance(Span::hours(hours));
            engine.log.append_one(NewInput::unkeyed(Body::Tick)).await.unwrap();
        }
        engine.crash().await;
        if !awake {
            clock.advance(Span::hours(hours));
        }
        engine = Folding::start(&store, clock).await;
    }
    engine.stop().await;
    let rows = store.audit_after(0, &AuditFilter::default()).await.unwrap();
    let told: Vec<(Ts, Ts)> = rows
        .iter()
        .filter(|row| row.action == "digest.told")
        .map(|row| ["from", "until"].map(|key| Ts::parse(row.data[key].as_str().unwrap()).unwrap()))
        .map(|[from, until]| (from, until))
        .collect();
    let begin = Ts::parse("2026-11-20T00:00:00Z").unwrap();
    assert_eq!(told.first().map(|(from, _)| *from), Some(begin));
    assert!(told.windows(2).all(|pair| pair[0].1 == pair[1].0), "{told:?}");
    let days: Vec<i64> = told.iter().map(|(from, until)| until.since(*from).0 / 86_400_000).collect();
    assert_eq!(days, [1, 1, 3, 1], "{told:?}");
}
