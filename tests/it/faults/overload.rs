//! Too much at once, against the real binary: a burst, slow clients, fat heads and bodies, and more
//! connections than it takes.

#![expect(clippy::print_stdout, reason = "figures of a run, for whoever wants to see them")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Notify;

use super::instant;
use crate::binary::{Home, Serve};
use crate::dose;

const TOKEN: &str = "a-bearer-token-for-tests";

fn start() -> (Home, Serve) {
    // It can be asked, though nobody is there to hear the answer.
    let home = Home::new(&format!(
        "[runtimes.beat]\nkind = \"generic\"\ntoken = \"{TOKEN}\"\nsecret_file = \"fleet.secret\"\n\
         control_url = \"http://127.0.0.1:9/\"\n"
    ));
    let serve = home.serve(&[]);
    (home, serve)
}

async fn event(client: &reqwest::Client, home: &Home, event: &Value) -> reqwest::Response {
    let request = client.post(format!("{}/hooks/beat", home.url())).bearer_auth(TOKEN).json(event);
    request.send().await.unwrap()
}

async fn say(client: &reqwest::Client, home: &Home, line: &str) -> Value {
    let request = client.post(format!("{}/v1/commands", home.url())).bearer_auth("ops-token-for-tests");
    request.json(&json!({ "text": line })).send().await.unwrap().json().await.unwrap()
}

async fn connect(home: &Home) -> std::io::Result<TcpStream> {
    TcpStream::connect(home.url().trim_start_matches("http://")).await
}

/// Sends `head` as it is. Returns the status of the answer; `None` when the connection was closed without one.
async fn raw(home: &Home, head: &str) -> Option<u16> {
    let mut stream = connect(home).await.unwrap();
    // It may be closed before it has taken all of it.
    let _cut = stream.write_all(head.as_bytes()).await;
    status(&mut stream).await
}

async fn status(stream: &mut TcpStream) -> Option<u16> {
    let mut answer = [0; 12];
    let mut have = 0;
    while have < answer.len() {
        match stream.read(&mut answer[have..]).await {
            Ok(0) | Err(_) => return None,
            Ok(read) => have += read,
        }
    }
    std::str::from_utf8(&answer[9..12]).ok()?.parse().ok()
}

/// Memory that a process holds, in MiB.
fn resident(serve: &Serve) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", serve.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() / 1024
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_is_answered_and_a_decision_gets_through() {
    let (home, serve) = start();
    let home = Arc::new(home);
    let client = reqwest::Client::new();
    let action = json!({ "tool": "Bash", "input": { "command": "make" } });
    let ask =
        json!({ "type": "approval.requested", "agent": { "id": "a" }, "approval": { "id": "q", "action": action } });
    assert_eq!(event(&client, &home, &ask).await.status(), 202);
    let listed = say(&client, &home, "/approvals").await;
    let code = listed["content"]["pending"][0]["code"].as_str().unwrap().to_owned();

    let burst = 2000 * dose::times(2, 10);
    let sent = Arc::new(AtomicUsize::new(0));
    let midway = Arc::new(Notify::new());
    let senders = (0..64).map(|_| {
        let (home, client, sent, midway) = (home.clone(), client.clone(), sent.clone(), midway.clone());
        tokio::spawn(async move {
            let mut statuses = Vec::new();
            loop {
                let n = sent.fetch_add(1, Ordering::Relaxed);
                if n >= burst {
                    return statuses;
                }
                if n == burst / 3 {
                    midway.notify_one();
                }
                let kind = if n.is_multiple_of(2) { "agent.heartbeat" } else { "message" };
                let body = json!({ "id": format!("e{n}"), "type": kind, "agent": { "id": format!("a{}", n % 500) }, "message": "hi" });
                let response = event(&client, &home, &body).await;
                statuses.push((response.status().as_u16(), response.headers().contains_key("retry-after")));
            }
        })
    });
    let senders: Vec<_> = senders.collect();
    midway.notified().await;
    let begun = instant();
    let answer = say(&client, &home, &format!("/approve {code}")).await;
    let took = begun.elapsed();
    assert!(sent.load(Ordering::Relaxed) < burst, "it was decided while the burst went on");
    assert_eq!(answer["refused"], false, "{answer}");
    let ask =
        json!({ "type": "approval.requested", "agent": { "id": "b" }, "approval": { "id": "r", "action": action } });
    assert_eq!(event(&client, &home, &ask).await.status(), 202, "a question gets in, whatever its source has sent");

    let statuses: Vec<_> = join_all(senders).await.into_iter().flat_map(Result::unwrap).collect();
    let of = |wanted: &[u16]| statuses.iter().filter(|(status, _)| wanted.contains(status)).count();
    let refused = statuses.iter().filter(|(status, later)| matches!(status, 429 | 503) && *later).count();
    assert_eq!(of(&[200, 202]) + refused, statuses.len(), "taken, or told when to come back");
    assert!(of(&[200, 202]) > 0);
    println!(
        "burst of {burst}: {} taken, {refused} told to come back; a decision took {took:?}; {} MiB",
        of(&[200, 202]),
        resident(&serve)
    );
    assert_eq!(serve.stop().0, 0);
}

