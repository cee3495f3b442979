//! Links of mails (T31): whatever follows them decides nothing; a tap does, once, for whoever reads at the address.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::post::Post;
use super::{ANA, config, plain_post};
use crate::database::{Database, on_both};
use crate::scene::Scene;

on_both![
    whatever_follows_a_link_decides_nothing,
    a_link_is_bound_to_its_mail_and_to_what_is_drawn,
    a_no_brings_its_words_along,
];

/// Posts JSON to a page of links. Status and answer.
pub async fn post_to(scene: &Scene, path: &str, body: Value) -> (u16, Value) {
    let answer = scene.client.post(scene.url(path)).json(&body).send().await.unwrap();
    let status = answer.status().as_u16();
    let said = answer.json().await.unwrap_or_default();
    scene.settle().await;
    (status, said)
}

async fn asked(db: Database) -> (Scene, Post) {
    let post = plain_post();
    let scene = Scene::start(db, &config(&post)).await;
    scene.asks("q1", "pytest tests/ <b>&").await;
    (scene, post)
}

const SCANNERS: [&str; 6] = [
    "Mozilla/5.0 (compatible; Microsoft Safe Links)",
    "GoogleImageProxy",
    "Barracuda Sentinel",
    "Mimecast-URL-Protect",
    "facebookexternalhit/1.1",
    "Slackbot-LinkExpanding 1.0",
];

async fn whatever_follows_a_link_decides_nothing(db: Database) {
    let (scene, post) = asked(db).await;
    let yes = post.to(ANA)[0].token("✅");
    let before = post_to(&scene, "/m/show", json!({ "token": yes })).await;
    assert_eq!(before.0, 200);
    assert_eq!(before.1["button"]["style"], "approve");
    let text = before.1.to_string();
    assert!(
        text.contains("pytest tests/ <b>&") && before.1["title"].as_str().unwrap().starts_with("⏳ build-1"),
        "{text}"
    );
    for round in 0..100 {
        let agent = SCANNERS[round % SCANNERS.len()];
        for method in [Method::GET, Method::HEAD] {
            // No program sends what stands behind the `#`; some put it into the query instead.
            for path in ["/m".to_owned(), format!("/m?{yes}"), "/m/show".into(), "/m/act".into(), format!("/m/{yes}")] {
                let request = scene.client.request(method.clone(), scene.url(&path)).header("user-agent", agent);
                let answer = request.send().await.unwrap();
                let wanted =
                    if path.starts_with("/m/") { answer.status().is_client_error() } else { answer.status() == 200 };
                assert!(wanted, "{method} {path}: {}", answer.status());
                if round == 0 && answer.status() == 200 {
                    assert_eq!(answer.headers()["cache-control"], "no-store", "{path}");
                    assert_eq!(answer.headers()["referrer-policy"], "no-referrer", "{path}");
                    assert_eq!(answer.headers()["x-frame-options"], "DENY", "{path}");
                    assert!(
                        answer.headers()["content-security-policy"].to_str().unwrap().contains("default-src 'none'")
                    );
                }
            }
        }
    }
    let elsewhere = [
        ("sec-fetch-site", "cross-site", "application/json", StatusCode::FORBIDDEN),
        ("sec-fetch-site", "same-site", "application/json", StatusCode::FORBIDDEN),
        ("x-nothing", "", "application/x-www-form-urlencoded", StatusCode::UNSUPPORTED_MEDIA_TYPE),
        ("x-nothing", "", "text/plain", StatusCode::UNSUPPORTED_MEDIA_TYPE),
    ];
    for (name, value, kind, wanted) in elsewhere {
        let request = scene.client.post(scene.url("/m/act")).header(name, value).header("content-type", kind);
        let answer = request.body(json!({ "token": yes }).to_string()).send().await.unwrap();
        assert_eq!(answer.status(), wanted, "{value} {kind}");
    }
    scene.settle().await;
    assert!(scene.fleet.calls().is_empty());
    assert_eq!(post_to(&scene, "/m/show", json!({ "token": yes })).await, before);
    let (status, done) = post_to(&scene, "/m/act", json!({ "token": yes })).await;
    assert_eq!((status, &done["text"], &done["refused"]), (200, &json!("Done: approved."), &json!(false)));
    assert_eq!(scene.fleet.heard(), ["control.decide approved"]);
    // The second time it is over, and says who it was.
    let (status, done) = post_to(&scene, "/m/act", json!({ "token": yes })).await;
    assert_eq!((status, &done["text"]), (410, &json!("Already approved by ana at 09:00.")));
    assert_eq!(done["card"]["button"], Value::Null);
    assert!(done["card"]["title"].as_str().unwrap().starts_with("✅ Approved by ana · e-mail · 09:00"), "{done}");
    assert_eq!(scene.fleet.calls().len(), 1);
    scene.finish(&[]).await;
}

async fn a_link_is_bound_to_its_mail_and_to_what_is_drawn(db: Database) {
    let (scene, post) = asked(db).await;
    let ana = scene.visitor("ana").await;
    let yes = post.to(ANA)[0].token("✅");
    let mut forged = yes.clone().into_bytes();
    forged[20] = if forged[20] == b'A' { b'B' } else { b'A' };
    let of_page = ana.card(&scene, "approval").await.yes();
    for token in [String::from_utf8(forged).unwrap(), of_page, String::new(), "x".repeat(27), "x".repeat(5000)] {
        for path in ["/m/show", "/m/act"] {
            let (status, said) = post_to(&scene, path, json!({ "token": token })).await;
            assert_eq!((status, &said["refused"]), (410, &json!(true)), "{path} {token}");
        }
    }
    for body in [json!({}), json!({ "token": 7 }), json!({ "token": yes, "as": "victor" }), json!("x")] {
        assert_eq!(post_to(&scene, "/m/act", body.clone()).await.0, 422, "{body}");
    }
    assert!(scene.fleet.calls().is_empty());
    // What is decided elsewhere is over here.
    scene.event(json!({ "type": "approval.cancelled", "approval": { "id": "q1" } })).await;
    scene.settle().await;
    let (status, said) = post_to(&scene, "/m/show", json!({ "token": yes })).await;
    assert_eq!((status, &said["button"]), (200, &Value::Null));
    assert_eq!(post_to(&scene, "/m/act", json!({ "token": yes })).await.0, 410);
    assert!(scene.fleet.calls().is_empty());
    scene.finish(&[]).await;
}

async fn a_no_brings_its_words_along(db: Database) {
    let (scene, post) = asked(db).await;
    let no = post.to("victor@example.org")[0].token("💬");
    let (_, shown) = post_to(&scene, "/m/show", json!({ "token": no })).await;
    assert_eq!(shown["lang"], "es");
    assert!(shown["button"]["why"].is_string(), "{shown}");
    let (status, done) = post_to(&scene, "/m/act", json!({ "token": no, "why": " not on a Friday " })).await;
    assert_eq!(status, 200, "{done}");
    assert_eq!(scene.fleet.heard(), ["control.decide denied"]);
    let mail = post.to(ANA).pop().unwrap();
    assert!(
        mail.subject().starts_with("❌ Rejected by victor · e-mail · 09:00 — \"not on a Friday\""),
        "{}",
        mail.subject()
    );
    scene.finish(&[]).await;
}
