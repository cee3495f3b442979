//! `sereno serve`

use std::time::Duration;

use clap::Args as ClapArgs;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use super::{Done, Failure};
use crate::app::{App, StartError, Supervisor};
use crate::clock::{Sources, within};
use crate::config::{Config, LogFormat};
use crate::core::access::Role;
use crate::engine::Stopped;

/// Stopping takes at most this long.
const HARD_STOP: Duration = Duration::from_secs(30);

/// What the first admin is called where nobody is configured.
const FIRST: &str = "admin";

/// Arguments of `serve`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// Print a sign-in link for this person, also when somebody is signed in already.
    #[arg(long, value_name = "PERSON")]
    link: Option<String>,
}

pub(crate) fn run(config: &Config, args: Args) -> Done {
    start_log(config);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Failure::no)?;
    let done = runtime.block_on(serve(config, args));
    // When we were cut, something hangs; it is not waited for.
    runtime.shutdown_background();
    done
}

async fn serve(config: &Config, args: Args) -> Done {
    let mut terminate = signal(SignalKind::terminate()).map_err(Failure::no)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Failure::no)?;
    #[expect(clippy::disallowed_methods, reason = "systemd speaks through the environment")]
    let supervisor = Supervisor::from_env(|name| std::env::var(name).ok());
    let mut app = App::start(config, Sources::system()).await.map_err(|error| match error {
        StartError::Store(damage) if damage.is_damage() => Failure::Damaged(damage.to_string()),
        other => Failure::no(other),
    })?;
    tracing::info!(address = %app.address, url = app.door.public_url, "ready");
    match greet(&app, args.link).await {
        Ok(()) => {}
        Err(Failure::No(error) | Failure::Damaged(error)) => {
            tracing::warn!(error, "no sign-in link could be made");
        }
        // Who is known stands in the store as well, so this is found out only now.
        Err(usage) => {
            app.stop().await;
            return Err(usage);
        }
    }
    supervisor.tell(&format!("READY=1\nSTATUS=listening on {}", app.address));
    let door = app.door.clone();
    let stopped = tokio::select! {
        _ = interrupt.recv() => None,
        _ = terminate.recv() => None,
        why = app.engine_stopped() => Some(why),
        () = supervisor.watch(&door, door.stopping.clone()) => None,
    };
    drop(door);
    supervisor.tell("STOPPING=1\nSTATUS=stopping");
    match stopped {
        Some(why @ Stopped::LeaseLost) => return Err(Failure::no(why)),
        Some(Stopped::Damaged(error)) => {
            app.last_words(&error).await;
            return Err(Failure::Damaged(error));
        }
        Some(Stopped::Asked) | None => {}
    }
    tracing::info!("stopping");
    // Whatever is cut here is found by the next start: nothing that was acknowledged is lost.
    tokio::select! {
        ended = within(HARD_STOP, app.stop()) => match ended {
            Some(_) => tracing::info!("stopped"),
            None => return Err(Failure::No("it did not stop in time and was cut".into())),
        },
        _ = interrupt.recv() => return Err(Failure::No("asked twice: stopped at once".into())),
        _ = terminate.recv() => return Err(Failure::No("asked twice: stopped at once".into())),
    }
    Ok(())
}

/// Prints a sign-in link while nobody is signed in: for the first admin, on the console only. Where nobody at all is
/// known, whoever uses it becomes that.
async fn greet(app: &App, wanted: Option<String>) -> Done {
    let now = app.door.sources.now();
    let nobody = app.door.store.count_sign_ins(now).await? == 0;
    let policy = app.door.progress.policy.borrow().clone();
    if let Some(person) = wanted.as_ref().filter(|person| !policy.people.contains_key(*person)) {
        return Err(Failure::Usage(format!("there is no person `{person}`")));
    }
    let first_admin = || {
        let admins = policy.people.iter().filter(|(_, person)| person.role == Role::Admin);
        admins.map(|(name, _)| name.clone()).next().or_else(|| policy.people.is_empty().then(|| FIRST.to_owned()))
    };
    let Some(person) = wanted.or_else(|| first_admin().filter(|_| nobody)) else { return Ok(()) };
    let link = app.sign_in_link(&person).await.map_err(Failure::no)?;
    if policy.people.is_empty() {
        println!("Nobody is configured: whoever opens this link is the admin (once, within 10 minutes): {link}");
    } else {
        println!("Sign in as {person} (once, within 10 minutes): {link}");
    }
    Ok(())
}

fn start_log(config: &Config) {
    let level = config.file.log.level.as_deref().unwrap_or("info");
    // PostgreSQL remarks on each ROLLBACK for nothing, which a look that was cut short leaves behind.
    // The client of Slack's sockets quotes addresses that let their reader in; what is wrong is told by the channel.
    let wanted = || EnvFilter::new(format!("{level},sqlx::postgres::notice=error,slack_morphism=off"));
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| wanted());
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match config.file.log.format {
        Some(LogFormat::Json) => lines.json().init(),
        _ => lines.init(),
    }
}
