//! `sereno init`: a first configuration, with secrets of its own, and a first message to whoever made it.
//!
//! In a terminal it asks; elsewhere its arguments say everything. It writes over nothing.

mod ask;

use std::fs::OpenOptions;
use std::io::{IsTerminal as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args as ClapArgs;

use super::{Done, Failure, block_on, notify};
use crate::channel::{Channel, PollError};
use crate::clock::{Entropy as _, SystemEntropy, within};
use crate::config::Config;
use ask::{Answers, Asker, Way};

/// How long somebody has to write to their bot.
const PATIENCE: Duration = Duration::from_mins(3);

/// Arguments of `init`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// The folder to write into.
    #[arg(long, default_value = ".", value_name = "FOLDER")]
    dir: PathBuf,
    /// Your name in the configuration.
    #[arg(long, default_value = "admin", value_name = "NAME")]
    person: String,
    /// Your language, en or es.
    #[arg(long, default_value = "en")]
    lang: String,
    /// Your IANA time zone; without it the machine's.
    #[arg(long)]
    tz: Option<String>,
    /// The number of your Telegram account, if you use Telegram; put the bot's token into tg.token.
    #[arg(long, value_name = "NUMBER")]
    telegram: Option<i64>,
    /// A Telegram Bot API server of your own.
    #[arg(long, value_name = "URL")]
    api_url: Option<String>,
    /// Ask, also when the answers do not come from a terminal.
    #[arg(long)]
    ask: bool,
}

pub(crate) fn run(args: &Args) -> Done {
    let config = args.dir.join("sereno.toml");
    if config.exists() {
        return Err(Failure::Usage(format!("{} is there already; it was not touched", config.display())));
    }
    let tz = args.tz.clone().or_else(machine_zone).unwrap_or_else(|| "UTC".into());
    crate::core::time::zone(&tz).map_err(Failure::usage)?;
    let known = Answers { person: args.person.clone(), lang: args.lang.clone(), tz, way: None };
    let asks = args.ask || (std::io::stdin().is_terminal() && args.telegram.is_none());
    let mut answers = if asks {
        Asker { input: std::io::stdin().lock(), output: std::io::stdout() }.questions(&known)?
    } else {
        known
    };
    let text = text(&answers, args);
    write_all(args, &answers, &text)?;
    println!("Wrote {}, claude.token and fleet.secret.", config.display());
    if asks && answers.way.is_some() {
        greet(&config, args, &mut answers)?;
    } else if args.telegram.is_some() {
        println!("Put the token of your bot into tg.token, readable by you alone.");
    }
    println!("Next: sereno check, sereno serve, and sereno connect claude-code for Claude Code's settings.");
    Ok(())
}

/// The zone of the machine, as far as it is known by name.
fn machine_zone() -> Option<String> {
    let target = std::fs::read_link("/etc/localtime").ok()?;
    let (_, name) = target.to_str()?.split_once("zoneinfo/")?;
    Some(name.to_owned()).filter(|tz| crate::core::time::zone(tz).is_ok())
}

fn write_all(args: &Args, answers: &Answers, text: &str) -> Done {
    // Everything that the text says must be right before anything is written; the secrets follow.
    Config::from_text(text)?;
    std::fs::create_dir_all(&args.dir).map_err(|error| Failure::No(format!("{}: {error}", args.dir.display())))?;
    write(&args.dir.join("claude.token"), &hex::encode(SystemEntropy.bytes::<32>()))?;
    write(&args.dir.join("fleet.secret"), &format!("whsec_{}", STANDARD.encode(SystemEntropy.bytes::<32>())))?;
    for (name, secret) in answers.way.iter().flat_map(secrets) {
        write(&args.dir.join(name), secret)?;
    }
    write(&args.dir.join("sereno.toml"), text)
}

/// Writes a file that only its owner can read, and never over another one.
fn write(path: &Path, text: &str) -> Done {
    let failed = |error| Failure::No(format!("{}: {error}", path.display()));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
    writeln!(file, "{}", text.trim_end()).map_err(failed)
}

/// The files in which secrets of a way stand.
fn secrets(way: &Way) -> Vec<(&'static str, &str)> {
    match way {
        Way::Telegram { token, .. } => vec![("tg.token", token)],
        Way::Slack { bot, app, .. } => vec![("slack.bot", bot), ("slack.app", app)],
        Way::Discord { token, .. } => vec![("discord.token", token)],
        Way::Email { password, .. } => vec![("mail.password", password)],
    }
}

/// What a way is called in the configuration.
const fn name(way: &Way) -> &'static str {
    match way {
        Way::Telegram { .. } => "tg",
        Way::Slack { .. } => "team",
        Way::Discord { .. } => "discord",
        Way::Email { .. } => "mail",
    }
}

