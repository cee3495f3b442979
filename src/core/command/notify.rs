//! `/notify`: what whoever says it wants to be told. Everything that a line says holds, or nothing of it.

use std::collections::BTreeSet;

use serde_json::json;

use super::{Answer, Call};
use crate::core::calendar::{Hours, Unit};
use crate::core::message::{Content, NotifyView};
use crate::core::policy::Severity;
use crate::core::preference::Preference;
use crate::core::reason::Reason;
use crate::core::step::Fold;

/// What can be chosen, and the words for it.
const FORMATS: &[&str] = &["compact", "full"];
const LEVELS: &[(&str, Option<Severity>)] = &[
    ("critical", Some(Severity::Critical)),
    ("warning", Some(Severity::Warning)),
    ("info", Some(Severity::Info)),
    ("all", None),
];
/// Words for digests that come as often.
const UNITS: &[(&str, Unit)] = &[
    ("daily", Unit::Day),
    ("weekly", Unit::Week),
    ("monthly", Unit::Month),
    ("diario", Unit::Day),
    ("semanal", Unit::Week),
    ("mensual", Unit::Month),
];
const KEYS: &[&str] = &["format", "level", "digest", "quiet", "reset"];

/// `/notify`: what is chosen.
pub(super) fn look(f: &Fold<'_>, call: &Call) -> Result<Answer, Reason> {
    if !call.line.raw.is_empty() || !f.w.policy.people.contains_key(&call.who.person) {
        return Err(Reason::NothingToDo);
    }
    Ok(Answer::Content(Content::Notify(f.notify_view(&call.who.person))))
}

/// `/notify [reset] [format:…] [level:…] [digest:…] [quiet:…]`
pub(super) fn notify(f: &mut Fold<'_>, call: &Call) -> Result<Answer, Reason> {
    let person = call.who.person.clone();
    // Nobody is behind a token.
    if !f.w.policy.people.contains_key(&person) {
        return Err(Reason::NothingToDo);
    }
    let before = f.w.preferences.of(&person).cloned().unwrap_or_default();
    let after = chosen(f, call, &person, before.clone())?;
    if after != before {
        f.w.preferences.choose(&person, after.clone());
        let data = json!({ "via": call.who.channel, "before": before, "after": after });
        f.audit(&person, "notify.changed", &format!("person:{person}"), data);
        f.reconsider(&person);
    }
    Ok(Answer::Content(Content::Notify(f.notify_view(&person))))
}

fn chosen(f: &Fold<'_>, call: &Call, person: &str, before: Preference) -> Result<Preference, Reason> {
    let mut after = before;
    for word in &call.line.words {
        match word.to_lowercase().as_str() {
            "reset" | "restablecer" => after = Preference::default(),
            word => return Err(unknown(call, "setting", word.split(':').next().unwrap_or(word), KEYS)),
        }
    }
    if let Some(word) = call.line.key("format") {
        after.compact = match word.to_lowercase().as_str() {
            "compact" | "compacto" => true,
            "full" | "completo" => false,
            word => return Err(unknown(call, "format", word, FORMATS)),
        };
    }
    if let Some(word) = call.line.key("level") {
        let word = word.to_lowercase();
        let names: Vec<&str> = LEVELS.iter().map(|(name, _)| *name).collect();
        let found = LEVELS.iter().find(|(name, _)| *name == word);
        after.level = found.ok_or_else(|| unknown(call, "level", &word, &names))?.1;
    }
    if let Some(words) = call.line.key("digest") {
        after.digests = digests(f, call, person, &words.to_lowercase())?;
    }
    if let Some(word) = call.line.key("quiet") {
        after.quiet = match word.to_lowercase().as_str() {
            "off" | "no" => None,
            word => Some(Hours::parse(word).ok_or_else(|| unknown(call, "hours", word, &[]))?),
        };
    }
    Ok(after)
}

/// Names of digests that are meant, among those that are configured for the person; all when there is no choice.
fn digests(f: &Fold<'_>, call: &Call, person: &str, words: &str) -> Result<Option<BTreeSet<String>>, Reason> {
    match words {
        "off" | "no" => return Ok(Some(BTreeSet::new())),
        "on" | "all" => return Ok(None),
        _ => {}
    }
    let own = f.digests_of(person);
    let mut names = BTreeSet::new();
    for word in words.split(',') {
        let unit = UNITS.iter().find(|(name, _)| *name == word).map(|(_, unit)| *unit);
        let is_meant = |name: &&String| {
            let by_name = own.iter().any(|own| own.to_lowercase() == word);
            if by_name { name.to_lowercase() == word } else { Some(f.w.policy.digests[*name].period) == unit }
        };
        let before = names.len();
        names.extend(own.iter().filter(is_meant).cloned());
        if names.len() == before {
            let known: Vec<&str> = own.iter().map(String::as_str).chain(["off", "on"]).collect();
            return Err(unknown(call, "digest", word, &known));
        }
    }
    Ok(Some(names))
}

/// What was typed, with the nearest that there is; without one near, all that can be written.
fn unknown(call: &Call, what: &str, word: &str, known: &[&str]) -> Reason {
    let near = known.iter().map(|name| (strsim::damerau_levenshtein(name, word), *name)).min();
    match near.filter(|(distance, name)| *distance <= 1 + name.len() / 3) {
        Some((_, nearest)) => {
            Reason::NotFound { what: what.into(), name: word.to_owned(), nearest: Some(nearest.to_owned()) }
        }
        None => Reason::BadArgument { command: call.spec.name.clone(), argument: word.to_owned() },
    }
}

impl Fold<'_> {
    /// Names of the digests that are configured for a person.
    fn digests_of(&self, person: &str) -> Vec<String> {
        let reader = format!("person:{person}");
        let digests = self.w.policy.digests.iter().filter(|(_, spec)| spec.to.contains(&reader));
        digests.map(|(name, _)| name.clone()).collect()
    }

    /// What a person is told, and by whose choice.
    pub fn notify_view(&self, person: &str) -> NotifyView {
        let chosen = self.w.preferences.of(person).cloned().unwrap_or_default();
        let reader = format!("person:{person}");
        let digests = self.digests_of(person).into_iter().map(|name| {
            let comes = self.w.wants_digest(&reader, &name);
            (name, comes)
        });
        let zone = self.w.policy.people.get(person).map_or(&self.w.policy.tz, |about| &about.tz).clone();
        NotifyView {
            person: person.to_owned(),
            compact: chosen.compact,
            level: chosen.level,
            digests: digests.collect(),
            chosen: chosen.digests.is_some(),
            quiet: chosen.quiet.map(|hours| hours.to_string()),
            until: self.w.quiet_until(person),
            zone,
            waiting: self.waiting_for(person),
            at: self.at,
        }
    }
}
