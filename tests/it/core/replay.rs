//! The fold is a function of the log: folding it again, in pieces, through snapshots or through its JSON
//! form gives the same World, the same decisions and the same audit, byte for byte.

use proptest::collection::vec;
use proptest::prelude::*;
use sereno::core::audit::ChainHead;
use sereno::core::input::Input;
use sereno::core::time::Span;

use super::logs::{for_all, ops};
use super::run::{Run, fold};

#[test]
fn the_same_log_gives_the_same_world_wherever_it_is_cut() {
    for_all(30, &(ops(120), vec(any::<usize>(), 0..6)), |(ops, cuts)| {
        let run = Run::of(&ops);
        let log = &run.sim.log;
        let cuts: Vec<usize> = cuts.iter().map(|cut| cut % log.len()).collect();
        let (world, decisions) = fold(log, &cuts);
        assert_eq!(decisions, run.sim.decisions, "cut at {cuts:?}");
        let (again, before) = (world.write().unwrap(), run.sim.world.write().unwrap());
        assert!(again == before, "{}", difference(&again, &before));
    });
}

#[test]
fn a_log_that_went_through_json_gives_the_same_world() {
    for_all(15, &ops(120), |ops| {
        let run = Run::of(&ops);
        let text = serde_json::to_string(&run.sim.log).unwrap();
        let log: Vec<Input> = serde_json::from_str(&text).unwrap();
        assert_eq!(log, run.sim.log);
        let (world, decisions) = fold(&log, &[]);
        assert_eq!(decisions, run.sim.decisions);
        assert!(world.write().unwrap() == run.sim.world.write().unwrap());
    });
}

#[test]
fn the_audit_is_one_chain_and_shows_any_change() {
    for_all(15, &(ops(120), any::<usize>()), |(ops, which)| {
        let run = Run::of(&ops);
        let rows: Vec<_> = run.sim.decisions.iter().flat_map(|d| d.audit.clone()).collect();
        let mut head = ChainHead::default();
        for row in &rows {
            head.verify(row).unwrap();
        }
        assert_eq!(head, run.sim.world.audit);
        let mut forged = rows.clone();
        let place = which % forged.len();
        forged[place].actor.push('x');
        let mut head = ChainHead::default();
        assert!(forged.iter().any(|row| head.verify(row).is_err()), "a changed actor in row {place} went unseen");
    });
}

#[test]
fn a_world_that_was_left_alone_for_weeks_can_be_cut_anywhere_too() {
    for_all(6, &(ops(60), any::<usize>()), |(ops, cut)| {
        let mut run = Run::of(&ops);
        run.go_quiet();
        run.sim.say("ana", "/status");
        run.sim.advance(Span::days(3));
        let cut = cut % run.sim.log.len();
        let (world, decisions) = fold(&run.sim.log, &[cut, run.sim.log.len() - 1]);
        assert_eq!(decisions, run.sim.decisions, "cut at {cut}");
        let (again, before) = (world.write().unwrap(), run.sim.world.write().unwrap());
        assert!(again == before, "{}", difference(&again, &before));
    });
}

/// The neighbourhood of the first byte that differs.
fn difference(a: &[u8], b: &[u8]) -> String {
    let at = a.iter().zip(b).position(|(a, b)| a != b).unwrap_or(a.len().min(b.len()));
    let show =
        |bytes: &[u8]| String::from_utf8_lossy(&bytes[at.saturating_sub(150)..(at + 80).min(bytes.len())]).into_owned();
    format!("at byte {at}:\n  {}\n  {}", show(a), show(b))
}
