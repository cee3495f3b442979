//! Who is refused, and with which words: T01 to T07.

use std::collections::HashSet;

use serde_json::{Value, json};
use sereno::core::time::Span;

use super::{position, sent, signed};
use crate::database;
use crate::scene::{SECRET_BYTES, Scene, TOKEN};

fn beat() -> Value {
    json!({ "type": "agent.heartbeat", "agent": { "id": "a" } })
}

#[tokio::test]
async fn strangers_are_told_nothing() {
    let scene = Scene::start(database::sqlite().await, "").await;
    let before = position(&scene);
    let body = beat().to_string();
    let good = signed(&scene, "/hooks/fleet", "m1", scene.now(), body.as_bytes()).build().unwrap();
    let mut answers = HashSet::new();
    for spoilt in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        for value in [None, Some("v1,AAAA"), Some("1"), Some("")] {
            let mut request = good.try_clone().unwrap();
            match value {
                Some(value) => drop(request.headers_mut().insert(spoilt, value.parse().unwrap())),
                None => drop(request.headers_mut().remove(spoilt)),
            }
            let response = scene.client.execute(request).await.unwrap();
            let status = response.status().as_u16();
            // From the eleventh on, whoever guesses is told to wait; it does not matter what was wrong.
            assert!(matches!(status, 401 | 429), "{spoilt} {value:?}: {status}");
            answers.insert(response.text().await.unwrap());
        }
    }
    assert_eq!(answers.len(), 2, "{answers:?}");
    assert_eq!(position(&scene), before);
    // Whoever is genuine is not kept waiting by those who guess from the same address.
    assert_eq!(scene.client.execute(good).await.unwrap().status(), 202);
    scene.finish(&[]).await;
}

#[tokio::test]
async fn the_window_is_five_minutes_either_way() {
    let scene = Scene::start(database::sqlite().await, "").await;
    scene.advance(Span::mins(60)).await;
    let now = scene.now();
    let body = beat().to_string();
    for (offset, wanted) in [(-301, 401), (-300, 202), (0, 202), (300, 202), (301, 401)] {
        let at = sereno::core::time::Ts(now.0 + offset * 1000);
        let (status, answer) = sent(signed(&scene, "/hooks/fleet", &format!("m{offset}"), at, body.as_bytes())).await;
        assert_eq!(status, wanted, "{offset} s: {answer}");
        if wanted == 401 {
            assert!(answer["detail"].as_str().unwrap().contains("clock"), "{answer}");
        }
    }
    scene.finish(&[]).await;
}

#[tokio::test]
async fn a_key_speaks_for_its_own_agents_only() {
    let extra = "[runtimes.narrow]\nkind = \"generic\"\ntoken = \"narrow-token-narrow\"\nagents = \"build-*\"\n";
    let scene = Scene::start(database::sqlite().await, extra).await;
    let post = |body: Value| {
        sent(scene.client.post(scene.url("/hooks/narrow")).bearer_auth("narrow-token-narrow").json(&body))
    };
    let about = |agent: &str| json!({ "type": "agent.heartbeat", "agent": { "id": agent } });
    assert_eq!(post(about("build-7")).await.0, 202);
    let before = position(&scene);
    assert_eq!(post(about("prod-1")).await.0, 403);
    let (status, answer) = post(json!([about("build-7"), about("prod-1")])).await;
    assert_eq!(status, 403);
    assert!(answer["detail"].as_str().unwrap().contains("event 1"), "{answer}");
    assert_eq!(position(&scene), before);
    assert_eq!(sent(scene.client.post(scene.url("/hooks/narrow")).bearer_auth(TOKEN).json(&beat())).await.0, 401);
    scene.finish(&[]).await;
}

#[tokio::test]
async fn every_wrong_form_has_its_status_and_its_remedy() {
    let scene = Scene::start(database::sqlite().await, "").await;
    let before = position(&scene);
    let hook = || scene.client.post(scene.url("/hooks/fleet")).bearer_auth(TOKEN);
    let json = |body: &'static str| hook().header("content-type", "application/json").body(body);
    let long = format!("{{\"type\":\"message\",\"message\":\"{}\"}}", "x".repeat(1024 * 1024));
    let cases = [
        (404, scene.client.post(scene.url("/hooks/nobody")).json(&beat()), "nothing"),
        (404, scene.client.get(scene.url("/nowhere")), "nothing"),
        (405, scene.client.get(scene.url("/hooks/fleet")), "another method"),
        (415, hook().header("content-type", "text/plain").body(beat().to_string()), "application/json"),
        (415, hook().header("content-encoding", "gzip").json(&beat()), "content encoding"),
        (413, hook().header("content-type", "application/json").body(long), "longer than"),
        (400, json("{\"type\":"), "not JSON"),
        (422, json("{}"), "type"),
        (422, json("{\"type\":\"agent.heartbeat\"}"), "agent"),
        (422, json("\"agent.heartbeat\""), ""),
    ];
    for (wanted, request, word) in cases {
        let (status, answer) = sent(request).await;
        assert_eq!(status, wanted, "{answer}");
        let detail = answer["detail"].as_str().unwrap_or_else(|| panic!("{wanted}: {answer}"));
        assert!(detail.contains(word), "{wanted}: {detail}");
    }
    assert_eq!(position(&scene), before);
    scene.finish(&[]).await;
}

#[tokio::test]
async fn too_fast_is_told_when_to_come_back() {
    let scene = Scene::start(database::sqlite().await, "").await;
    // The clock stands still, so the burst of 2000 is all there is. A refused form costs as much as a good one.
    let one = || scene.client.post(scene.url("/hooks/fleet")).bearer_auth(TOKEN).body("");
    let mut statuses = Vec::new();
    for _ in 0..2001 {
        statuses.push(one().send().await.unwrap());
    }
    let last = statuses.pop().unwrap();
    assert!(statuses.iter().all(|response| response.status() == 415));
    assert_eq!(last.status(), 429);
    assert_eq!(last.headers()["retry-after"], "1");
    scene.advance(Span::secs(1)).await;
    assert_eq!(one().send().await.unwrap().status(), 415);
    scene.finish(&[]).await;
}

#[tokio::test]
async fn old_secrets_work_beside_new_ones() {
    let fresh = "whsec_ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=";
    let old = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    let extra = format!("[runtimes.rotating]\nkind = \"generic\"\nsecret = [\"{fresh}\", \"{old}\"]\n");
    let scene = Scene::start(database::sqlite().await, &extra).await;
    let body = beat().to_string();
    let request = signed(&scene, "/hooks/rotating", "m1", scene.now(), body.as_bytes());
    assert_eq!(sent(request).await.0, 202);
    let mut keys = vec![(32..64).collect::<Vec<u8>>(), SECRET_BYTES.to_vec(), vec![9; 32]];
    for (n, key) in keys.drain(..).enumerate() {
        let mut request = scene.client.post(scene.url("/hooks/rotating")).header("content-type", "application/json");
        for (name, value) in sereno::runtime::signature::sign(&key, &format!("k{n}"), scene.now(), body.as_bytes()) {
            request = request.header(name, value);
        }
        assert_eq!(sent(request.body(body.clone())).await.0, if n < 2 { 202 } else { 401 });
    }
    scene.finish(&[]).await;
}
