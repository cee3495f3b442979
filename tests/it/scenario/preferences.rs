//! What somebody chose to be told holds on a whole sereno, also after it was away, and silences nothing that must be heard.

use sereno::core::time::Span;

use crate::database::{Database, on_both};
use crate::scene::Scene;
use crate::telegram::{self, fake::Fake};

on_both![quiet_hours_hold_over_a_restart_and_silence_no_decision];

const WARNING: &str = "[[rules]]\nname = \"odd\"\nwhen = \"cost('10m') > 1.0\"\nseverity = \"warning\"\n";
const ANA: i64 = 77;
const VICTOR: i64 = 1234;

/// First lines of everything in a conversation, oldest first.
fn titles(fake: &Fake, chat: i64) -> Vec<String> {
    fake.chat(chat).iter().map(|message| message.text.lines().next().unwrap_or_default().to_owned()).collect()
}

async fn quiet_hours_hold_over_a_restart_and_silence_no_decision(db: Database) {
    let fake = Fake::start().await;
    let scene = Scene::start(db, &telegram::config(&fake.url(), telegram::UNPACED, WARNING)).await;
    let ana = scene.visitor("ana").await;
    assert_eq!(ana.says(&scene, "/notify quiet:08:00-10:00 level:warning format:compact").await.0, 200);
    let said = ana.card(&scene, "notify").await.text();
    assert!(said.starts_with("🔔 ana · alerts from warning on · first lines · quiet 08:00-10:00"), "{said}");
    scene.event(spent("2.00")).await;
    scene.settle().await;
    assert_eq!(titles(&fake, ANA).len(), 0, "{:?}", titles(&fake, ANA));
    assert_eq!(titles(&fake, VICTOR).len(), 1, "nobody else is kept from it: {:?}", titles(&fake, VICTOR));

    let scene = scene.restart().await;
    assert_eq!(ana.says(&scene, "/notify").await.0, 200);
    let said = ana.card(&scene, "notify").await.text();
    assert!(said.contains("1 message waits"), "{said}");
    scene.event(spent("4.00")).await;
    scene.settle().await;
    scene.asks("q", "make deploy").await;
    let heard = fake.chat(ANA);
    assert_eq!(heard.len(), 2, "{:?}", titles(&fake, ANA));
    assert!(heard[0].text.contains("$6.00/10") && heard[0].text.lines().count() == 1, "{}", heard[0].text);
    assert!(
        heard[1].text.lines().count() > 3 && !heard[1].buttons.is_empty(),
        "a decision is whole: {}",
        heard[1].text
    );

    scene.advance(Span::hours(1)).await;
    let last = fake.newest(ANA).text;
    assert!(last.starts_with("🌙 In your quiet hours: 1 alert"), "{:?}", titles(&fake, ANA));
    let changes = scene.audit("notify.changed").await;
    assert_eq!((changes.len(), &changes[0]["after"]["quiet"]), (1, &serde_json::json!("08:00-10:00")));
    assert_eq!(scene.audit("approval.expired").await.len(), 1);
    scene.finish(&[]).await;
}

fn spent(cost: &str) -> serde_json::Value {
    serde_json::json!({
        "type": "model.call", "agent": { "id": "build-1" }, "session": { "id": "s-1" }, "model": "claude-opus-4-5",
        "usage": { "input_tokens": 1, "output_tokens": 1, "cost_usd": cost },
    })
}
