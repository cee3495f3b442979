//! `/export`: what the lists show, as rows of a file, with the same filters and for whoever may see the same.
//!
//! It is read from the World like the lists, so it goes back as far as the World remembers; what is older is the
//! store's. The newest rows come, as many as fit, and whoever exports may both export and look.

use serde_json::{Value, json};

use super::super::{Answer, CATALOGUE, Call};
use super::history::{deeds, everything};
use super::period::{Period, is_period, period};
use super::{Outcome, agent_of_alert, sees_alert, sees_task, task_sums};
use crate::core::message::{Content, EventRow, ExportFormat, ExportKind, ExportView, NoticeView};
use crate::core::reason::Reason;
use crate::core::route::Destination;
use crate::core::step::Fold;
use crate::core::text;
use crate::core::time::Ts;
use crate::core::world::Task;

/// Rows of a file.
const MOST_ROWS: usize = 2000;
/// Characters of a value.
const LONGEST: usize = 500;
/// Bytes of all values together, as JSON.
const MOST_BYTES: usize = 256 * 1024;

type Row = Vec<Value>;
type Table = (&'static [&'static str], Vec<(Ts, Row)>);

/// `/export KIND [period] [format:csv|jsonl] [to:CHANNEL]`
pub fn export(f: &mut Fold<'_>, call: &Call) -> Outcome {
    let (what, format) = (kind(call)?, format(call)?);
    let period = period(f, call, "7d")?;
    let to = place(f, call)?;
    let list = CATALOGUE.find(what.command()).ok_or(Reason::NothingToDo)?;
    let who = call.who.and(list)?;
    let both = Call { who, line: call.line.clone(), from: call.from.clone(), secret: None, ..*call };
    let (columns, rows) = table(f, &both, what, &period)?;
    let (rows, left_out) = newest(rows);
    let view = ExportView {
        what,
        format,
        from: period.from,
        period: period.name,
        columns: columns.iter().map(|name| (*name).to_owned()).collect(),
        rows,
        left_out,
        at: f.at,
    };
    let data = json!({ "via": call.who.channel, "format": format, "rows": view.rows.len(), "left_out": left_out });
    f.audit(&call.who.person, "export.made", &format!("export:{}", what.as_str()), data);
    let (content, elsewhere) = (Content::Export(view), to != call.from);
    let Some(to) = to else { return Ok(Answer::Content(content)) };
    hand_over(f, call, content, to);
    if !elsewhere {
        return Ok(Answer::Done(Reason::Done));
    }
    let notice = NoticeView { reason: Reason::SentDirectly, refused: false, trouble: false };
    Ok(Answer::Content(Content::Notice(notice)))
}

/// Sends the file, and puts it on the page besides: there it can be had when the way to `to` loses it, or carries none.
fn hand_over(f: &mut Fold<'_>, call: &Call, content: Content, to: Destination) {
    let is_page = |to: &Destination| f.w.policy.channels.get(&to.channel).is_some_and(|channel| channel.kind == "web");
    let page = f.w.destinations_of_person(&call.who.person).into_iter().find(is_page);
    let page = page.filter(|page| (&page.channel, &page.target) != (&to.channel, &to.target));
    f.send_answers(content, std::iter::once(to).chain(page).collect());
}

fn kind(call: &Call) -> Result<ExportKind, Reason> {
    let word = super::needed(call)?.to_lowercase();
    let singular = |kind: &ExportKind| kind.as_str().trim_end_matches('s') == word;
    let spanish = |kind: &ExportKind| {
        let aliases = CATALOGUE.find(kind.command()).map_or(&[][..], |spec| &spec.aliases);
        aliases.contains(&word)
    };
    let found = ExportKind::ALL.into_iter().find(|kind| kind.as_str() == word || singular(kind) || spanish(kind));
    found.ok_or_else(|| {
        let near = |kind: &ExportKind| strsim::damerau_levenshtein(kind.as_str(), &word);
        let nearest = ExportKind::ALL.into_iter().min_by_key(near).filter(|kind| near(kind) <= 2);
        match nearest {
            Some(kind) => {
                Reason::NotFound { what: "export".into(), name: word, nearest: Some(kind.as_str().to_owned()) }
            }
            None => Reason::BadArgument { command: call.spec.name.clone(), argument: word },
        }
    })
}

