//! Bombs, truncated and hostile bodies: each the right 4xx, with a reason and a count, and nothing in the log.

use std::time::Duration;

use sereno::clock::within;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{TOKEN, as_protobuf, batch, config, gzip};
use crate::database;
use crate::scene::Scene;

const JSON: &str = "application/json";
const PROTOBUF: &str = "application/x-protobuf";

/// Part of what is answered, the status, and a request: its content type, its encoding, its body.
type Case = (&'static str, u16, &'static str, Option<&'static str>, Vec<u8>);

async fn send(scene: &Scene, kind: &str, encoding: Option<&str>, body: Vec<u8>) -> (u16, String) {
    let request = scene.client.post(scene.url("/v1/traces")).bearer_auth(TOKEN).header("content-type", kind);
    let request = encoding.into_iter().fold(request, |request, encoding| request.header("content-encoding", encoding));
    let response = request.body(body).send().await.unwrap();
    let status = response.status().as_u16();
    (status, String::from_utf8_lossy(&response.bytes().await.unwrap()).into_owned())
}

/// Spans without anything in them, in protobuf: two bytes each.
fn hollow(spans: usize) -> Vec<u8> {
    let message = |field: u8, inner: &[u8]| {
        let mut out = vec![field << 3 | 2];
        prost::encode_length_delimiter(inner.len(), &mut out).unwrap();
        [out.as_slice(), inner].concat()
    };
    message(1, &message(2, &[0x12, 0].repeat(spans)))
}

#[tokio::test]
async fn hostile_batches_are_refused_with_a_reason() {
    let scene = Scene::start(database::sqlite().await, &config("")).await;
    let before = *scene.app.door.progress.committed.borrow();
    let whole = as_protobuf(&batch("nested").body);
    let packed = gzip(&whole);
    let deep = format!(
        r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{"attributes":[{{"key":"a","value":{}null{}}}]}}]}}]}}]}}"#,
        r#"{"arrayValue":{"values":["#.repeat(400),
        "]}}".repeat(400)
    );
    let cases: Vec<Case> = vec![
        ("more than 100 times", 413, JSON, Some("gzip"), gzip(&vec![b' '; 10 << 20])),
        ("longer than", 413, PROTOBUF, None, vec![0; (4 << 20) + 1]),
        ("no gzip, or it was cut off", 400, PROTOBUF, Some("gzip"), packed[..packed.len() / 2].to_vec()),
        ("no gzip, or it was cut off", 400, PROTOBUF, Some("gzip"), whole.clone()),
        ("cut off", 400, PROTOBUF, None, whole[..whole.len() - 7].to_vec()),
        ("no protobuf", 400, PROTOBUF, None, vec![0xff; 64]),
        ("no protobuf", 400, PROTOBUF, Some("gzip"), gzip(&packed)),
        ("no JSON", 400, JSON, None, deep.into_bytes()),
        ("no JSON", 400, JSON, None, b"{\"resourceSpans\": 7}".to_vec()),
        ("more than 400000 values", 400, PROTOBUF, None, hollow(500_000)),
        ("more than 10000 items", 400, PROTOBUF, None, hollow(10_001)),
        ("more than 400000 values", 400, JSON, None, [b"[".as_slice(), &b"{},".repeat(300_000)].concat()),
        ("content encoding", 415, JSON, Some("deflate"), b"{}".to_vec()),
        ("content encoding", 415, JSON, Some("gzip, gzip"), gzip(&gzip(b"{}"))),
        ("application/x-protobuf or application/json", 415, "text/plain", None, b"{}".to_vec()),
    ];
    let count = cases.len();
    for (reason, wanted, kind, encoding, body) in cases {
        let (status, said) = send(&scene, kind, encoding, body).await;
        assert_eq!(status, wanted, "{reason}: {said}");
        assert!(said.contains(reason), "{reason}: {said}");
    }
    // Members one after the other are one body, and a gigabyte of nothing stays one.
    assert_eq!(send(&scene, JSON, Some("gzip"), [gzip(b"{"), gzip(b"}")].concat()).await.0, 200);
    let bomb = [gzip(b"{"), gzip(&vec![b' '; 1 << 20]).repeat(100)].concat();
    assert_eq!(send(&scene, JSON, Some("gzip"), bomb).await.0, 413);
    assert_eq!(*scene.app.door.progress.committed.borrow(), before);
    let metrics = scene.app.door.metrics.render();
    let refused = "sereno_intake_refused_total{source=\"otel\",reason=\"body\"} ";
    let counted = metrics.lines().find_map(|line| line.strip_prefix(refused)?.parse::<usize>().ok());
    assert!(counted.is_some_and(|counted| counted >= count), "{counted:?} {metrics}");
    scene.finish(&[]).await;
}

#[tokio::test]
async fn a_body_in_chunks_is_taken() {
    let scene = Scene::start(database::sqlite().await, &config("")).await;
    let mut stream = TcpStream::connect(scene.app.address).await.unwrap();
    let head = format!(
        "POST /v1/traces HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {TOKEN}\r\ncontent-type: {JSON}\r\n\
         transfer-encoding: chunked\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    for chunk in batch("node").body.chunks(500) {
        let chunk = [format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat();
        stream.write_all(&chunk).await.unwrap();
    }
    stream.write_all(b"0\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    let whole = within(Duration::from_secs(20), stream.read_to_string(&mut answer)).await;
    assert!(whole.is_some() && answer.starts_with("HTTP/1.1 200 "), "{answer}");
    scene.settle().await;
    scene.finish(&[]).await;
}
