//! Wiring: which parts there are, how they are started, and in which order they stop.

mod alarm;
mod backups;
mod devices;
mod heartbeat;
mod parts;
mod retention;
mod supervisor;

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::channel::token::Tokens;
use crate::channel::web::WebChannel;
use crate::clock::{Sources, random_hex, within};
use crate::config::{Config, ConfigError};
use crate::core::device::PUSH;
use crate::core::input::Body;
use crate::core::reason::Reason;
use crate::core::time::Span;
use crate::courier::Courier;
use crate::disk;
use crate::engine::{AppendError, Claim, Keeper, Log, NewInput, Stopped, watch_clock};
use crate::health::Health;
use crate::http::{self, Door, Limits, Shared};
use crate::listener::Listener;
use crate::stop::{Stop, Stopper};
use crate::store::{self, Store};

pub use heartbeat::reachable;
pub use parts::{api_tokens, build_channels, build_runtimes};
pub use supervisor::Supervisor;

/// After a start, agents have this long to come back to their open questions.
const SETTLE: Span = Span::secs(20);
/// What the courier has begun may take this long once we stop.
const SENDS: Duration = Duration::from_secs(20);
/// How often measurements are summed.
const METRICS: Span = Span::secs(10);
/// How long a sign-in link lives.
const LINK_LIVES: Span = Span::mins(10);

/// Why it does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The store is not right.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The address cannot be listened on.
    #[error("{0}: {1}; is another program listening there?")]
    Listen(SocketAddr, std::io::Error),
    /// The signal of a size limit cannot be taken.
    #[error("signals cannot be handled: {0}")]
    Signal(std::io::Error),
    /// The first input could not be stored.
    #[error(transparent)]
    Append(#[from] AppendError),
}

/// A running sereno.
pub struct App {
    /// What the handlers work with.
    pub door: Shared,
    /// Where it listens.
    pub address: SocketAddr,
    log: Log,
    sources: Sources,
    store: Store,
    front: (Stopper, Vec<JoinHandle<()>>),
    back: (Stopper, JoinHandle<()>),
    engine: (Stopper, JoinHandle<Stopped>),
}

impl App {
    /// Starts everything. The listener is bound before anything is folded, so that a taken port is found
    /// out at once.
    ///
    /// # Errors
    /// What keeps it from starting.
    pub async fn start(config: &Config, sources: Sources) -> Result<Self, StartError> {
        disk::survive_size_limit().map_err(StartError::Signal)?;
        let listen = config.listen();
        let listener = TcpListener::bind(listen).await.map_err(|e| StartError::Listen(listen, e))?;
        let address = listener.local_addr().map_err(|e| StartError::Listen(listen, e))?;
        let handle = metrics_handle();
        let runtimes = Arc::new(build_runtimes(config)?);
        let page = Arc::new(WebChannel::default());
        let mut channels = build_channels(config, page.clone())?;
        let store = Store::open_with(&config.store_url()?, config.direct_url()?.as_deref()).await?;
        let keeper = Keeper::start(store.clone(), sources.clone(), config.lease(), config.policy.clone());
        let (keeper, log, progress) = Box::pin(keeper).await?;
        let claim = keeper.claim("");
        let (engine_stopper, engine_stop) = Stopper::new();
        let engine = (engine_stopper, tokio::spawn(keeper.run(engine_stop)));
        let tokens = tokens(&store, &sources).await?.with_page(&config.public_url());
        let push = Arc::new(devices::push(config, &store, &sources, progress.policy.clone()).await?);
        channels.insert(PUSH.to_owned(), push.clone());
        let channels = Arc::new(channels);
        let health = Arc::new(Health::new(sources.now()));
        let (front_stopper, front_stop) = Stopper::new();
        let (back_stopper, back_stop) = Stopper::new();
        let rate = config.file.http.rate.unwrap_or(500.0);
        let door = Arc::new(Door {
            log: log.clone(),
            store: store.clone(),
            sources: sources.clone(),
            runtimes: runtimes.clone(),
            channels: channels.clone(),
            page: (crate::config::PAGE.to_owned(), page),
            push,
            tokens: tokens.clone(),
            progress: progress.clone(),
            health: health.clone(),
            limits: Limits::new(rate, config.file.http.burst.unwrap_or(rate * 4.0)),
            public_url: config.public_url(),
            api_tokens: api_tokens(config)?,
            metrics: handle,
            stopping: front_stop.clone(),
        });
        let courier = Courier {
            store: store.clone(),
            log: log.clone(),
            sources: sources.clone(),
            channels: channels.clone(),
            runtimes,
            tokens,
            progress,
            health,
        };
        let back = (back_stopper, tokio::spawn(courier.run(back_stop)));
        let front = start_front(config, (listener, address), &door, claim, &front_stop);
        Ok(Self { door, address, log, sources, store, front: (front_stopper, front), back, engine })
    }

    /// A link by which `person` can sign in on the page, once.
    ///
    /// # Errors
    /// When it could not be stored.
    pub async fn sign_in_link(&self, person: &str) -> Result<String, AppendError> {
        let token = random_hex(self.sources.entropy.as_ref(), 32);
        let expires = self.sources.now().plus(LINK_LIVES);
        let body = Body::LinkIssued { token: http::hash_token(&token), person: person.to_owned(), expires };
        self.log.append_one(NewInput::unkeyed(body)).await?;
        Ok(format!("{}/#signin={token}", self.door.public_url))
    }

