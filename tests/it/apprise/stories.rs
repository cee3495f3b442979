//! What Apprise passes on, and what its answers mean.

use serde_json::{Value, json};
use sereno::channel::apprise::Apprise;
use sereno::channel::{About, Channel as _, Outgoing, Verdict};
use sereno::core::policy::Severity;
use sereno::core::time::Span;
use sereno::outgoing::Inside;

use super::{adapter, server, settings};
use crate::channel::contract::{line, word};
use crate::database::{Database, on_both};
use crate::program::Program;
use crate::scene::Scene;

on_both![an_alert_is_passed_on_and_so_is_its_end];

fn got(server: &Program) -> Vec<Value> {
    server.ask(&json!({})).as_array().unwrap().clone()
}

async fn an_alert_is_passed_on_and_so_is_its_end(db: Database) {
    let server = server();
    let config = format!(
        "[channels.app]\nkind = \"apprise\"\nurl = \"http://127.0.0.1:{}\"\nallow_private = true\n\
         [[routes]]\nmatch = 'kind=\"alert\"'\nto = [\"app:ops/night\", \"person:ana\"]\n",
        server.port
    );
    let scene = Scene::start(db, &config).await;
    scene.overspends().await;
    let told = got(&server);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!((&told[0]["place"], &told[0]["type"]), (&json!("night"), &json!("failure")));
    assert!(told[0]["title"].as_str().unwrap().starts_with("🔴 Critical · build-1"), "{told:?}");
    // Nobody taps there, so nothing is offered.
    scene.advance(Span::mins(12)).await;
    let told = got(&server);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[1]["title"].as_str().unwrap().starts_with("🟢"), "{told:?}");
    scene.finish(&[]).await;
}

#[tokio::test]
async fn keys_tags_and_how_bad_it_is_are_passed_on() {
    let server = server();
    let apprise = adapter(&server);
    for (severity, kind) in [
        (Some(Severity::Critical), "failure"),
        (Some(Severity::Warning), "warning"),
        (Some(Severity::Info), "info"),
        (None, "info"),
    ] {
        let about = About { severity, ..About::default() };
        assert!(matches!(apprise.send(&Outgoing { about, ..line("ops/day", "x") }).await, Verdict::Sent(_)));
        let last = got(&server).pop().unwrap();
        assert_eq!((&last["place"], &last["type"]), (&json!("day"), &json!(kind)));
    }
    let before = got(&server).len();
    for target in ["ops", "ops/day,night"] {
        assert!(matches!(apprise.send(&line(target, "x")).await, Verdict::Sent(_)), "{target}");
    }
    let places: Vec<Value> = got(&server)[before..].iter().map(|got| got["place"].clone()).collect();
    assert_eq!(places.len(), 3, "{places:?}");
    assert_eq!(places[0], "any");
}

#[tokio::test]
async fn every_answer_of_apprise_has_its_meaning() {
    let server = server();
    let apprise = adapter(&server);
    // What the real thing says: half of the platforms took it, nobody has the tag, nobody knows the key.
    for (target, meaning) in [
        ("half", "uncertain"),
        ("ops/nobody", "uncertain"),
        ("other", "gone"),
        ("a b", "gone"),
        ("ops/", "gone"),
        ("", "gone"),
    ] {
        let verdict = apprise.send(&line(target, "It asks")).await;
        assert_eq!(word(&verdict), meaning, "{target}: {verdict:?}");
    }
    for (status, meaning) in [
        (302, "locked"),
        (400, "rejected"),
        (401, "locked"),
        (403, "locked"),
        (404, "locked"),
        (405, "locked"),
        (406, "rejected"),
        (421, "rejected"),
        (431, "rejected"),
        (429, "retry"),
        (500, "uncertain"),
        (502, "uncertain"),
        (503, "retry"),
    ] {
        server.ask(&json!({ "says": [status, { "retry-after": "7" }] }));
        let verdict = apprise.send(&line("ops/day", "It asks")).await;
        assert_eq!(word(&verdict), meaning, "{status}: {verdict:?}");
        let waits = matches!(verdict, Verdict::Retry { after: Some(Span(7000)), .. });
        assert_eq!(waits, matches!(meaning, "retry" | "uncertain"), "{status}: {verdict:?}");
    }
    server.ask(&json!({ "loses": true }));
    // It was passed on before the connection broke: it was taken, or nobody knows.
    let verdict = apprise.send(&line("ops/day", "It asks")).await;
    assert!(matches!(word(&verdict), "sent" | "uncertain"), "{verdict:?}");
    let outside = Apprise::new(sereno::channel::apprise::Settings { inside: Inside::Nowhere, ..settings(&server) });
    let verdict = outside.unwrap().send(&line("ops/day", "It asks")).await;
    assert!(matches!(&verdict, Verdict::Locked(why) if why.contains("allow_private")), "{verdict:?}");
}
