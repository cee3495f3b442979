//! Who may do what, and where: every command, for every role, on agents that are theirs and on agents that are not.

use serde_json::json;
use sereno::core::access::{Access, AccessRule, Role, Within, fits};
use sereno::core::calendar::Unit;
use sereno::core::command::{CATALOGUE, Spec};
use sereno::core::input::Body;
use sereno::core::message::Content;
use sereno::core::policy::{BudgetSpec, Lang, Policy};
use sereno::core::reason::Reason;
use sereno::core::step::Reply;

use crate::sim::{Sim, policy};

/// Two agents that ask, are in alarm and hold a grant: `debug` of `fleet` and `osint-mw` of `claude`.
fn fleet(rules: Policy) -> Sim {
    let mut sim = Sim::with(rules);
    for (runtime, agent, tag) in [("fleet", "debug", "web"), ("claude", "osint-mw", "env:prod")] {
        let (who, session) = (json!({"id": agent, "tags": [tag]}), json!({"id": format!("{agent}-session")}));
        let task = json!({"id": format!("{agent}-task")});
        sim.event_of(runtime, json!({"type": "session.started", "agent": who, "session": session, "task": task}));
        for (question, command) in [("granted", "make test"), ("open", "make deploy")] {
            sim.event_of(
                runtime,
                json!({"type": "approval.requested", "agent": who, "session": session,
                "approval": {"id": format!("{agent}-{question}"), "action": {"tool": "Bash", "input": {"command": command}}}}),
            );
            if question == "granted" {
                let code = sim.code();
                assert!(!sim.say("victor", &format!("/approve {code} session")).refused);
            }
        }
        sim.event_of(
            runtime,
            json!({"type": "model.call", "agent": who, "session": session, "model": "claude-sonnet-4-5",
            "usage": {"input_tokens": 1000, "output_tokens": 10, "cost_usd": "6.00"}}),
        );
    }
    sim
}

/// Ana's role, and what it does not say.
fn ana(role: Role, access: Access) -> Policy {
    let mut rules = policy();
    rules.people.get_mut("ana").unwrap().role = role;
    rules.access.insert("ana".into(), access);
    rules.environments.insert("fleet".into(), "staging".into());
    rules
}

fn on_runtime(runtime: &str) -> Within {
    Within { runtimes: vec![runtime.into()], ..Within::default() }
}

/// A line that uses `spec` on an agent, or on what is that agent's.
fn line(sim: &Sim, spec: &Spec, agent: &str) -> String {
    let (runtime, number) = if agent == "debug" { ("fleet", 1) } else { ("claude", 2) };
    let w = &sim.world;
    let asked = || w.approvals.values().find(|a| a.runtime == runtime && a.is_pending()).unwrap().code.clone();
    let words = match spec.name.as_str() {
        "session" | "logs" => format!("{agent}-session"),
        "task" => format!("{agent}-task"),
        "why" | "show" | "approve" | "deny" => asked(),
        "ack" | "resolve" => {
            let alert = w.alerts.values().find(|a| w.concerned(a).iter().any(|ix| w.agents[*ix].id == agent));
            alert.unwrap().code()
        }
        "revoke" => format!("G{number}"),
        "kill" => format!("{agent} yes"),
        "tell" | "spawn" => format!("{agent} hello"),
        "reassign" => format!("{agent}-task to:{agent}"),
        "agent" | "pause" | "resume" => agent.to_owned(),
        "outbox" => "retry all".to_owned(),
        "export" => "costs".to_owned(),
        _ => String::new(),
    };
    format!("/{} {words}", spec.name)
}

fn ruling(reply: &Reply) -> &'static str {
    match reply.reason {
        Reason::RoleMissing { .. } => "role",
        Reason::OutOfScope { .. } => "scope",
        Reason::DeniedByRule { .. } => "denied",
        _ => "yes",
    }
}

