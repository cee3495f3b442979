//! Approvals: one action, one decision, one outcome; and everything that must not decide anything.

use serde_json::{Value, json};
use sereno::core::approval::{ApprovalState, Reach, Receipt};
use sereno::core::control::{Order, Verdict};
use sereno::core::delivery::Work;
use sereno::core::policy::Policy;
use sereno::core::reason::Reason;
use sereno::core::time::Span;

use crate::sim::{Sim, policy};

fn request(id: &str, command: &str) -> Value {
    json!({"type": "approval.requested", "agent": {"id": "Debug"}, "session": {"id": "4f2a"},
        "approval": {"id": id, "action": {"tool": "Bash", "input": {"command": command}}}})
}

fn asked(command: &str) -> Sim {
    let mut sim = Sim::new();
    sim.event(request("q1", command));
    sim
}

fn state(sim: &Sim, number: u64) -> ApprovalState {
    sim.world.approvals[&number].state
}

/// Every decision that was sent to a runtime.
fn orders(sim: &Sim) -> Vec<(String, Verdict, String)> {
    let rows = sim.decisions.iter().flat_map(|d| &d.outbox);
    let calls = rows.filter_map(|row| if let Work::Control(call) = &row.work { Some(&call.order) } else { None });
    calls
        .filter_map(|order| match order {
            Order::Decide { approval, verdict, outcome, .. } => Some((approval.clone(), *verdict, outcome.clone())),
            _ => None,
        })
        .collect()
}

#[test]
fn silence_denies_at_the_deadline_and_is_an_outcome_of_its_own() {
    let mut sim = asked("pytest");
    sim.advance(Span(Span::mins(25).0 - 1));
    assert_eq!(state(&sim, 1), ApprovalState::Pending);
    sim.advance(Span(1));
    assert_eq!(state(&sim, 1), ApprovalState::Expired);
    assert_eq!(orders(&sim), [("q1".into(), Verdict::Denied, "expired".into())]);
    let late = sim.say("ana", &format!("ok {}", sim.code()));
    assert!(
        late.refused
            && matches!(late.reason, Reason::AlreadyDecided { ref outcome, person: None, .. } if outcome == "expired")
    );
    assert_eq!(orders(&sim).len(), 1, "a late yes reaches nobody");
}

#[test]
fn a_runtime_that_waits_less_sets_the_deadline_and_one_that_waits_longer_does_not() {
    let mut sim = Sim::new();
    for (id, at) in [("short", "2026-11-20T09:10:00Z"), ("long", "2026-11-20T12:00:00Z")] {
        let mut event = request(id, "ls");
        event["approval"]["expires_at"] = json!(at);
        sim.event(event);
    }
    sim.to("09:10");
    assert_eq!((state(&sim, 1), state(&sim, 2)), (ApprovalState::Expired, ApprovalState::Pending));
    sim.to("09:25");
    assert_eq!(state(&sim, 2), ApprovalState::Expired);
}

#[test]
fn the_first_decision_wins_and_a_second_tap_is_told_who_decided() {
    let mut sim = asked("pytest");
    let card = sim.card("approval").number;
    let (approve, deny) = (button(&sim, card, "approve"), button(&sim, card, "deny"));
    assert!(!sim.tap_number("ana", card, approve).refused);
    sim.advance(Span::secs(5));
    for number in [approve, deny] {
        let late = sim.tap_number("victor", card, number);
        let expected = Reason::AlreadyDecided {
            outcome: "approved".into(),
            person: Some("ana".into()),
            at: crate::sim::at("09:00"),
        };
        assert_eq!((late.refused, late.reason), (true, expected));
    }
    let typed = sim.say("victor", &format!("no {}", sim.code()));
    assert!(typed.refused && matches!(typed.reason, Reason::AlreadyDecided { .. }));
    assert_eq!(orders(&sim), [("q1".into(), Verdict::Approved, "approved".into())]);
}

