//! `CloudEvents` in all three modes, and the identity of what has none.

use std::sync::LazyLock;

use serde_json::{Value, json};
use sereno::runtime::generic::{Generic, Settings};
use sereno::runtime::secret::Secret;
use sereno::runtime::{AgentScope, BadBody, Decoded, Inbound, Runtime};

use super::{bytes, headers};
use crate::sim::at;

/// Made once: an HTTP client with its certificates takes longer than thousands of bodies.
static GENERIC: LazyLock<Generic> = LazyLock::new(|| {
    let settings = Settings {
        secrets: vec![Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")],
        tokens: vec![Secret::new("token-1")],
        control_url: None,
        can: Vec::new(),
        agents: AgentScope::new(None).unwrap(),
    };
    Generic::new(settings).unwrap()
});

pub fn generic() -> &'static Generic {
    &GENERIC
}

pub fn decode(pairs: &[(&str, &str)], body: &str) -> Result<Decoded, BadBody> {
    let (headers, body) = (headers(pairs), bytes(body));
    generic().decode(&Inbound { headers: &headers, body: &body }, None, at("09:00"))
}

fn envelope() -> Value {
    json!({"specversion": "1.0", "id": "42", "source": "/fleet/a", "type": "dev.sereno.tool.started", "time": "2026-11-20T09:15:02Z",
        "datacontenttype": "application/json", "data": {"agent": {"id": "a"}, "tool": {"name": "Bash", "input": {"command": "ls"}}}})
}

#[test]
fn the_three_modes_carry_the_same_event() {
    let structured =
        decode(&[("content-type", "application/cloudevents+json; charset=utf-8")], &envelope().to_string()).unwrap();
    let batched =
        decode(&[("content-type", "application/cloudevents-batch+json")], &json!([envelope()]).to_string()).unwrap();
    let attributes = [
        ("content-type", "application/json"),
        ("ce-specversion", "1.0"),
        ("ce-id", "42"),
        ("ce-source", "/fleet/a"),
        ("ce-type", "tool.started"),
        ("ce-time", "2026-11-20T09:15:02Z"),
    ];
    let binary = decode(&attributes, &envelope()["data"].to_string()).unwrap();
    assert_eq!(structured, batched);
    assert_eq!(structured, binary);
    let event = &structured.events[0];
    assert_eq!((event.id.as_str(), event.kind.as_str()), ("/fleet/a#42", "tool.started"));
    assert_eq!(event.time, Some(sereno::core::time::Ts::parse("2026-11-20T09:15:02Z").unwrap()));
    assert!(event.tool.as_ref().unwrap().digest.is_some());
}

#[test]
fn an_envelope_that_lacks_something_is_refused_by_name() {
    for missing in ["specversion", "id", "source", "type"] {
        let mut event = envelope();
        event.as_object_mut().unwrap().remove(missing);
        let refused = decode(&[("content-type", "application/cloudevents+json")], &event.to_string()).unwrap_err();
        assert!(refused.status == 422 && refused.detail.contains(missing), "{refused:?}");
    }
    for (field, value) in [("specversion", json!("0.3")), ("data", json!("text")), ("data", json!([1]))] {
        let mut event = envelope();
        event[field] = value;
        assert_eq!(
            decode(&[("content-type", "application/cloudevents+json")], &event.to_string()).unwrap_err().status,
            422
        );
    }
    let batch = json!([envelope(), {"specversion": "1.0"}]).to_string();
    let refused = decode(&[("content-type", "application/cloudevents-batch+json")], &batch).unwrap_err();
    assert_eq!(refused.index, Some(1), "it says which one");
}

#[test]
fn an_event_without_identity_is_known_by_its_body() {
    let body = r#"{"type":"deployment","message":"v2"}"#;
    let (once, again) = (decode(&[], body).unwrap(), decode(&[], body).unwrap());
    assert_eq!(once.events[0].id, again.events[0].id);
    assert_ne!(once.events[0].id, decode(&[], r#"{"type":"deployment","message":"v3"}"#).unwrap().events[0].id);
    let two = decode(&[], &format!("[{body},{body}]")).unwrap();
    assert_ne!(two.events[0].id, two.events[1].id, "two in one body are two");
}

#[test]
fn a_digest_that_the_sender_claims_is_never_believed() {
    let claimed = json!({"type": "tool.started", "agent": {"id": "a"}, "tool": {"name": "Bash", "input": {"command": "rm -rf /"}, "digest": "0".repeat(64)}});
    let event = decode(&[], &claimed.to_string()).unwrap().events.remove(0);
    let tool = event.tool.unwrap();
    assert_eq!(tool.digest, Some(sereno::core::digest::of_call("Bash", &json!({"command": "rm -rf /"}))));
    let without =
        json!({"type": "tool.started", "agent": {"id": "a"}, "tool": {"name": "Bash", "digest": "0".repeat(64)}});
    assert_eq!(decode(&[], &without.to_string()).unwrap().events[0].tool.as_ref().unwrap().digest, None);
}
