//! What the types of a file cannot say: names that must exist, conditions that must compile.

use std::ops::Range;

use toml::Spanned;

use super::error::{Fault, Source};
use super::file::{File, RuntimeKind};
use super::policy::{self, PAGE};
use super::value::check_url;
use super::{access, channel, person, storage};
use crate::core::access::Ruling;
use crate::core::calendar::Cron;
use crate::core::command::CATALOGUE;
use crate::core::device::PUSH;
use crate::core::policy::{Policy, Verb};
use crate::core::route::{Destination, Matchers, expand};
use crate::core::rule::RuleBook;
use crate::core::time::Span;
use crate::runtime::AgentScope;
use crate::store::sqlite_path;

/// The longest approval that the hooks of a runtime can wait for.
const LONGEST_APPROVAL: Span = Span::mins(55);

/// Everything that is wrong with a file beyond its types; `policy` is what it and the others together say.
pub fn check(file: &File, policy: &Policy, source: Source<'_>) -> Vec<Fault> {
    let mut faults = Vec::new();
    check_http(file, source, &mut faults);
    check_store(file, source, &mut faults);
    check_storage(file, source, &mut faults);
    check_names(file, source, &mut faults);
    person::check(&file.people, source, &mut faults);
    access::check(file, source, &mut faults);
    channel::check(&file.channels, source, &mut faults);
    check_runtimes(file, source, &mut faults);
    check_rules(file, source, &mut faults);
    check_routes(file, policy, source, &mut faults);
    check_digests(file, policy, source, &mut faults);
    for budget in file.budgets.values() {
        faults.extend(budget.get_ref().spec().err().map(|message| source.fault(Some(budget.span()), message)));
    }
    faults
}

fn check_http(file: &File, source: Source<'_>, faults: &mut Vec<Fault>) {
    for url in [&file.http.public_url].into_iter().flatten() {
        check_url(url.get_ref(), url.span(), source, faults);
    }
    if let Some(contact) = &file.push.contact
        && !["mailto:", "https://"].iter().any(|start| contact.get_ref().starts_with(start))
    {
        let message = "write whom a push service may write to, such as \"mailto:ops@example.org\"";
        faults.push(source.fault(Some(contact.span()), message));
    }
    if let Some(heartbeat) = &file.heartbeat {
        check_url(&heartbeat.url.get_ref().0, heartbeat.url.span(), source, faults);
    }
    if let Some(timeout) = &file.approvals.timeout
        && !(Span::secs(5)..=LONGEST_APPROVAL).contains(&timeout.get_ref().0)
    {
        let message = format!("an approval lives between 5s and {LONGEST_APPROVAL}: a hook cannot be held open longer");
        faults.push(source.fault(Some(timeout.span()), message));
    }
}

fn check_storage(file: &File, source: Source<'_>, faults: &mut Vec<Fault>) {
    for (key, span, least, why) in storage::bounds(&file.retention) {
        if let Some(span) = span.filter(|span| span.get_ref().0 < least) {
            let message = format!("retention.{key} is {least} at least: {why}");
            faults.push(source.fault(Some(span.span()), message));
        }
    }
    let is_sqlite = file.store.url.as_ref().is_none_or(|url| sqlite_path(&url.get_ref().0).is_some());
    if let Some(dir) = file.backup.dir.as_ref().filter(|_| !is_sqlite) {
        let message = "a PostgreSQL database is copied with its own tools; take backup.dir out".to_owned();
        faults.push(source.fault(Some(dir.span()), message));
    }
    if let Some(every) = file.backup.every.as_ref().filter(|every| every.get_ref().0 < Span::mins(1)) {
        faults.push(source.fault(Some(every.span()), "a backup is made every 1m at most"));
    }
}

