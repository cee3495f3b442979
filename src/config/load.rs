//! Finding, reading, layering: environment over file over defaults.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use toml::Spanned;

use super::channel::Channel;
use super::error::{ConfigError, Fault, Source};
use super::file::File;
use super::value::{OneOrMany, SecretText};
use super::{check, env, policy};
use crate::core::policy::Policy;
use crate::core::time::Span;
use crate::runtime::secret::Secret;

/// The defaults, as a commented file.
pub const DEFAULTS: &str = include_str!("../../deploy/sereno.toml");
/// Where a configuration is looked for when none is named.
const PLACES: [&str; 2] = ["sereno.toml", "/etc/sereno/sereno.toml"];

/// A configuration in force.
#[derive(Clone, Debug)]
pub struct Config {
    /// Every key, layered.
    pub file: File,
    /// Where it came from; relative paths start there.
    pub path: Option<PathBuf>,
    /// What decisions depend on.
    pub policy: Policy,
    /// The text of the file, to say where something stands. It may hold secrets.
    text: SecretText,
}

/// The configuration file to use: the one that is named, or the first that is there.
pub fn locate(named: Option<&Path>) -> Option<PathBuf> {
    named.map(Path::to_owned).or_else(|| PLACES.iter().map(PathBuf::from).find(|path| path.exists()))
}

impl Config {
    /// Reads the configuration at `path`, over the defaults and under `vars`.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn load(path: &Path, vars: impl Iterator<Item = (String, String)>) -> Result<Self, ConfigError> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| Fault {
            place: name.clone(),
            message: format!("cannot be read: {error}; `sereno init` writes one"),
        })?;
        let config = Self::read(Source { name: &name, text: &text }, Some(path), vars)?;
        config.check_mode(path)?;
        Ok(config)
    }

    /// Reads a configuration from a text.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn from_text(text: &str) -> Result<Self, ConfigError> {
        Self::read(Source { name: "configuration", text }, None, std::iter::empty())
    }

    fn read(
        source: Source<'_>,
        path: Option<&Path>,
        vars: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let defaults: File = toml::from_str(DEFAULTS).expect("the embedded defaults are valid");
        let own: File = toml::from_str(source.text).map_err(|error| source.parse_fault(&error))?;
        let over = env::Overlay::read(vars)?;
        let file = layered(over.file.clone(), layered(own.clone(), defaults));
        let policy = policy::policy(&file);
        let mut faults = check::check(&own, &policy, source);
        faults.extend(over.check(&policy));
        if !faults.is_empty() {
            return Err(ConfigError(faults));
        }
        Ok(Self { file, path: path.map(Path::to_owned), policy, text: SecretText(source.text.to_owned()) })
    }

    /// A secret that stands in the file itself must not be readable by others.
    fn check_mode(&self, path: &Path) -> Result<(), ConfigError> {
        use std::os::unix::fs::PermissionsExt as _;
        let secrets = |c: &Channel| {
            [&c.token, &c.bot_token, &c.app_token, &c.signing_secret, &c.password, &c.secret]
                .into_iter()
                .any(Option::is_some)
        };
        let inline = self.file.channels.values().any(secrets)
            || self.file.runtimes.values().any(|r| r.secret.is_some() || r.token.is_some())
            || self.file.api.tokens.values().any(|t| t.token.is_some());
        let open = std::fs::metadata(path).is_ok_and(|meta| meta.permissions().mode() & 0o077 != 0);
        if inline && open {
            let place = path.display().to_string();
            let message =
                format!("holds a secret and can be read by others; run chmod 600 {place}, or use …_file keys");
            return Err(Fault { place, message }.into());
        }
        Ok(())
    }

    /// Where it listens.
    pub fn listen(&self) -> SocketAddr {
        self.file.http.listen.map_or_else(|| SocketAddr::from(([127, 0, 0, 1], 8787)), |listen| listen.0)
    }

    /// Its address as others see it, without a slash at its end.
    pub fn public_url(&self) -> String {
        let url = self.file.http.public_url.as_ref().map(|url| url.get_ref().trim_end_matches('/').to_owned());
        url.unwrap_or_else(|| format!("http://{}", self.listen()))
    }

    /// Whom a push service may write to about us: what the configuration says, else our own address where that is one.
    /// <https://www.rfc-editor.org/rfc/rfc8292#section-2.1>
    pub fn contact(&self) -> String {
        let own = Some(self.public_url()).filter(|url| url.starts_with("https://"));
        let said = self.file.push.contact.as_ref().map(|contact| contact.get_ref().clone());
        said.or(own).unwrap_or_else(|| "mailto:sereno@localhost".to_owned())
    }

    /// Address of the store with its password; a relative file is relative to the configuration.
    ///
    /// # Errors
    /// When the file of the password cannot be read, or has no place in the address.
    pub fn store_url(&self) -> Result<String, ConfigError> {
        let url = self.file.store.url.as_ref().map_or("sqlite://sereno.db", |url| url.get_ref().0.as_str());
        if let Some(file) = crate::store::sqlite_path(url) {
            return Ok(format!("sqlite://{}", self.beside(&file).display()));
        }
        self.with_password(url)
    }

    fn with_password(&self, url: &str) -> Result<String, ConfigError> {
        let Some(at) = &self.file.store.password_file else { return Ok(url.to_owned()) };
        let password = self.secret_in(at.get_ref(), "store").map_err(|message| self.fault(at, message))?;
        crate::store::with_password(url, password.reveal()).map_err(|error| self.fault(at, error.to_string()))
    }

    /// How long a dead process keeps the folding lease.
    pub fn lease(&self) -> Span {
        self.file.store.lease.map_or(Span::secs(15), |lease| lease.0)
    }

    /// An address of the same store that leads past a pooler.
    ///
    /// # Errors
    /// As [`Config::store_url`].
    pub fn direct_url(&self) -> Result<Option<String>, ConfigError> {
        let url = self.file.store.direct_url.as_ref();
        url.map(|url| self.with_password(&url.get_ref().0)).transpose()
    }

    /// A path as the configuration means it.
    pub fn beside(&self, path: &Path) -> PathBuf {
        let folder = self.path.as_deref().and_then(Path::parent);
        folder.map_or_else(|| path.to_owned(), |folder| folder.join(path))
    }

    /// The secret behind a pair of keys such as `token` and `token_file`.
    ///
    /// # Errors
    /// When the file cannot be read or is empty.
    pub fn secret(
        &self,
        inline: Option<&SecretText>,
        file: Option<&Spanned<String>>,
        what: &str,
    ) -> Result<Option<Secret>, ConfigError> {
        if let Some(file) = file {
            let found = self.secret_in(file.get_ref(), what);
            return found.map(Some).map_err(|message| self.fault(file, message));
        }
        Ok(inline.map(|text| Secret::new(&text.0)))
    }

    /// All secrets behind a pair of keys, the newest first.
    ///
    /// # Errors
    /// As [`Config::secret`].
    pub fn secrets(
        &self,
        inline: Option<&OneOrMany<SecretText>>,
        files: Option<&Spanned<OneOrMany<String>>>,
        what: &str,
    ) -> Result<Vec<Secret>, ConfigError> {
        let read = |at: &Spanned<OneOrMany<String>>| {
            let found = at.get_ref().as_slice().iter().map(|file| self.secret_in(file, what));
            found.collect::<Result<Vec<_>, _>>().map_err(|message| self.fault(at, message))
        };
        let mut found = files.map(read).transpose()?.unwrap_or_default();
        found.extend(inline.into_iter().flat_map(OneOrMany::as_slice).map(|text| Secret::new(&text.0)));
        Ok(found)
    }

    /// Reads a file beside the configuration, or in the directory in which a supervisor puts credentials.
    fn secret_in(&self, file: &str, what: &str) -> Result<Secret, String> {
        let path = self.beside(Path::new(file));
        let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").map(|dir| PathBuf::from(dir).join(file));
        let found = credentials.filter(|path| path.exists()).unwrap_or(path);
        let fault = |message: String| format!("{what}: {} {message}", found.display());
        let text = std::fs::read_to_string(&found).map_err(|error| fault(format!("cannot be read: {error}")))?;
        if text.trim().is_empty() {
            return Err(fault("is empty; write the secret into it".into()));
        }
        Ok(Secret::new(&text))
    }

    /// What is wrong with a value, with its place when it stands in the file.
    pub fn fault<T: serde::Serialize>(&self, at: &Spanned<T>, message: impl Into<String>) -> ConfigError {
        let name = self.path.as_ref().map_or_else(|| "configuration".to_owned(), |path| path.display().to_string());
        let text = &self.text.0;
        let bare = |text: &str| text.replace(['"', '\'', ' '], "");
        let written = toml::Value::try_from(at.get_ref()).map(|value| bare(&value.to_string())).ok();
        // A value of the environment stands nowhere in the file.
        let is_here = written.is_some() && text.get(at.span()).map(bare) == written;
        Source { name: &name, text }.fault(is_here.then(|| at.span()), message).into()
    }

    /// The configuration as TOML, without secrets.
    pub fn show(&self) -> String {
        toml::to_string_pretty(&self.file).unwrap_or_else(|error| format!("# {error}"))
    }
}

