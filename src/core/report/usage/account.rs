//! What is told more than once counts once: readings of counters, and calls within calls.
//!
//! What was told before stands among the running totals of the session, under names that no model has. Nothing here
//! guesses: a counter of which the beginning was not seen begins with its first reading.

use crate::core::event::{Event, Usage};
use crate::core::money::{Micros, Tokens};
use crate::core::report::About;
use crate::core::step::Fold;
use crate::core::time::{Span, Ts};
use crate::core::world::Session;

/// A counter that began this long before its first reading, or later, is taken from its beginning. Shorter than a
/// session is remembered: what is forgotten does not count again.
const FRESH: Span = Span::hours(1);
/// Counters of one session.
const MAX_COUNTERS: usize = 64;
/// Calls of one session that others may lie within or around: who tells of the same tells at about the same time.
const MAX_CALLS: usize = 32;

/// Running totals by name.
type Totals = Vec<(String, Tokens, Option<Micros>)>;

const COUNTER: &str = "counter:";
/// What lay within a call that has not been told itself.
const PARTS: &str = "parts:";
/// A call that has been told.
const TOLD: &str = "told:";

impl Fold<'_> {
    /// What a counter has grown by since its last reading.
    pub(super) fn beyond_last_reading(
        &mut self,
        about: &About,
        id: &str,
        since: Option<Ts>,
        usage: &Usage,
    ) -> (Tokens, Option<Micros>) {
        let Some(session) = about.session else { return NOTHING };
        let totals = &mut self.w.sessions[session].totals;
        let series = format!("{COUNTER}{id}@");
        let name = format!("{series}{}", since.map_or(0, |at| at.0));
        let reading = (name, usage.tokens(), usage.cost);
        let Some(place) = totals.iter().position(|(have, ..)| have.starts_with(&series)) else {
            if totals.iter().filter(|(have, ..)| have.starts_with(COUNTER)).count() < MAX_COUNTERS {
                totals.push(reading);
                let fresh = since.is_some_and(|since| about.time.since(since) <= FRESH);
                return if fresh { (usage.tokens(), usage.cost) } else { NOTHING };
            }
            return NOTHING;
        };
        let before = &totals[place];
        let went_back = usage.cost < before.2 || before.1.beyond(&reading.1) != Tokens::default();
        let again = match since {
            Some(since) => began(&before.0) < since.0,
            None => went_back,
        };
        if again {
            totals[place] = reading;
            return (usage.tokens(), usage.cost);
        }
        // A reading that comes late is less than one that was there before.
        if went_back || since.is_some_and(|since| began(&before.0) > since.0) {
            return NOTHING;
        }
        let grown = (reading.1.beyond(&before.1), usage.cost.map(|cost| cost - before.2.unwrap_or_default()));
        totals[place] = reading;
        grown
    }

    /// What a call tells beyond those within it that were told before; nothing, when the one around it was.
    pub(super) fn beyond_what_was_within(
        &mut self,
        about: &About,
        id: &str,
        within: Option<&str>,
        event: &Event,
    ) -> (Tokens, Option<Micros>) {
        let usage = event.usage.unwrap_or_default();
        let Some(ix) = about.session else { return (usage.tokens(), usage.cost) };
        let price = self.w.policy.price_of(event.model.as_deref().unwrap_or_default()).price;
        let session = &mut self.w.sessions[ix];
        if within.is_some_and(|outer| find(&session.totals, TOLD, outer).is_some()) {
            remember(session, TOLD, id, Tokens::default(), None);
            return NOTHING;
        }
        let parts = find(&session.totals, PARTS, id).map(|place| session.totals.remove(place));
        let (_, before, counted) = parts.unwrap_or_default();
        let tokens = usage.tokens().not_within(&before);
        let cost = usage.cost.map(|cost| cost - counted.unwrap_or_default());
        remember(session, TOLD, id, Tokens::default(), None);
        if let Some(outer) = within {
            let booked = cost.or_else(|| price.map(|price| price.cost(&tokens)));
            let (mut whole, mut money) = (before, counted.unwrap_or_default() + booked.unwrap_or_default());
            whole += tokens;
            if let Some(place) = find(&session.totals, PARTS, outer) {
                let (_, others, paid) = session.totals.remove(place);
                whole += others;
                money += paid.unwrap_or_default();
            }
            remember(session, PARTS, outer, whole, Some(money));
        }
        (tokens, cost)
    }
}

const NOTHING: (Tokens, Option<Micros>) =
    (Tokens { input: 0, output: 0, cache_read: 0, cache_write: 0 }, Some(Micros(0)));

/// When the counter of this name began to count; 0 when it did not say.
fn began(name: &str) -> i64 {
    name.rsplit('@').next().and_then(|at| at.parse().ok()).unwrap_or(0)
}

fn find(totals: &Totals, sort: &str, id: &str) -> Option<usize> {
    totals.iter().position(|(have, ..)| have.strip_prefix(sort) == Some(id))
}

/// Remembers a call in place of the oldest one.
fn remember(session: &mut Session, sort: &str, id: &str, tokens: Tokens, cost: Option<Micros>) {
    let totals = &mut session.totals;
    let is_call = |name: &str| name.starts_with(PARTS) || name.starts_with(TOLD);
    if totals.iter().filter(|(have, ..)| is_call(have)).count() >= MAX_CALLS
        && let Some(oldest) = totals.iter().position(|(have, ..)| is_call(have))
    {
        totals.remove(oldest);
    }
    totals.push((format!("{sort}{id}"), tokens, cost));
}
