//! Lost time: nobody is blamed for it, nothing comes back by it, and whoever must know is told once.

use serde_json::json;
use sereno::core::alert::AlertState;
use sereno::core::approval::ApprovalState;
use sereno::core::policy::Lang;
use sereno::core::time::{Span, Ts};

use super::logs::{for_all, ops};
use super::run::Run;
use crate::sim::{Sim, policy, rule};

const HOUR: i64 = 3_600_000;

/// Thirty agents at work, and a rule that tells of silence.
fn fleet() -> Sim {
    let mut policy = policy();
    policy.rules.push(rule("silent", "idle() > 15 * 60"));
    policy.rules.push(rule("stuck", "in_tool() > 60 * 60"));
    let mut sim = Sim::with(policy);
    for n in 0..30 {
        let (id, session) = (format!("agent-{n}"), format!("s-{n}"));
        sim.event(json!({ "type": "session.started", "agent": { "id": id }, "session": { "id": session } }));
        if n % 3 == 0 {
            let tool = json!({ "name": "Bash", "call_id": format!("c{n}"), "input": { "command": "make" } });
            sim.event(
                json!({ "type": "tool.started", "agent": { "id": id }, "session": { "id": session }, "tool": tool }),
            );
        }
    }
    sim
}

fn firing(sim: &Sim) -> usize {
    sim.world.alerts.values().filter(|alert| alert.state == AlertState::Firing).count()
}

fn silent(sim: &Sim) -> usize {
    sim.world.agents.iter().filter(|(_, agent)| agent.silent).count()
}

#[test]
fn nobody_is_called_silent_for_time_that_was_lost() {
    for wall in [31_000, 5 * 60_000, 2 * HOUR, 24 * HOUR] {
        let mut sim = fleet();
        sim.advance(Span::mins(9));
        sim.jump(wall);
        assert_eq!((firing(&sim), silent(&sim)), (0, 0), "at once, {wall}");
        sim.advance(Span::mins(9));
        assert_eq!((firing(&sim), silent(&sim)), (0, 0), "within one window, {wall}");
        sim.advance(Span::mins(2));
        assert_eq!((firing(&sim), silent(&sim)), (0, 20), "shown after one window, {wall}");
        sim.advance(Span::mins(5));
        assert_eq!(firing(&sim), 20, "told after the rule's own, {wall}");
        sim.advance(Span::hours(1));
        assert_eq!(firing(&sim), 30, "a tool that never ends too, {wall}");
    }
}

#[test]
fn a_gap_that_is_short_changes_nothing() {
    let mut sim = fleet();
    sim.advance(Span::mins(14));
    sim.jump(29_000);
    sim.advance(Span::mins(1));
    assert_eq!(firing(&sim), 20);
}

#[test]
fn what_people_were_told_does_not_end_by_a_jump() {
    let mut sim = fleet();
    sim.advance(Span::mins(16));
    assert_eq!(firing(&sim), 20);
    sim.jump(2 * HOUR);
    sim.advance(Span::mins(1));
    assert_eq!(firing(&sim), 20, "they are as silent as before");
    sim.away(Span::hours(1));
    assert_eq!(firing(&sim), 20);
    sim.event(json!({ "type": "agent.heartbeat", "agent": { "id": "agent-1" } }));
    assert_eq!(firing(&sim), 19, "a sign of life ends it");
}

#[test]
fn what_was_about_to_be_told_holds_anew() {
    let mut policy = policy();
    policy.rules = vec![sereno::core::policy::RuleSpec { hold: Span::mins(5), ..rule("burn", "cost('6h') > 1.0") }];
    let mut sim = Sim::with(policy);
    sim.event(json!({ "type": "model.call", "agent": { "id": "a" }, "model": "m", "usage": { "cost_usd": "2.00" } }));
    sim.jump(HOUR);
    assert_eq!(firing(&sim), 0, "five minutes did not pass");
    sim.advance(Span::mins(4));
    assert_eq!(firing(&sim), 0);
    sim.advance(Span::mins(1));
    assert_eq!(firing(&sim), 1);
}

