//! What a look at a platform or a runtime shows, for `sereno doctor`: findings in plain words, each with its remedy.
//!
//! An examination changes nothing on the platform and sends nothing to anybody. No finding quotes a secret or an
//! answer's body.

use crate::core::time::{Span, Ts};

/// How well something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grade {
    /// As it should be.
    Good,
    /// It works, but somebody should know.
    Doubtful,
    /// It does not work.
    Bad,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How well it is.
    pub grade: Grade,
    /// What was found.
    pub what: String,
    /// What to do about it.
    pub remedy: Option<String>,
}

impl Finding {
    /// It is as it should be.
    pub fn good(what: impl Into<String>) -> Self {
        Self { grade: Grade::Good, what: what.into(), remedy: None }
    }

    /// It works, but somebody should know.
    pub fn doubtful(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { grade: Grade::Doubtful, what: what.into(), remedy: Some(remedy.into()) }
    }

    /// It does not work.
    pub fn bad(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { grade: Grade::Bad, what: what.into(), remedy: Some(remedy.into()) }
    }
}

/// What was found there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exam {
    /// In the order in which it was looked at; empty where nothing can be looked at without sending something.
    pub findings: Vec<Finding>,
    /// The platform's time, in whole seconds, as far as it says what time it is.
    pub date: Option<Ts>,
}

impl Exam {
    /// Nothing but this was found.
    pub fn only(finding: Finding) -> Self {
        Self { findings: vec![finding], date: None }
    }
}

/// By how much our clock is ahead of one that said `date`, in whole seconds, at some moment between two of ours.
pub fn ahead(date: Ts, (before, after): (Ts, Ts)) -> Span {
    let (earliest, latest) = (date, date.plus(Span::secs(1)));
    if latest < before { before.since(latest) } else { Span(after.0.saturating_sub(earliest.0).min(0)) }
}
