//! What `/export` hands over: rows and columns, as data; whoever sends them writes the file.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::core::time::Ts;

/// `/export`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExportView {
    /// Of what.
    pub what: ExportKind,
    /// `today`, or a span such as `7d`.
    pub period: String,
    /// Since when.
    pub from: Ts,
    /// How the file is written.
    pub format: ExportFormat,
    /// Names of the columns.
    pub columns: Vec<String>,
    /// A value for each column, the oldest row first. Hostile.
    pub rows: Vec<Vec<Value>>,
    /// How many older rows did not fit.
    pub left_out: usize,
    /// When this was true.
    pub at: Ts,
}

/// What can be handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say it")]
pub enum ExportKind {
    Costs,
    Events,
    Tasks,
    Alerts,
    Audit,
}

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ExportFormat {
    /// Values with commas between, a row on a line. <https://www.rfc-editor.org/rfc/rfc4180>
    Csv,
    /// An object of JSON on a line.
    Jsonl,
}

impl ExportKind {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Costs, Self::Events, Self::Tasks, Self::Alerts, Self::Audit];

    /// The word that is typed, and that names the file.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Costs => "costs",
            Self::Events => "events",
            Self::Tasks => "tasks",
            Self::Alerts => "alerts",
            Self::Audit => "audit",
        }
    }

    /// The command that shows the same.
    pub const fn command(self) -> &'static str {
        match self {
            Self::Costs => "cost",
            Self::Events => "events",
            Self::Tasks => "tasks",
            Self::Alerts => "alerts",
            Self::Audit => "audit",
        }
    }
}

impl ExportFormat {
    /// The word that is typed, and the end of the file's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Jsonl => "jsonl",
        }
    }
}

impl ExportView {
    /// What the file is called.
    pub fn file_name(&self) -> String {
        let day = self.at.rfc3339();
        format!("sereno-{}-{}.{}", self.what.as_str(), day.split('T').next().unwrap_or_default(), self.format.as_str())
    }
}
