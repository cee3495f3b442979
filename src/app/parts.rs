//! Channels, runtimes and tokens, from their configuration: a list of kinds, no more.

use std::collections::HashMap;
#[cfg(feature = "email")]
use std::path::Path;
use std::sync::Arc;

use toml::Spanned;

use crate::channel::Channel;
use crate::channel::apprise::{self, Apprise};
use crate::channel::log::LogChannel;
use crate::channel::ntfy::{self, Login, Ntfy};
use crate::channel::web::WebChannel;
use crate::channel::webhook::{self, Webhook};
use crate::config::{self, Address, ChannelKind, Config, ConfigError, Fault, RuntimeKind};
use crate::http::ApiToken;
use crate::outgoing::Inside;
use crate::runtime::claude_code::ClaudeCode;
use crate::runtime::generic::Generic;
use crate::runtime::secret::Secret;
use crate::runtime::signature::{self, Key};
use crate::runtime::{AgentScope, Runtime, claude_code, generic};

fn fault(place: String, message: impl Into<String>) -> ConfigError {
    Fault { place, message: message.into() }.into()
}

/// Channels by name; the page is always among them.
///
/// # Errors
/// When a secret cannot be read or used.
pub fn build_channels(
    config: &Config,
    page: Arc<WebChannel>,
) -> Result<HashMap<String, Arc<dyn Channel>>, ConfigError> {
    let mut channels: HashMap<String, Arc<dyn Channel>> = HashMap::new();
    channels.insert(config::PAGE.to_owned(), page);
    for (name, about) in &config.file.channels {
        let channel: Arc<dyn Channel> = match about.kind.get_ref() {
            ChannelKind::Log => Arc::new(LogChannel::new(Box::new(std::io::stdout()))),
            ChannelKind::Discord => discord(config, name, about)?,
            ChannelKind::Telegram => telegram(config, name, about)?,
            ChannelKind::Slack => slack(config, name, about)?,
            ChannelKind::Email => email(config, name, about)?,
            ChannelKind::Ntfy => ntfy(config, name, about)?,
            ChannelKind::Apprise => apprise(config, name, about)?,
            ChannelKind::Webhook => webhook(config, name, about)?,
        };
        channels.insert(name.clone(), channel);
    }
    Ok(channels)
}

#[cfg(feature = "discord")]
fn discord(config: &Config, name: &str, about: &config::Channel) -> Result<Arc<dyn Channel>, ConfigError> {
    use crate::channel::discord::{Discord, Settings, public_key};

    let place = format!("channels.{name}");
    let token = config.secret(about.token.as_ref(), about.token_file.as_ref(), &place)?;
    let token = token.ok_or_else(|| fault(place.clone(), "needs token_file"))?;
    let authority = config.secret(None, about.ca_file.as_ref(), &place)?;
    let settings = Settings {
        name: name.to_owned(),
        token: token.reveal().to_owned(),
        key: about.public_key.as_ref().and_then(|key| public_key(key.get_ref())),
        guilds: about.guilds.iter().map(|id| id.get_ref().unsigned_abs()).collect(),
        resolve: about.api_resolve.as_ref().and_then(|address| address.get_ref().parse().ok()),
        authority: authority.map(|pem| pem.reveal().as_bytes().to_vec()),
        rate: (about.per_chat.unwrap_or(1.0), about.rate.unwrap_or(40.0)),
    };
    Ok(Arc::new(Discord::new(settings).map_err(|error| config.fault(&about.kind, format!("{place}: {error}")))?))
}

#[cfg(not(feature = "discord"))]
fn discord(_config: &Config, name: &str, _about: &config::Channel) -> Result<Arc<dyn Channel>, ConfigError> {
    Err(fault(format!("channels.{name}"), "this build has no Discord; build it with the feature `discord`"))
}

#[cfg(feature = "telegram")]
fn telegram(config: &Config, name: &str, about: &config::Channel) -> Result<Arc<dyn Channel>, ConfigError> {
    use crate::channel::telegram::{Settings, Telegram};

    let place = format!("channels.{name}");
    let token = config.secret(about.token.as_ref(), about.token_file.as_ref(), &place)?;
    let token = token.ok_or_else(|| fault(place.clone(), "needs token_file"))?;
    let webhook = about.webhook.then(|| format!("{}/channels/{name}", config.public_url()));
    let settings = Settings {
        name: name.to_owned(),
        token: token.reveal().to_owned(),
        api_url: url(about.api_url.as_ref(), &place)?,
        webhook: webhook
            .map(|text| text.parse().map_err(|_| fault(place.clone(), "http.public_url is no address")))
            .transpose()?,
        rate: (about.per_chat.unwrap_or(1.0), about.rate.unwrap_or(30.0)),
    };
    Ok(Arc::new(Telegram::new(settings).map_err(|error| config.fault(&about.kind, format!("{place}: {error}")))?))
}