#[test]
fn a_jump_is_told_to_admins_once_an_hour() {
    let mut sim = fleet();
    sim.jump(2 * HOUR);
    let text = sim.text("notice", Lang::En);
    assert_eq!(text, "⚠ The clock went 2 h ahead. What was due meanwhile is done now; nobody is called silent for it.");
    let people: Vec<_> =
        sim.card("notice").copies.iter().filter_map(|n| sim.world.copies[n].to.person.clone()).collect();
    assert_eq!(people, ["victor", "victor"], "the admin, on both channels");
    for _ in 0..20 {
        sim.jump(-2 * HOUR);
        sim.jump(2 * HOUR);
    }
    assert_eq!(sim.cards("notice").len(), 1, "forty more within the hour, and two hours leapt each time");
    let rows = sim.decisions.iter().flat_map(|d| &d.audit).filter(|row| row.action == "clock.jumped");
    assert_eq!(rows.count(), 41, "the audit has all of them");
    sim.advance(Span::hours(1));
    sim.jump(-6_000);
    let text = sim.text("notice", Lang::Es);
    assert_eq!(text, "⚠ El reloj se atrasó 6 s. Sereno sigue desde la hora posterior; lo vencido sigue vencido.");
}

#[test]
fn an_absence_is_told_in_one_line_to_everybody() {
    let mut sim = fleet();
    sim.away(Span::mins(2));
    assert!(sim.cards("notice").is_empty(), "a restart is no news");
    sim.to("10:00");
    let before = sim.world.cards.len();
    sim.away(Span::mins(47));
    assert_eq!(
        sim.text("notice", Lang::En),
        "⚠ Sereno was down from 10:00 to 10:47. Silence of agents counts from now on."
    );
    assert_eq!(sim.world.cards.len(), before + 1, "one line, and not one for each agent");
    assert_eq!(sim.card("notice").copies.len(), 4, "both people, on both channels");
}

#[test]
fn a_question_expires_over_a_gap_and_never_comes_back() {
    for back in [-1_000, -300_000, -2 * HOUR, -24 * HOUR] {
        let mut sim = fleet();
        let ask = json!({ "id": "q", "action": { "tool": "Bash", "input": { "command": "make" } } });
        sim.event(json!({ "type": "approval.requested", "agent": { "id": "agent-1" }, "approval": ask }));
        let code = sim.code();
        sim.jump(2 * HOUR);
        assert_eq!(sim.world.approvals.values().last().unwrap().state, ApprovalState::Expired);
        sim.jump(back);
        assert!(sim.say("victor", &format!("/approve {code}")).refused);
        assert_eq!(sim.world.approvals.values().last().unwrap().state, ApprovalState::Expired);
    }
}

#[test]
fn no_decision_is_late_and_none_is_undone_whatever_the_clock_does() {
    let cases = crate::dose::times(64, 4096);
    let decisions = std::cell::Cell::new(0);
    for_all(u32::try_from(cases).unwrap(), &ops(60), |ops| {
        let mut run = Run::new();
        let mut ended = std::collections::BTreeMap::new();
        let mut now = Ts::default();
        for op in &ops {
            run.act(op);
            let world = &run.sim.world;
            assert!(world.now >= now, "time goes on");
            now = world.now;
            for approval in world.approvals.values().filter(|a| !a.is_pending()) {
                let by_a_person = approval.decided.as_ref().filter(|d| d.by.is_some());
                assert!(by_a_person.is_none_or(|d| d.at < approval.expires), "{approval:?} was decided late");
                let first = *ended.entry(approval.number).or_insert(approval.state);
                assert_eq!(first, approval.state, "what has ended stays ended");
                decisions.set(decisions.get() + usize::from(by_a_person.is_some()));
            }
            for approval in world.approvals.values().filter(|a| a.is_pending()) {
                assert!(approval.expires > world.now, "{approval:?} should have expired");
            }
        }
    });
    assert!(decisions.get() > 10, "people decided {} times", decisions.get());
}
