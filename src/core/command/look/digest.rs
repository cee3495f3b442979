//! `/digest`: what was sent last, or what would be sent now.

use super::super::{Answer, Call};
use super::{Outcome, answer};
use crate::core::briefing::{Reader, readers};
use crate::core::calendar::Unit;
use crate::core::message::Content;
use crate::core::policy::DigestSpec;
use crate::core::reason::Reason;
use crate::core::step::Fold;
use crate::core::time::{Span, zone};

/// `/digest [now] [NAME]`
pub fn digest(f: &Fold<'_>, call: &Call) -> Outcome {
    let is_now = |word: &&String| matches!(word.to_lowercase().as_str(), "now" | "ahora");
    let now = call.line.words.iter().any(|word| is_now(&word));
    let asked = call.line.words.iter().find(|word| !is_now(word));
    let (name, spec) = find(f, call, asked.map(String::as_str))?;
    let reader = reader(f, call, &spec);
    if !now {
        let own = f.w.briefings.told(&name, &reader.key).and_then(|told| told.last.as_deref());
        if let Some(last) = own.or_else(|| f.w.briefings.last(&name)) {
            return answer(Content::Digest(Box::new(last.clone())));
        }
    }
    let Ok(on) = zone(&reader.tz) else { return Ok(Answer::Done(Reason::NothingToDo)) };
    // With what has happened at this very instant.
    let period = (spec.period.began(f.at, &on), f.at.plus(Span(1)));
    answer(Content::Digest(Box::new(f.w.digest_view(&name, &spec, &reader, period, true))))
}

/// The digest that was asked for; without a name, the first that whoever asks reads. Where none is configured, the
/// day is one.
fn find(f: &Fold<'_>, call: &Call, asked: Option<&str>) -> Result<(String, DigestSpec), Reason> {
    let digests = &f.w.policy.digests;
    let key = format!("person:{}", call.who.person);
    let found = match asked {
        Some(asked) => digests.iter().find(|(name, _)| name.to_lowercase() == asked.to_lowercase()),
        None => digests.iter().find(|(_, spec)| spec.to.contains(&key)).or_else(|| digests.iter().next()),
    };
    if let Some((name, spec)) = found {
        return Ok((name.clone(), spec.clone()));
    }
    match asked {
        Some(asked) => {
            let near = |name: &&String| strsim::damerau_levenshtein(name, asked) <= 2;
            let nearest = digests.keys().find(near).cloned();
            Err(Reason::NotFound { what: "digest".into(), name: asked.to_owned(), nearest })
        }
        None => Ok((String::new(), DigestSpec { period: Unit::Day, ..DigestSpec::default() })),
    }
}

/// Whoever asks, on their clock. The months of a clock on which nobody reads digests stand on no page, so then it is
/// the clock of the first reader.
fn reader(f: &Fold<'_>, call: &Call, spec: &DigestSpec) -> Reader {
    let policy = &f.w.policy;
    let key = format!("person:{}", call.who.person);
    let known = readers(policy, spec);
    if let Some(own) = known.iter().find(|reader| reader.key == key) {
        return own.clone();
    }
    let tz = policy.people.get(&call.who.person).map_or(&policy.tz, |person| &person.tz).clone();
    let tz = known.into_iter().next().filter(|_| spec.period == Unit::Month).map_or(tz, |first| first.tz);
    Reader { key, tz, to: Vec::new() }
}
