//! What `/export` hands over: what the lists show, to whoever may see the same, and no more than fits.

use serde_json::{Value, json};
use sereno::core::access::{Access, AccessRule, Role, Within};
use sereno::core::message::{Content, ExportFormat, ExportView};
use sereno::core::reason::Reason;
use sereno::core::time::Span;

use crate::sim::{Sim, policy};

/// Two agents of two runtimes that spend, finish a task each and are in alarm.
fn fleet(role: Role, access: Access) -> Sim {
    let mut rules = policy();
    rules.people.get_mut("ana").unwrap().role = role;
    rules.access.insert("ana".into(), access);
    let mut sim = Sim::with(rules);
    for (runtime, agent) in [("fleet", "debug"), ("claude", "osint")] {
        let (who, session) = (json!({"id": agent, "name": agent}), json!({"id": format!("s-{agent}")}));
        let task = json!({"id": format!("T-{agent}"), "title": "=HYPERLINK(1)"});
        sim.event_of(
            runtime,
            json!({"type": "model.call", "agent": who, "session": session, "task": task,
            "model": "claude-sonnet-4-5", "usage": {"input_tokens": 10, "output_tokens": 2, "cost_usd": "6.25"}}),
        );
        sim.event_of(runtime, json!({"type": "task.completed", "agent": who, "session": session, "task": task}));
    }
    sim
}

fn within(runtime: &str) -> Access {
    Access { within: Within { runtimes: vec![runtime.into()], ..Within::default() }, ..Access::default() }
}

fn export(sim: &mut Sim, line: &str) -> ExportView {
    let reply = sim.say("ana", &format!("/export {line}"));
    assert!(!reply.refused, "{line}: {:?}", reply.reason);
    let Content::Export(view) = &sim.card("export").content else { panic!("an export") };
    view.clone()
}

fn column(view: &ExportView, name: &str) -> Vec<Value> {
    let place = view.columns.iter().position(|have| have == name).unwrap();
    view.rows.iter().map(|row| row[place].clone()).collect()
}

#[test]
fn each_kind_has_its_rows_the_oldest_first() {
    let mut sim = fleet(Role::Admin, Access::default());
    let costs = export(&mut sim, "costs");
    assert_eq!(column(&costs, "cost_usd"), [json!(6.25), json!(6.25)]);
    assert_eq!(column(&costs, "task"), [json!("T-debug"), json!("T-osint")]);
    assert_eq!((costs.format, costs.left_out, costs.period.as_str()), (ExportFormat::Csv, 0, "7d"));
    assert_eq!(column(&export(&mut sim, "costs agent:osint"), "agent"), [json!("osint")]);
    let tasks = export(&mut sim, "tasks format:jsonl");
    assert_eq!((column(&tasks, "state"), tasks.format), (vec![json!("completed"); 2], ExportFormat::Jsonl));
    assert_eq!(column(&tasks, "agents"), [json!("debug"), json!("osint")]);
    assert_eq!(column(&export(&mut sim, "alerts"), "rule"), [json!("runaway-cost"), json!("runaway-cost")]);
    let events = export(&mut sim, "events");
    let kinds = column(&events, "kind");
    assert!(kinds.contains(&json!("session_began")) && kinds.contains(&json!("task_done")), "{kinds:?}");
    sim.say("victor", "/ack A1");
    let audit = export(&mut sim, "audit victor");
    assert_eq!(column(&audit, "kind"), [json!("alert_acked")]);
    let mine = export(&mut sim, "audit ana");
    assert!(column(&mine, "kind").iter().all(|kind| kind == "export_made"), "an export is a deed itself");
    assert_eq!(sim.card("export").copies.len(), 1, "on the page it is the answer in its place");
}

#[test]
fn whoever_sees_a_part_exports_that_part_and_what_they_may_not_see_they_may_not_export() {
    let mut sim = fleet(Role::Operator, within("fleet"));
    for kind in ["costs", "tasks", "alerts", "events"] {
        let view = export(&mut sim, kind);
        let text = serde_json::to_string(&view).unwrap();
        assert!(text.contains("debug") && !text.contains("osint"), "{kind}: {text}");
    }
    assert!(matches!(sim.say("ana", "/export audit").reason, Reason::OutOfScope { .. }));
    let mut sim = fleet(Role::Viewer, Access::default());
    assert!(
        matches!(sim.say("ana", "/export audit").reason, Reason::RoleMissing { command, .. } if command == "audit")
    );
    // Either of both is enough to take it away, for all or for a part.
    for (command, kind) in [("export", "costs"), ("cost", "costs"), ("alerts", "alerts")] {
        let on = |within| AccessRule { role: None, commands: vec![command.into()], within };
        let part = Within { runtimes: vec!["claude".into()], ..Within::default() };
        let mut sim = fleet(Role::Admin, Access { deny: vec![on(part)], ..Access::default() });
        let text = serde_json::to_string(&export(&mut sim, kind)).unwrap();
        assert!(text.contains("debug") && !text.contains("osint"), "{command}: {text}");
        let mut sim = fleet(Role::Admin, Access { deny: vec![on(Within::default())], ..Access::default() });
        assert!(matches!(sim.say("ana", &format!("/export {kind}")).reason, Reason::DeniedByRule { .. }), "{command}");
    }
}