#[cfg(not(feature = "telegram"))]
fn telegram(_config: &Config, name: &str, _about: &config::Channel) -> Result<Arc<dyn Channel>, ConfigError> {
    Err(fault(format!("channels.{name}"), "this build has no Telegram; build it with the feature `telegram`"))
}

#[cfg(feature = "slack")]
fn slack(config: &Config, name: &str, about: &config::Channel) -> Result<Arc<dyn Channel>, ConfigError> {
    use crate::channel::slack::{Settings, SlackChannel, Way};

    let place = format!("channels.{name}");
    let secret =
        |inline: &Option<_>, file: &Option<Spanned<String>>| config.secret(inline.as_ref(), file.as_ref(), &place);
    let token = |key: &str, found: Option<Secret>, file: &Option<Spanned<String>>, begin| {
        let Some(found) = found else { return Ok(None) };
        match (config::wrong_token(key, found.reveal(), begin), file) {
            (Some(why), Some(file)) => Err(config.fault(file, format!("{place}: {why}"))),
            (Some(why), None) => Err(fault(place.clone(), why)),
            (None, _) => Ok(Some(found.reveal().to_owned())),
        }
    };
    let bot = token("bot_token", secret(&about.bot_token, &about.bot_token_file)?, &about.bot_token_file, "xoxb-")?;
    let app = token("app_token", secret(&about.app_token, &about.app_token_file)?, &about.app_token_file, "xapp-")?;
    let signing = secret(&about.signing_secret, &about.signing_secret_file)?;
    let way = match (app, signing) {
        (Some(app), _) => Way::Socket(app),
        (None, Some(signing)) => Way::Pushed(signing.reveal().to_owned()),
        (None, None) => return Err(fault(place, "needs app_token_file or signing_secret_file")),
    };
    let langs = config.policy.people.values().filter_map(|p| Some((p.accounts.get("slack")?.clone(), p.lang)));
    let settings = Settings {
        name: name.to_owned(),
        bot_token: bot.ok_or_else(|| fault(place.clone(), "needs bot_token_file"))?,
        way,
        api_url: url(about.api_url.as_ref(), &place)?,
        rate: (about.per_chat.unwrap_or(1.0), about.rate.unwrap_or(4.0)),
        langs: (langs.collect(), config.policy.lang),
    };
    Ok(Arc::new(SlackChannel::new(settings).map_err(|error| config.fault(&about.kind, format!("{place}: {error}")))?))
}

#[cfg(not(feature = "slack"))]
fn slack(_config: &Config, name: &str, _about: &config::Channel) -> Result<Arc<dyn Channel>, ConfigError> {
    Err(fault(format!("channels.{name}"), "this build has no Slack; build it with the feature `slack`"))
}

#[cfg(feature = "email")]
fn email(config: &Config, name: &str, about: &config::Channel) -> Result<Arc<dyn Channel>, ConfigError> {
    use crate::channel::email::{Email, Security, Settings};
    use crate::config::MailSecurity;

    let place = format!("channels.{name}");
    let password = config.secret(about.password.as_ref(), about.password_file.as_ref(), &place)?;
    let username = about.username.as_ref().map(|name| name.get_ref().clone());
    let ca = about.ca_file.as_ref().map(|file| {
        let path = config.beside(Path::new(file.get_ref()));
        let cannot = |error| config.fault(file, format!("{place}: {} cannot be read: {error}", path.display()));
        std::fs::read(&path).map_err(cannot)
    });
    let people = config.policy.people.values().filter_map(|person| person.accounts.get("email").cloned());
    let settings = Settings {
        host: about.host.as_ref().map_or_else(String::new, |host| host.get_ref().clone()),
        port: about.port,
        security: match about.security.as_ref().map(|security| *security.get_ref()).unwrap_or_default() {
            MailSecurity::StartTls => Security::StartTls,
            MailSecurity::Tls => Security::Tls,
            MailSecurity::None => Security::None,
        },
        login: username.zip(password).map(|(name, password)| (name, password.reveal().to_owned())),
        from: about.from.as_ref().map_or_else(String::new, |from| from.get_ref().clone()),
        ca: ca.transpose()?,
        public_url: config.public_url(),
        people: people.collect(),
        rate: about.rate.unwrap_or(0.0),
    };
    Ok(Arc::new(Email::new(settings).map_err(|error| config.fault(&about.kind, format!("{place}: {error}")))?))
}