fn button(sim: &Sim, card: u64, label: &str) -> u16 {
    sim.world.cards[&card].buttons.iter().find(|b| b.label == label).expect("the button is drawn").number
}

#[test]
fn a_code_decides_when_it_is_spoken_in_either_language() {
    for (line, approves) in [
        ("ok {}", true),
        ("OK {}!", true),
        ("yes {}", true),
        ("sí {}", true),
        ("Si, {}", true),
        ("/approve {}", true),
        ("/aprobar {}", true),
        ("no {}", false),
        ("No, {}", false),
        ("/deny {}", false),
        ("/rechazar {} toca producción", false),
        ("no {} not on prod", false),
    ] {
        let mut sim = asked("pytest");
        let code = sim.code();
        let reply = sim.say("victor", &line.replace("{}", &code.to_lowercase()));
        assert!(!reply.refused, "{line}: {:?}", reply.reason);
        assert_eq!(state(&sim, 1) == ApprovalState::Approved, approves, "{line}");
        assert_ne!(state(&sim, 1), ApprovalState::Pending, "{line}");
    }
}

#[test]
fn a_refusal_carries_its_words_whole() {
    for (line, words, stop) in [
        ("no {} wait for 10m, task:X is on prod", Some("wait for 10m, task:X is on prod"), false),
        ("/deny {} stop not by me", Some("not by me"), true),
        ("/deny {} why: because", Some("because"), false),
        ("/deny {}", None, false),
    ] {
        let mut sim = asked("pytest");
        sim.say("ana", &line.replace("{}", &sim.code()));
        let decided = sim.world.approvals[&1].decided.clone().unwrap();
        assert_eq!((decided.note.as_deref(), decided.stop), (words, stop), "{line}");
    }
}

#[test]
fn a_text_under_the_card_denies_with_that_text_but_agreement_needs_the_code() {
    let reply = |text: &str| {
        let mut sim = asked("pytest");
        let receipt = sim.world.copies[&1].receipt.clone();
        let person = sim.world.copies[&1].to.target.clone();
        sim.reply("page", &person, receipt, text);
        sim
    };
    let sim = reply("stop, not on prod for 10m");
    let decided = sim.world.approvals[&1].decided.clone().unwrap();
    assert_eq!(
        (state(&sim, 1), decided.note.as_deref(), decided.stop),
        (ApprovalState::Denied, Some("stop, not on prod for 10m"), false)
    );
    for text in ["ok", "Sí!", "yes", "👍"] {
        assert_eq!(state(&reply(text), 1), ApprovalState::Pending, "`{text}` neither denies nor approves");
    }
    let sim = reply("/status");
    assert_eq!(state(&sim, 1), ApprovalState::Pending);
}

#[test]
fn codes_are_unlike_each_other_and_unlike_nothing_that_is_read_wrongly() {
    let mut sim = Sim::new();
    for agent in 0..40 {
        for id in 0..5 {
            let mut event = request(&format!("{agent}-{id}"), "ls");
            event["agent"]["id"] = json!(format!("a{agent}"));
            event["session"]["id"] = json!(format!("s{agent}"));
            sim.event(event);
        }
    }
    let codes: Vec<&str> = sim.world.approvals.values().map(|a| a.code.as_str()).collect();
    assert_eq!(codes.len(), 200);
    for (at, a) in codes.iter().enumerate() {
        assert!(a.len() == 4 && !a.contains(['0', '1', '2', '5', 'B', 'I', 'O', 'S', 'Z']), "{a}");
        for b in &codes[..at] {
            assert!(a.bytes().zip(b.bytes()).filter(|(x, y)| x != y).count() >= 2, "{a} and {b}");
        }
    }
}

