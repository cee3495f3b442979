//! A session: one run of an agent.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::snapshot::in_json;
use super::{Agent, Lines, Task};
use crate::core::arena::Ix;
use crate::core::digest::Digest;
use crate::core::event::{Fault, Progress, StepRef, ToolCall};
use crate::core::message::action_headline;
use crate::core::money::{Micros, Sums, Tokens};
use crate::core::signal::{Calls, Signals};
use crate::core::status::Status;
use crate::core::text;
use crate::core::time::Ts;

/// Runs of equal tools that a card shows.
const MAX_TOOL_RUNS: usize = 4;
/// Grants that a session can have.
pub const MAX_GRANTS: usize = 50;

/// One run of an agent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Session {
    /// The runtime that reports it.
    pub runtime: String,
    /// Its identity there.
    pub id: String,
    /// Who runs.
    pub agent: Ix<Agent>,
    /// The session that spawned it.
    pub parent: Option<String>,
    /// What it serves.
    pub task: Option<Ix<Task>>,
    /// State as last reported.
    pub status: Status,
    /// A runtime's own word for what it does.
    pub phase: Option<String>,
    /// When it began, by the runtime's clock.
    pub started: Ts,
    /// When it ended, by the runtime's clock.
    pub ended: Option<Ts>,
    /// When it was last heard of.
    pub last_seen: Ts,
    /// Working directory.
    pub cwd: Option<String>,
    /// Branch.
    pub branch: Option<String>,
    /// Model it used last.
    pub model: Option<String>,
    /// All that it has used.
    pub sums: Sums,
    /// How its cost is known.
    pub basis: Basis,
    /// Cost as reported minus cost as computed, where both are known.
    pub difference: Micros,
    /// Last running totals by model, of runtimes that report those.
    pub totals: Vec<(String, Tokens, Option<Micros>)>,
    /// Stage.
    #[serde(with = "in_json")]
    pub step: Option<StepRef>,
    /// How far it is.
    #[serde(with = "in_json")]
    pub progress: Progress,
    /// What went wrong.
    #[serde(with = "in_json")]
    pub fault: Option<Box<Fault>>,
    /// Last tool calls, for loops.
    pub calls: Calls,
    /// The last tool call, for cards. Hostile.
    pub last_call: Option<String>,
    /// Last runs of equal tools, for cards.
    pub tool_runs: VecDeque<(String, u32)>,
    /// Last lines, for `/logs`.
    pub lines: Lines,
    /// Actions that a person has approved for the whole session.
    pub grants: Vec<Grant>,
    /// Control calls that wait for its next sign of life, by outbox row.
    pub mailbox: Vec<String>,
    /// What rules read of it.
    pub signals: Signals,
}

/// How the cost of a session is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Basis {
    /// Nothing has said what it used.
    #[default]
    Unknown,
    /// Tokens times the price table.
    Computed,
    /// As the runtime says.
    Reported,
}

/// An action that is approved without asking again in this session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Number, shown as `G3`.
    pub number: u64,
    /// Digest of tool and arguments; nothing else is granted.
    pub call: Digest,
    /// What it is, for people. Hostile.
    pub label: String,
    /// Who gave it.
    pub by: String,
    /// When.
    pub at: Ts,
    /// How often it was used.
    pub used: u32,
}

impl Session {
    /// A session that was just heard of.
    pub fn new(runtime: &str, id: &str, agent: Ix<Agent>, at: Ts) -> Self {
        Self {
            runtime: runtime.to_owned(),
            id: id.to_owned(),
            agent,
            parent: None,
            task: None,
            status: Status::Running,
            phase: None,
            started: at,
            ended: None,
            last_seen: at,
            cwd: None,
            branch: None,
            model: None,
            sums: Sums::default(),
            basis: Basis::Unknown,
            difference: Micros(0),
            totals: Vec::new(),
            step: None,
            progress: Progress::default(),
            fault: None,
            calls: Calls::default(),
            last_call: None,
            tool_runs: VecDeque::new(),
            lines: Lines::default(),
            grants: Vec::new(),
            mailbox: Vec::new(),
            signals: Signals::default(),
        }
    }

    /// The short form that people see and type: the first eight characters of what is longer than twelve. Of a path
    /// with colons it is that of its last part, for the others are those of many.
    pub fn short(&self) -> String {
        let last = self.own_name();
        let whole = last.chars().count() <= 12;
        last.chars().take(if whole { 12 } else { 8 }).collect()
    }

    /// What stands behind the last colon of its identity.
    pub fn own_name(&self) -> &str {
        self.id.rsplit(':').find(|part| !part.is_empty()).unwrap_or(&self.id)
    }

    /// Keeps what was called for cards, and counts the tool among the last ones.
    pub fn called(&mut self, tool: &ToolCall) {
        let headline = action_headline(&tool.name, tool.input.as_ref().unwrap_or(&Value::Null));
        let named = headline.starts_with(&tool.name);
        let headline = if named { headline } else { format!("{}: {headline}", tool.name).into() };
        let line = self.last_call.get_or_insert_default();
        line.clear();
        text::push_clipped(line, &headline, 200);
        self.used_tool(&tool.name);
    }

    fn used_tool(&mut self, name: &str) {
        match self.tool_runs.back_mut() {
            Some((last, count)) if last == name => *count += 1,
            _ => {
                if self.tool_runs.len() == MAX_TOOL_RUNS {
                    self.tool_runs.pop_front();
                }
                self.tool_runs.push_back((name.to_owned(), 1));
            }
        }
    }

    /// Takes over facts about progress; what is not said stays.
    pub fn advance(&mut self, said: &Progress) {
        merge_progress(&mut self.progress, said);
    }
}

/// Overwrites in `known` what `said` mentions.
pub fn merge_progress(known: &mut Progress, said: &Progress) {
    known.commits = said.commits.or(known.commits);
    known.tests_passed = said.tests_passed.or(known.tests_passed);
    known.tests_total = said.tests_total.or(known.tests_total);
    known.percent = said.percent.or(known.percent);
}
