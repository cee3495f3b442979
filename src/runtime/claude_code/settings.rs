//! Settings for Claude Code: which hooks call us, and how.
//!
//! The hook that asks a person goes through the command hook: it comes back to the same question when we
//! are started again meanwhile. `SessionStart` takes command hooks only; Stop, `PostToolBatch` and
//! `SessionEnd` go through it as well, because it can read the transcript, from which the cost comes. Gates
//! fail closed (`onFailure: "block"`, seen with 2.1.329 for both kinds of hook, also when the program is
//! missing or takes too long): when we cannot be reached, no tool runs.

use serde_json::{Map, Value, json};

use super::GateHook;

/// Hooks that only observe, over HTTP.
const OBSERVED: &[&str] = &[
    "UserPromptSubmit",
    "PostToolUse",
    "PostToolUseFailure",
    "Notification",
    "StopFailure",
    "SubagentStart",
    "SubagentStop",
    "PreCompact",
    "PostCompact",
];
/// Hooks at which a person may hold or decide.
const GATES: &[&str] = &["PreToolUse", "PermissionRequest"];
/// Hooks that go through the command hook.
const COMMANDS: &[&str] = &["SessionStart", "PostToolBatch", "Stop", "SessionEnd"];
/// How long a gate waits for a person, in seconds; longer than any approval lives.
pub const GATE_SECONDS: u32 = 3600;
const OBSERVED_SECONDS: u32 = 10;
const COMMAND_SECONDS: u32 = 60;

/// What the settings depend on.
pub struct Wanted<'a> {
    /// Our address, without a path.
    pub url: &'a str,
    /// Name of the runtime in the configuration.
    pub runtime: &'a str,
    /// Environment variable that holds the token.
    pub token_env: &'a str,
    /// Which hook asks a person.
    pub gate: GateHook,
    /// Name of the agent, when it is not that of the directory.
    pub agent: Option<&'a str>,
    /// How to call the `sereno` binary.
    pub binary: &'a str,
}

/// The `hooks` section of a settings file.
pub fn settings(wanted: &Wanted<'_>) -> Value {
    let mut hooks = Map::new();
    for event in OBSERVED {
        hooks.insert((*event).into(), entry(http(wanted, OBSERVED_SECONDS, false)));
    }
    let asks = match wanted.gate {
        GateHook::Permission => "PermissionRequest",
        GateHook::EveryTool => "PreToolUse",
    };
    for event in GATES {
        let hook = if *event == asks { command(wanted, GATE_SECONDS, true) } else { http(wanted, GATE_SECONDS, true) };
        hooks.insert((*event).into(), entry(hook));
    }
    for event in COMMANDS {
        hooks.insert((*event).into(), entry(command(wanted, COMMAND_SECONDS, false)));
    }
    json!({ "hooks": hooks })
}

fn entry(hook: Value) -> Value {
    json!([{ "matcher": "*", "hooks": [hook] }])
}

fn http(wanted: &Wanted<'_>, timeout: u32, gate: bool) -> Value {
    let mut headers = json!({ "Authorization": format!("Bearer ${}", wanted.token_env) });
    if let Some(agent) = wanted.agent {
        headers["X-Sereno-Agent"] = json!(agent);
    }
    let hook = json!({
        "type": "http",
        "url": format!("{}/hooks/{}", wanted.url, wanted.runtime),
        "timeout": timeout,
        "headers": headers,
        "allowedEnvVars": [wanted.token_env],
    });
    closed(hook, gate)
}

/// A gate that fails blocks the tool.
fn closed(mut hook: Value, gate: bool) -> Value {
    if gate {
        hook["onFailure"] = json!("block");
    }
    hook
}

fn command(wanted: &Wanted<'_>, timeout: u32, gate: bool) -> Value {
    let agent = wanted.agent.map(|agent| format!(" --agent {}", quoted(agent))).unwrap_or_default();
    let line = format!(
        "{} hook claude-code --url {}/hooks/{} --token-env {}{agent}",
        quoted(wanted.binary),
        wanted.url,
        wanted.runtime,
        wanted.token_env,
    );
    closed(json!({ "type": "command", "command": line, "timeout": timeout }), gate)
}

/// A word for a POSIX shell.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '-' | '_' | ':' | '@');
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}
