//! Three real processes; the one that folds is killed.

use std::time::Duration;

use serde_json::{Value, json};
use sereno::clock::within;

use crate::binary::{CLAUDE_TOKEN, Home, Serve};
use crate::database;

/// Sends an event of the runtime `claude` until it is taken. The answer.
async fn send(client: &reqwest::Client, home: &Home, n: usize) -> Value {
    let body = json!({
        "hook_event_name": "Notification", "session_id": "s-1", "cwd": "/srv/app", "message": format!("note {n}"),
    });
    let request = client.post(format!("{}/hooks/claude", home.url())).bearer_auth(CLAUDE_TOKEN);
    let answer = request.header("x-sereno-delivery", format!("d-{n}")).json(&body).send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.status());
    answer.json().await.unwrap()
}

#[tokio::test]
async fn the_one_that_folds_is_killed_and_the_others_go_on() {
    let db = database::postgres().await;
    let store = format!("[store]\nurl = \"{}\"\nlease = \"3s\"\n", db.url());
    let homes = [Home::new(&store), Home::new(&store), Home::new(&store)];
    let mut serving: Vec<Serve> = homes.iter().map(|home| home.serve(&[])).collect();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    for n in 0..9 {
        send(&client, &homes[n % 3], n).await;
    }
    serving[0].wait_for("this process folds the log");
    let killed = serving.remove(0);
    killed.kill();
    for n in 9..15 {
        send(&client, &homes[1 + n % 2], n).await;
    }
    let events = "SELECT COUNT(*)::text FROM log WHERE body LIKE '%note %'";
    let all = within(Duration::from_secs(30), async {
        while db.texts(events).await != ["15"] {
            tokio::task::yield_now().await;
        }
    });
    assert!(all.await.is_some(), "{:?} of 15 were folded", db.texts(events).await);
    let again = send(&client, &homes[1], 3).await;
    assert!(again.is_object(), "{again}");
    assert_eq!(db.texts(events).await, ["15"], "a repeated delivery is folded once, whoever folds");
    for serve in serving {
        let (code, said) = serve.stop();
        assert_eq!(code, 0, "{said}");
    }
}
