//! Commands that change something: decisions, alerts, control.

use serde_json::json;

use super::catalogue::Confirm;
use super::parse::after_words;
use super::{Answer, Call};
use crate::core::alert::Alert;
use crate::core::approval::{Approval, ApprovalState, Reach, Wish};
use crate::core::arena::Ix;
use crate::core::control::{ControlState, Order, receipt};
use crate::core::delivery::{Class, Draft, RowState, Subject, Which};
use crate::core::message::{Button, ButtonStyle, Content, ControlTarget, ControlView};
use crate::core::policy::Verb;
use crate::core::reason::Reason;
use crate::core::step::Fold;
use crate::core::text;
use crate::core::time::Span;
use crate::core::world::Agent;

/// The longest text that is passed on to an agent.
const MAX_TELL: usize = 4000;
/// The longest name of a model.
const MAX_MODEL: usize = 120;
/// The word that stands for every dead row.
const ALL: &str = "all";
/// The word by which a destructive command is confirmed.
const YES: &str = "yes";

type Outcome = Result<Answer, Reason>;

fn needed(call: &Call, place: usize) -> Result<&str, Reason> {
    call.line.word(place).ok_or_else(|| missing(call, place))
}

fn missing(call: &Call, place: usize) -> Reason {
    Reason::MissingArgument {
        command: call.spec.name.clone(),
        argument: call.spec.args.get(place).map(|a| a.name.clone()).unwrap_or_default(),
    }
}

fn approval<'a>(f: &'a Fold<'_>, call: &Call) -> Result<&'a Approval, Reason> {
    let code = needed(call, 0)?;
    let found = f.w.approval_by_code(code);
    let found =
        found.ok_or_else(|| Reason::NotFound { what: "approval".into(), name: code.to_owned(), nearest: None })?;
    call.who.check_all(f.w, &[found.agent])?;
    Ok(found)
}

pub(super) fn approve(f: &mut Fold<'_>, call: &Call) -> Outcome {
    let approval = approval(f, call)?;
    let number = approval.number;
    if let Some(from) = &call.from
        && approval.is_pending()
        && !f.w.has_read(approval, &from.channel, &from.target)
    {
        return Err(Reason::ReadFirst);
    }
    let says = |reach: Reach| call.line.words.iter().skip(1).any(|w| w.eq_ignore_ascii_case(reach.as_str()));
    let wish = Wish {
        approve: true,
        reach: [Reach::Session, Reach::Always].into_iter().find(|reach| says(*reach)).unwrap_or_default(),
        note: call.line.note.clone(),
        stop: false,
        digest: call.line.key("digest").map(str::to_owned),
    };
    f.decide(number, wish, &call.who)?;
    Ok(decided(ApprovalState::Approved))
}

pub(super) fn deny(f: &mut Fold<'_>, call: &Call) -> Outcome {
    let number = approval(f, call)?.number;
    let stop = call.line.word(1).is_some_and(|w| w.eq_ignore_ascii_case("stop"));
    // A button puts the digest right behind the code.
    let bound = after_words(&call.line.said, 1).starts_with("digest:");
    let rest = after_words(&call.line.said, 1 + usize::from(bound) + usize::from(stop)).to_owned();
    let note = call.line.note.clone().or(Some(rest)).filter(|n| !n.is_empty());
    let wish = Wish {
        approve: false,
        reach: Reach::Once,
        note: note.map(|n| text::clip(&n, 500)),
        stop,
        digest: call.line.key("digest").map(str::to_owned),
    };
    f.decide(number, wish, &call.who)?;
    Ok(decided(ApprovalState::Denied))
}

fn decided(state: ApprovalState) -> Answer {
    Answer::Done(Reason::Decided { outcome: state.as_str().to_owned() })
}

pub(super) fn show(f: &mut Fold<'_>, call: &Call) -> Outcome {
    let approval = approval(f, call)?;
    let (number, view) = (approval.number, f.w.approval_view(approval));
    match call.from.clone() {
        Some(from) => f.show_all(number, from).map(|()| Answer::Done(Reason::Done)),
        None => Ok(Answer::Content(Content::Approval(view))),
    }
}

