//! Bodies that were made to break something: none is a 5xx, and what is taken is shown as text.

use super::sent;
use crate::database;
use crate::scene::{Scene, TOKEN};

/// Bodies of a genuine sender who has lost their mind, byte for byte.
fn bodies() -> Vec<Vec<u8>> {
    let mut bodies: Vec<Vec<u8>> = TEXTS.iter().map(|text| text.as_bytes().to_vec()).collect();
    let event = |field: &str| {
        format!("{{\"type\":\"message\",\"agent\":{{\"id\":\"a\"}},\"session\":{{\"id\":\"s\"}},{field}}}").into_bytes()
    };
    bodies.extend(FIELDS.iter().map(|field| event(field)));
    bodies.push(b"[".repeat(100_000));
    bodies.push([b"[".repeat(200), b"]".repeat(200)].concat());
    bodies.push([b"{\"a\":".repeat(500), b"1".to_vec(), b"}".repeat(500)].concat());
    bodies.push(event(&format!("\"message\":\"{}\"", "\u{1F525}".repeat(100_000))));
    bodies.push(event(&format!("\"x\":[{}1]", "1,".repeat(60_000))));
    bodies.push([b"\xef\xbb\xbf".to_vec(), event("\"message\":\"bom\"")].concat());
    bodies.push(b"{\"type\":\"message\",\"agent\":{\"id\":\"\xff\xfe\"},\"message\":\"caf\xe9\"}".to_vec());
    bodies.push(vec![0; 1000]);
    bodies.push((0..=255).collect());
    bodies
}

const TEXTS: &[&str] = &[
    "",
    " ",
    "null",
    "true",
    "0",
    "-0",
    "1e999",
    "\"",
    "\"text\"",
    "[]",
    "[[]]",
    "[null]",
    "[{}]",
    "{}",
    "{\"type\":null}",
    "{\"type\":1}",
    "{\"type\":[]}",
    "{\"type\":{}}",
    "{\"type\":\"\"}",
    "{\"type\":\"message\"}",
    "{\"type\":\"message\",\"type\":\"metric\"}",
    "{\"type\":\"approval.requested\"}",
    "{\"type\":\"approval.requested\",\"approval\":{}}",
    "{\"type\":\"approval.requested\",\"approval\":{\"id\":\"\"}}",
    "{\"type\":\"approval.requested\",\"approval\":{\"id\":\"x\"}}",
    "{\"type\":\"approval.requested\",\"approval\":{\"id\":\"x\",\"action\":{\"tool\":\"\"}}}",
    "{\"type\":\"task.completed\",\"task\":{\"id\":null}}",
    "{\"type\":\"agent.heartbeat\",\"agent\":\"a\"}",
    "{\"type\":\"agent.heartbeat\",\"agent\":{\"id\":7}}",
    "{\"type\":\"agent.heartbeat\",\"agent\":{\"id\":\"\"}}",
    "{'type':'message'}",
    "{\"type\":\"message\",}",
    "{\"__proto__\":{\"type\":\"message\"}}",
    "// comment\n{}",
    "NaN",
    "Infinity",
];

const FIELDS: &[&str] = &[
    "\"message\":\"\\ud800\"",
    "\"message\":\"\\udc00\\ud800\"",
    "\"message\":\"\\u0000\"",
    "\"message\":\"\\u202e\\u2066\\u200b\"",
    "\"message\":\"{{ 7*7 }} {% include 'x' %} ${7*7}\"",
    "\"message\":\"<script>alert(1)</script>\"",
    "\"message\":\"'; DROP TABLE log; --\"",
    "\"time\":\"yesterday\"",
    "\"time\":\"9999-12-31T23:59:59Z\"",
    "\"time\":\"-9999-01-01T00:00:00Z\"",
    "\"time\":\"0000-00-00T00:00:00Z\"",
    "\"duration_ms\":-1",
    "\"duration_ms\":18446744073709551615",
    "\"duration_ms\":18446744073709551616",
    "\"usage\":{\"input_tokens\":18446744073709551615,\"output_tokens\":18446744073709551615}",
    "\"usage\":{\"input_tokens\":1,\"output_tokens\":1,\"cost_usd\":\"1e308\"}",
    "\"usage\":{\"input_tokens\":1,\"output_tokens\":1,\"cost_usd\":-5}",
    "\"usage\":{\"input_tokens\":1,\"output_tokens\":1,\"cost_usd\":\"NaN\"}",
    "\"usage\":{\"input_tokens\":1,\"output_tokens\":1,\"cost_usd\":\"0.0000000000000000000000001\"}",
    "\"progress\":{\"tests_passed\":4294967296,\"tests_total\":-1}",
    "\"metric\":{\"name\":\"x\",\"value\":1e308}",
    "\"resource\":{\"cpu_percent\":1e308,\"memory_percent\":-1e308}",
    "\"step\":{\"name\":\"\",\"index\":4294967295,\"of\":0}",
    "\"to\":{\"id\":\"a\"}",
    "\"agent\":{\"id\":\"b\"}",
    "\"url\":\"javascript:alert(1)\"",
    "\"tool\":{\"name\":\"x\",\"digest\":\"not a digest\"}",
    "\"status\":\"\\u001b[31mred\"",
    "\"unknown\":{\"deep\":[[[[[[1]]]]]]}",
];

#[tokio::test]
async fn no_body_makes_a_5xx() {
    let scene = Scene::start(database::sqlite().await, "").await;
    let bodies = bodies();
    assert!(bodies.len() >= 60, "{}", bodies.len());
    for (number, body) in bodies.into_iter().enumerate() {
        for path in ["/hooks/fleet", "/v1/events"] {
            let start = String::from_utf8_lossy(&body[..body.len().min(80)]).into_owned();
            let request = scene.client.post(scene.url(path)).bearer_auth(TOKEN);
            let request = request.header("content-type", "application/json").body(body.clone());
            let (status, answer) = sent(request).await;
            assert!(matches!(status, 200 | 202 | 400 | 413 | 422), "{number} {path} {start}: {status} {answer}");
            if status >= 400 {
                assert!(answer["detail"].as_str().is_some_and(|d| !d.is_empty()), "{number} {start}: no reason");
            }
        }
    }
    // It is all there, it is text, and everybody can still look at it.
    let ana = scene.visitor("ana").await;
    for line in ["/status", "/agents", "/agent a", "/sessions", "/tasks", "/cost", "/logs a", "/approvals", "/alerts"] {
        let (status, said) = ana.says(&scene, line).await;
        assert_eq!(status, 200, "{line}: {said}");
    }
    let scene = scene.restart().await;
    scene.finish(&[]).await;
}
