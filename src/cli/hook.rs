//! `sereno hook`: the command hook of a runtime.
//!
//! Reads a hook body, adds what the transcript says about usage, sends it, and prints the answer. A gate
//! fails closed: when no answer can be had, it ends with 2, which blocks the tool. It keeps one identity
//! over all its tries, so that coming back after a restart of sereno finds the same question.

use std::io::{BufReader, Read as _};
use std::time::Duration;

use clap::{Args as ClapArgs, ValueEnum};
use serde_json::Value;

use super::{Done, Failure, block_on};
use crate::clock::{Clock, SystemClock, SystemEntropy, random_hex};
use crate::core::time::{Span, Ts};
use crate::runtime::claude_code::transcript::{usage, with_usage};
use crate::runtime::claude_code::{AGENT, DELIVERY};

/// The longest hook body that is read.
const MAX_BODY: u64 = 8 * 1024 * 1024;
/// How long an observation may take; the agent waits for it.
const OBSERVATION: Duration = Duration::from_secs(5);
/// How long to wait before a gate is tried again.
const AGAIN: Span = Span::secs(1);

/// Arguments of `hook`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// Which runtime calls.
    kind: Kind,
    /// Where to send it: `PUBLIC_URL/hooks/NAME`.
    #[arg(long, value_name = "URL")]
    url: reqwest::Url,
    /// Environment variable that holds the token.
    #[arg(long, default_value = "SERENO_TOKEN", value_name = "NAME")]
    token_env: String,
    /// Name of the agent; otherwise the working directory names it.
    #[arg(long, value_name = "NAME")]
    agent: Option<String>,
    /// How long a gate waits for a decision.
    #[arg(long, default_value = "55m", value_parser = Span::parse, value_name = "DURATION")]
    patience: Span,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    ClaudeCode,
}

pub(crate) fn run(args: &Args) -> Done {
    let Kind::ClaudeCode = args.kind;
    let mut text = Vec::new();
    let read = std::io::stdin().take(MAX_BODY).read_to_end(&mut text);
    let body: Option<Value> = read.ok().and_then(|_| serde_json::from_slice(&text).ok());
    let Some(body) = body else {
        // Whatever this is, it may be a gate.
        return Err(Failure::Usage("standard input holds no hook body; nothing may run unseen".into()));
    };
    let event = body.get("hook_event_name").and_then(Value::as_str).unwrap_or_default().to_owned();
    // A body that does not say what it is may be a gate as well.
    let gate = matches!(event.as_str(), "PreToolUse" | "PermissionRequest" | "");
    let body = with_transcript(body, &event);
    #[expect(clippy::disallowed_methods, reason = "a hook has no configuration; its environment is the agent's")]
    let token = std::env::var(&args.token_env).unwrap_or_default();
    match block_on(send(args, &body, &token, gate)) {
        Ok(answer) => {
            println!("{answer}");
            Ok(())
        }
        // Claude Code blocks on exit status 2 and shows what was written to standard error.
        Err(error) if gate => Err(Failure::Usage(format!("{error}; blocked because no decision could be had"))),
        Err(error) => {
            eprintln!("sereno: {error}; the event was not reported");
            Ok(())
        }
    }
}

/// Hooks at which the transcript has something new to say about usage.
fn with_transcript(body: Value, event: &str) -> Value {
    if !matches!(event, "Stop" | "SessionEnd" | "PostToolBatch" | "PostToolUse" | "SubagentStop") {
        return body;
    }
    let path = body.get("transcript_path").and_then(Value::as_str);
    let transcript = path.and_then(|path| std::fs::File::open(path).ok());
    match transcript {
        Some(file) => with_usage(body, usage(BufReader::new(file))),
        None => body,
    }
}

async fn send(args: &Args, body: &Value, token: &str, gate: bool) -> Result<String, String> {
    let clock = SystemClock::new();
    let deadline = clock.now().plus(args.patience);
    let delivery = random_hex(&SystemEntropy, 16);
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .map_err(|_| "the HTTP client cannot be made")?;
    loop {
        let left = left(deadline, clock.now(), gate).ok_or("nobody decided in time")?;
        let mut request =
            client.post(args.url.clone()).bearer_auth(token).header(DELIVERY, &delivery).timeout(left).json(body);
        if let Some(agent) = &args.agent {
            request = request.header(AGENT, agent);
        }
        match attempt(request).await {
            Ok(answer) => return Ok(answer),
            Err((error, again)) if !gate || !again => return Err(error),
            Err(_) => clock.sleep(AGAIN).await,
        }
    }
}

/// How long the next try may take; `None` when there is no time left.
fn left(deadline: Ts, now: Ts, gate: bool) -> Option<Duration> {
    let left = deadline.since(now);
    let left = (left > Span(0)).then(|| Duration::from_millis(left.0.cast_unsigned()))?;
    Some(if gate { left } else { left.min(OBSERVATION) })
}

/// One try: the answer, or what went wrong and whether trying again may help.
async fn attempt(request: reqwest::RequestBuilder) -> Result<String, (String, bool)> {
    let response = request.send().await.map_err(|_| ("sereno cannot be reached".to_owned(), true))?;
    let status = response.status();
    let text = response.text().await.map_err(|_| ("the answer broke off".to_owned(), true))?;
    if status.is_success() && serde_json::from_str::<Value>(&text).is_ok() {
        return Ok(text);
    }
    let again = status.is_server_error() || status.as_u16() == 429;
    Err((format!("sereno answered {status}"), again))
}
