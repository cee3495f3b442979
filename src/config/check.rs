//! What the types of a file cannot say: names that must exist, conditions that must compile.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::Range;

use toml::Spanned;

use super::access;
use super::error::{Fault, Source};
use super::file::{Channel, ChannelKind, File, MailSecurity, RuntimeKind};
use super::policy::{self, PAGE};
use super::storage;
use super::value::SecretText;
use crate::core::calendar::Cron;
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
    check_accounts(file, source, &mut faults);
    access::check(file, source, &mut faults);
    check_channels(file, source, &mut faults);
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

fn check_url(url: &str, at: Range<usize>, source: Source<'_>, faults: &mut Vec<Fault>) {
    let fits = reqwest::Url::parse(url).is_ok_and(|u| matches!(u.scheme(), "http" | "https") && u.has_host());
    if !fits {
        faults.push(source.fault(Some(at), "write an address such as https://sereno.example.org"));
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

/// An account that is two people's would be whoever comes first.
fn check_accounts(file: &File, source: Source<'_>, faults: &mut Vec<Fault>) {
    let mut known: BTreeMap<(&str, String), &str> = BTreeMap::new();
    for (name, person) in &file.people {
        for (kind, account, at) in person.accounts() {
            if let Some(why) = malformed(kind, &account) {
                faults.push(source.fault(Some(at.clone()), why));
            }
            if let Some(other) = known.insert((kind, account), name) {
                let label = label(kind);
                let message = format!("`{other}` and `{name}` have the same {label}; one account is one person");
                faults.push(source.fault(Some(at), message));
            }
        }
    }
}

fn label(kind: &str) -> &'static str {
    match kind {
        "slack" => "Slack account",
        "discord" => "Discord account",
        "email" => "e-mail address",
        "ntfy" => "topic of ntfy",
        "apprise" => "key of Apprise",
        _ => "Telegram account",
    }
}

/// Why an account cannot be one of its platform.
fn malformed(kind: &str, account: &str) -> Option<&'static str> {
    let fits = match kind {
        "slack" => {
            account.starts_with(['U', 'W'])
                && account.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit())
                && account.len() > 1
        }
        "email" => account.split_once('@').is_some_and(|(name, host)| {
            let plain = |text: &str| !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c.is_control());
            plain(name) && plain(host) && !host.contains('@') && !account.contains(['<', '>', ',', ';', '"'])
        }),
        "discord" => !account.starts_with('-'),
        "ntfy" => crate::channel::ntfy::is_topic(account),
        "apprise" => crate::channel::apprise::is_place(account),
        _ => true,
    };
    match kind {
        _ if fits => None,
        "slack" => Some("write the member ID from the profile in Slack, such as \"U012AB3CD\""),
        "discord" => Some("write the user ID from Discord, a number"),
        "ntfy" => Some("write a topic of up to 64 letters, digits, - and _, such as \"sereno-ana-7Kx2f9\""),
        "apprise" => Some("write a key, or a key with tags such as \"ops/night,phone\""),
        _ => Some("write an address such as \"ana@example.org\""),
    }
}

fn check_store(file: &File, source: Source<'_>, faults: &mut Vec<Fault>) {
    if let Some(url) = &file.store.url
        && let Err(error) = crate::store::check_url(&url.get_ref().0)
    {
        faults.push(source.fault(Some(url.span()), error.to_string()));
    }
}

fn check_discord(name: &str, channel: &Channel, source: Source<'_>, faults: &mut Vec<Fault>) {
    let at = Some(channel.kind.span());
    if cfg!(not(feature = "discord")) {
        return faults.push(source.fault(at, "this build has no Discord; build it with the feature `discord`"));
    }
    if channel.token.is_none() && channel.token_file.is_none() {
        let message =
            format!("channels.{name} needs token_file: the token on the page Bot of Discord's Developer Portal");
        faults.push(source.fault(at, message));
    }
    #[cfg(feature = "discord")]
    if let Some(key) =
        channel.public_key.as_ref().filter(|key| crate::channel::discord::public_key(key.get_ref()).is_none())
    {
        let message = "copy the public key, 64 hexadecimal digits, from General Information in the Developer Portal";
        faults.push(source.fault(Some(key.span()), message));
    }
    for guild in channel.guilds.iter().filter(|guild| *guild.get_ref() <= 0) {
        faults.push(source.fault(Some(guild.span()), "write the ID of the server, a number"));
    }
    if let Some(address) = channel.api_resolve.as_ref().filter(|at| at.get_ref().parse::<SocketAddr>().is_err()) {
        faults.push(source.fault(Some(address.span()), "write an address and a port, such as \"127.0.0.1:4143\""));
    }
}

