//! The command line. Ends with 0 when it is done, 1 when the answer is no, 2 when it was called or
//! configured wrongly, 74 when the store is damaged.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line prints")]

mod audit;
mod backup;
mod commands;
mod connect;
mod db;
mod demo;
mod doctor;
mod emit;
mod explain;
mod health;
mod hook;
mod init;
mod notify;
mod outbox;
mod people;
mod restore;
mod serve;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand, ValueEnum};

use crate::config::{Config, ConfigError, locate};

/// Watches fleets of AI agents and lets people answer from their phones.
#[derive(Debug, Parser)]
#[command(name = "sereno", version, about)]
pub struct Cli {
    /// The configuration file; ./sereno.toml, then /etc/sereno/sereno.toml, when it is not named.
    #[arg(long, global = true, env = "SERENO_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Try everything without any configuration: a scripted fleet and the phone page.
    Demo(demo::Args),
    /// Run the bot.
    Serve(serve::Args),
    /// Write a first configuration with fresh secrets.
    Init(init::Args),
    /// Check the configuration; errors name file, line and column.
    Check,
    /// Look for what is wrong with the installation, and tell how to mend it. Changes nothing and sends nothing.
    Doctor,
    /// Show the configuration in force, secrets hidden.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print ready settings for a runtime.
    Connect(connect::Args),
    /// Be the command hook of a runtime: standard input in, decision out. Fails closed on gates.
    Hook(hook::Args),
    /// Prove that a channel works.
    #[command(subcommand)]
    Notify(notify::NotifyCommand),
    /// List, retry or drop what could not be sent.
    #[command(subcommand)]
    Outbox(outbox::OutboxCommand),
    /// List, add and link people beyond the configuration; make tokens of the API.
    #[command(subcommand)]
    People(people::PeopleCommand),
    /// Verify or export the audit.
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Why somebody was told, or not: the trail of an alert (A17) or an approval (7K3F).
    Explain(explain::Args),
    /// Report an event from a shell.
    Emit(emit::Args),
    /// Ask the running bot whether it is ready: 0 when it is, 1 with the reasons when it is not.
    Health,
    /// Generate or check what is derived from the command catalogue.
    #[command(subcommand)]
    Commands(commands::CommandsCommand),
    /// Copy the SQLite store while it is in use, and verify the copy.
    Backup(backup::Args),
    /// Put a backup in the place of the store. Open approvals expire, old messages are held, old buttons are dead.
    Restore(restore::Args),
    /// Look the store through.
    #[command(subcommand)]
    Db(db::DbCommand),
    /// Print the description of the API.
    Openapi,
    /// Print completions for a shell.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Print it as TOML.
    Show,
}

/// How results are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people.
    #[default]
    Text,
    /// For machines.
    Json,
}

/// Why a command did not end well.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The answer is no.
    No(String),
    /// It was called or configured wrongly.
    Usage(String),
    /// The store is damaged: starting again would not help, and nothing may be written to it.
    Damaged(String),
}

impl Failure {
    pub(crate) fn no(error: impl std::fmt::Display) -> Self {
        Self::No(error.to_string())
    }

    pub(crate) fn usage(error: impl std::fmt::Display) -> Self {
        Self::Usage(error.to_string())
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::Usage(error.to_string())
    }
}

impl From<crate::store::Error> for Failure {
    fn from(error: crate::store::Error) -> Self {
        Self::No(error.to_string())
    }
}

/// `EX_IOERR` of sysexits.h: a supervisor can tell it from other ends, and leave it be.
const EX_IOERR: u8 = 74;

pub(crate) type Done = Result<(), Failure>;

/// Does what the arguments say.
pub fn run(cli: Cli) -> ExitCode {
    match dispatch(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::No(message)) => complain(&message, 1),
        Err(Failure::Usage(message)) => complain(&message, 2),
        Err(Failure::Damaged(message)) => complain(&message, EX_IOERR),
    }
}

fn complain(message: &str, code: u8) -> ExitCode {
    if !message.is_empty() {
        eprintln!("sereno: {message}");
    }
    ExitCode::from(code)
}

fn dispatch(cli: Cli) -> Done {
    let config = cli.config;
    match cli.command {
        Command::Demo(args) => demo::run(args),
        Command::Serve(args) => serve::run(&load(config)?, args),
        Command::Init(args) => init::run(&args),
        Command::Check => check(&load(config)?),
        Command::Doctor => doctor::run(config),
        Command::Config(ConfigCommand::Show) => {
            print!("{}", load(config)?.show());
            Ok(())
        }
        Command::Connect(args) => connect::run(config, &args),
        Command::Hook(args) => hook::run(&args),
        Command::Notify(command) => notify::run(&load(config)?, command),
        Command::Outbox(command) => outbox::run(&load(config)?, command),
        Command::People(command) => people::run(&load(config)?, &command),
        Command::Audit(command) => audit::run(config, command),
        Command::Explain(args) => explain::run(&load(config)?, &args),
        Command::Emit(args) => emit::run(&load(config)?, args),
        Command::Health => health::run(&load(config)?),
        Command::Commands(command) => commands::run(&command),
        Command::Backup(args) => backup::run(&load(config)?, &args),
        Command::Restore(args) => restore::run(&load(config)?, &args),
        Command::Db(command) => db::run(&load(config)?, command),
        Command::Openapi => {
            print!("{}", crate::http::api::description());
            Ok(())
        }
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "sereno", &mut std::io::stdout());
            Ok(())
        }
    }
}

/// The configuration that is named, or the one that is found.
fn load(named: Option<PathBuf>) -> Result<Config, Failure> {
    let path = locate(named.as_deref()).ok_or_else(|| {
        Failure::Usage("there is no sereno.toml here; `sereno init` writes one, `sereno demo` needs none".into())
    })?;
    Ok(Config::load(&path, std::env::vars())?)
}

/// Channels by name.
type Channels = std::collections::HashMap<String, std::sync::Arc<dyn crate::channel::Channel>>;

/// Makes everything that the configuration names, which reads every secret.
fn build(config: &Config) -> Result<Channels, ConfigError> {
    let page = std::sync::Arc::new(crate::channel::web::WebChannel::default());
    crate::app::build_runtimes(config)?;
    crate::app::api_tokens(config)?;
    crate::app::build_channels(config, page)
}

fn check(config: &Config) -> Done {
    build(config)?;
    if config.policy.people.is_empty() {
        println!("there are no people: the first start prints a link with which somebody becomes the admin");
    }
    println!(
        "ok (people: {}, channels: {}, runtimes: {}, rules: {})",
        config.policy.people.len(),
        config.file.channels.len() + 1, // the page
        config.policy.runtimes.len(),
        config.policy.rules.len(),
    );
    Ok(())
}

/// A runtime for commands that do one thing and end.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("an executor can be made")
        .block_on(future)
}
