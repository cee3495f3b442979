//! Questions of agents that words answer: what is asked, what can be chosen, and what was answered where.
//!
//! An answer is what a person tells the agent while it waits for one; a no declines to answer, and the agent goes on as
//! it thinks best. What asks for a secret is left to the gateway's own page: no secret belongs into a chat.

use serde_json::{Map, Value, json};

use super::decode::{event, words};
use super::memory::Memory;
use super::wire::{Refusal, at};
use crate::core::control::{ControlResult, receipt};
use crate::core::event::{Action, Ask, Event, EventKind};
use crate::core::time::Ts;

/// What tells questions from approvals among the identities of what is open.
const QUESTION: &str = "question:";
/// What stands between the answers to questions that are asked together.
const BETWEEN: char = ';';
/// How the gateway calls a question that was answered.
const ANSWERED: &str = "answered";

/// The gateway's identity of a question; nothing for an approval.
pub fn id_of(open: &str) -> Option<&str> {
    open.strip_prefix(QUESTION)
}

/// How a question is called among what is open.
pub fn open_id(id: &str) -> String {
    format!("{QUESTION}{id}")
}

/// Whether a question asks for something that may stand in a chat.
pub fn is_plain(record: &Value) -> bool {
    parts(record).all(|part| part["isSecret"] != true && part["secretStore"].is_null())
}

/// `question.requested`, and the entries of the list.
pub fn requested(record: &Value, memory: &mut Memory) -> Vec<Event> {
    let Some(id) = record["id"].as_str().filter(|_| is_plain(record)) else { return Vec::new() };
    let time = at(&record["createdAtMs"]);
    let action =
        Action { tool: "ask_user".into(), input: json!({ "question": text(record) }), cwd: None, target: None };
    let ask = Ask {
        action: Some(action),
        expires_at: at(&record["expiresAtMs"]),
        decisions: vec![Ask::ANSWER.to_owned(), Ask::DENY.to_owned()],
        ..Ask::of(&open_id(id))
    };
    let kind = EventKind::ApprovalRequested;
    let asked = Event { approval: Some(ask), ..event(kind, record, format!("question/{id}/asked"), time) };
    if let (Some(agent), Some(session), Some(time)) = (&asked.agent, &asked.session, time) {
        memory.saw(&agent.id, &session.id, time);
    }
    vec![asked]
}

/// `question.resolved`, and a question as `question.get` describes it; nothing while it is open.
pub fn ended(record: &Value, time: Option<Ts>) -> Option<Event> {
    let (id, status) = (record["id"].as_str()?, record["status"].as_str()?);
    let (kind, outcome) = match status {
        "pending" => return None,
        ANSWERED => (EventKind::ApprovalResolved, Ask::APPROVED),
        "expired" => (EventKind::ApprovalResolved, Ask::EXPIRED),
        _ => (EventKind::ApprovalCancelled, "nobody waits for the answer any more"),
    };
    let ask = Ask { outcome: Some(outcome.into()), ..Ask::of(&open_id(id)) };
    let message = Some(given(&record["answers"]["answers"])).filter(|said| !said.is_empty());
    let found = event(kind, record, format!("question/{id}/{status}"), time);
    Some(Event { approval: Some(ask), message, ..found })
}

/// The answers to a question in a person's words: an option by its number or name, or any other words.
///
/// # Errors
/// When there are not as many answers as questions.
pub fn answers(record: &Value, said: &str) -> Result<Value, String> {
    let asked: Vec<&Value> = parts(record).collect();
    let said: Vec<&str> = match asked.as_slice() {
        [_] => vec![said],
        _ => said.split(BETWEEN).collect(),
    };
    if said.len() != asked.len() || said.iter().any(|one| one.trim().is_empty()) {
        let count = asked.len();
        return Err(format!("it asks {count} things at once: put a {BETWEEN} between your {count} answers"));
    }
    let all = asked.iter().zip(said).filter_map(|(part, said)| {
        let values: Vec<&str> = if part["multiSelect"] == true { said.split(',').collect() } else { vec![said] };
        let values = values.into_iter().map(str::trim).filter(|one| !one.is_empty()).map(|one| chosen(part, one));
        Some((part["questionId"].as_str()?.to_owned(), values.collect()))
    });
    Ok(json!({ "answers": Value::Object(all.collect::<Map<String, Value>>()) }))
}

/// Whether a refusal says that nobody waits for an answer.
pub fn is_over(refusal: &Refusal) -> bool {
    matches!(refusal.code.as_str(), "QUESTION_NOT_FOUND" | "QUESTION_ALREADY_TERMINAL")
}

/// What a refusal means for whoever answered.
pub fn refused(refusal: &Refusal) -> ControlResult {
    if is_over(refusal) {
        return ControlResult::Failed { error: receipt::NOBODY_WAITS.into() };
    }
    super::control::refused(refusal)
}

fn chosen(part: &Value, said: &str) -> Value {
    let number = said.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
    let option = number.and_then(|number| part["options"][number]["label"].as_str());
    Value::from(option.unwrap_or(said))
}

fn parts(record: &Value) -> impl Iterator<Item = &Value> {
    record["questions"].as_array().into_iter().flatten()
}

/// What is asked, with what can be chosen under its number.
fn text(record: &Value) -> String {
    let asked = parts(record).map(|part| {
        let asked = words(&part["question"]).unwrap_or_default();
        let options = part["options"].as_array().into_iter().flatten().enumerate().map(|(place, option)| {
            let about = words(&option["description"]).map_or_else(String::new, |about| format!(" ({about})"));
            format!(" {}. {}{about}", place + 1, words(&option["label"]).unwrap_or_default())
        });
        format!("{asked}{}", options.collect::<String>())
    });
    asked.collect::<Vec<_>>().join(" — ")
}

/// What was answered, in one line.
fn given(answers: &Value) -> String {
    let answers = answers.as_object().into_iter().flat_map(Map::values);
    let answers = answers.map(|values| {
        let values = values.as_array().into_iter().flatten().filter_map(words);
        values.collect::<Vec<_>>().join(", ")
    });
    answers.collect::<Vec<_>>().join("; ")
}
