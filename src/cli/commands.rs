//! `sereno commands`: what is derived from the command catalogue, and whether it is up to date.

use std::path::{Path, PathBuf};

use clap::{Args as ClapArgs, Subcommand};

use super::{Done, Failure};
use crate::core::access::Role;
use crate::core::command::CATALOGUE;
use crate::core::signal::CATALOGUE as SIGNALS;

/// What `commands` does.
#[derive(Debug, Subcommand)]
pub(crate) enum CommandsCommand {
    /// Write the generated parts of the README, and what is registered with Discord.
    Generate(Files),
    /// Say whether they are up to date.
    Check(Files),
}

/// Where what is generated stands.
#[derive(Debug, ClapArgs)]
pub(crate) struct Files {
    /// The README.
    #[arg(long, default_value = "README.md", value_name = "FILE")]
    readme: PathBuf,
    /// The commands as they are registered with Discord.
    #[arg(long, default_value = "deploy/discord-commands.json", value_name = "FILE")]
    discord: PathBuf,
}

pub(crate) fn run(command: &CommandsCommand) -> Done {
    let (CommandsCommand::Generate(files) | CommandsCommand::Check(files)) = command;
    let readme = &files.readme;
    let text = std::fs::read_to_string(readme).map_err(|e| Failure::Usage(format!("{}: {e}", readme.display())))?;
    let mut wanted = vec![(readme, generated(&text).map_err(Failure::Usage)?)];
    wanted.extend(discord().map(|text| (&files.discord, text)));
    for (path, wanted) in wanted {
        match command {
            CommandsCommand::Generate(_) => write(path, &wanted).map_err(Failure::no)?,
            CommandsCommand::Check(_) if std::fs::read_to_string(path).is_ok_and(|text| text == wanted) => {}
            CommandsCommand::Check(_) => {
                return Err(Failure::No(format!("{} is behind; run `sereno commands generate`", path.display())));
            }
        }
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(path, text)
}

#[cfg(feature = "discord")]
fn discord() -> Option<String> {
    Some(crate::channel::discord::registration())
}

/// A build without Discord registers nothing there.
#[cfg(not(feature = "discord"))]
const fn discord() -> Option<String> {
    None
}

/// A README with its generated parts made anew.
///
/// # Errors
/// When a part's marks are missing.
pub fn generated(readme: &str) -> Result<String, String> {
    let readme = part(readme, "commands", &command_table())?;
    part(&readme, "signals", &signal_table())
}

fn part(text: &str, name: &str, content: &str) -> Result<String, String> {
    let (begin, end) = (format!("<!-- {name}: generated -->\n"), format!("<!-- {name}: end -->"));
    let missing = || format!("the marks of the generated part `{name}` are missing");
    let (before, rest) = text.split_once(&begin).ok_or_else(missing)?;
    let (_, after) = rest.split_once(&end).ok_or_else(missing)?;
    Ok(format!("{before}{begin}{content}{end}{after}"))
}

fn command_table() -> String {
    let mut table = String::from("| command | does | who |\n|---|---|---|\n");
    for spec in CATALOGUE.listed() {
        let usage = format!("/{} {}", spec.name, spec.en.usage);
        let who = if spec.roles.len() == 4 {
            "everybody".to_owned()
        } else {
            Role::ALL.iter().filter(|r| spec.roles.contains(r)).map(|r| r.as_str()).collect::<Vec<_>>().join(", ")
        };
        let also = if spec.aliases.is_empty() { String::new() } else { format!(" (also {})", spec.aliases.join(", ")) };
        table.push_str(&format!("| `{}` | {}{also} | {who} |\n", usage.trim().replace('|', "\\|"), spec.en.summary));
    }
    table
}

fn signal_table() -> String {
    let mut table = String::from("| signal | unit | means |\n|---|---|---|\n");
    for entry in SIGNALS {
        table.push_str(&format!("| `{}` | {} | {} |\n", entry.example(), entry.unit, entry.means));
    }
    table
}
