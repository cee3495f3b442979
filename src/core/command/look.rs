//! Commands that only look: lists, details and sums from the World.

mod budget;
mod cost;
mod digest;
mod export;
mod health;
mod history;
mod period;
mod settings;

use super::catalogue::CATALOGUE;
use super::{Answer, Call};
use crate::core::access::Actor;
use crate::core::alert::Alert;
use crate::core::approval::Approval;
use crate::core::arena::Ix;
use crate::core::message::{
    AgentView, AgentsView, AlertView, AlertsView, ApprovalsView, Content, Counts, HelpView, LogsView, SessionView,
    SessionsView, StatusView, TaskRow, TaskView, TasksView, WhoamiView, WhyView,
};
use crate::core::money::Sums;
use crate::core::reason::Reason;
use crate::core::status::Status;
use crate::core::step::Fold;
use crate::core::world::{Agent, Column, Session, Task, World};

pub(super) use budget::budget;
pub(super) use cost::cost;
pub(super) use digest::digest;
pub(super) use export::export;
pub(super) use health::{errors, health};
pub(super) use history::{audit, events, timeline};
pub(super) use settings::settings;

/// The most rows of a list that is read on a phone.
const MAX_ROWS: usize = 15;

type Outcome = Result<Answer, Reason>;

#[expect(clippy::unnecessary_wraps, reason = "every look ends with it, and a look can fail")]
fn answer(content: Content) -> Outcome {
    Ok(Answer::Content(content))
}

impl World {
    /// How many agents are in each state that occurs.
    pub fn counts(&self) -> Counts {
        self.counts_of(|_| true)
    }

