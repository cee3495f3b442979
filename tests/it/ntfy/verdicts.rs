//! What ntfy's answers mean, and what a message looks like there.

use sereno::channel::ntfy::Ntfy;
use sereno::channel::{About, Channel as _, DrawnButton, Outgoing, Verdict};
use sereno::core::delivery::Class;
use sereno::core::message::ButtonStyle;
use sereno::core::time::Span;
use sereno::outgoing::Inside;
use sereno::render::markup::{Block, Doc, Span as Part};

use super::bench::token;
use super::fake::{Fault, Server};
use super::{ANA, adapter, settings};
use crate::channel::contract::{buttons, everywhere, line, message};

#[tokio::test]
async fn every_answer_of_ntfy_has_its_meaning() {
    let server = Server::start().await;
    let ntfy = adapter(&server);
    let table = [
        (301, 0, "locked"),
        (400, 40017, "rejected"),
        (401, 40101, "locked"),
        (403, 40301, "gone"),
        (404, 40401, "locked"),
        (413, 41303, "rejected"),
        (429, 42901, "wait 10"),
        (429, 42908, "wait 900"),
        (500, 50001, "uncertain"),
        (502, 0, "uncertain"),
        (503, 0, "retry"),
        (507, 50701, "retry"),
    ];
    for (status, code, meaning) in table {
        server.fails([Fault::Says(status, code, "the server's words", Vec::new())]);
        let verdict = ntfy.send(&line(ANA, "It asks")).await;
        let word = match &verdict {
            Verdict::Retry { after: Some(after), uncertain: false, .. } => format!("wait {}", after.0 / 1000),
            Verdict::Retry { uncertain: false, .. } => "retry".into(),
            Verdict::Retry { .. } => "uncertain".into(),
            Verdict::Gone(_) => "gone".into(),
            Verdict::Rejected(_) => "rejected".into(),
            Verdict::Locked(_) => "locked".into(),
            other => format!("{other:?}"),
        };
        assert_eq!(word, meaning, "{status} {code}: {verdict:?}");
        assert!(format!("{verdict:?}").contains("the server's words"), "{verdict:?}");
    }
    server.fails([Fault::Says(429, 42901, "", vec![("retry-after", "3")])]);
    let verdict = ntfy.send(&line(ANA, "It asks")).await;
    assert!(matches!(verdict, Verdict::Retry { after: Some(Span(3000)), .. }), "{verdict:?}");
    for fault in [Fault::Loses, Fault::Babbles] {
        server.fails([fault]);
        let verdict = ntfy.send(&line(ANA, "It asks")).await;
        assert!(matches!(verdict, Verdict::Retry { uncertain: true, .. }), "{verdict:?}");
    }
    for topic in ["", "a b", "ü", "../x", &"x".repeat(65)] {
        assert!(matches!(ntfy.send(&line(topic, "It asks")).await, Verdict::Gone(_)), "{topic}");
    }
    assert_eq!(ntfy.prepare().await, Ok(()));
}

#[tokio::test]
async fn an_inside_server_is_called_only_when_the_configuration_says_so() {
    let server = Server::start().await;
    let outside = Ntfy::new(sereno::channel::ntfy::Settings { inside: Inside::Nowhere, ..settings(&server) }).unwrap();
    let verdict = outside.send(&line(ANA, "It asks")).await;
    assert!(matches!(&verdict, Verdict::Locked(why) if why.contains("allow_private")), "{verdict:?}");
    assert!(outside.prepare().await.unwrap_err().contains("allow_private"));
    assert!(server.topic(ANA).is_empty());
}

#[tokio::test]
async fn what_wakes_and_what_does_not() {
    let server = Server::start().await;
    let ntfy = adapter(&server);
    for (class, silent, priority) in [
        (Class::Critical, false, 5),
        (Class::Decision, false, 4),
        (Class::Warning, false, 3),
        (Class::Reply, false, 3),
        (Class::Info, false, 3),
        (Class::Info, true, 2),
        (Class::Critical, true, 2),
    ] {
        let about = About { card: 12, kind: "alert", class, severity: None };
        assert!(matches!(ntfy.send(&Outgoing { about, silent, ..line(ANA, "x") }).await, Verdict::Sent(_)));
        let message = server.topic(ANA).pop().unwrap();
        assert_eq!(message["priority"], priority, "{class:?} {silent}");
        assert_eq!((&message["tags"][0], &message["click"]), (&"alert".into(), &"https://sereno.example/c/12".into()));
    }
}

fn button(label: &str, style: ButtonStyle, asks_why: bool) -> DrawnButton {
    DrawnButton { label: label.into(), token: format!("token-{label}"), style, asks_why }
}

#[tokio::test]
async fn a_button_that_could_do_harm_leads_to_the_page_and_only_people_get_any() {
    let server = Server::start().await;
    let ntfy = adapter(&server);
    let all = vec![
        button("yes", ButtonStyle::Approve, false),
        button("no", ButtonStyle::Plain, true),
        button("kill", ButtonStyle::Danger, false),
    ];
    let kinds = |topic: &str| -> Vec<(String, String)> {
        let message = server.topic(topic).pop().unwrap();
        let actions = message["actions"].as_array().unwrap().clone();
        actions.iter().map(|action| (action["action"].as_str().unwrap().to_owned(), token(action))).collect()
    };
    let pair = |kind: &str, token: &str| (kind.to_owned(), token.to_owned());
    let out = Outgoing { buttons: all.clone(), ..line(ANA, "It asks") };
    assert!(matches!(ntfy.send(&out).await, Verdict::Sent(_)));
    assert_eq!(kinds(ANA), [pair("http", "token-yes"), pair("view", "token-no"), pair("view", "token-kill")]);
    // What was not shown whole cannot be decided with a tap there.
    let long = Doc { title: vec![Part::Text("It asks".into())], blocks: vec![Block::Code("字".repeat(1500))] };
    let out = Outgoing { buttons: all.clone(), ..message(ANA, long) };
    assert!(matches!(ntfy.send(&out).await, Verdict::Sent(_)));
    let shown = server.topic(ANA).pop().unwrap();
    assert!(shown["message"].as_str().unwrap().ends_with('…'), "{shown}");
    assert_eq!(kinds(ANA), [pair("view", "token-yes"), pair("view", "token-no"), pair("view", "token-kill")]);
    // Whoever reads a topic that is nobody's in particular decides nothing.
    assert!(matches!(ntfy.send(&Outgoing { buttons: all, ..line("everybody", "It asks") }).await, Verdict::Sent(_)));
    assert_eq!(kinds("everybody"), []);
}

/// Signs that take many bytes, in JSON too, with as many buttons as there can be.
#[tokio::test]
async fn what_is_published_fits_in_bytes_as_well() {
    let server = Server::start().await;
    let ntfy = adapter(&server);
    for unit in ["\"", "\\", "\n", "字", "😀", "x"] {
        for length in [1000, 1300, 1400, 2000, 2100, 4000, 9000] {
            let out = Outgoing { buttons: buttons(4, 27), ..message(ANA, everywhere(&unit.repeat(length / 6))) };
            assert!(matches!(ntfy.send(&out).await, Verdict::Sent(_)), "{unit} × {length}");
            let message = server.topic(ANA).pop().unwrap();
            assert!(!message["message"].as_str().unwrap().contains("attachment.txt"), "{unit} × {length}");
        }
    }
}
