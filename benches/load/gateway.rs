//! Events of an OpenClaw gateway over its one connection: how many are taken, and how far behind it is at a steady rate.
//!
//! The program stands in for the gateway. What is stored is read from the server's own count.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use futures_util::stream::SplitSink;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, oneshot};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use crate::Bench;
use crate::client::{Connection, get};
use crate::common::clock::now;
use crate::common::figures::{Rounds, quantile};
use crate::common::machine::Watch;
use crate::server::{Server, Setup};
use crate::wait;

/// Events a second of a steady gateway, and for how many seconds.
const RATE: u32 = 1_000;
const SECONDS: u32 = 8;
/// Events of a gateway that sends as fast as it is read.
const BURST: u32 = 20_000;
const ROUNDS: u32 = 5;
/// Agents that work there, each in a session of its own.
const AGENTS: u32 = 200;
/// How often it is looked at what is stored.
const LOOK: Duration = Duration::from_millis(20);
/// How long nothing new may be stored before the bench gives up.
const PATIENCE: Duration = Duration::from_mins(1);
/// How the count of what is stored begins.
const STORED: &str = "sereno_inputs_total{kind=\"event\"}";

/// Measures both.
pub async fn run(bench: &Bench) -> Result<()> {
    println!("gateway: {AGENTS} agents of one OpenClaw gateway: tools begin and end, models answer");
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("ws://{}", listener.local_addr()?);
    let more = format!("[runtimes.claw]\nkind = \"openclaw\"\nurl = \"{url}\"\ntoken = \"bench\"\n");
    let (chat, setup) = (bench.sink.url(), Setup { more, ..Setup::default() });
    let (server, mut gateway) = tokio::try_join!(Server::start(&chat, setup), Gateway::greet(listener))?;
    let (mut rate, mut cpu, mut p50, mut p99) =
        (Rounds::default(), Rounds::default(), Rounds::default(), Rounds::default());
    for _ in 0..bench.of(ROUNDS).max(3) {
        let watch = Watch::start();
        let lags = steady(&server, &mut gateway, bench.of(SECONDS)).await?;
        p50.add(quantile(&lags, 0.5), watch.is_quiet());
        p99.add(quantile(&lags, 0.99), watch.is_quiet());

        let (watch, count, before) = (Watch::start(), bench.of(BURST), server.usage().cost()?);
        let took = burst(&server, &mut gateway, count).await?;
        rate.add(f64::from(count) / took.as_secs_f64(), watch.is_quiet());
        cpu.add(server.usage().cost()?.since(before).seconds * 1e6 / f64::from(count), true);
    }
    println!("gateway, at {RATE}/s   from due to stored: p50 {p50} ms, p99 {p99} ms, seen every {LOOK:?}");
    println!("gateway, at once    taken {rate} events/s (goal: at least {RATE}), {cpu} µs of processor an event");
    Ok(())
}

/// Sends events when they are due. Returns the milliseconds until each was stored, sorted.
async fn steady(server: &Server, gateway: &mut Gateway, seconds: u32) -> Result<Vec<f64>> {
    let count = RATE * seconds;
    let mut looks = Connection::open(server.address).await?;
    let before = stored(&mut looks).await?;
    let begin = now() + Duration::from_millis(50);
    let due = |n: u32| begin + Duration::from_secs(1) * n / RATE;
    let sends = async {
        for n in 0..count {
            wait::until(due(n)).await;
            gateway.event().await?;
        }
        anyhow::Ok(())
    };
    let sees = async {
        let (mut lags, mut seen, mut newest) = (Vec::new(), 0, now());
        while seen < count {
            wait::pause(LOOK).await;
            let there = (stored(&mut looks).await? - before).min(count);
            let at = now();
            if there > seen {
                newest = at;
            }
            lags.extend((seen..there).map(|n| at.saturating_duration_since(due(n)).as_secs_f64() * 1000.0));
            seen = there;
            anyhow::ensure!(newest.elapsed() < PATIENCE, "{there} of {count} events were stored\n{}", server.said());
        }
        lags.sort_unstable_by(f64::total_cmp);
        anyhow::Ok(lags)
    };
    let (sent, lags) = tokio::join!(sends, sees);
    sent?;
    lags
}

/// Sends events as fast as they are read. Returns how long it took until all were stored.
async fn burst(server: &Server, gateway: &mut Gateway, count: u32) -> Result<Duration> {
    let mut looks = Connection::open(server.address).await?;
    let wanted = stored(&mut looks).await? + count;
    let begin = now();
    for _ in 0..count {
        gateway.event().await?;
    }
    while stored(&mut looks).await? < wanted {
        anyhow::ensure!(begin.elapsed() < PATIENCE, "not all events were stored\n{}", server.said());
        wait::pause(LOOK).await;
    }
    Ok(begin.elapsed())
}