/// Each command said by each role that holds for `fleet` only: on its agent, on another one, on its own where a rule
/// denies it, on another one where a rule allows it besides, and by the role without any rules.
#[test]
fn every_command_of_every_role_inside_and_outside_of_its_scope() {
    let mut table = format!("{:<10} {:<9} plain  inside outside denied allowed\n", "command", "role");
    let mut specs: Vec<&Spec> = CATALOGUE.0.iter().collect();
    specs.sort_by(|a, b| a.name.cmp(&b.name));
    for spec in specs {
        let of_it = |within| AccessRule { role: None, commands: vec![spec.name.clone()], within };
        for role in Role::ALL {
            let bounded = Access { within: on_runtime("fleet"), ..Access::default() };
            let denied = Access { deny: vec![of_it(on_runtime("fleet"))], ..bounded.clone() };
            let allowed = Access { allow: vec![of_it(on_runtime("claude"))], ..bounded.clone() };
            let cases = [
                (Access::default(), "debug"),
                (bounded.clone(), "debug"),
                (bounded, "osint-mw"),
                (denied, "debug"),
                (allowed, "osint-mw"),
            ];
            let said = cases.map(|(access, agent)| {
                let mut sim = fleet(ana(role, access));
                let line = line(&sim, spec, agent);
                ruling(&sim.say("ana", &line))
            });
            let [plain, inside, outside, denied, allowed] = said;
            assert_eq!(plain == "yes", spec.roles.contains(&role), "/{} as {}", spec.name, role.as_str());
            assert!(plain != "yes" || inside == "yes" || inside == "scope", "nothing but scope takes away");
            let role = role.as_str();
            table.push_str(&format!(
                "{:<10} {role:<9} {plain:<6} {inside:<6} {outside:<7} {denied:<6} {allowed}\n",
                spec.name
            ));
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn a_tap_is_judged_like_a_line_and_a_refusal_is_audited_and_told() {
    let mut sim = fleet(policy());
    let card = sim.card("approval").number;
    let access = Access {
        deny: vec![AccessRule { within: on_runtime("claude"), ..AccessRule::default() }],
        ..Access::default()
    };
    sim.input(Body::Policy(Box::new(ana(Role::Approver, access))));
    let reply = sim.tap("ana", card, "approve");
    let Content::Approval(view) = &sim.world.cards[&card].content else { panic!("approval") };
    let code = view.code.clone();
    assert_eq!(reply.reason, Reason::DeniedByRule { command: "approve".into(), thing: code });
    assert!(reply.refused);
    let row = sim.decisions.last().unwrap().audit.last().unwrap();
    assert_eq!(
        (row.actor.as_str(), row.action.as_str(), row.object.as_str()),
        ("page:ana", "command.refused", "command:approve")
    );
    assert_eq!(
        (&row.data["reason"]["code"], &row.data["reason"]["thing"]),
        (&json!("denied_by_rule"), &json!("osint-mw"))
    );
    assert!(!sim.tap("victor", card, "approve").refused, "and others may");
}

#[test]
fn whoever_sees_a_part_is_shown_and_sent_that_part_only() {
    let bounded = Access { within: on_runtime("fleet"), ..Access::default() };
    let mut sim = fleet(ana(Role::Approver, bounded));
    let told = sim.world.copies.values().filter(|copy| copy.to.person.as_deref() == Some("ana"));
    let told: Vec<String> =
        told.map(|copy| crate::sim::draw(&sim.world.cards[&copy.card].content, Lang::En, sim.now)).collect();
    assert!(told.iter().any(|text| text.contains("debug")), "{told:?}");
    assert!(!told.iter().any(|text| text.contains("osint")), "{told:?}");
    for command in ["agents", "sessions", "tasks", "task debug-task", "cost by agent", "alerts", "approvals", "status"]
    {
        assert!(!sim.say("ana", &format!("/{command}")).refused, "{command}");
        let (card, _) = sim.world.cards.last_key_value().unwrap();
        let text = crate::sim::draw(&sim.world.cards[card].content, Lang::En, sim.now);
        assert!(!text.contains("osint") && !text.contains("claude "), "/{command}: {text}");
    }
    let Content::Status(view) = &sim.card("status").content else { panic!("a status") };
    assert_eq!((view.agents, view.alerts, view.approvals, view.tasks, view.feeds.len()), (1, 1, 1, 1, 1));
    assert_eq!(view.today.to_string(), "$6.00");
    let Content::Agents(view) = &sim.card("agents").content else { panic!("agents") };
    assert_eq!(view.rows.len(), 1);
    // All of theirs is one, and so is the number that they would have to type.
    assert!(!sim.say("ana", "/pause all").refused);
    let paused = sim.world.agents.iter().filter(|(_, agent)| agent.pause.is_some());
    assert_eq!(paused.map(|(_, agent)| agent.id.as_str()).collect::<Vec<_>>(), ["debug"]);
}

#[test]
fn whoever_sees_a_part_hears_of_no_name_and_no_budget_of_the_rest() {
    let mut rules = ana(Role::Admin, Access { within: on_runtime("fleet"), ..Access::default() });
    let limit = sereno::core::money::Micros(50_000_000);
    let day = BudgetSpec { limit, per: Unit::Day, agent: None, model: None };
    rules.budgets.insert("all".into(), day);
    let mut sim = fleet(rules);
    sim.event_of("claude", json!({"type": "agent.heartbeat", "agent": {"id": "osint-hq"}}));
    for (line, nearest, candidates) in [("/agent osint-mv", Some("osint-mw"), 0), ("/agent osint", None, 2)] {
        for (person, tells) in [("victor", true), ("ana", false)] {
            let told = match sim.say(person, line).reason {
                Reason::NotFound { nearest, .. } => (nearest.as_deref() == Some("osint-mw"), 0),
                Reason::Ambiguous { candidates, .. } => (false, candidates.len()),
                other => panic!("{other:?}"),
            };
            let wanted = if tells { (nearest.is_some(), candidates) } else { (false, 0) };
            assert_eq!(told, wanted, "{person} {line}");
        }
    }
    for lang in Lang::ALL {
        let text = sim.text("notice", lang);
        assert!(!text.contains("osint-") && text.contains("\"osint\""), "{text}");
    }
    for (person, tells) in [("victor", true), ("ana", false)] {
        sim.say(person, "/cost");
        let Content::Cost(view) = &sim.card("cost").content else { panic!("cost") };
        assert_eq!(view.budget.is_some(), tells, "{person}");
    }
}

#[test]
fn an_alert_of_everything_and_a_task_of_many_need_all_of_it() {
    let mut rules = ana(Role::Admin, Access { within: on_runtime("fleet"), ..Access::default() });
    rules.rules.push(sereno::core::policy::RuleSpec {
        per: sereno::core::policy::ScopeKind::Fleet,
        ..crate::sim::rule("all-cost", "cost('10m') > 10.0")
    });
    let mut sim = fleet(rules);
    let alert = sim.world.alerts.values().find(|a| a.rule == "all-cost").unwrap().code();
    let refused = |thing: &str| Reason::OutOfScope { command: "ack".into(), thing: thing.into() };
    assert_eq!(sim.say("ana", &format!("/ack {alert}")).reason, refused(""));
    // Without a name it is the last one that is theirs, and not the last of all.
    assert!(!sim.say("ana", "/ack").refused);
    // The other runtime's agent joins the task.
    sim.event_of(
        "claude",
        json!({"type": "model.call", "agent": {"id": "osint-mw"}, "session": {"id": "osint-mw-session"},
        "task": {"id": "debug-task"}, "model": "claude-sonnet-4-5", "usage": {"input_tokens": 1}}),
    );
    assert!(!sim.say("ana", "/task debug-task").refused, "one of its agents is theirs to see");
    let text = sim.text("task", Lang::En);
    assert!(!text.contains("osint-mw-session"), "{text}");
}

/// What only looks is answered without a place in the log as it is with one, and nothing else is.
#[test]
fn a_look_changes_nothing_and_says_what_the_command_says() {
    for access in [Access::default(), Access { within: on_runtime("fleet"), ..Access::default() }] {
        let mut sim = fleet(ana(Role::Admin, access));
        for spec in &CATALOGUE.0 {
            let line = line(&sim, spec, "debug");
            let asked = sereno::core::input::Invocation {
                actor: sereno::core::access::Actor { channel: "page".into(), account: "ana".into(), display: None },
                text: line.clone(),
                tap: None,
                origin: None,
                device: None,
                secret: None,
            };
            let (before, at) = (sim.world.write().unwrap(), sim.world.now);
            let looked = sereno::core::command::look(&mut sim.world, at, &asked);
            assert!(sim.world.write().unwrap() == before, "{line} changes something");
            if looked.reason == Reason::NothingToDo {
                assert!(looked.refused || spec.name == "digest", "{line}");
                continue;
            }
            let mut world = sereno::core::world::World::read(&before).unwrap();
            let said = sereno::core::input::Input { pos: world.pos + 1, at, body: Body::Command(asked) };
            let reply = sereno::core::step::step(&mut world, &said).reply.unwrap();
            assert_eq!(looked, reply, "{line}");
        }
    }
}

#[test]
fn a_refusal_says_no_name_that_was_not_typed_and_the_audit_says_it() {
    let mut sim = fleet(ana(Role::Admin, Access { within: on_runtime("fleet"), ..Access::default() }));
    let theirs = sim.world.approvals.values().find(|approval| approval.runtime == "claude");
    let approval = theirs.unwrap().code.clone();
    let alert = sim
        .world
        .alerts
        .values()
        .find(|alert| sim.world.concerned(alert).iter().any(|agent| sim.world.agents[*agent].id == "osint-mw"));
    let alert = alert.map(|alert| alert.code());
    let mut lines = vec![
        ("/pause osint".to_owned(), "osint"),
        ("/kill OSINT-MW".to_owned(), "OSINT-MW"),
        ("/pause claude/osint-mw".to_owned(), "claude/osint-mw"),
        ("/session #osint-mw-se".to_owned(), "#osint-mw-se"),
        ("/cost agent:osint by model".to_owned(), "osint"),
        ("/tell osint \"are you osint-mw or osint-hq?\"".to_owned(), "osint"),
        (format!("/deny {approval} for osint-mw it is no good"), approval.as_str()),
    ];
    lines.extend(alert.as_ref().map(|code| (format!("/ack {code}"), code.as_str())));
    for (line, wanted) in lines {
        let reply = sim.say("ana", &line);
        let (Reason::OutOfScope { thing, .. } | Reason::DeniedByRule { thing, .. }) = &reply.reason else {
            panic!("{line}: {reply:?}")
        };
        assert_eq!(thing, wanted, "{line}");
    }
    sim.say("ana", "/pause osint");
    let row = sim.decisions.iter().flat_map(|decision| &decision.audit).last().unwrap();
    assert_eq!(row.data["reason"]["thing"], "osint-mw", "whoever may read the audit may know");
}

#[test]
fn a_rule_without_words_takes_everything_away() {
    let suspended = Access { deny: vec![AccessRule::default()], ..Access::default() };
    let mut sim = fleet(ana(Role::Admin, suspended));
    for spec in &CATALOGUE.0 {
        let line = line(&sim, spec, "debug");
        let reply = sim.say("ana", &line);
        let reason = Reason::DeniedByRule { command: spec.name.clone(), thing: String::new() };
        assert_eq!(reply.reason, reason, "{line}");
    }
    let told = sim.world.copies.values().filter(|copy| copy.to.person.as_deref() == Some("ana"));
    assert!(told.filter(|copy| sim.world.cards[&copy.card].content.name() != "notice").count() == 0);
}

#[test]
fn an_environment_is_the_runtimes_word_before_it_is_the_agents() {
    let within = |environment: &str| Within { environments: vec![environment.into()], ..Within::default() };
    for (environment, debug, osint) in [("staging", "yes", "scope"), ("prod", "scope", "yes"), ("p*", "scope", "yes")] {
        let mut sim = fleet(ana(Role::Operator, Access { within: within(environment), ..Access::default() }));
        // What an agent says of itself counts nothing where its runtime is somewhere.
        sim.event(json!({"type": "agent.heartbeat", "agent": {"id": "debug", "tags": ["env:prod"]}}));
        assert_eq!(ruling(&sim.say("ana", "/pause debug")), debug, "{environment}");
        assert_eq!(ruling(&sim.say("ana", "/pause osint-mw")), osint, "{environment}");
    }
}

#[test]
fn a_token_has_rules_like_a_person() {
    let mut rules = policy();
    rules.channels.insert("api".into(), sereno::channel::carries("api"));
    rules.tokens.insert("ci".into(), Role::Operator);
    rules.access.insert("ci".into(), Access { within: on_runtime("fleet"), ..Access::default() });
    let mut sim = fleet(rules);
    assert_eq!(ruling(&sim.say_on("api", "ci", "/pause debug")), "yes");
    assert_eq!(ruling(&sim.say_on("api", "ci", "/pause osint-mw")), "scope");
    assert_eq!(ruling(&sim.say_on("api", "ci", "/dead")), "scope");
    assert_eq!(ruling(&sim.say_on("api", "ci", "/outbox retry all")), "role");
}

#[test]
fn globs_fit_as_a_whole() {
    for (pattern, text, wanted) in [
        ("*", "", true),
        ("", "", true),
        ("", "a", false),
        ("build-*", "build-1", true),
        ("build-*", "rebuild-1", false),
        ("build-?", "build-12", false),
        ("*-1", "build-1-1", true),
        ("a*b*c", "a-b-b-c", true),
        ("a*b*c", "a-c-b", false),
        ("ñ?", "ñú", true),
        ("a.c", "abc", false),
    ] {
        assert_eq!(fits(pattern, text), wanted, "{pattern} {text}");
    }
    assert!(!fits(&"*a".repeat(2_000), &"a".repeat(1_999)), "and soon");
}
