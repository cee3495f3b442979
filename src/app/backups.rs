//! Backups on a schedule: a verified copy every so often, all of a day, then one for each day.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::clock::Sources;
use crate::config::Backup;
use crate::core::time::{Span, Ts};
use crate::stop::Stop;
use crate::store::Store;

/// How a copy is called, with its time in between.
const NAME: (&str, &str) = ("sereno-", ".db");

/// Makes copies until `stop` is told. A folder that has a fresh one already is left alone until the next is due.
pub async fn run(store: Store, sources: Sources, folder: PathBuf, plan: Backup, mut stop: Stop) {
    loop {
        let now = sources.now();
        let newest = copies(&folder).into_iter().map(|(at, _)| at).max();
        let due = newest.map_or(now, |at| at.plus(plan.every)).min(now.plus(plan.every));
        tokio::select! {
            () = stop.asked() => return,
            () = sources.clock.sleep_until(due) => {}
        }
        let now = sources.now();
        let made = make(&store, &folder, now).await;
        metrics::counter!("sereno_backups_total", "result" => if made.is_ok() { "made" } else { "failed" })
            .increment(1);
        match made {
            Ok(path) => {
                tracing::info!(path = %path.display(), "backup");
                for old in outlived(&copies(&folder), now, &plan) {
                    if let Err(error) = std::fs::remove_file(&old) {
                        tracing::warn!(path = %old.display(), %error, "an old backup could not be removed");
                    }
                }
            }
            Err(error) => {
                tracing::error!(error, "no backup was made");
                tokio::select! {
                    () = stop.asked() => return,
                    () = sources.clock.sleep(Span::mins(5)) => {}
                }
            }
        }
    }
}

async fn make(store: &Store, folder: &Path, now: Ts) -> Result<PathBuf, String> {
    std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let time = now.rfc3339()[..19].replace([':', '-'], "");
    let to = folder.join(format!("{}{time}Z{}", NAME.0, NAME.1));
    let part = to.with_extension("part");
    let _left_over = std::fs::remove_file(&part);
    store.verified_copy(&part).await.map_err(|error| error.to_string())?;
    std::fs::rename(&part, &to).map_err(|error| error.to_string())?;
    Ok(to)
}

/// The copies in a folder, with their times.
fn copies(folder: &Path) -> Vec<(Ts, PathBuf)> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<_> = entries.filter_map(|entry| Some((time_of(&entry.path())?, entry.path()))).collect();
    found.sort();
    found
}

/// When a copy was made, by its name: `sereno-20261120T091500Z.db`.
fn time_of(path: &Path) -> Option<Ts> {
    let name = path.file_name()?.to_str()?.strip_prefix(NAME.0)?.strip_suffix(NAME.1)?;
    let part = |from: usize, to: usize| name.get(from..to);
    Ts::parse(&format!(
        "{}-{}-{}T{}:{}:{}Z",
        part(0, 4)?,
        part(4, 6)?,
        part(6, 8)?,
        part(9, 11)?,
        part(11, 13)?,
        part(13, 15)?
    ))
}

/// Copies that are not kept any more: older than the first span all but the first of each day, and then all.
pub fn outlived(copies: &[(Ts, PathBuf)], now: Ts, plan: &Backup) -> Vec<PathBuf> {
    let mut days = BTreeSet::new();
    let kept = |at: Ts, first_of_day: bool| {
        let age = now.since(at);
        age <= plan.keep || (first_of_day && age <= plan.keep_daily)
    };
    let old = copies.iter().filter(|(at, _)| !kept(*at, days.insert(at.0.div_euclid(Span::days(1).0))));
    old.map(|(_, path)| path.clone()).collect()
}
