//! What exporters are answered, in their own form.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message as _;
use reqwest::RequestBuilder;
use serde_json::{Value, json};
use sereno::engine::DiskLevel;

use super::{TOKEN, as_protobuf, batch, config, gzip};
use crate::database;
use crate::scene::Scene;

/// A batch to a path, as JSON.
fn post(scene: &Scene, path: &str, body: impl Into<reqwest::Body>) -> RequestBuilder {
    scene.client.post(scene.url(path)).bearer_auth(TOKEN).header("content-type", "application/json").body(body)
}

/// Sends; the status, the content type and the body.
async fn sent(request: RequestBuilder) -> (u16, String, Vec<u8>) {
    let response = request.send().await.unwrap();
    let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
    (response.status().as_u16(), kind, response.bytes().await.unwrap().to_vec())
}

fn position(scene: &Scene) -> u64 {
    *scene.app.door.progress.committed.borrow()
}

async fn start(keys: &str) -> Scene {
    Scene::start(database::sqlite().await, &config(keys)).await
}

#[tokio::test]
async fn an_answer_has_the_form_of_its_request() {
    let scene = start("").await;
    let (status, kind, body) = sent(post(&scene, "/v1/traces", batch("node").body)).await;
    assert_eq!((status, kind.as_str(), body.as_slice()), (200, "application/json", b"{}".as_slice()));
    let protobuf = |path: &str, body: Vec<u8>| {
        post(&scene, path, body)
            .header("content-type", "application/x-protobuf")
            .headers([(reqwest::header::CONTENT_TYPE, "application/x-protobuf".parse().unwrap())].into_iter().collect())
    };
    let (status, kind, body) = sent(protobuf("/v1/traces", batch("crewai").body.to_vec())).await;
    assert_eq!((status, kind.as_str(), body.len()), (200, "application/x-protobuf", 0));
    // Nothing at all is a success, too, and so is a word behind the type.
    let (status, _, body) = sent(protobuf("/v1/metrics", Vec::new())).await;
    assert_eq!((status, body.len()), (200, 0));
    let typed = post(&scene, "/v1/logs", "{}").headers(
        [(reqwest::header::CONTENT_TYPE, "application/json; charset=utf-8".parse().unwrap())].into_iter().collect(),
    );
    assert_eq!(sent(typed).await.0, 200);
    // google.rpc.Status: a code and a message.
    let (status, kind, body) = sent(protobuf("/v1/traces", b"\x0a\xff".to_vec())).await;
    assert_eq!((status, kind.as_str(), &body[..2]), (400, "application/x-protobuf", &[8, 3][..]));
    let (status, kind, body) = sent(post(&scene, "/v1/traces", "[1")).await;
    let said: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((status, kind.as_str(), &said["code"]), (400, "application/json", &json!(3)));
    assert!(said["message"].as_str().unwrap().starts_with("the body is no JSON of OTLP"), "{said}");
    scene.finish(&[]).await;
}

#[tokio::test]
async fn what_is_sent_again_adds_nothing() {
    let scene = start("").await;
    for name in ["sdk-traces", "openlit", "sdk-logs"] {
        let export = batch(name);
        let path = format!("/v1/{}", export.signal.as_str());
        let send = |body: Vec<u8>| {
            let plain = scene.client.post(scene.url(&path)).bearer_auth(TOKEN);
            plain.header("content-type", "application/x-protobuf").header("content-encoding", "gzip").body(gzip(&body))
        };
        assert_eq!(sent(send(export.body.to_vec())).await.0, 200, "{name}");
        scene.settle().await;
        let before = position(&scene);
        for _ in 0..3 {
            assert_eq!(sent(send(export.body.to_vec())).await.0, 200, "{name}");
        }
        scene.settle().await;
        assert_eq!(position(&scene), before, "{name}");
    }
    // The same spans in the other form are the same spans.
    let body = batch("langfuse").body;
    assert_eq!(sent(post(&scene, "/v1/traces", body.clone())).await.0, 200);
    scene.settle().await;
    let before = position(&scene);
    let plain = scene.client.post(scene.url("/v1/traces")).bearer_auth(TOKEN);
    let again = plain.header("content-type", "application/x-protobuf").body(as_protobuf(&body));
    assert_eq!(sent(again).await.0, 200);
    scene.settle().await;
    assert_eq!(position(&scene), before);
    scene.finish(&[]).await;
}

#[tokio::test]
async fn what_is_refused_is_counted_in_the_answer() {
    let scene = start("agents = \"Res*\"").await;
    let (status, _, body) = sent(post(&scene, "/v1/traces", batch("langfuse").body)).await;
    assert_eq!((status, body.as_slice()), (200, b"{}".as_slice()));
    let (status, _, body) = sent(post(&scene, "/v1/traces", batch("litellm").body)).await;
    let said: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(status, 200);
    let why = "this key may not speak for the agent `agent-deployer`";
    assert_eq!(said, json!({ "partialSuccess": { "rejectedSpans": "1", "errorMessage": why } }));
    let plain = scene.client.post(scene.url("/v1/traces")).bearer_auth(TOKEN);
    let request = plain.header("content-type", "application/x-protobuf").body(as_protobuf(&batch("litellm").body));
    let answer = ExportTraceServiceResponse::decode(sent(request).await.2.as_slice()).unwrap();
    let partial = answer.partial_success.unwrap();
    assert_eq!((partial.rejected_spans, partial.error_message.as_str()), (1, why));
    scene.finish(&[]).await;
}

