//! `sereno hook`: a gate without a decision blocks, an observation never does.

use serde_json::{Value, json};
use sereno::store::Store;

use crate::binary::{Home, Ran};

const TOKEN: (&str, &str) = ("SERENO_TOKEN", "claude-token-for-tests");

fn body(event: &str) -> String {
    json!({
        "hook_event_name": event, "session_id": "s-1", "cwd": "/srv/build", "transcript_path": "/nowhere.jsonl",
        "tool_name": "Bash", "tool_input": {"command": "make deploy"}, "tool_use_id": "toolu_1",
        "permission_mode": "default", "source": "startup", "reason": "other",
    })
    .to_string()
}

fn hook(home: &Home, token: (&str, &str), input: &str) -> Ran {
    let url = format!("{}/hooks/claude", home.url());
    home.run_with(&["hook", "claude-code", "--url", &url, "--patience", "2s"], &[token], input)
}

#[test]
fn a_gate_blocks_while_sereno_cannot_be_reached() {
    let home = Home::new("");
    for event in ["PreToolUse", "PermissionRequest"] {
        let ran = hook(&home, TOKEN, &body(event));
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{event}");
        assert_eq!(ran.err, "sereno: nobody decided in time; blocked because no decision could be had\n");
    }
}

#[test]
fn an_observation_never_blocks() {
    let home = Home::new("");
    for event in ["SessionStart", "PostToolUse", "Stop", "SessionEnd", "Notification", "UserPromptSubmit"] {
        let ran = hook(&home, TOKEN, &body(event));
        assert_eq!((ran.code, ran.out.as_str()), (0, ""), "{event}");
        assert!(ran.err.ends_with("; the event was not reported\n"), "{}", ran.err);
    }
}

#[test]
fn what_cannot_be_read_may_be_a_gate_and_blocks() {
    let home = Home::new("");
    for input in
        ["", "garbage", "{\"hook_event_name\": \"PreToolUse\"", "\u{0}\u{1}", "{}", "[]", "{\"tool_name\": \"Bash\"}"]
    {
        let ran = hook(&home, TOKEN, input);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{input:?}");
        assert!(!ran.err.is_empty());
    }
}

#[test]
fn a_wrong_token_blocks_gates_and_lets_observations_pass() {
    let home = Home::new("");
    let serve = home.serve(&[]);
    for token in [("SERENO_TOKEN", "canary-wrong"), ("OTHER", "claude-token-for-tests")] {
        let ran = hook(&home, token, &body("PreToolUse"));
        assert_eq!((ran.code, ran.out.as_str()), (2, ""));
        assert_eq!(ran.err, "sereno: sereno answered 401 Unauthorized; blocked because no decision could be had\n");
        let ran = hook(&home, token, &body("PostToolUse"));
        assert_eq!((ran.code, ran.out.as_str()), (0, ""));
        assert!(ran.err.contains("401"), "{}", ran.err);
    }
    assert_eq!(serve.stop().0, 0);
}

#[test]
fn a_right_token_gets_an_answer() {
    let home = Home::new("");
    let serve = home.serve(&[]);
    for event in ["SessionStart", "PreToolUse", "PostToolUse", "SessionEnd"] {
        let ran = hook(&home, TOKEN, &body(event));
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{event}");
        assert!(serde_json::from_str::<Value>(&ran.out).is_ok(), "{event}: {}", ran.out);
    }
    // Nobody decides within the patience of the hook, and silence denies.
    let ran = hook(&home, TOKEN, &body("PermissionRequest"));
    assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{}", ran.err);
    assert_eq!(serve.stop().0, 0);
}

#[test]
fn a_person_decides_and_the_hook_passes_it_on() {
    for (verb, behavior) in [("approve", "allow"), ("deny", "deny")] {
        let home = Home::new("[[routes]]\nto = [\"out:stdout\"]\n");
        let mut serve = home.serve(&[]);
        let asked = body("PermissionRequest");
        let url = format!("{}/hooks/claude", home.url());
        let args = ["hook", "claude-code", "--url", &url, "--patience", "30s"];
        let ran = std::thread::scope(|scope| {
            let hook = scope.spawn(|| home.run_with(&args, &[TOKEN], &asked));
            serve.wait_for("make deploy");
            let executor = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            executor.block_on(decide(&home, verb));
            hook.join().unwrap()
        });
        assert_eq!((ran.code, ran.err.as_str()), (0, ""));
        let answer: Value = serde_json::from_str(&ran.out).unwrap();
        assert_eq!(answer["hookSpecificOutput"]["decision"]["behavior"], behavior, "{answer}");
        assert_eq!(serve.stop().0, 0);
    }
}

/// Decides the one open question, as a script with a token would.
async fn decide(home: &Home, verb: &str) {
    let store = Store::open_reader(&home.store_url()).await.unwrap();
    let pending = store.pending_approvals("claude").await.unwrap();
    store.close().await;
    let [approval] = pending.as_slice() else { panic!("one question is open, not {}", pending.len()) };
    let command = json!({ "text": format!("/{verb} {}", approval.code) });
    let request = reqwest::Client::new().post(format!("{}/v1/commands", home.url())).bearer_auth("ops-token-for-tests");
    let answer: Value = request.json(&command).send().await.unwrap().json().await.unwrap();
    assert_eq!(answer["refused"], false, "{answer}");
}
