//! The World as the newest snapshot and the log behind it have it.
//!
//! What is in the log was folded before it was committed, so it does not break the fold that folded it. A newer version
//! may break over it all the same: then it goes on without that entry, notes its position in the store so that every
//! later start and every other process leaves out the same, and says so. It never changes the log.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::quarantine::{about, caught};
use crate::core::input::{Body, Input};
use crate::core::quarantine::Quarantined;
use crate::core::step::{Changed, Decision, Step};
use crate::core::time::Ts;
use crate::core::world::World;
use crate::store::{self, Store};

/// What is left out at one position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Without {
    /// The entry; time passes all the same.
    Entry,
    /// What fell due before it: the fold broke without the entry as well.
    Deadlines,
    /// Everything: the World stands at that position, and nothing else has happened.
    Everything,
}

/// Where what is left out.
type PassedOver = BTreeMap<u64, Without>;

/// A World, and what was found on the way to it.
pub(super) struct Rebuilt {
    pub world: World,
    /// The position of the snapshot and its time; none when it began with the log.
    pub snapshot: Option<(u64, Ts)>,
    /// Whose read models the log behind the snapshot touched.
    pub changed: Changed,
    /// What is passed over from now on.
    pub news: Vec<Quarantined>,
}

/// Where the fold broke, and over what.
struct Broke {
    input: Input,
    why: String,
}

/// The World of the newest snapshot with the log behind it folded in.
pub(super) async fn rebuild(store: &Store, step: Step, cursor: u64) -> store::Result<Rebuilt> {
    let noted = store.passed_over().await?;
    let mut out: PassedOver = noted.map(|text| serde_json::from_str(&text)).transpose()?.unwrap_or_default();
    let mut news = Vec::new();
    loop {
        kill_point!("engine.start.before");
        let mut world = store.load_snapshot().await?;
        kill_point!("engine.start.after");
        let (from, snapshot) = (world.pos, (world.pos > 0).then_some((world.pos, world.now)));
        let broke = match replay(store, step, &mut world, cursor, &out).await? {
            Ok(changed) => {
                if out.range(from + 1..).next().is_some() {
                    // The store has numbers and rows that this World has not made.
                    store.go_on_behind(&mut world).await?;
                }
                return Ok(Rebuilt { world, snapshot, changed, news });
            }
            Err(broke) => broke,
        };
        let Broke { input: Input { pos, body, .. }, why } = *broke;
        tracing::error!(pos, why, "this version breaks over what is in the log; it goes on without that");
        metrics::counter!("sereno_quarantined_total").increment(1);
        let without = match out.get(&pos) {
            None => Without::Entry,
            Some(Without::Entry) => Without::Deadlines,
            Some(Without::Deadlines | Without::Everything) => Without::Everything,
        };
        if out.insert(pos, without).is_none() {
            // The log has its body already.
            news.push(Quarantined { pos: Some(pos), body: String::new(), ..about(&body, &why)? });
        }
        store.pass_over(&serde_json::to_string(&out)?).await?;
    }
}

async fn replay(
    store: &Store,
    step: Step,
    world: &mut World,
    cursor: u64,
    out: &PassedOver,
) -> store::Result<Result<Changed, Box<Broke>>> {
    let mut changed = Changed::default();
    while world.pos < cursor {
        let stretch = store.log_after(world.pos, cursor).await?;
        if stretch.is_empty() {
            break;
        }
        for input in stretch {
            match go_on(step, world, &input, out.get(&input.pos).copied()) {
                Ok(decision) => changed.merge(decision.changed),
                Err(why) => return Ok(Err(Box::new(Broke { input, why }))),
            }
        }
    }
    Ok(Ok(changed))
}

fn go_on(step: Step, world: &mut World, input: &Input, without: Option<Without>) -> Result<Decision, String> {
    let at = input.at.max(world.now);
    match without {
        None => return caught(step, world, input),
        Some(Without::Entry) => return caught(step, world, &Input { pos: input.pos, at, body: Body::Tick }),
        Some(Without::Deadlines | Without::Everything) => while world.schedule.take_due(at).is_some() {},
    }
    if without == Some(Without::Deadlines) {
        return caught(step, world, input);
    }
    (world.pos, world.now) = (input.pos, at);
    Ok(Decision::default())
}
