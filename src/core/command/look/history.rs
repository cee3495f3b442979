//! `/events`, `/timeline` and `/audit`: what has happened, put in order from everything that the World still knows.
//!
//! Nothing is kept for these lists but the last deeds: beginnings and ends stand with sessions, tasks, alerts and
//! approvals themselves. What was forgotten there is in the store's log.

use super::super::Call;
use super::{Outcome, agent_of_alert, answer, check_task, needed, sees_alert, sees_task, task_sums};
use crate::core::alert::Alert;
use crate::core::approval::Approval;
use crate::core::arena::Ix;
use crate::core::message::{Content, EventList, EventRow, EventsView, action_text};
use crate::core::money::Sums;
use crate::core::reason::Reason;
use crate::core::status::Status;
use crate::core::step::Fold;
use crate::core::time::{Span, Ts};
use crate::core::world::{Agent, Column, Deed, LogLine, Scope, Session, Task, World};

/// Rows without a wish.
const ROWS: usize = 15;
/// The most rows of a list, and those of a timeline.
const MOST_ROWS: usize = 40;
/// Lines of a session's log that a timeline tells: what moved the work, and not each call.
const TOLD: [&str; 5] = ["step.started", "step.ended", "handoff", "message", "deployment"];

/// What a list is about.
#[derive(Clone, Copy)]
enum About {
    Everything,
    Agent(Ix<Agent>),
    Session(Ix<Session>),
    Task(Ix<Task>),
}

