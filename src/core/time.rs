//! Instants and spans as whole milliseconds, and how people write them.
//!
//! Knows UTC milliseconds, RFC 3339, IANA zones (bundled) and spans such as `10m` or `1h30m`.
//! Never reads a clock: `now` is always handed in.

use std::fmt;

use jiff::{Timestamp, Zoned, tz::TimeZone};
use serde::{Deserialize, Serialize};

/// An instant: milliseconds since the Unix epoch, UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ts(pub i64);

/// A length of time in milliseconds, never negative when parsed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Span(pub i64);

impl Ts {
    /// The instant `span` later, saturating.
    #[must_use]
    pub const fn plus(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }

    /// The instant `span` earlier, saturating.
    #[must_use]
    pub const fn minus(self, span: Span) -> Self {
        Self(self.0.saturating_sub(span.0))
    }

    /// The time that has passed since `earlier`; zero when `earlier` is in the future.
    pub const fn since(self, earlier: Self) -> Span {
        let passed = self.0.saturating_sub(earlier.0);
        Span(if passed < 0 { 0 } else { passed })
    }

    /// Reads an RFC 3339 instant such as `2026-11-20T09:15:02.123Z`.
    pub fn parse(text: &str) -> Option<Self> {
        text.parse::<Timestamp>().ok().map(|t| Self(t.as_millisecond()))
    }

    /// RFC 3339 in UTC with milliseconds.
    pub fn rfc3339(self) -> String {
        self.zoned(&TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
    }

    /// The civil time in `zone`. An instant outside the calendar's range is clamped to its end.
    pub fn zoned(self, zone: &TimeZone) -> Zoned {
        let stamp =
            Timestamp::from_millisecond(self.0).unwrap_or(if self.0 < 0 { Timestamp::MIN } else { Timestamp::MAX });
        stamp.to_zoned(zone.clone())
    }

    /// The first instant of the civil day of `self` in `zone`.
    #[must_use]
    pub fn start_of_day(self, zone: &TimeZone) -> Self {
        match self.zoned(zone).start_of_day() {
            Ok(start) => Self(start.timestamp().as_millisecond()),
            Err(_) => self,
        }
    }
}

impl Span {
    /// `n` seconds.
    pub const fn secs(n: i64) -> Self {
        Self(n * 1000)
    }

    /// `n` minutes.
    pub const fn mins(n: i64) -> Self {
        Self::secs(n * 60)
    }

    /// `n` hours.
    pub const fn hours(n: i64) -> Self {
        Self::mins(n * 60)
    }

    /// `n` days of 24 hours.
    pub const fn days(n: i64) -> Self {
        Self::hours(n * 24)
    }

    /// Seconds with a fraction.
    #[expect(clippy::cast_precision_loss, reason = "spans are far below 2^52 ms")]
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1000.0
    }

    /// Reads `45s`, `10m`, `1h30m`, `7d`, `2w` or `250ms`: whole numbers, largest unit first, at least one.
    ///
    /// # Errors
    /// Names what could not be read.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut rest = text.trim();
        if rest.is_empty() {
            return Err("a duration such as 10m is missing".into());
        }
        let mut total = 0_i64;
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit());
            let (number, tail) = rest.split_at(digits.unwrap_or(rest.len()));
            let number: i64 = number.parse().map_err(|_| Self::refusal(text))?;
            let unit_len = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
            let (unit, tail) = tail.split_at(unit_len);
            let unit = Self::unit(unit).ok_or_else(|| Self::refusal(text))?;
            total = number.checked_mul(unit).and_then(|ms| total.checked_add(ms)).ok_or_else(|| Self::refusal(text))?;
            rest = tail;
        }
        Ok(Self(total))
    }

    fn unit(name: &str) -> Option<i64> {
        Some(match name.trim() {
            "ms" => 1,
            "s" | "sec" | "secs" | "second" | "seconds" => 1000,
            "m" | "min" | "mins" | "minute" | "minutes" => 60_000,
            "h" | "hour" | "hours" => 3_600_000,
            "d" | "day" | "days" => 86_400_000,
            "w" | "week" | "weeks" => 604_800_000,
            _ => return None,
        })
    }

    fn refusal(text: &str) -> String {
        format!("`{text}` is not a duration; write for example 45s, 10m, 1h30m or 7d")
    }
}

/// The shortest exact form that [`Span::parse`] reads back.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0s");
        }
        let mut rest = self.0;
        for (unit, name) in [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s"), (1, "ms")] {
            if rest >= unit {
                write!(f, "{}{name}", rest / unit)?;
                rest %= unit;
            }
        }
        Ok(())
    }
}

/// Finds an IANA zone in the bundled database.
///
/// # Errors
/// Says that the name is not an IANA zone; offsets and `Local` are refused on purpose.
pub fn zone(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name)
        .map_err(|_| format!("`{name}` is not an IANA time zone; write for example Europe/Madrid or UTC"))
}
