//! E-mail, through lettre, over SMTP.
//!
//! A card is a mail, and what changes on it so that its readers must hear of it is another mail in the same thread:
//! nobody can change a mail that was sent. A button is a link to our own page, which shows what it would do and
//! decides nothing until somebody taps there. Nothing that is answered to a mail is read.

mod letter;
mod smtp;
mod verdict;

use std::collections::BTreeSet;

use async_trait::async_trait;
use lettre::Address;
use lettre::message::Mailbox;

use super::{Channel, Outgoing, Pace, Verdict, carries, painted};
use crate::core::policy::ChannelPolicy;
use crate::exam::{Exam, Finding};
use crate::render::chart::Ground;

pub use smtp::Security;

/// What the adapter needs to know.
#[derive(Clone)]
pub struct Settings {
    /// Host of the server that takes our mail.
    pub host: String,
    /// Its port; the usual one of `security` when it is not said.
    pub port: Option<u16>,
    /// How the connection is kept secret.
    pub security: Security,
    /// Name and password. The password is secret.
    pub login: Option<(String, String)>,
    /// Who writes, such as `sereno <sereno@example.org>`.
    pub from: String,
    /// Certificates of authorities besides the usual ones, as PEM.
    pub ca: Option<Vec<u8>>,
    /// Our own address as others see it, without a slash at its end.
    pub public_url: String,
    /// Addresses of people: a link speaks for whoever reads at its address, so only they get links.
    pub people: BTreeSet<String>,
    /// Mails a second over all; 0 for no limit.
    pub rate: f64,
}

/// The adapter.
pub struct Email {
    server: smtp::Server,
    from: Mailbox,
    public_url: String,
    people: BTreeSet<String>,
    rate: f64,
}

impl Email {
    /// Makes the adapter; nothing is sent yet.
    ///
    /// # Errors
    /// When the sender is no mailbox, or the certificates cannot be read.
    pub fn new(settings: Settings) -> Result<Self, String> {
        let from: Mailbox = settings
            .from
            .parse()
            .map_err(|_| "`from` is no mailbox; write one such as \"sereno <sereno@example.org>\"")?;
        Ok(Self {
            server: smtp::Server::new(&settings, from.email.domain())?,
            from,
            public_url: settings.public_url,
            people: settings.people,
            rate: settings.rate,
        })
    }

    /// Sends a mail that follows those of `thread`. Its name is its receipt.
    async fn mail(&self, out: &Outgoing, thread: &[&str]) -> Verdict {
        if !out.target.is_ascii() {
            return Verdict::Rejected("addresses with letters beyond ASCII cannot be written to".into());
        }
        let Ok(to) = out.target.parse::<Address>() else {
            return Verdict::Gone(format!("`{}` is no e-mail address", out.target));
        };
        let links = self.people.contains(&out.target).then_some(self.public_url.as_str());
        let png = match &out.picture {
            // Mail programs show a light page to most; a page without its picture still says everything.
            Some(picture) => painted(picture, Ground::Light).await.ok(),
            None => None,
        };
        let letter = letter::Letter { out, thread, from: &self.from, to: &to, links, png };
        let (name, bytes) = match letter.write() {
            Ok(written) => written,
            Err(error) => return Verdict::Rejected(error),
        };
        match self.server.send(&self.from.email, &to, &bytes).await {
            Ok(()) => Verdict::Sent(name),
            Err(failed) => verdict::of(&failed, &self.server),
        }
    }
}

#[async_trait]
impl Channel for Email {
    fn policy(&self) -> ChannelPolicy {
        carries("email")
    }

    fn pace(&self, _target: &str) -> Pace {
        Pace::of(0.0, 1, self.rate)
    }

    async fn send(&self, out: &Outgoing) -> Verdict {
        let thread: Vec<&str> = out.under.iter().map(String::as_str).collect();
        self.mail(out, &thread).await
    }

    async fn edit(&self, out: &Outgoing, receipt: &str) -> Verdict {
        let thread: Vec<&str> = out.under.iter().map(String::as_str).chain([receipt]).collect();
        match self.mail(out, &thread).await {
            // The copy keeps the name of its first mail: whatever follows hangs there.
            Verdict::Sent(_) => Verdict::Sent(receipt.to_owned()),
            other => other,
        }
    }

    async fn examine(&self) -> Exam {
        let server = format!("{}:{}", self.server.host, self.server.port);
        Exam::only(match self.server.greet().await {
            Ok(()) => Finding::good(format!("{server} takes mail from us")),
            Err(failed) => Finding::bad(
                verdict::words(&failed, &self.server),
                "host, port, security, username and password are those that your mail provider gives for sending",
            ),
        })
    }

    async fn prepare(&self) -> Result<(), String> {
        self.server.greet().await.map_err(|failed| verdict::words(&failed, &self.server))
    }
}
