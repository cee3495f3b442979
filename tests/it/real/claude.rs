//! The real Claude Code under a real sereno: what a person decides is what happens, also when sereno dies.
//!
//! Its settings are those that `sereno connect claude-code` prints. The model is a small server that asks
//! for one command; whether that command has run is seen by the file that it makes.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use super::anthropic::{Anthropic, USAGE};
use super::process::{Sereno, installed, until};
use crate::binary::CLAUDE_TOKEN;
use crate::telegram::fake::Fake;

const BINARY: &str = "tests/node/node_modules/@anthropic-ai/claude-code-linux-x64/claude";
/// Longer than any of these sessions takes, also one that waits for an approval to expire.
const SESSION: Duration = Duration::from_mins(1);

/// A session of Claude Code that was asked to run `touch proof`.
pub struct Claude {
    folder: tempfile::TempDir,
    child: Child,
}

impl Claude {
    pub fn start(sereno: &Sereno, model: &Anthropic) -> Self {
        let settings = sereno.print(&["connect", "claude-code"]);
        Self::with(serde_json::from_str(&settings).unwrap(), model)
    }

    fn with(settings: Value, model: &Anthropic) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["home", "config", "work"] {
            std::fs::create_dir(path(name)).unwrap();
        }
        std::fs::write(path("settings.json"), settings.to_string()).unwrap();
        let child = Command::new(installed(BINARY))
            .args(["-p", "RUN:touch proof", "--output-format", "json", "--settings"])
            .arg(path("settings.json"))
            .current_dir(path("work"))
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", path("home"))
            .env("CLAUDE_CONFIG_DIR", path("config"))
            .env("ANTHROPIC_BASE_URL", &model.url)
            .env("ANTHROPIC_API_KEY", "dummy")
            .env("DISABLE_AUTOUPDATER", "1")
            .env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1")
            .env("IS_SANDBOX", "1")
            .env("SERENO_TOKEN", CLAUDE_TOKEN)
            .stdin(Stdio::null())
            .stdout(std::fs::File::create(path("out")).unwrap())
            .stderr(std::fs::File::create(path("err")).unwrap())
            .spawn()
            .unwrap();
        Self { folder, child }
    }

    /// Waits until the session has ended; what Claude Code says of it.
    pub async fn ended(&mut self) -> Value {
        until(SESSION, "Claude Code ends", async || self.child.try_wait().unwrap()).await;
        let read = |name: &str| std::fs::read_to_string(self.folder.path().join(name)).unwrap();
        serde_json::from_str(&read("out")).unwrap_or_else(|e| panic!("{e}: {}{}", read("out"), read("err")))
    }

    /// Whether the command has run.
    pub fn has_run(&self) -> bool {
        self.folder.path().join("work/proof").exists()
    }
}

