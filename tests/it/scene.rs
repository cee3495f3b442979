//! A whole sereno on a real store, in a time that only the test moves.
//!
//! Requests come in over real sockets and messages go out through the real courier; the clock, the
//! entropy and the people are the test's. A scene ends with an empty world: nothing on its way, nothing
//! unread, no error in the log that the test did not expect.

mod fleet;
mod logs;
mod visitor;

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use sereno::app::App;
use sereno::clock::{Clock as _, CountingEntropy, ManualClock, Sources, within};
use sereno::config::Config;
use sereno::core::step::{Step, step};
use sereno::core::time::{Span, Ts};
use sereno::store::{AuditFilter, Listed};

use crate::database::Database;
use crate::sim::at;

pub use fleet::{Fleet, SECRET, SECRET_BYTES};
pub use logs::{Line, Logs};
pub use visitor::{Standing, Visitor};

/// Token under which the runtime `fleet` reports.
pub const TOKEN: &str = "fleet-token-fleet-token";
/// How long anything may take to come to rest, in real time.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// People whom every scene knows, and a runtime that may be watched.
pub const PEOPLE: &str = r#"
[people.ana]
role = "approver"
lang = "en"
telegram = 77
slack = "U77"
email = "ana@example.org"

[people.victor]
role = "admin"
lang = "es"
telegram = 1234
slack = "U1234"
email = "victor@example.org"

[people.guest]
role = "viewer"
lang = "en"
telegram = 5
slack = "U5"
"#;

/// A running sereno.
pub struct Scene {
    pub app: App,
    pub clock: ManualClock,
    pub client: reqwest::Client,
    pub logs: Logs,
    pub fleet: Fleet,
    pub database: Database,
    config: String,
    entropy: Arc<CountingEntropy>,
    step: Step,
}

impl Scene {
    /// Starts on `database`, with the people of every scene and what `extra` adds to the configuration.
    pub async fn start(database: Database, extra: &str) -> Self {
        let url = database.url().to_owned();
        Self::start_at(url, database, "", extra).await
    }

    /// Starts on `database` by another address of it, with `store` among the settings of the store. Time moves in
    /// leaps here, and a process that slept for longer than its lease would rightly fold no more: the lease is long.
    pub async fn start_at(url: String, database: Database, store: &str, extra: &str) -> Self {
        Self::begin(url, database, store, extra, step).await
    }

    /// Starts on `database` with another fold.
    pub async fn start_folding(database: Database, step: Step) -> Self {
        Self::begin(database.url().to_owned(), database, "", "", step).await
    }

    async fn begin(url: String, database: Database, store: &str, extra: &str, step: Step) -> Self {
        let fleet = Fleet::start().await;
        let config = format!(
            "[http]\nlisten = \"127.0.0.1:0\"\n[store]\nurl = \"{url}\"\nlease = \"365d\"\n{store}\n{PEOPLE}\n\
             [runtimes.fleet]\nkind = \"generic\"\ntoken = \"{TOKEN}\"\n\
             secret = \"{SECRET}\"\ncontrol_url = \"{}\"\n{extra}",
            fleet.url(),
        );
        let logs = Logs::start();
        let clock = ManualClock::new(at("09:00"));
        let entropy = Arc::new(CountingEntropy::default());
        let app = launch(&config, &clock, &entropy, step).await;
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let scene = Self { app, clock, client, logs, fleet, database, config, entropy, step };
        scene.settle().await;
        scene
    }

    /// Stops in order and starts again on the same store.
    pub async fn restart(self) -> Self {
        let Self { app, clock, client, logs, fleet, database, config, entropy, step } = self;
        app.stop().await;
        let app = launch(&config, &clock, &entropy, step).await;
        let scene = Self { app, clock, client, logs, fleet, database, config, entropy, step };
        scene.settle().await;
        scene
    }

    /// Another process on the same store.
    pub async fn another(&self) -> App {
        launch(&self.config, &self.clock, &self.entropy, self.step).await
    }

    /// The same scene with another way to the fleet's control endpoint: `server` stands before it.
    pub async fn moved_to(mut self, server: &str) -> Self {
        self.config = self.config.replace(&self.fleet.url(), &format!("{server}/control"));
        self.restart().await
    }

