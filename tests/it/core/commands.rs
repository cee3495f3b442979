//! Commands: who may use which, what is understood, and that nobody is ever left without an answer.

use serde_json::json;
use sereno::core::access::Role;
use sereno::core::approval::ApprovalState;
use sereno::core::command::CATALOGUE;
use sereno::core::control::{ControlOutcome, ControlResult, ControlState, Gate, Point};
use sereno::core::delivery::Work;
use sereno::core::input::{Body, Reported};
use sereno::core::reason::Reason;
use sereno::core::status::Status;
use sereno::core::time::Span;

use crate::sim::{Sim, policy};

fn fleet() -> Sim {
    let mut sim = Sim::new();
    for (agent, name) in [("debug", "Debug"), ("docs", "Docs"), ("design", "Design")] {
        let agent = json!({"id": agent, "name": name, "role": name, "tags": ["core"]});
        sim.event(json!({"type": "session.started", "agent": agent, "session": {"id": format!("{name}-1")}, "task": {"id": "OSINT-12"}}));
    }
    sim.event_of("claude", json!({"type": "session.started", "agent": {"id": "osint-mw"}, "session": {"id": "c0ffee00-1111"}, "task": {"id": "API-7"}}));
    sim
}

fn orders(sim: &Sim) -> Vec<String> {
    let rows = sim.decisions.iter().flat_map(|d| &d.outbox);
    rows.filter_map(|row| {
        if let Work::Control(call) = &row.work {
            Some(format!("{} {}", call.order.verb().as_str(), call.agent))
        } else {
            None
        }
    })
    .collect()
}

fn status(sim: &Sim, agent: &str) -> Status {
    sim.world.agents[sim.world.agent_named(agent).unwrap()].status()
}

#[test]
fn every_command_asks_for_the_roles_of_its_file() {
    for role in Role::ALL {
        for spec in &CATALOGUE.0 {
            let mut sim = fleet();
            let mut rules = policy();
            rules.people.get_mut("ana").unwrap().role = role;
            sim.input(Body::Policy(Box::new(rules)));
            let reply = sim.say("ana", &format!("/{} debug", spec.name));
            let refused = matches!(reply.reason, Reason::RoleMissing { .. });
            assert_eq!(refused, !spec.roles.contains(&role), "/{} as {}", spec.name, role.as_str());
        }
    }
}

#[test]
fn whoever_may_do_more_may_do_everything_that_others_may() {
    for spec in &CATALOGUE.0 {
        assert!(spec.roles.contains(&Role::Admin), "/{}", spec.name);
        if spec.roles.contains(&Role::Viewer) {
            assert_eq!(spec.roles.len(), Role::ALL.len(), "/{}", spec.name);
        }
    }
}

/// A session keeps no more than a message shows, and of short lines as many as can be asked for.
#[test]
fn the_last_lines_of_a_session_fit_into_one_message() {
    for (message, fewest) in [("all work and no play ".repeat(40), 18), ("ok".to_owned(), 40), ("ñ".repeat(400), 10)] {
        let mut sim = fleet();
        for n in 0..100 {
            let said = json!({"type": "message", "agent": {"id": "debug"}, "session": {"id": "Debug-1"}, "message": format!("{n} {message}")});
            sim.event(said);
            let session = sim.world.session("fleet", "Debug-1").unwrap();
            let lines: Vec<_> = sim.world.sessions[session].lines.last(40).collect();
            assert!(lines.len() >= fewest.min(n + 1), "{} lines after {n}", lines.len());
            assert!(lines.iter().map(|line| line.text.len()).sum::<usize>() <= 4096);
            assert!(
                lines.last().unwrap().text.starts_with(&format!("message · {n} {}", &message[..2])),
                "the newest is last"
            );
        }
    }
}

#[test]
fn every_typed_line_gets_an_answer_in_its_conversation() {
    for line in [
        "",
        "/",
        "hello",
        "/nonsense",
        "/a",
        "/agent",
        "/agent nobody",
        "/agent d",
        "/deny",
        "/cost by colour",
        "/cost 90d",
        "/why A99",
        "/logs x",
        "/pause",
        "/kill debug",
        "/reassign",
        "ok ZZZZ",
        "/help nothing",
        "/outbox retry x",
    ] {
        let mut sim = fleet();
        let cards = sim.world.counters.cards;
        let reply = sim.say("victor", line);
        assert!(reply.refused, "{line}: {:?}", reply.reason);
        assert!(sim.world.counters.cards > cards, "`{line}` got no answer");
        assert!(!sim.text("notice", sereno::core::policy::Lang::Es).is_empty());
    }
}

