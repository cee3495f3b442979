//! Bodies that are read at once say what the careful way reads, and what it refuses is refused.

use sereno::runtime::decode;

#[test]
fn a_body_says_the_same_whichever_way_it_is_read() {
    let bodies = [
        r#"{"id":"a","type":"model.call","agent":{"id":"x"},"usage":{"cost_usd":"0.5","input_tokens":3},"duration_ms":9}"#,
        r#" [{"type":"tool.started","agent":{"id":"x"},"tool":{"name":"Bash","input":{"a":[1,2.5,{"b":null}]}}}]"#,
        r#"{"type":"agent.heartbeat","agent":{"id":"x"},"extra":{"deep":[[[[]]]]},"time":"2026-11-20T09:15:02.123Z"}"#,
        // Repaired, or told what is wrong.
        r#"{"type":"message","agent":{"id":"x"},"message":"\ud800 lone"}"#,
        r#"{"type":"message","agent":{"id":"x"},"agent":{"id":"y"}}"#,
        r#"{"type":"metric","agent":{"id":"x"},"metric":{"name":"q","value":1e400}}"#,
        r#"[{"type":"agent.heartbeat","agent":{"id":"x"}},{"type":"agent.status"}]"#,
        r#"{"type":"model.call"}"#,
        "[]",
        "nonsense",
    ];
    for body in bodies {
        let bytes = body.to_owned().into();
        let careful = decode::json(&bytes).and_then(decode::events);
        assert_eq!(decode::canonical(&bytes), careful, "{body}");
    }
}
