//! Events of the gateway into canonical events.
//!
//! Each gets an identity that is the same however it is heard of, live, in a list after a connection was lost, or over
//! the cron webhook, so that it counts once. What is not known is kept as `openclaw.NAME`; live text and signs of life
//! are left out.

use serde_json::Value;

use super::memory::Memory;
use super::wire::{Frame, at};
use super::{approval, question};
use crate::core::digest::{self, Digest};
use crate::core::event::{AgentRef, Author, Event, EventKind, Fault, MAX_ID, SessionRef, ToolCall, Usage};
use crate::core::money::Micros;
use crate::core::text;
use crate::core::time::{Span, Ts};
use crate::runtime::decode::finished;

/// Characters of what an agent replied last.
const REPLY: usize = 600;
/// Lines of it.
const REPLY_LINES: usize = 6;
/// Characters of an error and of other texts.
const WORDS: usize = 400;
/// Events that say nothing that is not said otherwise, or nothing about work.
const LEFT_OUT: [&str; 16] = [
    "tick",
    "health",
    "heartbeat",
    "presence",
    "shutdown",
    "connect.challenge",
    "chat.metadata.changed",
    "session.approval",
    "session.tool",
    "session.operation",
    "session.observer",
    "gateway.suspension",
    "mentions.changed",
    "update.available",
    "plugins.changed",
    "skills.changed",
];

/// The events that a frame holds; `connection` names what has no identity of its own.
pub fn events(frame: &Frame, memory: &mut Memory, connection: &str) -> Vec<Event> {
    let about = &frame.payload;
    if frame.kind != "event" {
        return Vec::new();
    }
    let found = match frame.event.as_str() {
        "agent" => of_run(about, memory),
        "chat" => of_chat(about, memory),
        "session.message" => usage(&about["message"], about, memory).into_iter().collect(),
        "sessions.changed" => {
            of_row_change(about, memory);
            Vec::new()
        }
        "exec.approval.requested" | "plugin.approval.requested" => approval::requested(about, memory),
        "exec.approval.resolved" | "plugin.approval.resolved" => approval::resolved(about, memory),
        "question.requested" => question::requested(about, memory),
        "question.resolved" => question::ended(about, None).into_iter().collect(),
        "cron" => cron(about),
        "task" => task(about),
        name if LEFT_OUT.contains(&name) => Vec::new(),
        name => {
            let seq = frame.seq.unwrap_or_default();
            vec![unknown(name, about, &format!("{connection}/{seq}"))]
        }
    };
    found.into_iter().filter_map(checked).collect()
}

/// An event as intake takes it; nothing for one that lacks what its kind needs.
pub fn checked(mut event: Event) -> Option<Event> {
    if event.id.len() > MAX_ID {
        event.id = Digest::of("sereno.openclaw.v1", event.id.as_bytes()).to_string();
    }
    match event.check() {
        Ok(()) => Some(finished(event)),
        Err(why) => {
            metrics::counter!("sereno_intake_refused_total", "source" => "openclaw", "reason" => "body").increment(1);
            tracing::debug!(why, "an event of the gateway cannot be taken");
            None
        }
    }
}

/// An agent and its session, as far as a payload names them. A session's key begins with `agent:NAME:`.
pub fn who(about: &Value) -> (Option<AgentRef>, Option<SessionRef>) {
    let word = |value: &Value| value.as_str().filter(|word| !word.trim().is_empty()).map(str::to_owned);
    let session = word(&about["sessionKey"]).or_else(|| word(&about["key"]));
    let agent = word(&about["agentId"]).or_else(|| session.as_deref().and_then(agent_of).map(str::to_owned));
    let session = session.map(|id| SessionRef { id, parent: word(&about["spawnedBy"]), ..SessionRef::default() });
    (agent.map(|id| AgentRef { id, ..AgentRef::default() }), session)
}

