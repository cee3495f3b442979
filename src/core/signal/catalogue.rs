//! The signals by name: what a rule may write, in which unit, and what it means.

use super::window::{Measure, WindowIx};
use crate::core::time::Span;

/// What one call or name in a condition reads.
#[derive(Clone, Debug, PartialEq)]
pub enum Signal {
    /// A sum over a window, divided by a scale.
    Sum(WindowIx, f64),
    /// A quotient of sums over a window.
    Ratio(Ratio, Vec<WindowIx>),
    /// How often the most repeated tool call was made.
    Repeats(Span),
    /// Seconds since something.
    Timed(Timed),
    /// The last value of a number.
    Gauge(Gauge),
    /// A word.
    Text(TextSignal),
}

/// Quotients of sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ratio {
    /// Faults per call of a model or a tool.
    Errors,
    /// Timeouts per call of a model or a tool.
    Timeouts,
    /// Share of tasks and sessions that ended well; 1 while none has ended.
    Success,
    /// Seconds per timed call; 0 without one.
    Latency,
}

impl Ratio {
    /// The measures that it reads: the first over the sum of the others.
    pub const fn measures(self) -> &'static [Measure] {
        match self {
            Self::Errors => &[Measure::Errors, Measure::Calls, Measure::Tools],
            Self::Timeouts => &[Measure::Timeouts, Measure::Calls, Measure::Tools],
            Self::Success => &[Measure::Succeeded, Measure::Succeeded, Measure::Failed],
            Self::Latency => &[Measure::Latency, Measure::Timed],
        }
    }

    /// The value while the denominator is zero.
    pub const fn empty(self) -> f64 {
        match self {
            Self::Success => 1.0,
            _ => 0.0,
        }
    }

    /// By what the quotient is divided.
    pub const fn scale(self) -> f64 {
        match self {
            Self::Latency => 1000.0,
            _ => 1.0,
        }
    }
}

/// Times that grow by themselves; they can only be compared with a constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timed {
    /// Since the last sign of life of an agent that should give some.
    Idle,
    /// Since the oldest open tool call began.
    InTool,
    /// Since the oldest open approval was asked.
    ApprovalWait,
    /// Since the session or task began.
    Age,
}

/// Numbers that are as last reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gauge {
    /// A metric or resource by name.
    Metric(String),
    /// Share done, 0 to 100.
    Progress,
}

/// Words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum TextSignal {
    Status,
    Phase,
    Fault,
    Agent,
    Role,
    Runtime,
    Model,
    Task,
}

/// How a signal is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// `cost('10m')`
    Window,
    /// `idle()`
    Call,
    /// `metric('queue_depth')`
    Named,
    /// `status`
    Word,
}

/// One signal in the catalogue.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// How it is written, without arguments.
    pub name: &'static str,
    /// With which arguments.
    pub shape: Shape,
    /// In which unit it is.
    pub unit: &'static str,
    /// What it means.
    pub means: &'static str,
}

const fn entry(name: &'static str, shape: Shape, unit: &'static str, means: &'static str) -> Entry {
    Entry { name, shape, unit, means }
}

/// Every signal that a rule may read.
pub const CATALOGUE: &[Entry] = &[
    entry("cost", Shape::Window, "US dollars", "cost of model calls"),
    entry("tokens", Shape::Window, "tokens", "tokens of all kinds"),
    entry("calls", Shape::Window, "count", "model calls"),
    entry("tools", Shape::Window, "count", "tool calls started"),
    entry("errors", Shape::Window, "count", "faults of any type"),
    entry("timeouts", Shape::Window, "count", "faults of type timeout"),
    entry("error_rate", Shape::Window, "0 to 1", "faults per model or tool call"),
    entry("timeout_rate", Shape::Window, "0 to 1", "timeouts per model or tool call"),
    entry(
        "success_rate",
        Shape::Window,
        "0 to 1",
        "share of tasks and sessions that ended well; 1 while none has ended",
    ),
    entry("latency", Shape::Window, "seconds", "mean duration of timed model and tool calls"),
    entry("repeats", Shape::Window, "count", "how often the most repeated tool call was made with equal arguments"),
    entry("idle", Shape::Call, "seconds", "since the last sign of life of an agent that should give some"),
    entry("in_tool", Shape::Call, "seconds", "since the oldest open tool call began"),
    entry("approval_wait", Shape::Call, "seconds", "since the oldest open approval was asked"),
    entry("age", Shape::Call, "seconds", "since the session or task began"),
    entry("progress", Shape::Call, "0 to 100", "share done, as last reported"),
    entry("cpu", Shape::Call, "0 to 100", "processor use, as last reported"),
    entry("memory", Shape::Call, "0 to 100", "memory use, as last reported"),
    entry("queue_depth", Shape::Call, "count", "metric queue_depth, as last reported"),
    entry("queue_wait", Shape::Call, "seconds", "metric queue_wait, as last reported"),
    entry("metric", Shape::Named, "as reported", "any metric by name, as last reported"),
    entry("status", Shape::Word, "word", "waiting, error, silent, running, paused, stopped, idle or completed"),
    entry("phase", Shape::Word, "word", "a runtime's own word for what it does, or empty"),
    entry("fault", Shape::Word, "word", "type of the last fault while it matters, or empty"),
    entry("agent", Shape::Word, "word", "the agent's identity in its runtime"),
    entry("role", Shape::Word, "word", "the agent's role, or empty"),
    entry("runtime", Shape::Word, "word", "the runtime's name"),
    entry("model", Shape::Word, "word", "the model used last, or empty"),
    entry("task", Shape::Word, "word", "the current task's identity, or empty"),
];

impl Entry {
    /// Finds a signal by name.
    pub fn find(name: &str) -> Option<&'static Self> {
        CATALOGUE.iter().find(|entry| entry.name == name)
    }

    /// How it is written, with an example argument.
    pub fn example(&self) -> String {
        match self.shape {
            Shape::Window => format!("{}('10m')", self.name),
            Shape::Call => format!("{}()", self.name),
            Shape::Named => format!("{}('queue_depth')", self.name),
            Shape::Word => self.name.to_owned(),
        }
    }
}
