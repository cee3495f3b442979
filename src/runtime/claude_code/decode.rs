//! Hook bodies into canonical events.
//!
//! Field names are as recorded from 2.1.329 (`tests/fixtures/claude-code`); an event that is not known is
//! kept as `claude.NAME`.

use serde_json::Value;

use super::GateHook;
use crate::core::control::Point;
use crate::core::digest::{self, Digest};
use crate::core::event::{Action, AgentRef, Ask, Author, Event, EventKind, Fault, SessionRef, ToolCall, Usage};
use crate::core::money::Micros;
use crate::core::text;
use crate::core::time::Ts;
use crate::runtime::decode::finished;
use crate::runtime::{BadBody, Decoded};

/// The longest message that is taken over from a hook.
const MAX_MESSAGE: usize = 2000;

/// A hook body.
pub struct Hook<'a> {
    body: &'a Value,
    event: &'a str,
    session: &'a str,
    agent: Option<&'a str>,
}

/// What makes a request the same one again.
pub struct Identity<'a> {
    /// Identity of the delivery, from the command hook.
    pub delivery: Option<&'a str>,
    /// The tool call with these arguments that was seen last.
    pub call: Option<&'a str>,
    /// When the request came in: HTTP hooks are never sent twice, so two requests are two.
    pub now: Ts,
}

impl<'a> Hook<'a> {
    /// Reads what every hook has.
    pub fn read(body: &'a Value, agent: Option<&'a str>) -> Result<Self, BadBody> {
        let field = |name: &str| {
            body.get(name)
                .and_then(Value::as_str)
                .filter(|v| !v.is_empty() && v.len() <= crate::core::event::MAX_ID)
                .ok_or_else(|| BadBody::invalid(format!("`{name}` is missing: is this a Claude Code hook?"), None))
        };
        Ok(Self { body, event: field("hook_event_name")?, session: field("session_id")?, agent })
    }

    pub const fn event(&self) -> &str {
        self.event
    }

    pub const fn session(&self) -> &str {
        self.session
    }

    pub fn text(&self, name: &str) -> Option<&'a str> {
        self.body.get(name).and_then(Value::as_str)
    }

    fn number(&self, name: &str) -> Option<u64> {
        self.body.get(name).and_then(Value::as_u64)
    }

    fn flag(&self, name: &str) -> bool {
        self.body.get(name).and_then(Value::as_bool).unwrap_or(false)
    }

    fn clipped(&self, name: &str) -> Option<String> {
        self.text(name).map(|t| text::clip(t, MAX_MESSAGE))
    }

    /// Digest of tool and arguments.
    pub fn call_digest(&self) -> Digest {
        digest::of_call(self.text("tool_name").unwrap_or(""), &self.input())
    }

    fn input(&self) -> Value {
        self.body.get("tool_input").cloned().unwrap_or_default()
    }

    /// The name of the working directory, unless a header names the agent.
    fn base(&self) -> String {
        let directory = || {
            let last = self.text("cwd")?.trim_end_matches('/').rsplit('/').next()?;
            (!last.is_empty()).then(|| text::clip(last, 80))
        };
        self.agent.map(str::to_owned).or_else(directory).unwrap_or_else(|| "claude".into())
    }

    /// Who works: the main agent, or the subagent whose hook this is.
    fn who(&self) -> AgentRef {
        let base = self.base();
        match self.text("agent_type").filter(|_| self.text("agent_id").is_some()) {
            Some(kind) => AgentRef {
                id: format!("{base}/{kind}"),
                name: Some(format!("{base} {kind}")),
                role: Some(kind.to_owned()),
                parent: Some(base),
                tags: Vec::new(),
            },
            None => AgentRef { id: base, ..AgentRef::default() },
        }
    }

    fn of(&self, kind: EventKind) -> Event {
        let session = SessionRef {
            id: self.session.to_owned(),
            parent: None,
            cwd: self.text("cwd").map(str::to_owned),
            branch: None,
        };
        Event { agent: Some(self.who()), session: Some(session), ..Event::new(kind) }
    }

    fn tool(&self) -> ToolCall {
        ToolCall {
            name: self.text("tool_name").unwrap_or("?").to_owned(),
            call_id: self.text("tool_use_id").map(str::to_owned),
            input: Some(self.input()),
            ..ToolCall::default()
        }
    }
}

/// Events of a hook, and what its sender waits for.
pub fn decode(hook: &Hook<'_>, identity: &Identity<'_>, gate: GateHook) -> Decoded {
    let base = identity.delivery.map_or_else(
        || {
            let about = hook.text("tool_use_id").or(hook.text("prompt_id")).unwrap_or("");
            format!("{}/{}/{about}/{}", hook.session, hook.event, identity.now.0)
        },
        str::to_owned,
    );
    let asks_here = match gate {
        GateHook::Permission => hook.event == "PermissionRequest",
        GateHook::EveryTool => hook.event == "PreToolUse",
    };
    let mut events = vec![event(hook)];
    let mut asks = None;
    if asks_here {
        let external = identity.delivery.map_or_else(
            || {
                let call = identity.call.or(hook.text("tool_use_id"));
                call.map_or_else(|| base.clone(), |call| format!("{}/{call}/{}", hook.session, identity.now.0))
            },
            str::to_owned,
        );
        let request = question(hook, &external);
        if hook.event == "PermissionRequest" {
            events[0] = request;
        } else {
            events.push(request);
        }
        asks = Some(external);
    }
    events.extend(usage(hook));
    for (index, event) in events.iter_mut().enumerate() {
        event.id = format!("{base}#{index}");
    }
    let gate = match hook.event {
        "PreToolUse" => Some(Point::BeforeTool),
        "PostToolUse" | "PostToolUseFailure" => Some(Point::AfterTool),
        "Stop" => Some(Point::TurnEnd),
        _ => None,
    };
    Decoded {
        events: events.into_iter().map(finished).collect(),
        gate,
        asks,
        kind: hook.event.to_owned(),
        session: Some(hook.session.to_owned()),
    }
}