/// The agent that a session's key names.
pub fn agent_of(session: &str) -> Option<&str> {
    session.strip_prefix("agent:")?.split(':').next().filter(|agent| !agent.is_empty())
}

/// An event about whoever `about` names.
pub fn event(kind: EventKind, about: &Value, id: String, time: Option<Ts>) -> Event {
    let (agent, session) = who(about);
    Event { id, time, agent, session, ..Event::new(kind) }
}

/// Words of another program, cut.
pub fn words(value: &Value) -> Option<String> {
    value.as_str().filter(|text| !text.trim().is_empty()).map(|said| text::clip(said, WORDS))
}

fn seen(memory: &mut Memory, event: &Event) {
    if let (Some(agent), Some(session), Some(at)) = (&event.agent, &event.session, event.time) {
        memory.saw(&agent.id, &session.id, at);
    }
}

/// `agent`: what happens in a run.
fn of_run(about: &Value, memory: &mut Memory) -> Vec<Event> {
    let data = &about["data"];
    let (run, time) = (about["runId"].as_str().unwrap_or_default(), at(&about["ts"]));
    let id = format!("run/{run}/{}", about["seq"].as_u64().unwrap_or_default());
    let make = |kind| event(kind, about, id.clone(), time);
    let progress = |status: &str| Event { status: Some(status.to_owned()), ..make(EventKind::SessionProgress) };
    let found = match (about["stream"].as_str().unwrap_or_default(), data["phase"].as_str().unwrap_or_default()) {
        ("lifecycle", "start") => {
            let started = Event { status: Some("running".into()), ..make(EventKind::SessionStarted) };
            // Whoever was held and runs all the same, because somebody began a run there, is not held.
            let mut agent = Event { status: Some("running".into()), ..make(EventKind::AgentStatus) };
            agent.id.push_str("/agent");
            vec![started, agent]
        }
        // Also said while a run ends, so it must not open its session again.
        ("lifecycle", "model") => match words(&data["model"]) {
            Some(model) => {
                vec![Event {
                    model: Some(model),
                    provider: words(&data["provider"]),
                    ..make(EventKind::AgentRegistered)
                }]
            }
            None => Vec::new(),
        },
        ("lifecycle", "waiting-approval") => vec![progress("waiting")],
        ("lifecycle", "end" | "error") => vec![ended(about, data, run)],
        ("run_status", "retrying") => {
            let retry = data["delayMs"].as_i64().filter(|ms| (0..=86_400_000).contains(ms));
            let fault = Fault {
                kind: words(&data["reason"]).unwrap_or_else(|| "provider_error".into()),
                message: words(&data["message"]),
                retry_at: time.zip(retry).map(|(time, ms)| time.plus(Span(ms))),
            };
            vec![Event { error: Some(fault), ..progress("running") }]
        }
        ("tool", phase @ ("start" | "result")) => tool(phase, data, memory, make).into_iter().collect(),
        _ => Vec::new(),
    };
    for event in &found {
        seen(memory, event);
    }
    found
}

/// The end of a run has one identity, and is told more than once: whatever is told first counts.
pub fn end_id(run: &str) -> String {
    format!("end/{run}")
}

fn ended(about: &Value, data: &Value, run: &str) -> Event {
    let time = at(&data["endedAt"]).or_else(|| at(&about["ts"]));
    let aborted = data["aborted"].as_bool().unwrap_or(false);
    let failed = !aborted && (data["phase"] == "error" || data["error"].is_string());
    if failed {
        return failure(about, end_id(run), time, words(&data["errorKind"]), words(&data["error"]));
    }
    let reply = data.pointer("/terminalReply/text").and_then(Value::as_str);
    Event {
        status: aborted.then(|| "cancelled".into()),
        message: reply.and_then(first_lines),
        from: reply.map(|_| Author::Agent),
        ..event(EventKind::SessionEnded, about, end_id(run), time)
    }
}

