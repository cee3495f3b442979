//! Hours of every day, such as `23:00-07:00`, on somebody's clock.
//!
//! They begin with the first instant at which the clock on the wall shows the beginning and end with the last at which
//! it shows the end, so that where a clock is set back they last longer and nobody is woken early.

use std::fmt;

use jiff::ToSpan as _;
use jiff::civil::{Time, time};
use jiff::tz::{AmbiguousOffset, TimeZone};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::comes;
use crate::core::time::Ts;

/// From a time of day to another one, which is on the next day when it does not come later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hours {
    from: Time,
    to: Time,
}

impl Hours {
    /// Reads `23:00-07:00`, `23-7` or `22:30–6`; they are not a whole day.
    pub fn parse(text: &str) -> Option<Self> {
        let (from, to) = text.split_once(['-', '–'])?;
        let (from, to) = (time_of_day(from)?, time_of_day(to)?);
        (from != to).then_some(Self { from, to })
    }

    /// The end of those that hold `at` on the clock of `zone`; none when it is outside of them.
    pub fn until(&self, at: Ts, zone: &TimeZone) -> Option<Ts> {
        let today = at.zoned(zone).date();
        // Those that hold it have begun today or yesterday.
        [today.yesterday().ok(), Some(today)].into_iter().flatten().find_map(|begun| {
            let ends_on = if self.to > self.from { begun } else { begun.checked_add(1.day()).ok()? };
            let begin = comes(begun.to_datetime(self.from), zone)?;
            let civil = ends_on.to_datetime(self.to);
            let found = zone.to_ambiguous_timestamp(civil);
            let end = match found.offset() {
                AmbiguousOffset::Fold { .. } => Ts(found.later().ok()?.as_millisecond()),
                AmbiguousOffset::Gap { .. } | AmbiguousOffset::Unambiguous { .. } => comes(civil, zone)?,
            };
            (begin <= at && at < end).then_some(end)
        })
    }
}

fn time_of_day(text: &str) -> Option<Time> {
    let (hour, minute) = text.trim().split_once(':').unwrap_or((text.trim(), "0"));
    let number = |text: &str, most: i8| {
        let digits = (1..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<i8>().ok().filter(|number| digits && *number <= most)
    };
    let (hour, minute) = (number(hour, 24)?, number(minute, 59)?);
    // Midnight ends a day as well as it begins one.
    if hour == 24 && minute > 0 { None } else { Some(time(hour % 24, minute, 0, 0)) }
}

/// As people write it, and as [`Hours::parse`] reads it back.
impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, to) = (self.from, self.to);
        write!(f, "{:02}:{:02}-{:02}:{:02}", from.hour(), from.minute(), to.hour(), to.minute())
    }
}

impl Serialize for Hours {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hours {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("hours are written as 23:00-07:00"))
    }
}
