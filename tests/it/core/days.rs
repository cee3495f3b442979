//! Civil time where clocks are set: each day begins once, and each time of day comes once, whatever the zone does to
//! its hours (CL2).

use jiff::civil::{Date, DateTime, Weekday};
use sereno::core::calendar::{Cron, Schedule, Unit};
use sereno::core::time::{Span, Ts, zone};

/// Each of these zones breaks another shortcut.
const ZONES: &[&str] = &[
    "Europe/Madrid",
    "America/New_York",
    "Australia/Lord_Howe",
    "America/Santiago",
    "Asia/Kathmandu",
    "Pacific/Apia",
    "UTC",
    "Europe/Berlin",
    "Africa/Casablanca",
    "America/Sao_Paulo",
];

/// Apia skipped a whole day at the end of 2011.
const BEGIN: &str = "2011-06-01T00:00:00Z";

/// What a schedule says, told without it.
type Fits = fn(DateTime) -> bool;

const SCHEDULES: &[(&str, Fits)] = &[
    ("0 * * * *", |t| t.minute() == 0),
    ("30 2 * * *", |t| (t.hour(), t.minute()) == (2, 30)),
    ("0 0 * * *", |t| (t.hour(), t.minute()) == (0, 0)),
    ("0 7 * * *", |t| (t.hour(), t.minute()) == (7, 0)),
    ("0 7 * * 1", |t| t.weekday() == Weekday::Monday && (t.hour(), t.minute()) == (7, 0)),
    ("30 2 * * 0,3", |t| {
        matches!(t.weekday(), Weekday::Sunday | Weekday::Wednesday) && (t.hour(), t.minute()) == (2, 30)
    }),
    ("0 0 1 * *", |t| t.day() == 1 && (t.hour(), t.minute()) == (0, 0)),
    ("45 23 13 * fri", |t| (t.day() == 13 || t.weekday() == Weekday::Friday) && (t.hour(), t.minute()) == (23, 45)),
];

fn years() -> i64 {
    i64::try_from(crate::dose::times(1, 10)).unwrap()
}

#[test]
fn each_civil_day_begins_exactly_once() {
    let years = years();
    let begin = Ts::parse(BEGIN).unwrap();
    for name in ZONES {
        let zone = zone(name).unwrap();
        let (mut at, end) = (begin, begin.plus(Span::days(365 * years)));
        let mut start = at.start_of_day(&zone);
        let mut days = vec![start.zoned(&zone).date()];
        while at < end {
            let next = at.start_of_day(&zone);
            assert!(next >= start && next <= at, "{name}: the day of {} begins at {}", at.rfc3339(), next.rfc3339());
            if next > start {
                assert_eq!(next.start_of_day(&zone), next, "{name}: its first instant belongs to it");
                assert_ne!(next.minus(Span(1)).start_of_day(&zone), next, "{name}: and the one before does not");
                assert_eq!(Unit::Day.began(at, &zone), next, "{name}: the calendar says the same");
                days.push(next.zoned(&zone).date());
                start = next;
            }
            at = at.plus(Span::mins(30));
        }
        for pair in days.windows(2) {
            let skipped = *name == "Pacific/Apia" && pair[0].to_string() == "2011-12-29";
            let wanted = pair[0].tomorrow().unwrap();
            let wanted = if skipped { wanted.tomorrow().unwrap() } else { wanted };
            assert_eq!(pair[1], wanted, "{name}");
        }
        let expected = 365 * years;
        let found = i64::try_from(days.len()).unwrap();
        assert!((found - expected).abs() <= 1, "{name}: {found} days, not {expected}");
    }
}

/// A clock on the wall, read every quarter of an hour: when it first showed each time, or a later one.
fn first_shown(name: &str, years: i64) -> Vec<(DateTime, Ts)> {
    let zone = zone(name).unwrap();
    let read = |at: Ts| at.zoned(&zone).datetime();
    let mut at = Ts::parse(BEGIN).unwrap();
    let (end, mut shown, mut all) = (at.plus(Span::days(365 * years)), read(at), Vec::new());
    while at < end {
        at = at.plus(Span::mins(15));
        while shown < read(at) {
            shown = shown.checked_add(jiff::Span::new().minutes(15)).unwrap();
            all.push((shown, at));
        }
    }
    all
}