    /// Tells people, from memory, that the store is damaged and that this is the end.
    pub async fn last_words(&self, error: &str) {
        alarm::tell(&self.door, Reason::StoreTrouble { error: error.to_owned() }).await;
    }

    /// Waits until the engine stops by itself, which it does only when it must.
    pub async fn engine_stopped(&mut self) -> Stopped {
        (&mut self.engine.1).await.unwrap_or(Stopped::Asked)
    }

    /// Stops in order: nothing new is taken in or begun; what was begun has its time; then the log ends. Returns
    /// how the engine ended.
    pub async fn stop(self) -> Stopped {
        let (stopper, tasks) = self.front;
        stopper.stop();
        let (stopper, mut courier) = self.back;
        stopper.stop();
        let sends = within(SENDS, &mut courier);
        let front = async {
            for task in tasks {
                let _ended = task.await;
            }
        };
        if tokio::join!(sends, front).0.is_none() {
            // Their leases tell the next start that they had been begun.
            tracing::warn!("some sends did not end in time");
            courier.abort();
        }
        let (stopper, engine) = self.engine;
        stopper.stop();
        let why = engine.await.unwrap_or(Stopped::Asked);
        self.store.close().await;
        why
    }
}

/// Starts what takes things in and what looks after the store: all of it ends before the courier does.
fn start_front(
    config: &Config,
    (listener, address): (TcpListener, SocketAddr),
    door: &Shared,
    claim: Claim,
    stop: &Stop,
) -> Vec<JoinHandle<()>> {
    let (store, sources, log) = (door.store.clone(), door.sources.clone(), door.log.clone());
    let beat = config.file.heartbeat.clone();
    let router = http::router(door.clone());
    let mut front = vec![
        tokio::spawn(door.receiver().run(door.channels.clone(), claim.clone(), stop.clone())),
        tokio::spawn(runtimes(door).run(door.runtimes.clone(), claim, stop.clone())),
        tokio::spawn(watch_clock(sources.clock.clone(), log.clone(), stop.clone())),
        tokio::spawn(sweep_abandoned(door.clone(), stop.clone())),
        tokio::spawn(sum_metrics(door.clone(), stop.clone())),
        tokio::spawn(heartbeat::run(beat, address, door.clone(), stop.clone())),
        tokio::spawn(alarm::run(door.clone(), stop.clone())),
        tokio::spawn(retention::run(door.clone(), config.retention(), stop.clone())),
        tokio::spawn(http::serve::serve(listener, router, sources.entropy.clone(), stop.clone())),
    ];
    if let Some(path) = store.path() {
        front.push(tokio::spawn(disk::watch(path.to_owned(), sources.clone(), log, stop.clone())));
    }
    if let Some((folder, plan)) = config.backups().filter(|_| store.is_exclusive()) {
        front.push(tokio::spawn(backups::run(store, sources, folder, plan, stop.clone())));
    }
    front
}

/// What holds connections to runtimes that have to be called.
fn runtimes(door: &Shared) -> Listener {
    Listener {
        log: door.log.clone(),
        store: door.store.clone(),
        sources: door.sources.clone(),
        health: door.health.clone(),
    }
}

/// The metrics of the process; there is one recorder, however many parts use it.
pub fn metrics_handle() -> PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    let install = || {
        let handle = PrometheusBuilder::new().install_recorder();
        crate::figures::describe();
        handle.expect("nothing else records metrics in this process")
    };
    HANDLE.get_or_init(install).clone()
}

/// Sums what was measured: each value is kept by itself until then, for ever where nobody asks for metrics.
async fn sum_metrics(door: Shared, mut stop: Stop) {
    loop {
        tokio::select! {
            () = stop.asked() => return,
            () = door.sources.clock.sleep(METRICS) => {}
        }
        door.metrics.run_upkeep();
    }
}

/// Tokens of buttons under the store's own key.
async fn tokens(store: &Store, sources: &Sources) -> store::Result<Tokens> {
    let fresh = random_hex(sources.entropy.as_ref(), 32);
    let key = store.meta_or("button_key", &fresh).await?;
    let epoch = store.meta_or("epoch", "1").await?;
    let mut bytes = [0; 32];
    // A key that was damaged makes old buttons dead, and nothing else.
    let _damaged = hex::decode_to_slice(key, &mut bytes).is_err();
    Ok(Tokens::new(bytes, epoch.parse().unwrap_or(1)))
}

/// Questions that were open when the last process ended, and whose askers did not come back.
async fn sweep_abandoned(door: Shared, mut stop: Stop) {
    let started = door.sources.now();
    tokio::select! {
        () = stop.asked() => return,
        () = door.sources.clock.sleep(SETTLE) => {}
    }
    for (name, runtime) in door.runtimes.iter() {
        let Ok(pending) = door.store.pending_approvals(name).await else { continue };
        for approval in pending.iter().filter(|a| a.asked < started) {
            if http::is_abandoned(&door, name, runtime.as_ref(), &approval.external).await {
                http::withdraw(&door.log, name, &approval.external, door.sources.now()).await;
            }
        }
    }
}
