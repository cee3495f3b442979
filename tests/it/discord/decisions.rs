//! The same question on Discord and on the page, and commands whose answers nobody else sees.

use serde_json::{Value, json};

use super::fake::{CHANNEL, Fake};
use super::faults::Fault;
use super::people::at_home;
use super::{ANA, STRANGER, VICTOR, config, key, said, scene, signed};
use crate::database::{Database, on_both};
use crate::scene::Scene;

on_both![
    a_tap_on_discord_changes_every_copy,
    words_are_asked_for_and_the_agent_reads_them,
    an_interaction_that_comes_twice_counts_once,
    a_button_is_bound_to_its_conversation,
    an_answer_is_for_whoever_asked_alone,
    what_is_asked_at_home_is_answered_there,
    a_command_that_asks_back_does_so_where_it_was_said,
    an_answer_that_comes_too_late_is_a_message,
    a_pushed_command_runs_once,
];

async fn a_tap_on_discord_changes_every_copy(db: Database) {
    let fake = Fake::start().await;
    let scene = scene(db, &fake, "").await;
    let victor = scene.visitor("victor").await;
    scene.asks("q1", "pytest tests/ <@77> `x`").await;
    let (hers, his) = (fake.home(ANA)[0].clone(), fake.home(VICTOR)[0].clone());
    assert!(hers.text.contains("build-1 wants to run: pytest tests/ <@77> `x`"), "{}", hers.text);
    assert!(hers.markup.contains(&"pre") && !hers.silent, "{:?}", hers.markup);
    let told = said(&scene, &fake, fake.tap(ANA, &hers, &hers.button("✅"))).await;
    assert!(told.contains("pproved"), "{told}");
    assert_eq!(scene.fleet.heard(), ["control.decide approved"]);
    for (account, wanted) in
        [(ANA, "✅ Approved by dora · Discord · 09:00"), (VICTOR, "✅ Aprobado por dora · Discord · 09:00")]
    {
        let cards = fake.home(account);
        assert_eq!(cards.len(), 1);
        assert!(cards[0].text.starts_with(wanted), "{}", cards[0].text);
        assert!(cards[0].buttons.is_empty() && !cards[0].history.is_empty());
    }
    let card = victor.card(&scene, "approval").await;
    assert!(card.text().starts_with("✅ Aprobado por dora · Discord · 09:00"), "{}", card.text());
    // Whoever comes later is told who was first, and nobody else is.
    let told = said(&scene, &fake, fake.tap(VICTOR, &his, &his.button("❌"))).await;
    assert_eq!(told, "Ya está: aprobado por dora a las 09:00.");
    assert_eq!(scene.fleet.calls().len(), 1);
    scene.finish(&[]).await;
}

async fn words_are_asked_for_and_the_agent_reads_them(db: Database) {
    let fake = Fake::start().await;
    let scene = scene(db, &fake, "").await;
    scene.asks("q1", "make deploy").await;
    let card = fake.home(VICTOR)[0].clone();
    let mut tap = fake.tap(VICTOR, &card, &card.button("💬"));
    tap["locale"] = json!("es-ES");
    let asked = fake.says(tap);
    fake.until("words are asked for", |memory| memory.asked[&asked].modal.is_some()).await;
    assert_eq!(fake.memory().asked[&asked].modal.as_ref().unwrap()["title"], "💬 Rechazar y explicar");
    assert!(scene.fleet.calls().is_empty());
    let mut words = fake.words(asked, " not on a Friday ");
    at_home(&mut words);
    said(&scene, &fake, words).await;
    assert_eq!(scene.fleet.heard(), ["control.decide denied"]);
    let card = fake.home(ANA)[0].clone();
    assert!(card.text.starts_with("❌ Rejected by diego · Discord · 09:00 — \"not on a Friday\""), "{}", card.text);
    scene.finish(&[]).await;
}

async fn an_interaction_that_comes_twice_counts_once(db: Database) {
    let fake = Fake::start().await;
    let scene = scene(db, &fake, "").await;
    scene.asks("q1", "pytest tests/").await;
    let card = fake.home(ANA)[0].clone();
    let tap = fake.tap(ANA, &card, &card.button("✅"));
    said(&scene, &fake, tap.clone()).await;
    fake.says(tap.clone());
    said(&scene, &fake, fake.command(ANA, "whoami", &[])).await;
    // After a restart, too.
    let connected = fake.memory().identified;
    let scene = scene.restart().await;
    fake.until("it is connected again", |memory| memory.identified > connected).await;
    fake.says(tap);
    said(&scene, &fake, fake.command(ANA, "whoami", &[])).await;
    assert_eq!(scene.fleet.heard(), ["control.decide approved"]);
    scene.finish(&[]).await;
}

