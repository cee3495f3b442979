//! `sereno notify test CHANNEL`: a real message, straight through the adapter.

use std::sync::Arc;

use clap::Subcommand;

use super::{Done, Failure, block_on};
use crate::channel::web::WebChannel;
use crate::channel::{About, Outgoing, Verdict};
use crate::clock::{Clock as _, SystemClock, SystemEntropy, random_hex};
use crate::config::Config;
use crate::render::markup;

/// What `notify` does.
#[derive(Debug, Subcommand)]
pub(crate) enum NotifyCommand {
    /// Send a test message through a channel.
    Test {
        /// The channel's name.
        channel: String,
        /// The conversation; everybody who has an account there when it is not named.
        #[arg(long, value_name = "TARGET")]
        to: Option<String>,
    },
}

pub(crate) fn run(config: &Config, command: NotifyCommand) -> Done {
    let NotifyCommand::Test { channel, to } = command;
    test(config, &channel, to)
}

/// Sends a test message through a channel, to a conversation or to everybody who has an account there.
pub(crate) fn test(config: &Config, channel: &str, to: Option<String>) -> Done {
    let channels = crate::app::build_channels(config, Arc::new(WebChannel::default()))?;
    let adapter = channels.get(channel).ok_or_else(|| {
        let mut names: Vec<&str> = channels.keys().map(String::as_str).collect();
        names.sort_unstable();
        Failure::Usage(format!("there is no channel `{channel}`; the channels are {}", names.join(", ")))
    })?;
    let kind = adapter.policy().kind;
    let accounts = config.policy.people.values().filter_map(|p| p.accounts.get(&kind).cloned());
    let mut targets: Vec<String> = to.map_or_else(|| accounts.collect(), |to| vec![to]);
    if kind == "log" {
        targets = vec!["stdout".into()];
    }
    if targets.is_empty() {
        return Err(Failure::Usage(format!("nobody has an account on `{channel}`; name a conversation with --to")));
    }
    let mut failed = false;
    for target in targets {
        let out = Outgoing {
            // Mail programs show mails of one name once: each test has a name of its own.
            id: format!("test_{}", random_hex(&SystemEntropy, 8)),
            copy: 0,
            version: 0,
            at: SystemClock::new().now(),
            now: SystemClock::new().wall(),
            about: About::default(),
            lang: config.policy.lang,
            target: target.clone(),
            doc: markup::parse("👋 sereno reaches you here.\n~ sent by `sereno notify test`"),
            picture: None,
            file: None,
            buttons: Vec::new(),
            silent: false,
            under: None,
            only: None,
            again: false,
        };
        match block_on(adapter.send(&out)) {
            Verdict::Sent(receipt) => println!("{channel}:{target}: sent ({receipt})"),
            other => {
                failed = true;
                eprintln!("{channel}:{target}: {}", spoken(&other));
            }
        }
    }
    if failed { Err(Failure::No("not everybody was reached".into())) } else { Ok(()) }
}

/// What went wrong, for people.
fn spoken(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Sent(_) | Verdict::Unchanged => "sent".into(),
        Verdict::Retry { error, uncertain: false, .. } => format!("not sent: {error}"),
        Verdict::Retry { error, uncertain: true, .. } => format!("perhaps not sent: {error}"),
        Verdict::Gone(error) => format!("this conversation is gone: {error}"),
        Verdict::Rejected(error) => format!("refused: {error}"),
        Verdict::Moved(to) => format!("this conversation is now {to}"),
        Verdict::EditLost => "the message is not there any more".into(),
        Verdict::Locked(error) => format!("the platform does not know us: {error}"),
    }
}
