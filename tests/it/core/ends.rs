//! How the end of a task is told where no message can be changed: once, in the thread of its first message, and to
//! everybody who was told that it began.

use serde_json::json;
use sereno::channel::carries;
use sereno::core::delivery::{Copy, RowState, SendOutcome, SendResult, Work};
use sereno::core::input::Body;
use sereno::core::message::Content;
use sereno::core::policy::{Lang, Policy, RouteSpec};
use sereno::core::time::Span;

use crate::sim::{Sim, policy};

const ANA: &str = "ana@example.org";

/// Ana reads mail as well.
fn with_mail() -> Policy {
    let mut policy = policy();
    policy.channels.insert("mail".into(), carries("email"));
    policy.people.get_mut("ana").unwrap().accounts.insert("email".into(), ANA.into());
    policy
}

fn reports(sim: &mut Sim, kind: &str, task: &str) {
    sim.event(json!({ "type": kind, "agent": { "id": "coder" }, "task": { "id": task, "title": "A task" } }));
}

fn runs_and_ends(sim: &mut Sim, task: &str) {
    for kind in ["task.created", "task.started", "task.completed"] {
        reports(sim, kind, task);
    }
}

/// Kinds of all messages that were sent through a channel to ana, or will be, in order; an edit counts.
fn sent(sim: &Sim, channel: &str) -> Vec<&'static str> {
    let settled = || sim.decisions.iter().flat_map(|decision| &decision.settled);
    let is_dropped = |id: &str| settled().any(|s| s.id == id && s.state == RowState::Dropped);
    let rows = sim.decisions.iter().flat_map(|decision| &decision.outbox).filter(|row| row.via == channel);
    let copies = rows.filter(|row| !is_dropped(&row.id)).filter_map(|row| match row.work {
        Work::Deliver { copy } => sim.world.copies.get(&copy),
        Work::Control { .. } => None,
    });
    let hers = copies.filter(|copy| copy.to.person.as_deref() != Some("victor"));
    hers.map(|copy| sim.world.cards[&copy.card].content.name()).collect()
}

/// Ana's copy of the newest card of a kind in her mail.
fn mailed<'a>(sim: &'a Sim, kind: &str) -> &'a Copy {
    let mut copies = sim.card(kind).copies.iter().map(|copy| &sim.world.copies[copy]);
    copies.find(|copy| copy.to.channel == "mail").unwrap()
}

#[test]
fn an_end_is_one_message_under_the_first_and_so_is_what_follows() {
    let mut sim = Sim::with(with_mail());
    runs_and_ends(&mut sim, "T-1");
    assert_eq!(sent(&sim, "mail"), ["task_card", "completion"]);
    assert_eq!(mailed(&sim, "completion").parent, Some(mailed(&sim, "task_card").number));
    assert_eq!(sent(&sim, "tg"), ["task_card", "task_card", "completion", "task_card"], "the card is changed as well");
    reports(&mut sim, "task.started", "T-1");
    assert_eq!(sent(&sim, "mail")[2..], ["task_card"], "it was opened again");
    reports(&mut sim, "task.failed", "T-1");
    reports(&mut sim, "task.completed", "T-1");
    assert_eq!(sent(&sim, "mail")[3..], ["completion", "completion"]);
    sim.assert_empty();
}

#[test]
fn an_end_that_quiet_hours_hold_comes_after_them_and_nothing_says_it_before() {
    let mut sim = Sim::with(with_mail());
    assert!(!sim.say("ana", "/notify quiet:08:00-10:00").refused);
    runs_and_ends(&mut sim, "T-1");
    assert_eq!(sent(&sim, "mail"), ["task_card"]);
    sim.to("10:00");
    assert_eq!(sent(&sim, "mail"), ["task_card", "completion"]);
    assert!(!sim.say("ana", "/notify quiet:10:00-12:00").refused);
    for task in 2..8 {
        runs_and_ends(&mut sim, &format!("T-{task}"));
    }
    sim.to("12:00");
    assert_eq!(sent(&sim, "mail")[8..], ["missed"], "many are one message");
    for (lang, first) in
        [(Lang::En, "🌙 In your quiet hours: 6 about tasks"), (Lang::Es, "🌙 En tus horas de silencio: 6 sobre tareas")]
    {
        let text = sim.text("missed", lang);
        assert!(text.starts_with(first), "{text}");
        assert!((2..8).all(|task| text.contains(&format!("✅ T-{task} A task"))), "{text}");
    }
    sim.assert_empty();
}