#[tokio::test]
async fn every_runtime_has_an_address_of_its_own() {
    let other = "[runtimes.other]\nkind = \"otlp\"\ntoken = \"other-token-other-token\"\n";
    let scene = Scene::start(database::sqlite().await, &(config("") + other)).await;
    let body = || batch("openrouter").body;
    assert_eq!(sent(post(&scene, "/hooks/otel/v1/traces", body())).await.0, 200);
    // A webhook that takes one address.
    let (status, _, _) = sent(post(&scene, "/hooks/otel", body())).await;
    assert_eq!(status, 200, "it was there already");
    assert_eq!(sent(post(&scene, "/hooks/otel", "{}")).await.0, 202, "whoever sets it up tries it with nothing");
    assert_eq!(sent(post(&scene, "/hooks/other/v1/traces", body())).await.0, 401);
    assert_eq!(sent(post(&scene, "/hooks/nobody/v1/traces", body())).await.0, 404);
    let fleet = scene.client.post(scene.url("/hooks/fleet/v1/traces")).bearer_auth(crate::scene::TOKEN);
    assert_eq!(sent(fleet.header("content-type", "application/json").body(body())).await.0, 404);
    // As a kit of Langfuse that is told this address and the token as its secret key.
    let kit = |key: &str| {
        let plain =
            scene.client.post(scene.url("/hooks/otel/api/public/otel/v1/traces")).basic_auth("sereno", Some(key));
        plain.header("content-type", "application/x-protobuf").body(batch("langfuse-sdk").body)
    };
    assert_eq!(sent(kit("sk-lf-0123456789")).await.0, 401);
    assert_eq!(sent(kit(TOKEN)).await.0, 200);
    // The same address for all: the token tells whose it is.
    let theirs = scene.client.post(scene.url("/v1/traces")).header("authorization", "Bearer%20other-token-other-token");
    assert_eq!(sent(theirs.header("content-type", "application/json").body(body())).await.0, 200);
    scene.settle().await;
    scene.finish(&[]).await;
}

#[tokio::test]
async fn whoever_comes_at_a_bad_time_is_told_when_to_come_back() {
    let scene = start("").await;
    let before = position(&scene);
    scene.app.door.log.disk().send_replace(DiskLevel::Scarce);
    let response = post(&scene, "/v1/traces", batch("nested").body).send().await.unwrap();
    assert_eq!(response.status(), 503);
    let seconds: u32 = response.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((2..=30).contains(&seconds), "{seconds}");
    let said: Value = response.json().await.unwrap();
    assert_eq!(said, json!({ "code": 14, "message": "Nothing was stored; try again soon." }));
    assert_eq!(position(&scene), before);
    scene.app.door.log.disk().send_replace(DiskLevel::Plenty);
    assert_eq!(sent(post(&scene, "/v1/traces", batch("nested").body)).await.0, 200);
    scene.settle().await;
    // Somebody was told that the disk is full.
    scene.finish(&["told from memory"]).await;
}

#[tokio::test]
async fn a_span_without_an_identity_is_refused_alone() {
    let scene = start("").await;
    let mut body: Value = serde_json::from_slice(&batch("gen-ai-older").body).unwrap();
    body["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["spanId"] = json!("");
    let (status, _, body) = sent(post(&scene, "/v1/traces", body.to_string())).await;
    let said: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((status, &said["partialSuccess"]["rejectedSpans"]), (200, &json!("1")), "{said}");
    assert_eq!(said["partialSuccess"]["errorMessage"], "the span `chat gpt-4o` has no identity");
    scene.finish(&[]).await;
}

#[tokio::test]
async fn strangers_are_told_nothing_else() {
    let scene = start("").await;
    let before = position(&scene);
    for token in ["", "Bearer wrong", "Basic b3RlbA==", "Bearer "] {
        for (kind, body) in [("application/json", &b"{"[..]), ("application/x-protobuf", b"\xff"), ("text/plain", b"x")]
        {
            let request = scene.client.post(scene.url("/v1/traces")).header("authorization", token);
            let (status, answered, body) = sent(request.header("content-type", kind).body(body)).await;
            assert!(matches!(status, 401 | 429), "{token} {kind}: {status}");
            assert!(kind.starts_with("text") || answered == kind, "{answered}");
            let said = String::from_utf8_lossy(&body);
            assert!(said.contains("credentials"), "{said}");
        }
    }
    assert_eq!(position(&scene), before);
    scene.finish(&[]).await;
}