/// `over` where it says something, `under` elsewhere.
fn layered(over: File, under: File) -> File {
    fn maps<T>(over: BTreeMap<String, T>, mut under: BTreeMap<String, T>) -> BTreeMap<String, T> {
        under.extend(over);
        under
    }
    let mut rules = under.rules;
    for rule in over.rules {
        match rules.iter_mut().find(|have| have.name.get_ref() == rule.name.get_ref()) {
            Some(have) => *have = rule,
            None => rules.push(rule),
        }
    }
    File {
        http: over.http.or(under.http),
        store: over.store.or(under.store),
        defaults: over.defaults.or(under.defaults),
        approvals: over.approvals.or(under.approvals),
        agents: over.agents.or(under.agents),
        log: over.log.or(under.log),
        people: maps(over.people, under.people),
        channels: maps(over.channels, under.channels),
        push: over.push.or(under.push),
        runtimes: maps(over.runtimes, under.runtimes),
        rules,
        routes: if over.routes.is_empty() { under.routes } else { over.routes },
        digest: maps(over.digest, under.digest),
        budgets: maps(over.budgets, under.budgets),
        prices: maps(over.prices, under.prices),
        api: super::file::Api { tokens: maps(over.api.tokens, under.api.tokens) },
        heartbeat: over.heartbeat.or(under.heartbeat),
        retention: over.retention.or(under.retention),
        backup: over.backup.or(under.backup),
    }
}
