//! Rows and labels made from the World, for lists, cards and read models alike.

use std::borrow::Cow;

use serde_json::Value;

use super::{AgentRow, FaultView, SessionRow, TaskLabel, TaskPart, TaskRow, Who};
use crate::core::arena::Ix;
use crate::core::event::{Action, Fault};
use crate::core::money::Sums;
use crate::core::time::Ts;
use crate::core::world::{Agent, Basis, Session, Task, World};

/// What an action would do: on one line for the lock screen, and whole.
///
/// A tool with a `command` shows that; a tool that works on a file names it; anything else shows its
/// arguments. Whatever is not in the whole text is listed beside it by the card. Different arguments never
/// make the same text: further lines of a value are indented, and a text that could be taken for another
/// kind of value is in quotes.
pub fn action_text(action: &Action) -> (String, String) {
    let headline = action_headline(&action.tool, &action.input);
    if let Some(command) = command(&action.input) {
        return (headline.into_owned(), command.to_owned());
    }
    let whole = match &action.input {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Object(map) => map
            .iter()
            .map(|(key, value)| format!("{}: {}", field_name(key), plain(value)))
            .collect::<Vec<_>>()
            .join("\n"),
        other => other.to_string(),
    };
    (headline.into_owned(), whole)
}

/// An action in one line: the command, or the tool and what it is about.
pub fn action_headline<'a>(tool: &'a str, input: &'a Value) -> Cow<'a, str> {
    if let Some(command) = command(input) {
        return command.into();
    }
    let field = |name: &str| input.get(name).and_then(Value::as_str);
    let about = ["file_path", "path", "notebook_path", "url", "query", "pattern"].into_iter().find_map(field);
    about.map_or(tool.into(), |about| format!("{tool} {about}").into())
}

/// A command, or a question that is all there is.
fn command(input: &Value) -> Option<&str> {
    let question = || input.as_object().filter(|input| input.len() == 1)?.get("question");
    input.get("command").or_else(question).and_then(Value::as_str)
}

/// The name of an argument, in quotes unless it is a plain word.
pub fn field_name(key: &str) -> String {
    let is_word = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'));
    if is_word { key.to_owned() } else { Value::from(key).to_string() }
}

fn plain(value: &Value) -> String {
    let text = match value {
        Value::String(text) if !text.is_empty() && serde_json::from_str::<Value>(text).is_err() => text.clone(),
        other => serde_json::to_string_pretty(other).unwrap_or_else(|_| other.to_string()),
    };
    text.replace('\n', "\n  ")
}

impl World {
    /// Who an agent is.
    pub fn who(&self, agent: &Agent) -> Who {
        Who {
            name: agent.name.clone(),
            id: agent.id.clone(),
            role: agent.role.clone(),
            runtime: agent.runtime.clone(),
            model: agent.model.as_deref().map(|m| self.policy.price_of(m).label.to_owned()),
        }
    }

    /// A task by its name.
    pub fn task_label(task: &Task) -> TaskLabel {
        TaskLabel { id: task.id.clone(), title: task.title.clone() }
    }

    /// An error as a list shows it.
    pub fn fault_view(fault: &Fault) -> FaultView {
        FaultView { kind: fault.kind.clone(), message: fault.message.clone(), retry_at: fault.retry_at }
    }

    /// `runtime/identity`: names an agent without doubt.
    pub fn agent_key(&self, ix: Ix<Agent>) -> String {
        self.agents.get(ix).map_or_else(|| "?".into(), |a| format!("{}/{}", a.runtime, a.id))
    }

    /// How a command names an agent without doubt.
    pub fn agent_handle(&self, agent: &Agent) -> String {
        crate::core::command::quoted(&format!("{}/{}", agent.runtime, agent.id))
    }

    /// An agent as lists show it.
    pub fn agent_row(&self, ix: Ix<Agent>) -> Option<AgentRow> {
        let agent = self.agents.get(ix)?;
        let session = agent.session.and_then(|s| self.sessions.get(s)).filter(|s| s.agent == ix);
        let wants =
            (agent.asking > 0).then(|| self.approvals.values().find(|a| a.agent == ix && a.is_pending())).flatten();
        let sums = session.map_or(&agent.sums, |s| &s.sums);
        let known = session.map_or(agent.sums.calls > 0, |s| s.basis != Basis::Unknown);
        Some(AgentRow {
            who: self.who(agent),
            status: agent.status(),
            phase: agent.phase.clone(),
            since: wants.map_or(agent.since, |a| a.asked),
            task: agent.task.and_then(|t| self.tasks.get(t)).map(Self::task_label),
            session: session.map(Session::short),
            wants: wants.map(|a| action_text(&a.action).0),
            fault: agent.fault.as_deref().map(Self::fault_view),
            step: session.and_then(|s| s.step.clone()),
            progress: session.map(|s| s.progress).unwrap_or_default(),
            paused: agent.pause.as_ref().map(|p| (p.by.clone(), p.confirmed)),
            branch: session.and_then(|s| s.branch.clone()),
            tokens: sums.tokens.total(),
            cost: known.then_some(sums.cost),
            started: session.map(|s| s.started),
            last_seen: agent.last_seen,
            tags: agent.tags.clone(),
        })
    }

    /// A session as lists show it.
    pub fn session_row(&self, ix: Ix<Session>) -> Option<SessionRow> {
        let session = self.sessions.get(ix)?;
        Some(SessionRow {
            id: session.id.clone(),
            short: session.short(),
            agent: self.agents.get(session.agent).map(|a| self.who(a)).unwrap_or_default(),
            task: session.task.and_then(|t| self.tasks.get(t)).map(Self::task_label),
            status: session.status,
            phase: session.phase.clone(),
            started: session.started,
            ended: session.ended,
            last_seen: session.last_seen,
            sums: session.sums,
            basis: session.basis,
            difference: session.difference.worth_telling(),
            cwd: session.cwd.clone(),
            branch: session.branch.clone(),
        })
    }

    /// A task as lists show it.
    pub fn task_row(&self, ix: Ix<Task>, now: Ts) -> Option<TaskRow> {
        let task = self.tasks.get(ix)?;
        let sessions = || task.sessions.iter().filter_map(|s| self.sessions.get(*s));
        let part = |(ix, sums): &(Ix<Agent>, Sums)| {
            let name = self.agents.get(*ix)?.name.clone();
            let sessions = sessions().filter(|s| s.agent == *ix).map(Session::short).collect();
            Some(TaskPart { agent: self.agent_key(*ix), name, sessions, sums: *sums })
        };
        let parts: Vec<TaskPart> = task.agents.iter().filter_map(part).collect();
        Some(TaskRow {
            label: Self::task_label(task),
            column: task.column,
            agents: parts.iter().map(|part| part.name.clone()).collect(),
            sessions: sessions().map(Session::short).collect(),
            sums: task.sums,
            progress: task.progress,
            steps: task.steps.clone(),
            created: task.created,
            ended: task.ended,
            took: task.ended.unwrap_or(now).since(task.began()),
            url: task.url.clone(),
            parts,
        })
    }
}