fn text(answers: &Answers, args: &Args) -> String {
    let person = crate::core::text::one_line(&answers.person);
    let mut text = format!(
        "# sereno; every key and its default is in deploy/sereno.toml and in `sereno config show`.\n\n\
         [http]\nlisten = \"127.0.0.1:8787\"\npublic_url = \"http://127.0.0.1:8787\"\n\n\
         [store]\nurl = \"sqlite://sereno.db\"\n\n\
         [people.{person:?}]\nrole = \"admin\"\nlang = {:?}\ntz = {:?}\n",
        answers.lang, answers.tz
    );
    let by_arguments = args.telegram.map(|account| Way::Telegram { token: String::new(), account: Some(account) });
    if let Some(way) = answers.way.as_ref().or(by_arguments.as_ref()) {
        text.push_str(&section(way, args.api_url.as_deref()));
    }
    text.push_str(
        "\n[runtimes.claude]\nkind = \"claude-code\"\ntoken_file = \"claude.token\"\n\n\
         [runtimes.fleet]\nkind = \"generic\"\nsecret_file = \"fleet.secret\"\n",
    );
    text
}

/// Somebody's account, and the channel behind it.
fn section(way: &Way, api_url: Option<&str>) -> String {
    let channel = format!("\n[channels.{}]\n", name(way));
    match way {
        Way::Telegram { account, .. } => {
            let account = account.map(|number| format!("telegram = {number}\n")).unwrap_or_default();
            let api = api_url.map(|url| format!("api_url = {url:?}\n")).unwrap_or_default();
            format!("{account}{channel}kind = \"telegram\"\ntoken_file = \"tg.token\"\n{api}")
        }
        Way::Slack { account, .. } => format!(
            "slack = {account:?}\n{channel}kind = \"slack\"\nbot_token_file = \"slack.bot\"\napp_token_file = \"slack.app\"\n"
        ),
        Way::Discord { account, .. } => {
            format!("discord = {account}\n{channel}kind = \"discord\"\ntoken_file = \"discord.token\"\n")
        }
        Way::Email { host, username, address, .. } => format!(
            "email = {address:?}\n{channel}kind = \"email\"\nhost = {host:?}\nusername = {username:?}\n\
             password_file = \"mail.password\"\nfrom = {:?}\n",
            format!("sereno <{address}>")
        ),
    }
}

/// Finds out who writes to a new bot, and sends the first message. What fails here can be mended in the files.
fn greet(path: &Path, args: &Args, answers: &mut Answers) -> Done {
    let Some(way) = answers.way.as_mut() else { return Ok(()) };
    let channel = name(way);
    if let Way::Telegram { account, .. } = way {
        let config = Config::load(path, std::env::vars())?;
        let channels = super::build(&config)?;
        let adapter = channels.get(channel).ok_or_else(|| Failure::No("the bot could not be made".into()))?;
        println!("Now write anything to your bot on Telegram; I wait for three minutes.");
        let (number, who) = block_on(first_writer(adapter.as_ref())).map_err(|why| {
            Failure::No(format!(
                "{why}\nEverything is written but your account. If the token is wrong, put the right one into \
                tg.token; then run sereno serve, send /whoami to the bot, and add telegram = NUMBER to your [people] \
                section"
            ))
        })?;
        println!("Heard from {} ({number}).", crate::core::text::one_line(&who));
        *account = Some(number);
        let failed = |error| Failure::No(format!("{}: {error}", path.display()));
        std::fs::write(path, text(answers, args)).map_err(failed)?;
    }
    let config = Config::load(path, std::env::vars())?;
    notify::test(&config, channel, None)
}

/// The account and the name of whoever writes first.
async fn first_writer(adapter: &dyn Channel) -> Result<(i64, String), String> {
    adapter.prepare().await?;
    let heard = async {
        let mut since = 0;
        loop {
            match adapter.poll(since).await {
                Ok(polled) => {
                    since = polled.next;
                    let first = polled
                        .incoming
                        .into_iter()
                        .find_map(|said| Some((said.account.parse().ok()?, said.display.unwrap_or_default())));
                    // It stays unconfirmed, so that `serve` answers it.
                    if let Some(first) = first {
                        return Ok(first);
                    }
                }
                Err(error) => return Err(spoken(error)),
            }
        }
    };
    within(PATIENCE, heard).await.unwrap_or_else(|| Err("nobody wrote to the bot".into()))
}

fn spoken(error: PollError) -> String {
    match error {
        PollError::NotPolled => "this bot is not asked for updates".into(),
        PollError::Later { error, .. } => error,
    }
}
