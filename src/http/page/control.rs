//! What can be asked of what is selected: the commands that its runtime carries out and the visitor may use there.
//!
//! A control is a line of the command line, written beforehand. Whether it may be said is decided when it is said;
//! here only what would be refused anyway is not offered.

use serde::Serialize;

use super::super::Shared;
use super::session::Visitor;
use crate::core::access::{Rights, Ruling, Target};
use crate::core::command::{CATALOGUE, Confirm, quoted};
use crate::core::message::{AgentRow, AgentView, AlertView, SessionView};
use crate::core::status::Status;

/// The word by which a destructive command is confirmed; whoever taps is asked before it is said.
const YES: &str = "yes";

/// Something that can be asked.
#[derive(Debug, Serialize)]
pub struct Control {
    /// The command.
    verb: &'static str,
    /// The line that is said, or with which the command line begins.
    line: String,
    /// It is asked back before it is said.
    confirm: bool,
    /// Words are asked for, and added.
    words: bool,
    /// The rest of the line is typed.
    typed: bool,
    /// Its thing, where there are several.
    about: Option<String>,
}

fn control(verb: &'static str, line: String) -> Control {
    Control { verb, line, confirm: false, words: false, typed: false, about: None }
}

/// Whether a command may be used on an agent.
fn may(rights: Option<&Rights>, command: &str, target: &Target<'_>) -> bool {
    rights.zip(CATALOGUE.find(command)).is_some_and(|(rights, spec)| rights.on(spec, target) == Ruling::Allowed)
}

/// What can be asked of an agent now.
pub fn of_agent(door: &Shared, visitor: &Visitor, view: &AgentView) -> Vec<Control> {
    let policy = door.progress.policy.borrow().clone();
    let rights = policy.rights_of(&visitor.person);
    let row = &view.row;
    let target = policy.target(&row.who.runtime, &row.who.id, &row.tags);
    let can = |verb: &&str| view.can.iter().any(|able| able == verb) && may(rights.as_ref(), verb, &target);
    ["resume", "pause", "tell", "spawn", "reassign", "kill"]
        .into_iter()
        .filter(can)
        .filter_map(|verb| asked(verb, row))
        .collect()
}

/// A verb as it is asked of an agent; none when there is nothing of that to do.
fn asked(verb: &'static str, row: &AgentRow) -> Option<Control> {
    let held = row.paused.is_some() || row.status == Status::Paused;
    let over = row.status == Status::Completed;
    let name = quoted(&format!("{}/{}", row.who.runtime, row.who.id));
    let fits = match verb {
        "resume" => held || row.status == Status::Stopped,
        "pause" => !held && !over && row.status != Status::Stopped,
        "reassign" => row.task.is_some(),
        "spawn" => true,
        _ => !over,
    };
    let confirm = CATALOGUE.find(verb).is_some_and(|spec| spec.confirm == Confirm::Always);
    let line = match (&row.task, verb) {
        (Some(task), "reassign") => format!("/reassign {} to:", quoted(&task.id)),
        _ if confirm => format!("/{verb} {name} {YES}"),
        _ => format!("/{verb} {name}"),
    };
    let (words, typed) = (matches!(verb, "tell" | "spawn"), verb == "reassign");
    fits.then(|| Control { confirm, words, typed, ..control(verb, line) })
}

/// What can be done about an alert, of which `agent` is known.
pub fn of_alert(door: &Shared, visitor: &Visitor, view: &AlertView, agent: Option<&AgentView>) -> Vec<Control> {
    let policy = door.progress.policy.borrow().clone();
    let Some(rights) = policy.rights_of(&visitor.person) else { return Vec::new() };
    let allowed = |verb: &&str| match agent.map(|agent| &agent.row) {
        Some(row) => may(Some(&rights), verb, &policy.target(&row.who.runtime, &row.who.id, &row.tags)),
        None => CATALOGUE.find(verb).is_some_and(|spec| rights.somewhere(spec)),
    };
    let open: &[&'static str] = match view.state.as_str() {
        "firing" => &["ack", "resolve"],
        "acked" => &["resolve"],
        _ => &[],
    };
    open.iter().copied().filter(allowed).map(|verb| control(verb, format!("/{verb} {}", view.code))).collect()
}

/// What can be taken back of what was approved for a session without asking again.
pub fn revoking(door: &Shared, visitor: &Visitor, view: &SessionView) -> Vec<Control> {
    let policy = door.progress.policy.borrow().clone();
    let rights = policy.rights_of(&visitor.person);
    let allowed = CATALOGUE.find("revoke").zip(rights).is_some_and(|(spec, rights)| rights.somewhere(spec));
    let grants = view.grants.iter().filter(|_| allowed);
    grants
        .map(|(name, ..)| Control { about: Some(name.clone()), ..control("revoke", format!("/revoke {name}")) })
        .collect()
}