async fn a_button_is_bound_to_its_conversation(db: Database) {
    let fake = Fake::start().await;
    let scene = scene(db, &fake, "").await;
    scene.asks("q1", "pytest tests/").await;
    let (hers, his) = (fake.home(ANA)[0].clone(), fake.home(VICTOR)[0].clone());
    let yes = hers.button("✅");
    let mut forged = yes.clone().into_bytes();
    forged[20] = if forged[20] == b'A' { b'B' } else { b'A' };
    let forged = String::from_utf8(forged).unwrap();
    let mut carried = hers.clone();
    carried.channel = CHANNEL;
    let mut elsewhere = fake.tap(ANA, &hers, &yes);
    elsewhere["authorizing_integration_owners"] = json!({ "1": ANA.to_string() });
    let mut other_server = fake.tap(ANA, &carried, &yes);
    other_server["guild_id"] = json!("901");
    let taps = [
        // A card of hers that was carried into a channel, and another message in the right conversation.
        fake.tap(ANA, &carried, &yes),
        fake.tap(VICTOR, &his, &yes),
        fake.tap(STRANGER, &carried, &yes),
        fake.tap(ANA, &hers, &forged),
        fake.tap(ANA, &hers, "approve"),
        fake.tap(ANA, &hers, &"x".repeat(100)),
        // The right account, but not as we know it.
        elsewhere,
        other_server,
    ];
    for tap in taps {
        let shown = tap.to_string();
        let told = said(&scene, &fake, tap).await;
        assert!(!told.is_empty() && !told.contains("pproved"), "{told} {shown}");
    }
    assert!(scene.fleet.calls().is_empty() && fake.chat(CHANNEL).is_empty());
    said(&scene, &fake, fake.tap(ANA, &hers, &yes)).await;
    assert_eq!(scene.fleet.heard(), ["control.decide approved"]);
    scene.finish(&[]).await;
}

async fn an_answer_is_for_whoever_asked_alone(db: Database) {
    let fake = Fake::start().await;
    let scene = scene(db, &fake, "").await;
    scene.event(json!({ "type": "agent.started", "agent": { "id": "build-1" } })).await;
    let told = said(&scene, &fake, fake.command(ANA, "agents", &[])).await;
    assert!(told.contains("build-1"), "{told}");
    // Whoever is not known learns by what name they could be, and nothing else.
    let told = said(&scene, &fake, fake.command(STRANGER, "kill", &[("target", "build-1")])).await;
    assert!(told.contains("dc is 666"), "{told}");
    let mut foreign = fake.command(ANA, "kill", &[("target", "build-1")]);
    foreign["guild_id"] = json!("901");
    let told = said(&scene, &fake, foreign).await;
    assert!(told.contains("another server"), "{told}");
    let told = said(&scene, &fake, fake.command(ANA, "approve", &[("code", "ZZZZ")])).await;
    assert!(!told.is_empty());
    let mut bot = fake.command(ANA, "agents", &[]);
    bot["member"]["user"]["bot"] = json!(true);
    let bot = fake.says(bot);
    said(&scene, &fake, fake.command(ANA, "whoami", &[])).await;
    assert_eq!(fake.memory().asked[&bot].first, None);
    assert!(fake.chat(CHANNEL).is_empty() && fake.home(STRANGER).is_empty() && scene.fleet.calls().is_empty());
    scene.finish(&[]).await;
}

async fn what_is_asked_at_home_is_answered_there(db: Database) {
    let fake = Fake::start().await;
    let scene = scene(db, &fake, "").await;
    scene.event(json!({ "type": "agent.started", "agent": { "id": "build-1" } })).await;
    for (count, name, options, wanted) in
        [(1, "agents", [].as_slice(), "build-1"), (2, "agent", [("name", "nobody")].as_slice(), "nobody")]
    {
        let mut command = fake.command(ANA, name, options);
        at_home(&mut command);
        let said = fake.says(command);
        fake.until("it is answered", |memory| {
            let asked = &memory.asked[&said];
            let home = memory.homes.get(&ANA).and_then(|home| memory.channels.get(home));
            asked.first == Some(5) && asked.told.is_empty() && home.is_some_and(|home| home.len() == count)
        })
        .await;
        assert!(fake.home(ANA).last().unwrap().text.contains(wanted), "{:?}", fake.home(ANA).last());
    }
    scene.settle().await;
    scene.finish(&[]).await;
}

