//! `/health` and `/errors`: how well the work goes, against goals, and what goes wrong.

use super::super::Call;
use super::period::{Period, period};
use super::{MAX_ROWS, Outcome, answer, number};
use crate::core::event::Fault;
use crate::core::message::{Content, ErrorRow, ErrorsView, HealthView, Vital};
use crate::core::money::{self, Micros};
use crate::core::status::Status;
use crate::core::step::Fold;
use crate::core::time::{Span, Ts};
use crate::core::world::{Faults, Tally, Work, World};

/// Figures with their goals: whether more is better, and the goal, a share or seconds.
const GOALS: [(&str, bool, f64); 4] =
    [("success", true, 0.95), ("response", false, 30.0), ("errors", false, 0.05), ("timeouts", false, 0.01)];

/// `/health [today|24h|7d]`
pub fn health(f: &Fold<'_>, call: &Call) -> Outcome {
    let Period { name, from } = period(f, call, "24h")?;
    let w = &*f.w;
    let length = f.at.since(from);
    let tally = w.diary.between(from, f.at.plus(Span(1)));
    let earlier = from.minus(length);
    let before = w.diary.begun.is_some_and(|begun| begun <= earlier).then(|| w.diary.between(earlier, from));
    let vitals = GOALS.map(|(name, more_is_better, goal)| {
        let value = figure(name, &tally.work);
        let ok = value.map(|value| if more_is_better { value > goal } else { value < goal });
        let before = before.as_ref().and_then(|before| figure(name, &before.work));
        Vital { name: name.to_owned(), value, before, goal, ok }
    });
    let in_state = |wanted: &[Status]| number(w.agents.iter().filter(|(_, a)| wanted.contains(&a.status())).count());
    let ended = tally.done.saturating_add(tally.failed);
    answer(Content::Health(HealthView {
        period: name,
        from,
        vitals: vitals.into(),
        ended,
        per_hour: f64::from(ended) / hours(length),
        calls: calls(&tally),
        busy: in_state(&[Status::Running, Status::Waiting]),
        agents: number(w.agents.len()),
        silent: in_state(&[Status::Silent]),
        waiting: number(w.approvals.values().filter(|a| a.is_pending()).count()),
        at: f.at,
    }))
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of a week are exact")]
fn hours(span: Span) -> f64 {
    (span.0.max(1) as f64) / (Span::hours(1).0 as f64)
}

/// A figure of a time, or none when nothing has happened that could say. Each is what the signal of rules is that
/// reads the same sums.
#[expect(clippy::cast_precision_loss, reason = "counts below 2^53 are exact")]
fn figure(name: &str, work: &Work) -> Option<f64> {
    let calls = work.calls + work.tools;
    let (part, whole) = match name {
        "success" => (work.succeeded, work.succeeded + work.failed),
        "response" => (work.latency, work.timed.saturating_mul(1000)),
        "errors" => (work.errors, calls),
        _ => (work.timeouts, calls),
    };
    (whole > 0).then(|| part as f64 / whole as f64)
}

fn calls(tally: &Tally) -> i64 {
    tally.work.calls + tally.work.tools
}

/// `/errors [today|24h|7d]`
pub fn errors(f: &Fold<'_>, call: &Call) -> Outcome {
    let Period { name, from } = period(f, call, "24h")?;
    let w = &*f.w;
    let tally = w.diary.between(from, f.at.plus(Span(1)));
    let mut faults: Vec<&Faults> = tally.faults.iter().collect();
    faults.sort_by(|a, b| (b.count, &a.kind).cmp(&(a.count, &b.kind)));
    let counts: Vec<Micros> = faults.iter().map(|faults| Micros(i64::from(faults.count))).collect();
    let rows = faults.into_iter().zip(money::percentages(&counts));
    answer(Content::Errors(ErrorsView {
        period: name,
        from,
        count: tally.faults.iter().map(|faults| u64::from(faults.count)).sum(),
        calls: calls(&tally),
        rows: rows.take(MAX_ROWS).map(|(faults, percent)| row(w, faults, percent)).collect(),
        at: f.at,
    }))
}

fn row(w: &World, faults: &Faults, percent: i64) -> ErrorRow {
    let said = newest(w, &faults.kind);
    ErrorRow {
        kind: faults.kind.clone(),
        count: faults.count,
        percent,
        who: faults.who.clone(),
        last: faults.at,
        message: said.and_then(|fault| fault.message.clone()),
        retry_at: said.and_then(|fault| fault.retry_at),
    }
}

/// The newest fault of a type that still stands.
fn newest<'a>(w: &'a World, kind: &str) -> Option<&'a Fault> {
    let of_agents = w.agents.iter().filter_map(|(_, a)| Some((a.last_seen, a.fault.as_deref()?)));
    let of_sessions = w.sessions.iter().filter_map(|(_, s)| Some((s.last_seen, s.fault.as_deref()?)));
    let same = of_agents.chain(of_sessions).filter(|(_, fault): &(Ts, &Fault)| fault.kind == kind);
    same.max_by_key(|(at, _)| *at).map(|(_, fault)| fault)
}