/// How many events the server has folded.
async fn stored(connection: &mut Connection) -> Result<u32> {
    connection.deliver(&get("/metrics")).await?;
    let body = connection.body();
    let count = body.lines().find_map(|line| line.strip_prefix(STORED));
    Ok(count.map_or(Ok(0), |count| count.trim().parse())?)
}

/// A gateway with one client.
struct Gateway {
    frames: Frames,
    sent: u32,
}

type Frames = Arc<Mutex<SplitSink<WebSocketStream<TcpStream>, Message>>>;

impl Gateway {
    /// Waits for the client, greets it, and answers whatever it asks: nothing is there.
    async fn greet(listener: TcpListener) -> Result<Self> {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let (sink, mut asked) = tokio_tungstenite::accept_async(stream).await?.split();
        let frames = Arc::new(Mutex::new(sink));
        let challenge = json!({ "type": "event", "event": "connect.challenge", "payload": { "nonce": "n", "ts": 1 } });
        send(&frames, challenge).await?;
        let (here, is_here) = oneshot::channel();
        let (mut here, answers) = (Some(here), frames.clone());
        tokio::spawn(async move {
            while let Some(Ok(message)) = asked.next().await {
                let Message::Text(text) = message else { continue };
                let request: Value = serde_json::from_str(&text)?;
                send(&answers, answer(&request)).await?;
                if request["method"] == "sessions.list"
                    && let Some(here) = here.take()
                {
                    let _gone = here.send(());
                }
            }
            anyhow::Ok(())
        });
        is_here.await.context("the client went away")?;
        Ok(Self { frames, sent: 0 })
    }

    /// Sends the next event.
    async fn event(&mut self) -> Result<()> {
        self.sent += 1;
        send(&self.frames, event(self.sent)).await
    }
}

/// Event number `n`. Of three, a tool begins, it ends, and a model answers.
fn event(n: u32) -> Value {
    let moment = 1_795_165_200_000_u64 + u64::from(n);
    let (call, agent) = (format!("call-{}", n / 3), format!("agent-{}", n / 3 % AGENTS));
    let key = format!("agent:{agent}:work");
    let tool = |data: Value| {
        json!({ "runId": format!("run-{agent}"), "sessionKey": key, "agentId": agent, "stream": "tool", "data": data,
            "seq": n, "ts": moment })
    };
    let (event, payload) = match n % 3 {
        0 => {
            let args = json!({ "command": "cargo test --workspace", "workdir": "/srv/claw/work" });
            ("agent", tool(json!({ "phase": "start", "name": "exec", "toolCallId": call, "args": args })))
        }
        1 => {
            let content = json!([{ "type": "text", "text": "test result: ok. 47 passed; 0 failed" }]);
            let result = json!({ "content": content, "details": { "durationMs": 1200 } });
            let data =
                json!({ "phase": "result", "name": "exec", "toolCallId": call, "isError": false, "result": result });
            ("agent", tool(data))
        }
        _ => {
            let usage =
                json!({ "input": 1034, "output": 56, "cacheRead": 200, "cacheWrite": 0, "cost": { "total": 0.004 } });
            let message = json!({
                "role": "assistant", "content": [{ "type": "text", "text": "They pass; I go on with the next file." }],
                "provider": "fake", "model": "fake-1", "timestamp": moment, "usage": usage,
            });
            let id = format!("message-{n}");
            ("session.message", json!({ "sessionKey": key, "agentId": agent, "messageId": id, "message": message }))
        }
    };
    json!({ "type": "event", "event": event, "payload": payload, "seq": n })
}

async fn send(frames: &Frames, frame: Value) -> Result<()> {
    Ok(frames.lock().await.send(Message::text(frame.to_string())).await?)
}

fn answer(request: &Value) -> Value {
    let payload = match request["method"].as_str().unwrap_or_default() {
        "connect" => json!({
            "type": "hello-ok", "protocol": 4, "server": { "version": "bench", "bootId": "b", "connId": "c" },
            "auth": { "role": "operator", "scopes": ["operator.admin"] }, "policy": { "tickIntervalMs": 600_000 },
        }),
        "exec.approval.list" | "plugin.approval.list" => json!([]),
        _ => json!({}),
    };
    json!({ "type": "res", "id": request["id"], "ok": true, "payload": payload })
}
