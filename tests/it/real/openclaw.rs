//! The real OpenClaw gateway under a real sereno: what people decide is what happens, also when either of them dies.
//!
//! A gateway takes half a minute to start, so these are few stories with much in each. The model is a small server that
//! asks for one command; whether that command has run is seen by the file that it makes.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use sereno::clock::within;
use sereno::runtime::openclaw::{OpenClaw, Settings};
use sereno::runtime::secret::Secret;
use sereno::runtime::{AgentScope, Runtime as _};

use super::openai::OpenAi;
use super::process::{Sereno, installed, until};
use crate::binary::Home;
use crate::openclaw::device::Kept;

const NODE: &str = "tests/node/node_modules/node/bin/node";
const PROGRAM: &str = "tests/node/openclaw/node_modules/openclaw/openclaw.mjs";
const TOKEN: &str = "gateway-token-of-the-real-one-0123456789";
/// A gateway may take this long to start on a busy machine.
const BOOT: Duration = Duration::from_mins(2);
/// A run that waits for nobody, or a gateway that comes back.
const RUN: Duration = Duration::from_mins(1);

/// A gateway in a folder of its own, with two agents that must ask.
pub struct Gateway {
    folder: tempfile::TempDir,
    port: u16,
    child: Option<Child>,
}

impl Gateway {
    pub async fn start(model: &OpenAi) -> Self {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let mut gateway = Self { folder: tempfile::tempdir().unwrap(), port, child: None };
        for name in ["home", "state", "main", "other"] {
            std::fs::create_dir(gateway.path(name)).unwrap();
        }
        std::fs::write(gateway.path("state/openclaw.json"), gateway.settings(&model.url).to_string()).unwrap();
        gateway.begin();
        gateway.ready().await;
        gateway
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn settings(&self, model: &str) -> Value {
        let agent = |name: &str| json!({ "workspace": self.path(name) });
        json!({
            "gateway": {
                "mode": "local", "port": self.port, "bind": "loopback", "auth": { "mode": "token", "token": TOKEN },
                "controlUi": { "enabled": false },
            },
            "models": { "providers": { "fake": {
                "baseUrl": model, "apiKey": "local", "api": "openai-completions",
                "models": [{
                    "id": "fake-1", "name": "Fake One", "contextWindow": 128_000, "maxTokens": 4096, "input": ["text"],
                    "reasoning": false, "cost": { "input": 3, "output": 15, "cacheRead": 0.3, "cacheWrite": 3.75 },
                }],
            } } },
            "agents": {
                "defaults": {
                    "model": { "primary": "fake/fake-1" }, "workspace": self.path("main"), "skipBootstrap": true,
                    "heartbeat": { "every": "0m" }, "systemAgent": { "agentId": "main" },
                },
                "ownership": "explicit", "entries": { "main": agent("main"), "other": agent("other") },
            },
            "tools": { "exec": { "mode": "ask" } },
            "talk": { "agentId": "main" },
            "meta": {
                "migrations": { "modelPolicyAllowlist": true, "utilityModelSeparation": true },
                "lastTouchedVersion": "2026.9.6",
            },
        })
    }

    fn begin(&mut self) {
        let log = std::fs::File::options().create(true).append(true).open(self.path("log")).unwrap();
        let node = installed(NODE);
        let child = Command::new(&node)
            .arg(installed(PROGRAM))
            .args(["gateway", "run"])
            .current_dir(self.path("main"))
            .env_clear()
            .env("PATH", format!("{}:/usr/bin:/bin", node.parent().unwrap().display()))
            .env("HOME", self.path("home"))
            .env("TMPDIR", self.path("home"))
            .env("OPENCLAW_STATE_DIR", self.path("state"))
            .env("OPENCLAW_CONFIG_PATH", self.path("state/openclaw.json"))
            .env("OPENCLAW_DISABLE_BONJOUR", "1")
            .env("OPENCLAW_EXEC_SHELL_SNAPSHOT", "0")
            .env("OPENCLAW_NO_RESPAWN", "1")
            .env("OPENCLAW_SKIP_CHANNELS", "1")
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        self.child = Some(child);
    }

    async fn ready(&mut self) {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let url = format!("http://127.0.0.1:{}/readyz", self.port);
        until(BOOT, "the gateway is ready", async || {
            let ended = self.child.as_mut().unwrap().try_wait().unwrap();
            assert!(ended.is_none(), "{}", std::fs::read_to_string(self.path("log")).unwrap());
            client.get(&url).send().await.ok().filter(|answer| answer.status().is_success())
        })
        .await;
    }

    /// Ends it without a chance to do anything.
    fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    pub fn has_run(&self, file: &str) -> bool {
        self.path("main").join(file).exists()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        if self.child.is_some() {
            self.kill();
        }
    }
}

async fn both(model: &OpenAi, more: &str) -> (Gateway, Sereno) {
    let gateway = Gateway::start(model).await;
    let sereno = Sereno::start(&format!("{}{more}", runtime(&gateway)));
    sereno.shows("/agents", "other").await;
    (gateway, sereno)
}

pub fn runtime(gateway: &Gateway) -> String {
    let url = format!("ws://127.0.0.1:{}", gateway.port);
    format!("[runtimes.claw]\nkind = \"openclaw\"\nurl = \"{url}\"\ntoken = \"{TOKEN}\"\n")
}

async fn orders(sereno: &Sereno, line: &str) {
    let said = sereno.say("root", line).await;
    assert_eq!(said["refused"], false, "{line}: {said}");
}

/// Lets the agent `main` begin a run. It is an order like every other, and so shows that orders arrive.
pub async fn begin(sereno: &Sereno, words: &str) {
    orders(sereno, &format!("/spawn claw/main \"{words}\"")).await;
}

/// It believes the signature of our device, which it asks for on another machine only.
async fn knows_our_device(gateway: &Gateway) {
    let adapter = OpenClaw::new(Settings {
        url: format!("ws://127.0.0.1:{}", gateway.port),
        is_local: false,
        token: Secret::new(TOKEN),
        hook_tokens: Vec::new(),
        agents: AgentScope::new(None).unwrap(),
    });
    let kept = Kept::new();
    let connected = async {
        tokio::select! {
            ended = adapter.listen(&kept) => panic!("{ended:?}"),
            () = kept.is_connected() => {}
        }
    };
    within(RUN, Box::pin(connected)).await.expect("it is let in");
}

/// The admin's words for what the API answers, until they hold `words`.
pub async fn shows(sereno: &Sereno, command: &str, words: &str) -> String {
    until(RUN, &format!("{command} shows {words:?}"), async || {
        let text = sereno.text(command).await;
        text.contains(words).then_some(text)
    })
    .await
}

/// Tokens and cost of today.
async fn spent(sereno: &Sereno) -> (Value, Value) {
    let total = sereno.say("abel", "/cost").await["content"]["total"].clone();
    (total["tokens"].clone(), total["cost"].clone())
}

pub const ROOT: &str = "[api.tokens.root]\ntoken = \"token-of-root\"\nrole = \"admin\"\n";

/// Somebody else who operates the gateway: decides what is asked, or aborts whoever asks, as its own programs do.
async fn decides(gateway: &Gateway, decision: &str) {
    let script = r"
        const [port, token, decision] = process.argv.slice(1);
        const ws = new WebSocket(`ws://127.0.0.1:${port}`);
        let n = 0; const waits = new Map();
        const call = (method, params) => new Promise(done => { const id = String(++n); waits.set(id, done);
            ws.send(JSON.stringify({ type: 'req', id, method, params })); });
        ws.onmessage = async ({ data }) => { const f = JSON.parse(data);
            if (f.type === 'res') return waits.get(f.id)?.(f);
            if (f.event !== 'connect.challenge') return;
            await call('connect', { minProtocol: 4, maxProtocol: 4, role: 'operator', scopes: ['operator.admin'], caps: [],
                client: { id: 'gateway-client', version: '1', platform: 'linux', mode: 'backend', displayName: 'laptop' },
                auth: { token }, locale: 'en-US', userAgent: 'laptop/1' });
            for (;;) { const open = await call('exec.approval.list', {});
                if (open.payload.length === 0) { await new Promise(r => setTimeout(r, 50)); continue; }
                const [{ id, request }] = open.payload;
                const done = decision === 'abort' ? await call('chat.abort', { sessionKey: request.sessionKey })
                    : await call('approval.resolve', { id, kind: 'exec', decision });
                process.exit(done.payload?.applied ?? done.payload?.aborted ? 0 : 1); } };
    ";
    let mut command = Command::new(installed(NODE));
    command.args(["-e", script, "--", &gateway.port.to_string(), TOKEN, decision]);
    let status = tokio::task::spawn_blocking(move || command.status()).await.unwrap().unwrap();
    assert!(status.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn questions_of_the_real_gateway_are_decided_by_whoever_is_first() {
    let model = OpenAi::start().await;
    let (gateway, sereno) = both(&model, ROOT).await;
    let said = sereno.print(&["connect", "openclaw"]);
    assert!(said.contains("OpenClaw 2026.9.6 lets us in") && said.contains("operator.admin"), "{said}");

    let stranger = Home::new(&runtime(&gateway).replace(TOKEN, "a-token-of-somebody-else"));
    let refused = stranger.run(&["connect", "openclaw"]);
    let said = format!("{}{}", refused.out, refused.err);
    assert!(refused.code != 0 && said.contains("gateway token mismatch"), "{said}");

    begin(&sereno, "RUN:touch allowed").await;
    let code = sereno.question().await;
    let agents = sereno.text("/agents").await;
    assert!(agents.contains("touch allowed"), "{agents}");
    assert!(!gateway.has_run("allowed"));
    let said = sereno.say("abel", &format!("/approve {code}")).await;
    assert_eq!(said["refused"], false, "{said}");
    let again = sereno.say("bea", &format!("/deny {code}")).await;
    assert_eq!((&again["refused"], &again["reason"]["outcome"]), (&json!(true), &json!("approved")), "{again}");
    shows(&sereno, &format!("/why {code}"), "confirmed — the agent has its answer").await;
    shows(&sereno, "/agents", "✅ main").await;
    assert!(gateway.has_run("allowed"));
    // Two answers of the model: 1,034 tokens in, 200 from the cache and 56 out each.
    let tokens = json!({ "input": 2068, "output": 112, "cache_read": 400, "cache_write": 0 });
    until(RUN, "both answers are paid for", async || {
        let cost = sereno.say("abel", "/cost").await["content"]["total"].clone();
        (cost["tokens"] == tokens && cost["cost"] == 8004).then_some(())
    })
    .await;

    begin(&sereno, "RUN:touch denied").await;
    let code = sereno.question().await;
    sereno.say("bea", &format!("/deny {code} not today")).await;
    shows(&sereno, &format!("/why {code}"), "rejected by bea: not today").await;
    shows(&sereno, &format!("/why {code}"), "confirmed").await;
    shows(&sereno, "/agents", "✅ main").await;
    assert!(!gateway.has_run("denied"));

    begin(&sereno, "RUN:touch elsewhere").await;
    let code = sereno.question().await;
    decides(&gateway, "allow-once").await;
    shows(&sereno, &format!("/why {code}"), "decided where the agent runs").await;
    let late = sereno.say("abel", &format!("/deny {code}")).await;
    assert_eq!((&late["refused"], &late["reason"]["outcome"]), (&json!(true), &json!("approved")), "{late}");
    shows(&sereno, "/agents", "✅ main").await;
    assert!(gateway.has_run("elsewhere"));

    begin(&sereno, "RUN:touch aborted").await;
    let code = sereno.question().await;
    decides(&gateway, "abort").await;
    shows(&sereno, "/agents", "⏹ main").await;
    shows(&sereno, "/approvals", "Nothing waits").await;
    let late = sereno.say("abel", &format!("/approve {code}")).await;
    assert_eq!((&late["refused"], &late["reason"]["outcome"]), (&json!(true), &json!("cancelled")), "{late}");

    begin(&sereno, "SLOW and for ever").await;
    shows(&sereno, "/agents", "🟢 main").await;
    orders(&sereno, "/pause claw/main").await;
    shows(&sereno, "/agents", "⏸ main").await;
    orders(&sereno, "/resume claw/main").await;
    shows(&sereno, "/agents", "🟢 main").await;
    // The other one is told what was asked, and so works without an end as well.
    orders(&sereno, "/reassign claw/main to:claw/other").await;
    shows(&sereno, "/agents", "🟢 other").await;
    shows(&sereno, "/agents", "⏹ main").await;
    orders(&sereno, "/kill claw/other yes").await;
    shows(&sereno, "/agents", "⏹ other").await;
    knows_our_device(&gateway).await;

    // Another sereno at the same gateway, which waits for nobody. It knows what was spent before it came.
    let other = Sereno::start(&format!("{}{ROOT}[approvals]\ntimeout = \"5s\"\n", runtime(&gateway)));
    other.shows("/agents", "other").await;
    until(RUN, "both know of the same money", async || {
        let theirs = spent(&other).await;
        (theirs == spent(&sereno).await).then_some(())
    })
    .await;
    sereno.end();
    let sereno = other;
    begin(&sereno, "RUN:touch expired").await;
    let code = sereno.question().await;
    shows(&sereno, &format!("/why {code}"), "nobody decided in time").await;
    shows(&sereno, &format!("/why {code}"), "confirmed").await;
    shows(&sereno, "/agents", "✅ main").await;
    assert!(!gateway.has_run("aborted") && !gateway.has_run("expired"));
    sereno.end();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_real_gateway_and_sereno_may_die_in_the_middle() {
    let model = OpenAi::start().await;
    let (mut gateway, mut sereno) = both(&model, &format!("{ROOT}[approvals]\ntimeout = \"55m\"\n")).await;

    begin(&sereno, "RUN:touch after-sereno").await;
    let code = sereno.question().await;
    sereno.kill();
    assert!(!gateway.has_run("after-sereno"));
    sereno.again();
    assert_eq!(sereno.question().await, code, "it is the same question");
    sereno.say("abel", &format!("/approve {code}")).await;
    let why = shows(&sereno, &format!("/why {code}"), "confirmed — the agent has its answer").await;
    assert_eq!(why.matches(" asked").count(), 1, "it was asked once: {why}");
    shows(&sereno, "/agents", "✅ main").await;
    assert!(gateway.has_run("after-sereno"));

    begin(&sereno, "SLOW go on for ever").await;
    shows(&sereno, "/agents", "🟢 main").await;
    sereno.say("root", "/tell claw/main a word from a person").await;
    gateway.kill();
    gateway.begin();
    gateway.ready().await;
    let agents = shows(&sereno, "/agents", "main").await;
    assert!(!agents.contains("🔴"), "a gateway that was away is no failure of an agent: {agents}");

    begin(&sereno, "RUN:touch after-gateway").await;
    let code = until(RUN, "it asks over the new connection", async || {
        let answer = sereno.say("abel", "/approvals").await;
        answer["content"]["pending"][0]["code"].as_str().map(str::to_owned)
    })
    .await;
    sereno.say("abel", &format!("/approve {code}")).await;
    shows(&sereno, &format!("/why {code}"), "confirmed — the agent has its answer").await;
    until(RUN, "it has run", async || gateway.has_run("after-gateway").then_some(())).await;
    sereno.end();
}
