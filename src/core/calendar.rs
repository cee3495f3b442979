//! Schedules on civil time: five fields of POSIX cron on somebody's clock, and the days, weeks and months between.
//!
//! A time of day comes at the first instant at which the clock on the wall shows it or a later one: what a clock
//! skips comes when it has jumped, and what it shows twice comes once, in order. The crate `cron` counts on civil
//! time alone, as if there were no zones; no length of time is ever added to an instant. Reads no clock.

mod hours;

use std::collections::BTreeSet;
use std::str::FromStr as _;

use chrono::{Datelike as _, NaiveDate, Timelike as _};
use jiff::civil::{Date, DateTime, Weekday};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Timestamp, ToSpan as _};
use serde::{Deserialize, Serialize};

use super::time::Ts;

pub use hours::Hours;

/// One of the five fields.
struct Field {
    name: &'static str,
    least: u32,
    most: u32,
    words: &'static [&'static str],
}

const MONTHS: &[&str] = &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS: &[&str] = &["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const FIELDS: [Field; 5] = [
    Field { name: "minute", least: 0, most: 59, words: &[] },
    Field { name: "hour", least: 0, most: 23, words: &[] },
    Field { name: "day of the month", least: 1, most: 31, words: &[] },
    Field { name: "month", least: 1, most: 12, words: MONTHS },
    Field { name: "day of the week", least: 0, most: 7, words: DAYS },
];

/// What is wrong with an expression and what to write instead, and at which byte.
type Refused = (String, usize);

/// What stands in a field.
struct Said {
    /// The numbers that fit; 7 among the days of the week is 0.
    fit: BTreeSet<u32>,
    /// It begins with a star: any number, or any nth.
    star: bool,
    /// Everything fits.
    all: bool,
    /// Where it stands.
    at: usize,
}

/// Five fields of POSIX cron, such as `0 7 * * mon-fri`.
#[derive(Clone, Debug, PartialEq)]
pub struct Cron {
    /// A time comes when any of them has it: where the day of the month and of the week are both given, either will do.
    either: Vec<cron::Schedule>,
    rhythm: Unit,
}

impl Cron {
    /// Reads minute, hour, day of the month, month and day of the week, where 0 and 7 are Sunday.
    ///
    /// # Errors
    /// Says what cannot be read and what to write instead, and at which byte.
    pub fn parse(text: &str) -> Result<Self, (String, usize)> {
        if let Some(word) = text.trim().strip_prefix('@') {
            let five = match word {
                "hourly" => "0 * * * *",
                "weekly" => "0 0 * * 0",
                "monthly" => "0 0 1 * *",
                _ => "0 0 * * *",
            };
            return Err((format!("`@{word}` is written in five fields, such as {five}"), 0));
        }
        let words: Vec<(usize, &str)> =
            text.split_whitespace().map(|word| (word.as_ptr() as usize - text.as_ptr() as usize, word)).collect();
        let [minute, hour, day, month, weekday] = words[..] else {
            let has = words.len();
            let seconds = if has == 6 { "; there are no seconds" } else { "" };
            return Err((
                format!(
                    "cron has five fields, not {has}{seconds}: minute, hour, day of the month, month, day of the week, \
                     such as 0 7 * * *"
                ),
                0,
            ));
        };
        let read = |nth: usize, (at, word): (usize, &str)| read_field(&FIELDS[nth], word, at);
        let [minute, hour, month] = [read(0, minute)?, read(1, hour)?, read(3, month)?];
        let [day, weekday] = [read(2, day)?, read(4, weekday)?];
        let line = |day: &str, weekday: &str| {
            let said = [list(&minute), list(&hour), day.to_owned(), list(&month), weekday.to_owned()].join(" ");
            cron::Schedule::from_str(&format!("0 {said}")).map_err(|error| (format!("cannot be read: {error}"), 0))
        };
        let either = match (day.star, weekday.star) {
            _ if day.all || weekday.all => vec![line(&list(&day), &names(&weekday))?],
            (false, false) => vec![line(&list(&day), "*")?, line("*", &names(&weekday))?],
            _ => {
                let stepped = if day.star { &day } else { &weekday };
                let message =
                    "what */n means beside a day differs from one cron to the next; list the days, such as 1,11,21";
                return Err((message.to_owned(), stepped.at));
            }
        };
        let rhythm = match (day.fit.len(), weekday.fit.len()) {
            (1, _) if weekday.all => Unit::Month,
            (_, 1) if day.all => Unit::Week,
            _ => Unit::Day,
        };
        let cron = Self { either, rhythm };
        // Every date there is comes within these: 2000 is a leap year, whose days fall on other weekdays later.
        if cron.after(DateTime::constant(2000, 1, 1, 0, 0, 0, 0)).is_none() {
            return Err(("no month has such a day".to_owned(), day.at));
        }
        Ok(cron)
    }

