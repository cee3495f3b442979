//! `sereno backup`: a verified copy of the SQLite store, taken while it is in use.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::{Done, Failure, block_on};
use crate::config::Config;
use crate::store::Store;

/// Arguments of `backup`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// Where the copy goes; it must not be there yet.
    to: PathBuf,
}

pub(crate) fn run(config: &Config, args: &Args) -> Done {
    if args.to.exists() {
        return Err(Failure::Usage(format!("{} is there already; it was not touched", args.to.display())));
    }
    block_on(async {
        let store = Store::open_reader(&config.store_url()?).await?;
        let copied = store.verified_copy(&args.to).await;
        store.close().await;
        let head = copied?;
        println!("{}: verified, {} audit rows, head {}", args.to.display(), head.seq, head.hash);
        Ok(())
    })
}
