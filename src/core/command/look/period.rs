//! The time that a command asks about: today on the clock of whoever asks, or the last so many hours or days.

use jiff::tz::TimeZone;

use super::super::Call;
use crate::core::reason::Reason;
use crate::core::step::Fold;
use crate::core::time::{Span, Ts, zone};

/// The longest time that the World remembers in parts of a quarter of an hour.
const LONGEST: Span = Span::days(7);

/// A time that lasts until now.
pub struct Period {
    /// `today`, or a span such as `7d`.
    pub name: String,
    /// When it began.
    pub from: Ts,
}

/// The clock of whoever asks.
pub fn own_zone(f: &Fold<'_>, call: &Call) -> TimeZone {
    let person = f.w.policy.people.get(&call.who.person);
    zone(person.map_or(f.w.policy.tz.as_str(), |p| p.tz.as_str())).unwrap_or(TimeZone::UTC)
}

/// Midnight, on the clock of whoever asks.
pub fn start_of_today(f: &Fold<'_>, call: &Call) -> Ts {
    f.at.start_of_day(&own_zone(f, call))
}

/// Whether a word says which time is meant.
pub fn is_period(word: &str) -> bool {
    let word = word.to_lowercase();
    matches!(word.as_str(), "today" | "hoy") || Span::parse(&word).is_ok()
}

/// What a line asks about: `today` or a span, wherever it stands, and `standard` without either.
pub fn period(f: &Fold<'_>, call: &Call, standard: &str) -> Result<Period, Reason> {
    let word = call.line.words.iter().find(|word| is_period(word)).map(|w| w.to_lowercase());
    match word.as_deref().unwrap_or(standard) {
        "today" | "hoy" => Ok(Period { name: "today".into(), from: start_of_today(f, call) }),
        word => {
            let span = Span::parse(word).ok().filter(|span| *span > Span(0) && *span <= LONGEST);
            let span =
                span.ok_or_else(|| Reason::BadArgument { command: call.spec.name.clone(), argument: word.to_owned() })?;
            Ok(Period { name: word.to_owned(), from: f.at.minus(span) })
        }
    }
}
