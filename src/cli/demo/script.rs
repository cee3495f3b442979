//! The story: a night's half hour with six agents, told in about a minute.
//!
//! What belongs to the bug hunt carries the time at which it happened that night, so that its minutes add
//! up; everything else happens now.

use std::sync::Arc;

use serde_json::{Value, json};

use super::fleet::{Fleet, Stopped};
use crate::core::time::{Span, Ts};

/// Minutes from the first report of the bug to its end.
const HUNT_TOOK: i64 = 33;

/// An agent of the story.
struct Player {
    id: &'static str,
    name: &'static str,
    model: &'static str,
    task: &'static str,
}

const ARCHITECT: Player = Player { id: "architect", name: "Architect", model: "claude-opus-4-5", task: "OSINT-12" };
const DEBUGGER: Player = Player { id: "debugger", name: "Debugger", model: "claude-sonnet-4-5", task: "OSINT-12" };
const SECURITY: Player =
    Player { id: "security", name: "Security", model: "deepseek/deepseek-chat-v3", task: "OSINT-12" };
const IMPLEMENTER: Player =
    Player { id: "implementer", name: "Implementer", model: "openai/gpt-5.1-codex", task: "OSINT-12" };
const DOCS: Player = Player { id: "docs", name: "Docs", model: "deepseek/deepseek-chat-v3", task: "OSINT-14" };
const SCOUT: Player = Player { id: "scout", name: "Scout", model: "claude-opus-4-5", task: "OSINT-15" };

impl Player {
    /// An event of this agent in its session.
    fn does(&self, kind: &str) -> Value {
        json!({
            "type": kind,
            "agent": { "id": self.id, "name": self.name, "role": self.name },
            "session": { "id": format!("{}-1", self.id) },
            "task": { "id": self.task },
        })
    }

    fn call(&self, input: u64, output: u64, cost: &str) -> Value {
        let usage = json!({ "input_tokens": input, "output_tokens": output, "cost_usd": cost });
        with(self.does("model.call"), json!({ "model": self.model, "usage": usage }))
    }

    fn finished(&self, step: &str, found: &str) -> Value {
        with(self.does("step.ended"), json!({ "step": { "name": step }, "message": found }))
    }
}

/// `event` with `more` fields.
fn with(mut event: Value, more: Value) -> Value {
    if let (Some(fields), Value::Object(more)) = (event.as_object_mut(), more) {
        fields.extend(more);
    }
    event
}

/// Plays the whole story, once.
pub(super) async fn play(fleet: Arc<Fleet>) {
    let hunt = Hunt { fleet: &fleet, began: fleet.now().plus(Span(-Span::mins(HUNT_TOOK).0)) };
    tokio::join!(hunt.run(), research(&fleet), documentation(&fleet));
}

/// The bug hunt: four agents, one after another.
struct Hunt<'a> {
    fleet: &'a Fleet,
    began: Ts,
}