pub(super) fn revoke(f: &mut Fold<'_>, call: &Call) -> Outcome {
    let name = needed(call, 0)?.to_owned();
    let number = name.trim_start_matches(['G', 'g']).parse().ok();
    let holder = number.and_then(|number| f.w.holder_of(number));
    if let Some(session) = holder {
        call.who.check_all(f.w, &[f.w.sessions[session].agent])?;
    }
    if number.is_some_and(|number| f.revoke(number, &call.who.person)) {
        return Ok(Answer::Done(Reason::Done));
    }
    Err(Reason::NotFound { what: "grant".into(), name, nearest: None })
}

/// The alert that a line names; without a name, the last open one of those that whoever says it may change.
fn alert<'a>(f: &'a Fold<'_>, call: &Call) -> Result<&'a Alert, Reason> {
    let name = call.line.word(0).filter(|name| !name.eq_ignore_ascii_case("last"));
    if name.is_none() && !call.who.is_unbounded() {
        let mine = |alert: &&Alert| alert.is_open() && call.who.check_all(f.w, &f.w.concerned(alert)).is_ok();
        return f.w.alerts.values().rev().map(Box::as_ref).find(mine).ok_or(Reason::NothingToDo);
    }
    let alert = f.w.alert_named(name)?;
    call.who.check_all(f.w, &f.w.concerned(alert))?;
    Ok(alert)
}

pub(super) fn ack(f: &mut Fold<'_>, call: &Call) -> Outcome {
    let alert = alert(f, call)?;
    let number = alert.number;
    if let Some((person, _)) = alert.acked.as_ref().filter(|_| alert.is_open()) {
        return Err(Reason::AckedBy { person: person.clone() });
    }
    if !alert.is_open() {
        return Err(Reason::AlreadySo { state: alert.state.as_str().into() });
    }
    f.ack(number, &call.who.person);
    f.audit(&call.who.person, "alert.acked", &format!("alert:{number}"), json!({ "via": call.who.channel }));
    Ok(Answer::Done(Reason::Done))
}

pub(super) fn resolve(f: &mut Fold<'_>, call: &Call) -> Outcome {
    let alert = alert(f, call)?;
    let number = alert.number;
    if !alert.is_open() {
        return Err(Reason::AlreadySo { state: alert.state.as_str().into() });
    }
    f.resolve_alert(number, &call.who.person);
    f.audit(&call.who.person, "alert.resolved", &format!("alert:{number}"), json!({ "via": call.who.channel }));
    Ok(Answer::Done(Reason::Done))
}

pub(super) fn pause(f: &mut Fold<'_>, call: &Call) -> Outcome {
    let agents = targets(f, call, Verb::Pause)?;
    if let [one] = agents.as_slice()
        && f.w.agents[*one].pause.is_some()
    {
        return Err(Reason::AlreadySo { state: "paused".into() });
    }
    let until = call.line.lasts.map(|span| f.at.plus(span));
    let answer = ask(f, call, &agents, &Order::Pause);
    for agent in agents {
        f.set_pause(agent, &call.who.person, until);
    }
    Ok(answer)
}

pub(super) fn resume(f: &mut Fold<'_>, call: &Call) -> Outcome {
    let mut agents = targets(f, call, Verb::Resume)?;
    agents.retain(|ix| {
        f.w.agents[*ix].pause.is_some() || f.w.agents[*ix].reported != crate::core::status::Status::Running
    });
    if agents.is_empty() {
        return Err(Reason::AlreadySo { state: "running".into() });
    }
    for agent in &agents {
        withdraw_pause(f, *agent);
    }
    Ok(ask(f, call, &agents, &Order::Resume))
}

/// A pause that has not reached its agent yet must not reach it after the resume.
fn withdraw_pause(f: &mut Fold<'_>, agent: Ix<Agent>) {
    let under_way: Vec<String> =
        f.w.controls
            .values()
            .filter(|c| c.agent == agent && c.order == Order::Pause)
            .filter(|c| matches!(c.state, ControlState::Asked | ControlState::Waiting))
            .map(|c| c.id.clone())
            .collect();
    for id in under_way {
        f.end_control(&id, ControlState::Expired, RowState::Dropped, receipt::TOO_LATE);
    }
}

