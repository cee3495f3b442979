//! What the answers to a webhook mean.

use sereno::channel::webhook::Webhook;
use sereno::channel::{About, Channel as _, Outgoing, Verdict};
use sereno::core::delivery::Class;
use sereno::core::policy::Severity;
use sereno::core::time::Span;
use sereno::outgoing::Inside;

use super::taker::{Fault, Taker};
use super::{adapter, settings, signer};
use crate::channel::contract::{everywhere, line, message, word};

#[tokio::test]
async fn every_status_of_a_webhook_has_its_meaning() {
    let taker = Taker::start().await;
    let hook = adapter(&taker);
    let table = [
        ("sent", vec![200, 201, 202, 204, 299]),
        ("locked", vec![300, 301, 302, 307, 308, 401, 403, 404, 405]),
        ("gone", vec![410]),
        ("rejected", vec![400, 402, 406, 409, 411, 413, 415, 422, 451, 499]),
        ("retry", vec![408, 425, 429, 500, 501, 502, 503, 504, 507, 599]),
    ];
    for (meaning, statuses) in table {
        for status in statuses {
            taker.fails([Fault::Says(status, vec![("location", "http://127.0.0.1:1/elsewhere".into())])]);
            let verdict = hook.send(&line("ops", "It asks")).await;
            assert_eq!(word(&verdict), meaning, "{status}: {verdict:?}");
        }
    }
}

#[tokio::test]
async fn a_wish_to_be_left_alone_is_passed_on() {
    let taker = Taker::start().await;
    let hook = adapter(&taker);
    for status in [429, 503] {
        taker.fails([Fault::Says(status, vec![("retry-after", "7".into())])]);
        let verdict = hook.send(&line("ops", "It asks")).await;
        assert!(matches!(verdict, Verdict::Retry { after: Some(Span(7000)), uncertain: false, .. }), "{verdict:?}");
    }
}

#[tokio::test]
async fn the_body_is_what_its_schema_says() {
    let taker = Taker::start().await;
    let hook = adapter(&taker);
    let about = About { card: 7, kind: "full_text", class: Class::Critical, severity: Some(Severity::Trend) };
    let outs = [
        line("ops", "It asks"),
        Outgoing { about, silent: true, under: Some("ob_9".into()), ..message("", everywhere("<b>\u{202e}\"\\")) },
    ];
    for out in &outs {
        assert!(matches!(hook.send(out).await, Verdict::Sent(_)));
        assert!(matches!(hook.edit(out, "ob_9").await, Verdict::Sent(_)));
    }
    let folder = tempfile::tempdir().unwrap();
    // Under one name a notice is the same, so the changes were taken for the notices themselves.
    let bodies: Vec<_> = taker.heard().into_iter().map(|(_, body)| body).collect();
    assert_eq!(bodies.len(), 4);
    let root = env!("CARGO_MANIFEST_DIR");
    let mut judge = std::process::Command::new(format!("{root}/tests/.cache/python/bin/check-jsonschema"));
    judge.args(["--schemafile", &format!("{root}/docs/webhook.schema.json")]);
    for (place, body) in bodies.iter().enumerate() {
        let path = folder.path().join(format!("{place}.json"));
        std::fs::write(&path, body.to_string()).unwrap();
        judge.arg(path);
    }
    let said = judge.output().expect("check-jsonschema is there: run ./tests/run");
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stdout));
    let data = bodies[0]["data"].as_object().unwrap();
    let documented = std::fs::read_to_string(format!("{root}/docs/webhook.md")).unwrap();
    for key in data.keys() {
        assert!(documented.contains(&format!("`{key}`")), "docs/webhook.md does not name {key}");
    }
}

/// Whoever takes it has seen the name, so that nothing is uncertain about sending it again.
#[tokio::test]
async fn a_lost_answer_is_asked_for_again_under_the_same_name_and_a_newer_text_has_another() {
    let taker = Taker::start().await;
    let hook = adapter(&taker);
    let out = line("ops", "It asks");
    taker.fails([Fault::Loses]);
    assert_eq!(word(&hook.send(&out).await), "retry");
    assert_eq!(hook.send(&out).await, Verdict::Sent(out.id.clone()));
    let newer = Outgoing { version: 2, ..out.clone() };
    assert_eq!(hook.edit(&newer, &out.id).await, Verdict::Sent(out.id.clone()));
    let names: Vec<String> = taker.heard().into_iter().map(|(id, _)| id).collect();
    assert_eq!(names, [format!("{}_v1", out.id), format!("{}_v1", out.id), format!("{}_v2", out.id)]);
    assert_eq!(taker.taken().len(), 2);
}

#[tokio::test]
async fn a_wrong_secret_and_a_closed_door_are_told_apart() {
    let taker = Taker::start().await;
    let mut wrong = settings(&taker);
    wrong.sign = signer(vec![7; 32]);
    let hook = Webhook::new(wrong.clone(), Webhook::client(Inside::Private).unwrap());
    let verdict = hook.send(&line("ops", "It asks")).await;
    assert!(matches!(&verdict, Verdict::Locked(why) if why.contains("the same secret")), "{verdict:?}");
    wrong.url = "http://127.0.0.1:1/take".parse().unwrap();
    let hook = Webhook::new(wrong, Webhook::client(Inside::Private).unwrap());
    let verdict = hook.send(&line("ops", "It asks")).await;
    assert_eq!(verdict, Verdict::not_sent("its url cannot be reached"));
}
