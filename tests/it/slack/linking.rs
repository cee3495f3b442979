//! Accounts on Slack become somebody's by a code; guests of other workspaces do not; a link comes to its reader alone.

use serde_json::json;

use super::fake::Fake;
use super::{scene, taken};
use crate::database::{Database, on_both};

on_both![a_code_makes_an_account_known_and_a_guest_of_another_workspace_is_not];

async fn a_code_makes_an_account_known_and_a_guest_of_another_workspace_is_not(db: Database) {
    let fake = Fake::start().await;
    let scene = scene(db, &fake, "[people.bea]\nrole = \"operator\"\n").await;
    let code = scene.visitor("bea").await.asks_code(&scene).await;
    taken(&scene, &fake, &fake.command("C100", "U9", "/sereno", &format!("link {code}"))).await;
    let (_, user, message) = fake.memory().whispers.pop().unwrap();
    assert_eq!(user, "U9");
    assert!(message.text().contains("you are bea"), "{}", message.text());
    assert!(fake.channel("C100").is_empty(), "nobody else reads of it");
    taken(&scene, &fake, &fake.command("C100", "U9", "/sereno", "login")).await;
    let (_, user, message) = fake.memory().whispers.pop().unwrap();
    assert!(user == "U9" && message.text().contains("/#signin="), "{user} {}", message.text());
    scene.asks("q1", "pytest tests/").await;
    let card = fake.newest("D9");
    let mut guest = fake.tap("D9", "U9", &card, "❌");
    guest["user"]["team_id"] = json!("T2");
    taken(&scene, &fake, &guest).await;
    let told = fake.answered(1).await;
    assert!(told[0].contains("another server"), "{told:?}");
    assert!(scene.fleet.calls().is_empty());
    taken(&scene, &fake, &fake.tap("D9", "U9", &card, "❌")).await;
    assert_eq!(scene.fleet.heard(), ["control.decide denied"]);
    scene.finish(&[]).await;
}