fn question(hook: &Hook<'_>, external: &str) -> Event {
    let action = Action {
        tool: hook.text("tool_name").unwrap_or("?").to_owned(),
        input: hook.input(),
        cwd: hook.text("cwd").map(str::to_owned),
        target: None,
    };
    let ask = Ask { action: Some(action), ..Ask::of(external) };
    Event { approval: Some(ask), ..hook.of(EventKind::ApprovalRequested) }
}

fn event(hook: &Hook<'_>) -> Event {
    let progress = |status: &str| Event { status: Some(status.to_owned()), ..hook.of(EventKind::SessionProgress) };
    match hook.event {
        "SessionStart" => Event {
            status: Some("idle".into()),
            message: hook.text("source").map(str::to_owned),
            model: hook.text("model").map(str::to_owned),
            ..hook.of(EventKind::SessionStarted)
        },
        "UserPromptSubmit" => {
            Event { message: hook.clipped("prompt"), from: Some(Author::User), ..progress("running") }
        }
        "PreToolUse" => Event { tool: Some(hook.tool()), ..hook.of(EventKind::ToolStarted) },
        "PostToolUse" => tool_ended(hook, true),
        "PostToolUseFailure" => tool_ended(hook, false),
        "Notification" => notification(hook),
        "Stop" => {
            Event { message: hook.clipped("last_assistant_message"), from: Some(Author::Agent), ..progress("idle") }
        }
        "StopFailure" => Event { error: Some(fault(hook, "api_error")), ..progress("error") },
        "SubagentStart" => Event { status: Some("running".into()), ..hook.of(EventKind::AgentRegistered) },
        "SubagentStop" => Event {
            status: Some("completed".into()),
            message: hook.clipped("last_assistant_message"),
            from: Some(Author::Agent),
            ..hook.of(EventKind::AgentStatus)
        },
        "PreCompact" => progress("compacting"),
        "PostCompact" => progress("running"),
        "PostModelSwitch" => Event { model: hook.text("model").map(str::to_owned), ..progress("running") },
        "SessionEnd" => Event { message: hook.text("reason").map(str::to_owned), ..hook.of(EventKind::SessionEnded) },
        // Carries usage only, which is read apart.
        "PostToolBatch" => hook.of(EventKind::AgentHeartbeat),
        other => hook.of(EventKind::Other(format!("claude.{}", text::clip(other, 60)))),
    }
}

fn tool_ended(hook: &Hook<'_>, ok: bool) -> Event {
    let mut tool = hook.tool();
    tool.ok = Some(ok);
    let result = hook.body.get("tool_response").or_else(|| hook.body.get("error"));
    tool.result_digest = result.map(|r| Digest::of("sereno.result.v1", digest::canonical(r).as_bytes()).short());
    Event {
        tool: Some(tool),
        duration_ms: hook.number("duration_ms"),
        error: (!ok).then(|| fault(hook, if hook.flag("is_interrupt") { "interrupted" } else { "tool_error" })),
        ..hook.of(EventKind::ToolEnded)
    }
}

fn fault(hook: &Hook<'_>, kind: &str) -> Fault {
    let message = hook.clipped("error").or_else(|| hook.clipped("message"));
    Fault { kind: kind.to_owned(), message, retry_at: None }
}

fn notification(hook: &Hook<'_>) -> Event {
    let status = match hook.text("notification_type") {
        Some("idle_prompt" | "agent_completed") => Some("idle"),
        _ => None,
    };
    match status {
        Some(status) => Event {
            status: Some(status.into()),
            message: hook.clipped("message"),
            from: Some(Author::System),
            ..hook.of(EventKind::SessionProgress)
        },
        None => Event { message: hook.clipped("message"), from: Some(Author::System), ..hook.of(EventKind::Message) },
    }
}

/// Running totals by model, which the command hook has read from the transcript.
fn usage(hook: &Hook<'_>) -> Vec<Event> {
    let totals = hook.body.pointer("/sereno/usage").and_then(Value::as_array);
    let totals = totals.into_iter().flatten().take(20);
    totals
        .filter_map(|total| {
            let count = |name: &str| total.get(name).and_then(Value::as_u64).unwrap_or(0);
            let cost = total.get("cost_usd").and_then(Value::as_f64).and_then(Micros::from_dollars);
            let model = total.get("model").and_then(Value::as_str)?;
            let usage = Usage {
                input_tokens: count("input_tokens"),
                output_tokens: count("output_tokens"),
                cache_read_tokens: count("cache_read_tokens"),
                cache_write_tokens: count("cache_write_tokens"),
                cost,
                cumulative: true,
            };
            let mut event = hook.of(EventKind::ModelCall);
            // Whoever's hook it is, the totals are those of the whole session.
            event.agent = Some(AgentRef { id: hook.base(), ..AgentRef::default() });
            event.provider = Some("anthropic".into());
            event.model = Some(text::clip(model, 120));
            event.usage = Some(usage);
            Some(event)
        })
        .collect()
}
