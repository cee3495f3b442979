//! A decision lands on the request that was drawn on the card that was tapped, or nowhere.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;
use sereno::core::approval::{Approval, ApprovalState};
use sereno::core::delivery::{Card, Copy, Subject};
use sereno::core::input::Body;

use super::logs::{Op, for_all, ops};
use super::run::Run;

type States = BTreeMap<u64, ApprovalState>;

fn states(run: &Run) -> States {
    run.sim.world.approvals.iter().map(|(number, a)| (*number, a.state)).collect()
}

/// Approvals that a person decided between `before` and now.
fn decided<'a>(run: &'a Run, before: &States) -> Vec<&'a Approval> {
    let was_open = |a: &&Approval| before.get(&a.number) == Some(&ApprovalState::Pending);
    let by_a_person = |a: &&Approval| a.decided.as_ref().is_some_and(|d| d.by.is_some() && d.grant.is_none());
    run.sim.world.approvals.values().filter(was_open).filter(by_a_person).collect()
}

#[test]
fn a_tap_decides_what_its_own_card_shows_or_nothing() {
    let taps = vec((any::<usize>(), 1..14_u16, any::<u8>()), 1..12);
    let decisions = std::cell::Cell::new(0);
    for_all(60, &(ops(90), taps), |(ops, taps)| {
        let mut run = Run::new();
        for (at, op) in ops.iter().enumerate() {
            if let Op::Say(_, line) = op
                && line.contains("{}")
            {
                continue;
            }
            run.act(op);
            let Some((copy, button, odd)) = taps.get(at % (taps.len() * 2)).copied() else { continue };
            let (foreign, receipt) = (odd % 8 == 1, odd % 8 != 2);
            let Some(invocation) = run.invocation("ana", copy, button, foreign, receipt) else { continue };
            let tap = invocation.tap.clone().unwrap();
            let on: Copy = (*run.sim.world.copies[&tap.copy]).clone();
            let card: Card = (*run.sim.world.cards[&on.card]).clone();
            let target = invocation.origin.as_ref().unwrap().target.clone();
            let before = states(&run);
            let reply = run.sim.input(Body::Command(invocation)).expect("never silent");
            for approval in decided(&run, &before) {
                decisions.set(decisions.get() + 1);
                assert!(!reply.refused);
                assert_eq!(target, on.to.target, "decided from another conversation");
                assert!(tap.receipt == on.receipt || on.receipt.is_none(), "decided on another message");
                assert!(matches!(card.subject, Subject::Approval(n) | Subject::FullText(n) if n == approval.number));
                let drawn = card.buttons.iter().find(|b| b.number == tap.button).expect("the button was drawn");
                assert!(drawn.is_drawn(on.whole), "the button was not drawn on this copy");
                assert!(drawn.command.contains(&format!("digest:{}", approval.digest)), "{}", drawn.command);
                let verb = if approval.state == ApprovalState::Approved { "approve" } else { "deny" };
                assert!(drawn.command.starts_with(verb), "{} led to {:?}", drawn.command, approval.state);
            }
        }
    });
    assert!(decisions.get() > 20, "only {} taps decided something: the test shows too little", decisions.get());
}
