//! `sereno outbox`: what waits, and what could not be sent.

use std::time::Duration;

use clap::Subcommand;

use super::{Done, Failure, Output, block_on};
use crate::config::Config;
use crate::http::api::{Command, Outcome};
use crate::outgoing;
use crate::store::Store;

/// How long the running bot may take.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Rows that are listed.
const LISTED: i64 = 500;

/// What `outbox` does.
#[derive(Debug, Subcommand)]
pub(crate) enum OutboxCommand {
    /// List rows that are not done.
    List {
        /// How to print.
        #[arg(short, long, value_enum, default_value_t)]
        output: Output,
    },
    /// Try dead rows again.
    Retry {
        #[command(flatten)]
        which: WhichRows,
        /// Why; kept in the audit.
        #[arg(long)]
        reason: Option<String>,
    },
    /// Give dead rows up for good.
    Drop {
        #[command(flatten)]
        which: WhichRows,
        /// Why; kept in the audit.
        #[arg(long)]
        reason: String,
    },
}

/// Which dead rows are meant.
#[derive(Debug, clap::Args)]
pub(crate) struct WhichRows {
    /// The row.
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    id: Option<String>,
    /// Every dead row.
    #[arg(long)]
    all: bool,
    /// Only those of this channel.
    #[arg(long, requires = "all")]
    channel: Option<String>,
    /// Only those that were given up within this time, such as 2h.
    #[arg(long, requires = "all")]
    since: Option<String>,
}

impl WhichRows {
    /// The line that the running bot understands.
    fn line(&self, verb: &str, reason: Option<&str>) -> String {
        let mut line = format!("/outbox {verb} {}", self.id.as_deref().unwrap_or("all"));
        for (key, value) in [("via", &self.channel), ("since", &self.since)] {
            line.extend(value.iter().map(|value| format!(" {key}:{value}")));
        }
        line.extend(reason.map(|reason| format!(" why: {reason}")));
        line
    }
}

pub(crate) fn run(config: &Config, command: OutboxCommand) -> Done {
    match command {
        OutboxCommand::List { output } => block_on(list(config, output)),
        OutboxCommand::Retry { which, reason } => block_on(ask(config, &which.line("retry", reason.as_deref()))),
        OutboxCommand::Drop { which, reason } => block_on(ask(config, &which.line("drop", Some(&reason)))),
    }
}

async fn list(config: &Config, output: Output) -> Done {
    let store = Store::open_reader(&config.store_url()?).await?;
    let rows = store.list_outbox(LISTED).await?;
    store.close().await;
    if output == Output::Json {
        println!("{}", serde_json::to_string_pretty(&rows).map_err(Failure::no)?);
        return Ok(());
    }
    if rows.is_empty() {
        println!("nothing waits");
    }
    for row in rows {
        let error = row.error.unwrap_or_default();
        println!(
            "{}  {:9} {:8} {:12} {:9} attempts {}  due {}  {error}",
            row.id,
            row.state,
            row.kind,
            row.via,
            row.class,
            row.attempts,
            row.due.rfc3339()
        );
    }
    Ok(())
}

/// Changes go through the running bot, because only the fold writes facts.
pub(super) async fn ask(config: &Config, line: &str) -> Done {
    let tokens = config.file.api.tokens.iter();
    let admin = tokens
        .clone()
        .find(|(_, token)| *token.role.get_ref() == crate::core::access::Role::Admin)
        .or_else(|| tokens.clone().next());
    let Some((name, about)) = admin else {
        return Err(Failure::Usage(
            "this goes through the running bot: add [api.tokens.NAME] with role = \"admin\" and token_file".into(),
        ));
    };
    let token = config.secret(about.token.as_ref(), about.token_file.as_ref(), &format!("api.tokens.{name}"))?;
    let token = token.ok_or_else(|| Failure::Usage(format!("api.tokens.{name} needs token_file")))?;
    let client = outgoing::builder(TIMEOUT).no_proxy().build().map_err(Failure::no)?;
    let response = client
        .post(format!("http://{}/v1/commands", config.listen()))
        .bearer_auth(token.reveal())
        .json(&Command { text: line.to_owned(), lang: config.policy.lang })
        .send()
        .await
        .map_err(|_| Failure::No(format!("sereno cannot be reached at {}; is it running?", config.listen())))?;
    let status = response.status();
    if !status.is_success() {
        return Err(Failure::No(format!("sereno answered {status}")));
    }
    let outcome: Outcome = response.json().await.map_err(Failure::no)?;
    if outcome.refused {
        return Err(Failure::No(outcome.text));
    }
    println!("{}", outcome.text);
    Ok(())
}
