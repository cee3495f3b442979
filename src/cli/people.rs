//! `sereno people`: who is known, and tokens of the API, beyond the configuration.
//!
//! All of it goes through the running bot, as `/people` does in a chat: only the fold writes facts.

use clap::{Args, Subcommand};

use super::outbox::ask;
use super::{Done, block_on};
use crate::config::Config;

/// What `people` does.
#[derive(Debug, Subcommand)]
pub(crate) enum PeopleCommand {
    /// List people with their accounts, and tokens of the API.
    List,
    /// Add somebody who does not stand in the configuration.
    Add {
        /// A name: letters, digits, - and _.
        name: String,
        #[command(flatten)]
        trust: Trust,
        /// Their language, en or es.
        #[arg(long)]
        lang: Option<String>,
        /// Their IANA time zone.
        #[arg(long)]
        tz: Option<String>,
    },
    /// Make a code with which an account on a channel becomes somebody's: they write /link CODE there.
    Link {
        /// Whose.
        name: String,
    },
    /// Take accounts away that were linked by a code.
    Unlink {
        /// Whose.
        name: String,
        /// Only the one on this kind of channel: telegram, slack or discord.
        channel: Option<String>,
    },
    /// Remove somebody who was added; their accounts, links and sessions end.
    Remove {
        /// Whom.
        name: String,
    },
    /// Make a token of the API and show it once.
    Token {
        /// A name: letters, digits, - and _.
        name: String,
        #[command(flatten)]
        trust: Trust,
        /// How long it is good, such as 30d.
        #[arg(long, default_value = "90d")]
        expires: String,
    },
    /// Revoke a token of the API that was made here.
    Revoke {
        /// Which.
        name: String,
    },
}

/// What somebody may do, and where.
#[derive(Debug, Args)]
pub(crate) struct Trust {
    /// viewer, operator, approver or admin.
    #[arg(long)]
    role: String,
    /// Only on these agents, as globs over identities or runtime/identity.
    #[arg(long, value_delimiter = ',')]
    agent: Vec<String>,
    /// Only on agents of these runtimes.
    #[arg(long, value_delimiter = ',')]
    runtime: Vec<String>,
    /// Only on agents with one of these tags.
    #[arg(long, value_delimiter = ',')]
    team: Vec<String>,
    /// Only on agents in these environments.
    #[arg(long, value_delimiter = ',')]
    env: Vec<String>,
}

impl Trust {
    fn written(&self) -> String {
        let lists = [("agent", &self.agent), ("runtime", &self.runtime), ("team", &self.team), ("env", &self.env)];
        let lists = lists.into_iter().filter(|(_, globs)| !globs.is_empty());
        let lists = lists.map(|(key, globs)| format!(" {key}:{}", globs.join(",")));
        format!("role:{}{}", self.role, lists.collect::<String>())
    }
}

impl PeopleCommand {
    /// The line that the running bot understands.
    fn line(&self) -> String {
        match self {
            Self::List => "/people list".into(),
            Self::Add { name, trust, lang, tz } => {
                let keys = [("lang", lang), ("tz", tz)];
                let keys = keys.into_iter().filter_map(|(key, value)| Some(format!(" {key}:{}", value.as_ref()?)));
                format!("/people add {name} {}{}", trust.written(), keys.collect::<String>())
            }
            Self::Link { name } => format!("/people link {name}"),
            Self::Unlink { name, channel } => format!("/people unlink {name} {}", channel.as_deref().unwrap_or("")),
            Self::Remove { name } => format!("/people remove {name}"),
            Self::Token { name, trust, expires } => {
                format!("/people token {name} {} expires:{expires}", trust.written())
            }
            Self::Revoke { name } => format!("/people revoke {name}"),
        }
    }
}

pub(crate) fn run(config: &Config, command: &PeopleCommand) -> Done {
    block_on(ask(config, command.line().trim()))
}