fn failure(about: &Value, id: String, time: Option<Ts>, kind: Option<String>, message: Option<String>) -> Event {
    let fault = Fault { kind: kind.unwrap_or_else(|| "run_failed".into()), message, retry_at: None };
    Event { error: Some(fault), ..event(EventKind::SessionFailed, about, id, time) }
}

/// The beginning of what an agent replied.
fn first_lines(reply: &str) -> Option<String> {
    let lines: Vec<&str> = reply.lines().filter(|line| !line.trim().is_empty()).take(REPLY_LINES).collect();
    Some(text::clip(&lines.join("\n"), REPLY)).filter(|said| !said.is_empty())
}

fn tool(phase: &str, data: &Value, memory: &mut Memory, make: impl Fn(EventKind) -> Event) -> Option<Event> {
    let call = words(&data["toolCallId"])?;
    let named = words(&data["name"])?;
    if phase == "start" {
        let input = data["args"].clone();
        memory.calls.put(call.clone(), input.clone());
        let tool = ToolCall { name: named, call_id: Some(call), input: Some(input), ..ToolCall::default() };
        return Some(Event { tool: Some(tool), ..make(EventKind::ToolStarted) });
    }
    let failed = data["isError"].as_bool().unwrap_or(false);
    let said = data.pointer("/result/content/0/text").and_then(Value::as_str).map(|said| text::clip(said, WORDS));
    let result = data
        .get("result")
        .map(|result| Digest::of("sereno.result.v1", digest::canonical(&result["content"]).as_bytes()).short());
    let tool = ToolCall {
        name: named,
        input: memory.calls.get(&call).cloned(),
        call_id: Some(call),
        result_digest: result,
        ok: Some(!failed),
        ..ToolCall::default()
    };
    let fault = failed.then(|| Fault { kind: "tool_error".into(), message: said.clone(), retry_at: None });
    let took = data.pointer("/result/details/durationMs").and_then(Value::as_u64);
    Some(Event {
        tool: Some(tool),
        duration_ms: took,
        error: fault,
        message: said.filter(|_| !failed),
        ..make(EventKind::ToolEnded)
    })
}

/// `chat`: the same run as its conversation tells it. It knows better what went wrong.
fn of_chat(about: &Value, memory: &mut Memory) -> Vec<Event> {
    let run = about["runId"].as_str().unwrap_or_default();
    let time = at(&about["message"]["timestamp"]);
    let found = match about["state"].as_str() {
        Some("aborted") => {
            Event { status: Some("cancelled".into()), ..event(EventKind::SessionEnded, about, end_id(run), time) }
        }
        Some("error") => {
            let kind = words(&about["errorDetail"]["failoverReason"]).or_else(|| words(&about["errorKind"]));
            failure(about, end_id(run), time, kind, words(&about["errorMessage"]))
        }
        _ => return Vec::new(),
    };
    seen(memory, &found);
    vec![found]
}

/// The identity of a call of a model. Live, in the history of a session and in the gateway's accounts, where no message
/// has a name, a call is told with the transcript that it stands in and the millisecond in which it ended.
pub fn call_id(transcript: &str, ended: i64) -> String {
    format!("call/{transcript}/{ended}")
}

/// What one answer of a model has used. A session's row has the sums of its last run alone; the messages have each.
pub fn usage(message: &Value, about: &Value, memory: &mut Memory) -> Option<Event> {
    let used = &message["usage"];
    if message["role"] != "assistant" || !used.is_object() {
        return None;
    }
    let usage = amounts(used, &used["cost"]["total"])?;
    let by_name = || words(&about["messageId"]).or_else(|| words(&message["__openclaw"]["id"]));
    let id = match (words(&about["sessionId"]), message["timestamp"].as_i64()) {
        (Some(transcript), Some(ended)) => call_id(&transcript, ended),
        _ => format!("message/{}", by_name()?),
    };
    let found = Event {
        model: words(&message["model"]),
        provider: words(&message["provider"]),
        usage: Some(usage),
        ..event(EventKind::ModelCall, about, id, at(&message["timestamp"]))
    };
    seen(memory, &found);
    Some(found)
}