    fn counts_of(&self, meant: impl Fn(Ix<Agent>) -> bool) -> Counts {
        let agents = || self.agents.iter().filter(|(ix, _)| meant(*ix));
        Status::ALL
            .into_iter()
            .map(|status| (status, agents().filter(|(_, a)| a.status() == status).count()))
            .filter(|(_, count)| *count > 0)
            .map(|(status, count)| (status, u32::try_from(count).unwrap_or(u32::MAX)))
            .collect()
    }
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

pub(super) fn status(f: &Fold<'_>, call: &Call) -> Outcome {
    let w = &*f.w;
    let (mine, bounded) = (|ix: Ix<Agent>| call.who.may(w, ix), !call.who.is_unbounded());
    let feeds = w.policy.runtimes.keys().map(|runtime| {
        let of_it = w.agents.iter().filter(|(ix, a)| a.runtime == *runtime && mine(*ix));
        (runtime.clone(), of_it.map(|(_, a)| a.last_seen).max())
    });
    let feeds = feeds.filter(|(_, last)| !bounded || last.is_some());
    // Whoever sees a part is not told where others are.
    let broken = w.copies.values().filter(|c| !bounded || c.to.person.as_ref() == Some(&call.who.person));
    let broken = broken.filter_map(|c| Some((c.to.label(), c.dead.clone()?)));
    let mut broken: Vec<(String, String)> = broken.collect();
    broken.sort();
    broken.dedup_by(|a, b| a.0 == b.0);
    answer(Content::Status(StatusView {
        counts: w.counts_of(mine),
        agents: number(w.agents.iter().filter(|(ix, _)| mine(*ix)).count()),
        alerts: number(w.alerts.values().filter(|a| a.is_open() && sees_alert(f, call, a)).count()),
        approvals: number(w.approvals.values().filter(|a| a.is_pending() && mine(a.agent)).count()),
        today: cost::today(f, call),
        tasks: number(w.tasks.iter().filter(|(ix, t)| t.column == Column::Running && sees_task(f, call, *ix)).count()),
        feeds: feeds.collect(),
        waiting: number(w.outstanding.values().filter(|o| !o.dead).count()),
        broken,
        unreachable: w
            .lines
            .iter()
            .filter(|(_, line)| line.is_broken())
            .map(|(name, line)| (name.clone(), line.since.unwrap_or(f.at), line.error.clone()))
            .collect(),
        unknown_events: w.counters.unknown_events,
        at: f.at,
    }))
}

/// Whether whoever asks may see a task: one of its agents is theirs to see.
fn sees_task(f: &Fold<'_>, call: &Call, task: Ix<Task>) -> bool {
    call.who.is_unbounded() || call.who.may_any(f.w, &f.w.working_on(task))
}

fn check_task(w: &World, call: &Call, task: Ix<Task>) -> Result<(), Reason> {
    if call.who.is_unbounded() { Ok(()) } else { call.who.check_any(w, &w.working_on(task)) }
}

/// A task, as far as whoever asks may see who works on it.
fn task_row(f: &Fold<'_>, call: &Call, task: Ix<Task>) -> Option<TaskRow> {
    let row = f.w.task_row(task, f.at)?;
    let may = |agent: &str| {
        let agent = agent.split_once('/').and_then(|(runtime, id)| f.w.agent(runtime, id));
        agent.is_some_and(|agent| call.who.may(f.w, agent))
    };
    if call.who.is_unbounded() { Some(row) } else { row.seen_by(may) }
}

/// What was used for a task by those whom whoever asks may see.
fn task_sums(w: &World, call: &Call, task: &Task) -> Sums {
    if call.who.is_unbounded() {
        return task.sums;
    }
    task.agents.iter().filter(|(agent, _)| call.who.may(w, *agent)).map(|(_, sums)| *sums).sum()
}

fn sees_alert(f: &Fold<'_>, call: &Call, alert: &Alert) -> bool {
    call.who.is_unbounded() || call.who.may_any(f.w, &f.w.concerned(alert))
}

/// The agent that an alert is about, if whoever asks may see it: an alert of a task is about one of several.
fn agent_of_alert(w: &World, call: &Call, alert: &Alert) -> Option<Ix<Agent>> {
    alert.agent.filter(|agent| call.who.may(w, *agent))
}

fn alert_view(w: &World, call: &Call, alert: &Alert) -> AlertView {
    let view = w.alert_view(alert);
    if agent_of_alert(w, call, alert) == alert.agent { view } else { view.without_agent() }
}

pub(super) fn dead(f: &Fold<'_>, _call: &Call) -> Outcome {
    answer(Content::Dead(f.dead_view()))
}

pub(super) fn agents(f: &Fold<'_>, call: &Call) -> Outcome {
    let w = &*f.w;
    let line = &call.line;
    let task = line.key("task").map(|name| w.task_named(name)).transpose()?;
    let wanted = line.key("status").or(line.word(0)).map(str::to_lowercase);
    let fits = |agent: &Agent| {
        line.key("runtime").is_none_or(|runtime| agent.runtime == runtime)
            && line.key("team").is_none_or(|team| agent.tags.iter().any(|tag| tag == team))
            && task.is_none_or(|task| agent.task == Some(task))
            && wanted
                .as_deref()
                .is_none_or(|word| agent.status().as_str() == word || agent.name.to_lowercase().contains(word))
    };
    let mine = w.agents.iter().filter(|(ix, agent)| fits(agent) && call.who.may(w, *ix));
    let mut rows: Vec<_> = mine.filter_map(|(ix, _)| w.agent_row(ix)).collect();
    rows.sort_by(|a, b| {
        (a.status, std::cmp::Reverse(a.last_seen), &a.who.name).cmp(&(
            b.status,
            std::cmp::Reverse(b.last_seen),
            &b.who.name,
        ))
    });
    let more = rows.len().saturating_sub(MAX_ROWS);
    rows.truncate(MAX_ROWS);
    answer(Content::Agents(AgentsView {
        counts: w.counts_of(|ix| call.who.may(w, ix)),
        rows,
        more,
        today: cost::today(f, call),
        filter: Some(line.raw.clone()).filter(|raw| !raw.is_empty()),
        at: f.at,
    }))
}

pub(super) fn agent(f: &Fold<'_>, call: &Call) -> Outcome {
    let ix = f.w.agent_named(needed(call)?)?;
    call.who.check_all(f.w, &[ix])?;
    let agent = &f.w.agents[ix];
    let row = f.w.agent_row(ix).ok_or(Reason::NothingToDo)?;
    let can = f.w.policy.runtimes.get(&agent.runtime);
    let mut sessions: Vec<_> =
        f.w.sessions.iter().filter(|(_, s)| s.agent == ix).filter_map(|(ix, _)| f.w.session_row(ix)).collect();
    sessions.sort_by_key(|s| std::cmp::Reverse(s.started));
    sessions.truncate(5);
    answer(Content::Agent(AgentView {
        row,
        sums: agent.sums,
        can: can.map(|r| r.can.iter().map(|v| v.as_str().to_owned()).collect()).unwrap_or_default(),
        gauges: agent.gauges.clone(),
        sessions,
        at: f.at,
    }))
}

pub(super) fn sessions(f: &Fold<'_>, call: &Call) -> Outcome {
    let line = &call.line;
    let agent = line.key("agent").or(line.word(0)).map(|name| f.w.agent_named(name)).transpose()?;
    let task = line.key("task").map(|name| f.w.task_named(name)).transpose()?;
    let mut rows: Vec<_> =
        f.w.sessions
            .iter()
            .filter(|(_, s)| agent.is_none_or(|a| s.agent == a) && call.who.may(f.w, s.agent))
            .filter(|(_, s)| task.is_none_or(|t| s.task == Some(t)))
            .filter(|(_, s)| line.key("runtime").is_none_or(|r| s.runtime == r))
            .filter_map(|(ix, _)| f.w.session_row(ix))
            .collect();
    rows.sort_by(|a, b| {
        (a.ended.is_some(), std::cmp::Reverse(a.started), &a.id).cmp(&(
            b.ended.is_some(),
            std::cmp::Reverse(b.started),
            &b.id,
        ))
    });
    let more = rows.len().saturating_sub(MAX_ROWS);
    rows.truncate(MAX_ROWS);
    let filter = Some(line.raw.clone()).filter(|raw| !raw.is_empty());
    answer(Content::Sessions(SessionsView { rows, more, filter, at: f.at }))
}

pub(super) fn session(f: &Fold<'_>, call: &Call) -> Outcome {
    let ix = f.w.session_named(needed(call)?)?;
    let session = &f.w.sessions[ix];
    call.who.check_all(f.w, &[session.agent])?;
    let grants = session.grants.iter().map(|g| (format!("G{}", g.number), g.label.clone(), g.by.clone(), g.used));
    answer(Content::Session(SessionView {
        row: f.w.session_row(ix).ok_or(Reason::NothingToDo)?,
        grants: grants.collect(),
        tools: session.tool_runs.iter().cloned().collect(),
        progress: session.progress,
        fault: session.fault.as_deref().map(World::fault_view),
        at: f.at,
    }))
}

pub(super) fn tasks(f: &Fold<'_>, call: &Call) -> Outcome {
    let w = &*f.w;
    let mine: Vec<(Ix<Task>, Column)> =
        w.tasks.iter().filter(|(ix, _)| sees_task(f, call, *ix)).map(|(ix, task)| (ix, task.column)).collect();
    let counts = Column::ALL
        .into_iter()
        .map(|column| (column, number(mine.iter().filter(|(_, theirs)| *theirs == column).count())));
    let mut rows: Vec<_> = mine.iter().filter_map(|(ix, _)| task_row(f, call, *ix)).collect();
    rows.sort_by(|a, b| {
        (a.column.is_final(), std::cmp::Reverse(a.created), &a.label.id).cmp(&(
            b.column.is_final(),
            std::cmp::Reverse(b.created),
            &b.label.id,
        ))
    });
    let more = rows.len().saturating_sub(MAX_ROWS);
    rows.truncate(MAX_ROWS);
    answer(Content::Tasks(TasksView { counts: counts.filter(|(_, n)| *n > 0).collect(), rows, more, at: f.at }))
}

pub(super) fn task(f: &Fold<'_>, call: &Call) -> Outcome {
    let ix = f.w.task_named(needed(call)?)?;
    check_task(f.w, call, ix)?;
    let task = &f.w.tasks[ix];
    let theirs = |s: &&Ix<Session>| f.w.sessions.get(**s).is_some_and(|s| call.who.may(f.w, s.agent));
    let mut sessions: Vec<_> = task.sessions.iter().filter(theirs).filter_map(|s| f.w.session_row(*s)).collect();
    sessions.truncate(MAX_ROWS);
    let agents: Vec<_> = task.agents.iter().filter(|(agent, _)| call.who.may(f.w, *agent)).copied().collect();
    answer(Content::Task(TaskView {
        row: task_row(f, call, ix).ok_or(Reason::NothingToDo)?,
        agents: f.w.cents_by_agent(&agents),
        sessions,
        families: task.families.clone(),
        note: task.note.clone(),
        at: f.at,
    }))
}

pub(super) fn alerts(f: &Fold<'_>, call: &Call) -> Outcome {
    let mine = || f.w.alerts.values().filter(|alert| sees_alert(f, call, alert));
    let mut open: Vec<_> = mine().filter(|a| a.is_open()).collect();
    open.sort_by_key(|a| (a.severity, std::cmp::Reverse(a.number)));
    let over = mine().rev().filter(|a| a.fired.is_some() && !a.is_open()).take(5);
    let rows = open.into_iter().take(MAX_ROWS).chain(over).map(|a| alert_view(f.w, call, a)).collect();
    answer(Content::Alerts(AlertsView { rows, at: f.at }))
}

pub(super) fn approvals(f: &Fold<'_>, call: &Call) -> Outcome {
    let mine = || f.w.approvals.values().filter(|approval| call.who.may(f.w, approval.agent));
    let mut pending: Vec<&Approval> = mine().filter(|a| a.is_pending()).collect();
    pending.sort_by_key(|a| (a.expires, a.number));
    let recent = mine().rev().filter(|a| !a.is_pending()).take(5);
    let live = f.w.sessions.iter().filter(|(_, s)| s.ended.is_none() && call.who.may(f.w, s.agent));
    let grants = live.flat_map(|(_, s)| {
        let name = f.w.agents.get(s.agent).map(|a| a.name.clone()).unwrap_or_default();
        s.grants.iter().map(move |g| (format!("G{}", g.number), name.clone(), g.label.clone(), g.by.clone()))
    });
    answer(Content::Approvals(ApprovalsView {
        pending: pending.into_iter().take(MAX_ROWS).map(|a| f.w.approval_view(a)).collect(),
        recent: recent.map(|a| f.w.approval_view(a)).collect(),
        grants: grants.take(MAX_ROWS).collect(),
        at: f.at,
    }))
}

pub(super) fn why(f: &Fold<'_>, call: &Call) -> Outcome {
    let name = needed(call)?;
    if let Some(approval) = f.w.approval_by_code(name) {
        call.who.check_all(f.w, &[approval.agent])?;
        let (subject, steps) = (approval.code.clone(), approval.trail.0.clone());
        return answer(Content::Why(WhyView { subject, values: Vec::new(), condition: None, steps }));
    }
    let alert = f.w.alert_named(Some(name))?;
    if !call.who.is_unbounded() {
        call.who.check_any(f.w, &f.w.concerned(alert))?;
    }
    let condition = f.w.rules.find(&alert.rule).map(|(_, rule)| rule.spec.when.clone());
    answer(Content::Why(WhyView {
        subject: alert.code(),
        values: alert.values.clone(),
        condition,
        steps: alert.trail.0.clone(),
    }))
}

pub(super) fn logs(f: &Fold<'_>, call: &Call) -> Outcome {
    let ix = f.w.session_named(needed(call)?)?;
    let wanted = call.line.word(1).and_then(|n| n.parse().ok()).unwrap_or(20_usize).clamp(1, 40);
    let session = &f.w.sessions[ix];
    call.who.check_all(f.w, &[session.agent])?;
    answer(Content::Logs(LogsView {
        agent: f.w.agents.get(session.agent).map(|a| f.w.who(a)).unwrap_or_default(),
        session: session.short(),
        lines: session.lines.last(wanted).collect(),
        at: f.at,
    }))
}

pub(super) fn whoami(f: &Fold<'_>, call: &Call) -> Outcome {
    let known = f.w.policy.people.get(&call.who.person);
    let may = CATALOGUE.listed().filter(|spec| call.who.may_use(spec));
    let about = known.and_then(|person| {
        let kind = f.w.policy.channels.get(&call.who.channel)?.kind.clone();
        Some((kind.clone(), person.accounts.get(&kind).cloned(), person))
    });
    let account = about.as_ref().and_then(|(_, account, _)| account.clone());
    answer(Content::Whoami(WhoamiView {
        channel: about.as_ref().map_or_else(|| call.who.channel.clone(), |(kind, ..)| kind.clone()),
        account: account.unwrap_or_else(|| call.who.person.clone()),
        person: about.map(|(_, _, p)| (call.who.person.clone(), p.role, p.lang.as_str().to_owned(), p.tz.clone())),
        may: may.map(|spec| spec.name.clone()).collect(),
    }))
}

/// An account that nobody in the configuration has: it gets to know its own identifier, nothing else.
pub(super) fn stranger(f: &Fold<'_>, actor: &Actor, reason: Reason) -> Outcome {
    let Some(channel) = f.w.policy.channels.get(&actor.channel) else { return Err(reason) };
    answer(Content::Whoami(WhoamiView {
        channel: channel.kind.clone(),
        account: actor.account.clone(),
        person: None,
        may: Vec::new(),
    }))
}

pub(super) fn help(_f: &Fold<'_>, call: &Call) -> Outcome {
    let word = call.line.word(0).map(|w| w.trim_start_matches('/').to_lowercase());
    let Some(word) = word else {
        let may = CATALOGUE.listed().filter(|spec| call.who.may_use(spec));
        let commands = may.map(|spec| spec.name.clone()).collect();
        return answer(Content::Help(HelpView { commands, detail: false }));
    };
    let (spec, _) = super::parse::read(&word)?;
    answer(Content::Help(HelpView { commands: vec![spec.name.clone()], detail: true }))
}

fn needed(call: &Call) -> Result<&str, Reason> {
    call.line.word(0).ok_or_else(|| Reason::MissingArgument {
        command: call.spec.name.clone(),
        argument: call.spec.args.first().map(|a| a.name.clone()).unwrap_or_default(),
    })
}
