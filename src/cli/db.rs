//! `sereno db`: whether the store is whole.

use clap::Subcommand;

use super::{Done, Failure, block_on};
use crate::config::Config;
use crate::store::Store;

/// What `db` does.
#[derive(Debug, Subcommand)]
pub(crate) enum DbCommand {
    /// Look through pages, references, audit, log and snapshots; ends with 1 when something is wrong.
    Check,
}

pub(crate) fn run(config: &Config, command: DbCommand) -> Done {
    let DbCommand::Check = command;
    block_on(async {
        let store = Store::open_reader(&config.store_url()?).await?;
        let checked = store.check().await;
        store.close().await;
        let checked = checked?;
        for right in &checked.right {
            println!("ok: {right}");
        }
        if checked.wrong.is_empty() { Ok(()) } else { Err(Failure::No(checked.wrong.join("; "))) }
    })
}
