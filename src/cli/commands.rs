//! `sereno commands`: what is derived from the command catalogue, and whether it is up to date.

mod access;
mod manifest;

use std::path::{Path, PathBuf};

use clap::Subcommand;

use super::{Done, Failure};
use crate::core::access::Role;
use crate::core::command::CATALOGUE;
use crate::core::signal::CATALOGUE as SIGNALS;

/// What `commands` does.
#[derive(Debug, Subcommand)]
pub(crate) enum CommandsCommand {
    /// Write the generated parts of the README, and what stands beside it: what Slack and Discord are told, and the
    /// table of who may do what.
    Generate {
        /// The README.
        #[arg(long, default_value = "README.md", value_name = "FILE")]
        readme: PathBuf,
    },
    /// Say whether they are up to date.
    Check {
        /// The README.
        #[arg(long, default_value = "README.md", value_name = "FILE")]
        readme: PathBuf,
    },
}

pub(crate) fn run(command: &CommandsCommand) -> Done {
    let (CommandsCommand::Generate { readme } | CommandsCommand::Check { readme }) = command;
    let text = std::fs::read_to_string(readme).map_err(|e| Failure::Usage(format!("{}: {e}", readme.display())))?;
    let beside = readme.parent().unwrap_or(Path::new(""));
    let wanted = [
        (readme.clone(), generated(&text).map_err(Failure::Usage)?),
        (beside.join(manifest::PATH), manifest::manifest()),
        (beside.join(access::PATH), access::page()),
        #[cfg(feature = "discord")]
        (beside.join(REGISTRATION), crate::channel::discord::registration()),
    ];
    for (file, wanted) in wanted {
        match command {
            CommandsCommand::Generate { .. } => write(&file, &wanted).map_err(Failure::no)?,
            CommandsCommand::Check { .. } => {
                let is = std::fs::read_to_string(&file).is_ok_and(|text| text == wanted);
                let behind = || Failure::No(format!("{} is behind; run `sereno commands generate`", file.display()));
                is.then_some(()).ok_or_else(behind)?;
            }
        }
    }
    Ok(())
}

fn write(file: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(file, text)
}

/// Where the commands stand as they are registered with Discord, beside the README.
#[cfg(feature = "discord")]
const REGISTRATION: &str = "deploy/discord-commands.json";

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
