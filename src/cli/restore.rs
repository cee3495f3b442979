//! `sereno restore`: a backup takes the place of the store, and what was open in it ends.
//!
//! All of it happens beside the store; only when the copy is ready do the two change places, so an end in
//! between changes nothing. What was there before is kept under another name.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args as ClapArgs;

use super::{Done, Failure, block_on};
use crate::clock::{Sources, random_hex, within};
use crate::config::Config;
use crate::core::audit::ChainHead;
use crate::core::input::Body;
use crate::core::time::Span;
use crate::engine::{Claim, Engine, Log, NewInput, Told};
use crate::stop::Stopper;
use crate::store::{Bell, ENGINE, Error, Store, beside, folder_of, sqlite_path};

/// Arguments of `restore`.
#[derive(Debug, ClapArgs)]
#[group(required = true, multiple = false)]
pub(crate) struct Args {
    /// The backup of a SQLite store.
    from: Option<PathBuf>,
    /// The store itself was brought back already, with the tools of its database: end what is open in it.
    #[arg(long)]
    here: bool,
}

pub(crate) fn run(config: &Config, args: &Args) -> Done {
    block_on(async {
        let url = config.store_url()?;
        let Some(from) = &args.from else {
            let store = Store::open_with(&url, config.direct_url()?.as_deref()).await?;
            let epoch = Box::pin(end_what_is_open(&store, config.lease(), None)).await;
            store.close().await;
            println!("restored: epoch {}", epoch?);
            return Ok(());
        };
        let to = sqlite_path(&url).ok_or_else(|| {
            Failure::Usage(
                "a PostgreSQL database is brought back with pg_restore; then run `sereno restore --here`".into(),
            )
        })?;
        let (epoch, kept) = Box::pin(change_places(from, &to, config.lease())).await?;
        println!("restored: epoch {epoch}, from {}", from.display());
        if let Some(kept) = kept {
            println!("what was there is kept as {}", kept.display());
        }
        Ok(())
    })
}

/// Makes the copy ready beside the store and puts it in its place. Returns the epoch, and where the old one is.
async fn change_places(from: &Path, to: &Path, lives: Span) -> Result<(u64, Option<PathBuf>), Failure> {
    let backup = Store::open_reader(&format!("sqlite://{}", from.display())).await?;
    let looked_through = backup.looked_through().await;
    let ready = beside(to, ".restoring");
    for suffix in ["", "-wal", "-shm", ".lock"] {
        let _left_over = std::fs::remove_file(beside(&ready, suffix));
    }
    let copied = match looked_through {
        Ok(_) => backup.copy_to(&ready).await,
        Err(error) => Err(error),
    };
    backup.close().await;
    copied?;
    // As long as this is held, no sereno starts on what is being replaced.
    let owned = crate::store::own(to)?;
    let replaced = head_of(to).await;
    let store = Store::open(&format!("sqlite://{}", ready.display())).await?;
    let epoch = Box::pin(end_what_is_open(&store, lives, replaced)).await;
    store.close().await;
    let epoch = epoch?;
    let kept = to.exists().then(|| beside(to, &format!(".replaced-{epoch}")));
    let moved = || -> std::io::Result<()> {
        if let Some(kept) = &kept {
            for suffix in ["-wal", "-shm", ""] {
                let old = beside(to, suffix);
                if old.exists() {
                    std::fs::rename(old, beside(kept, suffix))?;
                }
            }
        }
        std::fs::rename(&ready, to)?;
        std::fs::File::open(folder_of(to))?.sync_all()
    };
    moved().map_err(|error| Failure::No(format!("{}: {error}", to.display())))?;
    let _not_needed = std::fs::remove_file(beside(&ready, ".lock"));
    drop(owned);
    Ok((epoch, kept))
}

/// Where the audit stood that is replaced, as far as it can still be read.
async fn head_of(path: &Path) -> Option<ChainHead> {
    let store = Store::open_reader(&format!("sqlite://{}", path.display())).await.ok()?;
    let head = store.verify_audit().await;
    store.close().await;
    head.ok()?.ok()
}

/// Begins a new epoch and lets the fold end what was open. `lives` is how long a lease lives.
async fn end_what_is_open(store: &Store, lives: Span, replaced: Option<ChainHead>) -> Result<u64, Failure> {
    let sources = Sources::system();
    let clock = &sources.clock;
    let claim = Claim {
        store: store.clone(),
        clock: clock.clone(),
        bell: Bell::default(),
        name: ENGINE.to_owned(),
        holder: random_hex(sources.entropy.as_ref(), 8),
        lives,
    };
    // A copy that was made while a sereno was at work says that it is; that one does not move it, and counts as dead.
    let patience = Duration::from_secs_f64(lives.as_secs_f64() * 2.0);
    let lease = within(patience, claim.won()).await;
    let lease =
        lease.ok_or_else(|| Failure::No("a sereno is at work on this store; stop every one of them first".into()))?;
    let epoch: u64 = store.meta_or("epoch", "1").await?.parse().unwrap_or(1);
    let epoch = epoch + 1;
    store.set_epoch(epoch).await?;
    let (log, requests) = Log::open(clock.clone());
    let told = Told::new(Arc::default(), clock.now());
    let fold = async {
        let engine = Engine::start(store.clone(), &sources, lease, told, requests.lock_owned().await).await?;
        let (stopper, stop) = Stopper::new();
        let append = async {
            let appended = log.append_one(NewInput::unkeyed(Body::Restored { epoch, replaced })).await;
            stopper.stop();
            appended
        };
        let (_why, appended) = tokio::join!(engine.run(stop), append);
        appended.map(drop).map_err(Failure::no)
    };
    let folded = tokio::select! {
        folded = fold => folded,
        () = claim.kept(lease.term) => Err(Error::LeaseLost.into()),
    };
    claim.resign(lease.term).await;
    folded.map(|()| epoch)
}