/// Where a row comes from: rows are made only of those that are shown.
enum Source<'a> {
    Began(&'a Session),
    Ended(&'a Session),
    Created(&'a Task),
    /// With what was used for it, as far as that may be seen.
    Over(&'a Task, Sums),
    /// With the agent that it is about, if that may be seen.
    Fired(&'a Alert, Option<Ix<Agent>>),
    Cleared(&'a Alert, Option<Ix<Agent>>),
    Asked(&'a Approval),
    Decided(&'a Approval),
    Deed(&'a Deed),
    Line(&'a Session, LogLine),
}

type Dated<'a> = (Ts, Source<'a>);

/// `/events [LINES]`
pub fn events(f: &Fold<'_>, call: &Call) -> Outcome {
    let sources = gather(f, call, About::Everything);
    let (rows, more) = last(f.w, sources, lines(call));
    let rows = rows.into_iter().rev().collect();
    answer(Content::Events(EventsView { list: EventList::Events, about: None, rows, more, at: f.at }))
}

/// `/timeline TASK|AGENT|SESSION`
pub fn timeline(f: &Fold<'_>, call: &Call) -> Outcome {
    let (about, label) = named(f.w, call)?;
    about.check(f.w, call)?;
    let sources = gather(f, call, about);
    let (rows, more) = last(f.w, sources, MOST_ROWS);
    answer(Content::Events(EventsView { list: EventList::Timeline, about: Some(label), rows, more, at: f.at }))
}

/// `/audit [NAME|WORD] [LINES]`
pub fn audit(f: &Fold<'_>, call: &Call) -> Outcome {
    let word = call.line.words.iter().find(|word| word.parse::<usize>().is_err());
    let (rows, more) = last(f.w, deeds_with(f.w, word), lines(call));
    let about = word.map(|word| ("word".to_owned(), word.clone()));
    let rows = rows.into_iter().rev().collect();
    answer(Content::Events(EventsView { list: EventList::Audit, about, rows, more, at: f.at }))
}

/// Everything that the World remembers, as far as whoever asks may see it, oldest first.
pub(super) fn everything(f: &Fold<'_>, call: &Call) -> Vec<EventRow> {
    last(f.w, gather(f, call, About::Everything), usize::MAX).0
}

/// What people and sereno did, oldest first; what has a word in it, when there is one.
pub(super) fn deeds(w: &World, word: Option<&String>) -> Vec<EventRow> {
    last(w, deeds_with(w, word), usize::MAX).0
}

fn deeds_with<'a>(w: &'a World, word: Option<&String>) -> Vec<Dated<'a>> {
    let wanted = word.map(|word| word.to_lowercase());
    let fits = |deed: &&Deed| {
        let has = |text: &str| wanted.as_ref().is_none_or(|wanted| text.to_lowercase().contains(wanted));
        has(&deed.by) || has(&deed.what) || has(&deed.about)
    };
    w.deeds.iter().filter(fits).map(|deed| (deed.at, Source::Deed(deed))).collect()
}

fn lines(call: &Call) -> usize {
    call.line.words.iter().find_map(|word| word.parse().ok()).unwrap_or(ROWS).clamp(1, MOST_ROWS)
}

/// A task, an agent or a session, in this order; a key says which is meant.
fn named(w: &World, call: &Call) -> Result<(About, (String, String)), Reason> {
    let key = |name: &str| call.line.key(name);
    let task = |ix: Ix<Task>| (About::Task(ix), ("task".to_owned(), w.tasks[ix].id.clone()));
    let agent = |ix: Ix<Agent>| (About::Agent(ix), ("agent".to_owned(), w.agents[ix].name.clone()));
    let session = |ix: Ix<Session>| (About::Session(ix), ("session".to_owned(), w.sessions[ix].short()));
    if let Some(name) = key("task") {
        return w.task_named(name).map(task);
    }
    if let Some(name) = key("agent") {
        return w.agent_named(name).map(agent);
    }
    if let Some(name) = key("session") {
        return w.session_named(name).map(session);
    }
    let name = needed(call)?;
    if let Some(short) = name.strip_prefix('#') {
        return w.session_named(short).map(session);
    }
    let of_task = w.task_named(name).map(task);
    of_task.or_else(|reason| {
        w.agent_named(name).map(agent).or_else(|_| w.session_named(name).map(session)).or(Err(reason))
    })
}

/// Everything that is about something, as far as whoever asks may see it.
fn gather<'a>(f: &'a Fold<'_>, call: &Call, about: About) -> Vec<Dated<'a>> {
    let (w, mut all) = (&*f.w, Vec::new());
    let may = |agent: Ix<Agent>| call.who.may(w, agent);
    let sessions = w.sessions.iter().filter(|(ix, session)| about.covers(*ix, session));
    for (_, session) in sessions.filter(|(_, session)| may(session.agent)) {
        all.push((session.started, Source::Began(session)));
        all.extend(session.ended.map(|ended| (ended, Source::Ended(session))));
        if !matches!(about, About::Everything) {
            let told =
                session.lines.last(usize::MAX).filter(|line| TOLD.iter().any(|kind| line.text.starts_with(kind)));
            all.extend(told.map(|line| (line.at, Source::Line(session, line))));
        }
    }
    let tasks = w.tasks.iter().filter(|(ix, _)| about.is_task(*ix));
    for (_, task) in tasks.filter(|(ix, _)| sees_task(f, call, *ix)) {
        all.push((task.created, Source::Created(task)));
        all.extend(task.ended.map(|ended| (ended, Source::Over(task, task_sums(w, call, task)))));
    }
    let alerts = w.alerts.values().filter(|alert| about.concerns(w, alert));
    for alert in alerts.filter(|alert| sees_alert(f, call, alert)) {
        let agent = agent_of_alert(w, call, alert);
        all.extend(alert.fired.map(|fired| (fired, Source::Fired(alert, agent))));
        all.extend(alert.resolved.filter(|_| alert.fired.is_some()).map(|over| (over, Source::Cleared(alert, agent))));
    }
    for approval in w.approvals.values().filter(|approval| about.asked(approval) && may(approval.agent)) {
        all.push((approval.asked, Source::Asked(approval)));
        all.extend(approval.decided.as_ref().map(|decided| (decided.at, Source::Decided(approval))));
    }
    // Decisions stand with their approvals.
    let deeds = w.deeds.iter().filter(|deed| !deed.what.starts_with("approval.") && about.touched(w, deed));
    let deeds = deeds.filter(|deed| agent_of(w, deed).map_or(call.who.is_unbounded(), may));
    all.extend(deeds.map(|deed| (deed.at, Source::Deed(deed))));
    all
}

/// The agent to which something was done; a deed names it by `runtime/identity`.
fn agent_of(w: &World, deed: &Deed) -> Option<Ix<Agent>> {
    let (runtime, id) = deed.about.strip_prefix("agent:")?.split_once('/')?;
    w.agent(runtime, id)
}

impl About {
    /// Checks that whoever asks may see it.
    fn check(self, w: &World, call: &Call) -> Result<(), Reason> {
        match self {
            Self::Everything => Ok(()),
            Self::Agent(agent) => call.who.check_all(w, &[agent]),
            Self::Session(session) => call.who.check_all(w, &[w.sessions[session].agent]),
            Self::Task(task) => check_task(w, call, task),
        }
    }

    fn covers(self, ix: Ix<Session>, session: &Session) -> bool {
        match self {
            Self::Everything => true,
            Self::Agent(agent) => session.agent == agent,
            Self::Session(wanted) => ix == wanted,
            Self::Task(task) => session.task == Some(task),
        }
    }

    fn is_task(self, ix: Ix<Task>) -> bool {
        matches!(self, Self::Everything) || matches!(self, Self::Task(task) if task == ix)
    }

    fn concerns(self, w: &World, alert: &Alert) -> bool {
        match (self, alert.scope) {
            (Self::Everything, _) => true,
            (Self::Agent(agent), _) => alert.agent == Some(agent),
            (Self::Session(wanted), Scope::Session(ix)) => ix == wanted,
            (Self::Task(task), Scope::Task(ix)) => ix == task,
            (Self::Task(task), _) => {
                alert.agent.is_some_and(|agent| w.tasks[task].agents.iter().any(|(have, _)| *have == agent))
                    && alert.since >= w.tasks[task].began()
                    && w.tasks[task].ended.is_none_or(|ended| alert.since <= ended)
            }
            _ => false,
        }
    }

    fn asked(self, approval: &Approval) -> bool {
        match self {
            Self::Everything => true,
            Self::Agent(agent) => approval.agent == agent,
            Self::Session(session) => approval.session == Some(session),
            Self::Task(task) => approval.task == Some(task),
        }
    }

    /// Whether a deed was done to it.
    fn touched(self, w: &World, deed: &Deed) -> bool {
        let to = |agent: Ix<Agent>| agent_of(w, deed) == Some(agent);
        match self {
            Self::Everything => true,
            Self::Agent(agent) => to(agent),
            Self::Session(session) => to(w.sessions[session].agent) && deed.at >= w.sessions[session].started,
            Self::Task(task) => {
                let task = &w.tasks[task];
                deed.at >= task.began() && task.agents.iter().any(|(agent, _)| to(*agent))
            }
        }
    }
}

/// The last rows, oldest first, and how many there are before them.
fn last(w: &World, mut sources: Vec<Dated<'_>>, count: usize) -> (Vec<EventRow>, usize) {
    // Stable: what happened at one instant stays in the order in which it was gathered.
    sources.sort_by_key(|(at, _)| *at);
    let more = sources.len().saturating_sub(count);
    (sources.drain(more..).map(|(at, source)| source.row(w, at)).collect(), more)
}

impl Source<'_> {
    fn row(self, w: &World, at: Ts) -> EventRow {
        match self {
            Self::Began(session) => EventRow {
                who: name_of(w, session.agent),
                what: session.task.and_then(|ix| w.tasks.get(ix)).map(|task| task.id.clone()),
                ..row(at, "session_began")
            },
            Self::Ended(session) => EventRow {
                who: name_of(w, session.agent),
                what: session.fault.as_ref().map(|fault| fault.kind.clone()),
                cost: Some(session.sums.cost).filter(|_| session.sums.calls > 0),
                took: Some(session.ended.unwrap_or(at).since(session.started)),
                ..row(at, if session.status == Status::Error { "session_failed" } else { "session_ended" })
            },
            Self::Created(task) => {
                EventRow { who: Some(task.id.clone()), what: task.title.clone(), ..row(at, "task_created") }
            }
            Self::Over(task, sums) => EventRow {
                who: Some(task.id.clone()),
                what: task.note.clone(),
                cost: Some(sums.cost).filter(|_| sums.calls > 0),
                took: Some(task.ended.unwrap_or(at).since(task.began())),
                ..row(at, if task.column == Column::Failed { "task_failed" } else { "task_done" })
            },
            Self::Fired(alert, agent) => of_alert(w, alert, agent, row(at, "alert_fired")),
            Self::Cleared(alert, agent) => {
                let took = Some(at.since(alert.fired.unwrap_or(at)));
                of_alert(w, alert, agent, EventRow { took, ..row(at, "alert_over") })
            }
            Self::Asked(approval) => EventRow {
                who: name_of(w, approval.agent),
                what: Some(action_text(&approval.action).0),
                ..row(at, "approval_asked")
            },
            Self::Decided(approval) => decided(w, approval, at),
            Self::Deed(deed) => of_deed(w, deed),
            Self::Line(session, line) => {
                let (kind, what) = line.text.split_once(' ').unwrap_or((&line.text, ""));
                let what = what.trim_start_matches(['·', ' ']);
                EventRow {
                    who: name_of(w, session.agent),
                    what: Some(what.to_owned()).filter(|what| !what.is_empty()),
                    ..row(at, &kind.replace('.', "_"))
                }
            }
        }
    }
}

fn row(at: Ts, kind: &str) -> EventRow {
    EventRow { at, kind: kind.to_owned(), ..EventRow::default() }
}

fn name_of(w: &World, agent: Ix<Agent>) -> Option<String> {
    w.agents.get(agent).map(|agent| agent.name.clone())
}

fn of_alert(w: &World, alert: &Alert, agent: Option<Ix<Agent>>, row: EventRow) -> EventRow {
    EventRow {
        who: agent.and_then(|agent| name_of(w, agent)),
        what: Some(format!("{} {}", alert.code(), alert.rule)),
        severity: Some(alert.severity),
        ..row
    }
}

fn decided(w: &World, approval: &Approval, at: Ts) -> EventRow {
    let how = approval.decided.as_ref();
    let waited: Span = at.since(approval.asked);
    EventRow {
        who: name_of(w, approval.agent),
        what: how.and_then(|how| how.note.clone()).or_else(|| Some(action_text(&approval.action).0)),
        by: how.and_then(|how| how.by.clone()),
        took: Some(waited),
        ..row(at, &format!("approval_{}", approval.state.as_str()))
    }
}

/// What a deed was done to, in the words that people know it by.
fn of_deed(w: &World, deed: &Deed) -> EventRow {
    // What has no name, such as the configuration, is told by what was done.
    let (thing, name) = deed.about.split_once(':').unwrap_or_default();
    let number = || name.parse::<u64>().ok();
    let who = match thing {
        "approval" => number().and_then(|n| w.approvals.get(&n)).map(|approval| approval.code.clone()),
        "alert" => number().and_then(|n| w.alerts.get(&n)).map(|alert| alert.code()),
        "grant" => Some(format!("G{name}")),
        "agent" => agent_of(w, deed).and_then(|agent| name_of(w, agent)),
        _ => None,
    };
    EventRow {
        who: Some(who.unwrap_or_else(|| name.to_owned())).filter(|who| *who != deed.by && !who.is_empty()),
        what: deed.note.clone(),
        by: Some(deed.by.clone()),
        ..row(deed.at, &deed.what.replace('.', "_"))
    }
}