fn check_channels(file: &File, source: Source<'_>, faults: &mut Vec<Fault>) {
    for (name, channel) in &file.channels {
        let at = Some(channel.kind.span());
        match channel.kind.get_ref() {
            ChannelKind::Discord => check_discord(name, channel, source, faults),
            ChannelKind::Telegram if cfg!(not(feature = "telegram")) => {
                faults
                    .push(source.fault(at.clone(), "this build has no Telegram; build it with the feature `telegram`"));
            }
            ChannelKind::Telegram if channel.token.is_none() && channel.token_file.is_none() => {
                faults.push(
                    source
                        .fault(at.clone(), format!("channels.{name} needs token_file: the token that @BotFather gave")),
                );
            }
            ChannelKind::Slack => {
                faults.extend(slack_faults(name, channel).into_iter().map(|why| source.fault(at.clone(), why)));
            }
            ChannelKind::Email => check_email(name, channel, source, faults),
            ChannelKind::Webhook | ChannelKind::Ntfy | ChannelKind::Apprise => {
                faults.extend(called_faults(name, channel).into_iter().map(|why| source.fault(at.clone(), why)));
            }
            _ => {}
        }
        for url in [&channel.api_url, &channel.url].into_iter().flatten() {
            check_url(&url.get_ref().0, url.span(), source, faults);
        }
    }
}

/// What is wrong with a channel that calls an address of one's own.
fn called_faults(name: &str, channel: &Channel) -> Vec<String> {
    let mut faults = Vec::new();
    let where_to = match channel.kind.get_ref() {
        ChannelKind::Ntfy => "the server, such as https://ntfy.example.org",
        ChannelKind::Apprise => "the Apprise API server, such as http://127.0.0.1:8000",
        _ => "where notices go",
    };
    if channel.url.is_none() {
        faults.push(format!("channels.{name} needs url: {where_to}"));
    }
    let has_secret = channel.secret.is_some() || channel.secret_file.is_some();
    if *channel.kind.get_ref() == ChannelKind::Webhook && !has_secret {
        faults.push(format!("channels.{name} needs secret_file (whsec_…), with which notices are signed"));
    }
    let has_password = channel.password.is_some() || channel.password_file.is_some();
    match &channel.username {
        Some(_) if !has_password => faults.push(format!("channels.{name} has a username and needs password_file")),
        None if has_password => faults.push(format!("channels.{name} has a password and needs username")),
        _ => {}
    }
    faults
}

/// What is wrong with a channel of Slack, as far as can be seen without reading its secrets' files.
fn slack_faults(name: &str, channel: &Channel) -> Vec<String> {
    if cfg!(not(feature = "slack")) {
        return vec!["this build has no Slack; build it with the feature `slack`".into()];
    }
    let mut faults = Vec::new();
    let has = |inline: &Option<SecretText>, file: &Option<Spanned<String>>| inline.is_some() || file.is_some();
    if !has(&channel.bot_token, &channel.bot_token_file) {
        let instead = if has(&channel.token, &channel.token_file) { ", not token" } else { "" };
        faults.push(format!(
            "channels.{name} needs bot_token_file{instead}: the bot token (xoxb-…) of the installed app"
        ));
    }
    let socket = has(&channel.app_token, &channel.app_token_file);
    let pushed = has(&channel.signing_secret, &channel.signing_secret_file);
    match (socket, pushed) {
        (false, false) => faults.push(format!(
            "channels.{name} needs app_token_file: an app token (xapp-…) with connections:write, for Socket Mode; or \
             signing_secret_file, when Slack shall push to http.public_url"
        )),
        (true, true) => faults.push(format!(
            "channels.{name} has both app_token_file and signing_secret_file; take out the one that the app does not use"
        )),
        _ => {}
    }
    let inline = [("bot_token", &channel.bot_token, "xoxb-"), ("app_token", &channel.app_token, "xapp-")];
    for (key, secret, begin) in inline {
        faults.extend(
            secret
                .as_ref()
                .and_then(|secret| wrong_token(key, &secret.0, begin))
                .map(|why| format!("channels.{name}: {why}")),
        );
    }
    faults
}

