//! What the overviews show: how well the work goes, what goes wrong, what may be spent, and how everything is set.

use serde::{Deserialize, Serialize};

use super::people::NotifyView;
use crate::core::access::Role;
use crate::core::calendar::Unit;
use crate::core::money::Micros;
use crate::core::time::{Span, Ts};

/// `/health`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HealthView {
    /// `today`, or a span such as `7d`.
    pub period: String,
    /// Since when.
    pub from: Ts,
    /// The figures that have a goal.
    pub vitals: Vec<Vital>,
    /// Tasks that ended in that time.
    pub ended: u32,
    /// The same in an hour, on the average.
    pub per_hour: f64,
    /// Calls of models and tools in that time.
    pub calls: i64,
    /// Agents at work.
    pub busy: u32,
    /// All agents.
    pub agents: u32,
    /// Agents of which nobody can tell what they do.
    pub silent: u32,
    /// Questions that wait for a person.
    pub waiting: u32,
    /// When this was true.
    pub at: Ts,
}

/// A figure that has a goal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Vital {
    /// `success`, `response`, `errors` or `timeouts`.
    pub name: String,
    /// Its value, a share from 0 to 1 or seconds; none when nothing has happened that could say.
    pub value: Option<f64>,
    /// The same in as long a time before, when that is known.
    pub before: Option<f64>,
    /// What it should be better than.
    pub goal: f64,
    /// Whether it is.
    pub ok: Option<bool>,
}

/// `/errors`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorsView {
    /// `today`, or a span such as `7d`.
    pub period: String,
    /// Since when.
    pub from: Ts,
    /// How many in that time.
    pub count: u64,
    /// Among how many calls of models and tools.
    pub calls: i64,
    /// By type, the most frequent first.
    pub rows: Vec<ErrorRow>,
    /// When this was true.
    pub at: Ts,
}

/// Errors of one type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorRow {
    /// The type, in the runtime's word. Hostile.
    pub kind: String,
    /// How many.
    pub count: u32,
    /// Whole percent of all; they add up to 100.
    pub percent: i64,
    /// Whose the last one was. Hostile.
    pub who: Option<String>,
    /// When that was.
    pub last: Ts,
    /// What was said about one of them. Hostile.
    pub message: Option<String>,
    /// When it may be tried again.
    pub retry_at: Option<Ts>,
}

/// `/budget`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetView {
    /// The fullest first.
    pub rows: Vec<BudgetRow>,
    /// When this was true.
    pub at: Ts,
}

/// A budget, and how much of it is spent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetRow {
    /// Its name.
    pub name: String,
    /// The agent or the family of models that it is for; none when it is for everything. Hostile.
    pub about: Option<String>,
    /// For how long a time.
    pub unit: Unit,
    /// What may be spent.
    pub limit: Micros,
    /// What is spent.
    pub spent: Micros,
    /// Whole percent of the limit, rounded down.
    pub percent: i64,
    /// Cost of the last hour.
    pub last_hour: Micros,
    /// When it is used up, at the pace of the last hour; none when it lasts.
    pub gone_at: Option<Ts>,
    /// When its time is over.
    pub ends: Ts,
}

/// `/settings`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingsView {
    /// Whoever asks, with role, language and zone; none when nobody is behind it.
    pub person: Option<(String, Role, String, String)>,
    /// How many people there are.
    pub people: usize,
    /// Channels by name and kind.
    pub channels: Vec<(String, String)>,
    /// Runtimes by name and kind, and what can be asked of them.
    pub runtimes: Vec<(String, String, Vec<String>)>,
    /// Names of the rules.
    pub rules: Vec<String>,
    /// How many routes there are; without any, everybody is told everything.
    pub routes: usize,
    /// Digests by name, with their schedule.
    pub digests: Vec<(String, String)>,
    /// Names of the budgets.
    pub budgets: Vec<String>,
    /// How long a question waits.
    pub approval_timeout: Span,
    /// After how long an agent counts as silent.
    pub silent_after: Span,
    /// Language and zone where no person is known.
    pub defaults: (String, String),
    /// What whoever asks is told; none when nobody is behind it.
    #[serde(default)]
    pub notify: Option<NotifyView>,
    /// When this was true.
    pub at: Ts,
}
