//! Scenes: short runs of a fleet that lead to every message there is, founding scenarios first.

mod asked;
mod sums;
mod work;

use serde_json::json;
use sereno::channel::Outgoing;
use sereno::core::calendar::Unit;
use sereno::core::command::CATALOGUE;
use sereno::core::delivery::{Card, SendOutcome, SendResult};
use sereno::core::input::Body;
use sereno::core::message::{Button, Content, ExportFormat, ExportView, SecretView};
use sereno::core::policy::{DigestSpec, Lang, Severity};
use sereno::core::time::{Span, Ts};
use sereno::render::{RENDERER, Reader};

use crate::channel::contract::{buttons, message};
use crate::sim::Sim;

/// A message in a moment.
pub struct Scene {
    pub name: String,
    pub content: Content,
    pub buttons: Vec<Button>,
    pub whole: bool,
    pub now: Ts,
}

fn of(name: &str, sim: &Sim, card: &Card, whole: bool) -> Scene {
    Scene { name: name.into(), content: card.content.clone(), buttons: card.buttons.clone(), whole, now: sim.now }
}

/// The newest card of a kind.
fn seen(name: &str, sim: &Sim) -> Scene {
    of(name, sim, sim.card(name.split('-').next().unwrap_or(name)), true)
}

/// The answer to a typed line.
fn said(name: &str, sim: &mut Sim, line: &str) -> Scene {
    sim.say("ana", line);
    seen(name, sim)
}

/// Every scene in every language as a channel gets it, with its buttons.
pub fn outgoing(target: &str) -> Vec<(String, Outgoing)> {
    let drawn = |scene: Scene| {
        Lang::ALL.map(|lang| {
            let reader = Reader { lang, tz: "UTC".into(), whole: scene.whole };
            let doc = RENDERER.draw(&scene.content, &reader, scene.now).unwrap();
            let shown: Vec<_> = scene.buttons.iter().filter(|b| b.is_drawn(scene.whole)).collect();
            let mut drawn = buttons(shown.len(), 27);
            for (drawn, button) in drawn.iter_mut().zip(shown) {
                CATALOGUE.button(&button.label, lang).unwrap().clone_into(&mut drawn.label);
                (drawn.style, drawn.asks_why) = (button.style, button.asks_why);
            }
            let name = format!("{}.{}", scene.name, lang.as_str());
            (name, Outgoing { lang, buttons: drawn, ..message(target, doc) })
        })
    };
    all().into_iter().flat_map(drawn).collect()
}

pub fn all() -> Vec<Scene> {
    let parts = [
        work::happy_path(),
        work::loop_and_cost(),
        work::signals(),
        work::four_agents(),
        sums::dashboard(),
        asked::approvals(),
        asked::long_approval(),
        asked::control(),
        answers(),
        outage(),
        sums::digests(),
        sums::overviews(),
        sums::budgets(),
        people(),
        chosen(),
        exported(),
    ];
    parts.into_iter().flatten().collect()
}

/// Who is known, and what is for one reader alone.
fn people() -> Vec<Scene> {
    let mut sim = Sim::new();
    sim.say("victor", "/people add bea role:operator team:web");
    let mut scenes = vec![seen("people", &sim)];
    for (what, name, text, lives) in [
        ("code", "ana", "7K3F-9QXA", Span::mins(10)),
        ("link", "ana", "https://sereno.example.org/#signin=2b7e151628aed2a6", Span::mins(10)),
        ("key", "ci", "sereno_2b7e151628aed2a6abf7158809cf4f3c", Span::days(90)),
    ] {
        let view = SecretView {
            what: what.into(),
            name: name.into(),
            nonce: "00".into(),
            expires: sim.now.plus(lives),
            text: Some(text.into()),
        };
        let scene = |name: String, view| Scene {
            name,
            content: Content::Secret(view),
            buttons: Vec::new(),
            whole: true,
            now: sim.now,
        };
        scenes.push(scene(format!("secret-{what}"), view.clone()));
        if what == "code" {
            scenes.push(scene("secret-over".into(), SecretView { text: None, ..view }));
        }
    }
    scenes
}

