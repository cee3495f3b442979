//! Who may do what on a whole sereno: somebody who looks after a part sees, is told and touches that part only.

use serde_json::{Value, json};
use sereno::core::time::Span;

use crate::database::{Database, on_both};
use crate::scene::Scene;

on_both![
    an_export_holds_what_its_reader_may_see_and_is_theirs_alone,
    whoever_looks_after_a_part_sees_and_touches_that_part_only,
    a_token_is_shown_once_good_for_a_while_and_revoked,
    a_link_by_word_signs_in_once,
    a_page_that_looks_leaves_nothing_in_the_log,
];

const BEA: &str = "[people.bea]\nrole = \"operator\"\nwithin = { agents = [\"web-*\"] }\n";

async fn whoever_looks_after_a_part_sees_and_touches_that_part_only(db: Database) {
    let scene = Scene::start(db, BEA).await;
    let bea = scene.visitor("bea").await;
    for agent in ["web-1", "db-1"] {
        let about = json!({ "agent": { "id": agent }, "session": { "id": format!("s-{agent}") } });
        let mut asks = json!({ "type": "approval.requested", "approval": { "id": format!("q-{agent}"),
            "action": { "tool": "Bash", "input": { "command": format!("make {agent}") } } } });
        asks["agent"] = about["agent"].clone();
        asks["session"] = about["session"].clone();
        scene.event(asks).await;
        scene.settle().await;
    }
    // Read models follow the fold.
    scene.advance(Span::secs(10)).await;
    let cards: Vec<String> = bea.cards(&scene).await.iter().map(crate::scene::Standing::text).collect();
    assert_eq!(cards.iter().filter(|text| text.contains("make web-1")).count(), 1, "{cards:?}");
    assert!(!cards.iter().any(|text| text.contains("make db-1")), "{cards:?}");
    for (path, shown, hidden) in [
        ("/agents", "web-1", "db-1"),
        ("/head", "1 needs you", "2 need"),
        ("/complete", "\"session\":[{\"id\":\"s-web-1\"", "db-1"),
        ("/sessions", "web-1", "db-1"),
        ("/agent/fleet/web-1", "make web-1", "db-1"),
        ("/session/fleet/s-web-1", "web-1 asks", "db-1"),
        ("/more/events", "web-1", "db-1"),
    ] {
        let page = bea.reads(&scene, path).await;
        assert!(page.contains(shown) && !page.contains(hidden), "{path}: {page}");
    }
    for path in ["/agent/fleet/db-1", "/session/fleet/s-db-1", "/more/people"] {
        let (status, page) = bea.opens(&scene, path).await;
        assert!(status == 403 && !page.contains("make db-1") && !page.contains("data-say"), "{path}: {status} {page}");
    }
    assert_eq!(bea.opens(&scene, "/agent/fleet/db-2").await.0, 404);
    let (status, said) = bea.says(&scene, "/pause db-1").await;
    assert_eq!(
        (status, said.as_str()),
        (409, "/pause is not yours to use on db-1: it is outside of what you look after.")
    );
    assert_eq!(bea.says(&scene, "/pause web-1").await.0, 200);
    let denied = bea.card(&scene, "approval").await.no();
    assert_eq!(bea.taps(&scene, &denied).await.0, 200);
    assert_eq!(scene.fleet.heard(), ["control.pause web-1", "control.decide denied"]);
    let victor = scene.visitor("victor").await;
    let rest = victor.cards(&scene).await.into_iter().find(|card| card.text().contains("make db-1")).unwrap();
    assert_eq!(victor.taps(&scene, &rest.no()).await.0, 200);
    scene.finish(&[]).await;
}

async fn an_export_holds_what_its_reader_may_see_and_is_theirs_alone(db: Database) {
    let scene = Scene::start(db, BEA).await;
    let bea = scene.visitor("bea").await;
    for agent in ["web-1", "db-1"] {
        let usage = json!({ "input_tokens": 10, "cost_usd": "0.25" });
        let who = json!({ "id": agent });
        let call =
            json!({ "type": "model.call", "agent": who, "session": { "id": agent }, "model": "m", "usage": usage });
        scene.event(call).await;
    }
    scene.settle().await;
    assert_eq!(bea.says(&scene, "/export costs").await.0, 200);
    let scene = scene.restart().await;
    let card = bea.card(&scene, "export").await;
    let path = format!("/file/{}", card.out.copy);
    let text = bea.reads(&scene, &path).await;
    assert!(text.contains("\"web-1\"") && !text.contains("db-1"), "{text}");
    let page = bea.reads(&scene, &format!("/card/{}", card.out.copy)).await;
    assert!(page.contains(&format!("href=\"{path}\" download=\"sereno-costs-2026-11-20.csv\"")), "{page}");
    let stranger = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build().unwrap();
    assert_eq!(stranger.get(scene.url(&path)).send().await.unwrap().status(), 303, "whoever is not signed in signs in");
    let victor = scene.visitor("victor").await;
    assert_eq!(victor.status(&scene, &path).await, 404, "it is nobody else's, whatever they may see");
    let (status, said) = bea.says(&scene, "/export audit").await;
    assert_eq!(status, 409, "{said}");
    scene.finish(&[]).await;
}

