//! Scenes: short runs of a fleet that lead to every message there is, founding scenarios first.

mod asked;
mod sums;
mod work;

use serde_json::json;
use sereno::channel::Outgoing;
use sereno::core::command::CATALOGUE;
use sereno::core::delivery::{Card, SendOutcome, SendResult};
use sereno::core::input::Body;
use sereno::core::message::{Button, Content, SecretView};
use sereno::core::policy::Lang;
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