/// The property CL2: times and periods of `name`; returns how many were looked at.
fn each_time_and_period_comes_once(name: &str, years: i64) -> usize {
    let (shown, on) = (first_shown(name, years), zone(name).unwrap());
    let (begin, end) = (Ts::parse(BEGIN).unwrap(), shown.last().unwrap().1);
    let mut checked = 0;
    for (text, fits) in SCHEDULES {
        let schedule = Schedule::new(Cron::parse(text).unwrap(), on.clone());
        let mut wanted: Vec<Ts> = shown.iter().filter(|(civil, _)| fits(*civil)).map(|(_, at)| *at).collect();
        checked += wanted.len();
        // What a clock skips comes when it has jumped, together with what is due then.
        wanted.dedup();
        let times = std::iter::successors(schedule.next(begin), |at| schedule.next(*at));
        let times: Vec<Ts> = times.take_while(|at| *at <= end).collect();
        assert!(times.windows(2).all(|pair| pair[0] < pair[1]), "{name}: {text} goes back");
        let differ = times.iter().zip(&wanted).find(|(found, wanted)| found != wanted);
        assert_eq!(differ.map(|(found, wanted)| (found.rfc3339(), wanted.rfc3339())), None, "{name}: {text}");
        assert_eq!(times.len(), wanted.len(), "{name}: {text}");
        // Every hour would only show the same again for weeks and months.
        let units = [Unit::Day, Unit::Week, Unit::Month];
        for unit in if *text == "0 * * * *" { &units[..1] } else { &units[..] } {
            checked += each_period_is_closed_once(name, &times, *unit, &shown);
        }
    }
    checked
}

/// Whoever tells at each of `times` of the whole days, weeks or months since the last time leaves out none.
fn each_period_is_closed_once(name: &str, times: &[Ts], unit: Unit, shown: &[(DateTime, Ts)]) -> usize {
    let on = zone(name).unwrap();
    let mut told_until = unit.began(times[0], &on);
    let mut told: Vec<Date> = Vec::new();
    for at in &times[1..] {
        let until = unit.began(*at, &on);
        assert!(until >= told_until && until <= *at, "{name}: {} is over", until.rfc3339());
        told.extend(unit.between(told_until, until, &on));
        told_until = until;
    }
    // The days of which the clock has shown a time to which it did not jump at once.
    let mut all: Vec<Date> = Vec::new();
    for pair in shown.windows(2).filter(|pair| pair[0].1 < pair[1].1) {
        let first = unit.first_day(pair[0].0.date());
        if all.last() != Some(&first) {
            all.push(first);
        }
    }
    let (begin, end) = (times[0].zoned(&on).date(), told_until.zoned(&on).date());
    all.retain(|first| *first >= unit.first_day(begin) && *first < end);
    assert_eq!(told, all, "{name}: every {}", unit.as_str());
    told.len()
}

#[test]
fn each_time_of_a_schedule_comes_once_and_closes_what_is_over_once() {
    let checked: usize = ZONES.iter().map(|name| each_time_and_period_comes_once(name, years())).sum();
    assert!(checked > 100_000, "{checked} times and periods");
}

#[test]
fn an_expression_that_is_no_cron_is_told_what_to_write() {
    let texts = [
        "",
        "0 7 * *",
        "0 0 7 * * *",
        "@daily",
        "60 * * * *",
        "0 24 * * *",
        "0 7 0 * *",
        "0 7 * 13 *",
        "0 7 * * 8",
        "0 7 * * mondays",
        "0 7 L * *",
        "0 7 15W * *",
        "0 7 * * fri#2",
        "0 7 ? * *",
        "*/0 * * * *",
        "5/15 * * * *",
        "0 7 * * fri-mon",
        "0 7 */2 * mon",
        "0 7 30 2 *",
        "0,,5 * * * *",
        "+5 * * * *",
        "0 7 * jan-x *",
    ];
    let said = texts.map(|text| {
        let (message, at) = Cron::parse(text).unwrap_err();
        format!("{text:16} at {at}: {message}")
    });
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn days_of_the_week_are_those_of_posix() {
    let after = |text: &str| {
        let schedule = Schedule::new(Cron::parse(text).unwrap(), zone("Europe/Berlin").unwrap());
        // A Friday.
        let at = schedule.next(Ts::parse("2026-11-20T12:00:00Z").unwrap()).unwrap();
        at.zoned(&zone("Europe/Berlin").unwrap()).strftime("%a %d %b %H:%M").to_string()
    };
    let wanted = [
        ("0 9 * * 1-5", "Mon 23 Nov 09:00"),
        ("0 9 * * 0", "Sun 22 Nov 09:00"),
        ("0 9 * * 7", "Sun 22 Nov 09:00"),
        ("0 9 * * 5-7", "Sat 21 Nov 09:00"),
        ("0 9 * * sat-sun", "Sat 21 Nov 09:00"),
        ("0 9 1,15 * MON", "Mon 23 Nov 09:00"),
        ("0 9 24 * MON", "Mon 23 Nov 09:00"),
        ("0 9 21 * MON", "Sat 21 Nov 09:00"),
        ("*/20 14 * * *", "Fri 20 Nov 14:00"),
        ("0 0 29 feb *", "Tue 29 Feb 00:00"),
    ];
    for (text, at) in wanted {
        assert_eq!(after(text), at, "{text}");
    }
}
