//! `[channels.NAME]` as it is written: the keys of every platform in one table, and which of them a platform needs.
//!
//! Nothing is reached and no file is read: whether a token works is found out when the channel is opened.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::Range;

use serde::{Deserialize, Serialize};
use toml::Spanned;

use super::error::{Fault, Source};
use super::person::malformed;
use super::value::{Address, AllowPrivate, SecretText, check_url};

/// `[channels.NAME]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Channel {
    /// Which platform.
    pub kind: Spanned<ChannelKind>,
    /// The bot's token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<SecretText>,
    /// File with the bot's token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_file: Option<Spanned<String>>,
    /// Slack's token of the bot, `xoxb-…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bot_token: Option<SecretText>,
    /// File with Slack's token of the bot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bot_token_file: Option<Spanned<String>>,
    /// Slack's token of the app, `xapp-…`, for Socket Mode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app_token: Option<SecretText>,
    /// File with Slack's token of the app.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app_token_file: Option<Spanned<String>>,
    /// What Slack signs its pushes with, instead of Socket Mode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signing_secret: Option<SecretText>,
    /// File with what Slack signs its pushes with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signing_secret_file: Option<Spanned<String>>,
    /// A Bot API or Web API server of one's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_url: Option<Spanned<Address>>,
    /// The platform pushes instead of being polled.
    #[serde(default)]
    pub webhook: bool,
    /// Messages a second over all; Telegram allows 30, Slack some hundred a minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<f64>,
    /// Messages a second in one conversation; Telegram and Slack allow 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_chat: Option<f64>,
    /// With which Discord signs what it pushes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_key: Option<Spanned<String>>,
    /// Discord's servers whose people are heard.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub guilds: Vec<Spanned<i64>>,
    /// Address and port of a server that stands in for Discord's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_resolve: Option<Spanned<String>>,
    /// The server that takes our mail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<Spanned<String>>,
    /// Its port; 587, 465 or 25 by `security`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// How the connection to it is kept secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub security: Option<Spanned<MailSecurity>>,
    /// As whom we log in there, also at ntfy and Apprise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<Spanned<String>>,
    /// With which password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<SecretText>,
    /// File with the password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_file: Option<Spanned<String>>,
    /// Who writes, such as `sereno <sereno@example.org>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Spanned<String>>,
    /// File with certificates of authorities besides the usual ones, as PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<Spanned<String>>,
    /// Where messages go, for platforms that have no address of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<Spanned<Address>>,
    /// With which webhooks are signed, `whsec_…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<SecretText>,
    /// File with what webhooks are signed with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_file: Option<Spanned<String>>,
    /// Which addresses inside the house `url` may lead to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow_private: Option<AllowPrivate>,
}

/// How a connection to a mail server is kept secret.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum MailSecurity {
    /// It begins in the clear, and nothing is said before it is secret.
    #[default]
    StartTls,
    /// From its first byte.
    Tls,
    /// Not at all; for a server on this machine.
    None,
}

/// Platforms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say it")]
pub enum ChannelKind {
    Discord,
    Telegram,
    Email,
    Slack,
    Ntfy,
    Apprise,
    Webhook,
    Log,
}

impl ChannelKind {
    /// The word in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Discord => "discord",
            Self::Telegram => "telegram",
            Self::Email => "email",
            Self::Slack => "slack",
            Self::Ntfy => "ntfy",
            Self::Apprise => "apprise",
            Self::Webhook => "webhook",
            Self::Log => "log",
        }
    }
}

/// What is wrong with channels, as far as can be seen without reading their secrets' files.
pub fn check(channels: &BTreeMap<String, Channel>, source: Source<'_>, faults: &mut Vec<Fault>) {
    for (name, channel) in channels {
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
        check_login(name, channel, source, faults);
        for url in [&channel.api_url, &channel.url].into_iter().flatten() {
            check_url(&url.get_ref().0, url.span(), source, faults);
        }
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
    faults
}

/// A name without a password, or a password without a name.
fn check_login(name: &str, channel: &Channel, source: Source<'_>, faults: &mut Vec<Fault>) {
    let has_password = channel.password.is_some() || channel.password_file.is_some();
    match &channel.username {
        Some(username) if !has_password => {
            let message = format!("channels.{name} has a username and needs password_file");
            faults.push(source.fault(Some(username.span()), message));
        }
        None if has_password => {
            let message = format!("channels.{name} has a password and needs username");
            faults.push(source.fault(Some(channel.kind.span()), message));
        }
        _ => {}
    }
}

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
}

/// An address, or a name and an address in angle brackets.
fn is_mailbox(text: &str) -> bool {
    let address = match text.rsplit_once('<') {
        Some((_, rest)) => rest.strip_suffix('>'),
        None => Some(text),
    };
    address.is_some_and(|address| malformed("email", address).is_none()) && !text.contains(['\r', '\n'])
}
