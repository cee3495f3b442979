//! A gateway on another machine: it wants to know the device, once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use sereno::clock::{CountingEntropy, ManualClock, Sources, within};
use sereno::core::event::Event;
use sereno::core::step::step;
use sereno::runtime::openclaw::{OpenClaw, Settings};
use sereno::runtime::secret::Secret;
use sereno::runtime::{AgentScope, Ended, Intake, NotStored, Runtime as _};
use tokio::sync::Notify;

use super::fake::{Gateway, TOKEN};
use crate::scene::PATIENCE;
use crate::sim::at;

/// A store of secrets, and nothing else.
pub struct Kept {
    secrets: Mutex<BTreeMap<String, String>>,
    sources: Sources,
    connected: Notify,
}

impl Kept {
    pub fn new() -> Self {
        let clock = Arc::new(ManualClock::new(at("09:00")));
        let sources = Sources { clock, entropy: Arc::new(CountingEntropy::default()), step };
        Self { secrets: Mutex::default(), sources, connected: Notify::new() }
    }

    /// Waits until a connection stands.
    pub async fn is_connected(&self) {
        self.connected.notified().await;
    }
}

#[async_trait]
impl Intake for Kept {
    async fn take(&self, _events: Vec<Event>) -> Result<(), NotStored> {
        Ok(())
    }

    async fn recall(&self, _events: Vec<Event>) -> Result<(), NotStored> {
        Ok(())
    }

    async fn open_questions(&self) -> Result<Vec<String>, NotStored> {
        Ok(Vec::new())
    }

    async fn secret(&self, name: &str, fresh: &str) -> Result<String, NotStored> {
        Ok(self.secrets.lock().unwrap().entry(name.to_owned()).or_insert_with(|| fresh.to_owned()).clone())
    }

    async fn keep(&self, name: &str, secret: &str) -> Result<(), NotStored> {
        self.secrets.lock().unwrap().insert(name.to_owned(), secret.to_owned());
        Ok(())
    }

    async fn connected(&self) {
        self.connected.notify_one();
    }

    fn sources(&self) -> &Sources {
        &self.sources
    }
}

fn adapter(gateway: &Gateway) -> OpenClaw {
    OpenClaw::new(Settings {
        url: gateway.url(),
        is_local: false,
        token: Secret::new(TOKEN),
        hook_tokens: Vec::new(),
        agents: AgentScope::new(None).unwrap(),
    })
}

/// A new process connects, and is let in for the `times`th time.
async fn is_let_in(gateway: &Gateway, kept: &Kept, times: u32) {
    let adapter = adapter(gateway);
    let connected = async {
        tokio::select! {
            ended = adapter.listen(kept) => panic!("{ended:?}"),
            () = kept.is_connected() => {}
        }
    };
    within(PATIENCE, Box::pin(connected)).await.expect("it is let in");
    assert_eq!(gateway.look(|memory| memory.greeted), times);
}

/// Whether a look finds nothing wrong.
async fn is_examined(gateway: &Gateway, kept: &Kept) -> bool {
    let adapter = adapter(gateway);
    let known = kept.secrets.lock().unwrap().clone();
    let known = adapter.secrets().iter().filter_map(|name| Some((*name, known.get(*name)?.clone())));
    adapter.examine(&known.collect()).await.findings.iter().all(|finding| finding.remedy.is_none())
}

#[tokio::test]
async fn a_device_is_approved_once_and_is_the_same_after_a_restart() {
    let gateway = Gateway::start().await;
    gateway.change(|memory| memory.devices = Some(BTreeSet::new()));
    let kept = Kept::new();

    let Ended::NeedsPerson(why) = adapter(&gateway).listen(&kept).await else { panic!("it is not known there") };
    assert!(why.contains("openclaw devices approve pair-1"), "{why}");
    gateway.change(|memory| memory.devices = Some(memory.pairings.clone()));

    is_let_in(&gateway, &kept, 1).await;
    assert_eq!(gateway.look(|memory| memory.pairings.len()), 1, "it is the same device");
    assert!(is_examined(&gateway, &kept).await);
}

#[tokio::test]
async fn the_token_of_a_device_outlives_the_shared_one_and_may_change_itself() {
    let gateway = Gateway::start().await;
    let kept = Kept::new();
    gateway.change(|memory| memory.gives = Some("own-1".into()));
    is_let_in(&gateway, &kept, 1).await;
    gateway.change(|memory| {
        memory.token = "another one".into();
        memory.gives = Some("own-2".into());
    });
    is_let_in(&gateway, &kept, 2).await;
    is_let_in(&gateway, &kept, 3).await;
    assert_eq!(kept.secrets.lock().unwrap()["device_token"], "own-2");
    assert!(is_examined(&gateway, &kept).await, "the shared one is wrong, and its own one is enough");
    // It is taken back, and the shared one is right again.
    gateway.change(|memory| (memory.token, memory.own) = (TOKEN.into(), None));
    is_let_in(&gateway, &kept, 5).await;
    gateway.change(|memory| memory.token = "another one".into());
    let ended = adapter(&gateway).listen(&kept).await;
    assert!(matches!(&ended, Ended::Refused(why) if why.contains("token mismatch")), "{ended:?}");
}

#[tokio::test]
async fn a_look_says_which_scope_is_missing() {
    let gateway = Gateway::start().await;
    gateway.change(|memory| memory.scopes = vec!["operator.read", "operator.approvals"]);
    let local = OpenClaw::new(Settings {
        url: gateway.url(),
        is_local: true,
        token: Secret::new(TOKEN),
        hook_tokens: Vec::new(),
        agents: AgentScope::new(None).unwrap(),
    });
    let said: Vec<String> =
        local.examine(&sereno::runtime::Kept::new()).await.findings.into_iter().map(|finding| finding.what).collect();
    let all = said.join("\n");
    assert!(all.contains("OpenClaw 2026.9.6 lets us in"), "{all}");
    assert!(all.contains("operator.write is missing") && all.contains("operator.admin is missing"), "{all}");
    assert!(!all.contains("operator.read is missing"), "{all}");
}