fn check_names(file: &File, source: Source<'_>, faults: &mut Vec<Fault>) {
    for reserved in [PAGE, crate::http::api::CHANNEL, PUSH] {
        if let Some(channel) = file.channels.get(reserved) {
            let message = format!("the name `{reserved}` is taken by a built-in channel; choose another one");
            faults.push(source.fault(Some(channel.kind.span()), message));
        }
    }
    for (name, token) in file.api.tokens.iter().filter(|(name, _)| file.people.contains_key(*name)) {
        let message = format!("`{name}` is both a person and an API token; give one another name");
        faults.push(source.fault(Some(token.role.span()), message));
    }
    for (name, token) in &file.api.tokens {
        if token.token.is_none() && token.token_file.is_none() {
            let message = format!("api.tokens.{name} needs token_file: any long random text");
            faults.push(source.fault(Some(token.role.span()), message));
        }
    }
}

fn check_store(file: &File, source: Source<'_>, faults: &mut Vec<Fault>) {
    if let Some(url) = &file.store.url
        && let Err(error) = crate::store::check_url(&url.get_ref().0)
    {
        faults.push(source.fault(Some(url.span()), error.to_string()));
    }
}

fn check_runtimes(file: &File, source: Source<'_>, faults: &mut Vec<Fault>) {
    for (name, runtime) in &file.runtimes {
        let at = Some(runtime.kind.span());
        let has_secret = runtime.secret.is_some() || runtime.secret_file.is_some();
        let has_token = runtime.token.is_some() || runtime.token_file.is_some();
        match runtime.kind.get_ref() {
            RuntimeKind::Generic if !has_secret && !has_token => {
                faults.push(
                    source.fault(at.clone(), format!("runtimes.{name} needs secret_file (whsec_…) or token_file")),
                );
            }
            RuntimeKind::Generic if runtime.control_url.is_some() && !has_secret => {
                faults.push(
                    source.fault(
                        at.clone(),
                        format!("runtimes.{name} needs secret_file to sign the calls to control_url"),
                    ),
                );
            }
            RuntimeKind::ClaudeCode | RuntimeKind::Otlp if !has_token => {
                faults
                    .push(source.fault(at.clone(), format!("runtimes.{name} needs token_file: any long random text")));
            }
            RuntimeKind::Openclaw if !has_token => {
                let message = format!("runtimes.{name} needs token_file: the gateway's own token, gateway.auth.token");
                faults.push(source.fault(at.clone(), message));
            }
            RuntimeKind::Openclaw if runtime.url.is_none() => {
                let message = format!("runtimes.{name} needs url, such as \"ws://127.0.0.1:18789\"");
                faults.push(source.fault(at.clone(), message));
            }
            _ => {}
        }
        if let Some(url) = runtime.url.as_ref().filter(|url| gateway_url(&url.get_ref().0).is_none()) {
            let message = "write the address of the gateway, such as ws://127.0.0.1:18789; elsewhere wss://";
            faults.push(source.fault(Some(url.span()), message));
        }
        if runtime.usage_from.is_some() && *runtime.kind.get_ref() != RuntimeKind::Otlp {
            faults.push(source.fault(at.clone(), format!("runtimes.{name}: usage_from is of kind = \"otlp\" alone")));
        }
        if name.contains('/') {
            faults.push(source.fault(at.clone(), format!("a runtime's name holds no slash: `{name}`")));
        }
        if let Some(url) = &runtime.control_url {
            check_url(&url.get_ref().0, url.span(), source, faults);
        }
        if let Some(glob) = &runtime.agents
            && let Err(error) = AgentScope::new(Some(glob.get_ref()))
        {
            faults.push(source.fault(Some(glob.span()), error));
        }
    }
}

/// The address of a gateway, and whether it is on this machine. Anywhere else a token needs TLS.
pub fn gateway_url(url: &str) -> Option<(reqwest::Url, bool)> {
    let url = reqwest::Url::parse(url).ok()?;
    let host = url.host_str()?;
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let is_local = host == "localhost" || bare.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
    (url.scheme() == "wss" || (url.scheme() == "ws" && is_local)).then_some((url, is_local))
}

fn check_rules(file: &File, source: Source<'_>, faults: &mut Vec<Fault>) {
    let mut names: Vec<&str> = Vec::new();
    for rule in &file.rules {
        let name = rule.name.get_ref().as_str();
        if names.contains(&name) {
            faults.push(source.fault(Some(rule.name.span()), format!("there are two rules `{name}`")));
        }
        names.push(name);
        if let Err(error) = RuleBook::compile(&[policy::of_rule(rule)]) {
            faults.push(source.fault(Some(within(&rule.when, error.offset)), error.message));
        }
        for then in &rule.then {
            check_then(then, source, faults);
        }
    }
}

