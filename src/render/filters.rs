//! How numbers, times and reasons are written, per language and zone.

use jiff::civil::Date;
use minijinja::value::{Kwargs, Serde, Value};
use minijinja::{Environment, Error, Output, State};

use super::markup::{CLOSE, OPEN};
use crate::core::command::CATALOGUE;
use crate::core::control::receipt;
use crate::core::money::Micros;
use crate::core::policy::Lang;
use crate::core::reason::Reason;
use crate::core::status::Status;
use crate::core::text;
use crate::core::time::{Span, Ts, zone};

/// Writes the value of a variable as a literal: text and nothing else.
pub(super) fn literal(out: &mut Output<'_>, _state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    if value.is_undefined() || value.is_none() {
        return Ok(());
    }
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let text = if value.is_safe() { text } else { wrapped(&text::one_line(&text)) };
    out.write_str(&text).map_err(Error::from)
}

fn wrapped(text: &str) -> String {
    format!("{OPEN}{text}{CLOSE}")
}

/// A value that a filter has written: it needs no further care.
fn ours(text: String) -> Value {
    Value::from_safe_string(text)
}

/// What every template may use.
pub fn add(env: &mut Environment<'static>, lang: Lang) {
    env.add_filter("money", |micros: i64| ours(Micros(micros).to_string()));
    env.add_filter("cents", |cents: i64| ours(Micros(cents.saturating_mul(10_000)).to_string()));
    env.add_filter("usd", |dollars: f64| ours(Micros::from_dollars(dollars).unwrap_or_default().to_string()));
    env.add_filter("tokens", |n: i128| ours(tokens(u64::try_from(n.max(0)).unwrap_or(u64::MAX))));
    env.add_filter("amount", |n: f64| ours(amount(n)));
    env.add_filter("percent", move |n: f64| ours(format!("{}{}", amount(n * 100.0), percent_sign(lang))));
    env.add_filter("span", move |ms: i64| ours(span(ms)));
    env.add_filter("seconds", move |s: f64| {
        #[expect(clippy::cast_possible_truncation, reason = "durations are small")]
        ours(span((s * 1000.0) as i64))
    });
    env.add_filter("window", |ms: i64| ours(Span(ms).to_string()));
    env.add_filter("clock", |state: &State<'_, '_>, at: i64| ours(clock(state, at)));
    env.add_filter("date", move |date: &str, form: &str| ours(date_text(date, form, lang)));
    env.add_filter("on", move |state: &State<'_, '_>, at: i64, first: &str, last: &str| {
        ours(clock_on(state, at, (first, last), lang))
    });
    env.add_filter("ago", move |state: &State<'_, '_>, at: i64| ours(span(now(state).saturating_sub(at))));
    env.add_filter("until", move |state: &State<'_, '_>, at: i64| ours(span(at.saturating_sub(now(state)))));
    env.add_filter("block", |text: &str| ours(wrapped(&text::block(text))));
    env.add_filter("clip", |text: &str, max: usize| text::clip(text, max));
    env.add_filter("icon", |status: &str| ours(icon(status).to_owned()));
    env.add_filter("bar", |percent: f64, width: usize| ours(bar(percent, width)));
    env.add_filter("spark", |values: Vec<i64>| ours(spark(&values)));
    env.add_filter("pad", |text: &str, width: usize| ours(wrapped(&pad(&text::one_line(text), width))));
    env.add_filter("left", |text: &str, width: usize| ours(format!("{text:>width$}")));
    env.add_filter("because", |state: &State<'_, '_>, reason: Value| because(state, &reason));
    env.add_filter("receipt", move |note: &str| receipt_words(note, lang));
    env.add_function("button", move |label: &str| CATALOGUE.button(label, lang).unwrap_or("?").to_owned());
    env.add_function("written", move |name: &str| written(name, lang));
    env.add_function("command", move |name: &str, options: Kwargs| command(name, lang, &options));
}

/// How a command is written, with its arguments.
fn written(name: &str, lang: Lang) -> String {
    let usage = CATALOGUE.find(name).map_or("", |spec| spec.texts(lang).usage.as_str());
    format!("/{name} {usage}").trim().to_owned()
}

/// Summary or usage of a command, for help.
fn command(name: &str, lang: Lang, options: &Kwargs) -> Result<Value, Error> {
    let part: String = options.get("part")?;
    options.assert_all_used()?;
    let Some(spec) = CATALOGUE.find(name) else { return Ok(Value::UNDEFINED) };
    let texts = spec.texts(lang);
    Ok(match part.as_str() {
        "usage" => Value::from(written(name, lang)),
        "aliases" => Value::from(spec.aliases.clone()),
        "examples" => Value::from(spec.examples.clone()),
        "roles" => Value::from(spec.roles.iter().map(|r| r.as_str()).collect::<Vec<_>>()),
        _ => Value::from(texts.summary.clone()),
    })
}

fn now(state: &State<'_, '_>) -> i64 {
    state.lookup("now").and_then(|now| i64::try_from(now).ok()).unwrap_or(0)
}

/// `09:42` in the reader's zone; with the date when it is not today.
fn clock(state: &State<'_, '_>, at: i64) -> String {
    let tz = state.lookup("tz").and_then(|tz| tz.as_str().map(str::to_owned)).unwrap_or_default();
    clock_text(at, now(state), &tz)
}