#[test]
fn the_newest_rows_come_as_many_as_fit() {
    let mut sim = Sim::new();
    for n in 0..2100 {
        let task = json!({"id": format!("T-{n:04}"), "title": "t"});
        sim.delivers = false;
        sim.event(json!({"type": "task.created", "agent": {"id": "a"}, "task": task}));
    }
    let view = export(&mut sim, "tasks");
    assert_eq!(view.rows.len() + view.left_out, 2100);
    assert!(view.left_out >= 100 && serde_json::to_string(&view.rows).unwrap().len() <= 300_000, "{}", view.left_out);
    assert_eq!(column(&view, "id").last().unwrap(), "T-2099");
    sim.advance(Span::hours(1));
    assert!(export(&mut sim, "tasks 30m").rows.is_empty(), "nothing of the last half hour");
}

#[test]
fn a_file_is_forgotten_soon_after_it_was_sent() {
    let mut sim = fleet(Role::Admin, Access::default());
    export(&mut sim, "costs");
    sim.advance(Span::hours(2));
    assert!(sim.cards("export").is_empty(), "the store keeps it");
}

#[test]
fn it_goes_where_nobody_else_reads_or_where_it_was_asked_to_go() {
    let mut rules = policy();
    rules.channels.insert("post".into(), sereno::channel::carries("email"));
    rules.people.get_mut("ana").unwrap().accounts.insert("email".into(), "ana@example.org".into());
    let mut sim = Sim::with(rules);
    let to = |sim: &Sim| -> Vec<String> {
        sim.card("export").copies.iter().map(|copy| sim.world.copies[copy].to.label()).collect()
    };
    assert!(!sim.say_on("tg", "77", "/export costs").refused);
    assert_eq!(to(&sim), ["tg:77", "page:ana"], "and it can be had on the page");
    sim.input(in_group("/export costs"));
    assert_eq!(to(&sim), ["tg:77", "page:ana"]);
    assert!(matches!(&sim.card("notice").content, Content::Notice(view) if view.reason == Reason::SentDirectly));
    assert!(!sim.say("ana", "/export costs to:email").refused);
    assert_eq!(to(&sim), ["post:ana@example.org", "page:ana"]);
    let nowhere = sim.say("ana", "/export costs to:slack").reason;
    assert_eq!(nowhere, Reason::NotFound { what: "channel".into(), name: "slack".into(), nearest: None });
}

fn in_group(text: &str) -> sereno::core::input::Body {
    use sereno::core::access::Actor;
    use sereno::core::input::{Body, Invocation, Origin};
    Body::Command(Invocation {
        actor: Actor { channel: "tg".into(), account: "77".into(), display: None },
        text: text.into(),
        tap: None,
        origin: Some(Origin { channel: "tg".into(), target: "-100500".into(), reply_to: None }),
        device: None,
        secret: None,
    })
}

#[test]
fn words_that_cannot_be_read_are_answered_with_the_nearest() {
    let mut sim = fleet(Role::Admin, Access::default());
    let near = |name: &str, nearest: &str| Reason::NotFound {
        what: "export".into(),
        name: name.into(),
        nearest: Some(nearest.into()),
    };
    let bad = |argument: &str| Reason::BadArgument { command: "export".into(), argument: argument.into() };
    for (line, reason) in [
        ("", Reason::MissingArgument { command: "export".into(), argument: "kind".into() }),
        ("cots", near("cots", "costs")),
        ("tsks", near("tsks", "tasks")),
        ("everything", bad("everything")),
        ("costs format:xml", bad("xml")),
        ("costs 90d", bad("90d")),
        ("alerts ana", bad("ana")),
    ] {
        assert_eq!(sim.say("ana", &format!("/export {line}")).reason, reason, "{line}");
    }
    assert_eq!(export(&mut sim, "costo").what.as_str(), "costs");
    assert_eq!(export(&mut sim, "tareas").what.as_str(), "tasks");
}