fn format(call: &Call) -> Result<ExportFormat, Reason> {
    match call.line.key("format").map(str::to_lowercase).as_deref() {
        None | Some("csv") => Ok(ExportFormat::Csv),
        Some("jsonl" | "json") => Ok(ExportFormat::Jsonl),
        Some(word) => Err(Reason::BadArgument { command: call.spec.name.clone(), argument: word.to_owned() }),
    }
}

/// Where the file goes: to a channel of theirs that was named, and otherwise to where whoever asks is alone, for a file
/// is there for everybody who reads along. None when it is the answer to a call.
fn place(f: &Fold<'_>, call: &Call) -> Result<Option<Destination>, Reason> {
    let person = &call.who.person;
    let mut homes = f.w.destinations_of_person(person).into_iter();
    let kind_of = |to: &Destination| f.w.policy.channels.get(&to.channel).map(|channel| channel.kind.clone());
    if let Some(word) = call.line.key("to").map(str::to_lowercase) {
        let named = |to: &Destination| to.channel.to_lowercase() == word || kind_of(to).as_ref() == Some(&word);
        let found = homes.find(|to| kind_of(to).as_deref() != Some(crate::core::device::PUSH) && named(to));
        let missing = Reason::NotFound { what: "channel".into(), name: word, nearest: None };
        return found.map(Some).ok_or(missing);
    }
    match &call.from {
        Some(from) if from.person.is_none() => {
            let home = homes.find(|home| home.channel == from.channel);
            home.map(Some).ok_or_else(|| Reason::OnlyInPrivate { command: call.spec.name.clone() })
        }
        from => Ok(from.clone()),
    }
}

fn table(f: &Fold<'_>, call: &Call, what: ExportKind, period: &Period) -> Result<Table, Reason> {
    // Who did what is looked for by a word; the others have none.
    let word = call.line.words.iter().skip(1).find(|word| !is_period(word));
    if let Some(word) = word.filter(|_| what != ExportKind::Audit) {
        return Err(Reason::BadArgument { command: call.spec.name.clone(), argument: word.clone() });
    }
    let mut table = match what {
        ExportKind::Costs => costs(f, call, period.from)?,
        ExportKind::Events => (EVENT, everything(f, call).into_iter().map(|row| (row.at, event(&row))).collect()),
        ExportKind::Tasks => tasks(f, call),
        ExportKind::Alerts => alerts(f, call),
        ExportKind::Audit => (EVENT, deeds(f.w, word).into_iter().map(|row| (row.at, event(&row))).collect()),
    };
    table.1.retain(|(at, _)| *at >= period.from);
    table.1.sort_by_key(|(at, _)| *at);
    Ok(table)
}

/// The last rows, as many as fit, oldest first; and how many do not.
fn newest(rows: Vec<(Ts, Row)>) -> (Vec<Row>, usize) {
    let all = rows.len();
    let mut room = MOST_BYTES;
    let fits = |row: &Row| {
        let length = row.iter().map(|value| value.to_string().len() + 1).sum();
        room.checked_sub(length).map(|left| room = left).is_some()
    };
    let mut kept: Vec<Row> = rows.into_iter().rev().map(|(_, row)| row).take(MOST_ROWS).take_while(fits).collect();
    kept.reverse();
    let left_out = all - kept.len();
    (kept, left_out)
}

fn words(text: &str) -> Value {
    json!(text::clip(text, LONGEST))
}

fn time(at: Option<Ts>) -> Value {
    at.map_or(Value::Null, |at| json!(at.rfc3339()))
}

const COST: &[&str] = &[
    "from",
    "runtime",
    "agent",
    "model",
    "task",
    "calls",
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "cost_usd",
    "unpriced_calls",
];

