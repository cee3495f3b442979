//! Conversations with the server: one command after the other, so that it is known at which one something failed.
//!
//! lettre's own transport tells that a mail was not taken, but not whether its last byte had been written, and not
//! whether the recipient or the text was refused. Here its connection is driven step by step; a few connections are
//! kept for the next mail. lettre waits for an answer without end, so every conversation has its time.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use lettre::Address;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt, Rset};
use lettre::transport::smtp::extension::ClientId;
use tokio::sync::Semaphore;

use super::Settings;
use crate::clock::within;

/// Conversations at the same time; more of them make servers turn away.
const AT_ONCE: usize = 4;

/// A mail that takes longer is given up.
const CALL_TIMEOUT: Duration = Duration::from_secs(18);
/// Until the server is there at all.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Whether a connection that has rested is still one.
const LOOK_TIMEOUT: Duration = Duration::from_secs(2);
/// Connections that are kept for the next mail.
const IDLE: usize = 2;
/// The server goes away. <https://www.rfc-editor.org/rfc/rfc5321#section-4.2.2>
const GOES_AWAY: u16 = 421;

/// How the connection is kept secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// It begins in the clear and is made secret before anything is said; a server that cannot is refused.
    StartTls,
    /// It is secret from its first byte.
    Tls,
    /// It is not; for servers on this machine.
    None,
}

impl Security {
    /// The usual port.
    const fn port(self) -> u16 {
        match self {
            Self::StartTls => 587,
            Self::Tls => 465,
            Self::None => 25,
        }
    }
}

/// A server that takes our mail.
pub struct Server {
    pub(super) host: String,
    pub(super) port: u16,
    security: Security,
    pub(super) login: Option<Credentials>,
    tls: TlsParameters,
    hello: ClientId,
    idle: Mutex<Vec<AsyncSmtpConnection>>,
    places: Semaphore,
}

/// How far a conversation got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Finding and greeting the server, in secret where it begins so.
    Connect,
    /// Making it secret.
    Secure,
    /// Saying who we are.
    Login,
    /// Naming who writes.
    Sender,
    /// Naming who reads.
    Recipient,
    /// Asking whether the mail may follow.
    Data,
    /// The mail, up to the answer behind its last byte.
    Body,
}

/// Why a mail was not taken, or perhaps was.
#[derive(Debug)]
pub struct Failed {
    /// At which step.
    pub step: Step,
    /// In which way.
    pub how: How,
}

/// In which way a conversation failed.
#[derive(Debug)]
pub enum How {
    /// The server said no.
    Said(u16, String),
    /// The connection broke, or cannot be used; for programs to look for signs in, not for people.
    Broke(String),
    /// There was no answer in time.
    Silent,
}

impl Failed {
    fn of(step: Step, error: &Error) -> Self {
        let how = match error.status() {
            Some(code) => How::Said(code.into(), chain(error)),
            None => How::Broke(chain(error)),
        };
        Self { step, how }
    }
}

/// Everything that an error says, down to its first cause.
fn chain(error: &Error) -> String {
    let mut texts = Vec::new();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        texts.push(error.to_string());
        cause = error.source();
    }
    if texts.is_empty() { error.to_string() } else { texts.join(": ") }
}

impl Server {
    pub fn new(settings: &Settings, domain: &str) -> Result<Self, String> {
        let mut tls = TlsParameters::builder(settings.host.clone());
        if let Some(pem) = &settings.ca {
            let known = String::from_utf8_lossy(pem).contains("-----BEGIN CERTIFICATE-----");
            let certificate = Certificate::from_pem(pem).ok().filter(|_| known);
            let certificate = certificate.ok_or("ca_file holds no certificate; write one as PEM into it")?;
            tls = tls.add_root_certificate(certificate);
        }
        let login = settings.login.clone();
        Ok(Self {
            host: settings.host.clone(),
            port: settings.port.unwrap_or(settings.security.port()),
            security: settings.security,
            login: login.map(|(name, password)| Credentials::new(name, password)),
            tls: tls.build_rustls().map_err(|_| "TLS cannot be set up for this host")?,
            hello: ClientId::Domain(domain.to_owned()),
            idle: Mutex::default(),
            places: Semaphore::new(AT_ONCE),
        })
    }

    /// Says hello and who we are, and nothing else.
    pub async fn greet(&self) -> Result<(), Failed> {
        let mut step = Step::Connect;
        match within(CALL_TIMEOUT, self.connect(&mut step)).await {
            Some(Ok(line)) => {
                self.keep(line);
                Ok(())
            }
            Some(Err(error)) => Err(Failed::of(step, &error)),
            None => Err(Failed { step, how: How::Silent }),
        }
    }

    /// Hands over a mail.
    pub async fn send(&self, from: &Address, to: &Address, mail: &[u8]) -> Result<(), Failed> {
        let mut step = Step::Connect;
        match within(CALL_TIMEOUT, self.converse(from, to, mail, &mut step)).await {
            Some(Ok(())) => Ok(()),
            Some(Err(error)) => Err(Failed::of(step, &error)),
            None => Err(Failed { step, how: How::Silent }),
        }
    }

    async fn converse(&self, from: &Address, to: &Address, mail: &[u8], step: &mut Step) -> Result<(), Error> {
        let _place = self.places.acquire().await;
        let mut line = match self.rested().await {
            Some(line) => line,
            None => self.connect(step).await?,
        };
        let said = hand_over(&mut line, from, to, mail, step).await;
        let usable = match &said {
            Ok(()) => true,
            // What was begun is taken back; a server that says no to one mail may take the next.
            Err(error) => match error.status().map(u16::from) {
                None | Some(GOES_AWAY) => false,
                Some(_) => within(LOOK_TIMEOUT, line.command(Rset)).await.is_some_and(|answer| answer.is_ok()),
            },
        };
        if usable {
            self.keep(line);
        }
        said
    }

    async fn connect(&self, step: &mut Step) -> Result<AsyncSmtpConnection, Error> {
        *step = Step::Connect;
        let (server, limit) = ((self.host.as_str(), self.port), Some(CONNECT_TIMEOUT));
        let secret = (self.security == Security::Tls).then(|| self.tls.clone());
        let mut line = AsyncSmtpConnection::connect_tokio1(server, limit, &self.hello, secret, None).await?;
        if self.security == Security::StartTls {
            *step = Step::Secure;
            line.starttls(self.tls.clone(), &self.hello).await?;
        }
        if let Some(login) = &self.login {
            *step = Step::Login;
            line.auth(DEFAULT_MECHANISMS, login).await?;
        }
        Ok(line)
    }

    /// A connection that has rested and still works.
    async fn rested(&self) -> Option<AsyncSmtpConnection> {
        loop {
            let mut line = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()?;
            if within(LOOK_TIMEOUT, line.test_connected()).await == Some(true) {
                return Some(line);
            }
        }
    }

    fn keep(&self, line: AsyncSmtpConnection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE {
            idle.push(line);
        }
    }
}

async fn hand_over(
    line: &mut AsyncSmtpConnection,
    from: &Address,
    to: &Address,
    mail: &[u8],
    step: &mut Step,
) -> Result<(), Error> {
    *step = Step::Sender;
    line.command(Mail::new(Some(from.clone()), Vec::new())).await?;
    *step = Step::Recipient;
    line.command(Rcpt::new(to.clone(), Vec::new())).await?;
    *step = Step::Data;
    line.command(Data).await?;
    *step = Step::Body;
    line.message(mail).await?;
    Ok(())
}
