//! `/settings`: how everything is set, as far as whoever asks should know: no address and no secret.

use super::super::Call;
use super::{Outcome, answer};
use crate::core::message::{Content, SettingsView};
use crate::core::step::Fold;

/// `/settings`
pub fn settings(f: &Fold<'_>, call: &Call) -> Outcome {
    let policy = &f.w.policy;
    let known = policy.people.get_key_value(&call.who.person);
    let verbs = |can: &std::collections::BTreeSet<crate::core::policy::Verb>| {
        can.iter().map(|verb| verb.as_str().to_owned()).collect::<Vec<_>>()
    };
    let runtimes = policy.runtimes.iter().map(|(name, about)| (name.clone(), about.kind.clone(), verbs(&about.can)));
    answer(Content::Settings(SettingsView {
        person: known.map(|(name, p)| (name.clone(), p.role, p.lang.as_str().to_owned(), p.tz.clone())),
        people: policy.people.len(),
        channels: policy.channels.iter().map(|(name, about)| (name.clone(), about.kind.clone())).collect(),
        runtimes: runtimes.collect(),
        rules: policy.rules.iter().map(|rule| rule.name.clone()).collect(),
        routes: policy.routes.len(),
        digests: policy.digests.iter().map(|(name, spec)| (name.clone(), spec.at.clone())).collect(),
        budgets: policy.budgets.keys().cloned().collect(),
        approval_timeout: policy.approval_timeout,
        silent_after: policy.silent_after,
        defaults: (policy.lang.as_str().to_owned(), policy.tz.clone()),
        notify: known.map(|(name, _)| f.notify_view(name)),
        at: f.at,
    }))
}
