//! Socket Mode: slack-morphism holds the connections, we read what comes over them.
//!
//! Its own reader gives up on payloads that it cannot name and forgets what they say of workspaces, so it hands over
//! whole frames here. A frame is confirmed once what it says is stored, one after the other, as Slack wants it within
//! three seconds. <https://docs.slack.dev/apis/events-api/using-socket-mode>

use std::collections::HashSet;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hyper_util::client::legacy::connect::{Connect, HttpConnector};
use serde::Deserialize;
use serde_json::{Value, json};
use slack_morphism::api::{SlackApiAppsConnectionOpenRequest, SlackApiAppsConnectionOpenResponse};
use slack_morphism::clients_manager::{SlackSocketModeClientsManager, SlackSocketModeClientsManagerFactory};
use slack_morphism::errors::SlackClientError;
use slack_morphism::hyper_tokio::SlackClientHyperConnector;
use slack_morphism::listener::SlackClientEventsListenerEnvironment;
use slack_morphism::{
    ClientResult, SlackApiToken, SlackClient, SlackClientSocketModeConfig, SlackSocketModeClientListener,
    SlackSocketModeWssClientId,
};
use tokio::sync::{mpsc, oneshot};

use super::receive::Heard;
use super::{Shared, call, verdict};
use crate::channel::Inbox;
use crate::clock::within;

/// Connections at once: Slack closes each of them now and then, and hands everything to one of those that are open.
const CONNECTIONS: u32 = 2;
/// Seconds until the second one is made, and until a failed one is tried again.
const APART: u64 = 2;
/// How long there may be no connection that works.
const PATIENCE: Duration = Duration::from_secs(8);

type Manager = Arc<dyn SlackSocketModeClientsManager + Send + Sync>;

/// What happens on a connection.
enum Happened {
    /// Slack has sent this; it is answered with what goes back.
    Frame(SlackSocketModeWssClientId, String, oneshot::Sender<Option<String>>),
    /// It has ended.
    Ended(SlackSocketModeWssClientId),
}

/// Hands over what happens.
struct Ear(mpsc::Sender<Happened>);

#[async_trait]
impl SlackSocketModeClientListener for Ear {
    async fn on_message(&self, id: &SlackSocketModeWssClientId, frame: String) -> Option<String> {
        let (answer, answered) = oneshot::channel();
        self.0.send(Happened::Frame(id.clone(), frame, answer)).await.ok()?;
        answered.await.ok()?
    }

    async fn on_error(&self, _error: Box<dyn std::error::Error + Send + Sync>) {}

    async fn on_disconnect(&self, id: &SlackSocketModeWssClientId) {
        let _nobody_listens = self.0.send(Happened::Ended(id.clone())).await;
    }
}

/// Connections that end with the value.
struct Held(Manager);

impl Drop for Held {
    fn drop(&mut self) {
        let manager = self.0.clone();
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            drop(runtime.spawn(async move { manager.shutdown().await }));
        }
    }
}

fn manager<H>(connector: SlackClientHyperConnector<H>, base: &str) -> Manager
where
    H: Connect + Clone + Send + Sync + 'static,
{
    let client = Arc::new(SlackClient::new(connector.with_slack_api_url(base)));
    let environment = Arc::new(SlackClientEventsListenerEnvironment::new(client.clone()));
    client.http_api.connector.new_clients_manager(environment)
}

/// A manager whose calls are encrypted, unless a server of one's own is named without that.
fn manager_for(base: &str) -> io::Result<Manager> {
    if base.starts_with("http://") {
        return Ok(manager(SlackClientHyperConnector::with_connector(HttpConnector::new()), base));
    }
    Ok(manager(SlackClientHyperConnector::new()?, base))
}

/// Frames as Slack sends them.
#[derive(Deserialize)]
struct Frame {
    #[serde(rename = "type")]
    kind: String,
    envelope_id: Option<String>,
    #[serde(default)]
    payload: Value,
    reason: Option<String>,
    #[serde(default)]
    connection_info: Value,
}

/// Holds connections until none works any more. Returns why.
pub(super) async fn listen(slack: &Shared, token: &SlackApiToken, inbox: &dyn Inbox) -> String {
    let base = call::base(slack.settings.api_url.as_ref());
    let manager = match manager_for(&base) {
        Ok(manager) => Held(manager),
        Err(_) => return "the system's root certificates cannot be read; install ca-certificates".into(),
    };
    let (ear, mut happenings) = mpsc::channel(16);
    let config = SlackClientSocketModeConfig::new()
        .with_max_connections_count(CONNECTIONS)
        .with_initial_backoff_in_seconds(APART)
        .with_reconnect_timeout_in_seconds(APART);
    if manager.0.register_new_token(&config, token.clone(), Arc::new(Ear(ear))).await.is_err() {
        return "Socket Mode cannot be begun".into();
    }
    manager.0.start().await;
    let mut live = HashSet::new();
    loop {
        let happened = if live.is_empty() {
            match within(PATIENCE, happenings.recv()).await {
                Some(happened) => happened,
                None => return why_not(slack, token).await,
            }
        } else {
            happenings.recv().await
        };
        match happened {
            Some(Happened::Frame(id, text, answer)) => {
                let Ok(frame) = serde_json::from_str::<Frame>(&text) else {
                    // Nothing in it can be confirmed.
                    drop(answer);
                    continue;
                };
                inbox.alive();
                match frame.kind.as_str() {
                    "hello" => {
                        live.insert(id);
                        slack.is_app(frame.connection_info["app_id"].as_str());
                    }
                    "disconnect" if frame.reason.as_deref() == Some("link_disabled") => {
                        return "Socket Mode is switched off for this app; switch it on in the app's settings".into();
                    }
                    "disconnect" => {
                        live.remove(&id);
                        manager.0.restart_client(&id).await;
                    }
                    _ => {}
                }
                // Whoever waits for it may be gone with the connection; then Slack sends it again.
                let _gone = answer.send(confirmed(slack, inbox, frame).await);
            }
            Some(Happened::Ended(id)) => {
                live.remove(&id);
                manager.0.restart_client(&id).await;
            }
            None => return "the connection to Slack ended".into(),
        }
    }
}

/// Takes in what a frame says. Returns its confirmation, unless it could not be stored.
async fn confirmed(slack: &Shared, inbox: &dyn Inbox, frame: Frame) -> Option<String> {
    let id = frame.envelope_id?;
    let heard = match frame.kind.as_str() {
        "slash_commands" => slack.reader(|reader| reader.command(&frame.payload)),
        "interactive" => slack.reader(|reader| reader.interaction(&frame.payload)),
        "events_api" => slack.reader(|reader| reader.event(&frame.payload)),
        _ => Heard::Nothing,
    };
    if let Some(incoming) = slack.heard(heard)
        && let Err(error) = inbox.take(incoming).await
    {
        tracing::warn!(channel = slack.settings.name, %error, "what was said is not confirmed to Slack");
        return None;
    }
    Some(json!({ "envelope_id": id }).to_string())
}

/// Why no connection comes about, as far as Slack says: asked for once more, by us.
async fn why_not(slack: &Shared, token: &SlackApiToken) -> String {
    let opened: ClientResult<SlackApiAppsConnectionOpenResponse> =
        call::call(&slack.web, token, "apps.connections.open", &SlackApiAppsConnectionOpenRequest::new()).await;
    match opened {
        Ok(_) => "no connection to Slack's Socket Mode comes about".into(),
        Err(error @ SlackClientError::ApiError(_)) => format!("Socket Mode: {}", verdict::words(&error)),
        Err(error) => verdict::words(&error),
    }
}
