//! From a checked file to what decisions depend on.

use std::collections::{BTreeMap, BTreeSet};

use toml::Spanned;

use super::access;
use super::file::{Digest, File, Rule, Runtime, RuntimeKind};
use crate::channel::carries;
use crate::core::access::Access;
use crate::core::calendar::{Cron, Unit};
use crate::core::device::PUSH;
use crate::core::money::Price;
use crate::core::policy::{ChannelPolicy, DigestSpec, Lang, Person, Policy, RouteSpec, RuleSpec, RuntimePolicy, Verb};
use crate::core::time::Span;

/// Name of the page's channel.
pub const PAGE: &str = "page";

/// The policy of a checked file.
pub fn policy(file: &File) -> Policy {
    let standard = Policy::default();
    let lang = file.defaults.lang.unwrap_or(Lang::En);
    let tz = file.defaults.tz.as_ref().map_or_else(|| standard.tz.clone(), |tz| tz.0.clone());
    Policy {
        people: people(file, lang, &tz),
        tokens: file.api.tokens.iter().map(|(name, token)| (name.clone(), *token.role.get_ref())).collect(),
        access: rules(file),
        environments: environments(file),
        keys: BTreeMap::new(),
        channels: channels(file),
        runtimes: file.runtimes.iter().map(|(name, runtime)| (name.clone(), of_runtime(runtime))).collect(),
        rules: file.rules.iter().filter(|rule| rule.enabled).map(of_rule).collect(),
        routes: file
            .routes
            .iter()
            .map(|route| RouteSpec {
                matchers: route.matchers.get_ref().clone(),
                to: route.to.get_ref().iter().map(|to| to.get_ref().clone()).collect(),
            })
            .collect(),
        digests: file.digest.iter().map(|(name, digest)| (name.clone(), of_digest(name, digest))).collect(),
        budgets: file.budgets.iter().filter_map(|(name, b)| Some((name.clone(), b.get_ref().spec().ok()?))).collect(),
        prices: prices(file),
        approval_timeout: file.approvals.timeout.as_ref().map_or(standard.approval_timeout, |t| t.get_ref().0),
        silent_after: file.agents.silent_after.map_or(standard.silent_after, |s| s.0),
        lang,
        tz,
    }
}

fn people(file: &File, lang: Lang, tz: &str) -> BTreeMap<String, Person> {
    let own = file.people.iter().map(|(name, person)| {
        let about = Person {
            role: person.role,
            lang: person.lang.unwrap_or(lang),
            tz: person.tz.as_ref().map_or_else(|| tz.to_owned(), |tz| tz.0.clone()),
            accounts: person.accounts().map(|(kind, account, _)| (kind.to_owned(), account)).collect(),
        };
        (name.clone(), about)
    });
    own.collect()
}

/// Of those only whose role does not say all.
fn rules(file: &File) -> BTreeMap<String, Access> {
    let people = file.people.iter().map(|(name, person)| (name, person.access()));
    let tokens = file.api.tokens.iter().map(|(name, token)| (name, token.access()));
    let all = people.chain(tokens).map(|(name, keys)| (name.clone(), access::of_keys(keys)));
    all.filter(|(_, access)| !access.is_plain()).collect()
}

fn environments(file: &File) -> BTreeMap<String, String> {
    let named = file.runtimes.iter().filter_map(|(name, runtime)| Some((name, runtime.environment.as_ref()?)));
    named.map(|(name, environment)| (name.clone(), environment.get_ref().clone())).collect()
}

fn channels(file: &File) -> BTreeMap<String, ChannelPolicy> {
    let built_in = [(PAGE, "web"), (crate::http::api::CHANNEL, "api"), (PUSH, PUSH)]
        .map(|(name, kind)| (name.to_owned(), carries(kind)));
    let own = file.channels.iter().map(|(name, about)| (name.clone(), carries(about.kind.get_ref().as_str())));
    built_in.into_iter().chain(own).collect()
}

fn of_runtime(runtime: &Runtime) -> RuntimePolicy {
    match runtime.kind.get_ref() {
        RuntimeKind::Generic => RuntimePolicy {
            kind: "generic".into(),
            can: if runtime.control_url.is_some() { verbs(runtime) } else { BTreeSet::new() },
            pull: false,
        },
        RuntimeKind::ClaudeCode => RuntimePolicy {
            kind: "claude-code".into(),
            can: [Verb::Decide, Verb::Pause, Verb::Resume, Verb::Kill, Verb::Tell].into(),
            pull: true,
        },
        RuntimeKind::Openclaw => RuntimePolicy {
            kind: "openclaw".into(),
            can: [Verb::Decide, Verb::Pause, Verb::Resume, Verb::Kill, Verb::Tell, Verb::Reassign, Verb::Spawn].into(),
            pull: false,
        },
        // Telemetry can only be watched.
        RuntimeKind::Otlp => RuntimePolicy { kind: "otlp".into(), can: BTreeSet::new(), pull: false },
    }
}

/// What a generic runtime can be asked.
pub fn verbs(runtime: &Runtime) -> BTreeSet<Verb> {
    let all = [Verb::Decide, Verb::Pause, Verb::Resume, Verb::Kill, Verb::Tell, Verb::Reassign, Verb::Spawn];
    runtime.can.as_ref().map_or_else(|| all.into(), |can| can.iter().copied().collect())
}

/// A rule as the core knows it.
pub fn of_rule(rule: &Rule) -> RuleSpec {
    RuleSpec {
        name: rule.name.get_ref().clone(),
        when: rule.when.get_ref().clone(),
        per: rule.per,
        severity: rule.severity,
        hold: rule.hold.map_or(Span(0), |hold| hold.0),
        offer: rule.then.iter().filter_map(|then| then.get_ref().strip_prefix("offer:")).map(str::to_owned).collect(),
    }
}

/// A digest as the core knows it. What it is about is what it says, or what its name says, or how often it comes.
fn of_digest(name: &str, digest: &Digest) -> DigestSpec {
    let text = |list: &[Spanned<String>]| list.iter().map(|one| one.get_ref().clone()).collect();
    let named = match name {
        "daily" => Some(Unit::Day),
        "weekly" => Some(Unit::Week),
        "monthly" => Some(Unit::Month),
        _ => Cron::parse(digest.at.get_ref()).ok().map(|cron| cron.rhythm()),
    };
    DigestSpec {
        at: digest.at.get_ref().clone(),
        to: text(digest.to.get_ref()),
        period: digest.period.or(named).unwrap_or_default(),
        via: digest.via.as_deref().map(text).unwrap_or_default(),
    }
}

fn prices(file: &File) -> BTreeMap<String, Price> {
    file.prices.iter().filter_map(|(model, price)| Some((model.clone(), price.in_force()?))).collect()
}
