//! Stopping, and what supervisors are told.

#![expect(clippy::print_stdout, reason = "figures of a run, for whoever wants to see them")]

use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use serde_json::json;

use crate::binary::{CLAUDE_TOKEN, Home};
use crate::faults::instant;

fn said(socket: &UnixDatagram) -> String {
    let mut bytes = [0; 4096];
    let read = socket.recv(&mut bytes).expect("the supervisor is told in time");
    String::from_utf8_lossy(&bytes[..read]).into_owned()
}

#[test]
fn systemd_is_told_that_it_is_ready_lives_and_stops() {
    let home = Home::new("");
    let path = home.path("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let serve = home.serve(&[("NOTIFY_SOCKET", path.to_str().unwrap()), ("WATCHDOG_USEC", "200000")]);
    assert!(said(&socket).starts_with("READY=1\nSTATUS=listening on 127.0.0.1:"));
    for _ in 0..3 {
        assert_eq!(said(&socket), "WATCHDOG=1");
    }
    serve.signal("TERM");
    let last = std::iter::repeat_with(|| said(&socket)).find(|said| said != "WATCHDOG=1").unwrap();
    assert_eq!(last, "STOPPING=1\nSTATUS=stopping");
    assert_eq!(serve.ended().0, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_waits_for_a_person_is_told_to_ask_again_when_it_stops() {
    let home = Home::new("");
    let mut serve = home.serve(&[]);
    let body = json!({
        "hook_event_name": "PermissionRequest", "session_id": "s", "cwd": "/srv", "transcript_path": "/t",
        "tool_name": "Bash", "tool_input": { "command": "make" },
    });
    let client = reqwest::Client::new();
    let asked = client.post(format!("{}/hooks/claude", home.url())).bearer_auth(CLAUDE_TOKEN).json(&body).send();
    let asked = tokio::spawn(asked);
    tokio::task::block_in_place(|| serve.wait_for("make"));
    let begun = instant();
    serve.signal("TERM");
    let answer = asked.await.unwrap().unwrap();
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.headers()["retry-after"], "1");
    let (status, text) = serve.ended();
    assert_eq!(status, 0, "{text}");
    println!("stopped with a question open in {:?}", begun.elapsed());
    assert!(!home.path("sereno.db-wal").exists(), "the log is in the file itself");
    let begun = instant();
    let serve = home.serve(&[]);
    println!("started again in {:?}", begun.elapsed());
    assert_eq!(serve.stop().0, 0);
}

#[test]
fn health_answers_with_its_exit_status() {
    let home = Home::new("");
    let serve = home.serve(&[]);
    let ran = home.run(&["health"]);
    assert_eq!((ran.code, ran.out.as_str()), (0, "ready\n"), "{}", ran.err);
    assert_eq!(serve.stop().0, 0);
    let ran = home.run(&["health"]);
    assert_eq!((ran.code, ran.out.as_str()), (1, ""), "nobody answers");
    assert!(ran.err.starts_with("sereno: "), "{}", ran.err);
}
