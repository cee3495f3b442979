//! Slack's doings as they are pushed: proved before they are read, and read as Slack documents them.

use std::io::Write as _;
use std::process::{Command, Stdio};

use axum::http::{HeaderMap, HeaderValue};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sereno::channel::slack::{SlackChannel, Way};
use sereno::channel::{Channel as _, Push, PushError, Pushed};
use sereno::core::time::Ts;
use sha2::Sha256;

use super::fake::Fake;
use super::{SIGNING, UNPACED, adapter, adapter_at, config};
use crate::database::{Database, on_both};
use crate::scene::Scene;

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";
/// When pushes of these tests are signed.
const SECOND: i64 = 1_790_000_000;

/// The slash command of Slack's documentation.
const DOCUMENTED: &str = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V\
&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2F\
hooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a\
0bc887a14d10d2c447fce8b6703c";

fn signature(secret: &str, second: i64, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("v0:{second}:").as_bytes());
    mac.update(body);
    format!("v0={}", hex::encode(mac.finalize().into_bytes()))
}

fn headers(kind: &str, second: &str, signature: &str) -> HeaderMap {
    let value = |text: &str| HeaderValue::from_str(text).unwrap();
    let mut headers = HeaderMap::new();
    headers.insert("content-type", value(kind));
    headers.insert("x-slack-request-timestamp", value(second));
    headers.insert("x-slack-signature", value(signature));
    headers
}

/// The head of a genuine push, and when it comes.
pub fn signed(secret: &str, kind: &str, body: &[u8]) -> (HeaderMap, Ts) {
    (headers(kind, &SECOND.to_string(), &signature(secret, SECOND, body)), Ts(SECOND * 1000))
}

/// A payload as a form, or as JSON where Slack sends that.
fn body(payload: &Value) -> (&'static str, Vec<u8>) {
    let mut form: reqwest::Url = "http://x/".parse().unwrap();
    match payload["type"].as_str() {
        Some("event_callback" | "url_verification") => return (JSON, payload.to_string().into_bytes()),
        Some(_) => {
            form.query_pairs_mut().append_pair("payload", &payload.to_string());
        }
        None => {
            for (key, value) in payload.as_object().unwrap() {
                form.query_pairs_mut().append_pair(key, value.as_str().unwrap());
            }
        }
    }
    (FORM, form.query().unwrap().as_bytes().to_vec())
}

async fn prepared(fake: &Fake) -> SlackChannel {
    let slack = adapter_at(&fake.url(), Way::Pushed(SIGNING.into()));
    slack.prepare().await.unwrap();
    slack
}

fn given(slack: &SlackChannel, payload: &Value) -> Result<Pushed, PushError> {
    let (kind, body) = body(payload);
    let (headers, now) = signed(SIGNING, kind, &body);
    slack.pushed(&Push { headers: &headers, body: &body, now })
}

#[tokio::test]
async fn the_documented_request_proves_itself_and_no_other_one_does() {
    let fake = Fake::start().await;
    let slack = prepared(&fake).await;
    let second = 1_531_420_618;
    let known = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";
    let push = |headers: &HeaderMap, body: &[u8], late: i64| {
        slack.pushed(&Push { headers, body, now: Ts((second + late) * 1000) })
    };
    let genuine = headers(FORM, "1531420618", known);
    for late in [-300, -1, 0, 1, 300] {
        // It is of another workspace, and so nobody's word.
        assert_eq!(push(&genuine, DOCUMENTED.as_bytes(), late), Ok(Pushed::default()), "{late}");
    }
    for late in [-301, 301, 100_000, -100_000] {
        assert_eq!(push(&genuine, DOCUMENTED.as_bytes(), late), Err(PushError::Forged), "{late}");
    }
    for at in 0..DOCUMENTED.len() {
        let mut body = DOCUMENTED.as_bytes().to_vec();
        body[at] ^= 1;
        assert_eq!(push(&genuine, &body, 0), Err(PushError::Forged), "byte {at}");
    }
    let wrong = [
        headers(FORM, "1531420619", known),
        headers(FORM, "1531420618", &known[3..]),
        headers(FORM, "1531420618", &known.replace("v0=", "v1=")),
        headers(FORM, "1531420618", &known.to_uppercase()),
        headers(FORM, "1531420618", &known[..known.len() - 2]),
        headers(FORM, "1531420618", &format!("{known}00")),
        headers(FORM, "1531420618", "v0="),
        headers(FORM, "", known),
        headers(FORM, "soon", &signature(SIGNING, 0, DOCUMENTED.as_bytes())),
        headers(FORM, "1531420618", &signature("another secret", second, DOCUMENTED.as_bytes())),
    ];
    for headers in wrong.iter().chain([&HeaderMap::new()]) {
        assert_eq!(push(headers, DOCUMENTED.as_bytes(), 0), Err(PushError::Forged), "{headers:?}");
    }
    for missing in ["x-slack-signature", "x-slack-request-timestamp"] {
        let mut headers = genuine.clone();
        headers.remove(missing);
        assert_eq!(push(&headers, DOCUMENTED.as_bytes(), 0), Err(PushError::Forged), "{missing}");
    }
}

