//! The questions of `sereno init`, one line each, with what is meant when nothing is written.
//!
//! Knows which answers can be and says at once which cannot; what is made of them is not its business.

use std::io::{BufRead, Write};

use super::super::Failure;

/// What somebody has answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answers {
    /// A name for themselves.
    pub person: String,
    /// `en` or `es`.
    pub lang: String,
    /// An IANA time zone.
    pub tz: String,
    /// Where they want to be reached besides the page.
    pub way: Option<Way>,
}

/// A way to reach somebody, with its secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// A bot of theirs; whose account theirs is gets known when they write to it.
    Telegram { token: String, account: Option<i64> },
    /// An app in their workspace, over Socket Mode.
    Slack { bot: String, app: String, account: String },
    /// A bot on their server, over the gateway.
    Discord { token: String, account: u64 },
    /// A server that takes mail.
    Email { host: String, username: String, password: String, address: String },
}

/// Asks, line by line.
pub(crate) struct Asker<R, W> {
    pub input: R,
    pub output: W,
}

impl<R: BufRead, W: Write> Asker<R, W> {
    /// Asks the five questions. What stands in `known` is offered.
    pub(crate) fn questions(&mut self, known: &Answers) -> Result<Answers, Failure> {
        self.say("Five questions; Enter takes what stands in brackets.\n")?;
        let person = self.ask("1. Your name", &known.person, |text| Ok(crate::core::text::one_line(text)))?;
        let lang = self.ask("2. Your language, en or es", &known.lang, |text| match text {
            "en" | "es" => Ok(text.to_owned()),
            _ => Err("write en or es".into()),
        })?;
        let tz =
            self.ask("3. Your time zone", &known.tz, |text| crate::core::time::zone(text).map(|_| text.to_owned()))?;
        let kinds = ["telegram", "slack", "discord", "email", "page"];
        let kind =
            self.ask("4. Where shall sereno reach you: telegram, slack, discord, email or page", "page", |text| {
                kinds
                    .contains(&text)
                    .then(|| text.to_owned())
                    .ok_or_else(|| format!("write one of {}", kinds.join(", ")))
            })?;
        let way = match kind.as_str() {
            "telegram" => Some(self.telegram()?),
            "slack" => Some(self.slack()?),
            "discord" => Some(self.discord()?),
            "email" => Some(self.email()?),
            _ => None,
        };
        Ok(Answers { person, lang, tz, way })
    }

    fn telegram(&mut self) -> Result<Way, Failure> {
        let token = self.ask("5. The token of your bot; @BotFather makes one with /newbot", "", |text| {
            let fits = text.split_once(':').is_some_and(|(id, _)| id.parse::<u64>().is_ok());
            fits.then(|| text.to_owned()).ok_or_else(|| "a token looks like 123456:ABC-DEF".into())
        })?;
        Ok(Way::Telegram { token, account: None })
    }

    fn slack(&mut self) -> Result<Way, Failure> {
        self.say("   Make an app from deploy/slack-manifest.yaml at https://api.slack.com/apps and install it.\n")?;
        let begins = |with: &'static str| {
            move |text: &str| {
                text.starts_with(with).then(|| text.to_owned()).ok_or_else(|| format!("it begins with {with}"))
            }
        };
        Ok(Way::Slack {
            bot: self.ask("5. Its bot token, of OAuth & Permissions", "", begins("xoxb-"))?,
            app: self.ask("   Its app token with connections:write, of Basic Information", "", begins("xapp-"))?,
            account: self.ask("   Your member ID, in the menu of your profile", "", begins("U"))?,
        })
    }

    fn discord(&mut self) -> Result<Way, Failure> {
        let token = self.ask("5. The token of your bot, of the Developer Portal", "", something)?;
        let account = self.ask("   Your user ID; Copy User ID in developer mode", "", |text| {
            text.parse().map_err(|_| "it is a number such as 80351110224678912".to_owned())
        })?;
        Ok(Way::Discord { token, account })
    }

    fn email(&mut self) -> Result<Way, Failure> {
        let host = self.ask("5. The server that sends your mail (STARTTLS, port 587)", "", something)?;
        let address = self.ask("   Your address", "", |text| match text.split_once('@') {
            Some((name, domain)) if !name.is_empty() && !domain.is_empty() => Ok(text.to_owned()),
            _ => Err("an address has a name, an @ and a domain".into()),
        })?;
        let username = self.ask("   Your user name there", &address, something)?;
        let password = self.ask("   Your password there, best one for apps alone", "", something)?;
        Ok(Way::Email { host, username, password, address })
    }

    /// Asks until the answer can be.
    fn ask<T>(
        &mut self,
        question: &str,
        standard: &str,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Result<T, Failure> {
        loop {
            let offered = if standard.is_empty() { String::new() } else { format!(" [{standard}]") };
            self.say(&format!("{question}{offered}: "))?;
            let mut line = String::new();
            if self.input.read_line(&mut line).map_err(Failure::no)? == 0 {
                return Err(Failure::Usage("the answers ended before the questions; nothing was written".into()));
            }
            let text = Some(line.trim()).filter(|text| !text.is_empty()).unwrap_or(standard);
            match read(text) {
                Ok(answer) => return Ok(answer),
                Err(why) => self.say(&format!("   {why}\n"))?,
            }
        }
    }

    fn say(&mut self, text: &str) -> Result<(), Failure> {
        write!(self.output, "{text}").and_then(|()| self.output.flush()).map_err(Failure::no)
    }
}

fn something(text: &str) -> Result<String, String> {
    if text.is_empty() { Err("it cannot be empty".into()) } else { Ok(text.to_owned()) }
}