fn clock_text(at: i64, now: i64, tz: &str) -> String {
    let Ok(zone) = zone(tz) else { return Ts(at).rfc3339() };
    let (at, now) = (Ts(at).zoned(&zone), Ts(now).zoned(&zone));
    let form = if at.date() == now.date() { "%H:%M" } else { "%Y-%m-%d %H:%M" };
    at.strftime(form).to_string()
}

/// `09:42` in the reader's zone, in a report of that one day; with the day in any other.
fn clock_on(state: &State<'_, '_>, at: i64, (first, last): (&str, &str), lang: Lang) -> String {
    let tz = state.lookup("tz").and_then(|tz| tz.as_str().map(str::to_owned)).unwrap_or_default();
    let Ok(zone) = zone(&tz) else { return Ts(at).rfc3339() };
    let at = Ts(at).zoned(&zone);
    let (date, time) = (at.date().to_string(), at.strftime("%H:%M"));
    if date == first && date == last { time.to_string() } else { format!("{} {time}", date_text(&date, "short", lang)) }
}

/// `Wed 18 Nov`, or its `weekday`, or `short` without it, or its `month` with the year.
pub(super) fn date_text(date: &str, form: &str, lang: Lang) -> String {
    let Ok(date) = date.parse::<Date>() else { return date.to_owned() };
    let words = super::Words::of(lang);
    let weekday = words.get(&format!("weekday.{}", date.weekday().to_monday_one_offset()));
    let month = words.get(&format!("month.{}", date.month()));
    match form {
        "weekday" => weekday.to_owned(),
        "short" => format!("{} {month}", date.day()),
        "month" => format!("{month} {}", date.year()),
        _ => format!("{weekday} {} {month}", date.day()),
    }
}

/// `38 s`, `33 min`, `1 h 5 min`, `3 d 4 h`: at most two units.
pub fn span(ms: i64) -> String {
    let seconds = ms.max(0).saturating_add(500) / 1000;
    let (day, hour, minute) = (86_400, 3600, 60);
    if seconds < minute {
        format!("{seconds} s")
    } else if seconds < hour {
        format!("{} min", (seconds + 30) / minute)
    } else if seconds < day {
        two(seconds / hour, "h", seconds % hour / minute, "min")
    } else {
        two(seconds / day, "d", seconds % day / hour, "h")
    }
}

fn two(large: i64, large_unit: &str, small: i64, small_unit: &str) -> String {
    if small == 0 { format!("{large} {large_unit}") } else { format!("{large} {large_unit} {small} {small_unit}") }
}

/// `940`, `12.3k`, `4.1M`.
#[expect(clippy::cast_precision_loss, reason = "rounded for people anyway")]
fn tokens(n: u64) -> String {
    match n {
        0..1000 => n.to_string(),
        1000..1_000_000 => format!("{:.1}k", n as f64 / 1e3),
        _ => format!("{:.1}M", n as f64 / 1e6),
    }
}

/// A number with at most two decimals.
fn amount(n: f64) -> String {
    let text = format!("{n:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// English writes `47%`, Spanish `47 %`.
pub(super) const fn percent_sign(lang: Lang) -> &'static str {
    match lang {
        Lang::En => "%",
        Lang::Es => "\u{202f}%",
    }
}

fn icon(status: &str) -> &'static str {
    Status::ALL.into_iter().find(|s| s.as_str() == status).map_or("•", Status::icon)
}

/// `▰▰▰▱▱`
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "0 to width")]
fn bar(percent: f64, width: usize) -> String {
    let full = (percent.clamp(0.0, 100.0) / 100.0 * width as f64).round() as usize;
    format!("{}{}", "▰".repeat(full), "▱".repeat(width - full))
}

/// `▁▂▃▅▇`: the largest value is the highest block; all zero is a flat line.
fn spark(values: &[i64]) -> String {
    const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let top = values.iter().copied().max().unwrap_or(0).max(1);
    let block = |value: &i64| {
        let level = i128::from(value.max(&0).to_owned()) * 7 / i128::from(top);
        BLOCKS[usize::try_from(level).unwrap_or(0).min(7)]
    };
    values.iter().map(block).collect()
}

/// `text` cut or filled to `width` characters, for columns in blocks.
fn pad(text: &str, width: usize) -> String {
    let clipped = text::clip(text, width);
    let fill = width.saturating_sub(clipped.chars().count());
    format!("{clipped}{}", " ".repeat(fill))
}

/// Receipts that sereno writes itself are translated; a runtime's own words stay as they are.
fn receipt_words(note: &str, lang: Lang) -> Value {
    match note.strip_prefix(receipt::PREFIX) {
        Some(key) => Value::from(super::Words::of(lang).get(&format!("receipt.{key}"))),
        None => Value::from(note),
    }
}

/// A reason in one sentence.
fn because(state: &State<'_, '_>, reason: &Value) -> Result<Value, Error> {
    let code = reason.get_attr("code")?;
    let words = state.lookup("w").unwrap_or_default();
    let text = words.get_attr("reason")?.get_attr(code.as_str().unwrap_or_default())?;
    let Some(text) = text.as_str() else {
        return Ok(Value::from(code.as_str().unwrap_or("?").to_owned()));
    };
    let context = minijinja::context! { now => now(state), tz => state.lookup("tz"), ..reason.clone() };
    state.env().render_str(text, context).map(ours)
}

/// A reason in one sentence, as markup.
pub(super) fn reason_text(env: &Environment<'_>, reason: &Reason, tz: &str, now: Ts) -> String {
    let context = minijinja::context! { reason => Value::from(Serde(reason)), now => now.0, tz };
    env.render_str("{{ reason | because }}", context).unwrap_or_else(|_| reason.code())
}