impl Hunt<'_> {
    async fn run(&self) {
        let players = [&ARCHITECT, &DEBUGGER, &SECURITY, &IMPLEMENTER];
        let title = json!({ "id": "OSINT-12", "title": "Fix network_analysis.py", "kind": "bug" });
        self.at(0, with(ARCHITECT.does("task.created"), json!({ "task": title }))).await;
        for player in players {
            self.fleet.report(with(player.does("session.started"), json!({ "model": player.model }))).await;
        }
        if let Err(Stopped) = self.work().await {
            let note = "An agent was stopped by a person.";
            self.fleet.report(with(DEBUGGER.does("task.failed"), json!({ "message": note }))).await;
        }
    }

    /// Reports what happened that night, so many minutes after its beginning.
    async fn at(&self, minute: i64, event: Value) {
        let time = self.began.plus(Span::mins(minute)).rfc3339();
        self.fleet.report(with(event, json!({ "time": time }))).await;
    }

    async fn work(&self) -> Result<(), Stopped> {
        self.fleet.think(ARCHITECT.id, 4.0).await?;
        self.at(5, ARCHITECT.call(12_340, 14_332, "0.42")).await;
        self.at(5, ARCHITECT.finished("Analyse", "3 hypotheses: DNS cache, race condition, time-out")).await;
        self.fleet.think(DEBUGGER.id, 4.0).await?;
        self.at(10, DEBUGGER.call(100_000, 10_000, "0.45")).await;
        self.test_again_and_again().await?;
        self.ask_for_the_whole_suite().await?;
        self.at(18, DEBUGGER.call(102_000, 10_267, "0.46")).await;
        self.at(18, DEBUGGER.finished("Reproduce", "Root cause found: race condition, line 247")).await;
        self.fleet.think(SECURITY.id, 5.0).await?;
        self.at(24, SECURITY.call(437_000, 20_000, "0.14")).await;
        self.at(25, SECURITY.finished("Review", "Fix approved, no vulnerabilities")).await;
        self.fleet.think(IMPLEMENTER.id, 6.0).await?;
        self.at(30, IMPLEMENTER.call(64_000, 30_000, "0.38")).await;
        let tests = json!({ "progress": { "tests_passed": 47, "tests_total": 47, "commits": 1 } });
        self.at(32, with(IMPLEMENTER.finished("Implement", "47/47 tests pass"), tests)).await;
        self.fleet.think(IMPLEMENTER.id, 3.0).await?;
        let cause = json!({ "message": "Race condition in network_analysis.py, line 247" });
        self.at(HUNT_TOOK, with(IMPLEMENTER.does("task.completed"), cause)).await;
        Ok(())
    }

    /// The same call with the same result, five times: a loop is noticed at the fifth.
    async fn test_again_and_again(&self) -> Result<(), Stopped> {
        for attempt in 1..=5 {
            self.fleet.think(DEBUGGER.id, 1.5).await?;
            let call = json!({
                "name": "Bash", "call_id": format!("race-{attempt}"), "input": { "command": "pytest tests/test_net.py -k race" },
            });
            self.fleet.report(with(DEBUGGER.does("tool.started"), json!({ "tool": call }))).await;
            self.fleet.think(DEBUGGER.id, 0.5).await?;
            let result = with(call, json!({ "ok": false, "result_digest": "one-failed" }));
            let ended = json!({ "tool": result, "duration_ms": 480, "message": "1 failed, 46 passed" });
            self.fleet.report(with(DEBUGGER.does("tool.ended"), ended)).await;
        }
        Ok(())
    }

    async fn ask_for_the_whole_suite(&self) -> Result<(), Stopped> {
        self.fleet.think(DEBUGGER.id, 4.0).await?;
        let action = json!({ "tool": "Bash", "input": { "command": "pytest tests/" }, "cwd": "/srv/osint" });
        let ask =
            json!({ "id": "suite", "action": action, "reason": "The race only shows when the whole suite runs." });
        self.fleet.report(with(DEBUGGER.does("approval.requested"), json!({ "approval": ask }))).await;
        let call = json!({ "name": "Bash", "call_id": "suite", "input": { "command": "pytest tests/" } });
        if self.fleet.decision(DEBUGGER.id, "suite").await? {
            self.fleet.report(with(DEBUGGER.does("tool.started"), json!({ "tool": call }))).await;
            self.fleet.think(DEBUGGER.id, 4.0).await?;
            let ended = json!({ "tool": with(call, json!({ "ok": true })), "duration_ms": 3_900, "message": "46 passed, 1 failed" });
            self.fleet.report(with(DEBUGGER.does("tool.ended"), ended)).await;
        } else {
            let plan = json!({ "from": "agent", "message": "Then I read the code instead." });
            self.fleet.report(with(DEBUGGER.does("message"), plan)).await;
            self.fleet.think(DEBUGGER.id, 4.0).await?;
        }
        Ok(())
    }
}

/// A researcher who spends more than five dollars within ten minutes.
async fn research(fleet: &Fleet) {
    let title = json!({ "id": "OSINT-15", "title": "Map 400 sources" });
    fleet.report(with(SCOUT.does("task.created"), json!({ "task": title }))).await;
    fleet.report(with(SCOUT.does("session.started"), json!({ "model": SCOUT.model }))).await;
    for call in 1..=40 {
        let pause = if call <= 4 { 3.0 } else { 20.0 };
        if fleet.think(SCOUT.id, pause).await.is_err() {
            return;
        }
        fleet
            .report(if call <= 4 { SCOUT.call(182_000, 16_000, "1.31") } else { SCOUT.call(9_000, 1_000, "0.07") })
            .await;
    }
    fleet.report(with(SCOUT.does("task.completed"), json!({ "message": "400 sources mapped" }))).await;
}

/// A writer who is stopped by a rate limit, until a person lets it go on.
async fn documentation(fleet: &Fleet) {
    let title = json!({ "id": "OSINT-14", "title": "Update the documentation" });
    fleet.report(with(DOCS.does("task.created"), json!({ "task": title }))).await;
    fleet.report(with(DOCS.does("session.started"), json!({ "model": DOCS.model }))).await;
    if fleet.think(DOCS.id, 2.0).await.is_err() {
        return;
    }
    fleet.report(DOCS.call(301_000, 8_000, "0.09")).await;
    let limit = json!({ "type": "rate_limit", "message": "Rate limit exceeded", "retry_at": fleet.now().plus(Span::mins(15)).rfc3339() });
    fleet.report(with(DOCS.does("agent.status"), json!({ "status": "stopped", "error": limit }))).await;
    fleet.resumed(DOCS.id).await;
    if fleet.think(DOCS.id, 5.0).await.is_ok() {
        fleet.report(DOCS.call(95_000, 4_000, "0.03")).await;
        fleet.report(with(DOCS.does("task.completed"), json!({ "message": "12 pages updated" }))).await;
    }
}