#[tokio::test]
async fn what_slacks_own_client_signs_is_taken() {
    let fake = Fake::start().await;
    let slack = prepared(&fake).await;
    let (_, body) = body(&fake.command("C100", "U77", "/sereno", "agents ñ &amp; &lt;x&gt;"));
    let python = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/.cache/python/bin/python");
    let judge = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/slack/judge.py");
    let mut signer = Command::new(python);
    signer.args([judge, "sign", SIGNING, &SECOND.to_string()]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut signer = signer.spawn().expect("slack_sdk is there: run ./tests/run");
    signer.stdin.take().unwrap().write_all(&body).unwrap();
    let said = signer.wait_with_output().unwrap();
    let headers = headers(FORM, &SECOND.to_string(), std::str::from_utf8(&said.stdout).unwrap());
    let pushed = slack.pushed(&Push { headers: &headers, body: &body, now: Ts(SECOND * 1000) }).unwrap();
    assert_eq!(pushed.incoming[0].text, "agents ñ & <x>");
}

#[tokio::test]
async fn what_is_proved_is_read_as_slack_documents_it() {
    let fake = Fake::start().await;
    let slack = prepared(&fake).await;
    let challenge = json!({ "token": "x", "challenge": "3eZbrw1aBm2rZgRNFdxV2595", "type": "url_verification" });
    let answer = Pushed { say: Some(json!({ "challenge": "3eZbrw1aBm2rZgRNFdxV2595" })), ..Pushed::default() };
    assert_eq!(given(&slack, &challenge), Ok(answer.clone()));
    let said = given(&slack, &fake.command("C100", "U77", "/sereno", "agents")).unwrap().incoming;
    assert_eq!((said[0].text.as_str(), said[0].account.as_str()), ("agents", "U77"));
    let said = given(&slack, &fake.mention("C100", "U77", "<@UB0T> agents")).unwrap().incoming;
    assert_eq!(said[0].text, "agents");
    for (kind, body) in [
        (JSON, "{"),
        (JSON, "[]"),
        (JSON, "\"x\""),
        (JSON, "{\"type\":\"url_verification\"}"),
        (FORM, "payload=%7B"),
        (FORM, "payload="),
        (FORM, "payload=%5B%5D"),
    ] {
        let (headers, now) = signed(SIGNING, kind, body.as_bytes());
        let pushed = slack.pushed(&Push { headers: &headers, body: body.as_bytes(), now });
        assert_eq!(pushed, Err(PushError::Unreadable), "{body}");
    }
    for (kind, body) in [(FORM, ""), (FORM, "ssl_check=1&token=x"), (JSON, "{}"), (FORM, "type=event_callback&x=%FF")] {
        let (headers, now) = signed(SIGNING, kind, body.as_bytes());
        assert_eq!(slack.pushed(&Push { headers: &headers, body: body.as_bytes(), now }), Ok(Pushed::default()));
    }
    // Before it is known who we are, nobody is heard; Slack's question whether we are there is answered.
    let early = adapter_at(&fake.url(), Way::Pushed(SIGNING.into()));
    assert_eq!(given(&early, &fake.command("C100", "U77", "/sereno", "agents")), Err(PushError::Forged));
    assert_eq!(given(&early, &challenge), Ok(answer));
    // Each way of hearing excludes the other.
    assert_eq!(given(&adapter(&fake), &challenge), Err(PushError::NotPushed));
}

on_both![what_is_pushed_counts_once_and_a_tap_is_answered];

async fn what_is_pushed_counts_once_and_a_tap_is_answered(db: Database) {
    let fake = Fake::start().await;
    let channel = format!("signing_secret = \"{SIGNING}\"\n{UNPACED}");
    let scene = Scene::start(db, &config(&fake.url(), &channel, "")).await;
    fake.until("the bot knows itself", |memory| memory.count("bots.info") > 0).await;
    let post = async |payload: &Value, forged: bool| {
        let (kind, body) = body(payload);
        let second = scene.now().0 / 1000;
        let proof = signature(if forged { "guess" } else { SIGNING }, second, &body);
        let request =
            scene.client.post(scene.url("/channels/team")).headers(headers(kind, &second.to_string(), &proof));
        let answer = request.header("x-slack-retry-num", "1").body(body).send().await.unwrap();
        let status = answer.status().as_u16();
        scene.settle().await;
        (status, answer.text().await.unwrap())
    };
    let challenge = json!({ "challenge": "c", "type": "url_verification" });
    assert_eq!(post(&challenge, false).await, (200, "{\"challenge\":\"c\"}".into()));
    let command = fake.command("D77", "U77", "/sereno", "whoami");
    assert_eq!(post(&command, true).await.0, 401);
    assert!(fake.channel("D77").is_empty());
    for _ in 0..2 {
        assert_eq!(post(&command, false).await, (200, String::new()));
        assert_eq!(fake.channel("D77").len(), 1);
    }
    scene.asks("q1", "pytest tests/").await;
    let tap = fake.tap("D77", "U77", &fake.newest("D77"), "✅");
    for _ in 0..2 {
        assert_eq!(post(&tap, false).await, (200, String::new()));
    }
    assert_eq!(scene.fleet.heard(), ["control.decide approved"]);
    assert_eq!(fake.answered(1).await.len(), 1);
    // A tap that asks for words opens a window, whose words come back as a push of their own.
    scene.asks("q2", "make deploy").await;
    let why = fake.tap("D77", "U77", &fake.newest("D77"), "💬");
    assert_eq!(post(&why, false).await.0, 200);
    fake.until("a window is open", |memory| memory.views.len() == 1).await;
    assert_eq!(scene.fleet.calls().len(), 1);
    assert_eq!(post(&fake.words("U77", "not on a Friday"), false).await, (200, String::new()));
    assert_eq!(scene.fleet.heard(), ["control.decide approved", "control.decide denied"]);
    scene.finish(&[]).await;
}