async fn a_command_that_asks_back_does_so_where_it_was_said(db: Database) {
    let fake = Fake::start().await;
    let scene = scene(db, &fake, "").await;
    scene.event(json!({ "type": "agent.started", "agent": { "id": "build-1" } })).await;
    let told = said(&scene, &fake, fake.command(ANA, "kill", &[("target", "build-1")])).await;
    assert!(told.contains("/kill fleet/build-1 yes"), "{told}");
    let plan = fake.chat(CHANNEL)[0].clone();
    assert!(plan.text.contains("will be stopped for good") && scene.fleet.heard().is_empty(), "{}", plan.text);
    said(&scene, &fake, fake.tap(ANA, &plan, &plan.button("🛑"))).await;
    assert_eq!(scene.fleet.heard(), ["control.kill build-1"]);
    scene.finish(&[]).await;
}

async fn an_answer_that_comes_too_late_is_a_message(db: Database) {
    let fake = Fake::start().await;
    let scene = scene(db, &fake, "").await;
    scene.event(json!({ "type": "agent.started", "agent": { "id": "build-1" } })).await;
    fake.fails("PATCH /webhooks", Fault::Refusal(401, 50_027, "Invalid Webhook Token"));
    fake.says(fake.command(ANA, "agents", &[]));
    fake.until("it is told at home", |memory| memory.homes.contains_key(&ANA)).await;
    scene.settle().await;
    assert!(fake.home(ANA)[0].text.contains("build-1") && fake.home(ANA)[0].buttons.is_empty());
    assert!(fake.chat(CHANNEL).is_empty());
    scene.finish(&[]).await;
}

async fn a_pushed_command_runs_once(db: Database) {
    let fake = Fake::start().await;
    let portal = json!({ "interactions_endpoint_url": "https://sereno.example/channels/dc" });
    fake.change(|memory| memory.application = portal);
    let public_key = hex::encode(key().verifying_key().as_bytes());
    let config =
        config(&fake, "").replace("kind = \"discord\"", &format!("kind = \"discord\"\npublic_key = \"{public_key}\""));
    let scene = Scene::start(db, &config).await;
    fake.until("the commands are there", |memory| !memory.commands.is_null()).await;
    let at = scene.now().0 / 1000;
    let post = async |interaction: &Value, at: i64| {
        let body = interaction.to_string();
        let request = scene.client.post(scene.url("/channels/dc")).headers(signed(body.as_bytes(), at));
        let answer = request.body(body).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let ping = json!({ "id": "1", "application_id": "4242", "type": 1, "token": "t", "version": 1 });
    assert_eq!(post(&ping, at).await, (200, "{\"type\":1}".to_owned()));
    assert_eq!(post(&ping, at - 301).await.0, 401);
    scene.asks("q1", "pytest tests/").await;
    let card = fake.home(ANA)[0].clone();
    let tap = fake.tap(ANA, &card, &card.button("✅"));
    assert_eq!(post(&tap, at - 301).await.0, 401);
    assert!(scene.fleet.calls().is_empty());
    for _ in 0..2 {
        assert_eq!(post(&tap, at).await, (202, String::new()));
        scene.settle().await;
        assert_eq!(scene.fleet.heard(), ["control.decide approved"]);
    }
    let id: u64 = tap["id"].as_str().unwrap().parse().unwrap();
    assert_eq!((fake.told(id).len(), fake.memory().asked[&id].first), (1, Some(4)));
    let command = fake.command(ANA, "whoami", &[]);
    assert_eq!(post(&command, at).await.0, 202);
    let told = fake.is_told(command["id"].as_str().unwrap().parse().unwrap()).await;
    assert!(told.contains("dora"), "{told}");
    let identified = fake.memory().identified;
    assert_eq!((identified, fake.memory().connections), (0, 0));
    scene.finish(&[]).await;
}