#[cfg(not(feature = "email"))]
fn email(_config: &Config, name: &str, _about: &config::Channel) -> Result<Arc<dyn Channel>, ConfigError> {
    Err(fault(format!("channels.{name}"), "this build has no e-mail; build it with the feature `email`"))
}

fn webhook(config: &Config, name: &str, about: &config::Channel) -> Result<Arc<dyn Channel>, ConfigError> {
    let place = format!("channels.{name}");
    let wrong = |why: String| match &about.secret_file {
        Some(file) => config.fault(file, format!("{place}: {why}")),
        None => config.fault(&about.kind, format!("{place}: {why}")),
    };
    let secret = config.secret(about.secret.as_ref(), about.secret_file.as_ref(), &place)?;
    let secret = secret.ok_or_else(|| fault(place.clone(), "needs secret_file (whsec_…)"))?;
    let Key::Shared(key) = Key::parse(&secret).map_err(wrong)? else {
        return Err(wrong("a whpk_ key only checks signatures; take a whsec_ secret to sign with".into()));
    };
    let settings = webhook::Settings {
        name: name.to_owned(),
        url: url(about.url.as_ref(), &place)?.ok_or_else(|| fault(place.clone(), "needs url"))?,
        sign: Arc::new(move |id, at, body| signature::sign(&key, id, at, body)),
        public_url: config.public_url(),
        rate: about.rate.unwrap_or(0.0),
    };
    let client = Webhook::client(inside(about)).map_err(|error| fault(place, error))?;
    Ok(Arc::new(Webhook::new(settings, client)))
}

fn ntfy(config: &Config, name: &str, about: &config::Channel) -> Result<Arc<dyn Channel>, ConfigError> {
    let place = format!("channels.{name}");
    let token = config.secret(about.token.as_ref(), about.token_file.as_ref(), &place)?;
    let login = match (token, login(config, about, &place)?) {
        (Some(token), _) => Login::Token(token.reveal().to_owned()),
        (None, Some((name, password))) => Login::Password(name, password),
        (None, None) => Login::Nobody,
    };
    let settings = ntfy::Settings {
        url: url(about.url.as_ref(), &place)?.ok_or_else(|| fault(place.clone(), "needs url"))?,
        login,
        public_url: config.public_url(),
        people: config.policy.people.values().filter_map(|person| person.accounts.get("ntfy").cloned()).collect(),
        inside: inside(about),
        rate: about.rate.unwrap_or(1.0),
    };
    Ok(Arc::new(Ntfy::new(settings).map_err(|error| fault(place, error))?))
}

fn apprise(config: &Config, name: &str, about: &config::Channel) -> Result<Arc<dyn Channel>, ConfigError> {
    let place = format!("channels.{name}");
    let settings = apprise::Settings {
        url: url(about.url.as_ref(), &place)?.ok_or_else(|| fault(place.clone(), "needs url"))?,
        login: login(config, about, &place)?,
        inside: inside(about),
        rate: about.rate.unwrap_or(0.0),
    };
    Ok(Arc::new(Apprise::new(settings).map_err(|error| fault(place, error))?))
}

/// Name and password, when the configuration has them.
fn login(config: &Config, about: &config::Channel, place: &str) -> Result<Option<(String, String)>, ConfigError> {
    let password = config.secret(about.password.as_ref(), about.password_file.as_ref(), place)?;
    let username = about.username.as_ref().map(|name| name.get_ref().clone());
    Ok(username.zip(password).map(|(name, password)| (name, password.reveal().to_owned())))
}

/// Which addresses inside the house a channel may call.
fn inside(about: &config::Channel) -> Inside {
    about.allow_private.clone().unwrap_or_default().0
}