#[test]
fn a_long_command_can_only_be_approved_where_all_of_it_was_delivered() {
    let mut sim = asked(&format!("echo {}", "x".repeat(9000)));
    let card = sim.card("approval").number;
    let drawn = |sim: &Sim, channel: &str| {
        let copy = sim.world.copies.values().find(|c| c.card == card && c.to.channel == channel).unwrap();
        let labels = sim.world.cards[&card].buttons.iter().filter(|b| b.is_drawn(copy.whole)).map(|b| b.label.clone());
        labels.collect::<Vec<_>>()
    };
    assert!(!drawn(&sim, "tg").iter().any(|l| l.starts_with("approve")), "{:?}", drawn(&sim, "tg"));
    assert!(drawn(&sim, "tg").contains(&"show".to_owned()) && drawn(&sim, "tg").contains(&"deny".to_owned()));
    assert!(drawn(&sim, "page").contains(&"approve".to_owned()), "the page shows it whole");
    let code = sim.code();
    let refused = sim.say_on("tg", "1234", &format!("ok {code}"));
    assert_eq!((refused.refused, refused.reason), (true, Reason::ReadFirst));
    // The pieces are on their way; not one may be missing.
    sim.delivers = false;
    sim.say_on("tg", "1234", &format!("/show {code}"));
    let pieces = sim.cards("full_text").len();
    assert!(pieces >= 3);
    for piece in 0..pieces {
        assert_eq!(
            sim.say_on("tg", "1234", &format!("ok {code}")).reason,
            Reason::ReadFirst,
            "after {piece} of {pieces} pieces"
        );
        let row = sim.world.copies.values().filter(|c| c.to.channel == "tg").find_map(|c| {
            let piece = sim.world.cards[&c.card].content.name() == "full_text";
            c.outstanding.clone().filter(|_| piece)
        });
        sim.answer_sent(&row.expect("one piece after the other"));
    }
    assert!(!sim.say_on("tg", "1234", &format!("ok {code}")).refused);
    assert_eq!(state(&sim, 1), ApprovalState::Approved);
}

#[test]
fn a_piece_that_was_given_up_has_not_been_read() {
    let mut sim = asked(&format!("echo {}", "x".repeat(9000)));
    let code = sim.code();
    sim.delivers = false;
    sim.say_on("tg", "1234", &format!("/show {code}"));
    let mut first = true;
    while let Some(row) = sim.world.copies.values().find_map(|c| c.outstanding.clone()) {
        let copy = sim.world.outstanding[&row].copy.unwrap();
        let is_piece = sim.world.cards[&sim.world.copies[&copy].card].content.name() == "full_text";
        if is_piece && std::mem::take(&mut first) {
            sim.give_up(&row);
        } else {
            sim.answer_sent(&row);
        }
    }
    assert_eq!(sim.say_on("tg", "1234", &format!("ok {code}")).reason, Reason::ReadFirst);
}

#[test]
fn a_grant_covers_the_same_action_in_the_same_session_and_nothing_else() {
    let mut sim = asked("pytest");
    let card = sim.card("approval").number;
    sim.tap("ana", card, "approve_session");
    let another_session = {
        let mut event = request("q4", "pytest");
        event["session"]["id"] = json!("other");
        event
    };
    for (event, expected) in [
        (request("q2", "pytest"), ApprovalState::Approved),
        (request("q3", "pytest; rm -rf /"), ApprovalState::Pending),
        (another_session, ApprovalState::Pending),
    ] {
        sim.event(event);
        assert_eq!(sim.world.approvals.values().last().unwrap().state, expected);
    }
    let grant = &sim.world.sessions.iter().next().unwrap().1.grants[0];
    assert_eq!((grant.number, grant.by.as_str(), grant.used), (1, "ana", 1));
    assert_eq!(sim.world.approvals[&2].decided.as_ref().unwrap().grant, Some(1));
    sim.say("ana", "/approvals");
    assert!(sim.text("approvals", sereno::core::policy::Lang::En).contains("G1 Debug: pytest · ana → /revoke G1"));
    assert!(!sim.say("ana", "/revoke G1").refused);
    sim.event(request("q5", "pytest"));
    assert_eq!(sim.world.approvals.values().last().unwrap().state, ApprovalState::Pending, "it was taken back");
    assert!(sim.say("ana", "/revoke G1").refused, "there is no such grant any more");
}

