//! Accounts on Telegram become somebody's by a code; strangers are told once; a link to the page comes in private.

use serde_json::json;

use super::fake::Fake;
use super::{scene, taken};
use crate::database::{Database, on_both};
use crate::scene::Scene;

on_both![
    a_code_from_the_page_makes_an_account_known_and_an_admin_takes_it_away,
    a_stranger_who_taps_is_told_once,
    a_link_to_the_page_comes_in_the_private_chat,
];

const BEA: &str = "[people.bea]\nrole = \"approver\"\n";

async fn a_code_from_the_page_makes_an_account_known_and_an_admin_takes_it_away(db: Database) {
    let fake = Fake::start().await;
    let scene = scene(db, &fake, BEA).await;
    let code = scene.visitor("bea").await.asks_code(&scene).await;
    let said = fake.says("99", 99, &format!("/link {code}"));
    taken(&scene, &fake, said).await;
    let told: Vec<String> = fake.chat(99).into_iter().map(|message| message.text).collect();
    assert!(told.iter().any(|text| text.contains("you are bea")), "{told:?}");
    assert!(fake.newest(1234).text.contains("bea"), "an admin is told: {}", fake.newest(1234).text);
    // It lasts, and it is all that a question needs.
    let scene = scene.restart().await;
    scene.asks("q1", "pytest tests/").await;
    let tap = fake.taps("99", 99, &fake.newest(99), "✅");
    taken(&scene, &fake, tap).await;
    assert_eq!(scene.fleet.heard(), ["control.decide approved"]);
    let said = fake.says("98", 98, &format!("/link {code}"));
    taken(&scene, &fake, said).await;
    assert!(fake.newest(98).text.contains("no code of mine"), "{}", fake.newest(98).text);
    let victor = scene.visitor("victor").await;
    assert_eq!(victor.says(&scene, "/people unlink bea").await.0, 200);
    let said = fake.says("99", 99, "/agents");
    taken(&scene, &fake, said).await;
    assert!(fake.newest(99).text.contains("do not know you"), "{}", fake.newest(99).text);
    scene.finish(&[]).await;
}

async fn a_stranger_who_taps_is_told_once(db: Database) {
    let fake = Fake::start().await;
    let route = "[[routes]]\nto = [\"tg:-100500\"]\n";
    let scene = scene(db, &fake, route).await;
    scene.asks("q1", "rm -r build").await;
    for _ in 0..2 {
        let tap = fake.taps("-100500", 666, &fake.newest(-100_500), "✅");
        taken(&scene, &fake, tap).await;
    }
    let toasts = fake.memory().toasts.clone();
    assert!(toasts[0].text.contains("I do not know you") && toasts[0].text.contains("/link"), "{toasts:?}");
    assert!(toasts[1].text.starts_with("I still do not know you"), "{toasts:?}");
    let mut anonymous =
        fake.tap("-100500", 666, &fake.newest(-100_500), super::updates::data(&fake.newest(-100_500), "✅"));
    anonymous["callback_query"]["from"] = json!({ "id": 1_087_968_824, "is_bot": true, "first_name": "Group" });
    let said = fake.update(anonymous);
    taken(&scene, &fake, said).await;
    assert!(fake.memory().toasts[2].text.contains("anonymous"), "{:?}", fake.memory().toasts);
    assert_eq!(fake.chat(-100_500).len(), 1, "nobody else reads of it");
    assert!(fake.chat(666).is_empty() && scene.fleet.calls().is_empty());
    let no = fake.taps("-100500", 77, &fake.newest(-100_500), "❌");
    taken(&scene, &fake, no).await;
    assert_eq!(scene.fleet.heard(), ["control.decide denied"]);
    scene.finish(&[]).await;
}

async fn a_link_to_the_page_comes_in_the_private_chat(db: Database) {
    let fake = Fake::start().await;
    let scene = scene(db, &fake, "").await;
    let said = fake.says("-100500", 77, "/login");
    taken(&scene, &fake, said).await;
    assert!(!fake.newest(-100_500).text.contains("signin"), "{}", fake.newest(-100_500).text);
    let text = fake.newest(77).text;
    let token = text.split_once("/#signin=").unwrap().1.get(..64).unwrap().to_owned();
    // Whatever follows links changes nothing.
    for _ in 0..3 {
        assert_eq!(scene.client.get(scene.url("/")).send().await.unwrap().status(), 200);
    }
    assert_eq!(uses(&scene, &token).await, 204);
    assert_eq!(uses(&scene, &token).await, 410);
    let said = fake.says("77", 77, "/login");
    taken(&scene, &fake, said).await;
    let token = fake.newest(77).text.split_once("/#signin=").unwrap().1.get(..64).unwrap().to_owned();
    scene.advance(super::MINUTE).await;
    for _ in 0..9 {
        scene.advance(super::MINUTE).await;
    }
    assert_eq!(uses(&scene, &token).await, 410, "ten minutes later it is dead");
    scene.finish(&[]).await;
}

async fn uses(scene: &Scene, token: &str) -> u16 {
    let request = scene.client.post(scene.url("/signin")).json(&json!({ "token": token }));
    let status = request.send().await.unwrap().status().as_u16();
    scene.settle().await;
    status
}