    /// How often it comes: on one day of a month, on one day of a week, or more often.
    pub const fn rhythm(&self) -> Unit {
        self.rhythm
    }

    /// The next civil time.
    fn after(&self, civil: DateTime) -> Option<DateTime> {
        let (year, month, day) = (civil.year().into(), civil.month().cast_unsigned().into(), civil.day());
        let (hour, minute, second) = (civil.hour(), civil.minute(), civil.second());
        let [day, hour, minute, second] = [day, hour, minute, second].map(|n| u32::from(n.cast_unsigned()));
        let begin = NaiveDate::from_ymd_opt(year, month, day)?.and_hms_opt(hour, minute, second)?.and_utc();
        let next = self.either.iter().filter_map(|cron| cron.after(&begin).next()).min()?;
        let small = |n: u32| i8::try_from(n).ok();
        let date = Date::new(next.year().try_into().ok()?, small(next.month())?, small(next.day())?).ok()?;
        Some(date.at(small(next.hour())?, small(next.minute())?, 0, 0))
    }
}

/// Numbers as the crate writes them.
fn list(said: &Said) -> String {
    if said.all {
        return "*".to_owned();
    }
    said.fit.iter().map(u32::to_string).collect::<Vec<_>>().join(",")
}

/// Days of the week by name: the crate counts them from another day on than POSIX does.
fn names(said: &Said) -> String {
    if said.all {
        return "*".to_owned();
    }
    said.fit.iter().map(|day| DAYS[*day as usize]).collect::<Vec<_>>().join(",")
}

fn read_field(field: &Field, word: &str, at: usize) -> Result<Said, Refused> {
    let mut said = Said { fit: BTreeSet::new(), star: word.starts_with('*'), all: false, at };
    let mut place = at;
    for item in word.split(',') {
        let (first, last, step) = read_item(field, item).map_err(|message| (message, place))?;
        said.fit.extend((first..=last).step_by(step));
        place += item.len() + 1;
    }
    if field.most == 7 && said.fit.remove(&7) {
        said.fit.insert(0);
    }
    let most = if field.most == 7 { 6 } else { field.most };
    said.all = said.fit.len() == (most - field.least + 1) as usize;
    Ok(said)
}

/// The first and last number of an item, and the step from one to the next.
fn read_item(field: &Field, item: &str) -> Result<(u32, u32, usize), String> {
    let (range, step) = item.split_once('/').map_or((item, None), |(range, step)| (range, Some(step)));
    let step = match step.map(str::parse::<usize>) {
        None => None,
        Some(Ok(step)) if step > 0 => Some(step),
        Some(_) => return Err(format!("`{item}` has no step; write for example */{}", field.most.min(15))),
    };
    if range == "*" {
        // Sunday is there once.
        return Ok((field.least, if field.most == 7 { 6 } else { field.most }, step.unwrap_or(1)));
    }
    let Some((first, last)) = range.split_once('-') else {
        let only = read_number(field, range)?;
        return match step {
            None => Ok((only, only, 1)),
            Some(step) => Err(format!("`{item}` has no end; write {range}-{}/{step}", field.most)),
        };
    };
    let (from, to) = (read_number(field, first)?, read_number(field, last)?);
    // Sunday ends a week as well as it begins one.
    let to = if field.most == 7 && to == 0 && from > 0 { 7 } else { to };
    if from > to {
        return Err(format!("`{range}` runs backwards; write {first}-{},{}-{last}", field.most, field.least));
    }
    Ok((from, to, step.unwrap_or(1)))
}

