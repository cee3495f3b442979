//! `sereno init`: a first configuration, with secrets of its own.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args as ClapArgs;

use super::{Done, Failure};
use crate::clock::{Entropy as _, SystemEntropy};

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
    /// Your IANA time zone.
    #[arg(long, default_value = "UTC")]
    tz: String,
    /// The number of your Telegram account, if you use Telegram; put the bot's token into tg.token.
    #[arg(long, value_name = "NUMBER")]
    telegram: Option<i64>,
}

pub(crate) fn run(args: &Args) -> Done {
    let config = args.dir.join("sereno.toml");
    if config.exists() {
        return Err(Failure::Usage(format!("{} is there already; it was not touched", config.display())));
    }
    crate::core::time::zone(&args.tz).map_err(Failure::usage)?;
    let text = text(args);
    crate::config::Config::from_text(&text)?;
    std::fs::create_dir_all(&args.dir).map_err(|error| Failure::No(format!("{}: {error}", args.dir.display())))?;
    write(&args.dir.join("claude.token"), &hex::encode(SystemEntropy.bytes::<32>()))?;
    write(&args.dir.join("fleet.secret"), &format!("whsec_{}", STANDARD.encode(SystemEntropy.bytes::<32>())))?;
    write(&config, &text)?;
    println!("Wrote {}, claude.token and fleet.secret.", config.display());
    if args.telegram.is_some() {
        println!("Put the token of your bot into tg.token, readable by you alone.");
    }
    println!("Next: sereno check, sereno serve, and sereno connect claude-code for Claude Code's settings.");
    Ok(())
}

/// Writes a file that only its owner can read, and never over another one.
fn write(path: &Path, text: &str) -> Done {
    let failed = |error| Failure::No(format!("{}: {error}", path.display()));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
    writeln!(file, "{}", text.trim_end()).map_err(failed)
}

fn text(args: &Args) -> String {
    let person = crate::core::text::one_line(&args.person);
    let mut text = format!(
        "# sereno; every key and its default is in deploy/sereno.toml and in `sereno config show`.\n\n\
         [http]\nlisten = \"127.0.0.1:8787\"\npublic_url = \"http://127.0.0.1:8787\"\n\n\
         [store]\nurl = \"sqlite://sereno.db\"\n\n\
         [people.{person:?}]\nrole = \"admin\"\nlang = {:?}\ntz = {:?}\n",
        args.lang, args.tz
    );
    if let Some(number) = args.telegram {
        text.push_str(&format!(
            "telegram = {number}\n\n[channels.tg]\nkind = \"telegram\"\ntoken_file = \"tg.token\"\n"
        ));
    }
    text.push_str(
        "\n[runtimes.claude]\nkind = \"claude-code\"\ntoken_file = \"claude.token\"\n\n\
         [runtimes.fleet]\nkind = \"generic\"\nsecret_file = \"fleet.secret\"\n",
    );
    text
}
