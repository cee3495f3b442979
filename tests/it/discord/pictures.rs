//! Pictures on Discord: put into their message, which is there with them or without them.

use sereno::channel::{Channel as _, Outgoing, Verdict};

use super::fake::{CHANNEL, Fake, TOKEN};
use super::faults::Fault;
use super::{ANA, adapter, said, scene};
use crate::channel::contract::{line, message};
use crate::database::{Database, on_both};
use crate::render::charts::some;

fn pictured() -> Outgoing {
    let doc = sereno::render::markup::parse("It costs\nmuch");
    Outgoing { picture: Some(some()), ..message("500", doc) }
}

#[tokio::test]
async fn a_picture_is_put_into_its_message() {
    let fake = Fake::start().await;
    let discord = adapter(&fake);
    let out = pictured();
    let Verdict::Sent(receipt) = discord.send(&out).await else { panic!("not sent") };
    let before = fake.newest(CHANNEL);
    assert_eq!(before.picture, None, "the words go first");
    assert_eq!(discord.follow(&out, &receipt).await, Verdict::Sent(receipt.clone()));
    let after = fake.newest(CHANNEL);
    assert_eq!((after.id, &after.text, fake.chat(CHANNEL).len()), (before.id, &before.text, 1));
    let (_, alt) = after.picture.unwrap();
    assert!(alt.starts_with("Cost per hour: $1.85 in all; most $1.20"), "{alt}");
    // Also where there is nothing but a title.
    let out = Outgoing { picture: Some(some()), ..line("500", "It costs") };
    let Verdict::Sent(receipt) = discord.send(&out).await else { panic!("not sent") };
    assert_eq!(discord.follow(&out, &receipt).await, Verdict::Sent(receipt));
    assert!(fake.newest(CHANNEL).picture.is_some());
}

#[tokio::test]
async fn what_becomes_of_a_picture_is_told_without_a_secret() {
    let fake = Fake::start().await;
    let discord = adapter(&fake);
    let out = pictured();
    let Verdict::Sent(receipt) = discord.send(&out).await else { panic!("not sent") };
    let faults = [
        Fault::Wait(3.0),
        Fault::Refusal(403, 50_013, "Missing Permissions"),
        Fault::Refusal(413, 40_005, "Request entity too large"),
        Fault::ResetBefore,
    ];
    for fault in faults {
        fake.fails("PATCH", fault.clone());
        let verdict = discord.follow(&out, &receipt).await;
        assert!(!matches!(verdict, Verdict::Sent(_)), "{fault:?}");
        assert!(!format!("{verdict:?}").contains(TOKEN), "{verdict:?}");
    }
    assert_eq!(fake.newest(CHANNEL).picture, None);
    assert_eq!(discord.follow(&out, "no receipt").await, Verdict::Unchanged);
}

on_both![a_cost_comes_with_its_chart_or_without_it];

async fn a_cost_comes_with_its_chart_or_without_it(db: Database) {
    let fake = Fake::start().await;
    let scene = scene(db, &fake, "").await;
    scene.spends().await;
    // Whoever asked sees it, and nobody else.
    let told = said(&scene, &fake, fake.command(ANA, "cost", &[])).await;
    assert!(told.contains("$1.85"), "{told}");
    let shown = |fake: &Fake| {
        let memory = fake.memory();
        let told = memory.asked.values().flat_map(|asked| &asked.told);
        told.map(|message| message.picture.is_some()).collect::<Vec<_>>()
    };
    assert_eq!(shown(&fake), [true]);
    scene.finish(&[]).await;
}