#[tokio::test]
async fn slow_and_fat_clients_are_cut_and_others_do_not_notice() {
    let (home, serve) = start();
    let client = reqwest::Client::new();
    let mut rests = connect(&home).await.unwrap();
    assert_eq!(look(&mut rests).await, "HTTP/1.1 200 OK");
    let mut slow = Vec::new();
    for n in 0..dose::times(60, 500) {
        let mut stream = connect(&home).await.unwrap();
        let head = if n % 2 == 0 {
            "POST /hooks/beat HTTP/1.1\r\nhost: x".to_owned()
        } else {
            "POST /hooks/beat HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{"
                .to_owned()
        };
        stream.write_all(head.as_bytes()).await.unwrap();
        slow.push(stream);
    }
    let many: String = (0..150).fold(String::new(), |all, n| format!("{all}x-{n}: y\r\n"));
    assert_eq!(raw(&home, &format!("GET /healthz HTTP/1.1\r\nhost: x\r\n{many}\r\n")).await, Some(431), "many headers");
    let long = "y".repeat(64 * 1024);
    let fat = raw(&home, &format!("GET /healthz HTTP/1.1\r\nhost: x\r\nx-fat: {long}\r\n\r\n")).await;
    assert!(matches!(fat, Some(431) | None), "{fat:?}");
    let address = raw(&home, &format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "a".repeat(5000))).await;
    assert_eq!(address, Some(414), "a long address");
    let declared = "POST /hooks/beat HTTP/1.1\r\nhost: x\r\ncontent-length: 999999999\r\n\r\n";
    assert_eq!(raw(&home, declared).await, Some(413), "a long body is refused before it is sent");
    let beat = json!({ "type": "agent.heartbeat", "agent": { "id": "a" } });
    let mut slowest = Duration::ZERO;
    for _ in 0..20 {
        let begun = instant();
        assert!(event(&client, &home, &beat).await.status().is_success(), "somebody healthy is served");
        slowest = slowest.max(begun.elapsed());
    }
    // Each is cut by its own time limit, and none is waited for longer than that.
    let cut = join_all(slow.iter_mut().map(status)).await;
    assert!(cut.iter().all(|answer| matches!(answer, None | Some(408))), "{cut:?}");
    println!(
        "{} slow clients were cut; the slowest healthy answer took {slowest:?}; {} MiB",
        slow.len(),
        resident(&serve)
    );
    assert_eq!(look(&mut rests).await, "HTTP/1.1 200 OK", "whoever rests between two requests is not slow");
    let metrics = client.get(format!("{}/metrics", home.url())).send().await.unwrap().text().await.unwrap();
    assert!(metrics.contains("sereno_connections_cut_total{reason=\"slow_head\"}"), "{metrics}");
    assert_eq!(serve.stop().0, 0);
}

/// Asks for something small. Returns the first line of the answer; the connection stays.
async fn look(stream: &mut TcpStream) -> String {
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut answer = vec![0; 1024];
    let length = stream.read(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer[..length]).lines().next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn more_connections_than_there_are_places_are_told_so() {
    let (home, serve) = start();
    let before = resident(&serve);
    let mut open = Vec::new();
    let mut refused = 0;
    for _ in 0..dose::times(1500, 10_000) {
        let Ok(mut stream) = connect(&home).await else {
            refused += 1;
            continue;
        };
        let mut byte = [0];
        match stream.try_read(&mut byte) {
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => open.push(stream),
            _ => {
                refused += 1;
                // The refusal says when to come back.
                let mut rest = String::new();
                let _closed = stream.read_to_string(&mut rest).await;
                assert!(rest.is_empty() || rest.contains("retry-after: "), "{rest}");
            }
        }
    }
    let held = resident(&serve);
    // Those that wait for an answer to nothing are let go, those beyond the bound have been already.
    drop(open);
    let client = reqwest::Client::new();
    let begun = instant();
    while !client.get(format!("{}/healthz", home.url())).send().await.is_ok_and(|r| r.status().is_success()) {
        assert!(begun.elapsed() < Duration::from_secs(20), "it serves again once they are gone");
    }
    let metrics = client.get(format!("{}/metrics", home.url())).send().await.unwrap().text().await.unwrap();
    let counted = metrics.lines().find_map(|line| line.strip_prefix("sereno_connections_refused_total "));
    assert!(counted.is_some_and(|count| count.parse::<u64>().unwrap() > 0), "{metrics}");
    assert!(held < 256, "{held} MiB");
    println!(
        "connections: {} refused by the count, {refused} seen at once; {before} MiB before, {held} MiB held",
        counted.unwrap()
    );
    assert_eq!(serve.stop().0, 0);
}

#[tokio::test]
async fn bodies_take_bounded_memory() {
    let (home, serve) = start();
    let before = resident(&serve);
    let length = 1024 * 1024;
    let head = format!(
        "POST /hooks/beat HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {TOKEN}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    );
    // All but the last byte of each: they stay where they are until the time limit, or are refused.
    let most = vec![b' '; length - 1];
    let mut streams = Vec::new();
    for _ in 0..dose::times(120, 400) {
        let mut stream = connect(&home).await.unwrap();
        let _cut = stream.write_all(head.as_bytes()).await;
        let _cut = stream.write_all(&most).await;
        streams.push(stream);
    }
    let held = resident(&serve);
    let answers = join_all(streams.iter_mut().map(status)).await;
    let of = |wanted: Option<u16>| answers.iter().filter(|answer| **answer == wanted).count();
    assert!(of(Some(503)) + of(None) > 0, "some were refused: {answers:?}");
    assert!(of(Some(408)) > 0, "some were taken and timed out: {answers:?}");
    assert!(held < 256, "{held} MiB");
    println!(
        "bodies of 1 MiB: {} held, {} refused; {before} MiB before, {held} MiB held",
        of(Some(408)),
        of(Some(503)) + of(None)
    );
    let client = reqwest::Client::new();
    let beat = json!({ "type": "agent.heartbeat", "agent": { "id": "a" } });
    assert!(event(&client, &home, &beat).await.status().is_success());
    assert_eq!(serve.stop().0, 0);
}
