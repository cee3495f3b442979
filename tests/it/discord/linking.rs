//! Accounts on Discord become somebody's by a code, and a link to the page is seen by whoever asked, and nobody else.

use serde_json::json;

use super::fake::{CHANNEL, Fake};
use super::{STRANGER, said, scene};
use crate::database::{Database, on_both};

on_both![a_code_makes_an_account_known_where_it_was_typed_and_nowhere_else];

async fn a_code_makes_an_account_known_where_it_was_typed_and_nowhere_else(db: Database) {
    let fake = Fake::start().await;
    let scene = scene(db, &fake, "[people.bea]\nrole = \"operator\"\n").await;
    let code = scene.visitor("bea").await.asks_code(&scene).await;
    // From a server that is not ours nobody becomes anybody, and the code stays good.
    let mut foreign = fake.command(STRANGER, "link", &[("args", code.as_str())]);
    foreign["guild_id"] = json!("901");
    let told = said(&scene, &fake, foreign).await;
    assert!(told.contains("another server"), "{told}");
    let told = said(&scene, &fake, fake.command(STRANGER, "link", &[("args", code.as_str())])).await;
    assert!(told.contains("you are bea"), "{told}");
    let told = said(&scene, &fake, fake.command(STRANGER, "login", &[])).await;
    assert!(told.contains("/#signin="), "{told}");
    assert!(fake.chat(CHANNEL).is_empty());
    scene.finish(&[]).await;
}
