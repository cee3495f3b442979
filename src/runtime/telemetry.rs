//! Telemetry: what exporters send in batches, of whatever runtime takes it.
//!
//! This knows what a batch is called and how it is written, and what came of it. How it is read is the adapter's.

use axum::body::Bytes;

use crate::core::event::Event;

/// What a batch holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Spans, each of something that is over.
    Traces,
    /// Readings of counters.
    Metrics,
    /// Log records, some of which are events.
    Logs,
}

impl Signal {
    /// Every signal.
    pub const ALL: [Self; 3] = [Self::Traces, Self::Metrics, Self::Logs];

    /// The word in paths and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Traces => "traces",
            Self::Metrics => "metrics",
            Self::Logs => "logs",
        }
    }
}

/// How a batch is written, and its answer with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `application/x-protobuf`
    Protobuf,
    /// `application/json`
    Json,
}

impl Format {
    /// The content type.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Protobuf => "application/x-protobuf",
            Self::Json => "application/json",
        }
    }
}

/// A batch, unpacked and unread.
#[derive(Clone, Debug)]
pub struct Export {
    /// What it holds.
    pub signal: Signal,
    /// How it is written.
    pub format: Format,
    /// Its bytes.
    pub body: Bytes,
}

/// What a batch tells.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Told {
    /// Its events in the order in which they happened, each with an identity.
    pub events: Vec<Event>,
    /// Spans, records or points that were read.
    pub items: u64,
    /// Those of them from which nothing follows: they are about something else than agents.
    pub ignored: u64,
    /// Those of them that were refused.
    pub rejected: u64,
    /// Why the first of them was.
    pub why: Option<String>,
}

impl Told {
    /// Refuses one item.
    pub fn reject(&mut self, why: impl FnOnce() -> String) {
        self.rejected += 1;
        self.why.get_or_insert_with(why);
    }
}

/// What tells tokens and money: exporters often send both, and both would count twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum UsageFrom {
    /// Spans and log records of calls.
    #[default]
    Calls,
    /// Counters.
    Metrics,
}
