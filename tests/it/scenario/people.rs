//! Who may do what on a whole sereno: somebody who looks after a part sees, is told and touches that part only.

use serde_json::json;
use sereno::core::time::Span;

use crate::database::{Database, on_both};
use crate::scene::Scene;

on_both![whoever_looks_after_a_part_sees_and_touches_that_part_only];

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
    for (path, shown, hidden) in
        [("/agents", "web-1", "db-1"), ("/head", "1 needs you", "2 need"), ("/complete", "web-1", "db-1")]
    {
        let page = bea.reads(&scene, path).await;
        assert!(page.contains(shown) && !page.contains(hidden), "{path}: {page}");
    }
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
