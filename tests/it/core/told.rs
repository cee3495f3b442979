//! Nobody is left believing that something is wrong: whoever was told that an alert fires is told once
//! that it is over, in the same conversation, even when nothing happens any more.

use sereno::core::alert::AlertState;
use sereno::core::delivery::{Card, Copy, Told};
use sereno::core::message::Content;
use sereno::core::time::Span;

use super::logs::{for_all, ops};
use super::run::Run;

#[test]
fn whoever_was_told_that_it_fires_is_told_once_that_it_is_over() {
    for_all(25, &ops(110), |ops| {
        let mut run = Run::of(&ops);
        run.go_quiet();
        for (copy, told) in run.told.iter().filter(|(copy, _)| !run.given_up.contains(copy)) {
            let count = |what| told.iter().skip_while(|t| **t == Told::Resolved).filter(|t| **t == what).count();
            assert_eq!(count(Told::Firing), count(Told::Resolved), "copy {copy} was told {told:?}");
        }
        let open: Vec<_> = run.sim.world.alerts.values().filter(|a| a.state != AlertState::Resolved).collect();
        assert!(open.is_empty(), "never resolved: {open:?}");
    });
}

#[test]
fn so_is_whoever_reads_where_no_message_can_be_changed() {
    for_all(25, &ops(110), |ops| {
        let mut run = Run::of_mails(&ops);
        run.go_quiet();
        for (copy, told) in run.told.iter().filter(|(copy, _)| !run.given_up.contains(copy)) {
            let count = |what| told.iter().skip_while(|t| **t == Told::Resolved).filter(|t| **t == what).count();
            assert_eq!(count(Told::Firing), count(Told::Resolved), "copy {copy} was told {told:?}");
        }
        let rows: Vec<_> =
            run.sim.world.outstanding.iter().filter(|(_, waits)| !waits.dead && waits.copy.is_some()).collect();
        assert!(rows.is_empty(), "never sent: {rows:?}");
    });
}

#[test]
fn whoever_was_told_of_a_task_there_is_told_how_it_ended() {
    for_all(25, &ops(110), |ops| {
        let mut run = Run::of_mails(&ops);
        run.answer_all();
        let world = &run.sim.world;
        let copies = |card: &Card| card.copies.iter().filter_map(|copy| world.copies.get(copy)).collect::<Vec<_>>();
        for card in world.cards.values() {
            let Content::TaskCard(task) = &card.content else { continue };
            for copy in copies(card).into_iter().filter(|copy| task.column.is_final() && copy.dead.is_none()) {
                let is_here = |notice: &Copy| notice.to.is_at(&copy.to);
                let by_notice = copy.within.is_some_and(|notice| {
                    world.preferences.keeps(notice, &copy.to)
                        || world.cards.get(&notice).is_some_and(|card| copies(card).into_iter().any(|one| is_here(one)))
                });
                assert!(by_notice || copy.sent >= card.turn, "{copy:?} of {card:?}");
            }
        }
    });
}

/// Rules whose conditions are about the last hour at most: three quiet hours later none of them holds.
const OF_WINDOWS: &[&str] = &["loop", "runaway-cost", "slow-burn", "session-cost", "task-cost", "fleet-cost", "errors"];

#[test]
fn what_a_window_made_fire_is_over_once_the_window_has_passed() {
    for_all(25, &ops(110), |ops| {
        let mut run = Run::of(&ops);
        run.sim.advance(Span::hours(3));
        let open = run.sim.world.alerts.values().filter(|a| a.state != AlertState::Resolved);
        let stuck: Vec<_> = open.filter(|a| OF_WINDOWS.contains(&a.rule.as_str())).collect();
        assert!(stuck.is_empty(), "{stuck:?}");
    });
}