#[test]
fn once_is_once() {
    let mut sim = asked("pytest");
    let card = sim.card("approval").number;
    sim.tap("ana", card, "approve");
    assert_eq!(sim.world.approvals[&1].decided.as_ref().unwrap().reach, Some(Reach::Once));
    sim.event(request("q2", "pytest"));
    assert_eq!(state(&sim, 2), ApprovalState::Pending);
}

#[test]
fn a_request_that_changes_replaces_the_old_one_whose_card_decides_nothing() {
    let mut sim = asked("pytest");
    let old = sim.card("approval").number;
    let approve = button(&sim, old, "approve");
    sim.event(request("q1", "pytest"));
    assert_eq!(sim.world.approvals.len(), 1, "the same request again is the same request");
    sim.event(request("q1", "rm -rf /"));
    assert_eq!((state(&sim, 1), state(&sim, 2)), (ApprovalState::Superseded, ApprovalState::Pending));
    let reply = sim.tap_number("ana", old, approve);
    assert!(reply.refused);
    assert_eq!(state(&sim, 2), ApprovalState::Pending);
    assert!(orders(&sim).is_empty());
}

#[test]
fn a_decision_for_another_digest_does_not_count() {
    let mut sim = asked("pytest");
    let code = sim.code();
    let reply = sim.say("ana", &format!("/approve {code} digest:{}", "0".repeat(64)));
    assert_eq!((reply.refused, reply.reason), (true, Reason::DigestMismatch));
    assert_eq!(state(&sim, 1), ApprovalState::Pending);
}

#[test]
fn only_those_who_may_decide_decide() {
    let mut sim = asked("pytest");
    let mut rules: Policy = policy();
    rules.people.get_mut("ana").unwrap().role = sereno::core::access::Role::Operator;
    sim.input(sereno::core::input::Body::Policy(Box::new(rules)));
    let card = sim.card("approval").number;
    let tapped = sim.tap("ana", card, "approve");
    assert!(tapped.refused && matches!(tapped.reason, Reason::RoleMissing { .. }), "{:?}", tapped.reason);
    let stranger = sim.say_on("tg", "666", &format!("ok {}", sim.code()));
    assert!(stranger.refused && matches!(stranger.reason, Reason::UnknownPerson { .. }));
    assert_eq!(state(&sim, 1), ApprovalState::Pending);
    let refusals = sim.decisions.iter().flat_map(|d| &d.audit).filter(|row| row.action == "command.refused").count();
    assert_eq!(refusals, 2, "both are in the audit");
    assert!(!sim.tap("ana", card, "deny").refused, "an operator may say no");
}

#[test]
fn a_session_that_ends_takes_its_questions_along_and_an_agent_can_withdraw_one() {
    let mut sim = asked("pytest");
    sim.event(request("q2", "ls"));
    sim.event(json!({"type": "approval.cancelled", "approval": {"id": "q2"}, "message": "timed out"}));
    assert_eq!(state(&sim, 2), ApprovalState::Cancelled);
    sim.event(json!({"type": "session.ended", "agent": {"id": "Debug"}, "session": {"id": "4f2a"}}));
    assert_eq!(state(&sim, 1), ApprovalState::Cancelled);
    assert_eq!(sim.world.agents.iter().next().unwrap().1.asking, 0);
    assert!(orders(&sim).is_empty(), "nobody is told what nobody waits for");
}