impl Drop for Claude {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// The settings with HTTP hooks at both gates: those cannot come back after a restart of sereno.
fn with_http_gates(sereno: &Sereno) -> Value {
    let mut settings: Value = serde_json::from_str(&sereno.print(&["connect", "claude-code"])).unwrap();
    settings["hooks"]["PermissionRequest"] = settings["hooks"]["PreToolUse"].clone();
    settings
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_approved_tool_runs_and_its_cost_is_the_one_that_claude_code_bills() {
    let (sereno, model) = (Sereno::start(""), Anthropic::start().await);
    let mut claude = Claude::start(&sereno, &model);
    let code = sereno.question().await;
    assert!(!claude.has_run());
    assert!(sereno.text("/agents").await.contains("touch proof"), "the list says what is waited for");
    let answer = sereno.say("abel", &format!("/approve {code}")).await;
    assert_eq!(answer["refused"], false, "{answer}");

    let ended = claude.ended().await;
    assert!(claude.has_run());
    assert_eq!(model.results().len(), 1);
    let cost = sereno.say("abel", "/cost").await["content"]["total"].clone();
    let used = |name: &str| 2 * USAGE.iter().find(|(have, _)| *have == name).unwrap().1;
    let tokens = json!({
        "input": used("input_tokens"), "output": used("output_tokens"),
        "cache_read": used("cache_read_input_tokens"), "cache_write": used("cache_creation_input_tokens"),
    });
    assert_eq!(cost["tokens"], tokens);
    let micros = ended["total_cost_usd"].as_f64().unwrap() * 1e6;
    assert!((cost["cost"].as_f64().unwrap() - micros).abs() <= 1.0, "{cost} is not {micros}");
    let why = sereno.shows(&format!("/why {code}"), "confirmed — the agent has its answer").await;
    assert!(why.contains("approved by abel (once)"), "{why}");
    sereno.shows("/agents", "✅ work").await;
    sereno.end();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_denied_tool_does_not_run_and_the_model_reads_why() {
    let (sereno, model) = (Sereno::start(""), Anthropic::start().await);
    let mut claude = Claude::start(&sereno, &model);
    let code = sereno.question().await;
    sereno.say("bea", &format!("/deny {code} use the staging folder")).await;
    claude.ended().await;
    assert!(!claude.has_run());
    assert!(model.results()[0].contains("Denied by bea: use the staging folder"), "{:?}", model.results());
    assert!(sereno.text(&format!("/why {code}")).await.contains("rejected by bea: use the staging folder"));
    sereno.end();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silence_denies_and_the_model_is_told_that_it_was_silence() {
    let sereno = Sereno::start("[approvals]\ntimeout = \"5s\"\n");
    let model = Anthropic::start().await;
    let mut claude = Claude::start(&sereno, &model);
    let code = sereno.question().await;
    claude.ended().await;
    assert!(!claude.has_run());
    assert!(model.results()[0].contains("This is silence, not a refusal"), "{:?}", model.results());
    assert!(sereno.text(&format!("/why {code}")).await.contains("nobody decided in time"));
    sereno.end();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_http_nothing_runs_when_sereno_dies_and_the_question_is_taken_back() {
    let (mut sereno, model) = (Sereno::start(""), Anthropic::start().await);
    let mut claude = Claude::with(with_http_gates(&sereno), &model);
    let code = sereno.question().await;
    sereno.kill();
    claude.ended().await;
    assert!(!claude.has_run(), "a gate that fails must block");
    sereno.again();
    assert_eq!(sereno.question().await, code, "the question has outlived the process");
    sereno.shows(&format!("/why {code}"), "the agent stopped waiting").await;
    let late = sereno.say("abel", &format!("/approve {code}")).await;
    assert_eq!((&late["refused"], &late["reason"]["outcome"]), (&json!(true), &json!("cancelled")), "{late}");
    assert!(!claude.has_run());
    sereno.end();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_decision_after_a_crash_still_lets_the_tool_run() {
    let (mut sereno, model) = (Sereno::start(""), Anthropic::start().await);
    let mut claude = Claude::start(&sereno, &model);
    let code = sereno.question().await;
    sereno.kill();
    assert!(!claude.has_run());
    sereno.again();
    assert_eq!(sereno.question().await, code, "it is the same question");
    sereno.say("abel", &format!("/approve {code}")).await;
    claude.ended().await;
    assert!(claude.has_run());
    let why = sereno.shows(&format!("/why {code}"), "confirmed — the agent has its answer").await;
    assert_eq!(why.matches(" asked").count(), 1, "it was asked once: {why}");
    sereno.end();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_people_who_decide_at_once_one_wins_and_the_other_is_told_who() {
    let (sereno, model) = (Sereno::start(""), Anthropic::start().await);
    let mut claude = Claude::start(&sereno, &model);
    let code = sereno.question().await;
    let (approve, deny) = (format!("/approve {code}"), format!("/deny {code} no"));
    let (yes, no) = tokio::join!(sereno.say("abel", &approve), sereno.say("bea", &deny));
    claude.ended().await;
    let (outcome, winner, loser) =
        if yes["refused"] == false { ("approved", "abel", &no) } else { ("denied", "bea", &yes) };
    assert_ne!(yes["refused"], no["refused"], "{yes} {no}");
    assert_eq!((&loser["reason"]["outcome"], &loser["reason"]["person"]), (&json!(outcome), &json!(winner)));
    assert!(loser["text"].as_str().unwrap().contains(winner), "{loser}");
    assert_eq!(claude.has_run(), outcome == "approved");
    assert_eq!(model.results()[0].contains("Denied by bea: no"), outcome == "denied", "{:?}", model.results());
    sereno.end();
}

/// A session that a person has paused, held before its first tool.
async fn held(sereno: &Sereno, model: &Anthropic) -> Claude {
    model.may_answer(false);
    let claude = Claude::start(sereno, model);
    sereno.shows("/agents", "🟢 work").await;
    let asked = sereno.say("abel", "/pause work").await;
    assert_eq!(asked["refused"], false, "{asked}");
    model.may_answer(true);
    sereno.shows("/agent work", "abel · confirmed").await;
    assert!(!claude.has_run());
    claude
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_agent_is_held_before_its_next_tool_until_it_is_resumed() {
    let (sereno, model) = (Sereno::start(""), Anthropic::start().await);
    let mut claude = held(&sereno, &model).await;
    assert!(sereno.text("/approvals").await.contains("Nothing waits"), "it has not even asked");
    sereno.say("abel", "/resume work").await;
    let code = sereno.question().await;
    sereno.say("abel", &format!("/approve {code}")).await;
    claude.ended().await;
    assert!(claude.has_run());
    sereno.end();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_agent_stops_where_it_is_held_and_runs_nothing_more() {
    let (sereno, model) = (Sereno::start(""), Anthropic::start().await);
    let mut claude = held(&sereno, &model).await;
    let asked = sereno.say("abel", "/kill work").await;
    let retype = asked["reason"]["retype"].as_str().unwrap_or_else(|| panic!("{asked}"));
    let killed = sereno.say("abel", retype).await;
    assert_eq!(killed["refused"], false, "{killed}");
    claude.ended().await;
    assert!(!claude.has_run());
    assert!(model.results().is_empty(), "the model was not asked again");
    sereno.end();
}

/// The whole way: a real agent asks, the phone rings, sereno is killed and comes back, and one tap decides.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tap_on_the_phone_lets_the_tool_run_also_after_a_crash() {
    let (phone, model) = (Fake::start().await, Anthropic::start().await);
    let mut sereno = Sereno::start(&format!(
        "[people.tess]\nrole = \"approver\"\ntelegram = 77\n\
         [channels.tg]\nkind = \"telegram\"\ntoken_file = \"tg.token\"\napi_url = \"{}\"\nper_chat = 1e6\nrate = 1e6\n",
        phone.url()
    ));
    let mut claude = Claude::start(&sereno, &model);
    phone.until("the phone rings", |memory| memory.chat(77).iter().any(|m| m.text.contains("touch proof"))).await;
    let card = phone.chat(77).into_iter().find(|message| message.text.contains("touch proof")).unwrap();
    sereno.has_sent_all().await;
    sereno.kill();
    sereno.again();
    let tap = phone.taps("77", 77, &card, "✅");
    phone.confirmed(tap).await;
    claude.ended().await;
    assert!(claude.has_run());
    phone
        .until("the card says who", |memory| {
            memory.chat(77).iter().any(|m| m.id == card.id && m.text.starts_with("✅ Approved by tess · Telegram"))
        })
        .await;
    assert_eq!(phone.chat(77).iter().filter(|message| message.text.contains("touch proof")).count(), 1);
    let questions = sereno.text("/approvals").await;
    assert!(questions.contains("Nothing waits"), "{questions}");
    sereno.end();
}