pub(super) fn kill(f: &mut Fold<'_>, call: &Call) -> Outcome {
    let agents = targets(f, call, Verb::Kill)?;
    refuse_questions(f, call, &agents);
    Ok(ask(f, call, &agents, &Order::Kill))
}

/// An agent that waits for an answer hears nothing else: it is told no, and to stop.
fn refuse_questions(f: &mut Fold<'_>, call: &Call, agents: &[Ix<Agent>]) {
    let open = f.w.approvals.values().filter(|a| a.is_pending() && agents.contains(&a.agent));
    let open: Vec<u64> = open.map(|approval| approval.number).collect();
    for number in open {
        let wish = Wish { approve: false, reach: Reach::Once, note: None, stop: true, digest: None };
        // A runtime that takes no answers is stopped by the order alone.
        let _unable = f.decide(number, wish, &call.who);
    }
}

pub(super) fn tell(f: &mut Fold<'_>, call: &Call) -> Outcome {
    let named = needed(call, 0)?;
    let asked = f.w.approval_by_code(named).filter(|asked| asked.is_worded());
    let agent = asked.map_or_else(|| f.w.agent_named(named), |asked| Ok(asked.agent))?;
    call.who.check_all(f.w, &[agent])?;
    let words = after_words(&call.line.raw, 1);
    if words.trim().is_empty() {
        return Err(missing(call, 1));
    }
    able(f, &[agent], Verb::Tell)?;
    let text = text::clip(words, MAX_TELL);
    // Words for a question answer that one and no other; an agent that asks one has asked for these.
    let asked = asked.map_or_else(|| f.w.worded_question(agent), |asked| Ok(Some(asked)))?;
    let order = match asked {
        Some(asked) if !asked.is_pending() => return Err(asked.already()),
        Some(asked) => Order::Answer { question: asked.external.clone(), text },
        None => Order::Tell { text },
    };
    Ok(ask(f, call, &[agent], &order))
}

/// A task, or what an agent does, goes to another agent, or on with another model.
pub(super) fn reassign(f: &mut Fold<'_>, call: &Call) -> Outcome {
    let name = needed(call, 0)?;
    let (to, model) = (call.line.key("to"), call.line.key("model").map(|model| text::clip(model, MAX_MODEL)));
    if to.is_none() && model.is_none() {
        return Err(missing(call, 1));
    }
    let (from, task) = match f.w.task_named(name) {
        Ok(task) => {
            let task = &f.w.tasks[task];
            (task.agents.last().map(|(agent, _)| *agent).ok_or(Reason::NothingToDo)?, Some(task.id.clone()))
        }
        Err(refused) => {
            let agent = f.w.agent_named(name).map_err(|_| refused)?;
            let task = f.w.agents[agent].task.and_then(|ix| f.w.tasks.get(ix));
            (agent, task.map(|task| task.id.clone()))
        }
    };
    // To itself with a model means with that model.
    let to = to.map(|to| f.w.agent_named(to)).transpose()?.filter(|to| *to != from || model.is_none());
    let touched: Vec<Ix<Agent>> = std::iter::once(from).chain(to).collect();
    call.who.check_all(f.w, &touched)?;
    able(f, &[from], Verb::Reassign)?;
    if let Some(to) = to.filter(|to| f.w.agents[from].runtime != f.w.agents[*to].runtime) {
        return Err(f.w.cannot(&f.w.agents[to].runtime.clone(), Verb::Reassign));
    }
    let order = Order::Reassign { task, to: to.map(|to| f.w.agents[to].id.clone()), model };
    Ok(ask(f, call, &[from], &order))
}