#[test]
fn a_decision_where_the_agent_runs_closes_the_card() {
    for (outcome, expected) in [
        ("allow", ApprovalState::Approved),
        ("approved", ApprovalState::Approved),
        ("deny", ApprovalState::Denied),
        ("", ApprovalState::Denied),
    ] {
        let mut sim = asked("pytest");
        sim.event(json!({"type": "approval.resolved", "approval": {"id": "q1", "outcome": outcome}}));
        assert_eq!(state(&sim, 1), expected);
        assert!(sim.card("approval").buttons.is_empty() && orders(&sim).is_empty());
    }
}

#[test]
fn more_than_ten_open_requests_of_one_agent_are_denied() {
    let mut sim = Sim::new();
    for id in 0..11 {
        sim.event(request(&format!("q{id}"), &format!("ls {id}")));
    }
    assert_eq!(sim.world.approvals.values().filter(|a| a.is_pending()).count(), 10);
    assert_eq!(state(&sim, 11), ApprovalState::Denied);
    assert_eq!(sim.cards("approval").len(), 10, "nobody is asked about the eleventh");
}

#[test]
fn the_card_says_whether_the_runtime_has_the_decision_and_what_came_of_it() {
    let mut sim = asked("pytest");
    let card = sim.card("approval").number;
    sim.tap("ana", card, "approve");
    assert_eq!(sim.world.approvals[&1].receipt, Some(Receipt::Asked));
    sim.answer_control(Ok("ok"));
    assert_eq!(sim.world.approvals[&1].receipt, Some(Receipt::Confirmed));
    sim.event(json!({"type": "tool.ended", "agent": {"id": "Debug"}, "session": {"id": "4f2a"}, "duration_ms": 12_000, "message": "47 passed",
        "tool": {"name": "Bash", "input": {"command": "pytest"}, "ok": true}}));
    let result = sim.world.approvals[&1].result.clone().expect("its result");
    assert_eq!(
        (result.ok, result.took, result.message.as_deref()),
        (Some(true), Some(Span::secs(12)), Some("47 passed"))
    );
    let mut sim = asked("pytest");
    let card = sim.card("approval").number;
    sim.tap("ana", card, "approve");
    sim.advance(Span::secs(60));
    assert!(matches!(sim.world.approvals[&1].receipt, Some(Receipt::Failed(_))), "nobody took it within a minute");
}

#[test]
fn a_no_is_told_for_an_hour_also_to_whoever_asked_while_nothing_could_be_told() {
    for decide in [true, false] {
        let mut sim = asked("pytest");
        let card = sim.card("approval").number;
        if decide {
            sim.tap("ana", card, "deny");
        } else {
            sim.advance(Span::mins(25));
        }
        assert!(matches!(orders(&sim).as_slice(), [(_, Verdict::Denied, _)]));
        sim.advance(Span::mins(59));
        assert_eq!(sim.world.approvals[&1].receipt, Some(Receipt::Asked), "it may still be told");
        sim.advance(Span::mins(1));
        assert!(matches!(sim.world.approvals[&1].receipt, Some(Receipt::Failed(_))), "an hour is enough");
    }
}

#[test]
fn a_runtime_that_cannot_decide_shows_no_buttons() {
    let mut sim = Sim::with({
        let mut policy = policy();
        policy.runtimes.get_mut("fleet").unwrap().can = [].into();
        policy
    });
    sim.event(request("q1", "pytest"));
    assert!(sim.card("approval").buttons.is_empty());
    let reply = sim.say("ana", &format!("ok {}", sim.code()));
    assert!(reply.refused && matches!(reply.reason, Reason::RuntimeCannot { .. }));
}

#[test]
fn the_safe_button_stands_first_and_no_card_has_more_than_it_needs() {
    let sim = asked("pytest");
    let labels: Vec<_> =
        sim.card("approval").buttons.iter().filter(|b| b.is_drawn(true)).map(|b| b.label.clone()).collect();
    assert_eq!(labels, ["deny", "approve", "approve_session", "deny_why", "deny_stop"]);
}