fn check_then(then: &Spanned<String>, source: Source<'_>, faults: &mut Vec<Fault>) {
    let verbs = [Verb::Pause, Verb::Kill].map(Verb::as_str);
    let fits = then.get_ref().strip_prefix("offer:").is_some_and(|verb| verbs.contains(&verb));
    if !fits {
        let message = format!("`{}` is nothing a rule can do; write offer:pause or offer:kill", then.get_ref());
        faults.push(source.fault(Some(then.span()), message));
    }
}

fn check_routes(file: &File, policy: &Policy, source: Source<'_>, faults: &mut Vec<Fault>) {
    for route in &file.routes {
        if let Err((message, offset)) = Matchers::parse(route.matchers.get_ref()) {
            faults.push(source.fault(Some(within(&route.matchers, Some(offset))), message));
        }
        if route.to.get_ref().is_empty() {
            faults.push(source.fault(Some(route.to.span()), "a route must end somewhere: `to` is empty"));
        }
        for to in route.to.get_ref() {
            match expand(policy, to.get_ref()) {
                Ok(places) if places.is_empty() => {
                    faults.push(
                        source.fault(Some(to.span()), format!("`{}` can be reached on no channel", to.get_ref())),
                    );
                }
                Ok(_) => {}
                Err(message) => faults.push(source.fault(Some(to.span()), message)),
            }
        }
    }
}

fn check_digests(file: &File, policy: &Policy, source: Source<'_>, faults: &mut Vec<Fault>) {
    for (name, digest) in &file.digest {
        if let Err((message, offset)) = Cron::parse(digest.at.get_ref()) {
            faults.push(source.fault(Some(within(&digest.at, Some(offset))), message));
        }
        if digest.to.get_ref().is_empty() {
            let message = format!("digest.{name} must end somewhere: `to` is empty; write for example person:NAME");
            faults.push(source.fault(Some(digest.to.span()), message));
        }
        let (known, unknown): (Vec<_>, Vec<_>) =
            digest.via.iter().flatten().partition(|channel| policy.channels.contains_key(channel.get_ref()));
        for channel in &unknown {
            let channels: Vec<&str> = policy.channels.keys().map(String::as_str).collect();
            let said = channel.get_ref();
            let message = format!("there is no channel `{said}`; the channels are {}", channels.join(", "));
            faults.push(source.fault(Some(channel.span()), message));
        }
        let via: Vec<&str> = known.iter().map(|channel| channel.get_ref().as_str()).collect();
        let fits =
            |place: &Destination| place.person.is_none() || via.is_empty() || via.contains(&place.channel.as_str());
        for to in digest.to.get_ref() {
            let said = to.get_ref();
            if !may_read_digests(policy, said) {
                let message =
                    format!("a digest tells of the whole fleet, and `{said}` may not see all of it; take them out");
                faults.push(source.fault(Some(to.span()), message));
            }
            match expand(policy, said) {
                Ok(places) if !places.iter().any(fits) => {
                    let which = via.join(" or ");
                    let message = format!(
                        "`{said}` cannot be reached on {which}; give them an account there, or another channel to `via`"
                    );
                    faults.push(source.fault(Some(to.span()), message));
                }
                Ok(_) => {}
                Err(message) => faults.push(source.fault(Some(to.span()), message)),
            }
        }
    }
}

/// Whether a destination is a conversation, or somebody who may ask for what is sent to them unasked.
fn may_read_digests(policy: &Policy, to: &str) -> bool {
    let rights = to.strip_prefix("person:").and_then(|name| policy.rights_of(name));
    rights.zip(CATALOGUE.find("digest")).is_none_or(|(rights, spec)| rights.everywhere(spec) == Ruling::Allowed)
}

/// A place inside a string, whose opening quote is one character long.
fn within(text: &Spanned<String>, offset: Option<usize>) -> Range<usize> {
    let span = text.span();
    match offset {
        Some(offset) => span.start + 1 + offset..span.end,
        None => span,
    }
}