fn costs(f: &Fold<'_>, call: &Call, from: Ts) -> Result<Table, Reason> {
    let agent = call.line.key("agent").map(|name| f.w.agent_named(name)).transpose()?;
    let task = call.line.key("task").map(|name| f.w.task_named(name)).transpose()?;
    let cells = f.w.ledger.since(from).filter(|(key, _)| call.who.may(f.w, key.agent));
    let cells = cells.filter(|(key, _)| agent.is_none_or(|agent| key.agent == agent));
    let cells = cells.filter(|(key, _)| task.is_none_or(|task| key.task == Some(task)));
    let rows = cells.map(|(key, sums)| {
        let about = f.w.agents.get(key.agent);
        let task = key.task.and_then(|ix| f.w.tasks.get(ix));
        let row = vec![
            time(Some(key.at)),
            words(about.map_or("", |agent| &agent.runtime)),
            words(about.map_or("", |agent| &agent.id)),
            words(&key.model),
            task.map_or(Value::Null, |task| words(&task.id)),
            json!(sums.calls),
            json!(sums.tokens.input),
            json!(sums.tokens.output),
            json!(sums.tokens.cache_read),
            json!(sums.tokens.cache_write),
            json!(sums.cost.dollars()),
            json!(sums.unpriced),
        ];
        (key.at, row)
    });
    Ok((COST, rows.collect()))
}

const EVENT: &[&str] = &["at", "kind", "who", "what", "by", "severity", "cost_usd", "took_s"];

fn event(row: &EventRow) -> Row {
    let maybe = |text: &Option<String>| text.as_deref().map_or(Value::Null, words);
    vec![
        time(Some(row.at)),
        json!(row.kind),
        maybe(&row.who),
        maybe(&row.what),
        maybe(&row.by),
        row.severity.map_or(Value::Null, |severity| json!(severity.as_str())),
        row.cost.map_or(Value::Null, |cost| json!(cost.dollars())),
        row.took.map_or(Value::Null, |took| json!(took.0 / 1000)),
    ]
}

const TASK: &[&str] =
    &["id", "title", "state", "created", "started", "ended", "agents", "calls", "tokens", "cost_usd", "note"];

fn tasks(f: &Fold<'_>, call: &Call) -> Table {
    let mine = f.w.tasks.iter().filter(|(ix, _)| sees_task(f, call, *ix));
    (TASK, mine.map(|(_, task)| (task.last_seen, task_row(f, call, task))).collect())
}

fn task_row(f: &Fold<'_>, call: &Call, task: &Task) -> Row {
    let sums = task_sums(f.w, call, task);
    let theirs = task.agents.iter().filter(|(ix, _)| call.who.may(f.w, *ix));
    let names: Vec<&str> = theirs.filter_map(|(ix, _)| f.w.agents.get(*ix)).map(|agent| agent.name.as_str()).collect();
    vec![
        words(&task.id),
        task.title.as_deref().map_or(Value::Null, words),
        json!(task.column.as_str()),
        time(Some(task.created)),
        time(task.started),
        time(task.ended),
        words(&names.join(", ")),
        json!(sums.calls),
        json!(sums.tokens.total()),
        json!(sums.cost.dollars()),
        task.note.as_deref().map_or(Value::Null, words),
    ]
}

const ALERT: &[&str] =
    &["code", "rule", "severity", "state", "agent", "since", "fired", "resolved", "seen_by", "seen_at"];

fn alerts(f: &Fold<'_>, call: &Call) -> Table {
    let mine = f.w.alerts.values().filter(|alert| alert.fired.is_some() && sees_alert(f, call, alert));
    let rows = mine.map(|alert| {
        let agent = agent_of_alert(f.w, call, alert).and_then(|ix| f.w.agents.get(ix));
        let row = vec![
            json!(alert.code()),
            words(&alert.rule),
            json!(alert.severity.as_str()),
            json!(alert.state.as_str()),
            agent.map_or(Value::Null, |agent| words(&agent.name)),
            time(Some(alert.since)),
            time(alert.fired),
            time(alert.resolved),
            alert.acked.as_ref().map_or(Value::Null, |(person, _)| json!(person)),
            time(alert.acked.as_ref().map(|(_, at)| *at)),
        ];
        (alert.fired.unwrap_or(alert.since), row)
    });
    (ALERT, rows.collect())
}