/// A new run of an agent, beside those that there are.
pub(super) fn spawn(f: &mut Fold<'_>, call: &Call) -> Outcome {
    let agent = f.w.agent_named(needed(call, 0)?)?;
    call.who.check_all(f.w, &[agent])?;
    let model = call.line.key("model").map(|model| text::clip(model, MAX_MODEL));
    let words = after_words(&call.line.raw, 1);
    let words =
        model.as_ref().map_or(words, |model| words.trim_end().trim_end_matches(&format!("model:{model}")).trim());
    let words = words.strip_prefix('"').and_then(|words| words.strip_suffix('"')).unwrap_or(words);
    if words.trim().is_empty() {
        return Err(missing(call, 1));
    }
    able(f, &[agent], Verb::Spawn)?;
    Ok(ask(f, call, &[agent], &Order::Spawn { text: text::clip(words, MAX_TELL), model }))
}

pub(super) fn outbox(f: &mut Fold<'_>, call: &Call) -> Outcome {
    let (verb, id) = (needed(call, 0)?.to_owned(), needed(call, 1)?.to_owned());
    let bad = |argument: &str| Reason::BadArgument { command: call.spec.name.clone(), argument: argument.into() };
    let since = call.line.key("since").map(|span| Span::parse(span).map_err(|_| bad(span))).transpose()?;
    let which = Which {
        id: (id != ALL).then(|| id.clone()),
        via: call.line.key("via").map(str::to_owned),
        since: since.map(|span| f.at.minus(span)),
    };
    let note = call.line.note.clone();
    if verb == "drop" && note.is_none() {
        return Err(missing(call, 2));
    }
    let rows = f.dead_rows(&which);
    if rows.is_empty() {
        return Err(Reason::NotFound { what: "dead row".into(), name: id, nearest: None });
    }
    let mut done = Vec::new();
    for row in rows {
        match verb.as_str() {
            "retry" => match f.revive(&row) {
                Ok(()) => done.push(row),
                Err(reason) if id != ALL => return Err(reason),
                Err(_) => {}
            },
            "drop" => done.extend(f.drop_dead(&row).then_some(row)),
            _ => return Err(bad(&verb)),
        }
    }
    let count = u32::try_from(done.len()).unwrap_or(u32::MAX);
    f.audit(&call.who.person, &format!("outbox.{verb}"), &format!("outbox:{id}"), json!({ "rows": done, "why": note }));
    Ok(Answer::Done(if id == ALL { Reason::RowsDone { count } } else { Reason::Done }))
}

/// The agents that a control command is about, once it is allowed to touch them.
fn targets(f: &mut Fold<'_>, call: &Call, verb: Verb) -> Result<Vec<Ix<Agent>>, Reason> {
    if call.line.words.is_empty() && call.line.keys.is_empty() {
        return Err(missing(call, 0));
    }
    let agents = able(f, &within_reach(f, call, f.w.agents_named(&call.line)?)?, verb)?;
    let count = agents.len();
    if count > 1 && call.spec.confirm != Confirm::Never {
        let typed = call.line.words.iter().any(|w| w.parse() == Ok(count));
        if !typed {
            let retype = format!("/{} {} {count}", call.spec.name, call.line.raw);
            return Err(Reason::CountNeeded { count: u32::try_from(count).unwrap_or(u32::MAX), retype });
        }
    } else if call.spec.confirm == Confirm::Always && !call.line.words.iter().any(|w| w == YES) {
        return Err(ask_back(f, call, verb, agents[0]));
    }
    Ok(agents)
}

/// Those of `agents` that whoever asks may touch: `all` are all of theirs.
fn within_reach(f: &Fold<'_>, call: &Call, agents: Vec<Ix<Agent>>) -> Result<Vec<Ix<Agent>>, Reason> {
    let mine: Vec<Ix<Agent>> = agents.iter().copied().filter(|agent| call.who.may(f.w, *agent)).collect();
    if mine.is_empty() {
        call.who.check_all(f.w, &agents)?;
    }
    Ok(mine)
}

/// Those of `agents` whose runtime can do it.
fn able(f: &Fold<'_>, agents: &[Ix<Agent>], verb: Verb) -> Result<Vec<Ix<Agent>>, Reason> {
    let can = |ix: &&Ix<Agent>| f.w.policy.can(&f.w.agents[**ix].runtime, verb);
    let able: Vec<Ix<Agent>> = agents.iter().filter(can).copied().collect();
    match (able.is_empty(), agents.first()) {
        (true, Some(first)) => Err(f.w.cannot(&f.w.agents[*first].runtime, verb)),
        _ => Ok(able),
    }
}