    /// Its address, with a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.app.address)
    }

    pub fn now(&self) -> Ts {
        self.clock.now()
    }

    /// Reports an event of the runtime `fleet`; it must be taken.
    pub async fn event(&self, event: Value) -> Value {
        let (status, answer) = self.post(TOKEN, &event).await;
        assert!(matches!(status, 200 | 202), "{status} {answer}");
        answer
    }

    /// Posts a body to the runtime `fleet` under a token.
    pub async fn post(&self, token: &str, body: &Value) -> (u16, Value) {
        let request = self.client.post(self.url("/hooks/fleet")).bearer_auth(token).json(body);
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        (status, response.json().await.unwrap_or_default())
    }

    /// A question of the agent `build-1`: may it run `command`?
    pub async fn asks(&self, id: &str, command: &str) {
        self.event(json!({
            "type": "approval.requested",
            "agent": { "id": "build-1" },
            "session": { "id": "s-1" },
            "approval": {
                "id": id,
                "action": { "tool": "Bash", "input": { "command": command }, "cwd": "/srv/app" },
                "reason": "to see whether it works",
            },
        }))
        .await;
        self.settle().await;
    }

    /// One call of `build-1` costs $6.20, which the default rules find too much.
    pub async fn overspends(&self) {
        self.event(json!({
            "type": "model.call", "agent": { "id": "build-1" }, "session": { "id": "s-1" }, "model": "claude-opus-4-5",
            "usage": { "input_tokens": 1, "output_tokens": 1, "cost_usd": "6.20" },
        }))
        .await;
        self.settle().await;
    }

    /// `build-1` spends $1.85 in two sessions, an hour apart, and is at rest again.
    pub async fn spends(&self) {
        for (session, cost) in [("s-8", "1.25"), ("s-9", "0.60")] {
            let who = json!({ "agent": { "id": "build-1" }, "session": { "id": session } });
            let usage = json!({ "input_tokens": 10, "cost_usd": cost });
            for mut event in [
                json!({ "type": "model.call", "model": "claude-sonnet-4-5", "usage": usage }),
                json!({ "type": "session.ended" }),
            ] {
                event.as_object_mut().unwrap().extend(who.as_object().unwrap().clone());
                self.event(event).await;
            }
            self.advance(Span::hours(1)).await;
        }
    }

    /// Signs a person in on the page.
    pub async fn visitor(&self, person: &str) -> Visitor {
        let visitor = Visitor::sign_in(self, person).await;
        self.settle().await;
        visitor
    }

    /// Waits until nothing is due any more.
    pub async fn settle(&self) {
        let mut committed = self.app.door.progress.committed.clone();
        let settled = within(PATIENCE, async {
            while self.is_busy().await {
                // Whatever is under way ends with a commit; what does not is looked at again soon.
                let _either = within(Duration::from_millis(5), committed.changed()).await;
            }
        });
        let settled = settled.await;
        assert!(settled.is_some(), "it does not come to rest: {:#?}\n{:#?}", self.outbox().await, self.logs.troubles());
    }

    async fn is_busy(&self) -> bool {
        let now = self.now();
        let is_due = |due: Option<Ts>| due.is_some_and(|due| due <= now);
        if is_due(*self.app.door.progress.due.borrow()) {
            return true;
        }
        // A row may be leased, put back and leased again between any two looks: at rest two lists are the same.
        let before = self.outbox().await;
        if before.iter().any(|row| row.state == "leased") || is_due(self.app.door.store.next_due(now).await.unwrap()) {
            return true;
        }
        before != self.outbox().await || is_due(*self.app.door.progress.due.borrow())
    }

    /// Rows of the outbox that are not done.
    pub async fn outbox(&self) -> Vec<Listed> {
        self.app.door.store.list_outbox(1000).await.unwrap()
    }

    /// Lets time pass; whatever falls due on the way happens at its own time.
    pub async fn advance(&self, span: Span) {
        let until = self.now().plus(span);
        loop {
            self.settle().await;
            let own = *self.app.door.progress.due.borrow();
            let outbox = self.app.door.store.next_due(self.now()).await.unwrap();
            let Some(next) = own.into_iter().chain(outbox).min().filter(|next| *next <= until) else { break };
            self.clock.advance(next.since(self.now()));
        }
        self.clock.advance(until.since(self.now()));
        self.settle().await;
    }

    /// Particulars of the audit's rows about an action, oldest first.
    pub async fn audit(&self, action: &str) -> Vec<Value> {
        let rows = self.app.door.store.audit_after(0, &AuditFilter::default()).await.unwrap();
        rows.into_iter().filter(|row| row.action == action).map(|row| row.data).collect()
    }

    /// Ends with an empty world: the outbox is done, the audit verifies, and nothing was complained about
    /// but what `expected` names.
    pub async fn finish(self, expected: &[&str]) {
        self.settle().await;
        assert!(self.outbox().await.is_empty(), "{:#?}", self.outbox().await);
        let troubles = self.logs.troubles();
        let unexpected: Vec<_> = troubles.iter().filter(|line| !expected.iter().any(|e| line.contains(e))).collect();
        assert!(unexpected.is_empty(), "{unexpected:#?}");
        for wanted in expected {
            assert!(troubles.iter().any(|line| line.contains(wanted)), "nobody complained about {wanted}");
        }
        self.app.stop().await;
    }
}

async fn launch(config: &str, clock: &ManualClock, entropy: &Arc<CountingEntropy>, step: Step) -> App {
    let config = Config::from_text(config).unwrap_or_else(|error| panic!("{error}"));
    let sources = Sources { clock: Arc::new(clock.clone()), entropy: entropy.clone(), step };
    Box::pin(App::start(&config, sources)).await.unwrap_or_else(|error| panic!("{error}"))
}