#[test]
fn a_wrong_word_gets_the_nearest_and_never_a_guess() {
    let near = |word: &str| match fleet().say("ana", word).reason {
        Reason::UnknownCommand { nearest, .. } => nearest,
        other => panic!("{word}: {other:?}"),
    };
    assert_eq!(near("/aproove 7K3F").as_deref(), Some("approve"));
    assert_eq!(near("/agnets").as_deref(), Some("agents"));
    assert_eq!(near("/pausr debug").as_deref(), Some("pause"));
    assert_eq!(near("/xyzzyplugh"), None);
    let mut sim = fleet();
    assert!(
        matches!(sim.say("ana", "/agent debgu").reason, Reason::NotFound { nearest: Some(name), .. } if name == "debug")
    );
    assert!(
        matches!(sim.say("ana", "/agent de").reason, Reason::Ambiguous { candidates, .. } if candidates == ["fleet/debug", "fleet/design"])
    );
    assert!(orders(&sim).is_empty());
}

#[test]
fn unique_beginnings_are_enough_and_others_are_listed() {
    let mut sim = fleet();
    for (line, card) in [
        ("/who", "whoami"),
        ("/stat", "status"),
        ("/agente deb", "agent"),
        ("/session c0ff", "session"),
        ("/task OSI", "task"),
        ("/STATUS", "status"),
        ("/status@sereno_bot", "status"),
        ("status", "status"),
    ] {
        let before = sim.cards(card).len();
        assert!(!sim.say("ana", line).refused, "{line}");
        assert_eq!(sim.cards(card).len(), before + 1, "{line}");
    }
    let Reason::AmbiguousCommand { candidates, .. } = sim.say("ana", "/re").reason else { panic!("/re is ambiguous") };
    assert!(candidates.contains(&"resume".to_owned()) && candidates.contains(&"revoke".to_owned()), "{candidates:?}");
}

#[test]
fn a_pause_is_asked_and_then_confirmed_and_never_promised() {
    let mut sim = fleet();
    sim.say("ana", "/pause debug");
    let state = |sim: &Sim| sim.world.controls.values().last().unwrap().state;
    assert_eq!((state(&sim), status(&sim, "debug")), (ControlState::Asked, Status::Paused));
    let confirmed =
        |sim: &Sim| sim.world.agents[sim.world.agent_named("debug").unwrap()].pause.as_ref().map(|p| p.confirmed);
    assert_eq!(confirmed(&sim), Some(false));
    sim.answer_control(Ok("held"));
    assert_eq!((state(&sim), confirmed(&sim)), (ControlState::Confirmed, Some(true)));
    assert!(sim.text("control", sereno::core::policy::Lang::En).contains("confirmed: held"));
    assert!(matches!(sim.say("ana", "/pause debug").reason, Reason::AlreadySo { state } if state == "paused"));
    sim.say("ana", "/resume debug");
    assert_eq!(status(&sim, "debug"), Status::Paused, "it is held until the runtime says otherwise");
    sim.answer_control(Ok("goes on"));
    assert_eq!(status(&sim, "debug"), Status::Running);
}

#[test]
fn a_pause_that_fails_is_not_shown_as_one() {
    let mut sim = fleet();
    sim.say("ana", "/pause debug");
    sim.answer_control(Err("no such agent"));
    assert_eq!(status(&sim, "debug"), Status::Running);
    sim.say("ana", "/pause docs");
    sim.advance(Span::mins(5));
    assert_eq!(
        sim.world.controls.values().last().unwrap().state,
        ControlState::Expired,
        "nobody answered in five minutes"
    );
    assert_ne!(status(&sim, "docs"), Status::Paused);
}

#[test]
fn a_pause_for_some_time_ends_by_itself() {
    let mut sim = fleet();
    sim.say("ana", "/pause debug for 30m");
    sim.answer_control(Ok("held"));
    sim.advance(Span(Span::mins(30).0 - 1));
    assert_eq!(orders(&sim), ["pause debug"]);
    sim.advance(Span(1));
    assert_eq!(orders(&sim), ["pause debug", "resume debug"]);
}

#[test]
fn what_touches_many_needs_their_number_and_what_kills_needs_a_yes() {
    let mut sim = fleet();
    assert!(
        matches!(sim.say("ana", "/pause all").reason, Reason::CountNeeded { count: 4, ref retype } if retype == "/pause all 4")
    );
    assert!(matches!(sim.say("ana", "/pause all 3").reason, Reason::CountNeeded { count: 4, .. }));
    assert!(matches!(sim.say("ana", "/kill debug").reason, Reason::ConfirmNeeded { .. }));
    assert!(orders(&sim).is_empty());
    let plan = sim.card("control").number;
    assert!(!sim.tap("ana", plan, "do_it").refused);
    assert_eq!(orders(&sim), ["kill debug"]);
    assert!(!sim.say("ana", "/pause runtime:fleet 3").refused);
    assert_eq!(orders(&sim).len(), 4);
    assert!(matches!(sim.say("ana", "/kill all yes").reason, Reason::CountNeeded { .. }), "a yes is no number");
}