/// Says what a destructive command will do, with a button that does it.
fn ask_back(f: &mut Fold<'_>, call: &Call, verb: Verb, agent: Ix<Agent>) -> Reason {
    let command = format!("{} {} {YES}", verb.as_str(), f.w.agent_handle(&f.w.agents[agent]));
    if let Some(from) = call.from.clone() {
        let target = target_of(f, agent, "planned");
        let view = view(f, call, verb, None, None, vec![target]);
        let draft = Draft {
            subject: Subject::Nothing,
            content: Content::Control(view),
            class: Class::Reply,
            severity: None,
            silent: true,
            buttons: vec![Button::new("do_it", command.clone(), ButtonStyle::Danger)],
            must_show: 0,
        };
        f.send(draft, vec![(from, None)]);
    }
    Reason::ConfirmNeeded { retype: format!("/{command}") }
}

/// Asks the runtimes, and shows what was asked on a card that becomes the receipt.
fn ask(f: &mut Fold<'_>, call: &Call, agents: &[Ix<Agent>], order: &Order) -> Answer {
    let mut ids = Vec::new();
    for agent in agents {
        let sessions = match order {
            // A new run belongs to no session that there is.
            Order::Spawn { .. } => vec![None],
            Order::Answer { question, .. } => vec![f.w.asked_in(*agent, question)],
            _ => f.w.live_sessions(*agent),
        };
        for session in sessions {
            ids.push(f.control_agent(*agent, session, order.clone(), &call.who.person));
        }
    }
    let words = match order {
        Order::Tell { text } | Order::Answer { text, .. } | Order::Spawn { text, .. } => Some(text.clone()),
        _ => None,
    };
    let reassign = match order {
        Order::Reassign { task, to, model } => {
            let what = task.clone().or_else(|| agents.first().map(|agent| f.w.agents[*agent].name.clone()));
            let whither: Vec<&str> = [to, model].into_iter().flatten().map(String::as_str).collect();
            Some((what.unwrap_or_default(), whither.join(" · ")))
        }
        _ => None,
    };
    let mut view = view(f, call, order.verb(), words, reassign, Vec::new());
    let Some(from) = call.from.clone() else {
        view.targets = agents.iter().map(|ix| target_of(f, *ix, "asked")).collect();
        return Answer::Content(Content::Control(view));
    };
    // The card shows the calls that name it, so it needs its number before it can show them.
    let number = f.w.counters.cards + 1;
    for id in &ids {
        if let Some(control) = f.w.controls.get_mut(id) {
            control.card = Some(number);
        }
    }
    view.targets = f.w.control_targets(number);
    let draft = Draft {
        subject: Subject::Control,
        content: Content::Control(view),
        class: Class::Reply,
        severity: None,
        silent: true,
        buttons: Vec::new(),
        must_show: 0,
    };
    f.send(draft, vec![(from, None)]);
    Answer::Done(Reason::Done)
}

fn view(
    f: &Fold<'_>,
    call: &Call,
    verb: Verb,
    words: Option<String>,
    reassign: Option<(String, String)>,
    targets: Vec<ControlTarget>,
) -> ControlView {
    ControlView {
        verb: verb.as_str().to_owned(),
        by: call.who.person.clone(),
        text: words,
        reassign,
        until: call.line.lasts.filter(|_| verb == Verb::Pause).map(|span| f.at.plus(span)),
        targets,
        at: f.at,
    }
}

fn target_of(f: &Fold<'_>, agent: Ix<Agent>, state: &str) -> ControlTarget {
    let about = &f.w.agents[agent];
    let session = about.session.and_then(|ix| f.w.sessions.get(ix));
    ControlTarget {
        who: f.w.who(about),
        session: session.map(crate::core::world::Session::short),
        state: state.to_owned(),
        note: None,
        pull: f.w.policy.runtimes.get(&about.runtime).is_some_and(|r| r.pull),
        can: Vec::new(),
    }
}