/// Says a line with a token of the API; the status and what came of it.
async fn with_token(scene: &Scene, token: &str, text: &str) -> (u16, Value) {
    let request = scene.client.post(scene.url("/v1/commands")).bearer_auth(token).json(&json!({ "text": text }));
    let answer = request.send().await.unwrap();
    let said = (answer.status().as_u16(), answer.json().await.unwrap());
    scene.settle().await;
    said
}

async fn a_token_is_shown_once_good_for_a_while_and_revoked(db: Database) {
    let chief = "chief-token-for-tests";
    let extra = format!("[api.tokens.chief]\nrole = \"admin\"\ntoken = \"{chief}\"\n");
    let scene = Scene::start(db, &extra).await;
    let mut tokens = Vec::new();
    for (name, expires) in [("ci", "1d"), ("short", "5m")] {
        let (_, said) =
            with_token(&scene, chief, &format!("/people token {name} role:operator expires:{expires}")).await;
        let text = said["text"].as_str().unwrap();
        let token = text.split_once("sereno_").unwrap().1.get(..64).unwrap();
        assert!(!said["content"].to_string().contains(token), "it stands in the text alone");
        tokens.push(format!("sereno_{token}"));
    }
    let list = scene.client.get(scene.url("/v1/agents")).bearer_auth(&tokens[0]).send().await.unwrap();
    assert_eq!(list.status(), 200);
    let (status, said) = with_token(&scene, &tokens[0], "/people").await;
    assert_eq!((status, &said["reason"]["code"]), (200, &json!("role_missing")));
    let (_, said) = with_token(&scene, chief, "/people").await;
    assert!(said["text"].as_str().unwrap().contains("ci"), "{said}");
    let scene = scene.restart().await;
    scene.advance(Span::mins(6)).await;
    assert_eq!(with_token(&scene, &tokens[1], "/agents").await.0, 401, "its five minutes are over");
    assert_eq!(with_token(&scene, &tokens[0], "/agents").await.0, 200);
    assert_eq!(with_token(&scene, chief, "/people revoke ci").await.1["refused"], false);
    assert_eq!(with_token(&scene, &tokens[0], "/agents").await.0, 401);
    // Whoever is wrong too often is told to wait; whoever is right is not.
    let mut statuses = Vec::new();
    for _ in 0..12 {
        statuses.push(with_token(&scene, "guess", "/agents").await.0);
    }
    assert_eq!((statuses[0], statuses[11]), (401, 429), "{statuses:?}");
    assert_eq!(with_token(&scene, chief, "/agents").await.0, 200);
    scene.advance(Span::mins(1)).await;
    assert_eq!(with_token(&scene, "guess", "/agents").await.0, 401);
    scene.finish(&[]).await;
}

async fn a_link_by_word_signs_in_once(db: Database) {
    let scene = Scene::start(db, "").await;
    let ana = scene.visitor("ana").await;
    assert_eq!(ana.says(&scene, "/login").await.0, 200);
    let text = ana.card(&scene, "secret").await.text();
    let token = text.split_once("/#signin=").unwrap().1.get(..64).unwrap().to_owned();
    let uses = async |token: &str| {
        let request = scene.client.post(scene.url("/signin")).json(&json!({ "token": token }));
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(uses(&token).await, 204);
    assert_eq!(uses(&token).await, 410);
    scene.advance(Span::mins(10)).await;
    assert!(!ana.card(&scene, "secret").await.text().contains(&token), "and nobody reads it afterwards");
    scene.finish(&[]).await;
}

async fn a_page_that_looks_leaves_nothing_in_the_log(db: Database) {
    let scene = Scene::start(db, BEA).await;
    let (victor, bea) = (scene.visitor("victor").await, scene.visitor("bea").await);
    scene.overspends().await;
    let alert = victor.card(&scene, "alert").await;
    let (copy, code) = (alert.out.copy, format!("A{}", scene.app.door.store.alerts(1).await.unwrap()[0].number));
    scene.advance(Span::secs(10)).await;
    let before = *scene.app.door.progress.committed.borrow();
    let paths = [
        "/agent/fleet/build-1",
        "/session/fleet/s-1",
        &format!("/alert/{code}"),
        &format!("/card/{copy}"),
        "/sessions",
        "/tasks",
        "/alerts",
        "/more/notify",
        "/more/people",
        "/more/events",
        "/more/digest",
    ];
    for path in paths {
        assert!(victor.reads(&scene, path).await.contains("<main"), "{path}");
    }
    assert_eq!(bea.opens(&scene, paths[0]).await.0, 403, "and the same rules hold");
    assert_eq!(*scene.app.door.progress.committed.borrow(), before);
    // What somebody says is logged as ever.
    assert_eq!(victor.says(&scene, "/agent build-1").await.0, 200);
    assert!(*scene.app.door.progress.committed.borrow() > before);
    scene.finish(&[]).await;
}