#[test]
fn a_runtime_that_cannot_is_refused_honestly_and_its_buttons_are_not_drawn() {
    let mut sim = fleet();
    let reply = sim.say("victor", "/reassign API-7 to:debug");
    let Reason::RuntimeCannot { runtime, verb, can } = reply.reason else { panic!("{:?}", reply.reason) };
    assert_eq!((runtime.as_str(), verb.as_str(), can.contains(&"reassign".to_owned())), ("claude", "reassign", false));
    assert!(orders(&sim).is_empty());
    assert!(!sim.say("victor", "/reassign OSINT-12 to:docs").refused, "the other runtime can");
    assert_eq!(orders(&sim), ["reassign design"], "whoever works on it now is asked to give it away");
    let mut rules = policy();
    rules.runtimes.get_mut("fleet").unwrap().can.clear();
    let mut sim = Sim::with(rules);
    for _ in 0..5 {
        super::rules::calls(&mut sim, "ls");
    }
    let labels: Vec<_> = sim.card("loop").buttons.iter().map(|b| b.label.clone()).collect();
    assert_eq!(labels, ["ack", "why"], "no pause where nothing can be paused");
}

#[test]
fn words_for_an_agent_arrive_as_they_were_written() {
    for (line, words) in [
        ("/tell debug wait for 10m, then retry task:X by hand", "wait for 10m, then retry task:X by hand"),
        ("/tell debug \"try  hypothesis 3\"", "try  hypothesis 3"),
        ("/decir debug why: nobody knows", "why: nobody knows"),
        ("/tell \"debug\" say \"hi\" to:all", "say \"hi\" to:all"),
    ] {
        let mut sim = fleet();
        assert!(!sim.say("victor", line).refused, "{line}");
        let order = &sim.world.controls.values().last().unwrap().order;
        assert_eq!(*order, sereno::core::control::Order::Tell { text: words.into() }, "{line}");
    }
    assert!(matches!(fleet().say("victor", "/tell debug").reason, Reason::MissingArgument { .. }));
}

/// An agent of Claude Code shows a sign of life; what it is told.
fn stands(sim: &mut Sim, point: Point) -> Gate {
    let event = serde_json::from_value(json!({"type": "tool.started", "agent": {"id": "osint-mw"}, "session": {"id": "c0ffee00-1111"}, "tool": {"name": "Bash"}})).unwrap();
    let reported = Reported::new("claude", sim.now, event).at_gate(point);
    sim.input(Body::Event(Box::new(reported))).unwrap().gate.unwrap()
}

#[test]
fn what_is_asked_of_an_agent_that_pulls_waits_for_its_next_sign_of_life() {
    let mut sim = fleet();
    sim.say("victor", "/tell osint-mw look at line 247");
    sim.answer_control_with(ControlResult::Waiting);
    assert!(stands(&mut sim, Point::BeforeTool).notes.is_empty(), "words cannot be passed on before a tool");
    let gate = stands(&mut sim, Point::AfterTool);
    assert_eq!(gate.notes, [("victor".to_owned(), "look at line 247".to_owned())]);
    assert_eq!(gate.controls.len(), 1);
    assert!(stands(&mut sim, Point::AfterTool).notes.is_empty(), "not twice");
    sim.advance(Span::secs(30));
    assert_eq!(stands(&mut sim, Point::AfterTool).notes.len(), 1, "unless nobody has confirmed it");
    sim.say("ana", "/kill osint-mw yes");
    sim.answer_control_with(ControlResult::Waiting);
    assert_eq!(stands(&mut sim, Point::BeforeTool).stop.as_deref(), Some("ana"));
}

#[test]
fn an_agent_that_is_held_before_the_courier_came_round_has_got_the_pause() {
    let mut sim = fleet();
    sim.delivers = false;
    assert!(!sim.say("ana", "/pause osint-mw").refused);
    let gate = stands(&mut sim, Point::BeforeTool);
    assert!(gate.hold);
    let [id] = gate.controls.as_slice() else { panic!("{gate:?}") };
    let state = |sim: &Sim| sim.world.controls[id].state;
    sim.answer_control_with(ControlResult::Waiting);
    assert_eq!(state(&sim), ControlState::HandedOut, "what the courier says later does not take it back");
    let again = stands(&mut sim, Point::BeforeTool);
    assert!(again.hold && again.controls.is_empty(), "not twice");
    let result = ControlResult::Confirmed { receipt: "held".into() };
    sim.input(Body::Controlled(ControlOutcome { id: id.clone(), attempt: 1, result }));
    assert_eq!(state(&sim), ControlState::Confirmed);
    let paused = sim.world.agents.iter().filter_map(|(_, agent)| agent.pause.as_ref());
    assert_eq!(paused.map(|pause| pause.confirmed).collect::<Vec<_>>(), [true]);
}

