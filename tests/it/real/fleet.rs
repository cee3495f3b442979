//! Claude Code and OpenClaw at once under one real sereno, told of on a phone and on the page.
//!
//! Both ask at the same time. The page decides for one, the phone for the other, and each sees what the other has done.

use serde_json::{Value, json};

use super::anthropic::{self, Anthropic};
use super::claude::Claude;
use super::openai::OpenAi;
use super::openclaw::{Gateway, ROOT, begin, runtime, shows};
use super::process::{Sereno, until};
use crate::page::play_with;
use crate::telegram::fake::{Fake, Message};

const TESS: i64 = 77;
const OF_CLAUDE: &str = "touch proof";
const OF_CLAW: &str = "touch from-claw";

/// Waits until the newest of the phone's messages about a command is as `wanted`.
async fn card(phone: &Fake, command: &str, wanted: &str) -> Message {
    let is_it = |message: &&Message| message.text.contains(command) && message.text.starts_with(wanted);
    phone.until(wanted, |memory| memory.chat(TESS).iter().any(|message| is_it(&message))).await;
    phone.chat(TESS).iter().find(is_it).cloned().unwrap()
}

/// Name and tokens of each group of a kind in the answer to `/cost`.
fn tokens_by(cost: &Value, by: &str) -> Vec<String> {
    let groups = cost["groups"].as_array().unwrap().iter().filter(|group| group["by"] == by);
    let rows = groups.flat_map(|group| group["rows"].as_array().unwrap());
    rows.map(|row| row["name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_runtimes_are_one_fleet() {
    let (phone, openai, anthropic) = (Fake::start().await, OpenAi::start().await, Anthropic::start().await);
    let gateway = Gateway::start(&openai).await;
    let mut sereno = Sereno::start(&format!(
        "{}{ROOT}[people.tess]\nrole = \"approver\"\ntelegram = {TESS}\n\
         [channels.tg]\nkind = \"telegram\"\ntoken_file = \"tg.token\"\napi_url = \"{}\"\nper_chat = 1e6\nrate = 1e6\n",
        runtime(&gateway),
        phone.url()
    ));
    // From now on it knows the port that its links name.
    sereno.kill();
    sereno.again();
    sereno.shows("/agents", "main").await;

    let mut claude = Claude::start(&sereno, &anthropic);
    begin(&sereno, &format!("RUN:{OF_CLAW}")).await;
    let asked = card(&phone, OF_CLAUDE, "⏳").await;
    card(&phone, OF_CLAW, "⏳").await;
    let agents = sereno.text("/agents").await;
    assert!([OF_CLAUDE, OF_CLAW].iter().all(|command| agents.contains(command)), "{agents}");

    let link = sereno.link();
    let page = tokio::task::spawn_blocking(move || play_with("fleet.mjs", &[("LINK", &link)]));
    card(&phone, OF_CLAW, "✅ Approved by ana · page").await;
    let tap = phone.taps(&TESS.to_string(), TESS, &asked, "✅");
    phone.confirmed(tap).await;
    page.await.unwrap();

    let ended = claude.ended().await;
    shows(&sereno, "/agents", "✅ main").await;
    shows(&sereno, "/agents", "✅ work").await;
    assert!(claude.has_run() && gateway.has_run("from-claw"));
    card(&phone, OF_CLAUDE, "✅ Approved by tess · Telegram").await;
    let told = phone.chat(TESS);
    for command in [OF_CLAUDE, OF_CLAW] {
        assert_eq!(told.iter().filter(|message| message.text.contains(command)).count(), 1, "{told:#?}");
    }

    // Two answers of each model, in one account.
    let used = |name: &str| 2 * anthropic::USAGE.iter().find(|(have, _)| *have == name).unwrap().1;
    let tokens = json!({
        "input": 2068 + used("input_tokens"), "output": 112 + used("output_tokens"),
        "cache_read": 400 + used("cache_read_input_tokens"), "cache_write": used("cache_creation_input_tokens"),
    });
    let micros = ended["total_cost_usd"].as_f64().unwrap() * 1e6 + 8004.0;
    let cost = until(super::process::SOON, "both are paid for", async || {
        let cost = sereno.say("abel", "/cost").await["content"].take();
        (cost["total"]["tokens"] == tokens).then_some(cost)
    })
    .await;
    assert!((cost["total"]["cost"].as_f64().unwrap() - micros).abs() <= 1.0, "{cost} is not {micros}");
    assert_eq!(tokens_by(&cost, "agent").len(), 2, "{cost}");
    assert_eq!(tokens_by(&cost, "model").len(), 2, "{cost}");
    sereno.has_sent_all().await;
    sereno.end();
}
