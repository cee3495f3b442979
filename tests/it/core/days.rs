//! Civil days where clocks are set: each begins once, whatever the zone does to its hours.

use sereno::core::time::{Span, Ts, zone};

/// What of civil time is computed today are the days of costs. Each of these zones breaks another shortcut.
const ZONES: &[&str] = &[
    "Europe/Madrid",
    "America/New_York",
    "Australia/Lord_Howe",
    "America/Santiago",
    "Asia/Kathmandu",
    "Pacific/Apia",
    "UTC",
];

#[test]
fn each_civil_day_begins_exactly_once() {
    let years = i64::try_from(crate::dose::times(1, 10)).unwrap();
    // Apia skipped a whole day at the end of 2011.
    let begin = Ts::parse("2011-06-01T00:00:00Z").unwrap();
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