#[test]
fn a_kill_answers_what_the_agent_waits_for() {
    let mut sim = fleet();
    sim.event(json!({"type": "approval.requested", "agent": {"id": "debug"}, "session": {"id": "Debug-1"},
        "approval": {"id": "q1", "action": {"tool": "Bash", "input": {"command": "make deploy"}}}}));
    assert!(!sim.say("ana", "/kill debug yes").refused);
    let approval = &sim.world.approvals[&1];
    assert_eq!(approval.state, ApprovalState::Denied);
    let decided = approval.decided.as_ref().unwrap();
    assert_eq!((decided.by.as_deref(), decided.stop), (Some("ana"), true));
}

#[test]
fn a_pause_holds_an_agent_before_its_tool_and_a_resume_lets_go() {
    let mut sim = fleet();
    sim.say("ana", "/pause osint-mw");
    sim.answer_control_with(ControlResult::Waiting);
    sim.say("ana", "/resume osint-mw");
    let pause = sim.world.controls.values().next().unwrap();
    assert_eq!(pause.state, ControlState::Expired, "a pause that has not arrived must not arrive after the resume");
}

#[test]
fn an_admin_can_try_a_dead_message_again_or_drop_it() {
    let mut sim = Sim::new();
    sim.delivers = false;
    sim.say("ana", "/status");
    let row = sim.decisions.last().unwrap().outbox[0].id.clone();
    sim.give_up(&row);
    sim.say("ana", "/status");
    assert!(
        sim.text("status", sereno::core::policy::Lang::En).contains("⚠️ page:ana: "),
        "a broken destination is shown"
    );
    assert!(!sim.say("victor", &format!("/outbox retry {row}")).refused);
    sim.answer_sent(&row);
    assert!(sim.say("victor", &format!("/outbox drop {row} why: read")).refused, "it is not dead any more");
}

#[test]
fn a_person_is_known_by_the_account_and_by_nothing_else() {
    let mut sim = fleet();
    let reply = sim.say_on("tg", "Victor", "/status");
    assert!(matches!(reply.reason, Reason::ForeignAccount { .. }), "a name is no account");
    let reply = sim.say_on("tg", "12345", "/status");
    assert!(matches!(reply.reason, Reason::UnknownPerson { .. }));
    assert!(!sim.say_on("tg", "1234", "/status").refused);
    assert!(!sim.say_on("tg", "999", "/whoami").refused, "anybody may ask who they are");
    let text = sim.text("whoami", sereno::core::policy::Lang::En);
    assert!(text.contains("Account: 999") && !text.contains("victor"), "{text}");
}

#[test]
fn the_value_of_a_key_may_be_in_quotes_and_a_session_has_a_name_without_doubt() {
    let mut sim = fleet();
    let agent = json!({"id": "night shift", "name": "Night"});
    sim.event(json!({"type": "session.started", "agent": agent, "session": {"id": "n 1"}, "task": {"id": "OSINT-13"}}));
    assert!(!sim.say("victor", "/timeline agent:\"fleet/night shift\"").refused);
    assert!(!sim.say("victor", "/timeline session:\"fleet/n 1\"").refused);
    assert!(!sim.say("victor", "/session \"fleet/n 1\"").refused);
    assert!(sim.say("victor", "/session \"claude/n 1\"").refused, "it is of another runtime");
    assert!(sim.say("victor", "/timeline \"agent:docs\"").refused, "a text in quotes is a name, and no key");
}

#[test]
fn every_name_can_be_written_in_a_command() {
    for id in [
        "\"",
        "say \"hi\" to all",
        "“curly” \"\" both",
        "two\nlines",
        "why: not",
        "for 30m",
        "agent:docs",
        "ends with \"",
    ] {
        let mut sim = fleet();
        sim.event(json!({"type": "session.started", "agent": {"id": id}, "session": {"id": id}, "task": {"id": id}}));
        let name = sereno::core::command::quoted(&format!("fleet/{id}"));
        let task = sereno::core::command::quoted(id);
        for line in [
            format!("/session {name}"),
            format!("/timeline agent:{name}"),
            format!("/logs {name} 40"),
            format!("/task {task}"),
            format!("/pause {name}"),
        ] {
            let reply = sim.say("victor", &line);
            assert!(!reply.refused, "{line}: {:?}", reply.reason);
        }
        assert_eq!(orders(&sim), [format!("pause {id}")]);
    }
}