/// Tokens under the gateway's names, and dollars; nothing where nothing was used.
pub fn amounts(used: &Value, dollars: &Value) -> Option<Usage> {
    let count = |name: &str| used[name].as_u64().unwrap_or(0);
    let cost = dollars.as_f64().and_then(Micros::from_dollars);
    let usage = Usage {
        input_tokens: count("input"),
        output_tokens: count("output"),
        cache_read_tokens: count("cacheRead"),
        cache_write_tokens: count("cacheWrite"),
        // Nothing for something is no price: the model has none there.
        cost: cost.filter(|cost| *cost > Micros(0)),
        cumulative: false,
    };
    Some(usage).filter(|usage| usage.tokens().total() > 0 || usage.cost.is_some())
}

/// `sessions.changed`: where an agent was last. What happens in a session is told by its runs, of whose sums the row has
/// those of the last one alone.
fn of_row_change(about: &Value, memory: &mut Memory) {
    let row = if about["session"].is_object() { &about["session"] } else { about };
    if let ((Some(agent), Some(session)), Some(at)) = (who(about), at(&row["updatedAt"])) {
        memory.saw(&agent.id, &session.id, at);
    }
}

/// `cron`, and what the cron webhook posts: a job that has run. Its run has a session of its own, which tells more.
pub fn cron(about: &Value) -> Vec<Event> {
    if about["action"] != "finished" {
        return Vec::new();
    }
    let (job, run) = (about["jobId"].as_str().unwrap_or_default(), about["runAtMs"].as_i64().unwrap_or_default());
    let named = words(&about["job"]["name"]).unwrap_or_else(|| job.to_owned());
    let status = words(&about["status"]).unwrap_or_default();
    let said = words(&about["error"]).or_else(|| words(&about["summary"])).unwrap_or_default();
    let fault = || Fault { kind: "cron_failed".into(), message: Some(format!("{named}: {said}")), retry_at: None };
    let took = about["durationMs"].as_i64().filter(|ms| (0..=604_800_000).contains(ms)).unwrap_or(0);
    let mut found = event(
        EventKind::Message,
        about,
        format!("cron/{job}/{run}"),
        at(&about["runAtMs"]).map(|t| t.plus(Span(took))),
    );
    if found.agent.is_none() && found.session.is_none() {
        let agent = words(&about["job"]["agentId"]).unwrap_or_else(|| "main".into());
        found.agent = Some(AgentRef { id: agent, ..AgentRef::default() });
    }
    vec![Event {
        error: (status == "error").then(fault),
        message: Some(text::clip(&format!("⏰ {named} · {status}: {said}"), WORDS)),
        from: Some(Author::System),
        ..found
    }]
}

/// `task`: background work, as it goes.
fn task(about: &Value) -> Vec<Event> {
    let task = &about["task"];
    let (id, status) = (task["id"].as_str().unwrap_or_default(), words(&task["status"]).unwrap_or_default());
    let title = words(&task["title"]).unwrap_or_default();
    let moment = task["updatedAt"].as_i64().unwrap_or_default();
    let kind = EventKind::Other("openclaw.task".into());
    vec![Event {
        message: Some(text::clip(&format!("{title} · {status}"), WORDS)),
        ..event(kind, task, format!("task/{id}/{status}/{moment}"), at(&task["updatedAt"]))
    }]
}

/// An event that nobody here knows.
fn unknown(name: &str, about: &Value, place: &str) -> Event {
    let kind = EventKind::Other(format!("openclaw.{}", text::clip(name, 60)));
    event(kind, about, format!("event/{place}"), at(&about["ts"]))
}
