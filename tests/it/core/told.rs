//! Nobody is left believing that something is wrong: whoever was told that an alert fires is told once
//! that it is over, in the same conversation, even when nothing happens any more.

use sereno::core::alert::AlertState;
use sereno::core::delivery::Told;

use super::logs::{Run, for_all, ops};

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