/// Runtimes by name.
///
/// # Errors
/// When a secret cannot be read or used.
pub fn build_runtimes(config: &Config) -> Result<HashMap<String, Arc<dyn Runtime>>, ConfigError> {
    let mut runtimes: HashMap<String, Arc<dyn Runtime>> = HashMap::new();
    for (name, about) in &config.file.runtimes {
        let place = format!("runtimes.{name}");
        let tokens = config.secrets(about.token.as_ref(), about.token_file.as_ref(), &place)?;
        let glob = about.agents.as_ref().map(|glob| glob.get_ref().as_str());
        let agents = AgentScope::new(glob).map_err(|error| fault(place.clone(), error))?;
        let runtime: Arc<dyn Runtime> = match about.kind.get_ref() {
            RuntimeKind::ClaudeCode => {
                let gate = about.gate.unwrap_or_default();
                Arc::new(ClaudeCode::new(claude_code::Settings { tokens, gate, agents }))
            }
            RuntimeKind::Generic => {
                let settings = generic::Settings {
                    secrets: config.secrets(about.secret.as_ref(), about.secret_file.as_ref(), &place)?,
                    tokens,
                    control_url: url(about.control_url.as_ref(), &place)?,
                    can: config::verbs(about).into_iter().collect(),
                    agents,
                };
                {
                    let wrong = |error| config.fault(&about.kind, format!("{place}: {error}"));
                    Arc::new(Generic::new(settings).map_err(wrong)?)
                }
            }
            RuntimeKind::Openclaw => openclaw(config, &place, about, (tokens, agents))?,
            RuntimeKind::Otlp => otlp(name, about, tokens, agents)?,
        };
        runtimes.insert(name.clone(), runtime);
    }
    Ok(runtimes)
}

#[cfg(feature = "openclaw")]
fn openclaw(
    config: &Config,
    place: &str,
    about: &config::Runtime,
    (tokens, agents): (Vec<Secret>, AgentScope),
) -> Result<Arc<dyn Runtime>, ConfigError> {
    use crate::runtime::openclaw::{OpenClaw, Settings};

    let url = about.url.as_ref().and_then(|url| config::gateway_url(&url.get_ref().0));
    let (url, is_local) = url.ok_or_else(|| fault(place.to_owned(), "needs url"))?;
    let settings = Settings {
        url: url.into(),
        is_local,
        token: tokens.into_iter().next().ok_or_else(|| fault(place.to_owned(), "needs token_file"))?,
        hook_tokens: config.secrets(about.hook_token.as_ref(), about.hook_token_file.as_ref(), place)?,
        agents,
    };
    Ok(Arc::new(OpenClaw::new(settings)))
}

#[cfg(not(feature = "openclaw"))]
fn openclaw(
    _config: &Config,
    place: &str,
    _about: &config::Runtime,
    _keys: (Vec<Secret>, AgentScope),
) -> Result<Arc<dyn Runtime>, ConfigError> {
    Err(fault(place.to_owned(), "this build has no OpenClaw; build it with the feature `openclaw`"))
}

#[cfg(feature = "otlp")]
fn otlp(
    name: &str,
    about: &config::Runtime,
    tokens: Vec<Secret>,
    agents: AgentScope,
) -> Result<Arc<dyn Runtime>, ConfigError> {
    use crate::runtime::otlp::{Otlp, Settings};

    if tokens.is_empty() {
        return Err(fault(format!("runtimes.{name}"), "needs token_file"));
    }
    let usage = about.usage_from.unwrap_or_default();
    Ok(Arc::new(Otlp::new(Settings { name: name.to_owned(), tokens, agents, usage })))
}

#[cfg(not(feature = "otlp"))]
fn otlp(
    name: &str,
    _about: &config::Runtime,
    _tokens: Vec<Secret>,
    _agents: AgentScope,
) -> Result<Arc<dyn Runtime>, ConfigError> {
    Err(fault(format!("runtimes.{name}"), "this build has no OpenTelemetry; build it with the feature `otlp`"))
}

/// Tokens of the API.
///
/// # Errors
/// When a token cannot be read.
pub fn api_tokens(config: &Config) -> Result<Vec<ApiToken>, ConfigError> {
    let tokens = config.file.api.tokens.iter();
    tokens
        .map(|(name, about)| {
            let place = format!("api.tokens.{name}");
            let token = config.secret(about.token.as_ref(), about.token_file.as_ref(), &place)?;
            let token = token.ok_or_else(|| fault(place, "needs token_file"))?;
            Ok(ApiToken { name: name.clone(), token, role: *about.role.get_ref() })
        })
        .collect()
}

fn url(text: Option<&Spanned<Address>>, place: &str) -> Result<Option<reqwest::Url>, ConfigError> {
    let parsed = text.map(|text| text.get_ref().0.parse());
    parsed.transpose().map_err(|_| fault(place.to_owned(), "an address cannot be read"))
}