fn read_number(field: &Field, word: &str) -> Result<u32, String> {
    let word = word.to_ascii_lowercase();
    if let Some(place) = field.words.iter().position(|name| *name == word) {
        return Ok(u32::try_from(place).unwrap_or(0) + u32::from(field.least == 1));
    }
    let digits = word.bytes().all(|byte| byte.is_ascii_digit());
    if let Some(number) = word.parse().ok().filter(|number| digits && (field.least..=field.most).contains(number)) {
        return Ok(number);
    }
    if word.ends_with(['l', 'w', '?']) || word.contains('#') {
        let instead = "after the last day of a month is 0 0 1 * *";
        return Err(format!("`L`, `W`, `#` and `?` are not in POSIX cron; {instead}"));
    }
    let words = field.words.first().zip(field.words.last());
    let words = words.map_or_else(String::new, |(first, last)| format!(" or {first} to {last}"));
    Err(format!("the {} is {} to {}{words}, not `{word}`", field.name, field.least, field.most))
}

/// The first instant at which the clock on the wall shows `civil` or a later time; none at the end of the calendar.
pub fn comes(civil: DateTime, zone: &TimeZone) -> Option<Ts> {
    let found = zone.to_ambiguous_timestamp(civil);
    let stamp = match found.offset() {
        AmbiguousOffset::Gap { before, .. } => {
            let had_it_not_jumped = before.to_timestamp(civil).ok()?;
            zone.preceding(had_it_not_jumped.checked_add(1.nanosecond()).ok()?).next()?.timestamp()
        }
        AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Fold { .. } => found.earlier().ok()?,
    };
    Some(Ts(stamp.as_millisecond()))
}

/// A cron expression on the clock of a zone.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    cron: Cron,
    zone: TimeZone,
}

impl Schedule {
    /// `cron` on the clock of `zone`.
    pub const fn new(cron: Cron, zone: TimeZone) -> Self {
        Self { cron, zone }
    }

    /// The first instant after `after` at which it is time. Times of day that come together, because a clock has
    /// skipped them, are one. None beyond the year 2100.
    pub fn next(&self, after: Ts) -> Option<Ts> {
        let stamp = Timestamp::from_millisecond(after.0).ok()?;
        let mut civil = self.zone.to_datetime(stamp);
        loop {
            civil = self.cron.after(civil)?;
            // What the clock shows for the second time has come already.
            if let Some(at) = comes(civil, &self.zone).filter(|at| *at > after) {
                return Some(at);
            }
        }
    }
}

/// A length of civil time that reports are about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// From midnight to midnight.
    #[default]
    Day,
    /// From Monday to Sunday.
    Week,
    /// From the first to the last.
    Month,
}

impl Unit {
    /// The word in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }

    /// The first day of the one that holds `date`.
    #[must_use]
    pub fn first_day(self, date: Date) -> Date {
        match self {
            Self::Day => date,
            Self::Week => date.checked_sub(i64::from(date.weekday().since(Weekday::Monday)).days()).unwrap_or(date),
            Self::Month => date.first_of_month(),
        }
    }

    /// The first day of the next one.
    #[must_use]
    pub fn next_first_day(self, date: Date) -> Date {
        let first = self.first_day(date);
        let span = match self {
            Self::Day => 1.day(),
            Self::Week => 1.week(),
            Self::Month => 1.month(),
        };
        first.checked_add(span).unwrap_or(Date::MAX)
    }

    /// When the one that holds `at` has begun on the clock of `zone`.
    #[must_use]
    pub fn began(self, at: Ts, zone: &TimeZone) -> Ts {
        begins(self.first_day(at.zoned(zone).date()), zone).min(at)
    }

    /// When the one that holds `at` is over on the clock of `zone`.
    #[must_use]
    pub fn ends(self, at: Ts, zone: &TimeZone) -> Ts {
        begins(self.next_first_day(at.zoned(zone).date()), zone)
    }

    /// The first days of those that lie between `from` and `until`, also in part. A day that a zone skipped is none.
    pub fn between(self, from: Ts, until: Ts, zone: &TimeZone) -> impl Iterator<Item = Date> + use<'_> {
        let mut next = Some(self.first_day(from.zoned(zone).date()));
        std::iter::from_fn(move || {
            loop {
                let first = next?;
                let after = self.next_first_day(first);
                next = (after > first).then_some(after);
                let (begin, end) = (begins(first, zone), begins(after, zone));
                if begin >= until {
                    return None;
                }
                if begin < end && end > from {
                    return Some(first);
                }
            }
        })
    }
}

/// When `date` begins on the clock of `zone`.
pub fn begins(date: Date, zone: &TimeZone) -> Ts {
    let end = if date.year() < 0 { Timestamp::MIN } else { Timestamp::MAX };
    comes(date.at(0, 0, 0, 0), zone).unwrap_or(Ts(end.as_millisecond()))
}