#[test]
fn whoever_is_not_told_by_the_notice_is_told_by_the_card() {
    let mut policy = with_mail();
    let route = |matchers: &str, to: &str| RouteSpec { matchers: matchers.into(), to: vec![to.into()] };
    policy.routes = vec![
        route("kind=\"task\"", "mail:ana@example.org"),
        route("kind=\"completion\", severity=\"info\"", "tg:-100"),
        route("kind=\"completion\", severity=\"warning\"", "mail:ana@example.org"),
    ];
    let mut sim = Sim::with(policy);
    runs_and_ends(&mut sim, "T-1");
    assert_eq!(sent(&sim, "mail"), ["task_card", "task_card"]);
    assert_eq!(sent(&sim, "tg"), ["completion"]);
    reports(&mut sim, "task.started", "T-1");
    reports(&mut sim, "task.failed", "T-1");
    assert_eq!(sent(&sim, "mail")[2..], ["task_card", "completion"]);
    sim.assert_empty();
}

#[test]
fn a_beginning_that_is_still_on_its_way_is_not_sent_after_the_end() {
    let mut sim = Sim::with(with_mail());
    sim.delivers = false;
    runs_and_ends(&mut sim, "T-1");
    assert_eq!(sent(&sim, "mail"), ["completion"]);
    sim.deliver_all();
    reports(&mut sim, "task.started", "T-1");
    sim.deliver_all();
    reports(&mut sim, "task.failed", "T-1");
    sim.deliver_all();
    assert_eq!(sent(&sim, "mail"), ["completion", "task_card", "completion"]);
    assert_eq!(mailed(&sim, "completion").parent, Some(mailed(&sim, "task_card").number));
    sim.assert_empty();
}

#[test]
fn an_end_does_not_wait_behind_a_message_that_was_given_up() {
    let mut sim = Sim::with(with_mail());
    sim.delivers = false;
    reports(&mut sim, "task.created", "T-1");
    let number = mailed(&sim, "task_card").number;
    let row = sim.world.copies[&number].outstanding.clone().unwrap();
    sim.give_up(&row);
    reports(&mut sim, "task.completed", "T-1");
    assert!(mailed(&sim, "completion").outstanding.is_some());
    assert_eq!(mailed(&sim, "completion").parent, None);
    sim.deliver_all();
    assert_eq!(mailed(&sim, "completion").sent, 1);
}

#[test]
fn ends_that_are_told_together_after_an_outage_are_named() {
    let mut sim = Sim::with(with_mail());
    let tasks = ["T-1", "T-2", "T-3", "T-4", "T-5", "T-6", "T-7"];
    for task in tasks {
        reports(&mut sim, "task.created", task);
    }
    sim.delivers = false;
    for task in tasks {
        reports(&mut sim, "task.completed", task);
    }
    let waiting = |sim: &Sim| -> Vec<String> {
        let waits =
            sim.world.outstanding.iter().filter_map(|(id, waits)| Some((id, sim.world.copies.get(&waits.copy?)?)));
        waits.filter(|(_, copy)| copy.to.channel == "mail").map(|(id, _)| id.clone()).collect()
    };
    assert_eq!(waiting(&sim).len(), tasks.len());
    for id in waiting(&sim) {
        let result = SendResult::Retry { error: "no route".into(), after: None, uncertain: false };
        sim.input(Body::Sent(SendOutcome::new(&id, 1, 1, result)));
    }
    sim.advance(Span::mins(5));
    let first = waiting(&sim).remove(0);
    sim.answer_sent(&first);
    sim.deliver_all();
    let Content::Missed(view) = &sim.card("missed").content else { unreachable!() };
    assert_eq!((view.tasks, view.ended.len()), (6, 6));
    let last = sent(&sim, "mail").split_off(tasks.len());
    assert_eq!(last, ["completion", "missed"]);
}