/// What somebody is told, and by whose choice; what they read in the morning.
fn chosen() -> Vec<Scene> {
    let mut rules = crate::sim::policy();
    for (name, period) in [("daily", Unit::Day), ("weekly", Unit::Week)] {
        let to = vec!["person:ana".into()];
        rules.digests.insert(name.into(), DigestSpec { at: "0 12 * * *".into(), to, period, via: Vec::new() });
    }
    for rule in &mut rules.rules {
        rule.severity = Severity::Warning;
    }
    let mut sim = Sim::with(rules);
    let mut scenes = vec![said("notify-configured", &mut sim, "/notify")];
    let line = "/notify format:compact level:warning digest:daily quiet:22:00-07:00";
    scenes.push(said("notify-chosen", &mut sim, line));
    sim.to("23:10");
    sim.event(json!({"type": "model.call", "agent": {"id": "debug", "name": "Debugger"}, "session": {"id": "s"},
        "model": "claude-sonnet-4-5", "usage": {"input_tokens": 10, "cost_usd": "6.20"}}));
    scenes.push(said("notify-quiet", &mut sim, "/notify"));
    let number = *sim.world.alerts.last_key_value().unwrap().0;
    scenes.push(said("why-quiet", &mut sim, &format!("/why A{number}")));
    sim.advance(Span::hours(8));
    scenes.push(seen("missed-quiet", &sim));
    scenes.push(said("notice-not_chosen", &mut sim, "/notify level:warnings"));
    scenes
}

/// Files, small ones and one from which something was left out.
fn exported() -> Vec<Scene> {
    let mut sim = Sim::new();
    sim.event(json!({"type": "model.call", "agent": {"id": "debug"}, "session": {"id": "s"},
        "model": "claude-sonnet-4-5", "usage": {"input_tokens": 10, "cost_usd": "0.20"}}));
    let mut scenes = vec![said("export", &mut sim, "/export costs today")];
    let Content::Export(view) = &scenes[0].content else { unreachable!() };
    let content =
        Content::Export(ExportView { left_out: 7, format: ExportFormat::Jsonl, period: "7d".into(), ..view.clone() });
    scenes.push(Scene { name: "export-cut".into(), content, buttons: Vec::new(), whole: true, now: sim.now });
    scenes
}

/// Telegram is away for a while; what it did not take at all is dead.
fn outage() -> Vec<Scene> {
    let mut sim = Sim::new();
    let mut scenes = vec![said("dead-none", &mut sim, "/dead")];
    sim.delivers = false;
    for n in 0..8 {
        let task = json!({"id": format!("T-{n}"), "title": "A task"});
        sim.event(json!({"type": "task.completed", "agent": {"id": "Coder", "name": "Coder"}, "task": task}));
    }
    let rows = |sim: &Sim| -> Vec<String> {
        let on = |copy: Option<u64>| sim.world.copies[&copy.unwrap()].to.channel == "tg";
        sim.world.outstanding.iter().filter(|(_, row)| on(row.copy)).map(|(id, _)| id.clone()).collect()
    };
    for id in rows(&sim).into_iter().take(6) {
        let error = "Telegram cannot be reached".to_owned();
        let result = SendResult::Retry { error, after: None, uncertain: false };
        sim.input(Body::Sent(SendOutcome::new(&id, 1, 1, result)));
    }
    scenes.push(said("status-unreachable", &mut sim, "/status"));
    sim.advance(Span::mins(7));
    let probe = rows(&sim)[0].clone();
    sim.answer_sent(&probe);
    scenes.push(seen("missed", &sim));
    for id in rows(&sim).into_iter().take(2) {
        sim.give_up(&id);
    }
    scenes.push(said("dead", &mut sim, "/dead"));
    scenes
}

/// Everything else that is answered.
fn answers() -> Vec<Scene> {
    let mut sim = Sim::new();
    let mut scenes = vec![
        said("tasks-none", &mut sim, "/tasks"),
        said("agents-none", &mut sim, "/agents"),
        said("approvals-none", &mut sim, "/approvals"),
        said("alerts-none", &mut sim, "/alerts"),
        said("cost-none", &mut sim, "/cost"),
        said("health-none", &mut sim, "/health"),
        said("errors-none", &mut sim, "/errors"),
        said("budget-none", &mut sim, "/budget"),
        said("settings", &mut sim, "/settings"),
        said("whoami", &mut sim, "/whoami"),
        said("help", &mut sim, "/help"),
        said("help-one", &mut sim, "/help pause"),
        said("notice", &mut sim, "/apruve 7K3F"),
        said("notice-role", &mut sim, "/tell debug hello"),
    ];
    let stranger = sereno::core::access::Actor { channel: "tg".into(), account: "99".into(), display: None };
    let asked = sereno::core::input::Invocation {
        actor: stranger,
        text: "/whoami".into(),
        tap: None,
        origin: None,
        device: None,
        secret: None,
    };
    let reply = sim.input(Body::Command(asked)).unwrap();
    let content = *reply.content.unwrap();
    scenes.push(Scene { name: "whoami-stranger".into(), content, buttons: Vec::new(), whole: true, now: sim.now });
    scenes
}