/// What is wrong with a token of Slack, going by how it begins; it is never quoted.
pub fn wrong_token(key: &str, token: &str, begin: &str) -> Option<String> {
    let kinds = [("xoxb-", "a bot token"), ("xapp-", "an app token"), ("xoxp-", "a user's token")];
    if token.starts_with(begin) {
        return None;
    }
    let wanted = kinds.iter().find(|(start, _)| *start == begin).map_or("another one", |(_, kind)| kind);
    let other = kinds.iter().find(|(start, _)| token.starts_with(start));
    Some(match other {
        Some((start, kind)) => format!("{key} holds {kind} ({start}…); it takes {wanted} ({begin}…)"),
        None => format!("{key} takes {wanted}, which begins with {begin}"),
    })
}

fn check_email(name: &str, channel: &Channel, source: Source<'_>, faults: &mut Vec<Fault>) {
    let mut fault = |at: Range<usize>, message: String| faults.push(source.fault(Some(at), message));
    let at = channel.kind.span();
    if cfg!(not(feature = "email")) {
        fault(at.clone(), "this build has no e-mail; build it with the feature `email`".into());
    }
    match &channel.host {
        None => fault(at.clone(), format!("channels.{name} needs host: the server that takes your mail")),
        Some(host) if host.get_ref().is_empty() || host.get_ref().contains(['/', ':', '@', ' ']) => {
            fault(host.span(), "write a host such as \"smtp.example.org\", and its port as `port`".into());
        }
        Some(_) => {}
    }
    match &channel.from {
        None => fault(at, format!("channels.{name} needs from: who writes, such as \"sereno@example.org\"")),
        Some(from) if !is_mailbox(from.get_ref()) => {
            fault(from.span(), "write a mailbox such as \"sereno <sereno@example.org>\"".into());
        }
        Some(_) => {}
    }
    let host = channel.host.as_ref().map_or("", |host| host.get_ref().as_str());
    let is_here = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
    if let Some(security) = channel.security.as_ref().filter(|s| *s.get_ref() == MailSecurity::None && !is_here) {
        let message = "security = \"none\" is for a server on this machine; write \"starttls\" or \"tls\"";
        fault(security.span(), message.into());
    }
    let has_password = channel.password.is_some() || channel.password_file.is_some();
    match &channel.username {
        Some(username) if !has_password => {
            fault(username.span(), format!("channels.{name} has a username and needs password_file"));
        }
        None if has_password => {
            fault(channel.kind.span(), format!("channels.{name} has a password and needs username"));
        }
        _ => {}
    }
}

/// An address, or a name and an address in angle brackets.
fn is_mailbox(text: &str) -> bool {
    let address = match text.rsplit_once('<') {
        Some((_, rest)) => rest.strip_suffix('>'),
        None => Some(text),
    };
    address.is_some_and(|address| malformed("email", address).is_none()) && !text.contains(['\r', '\n'])
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
            RuntimeKind::ClaudeCode if !has_token => {
                faults
                    .push(source.fault(at.clone(), format!("runtimes.{name} needs token_file: any long random text")));
            }
            _ => {}
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

/// A place inside a string, whose opening quote is one character long.
fn within(text: &Spanned<String>, offset: Option<usize>) -> Range<usize> {
    let span = text.span();
    match offset {
        Some(offset) => span.start + 1 + offset..span.end,
        None => span,
    }
}
