//! The protocol: the greeting, requests and their answers, and events in order. Parameters that the gateway does not know
//! are refused, as the real one refuses them.

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use sereno::runtime::openclaw::wire::{Challenge, signed};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use super::accounts::{accounts, spent, transcript};
use super::{Gateway, Memory, NOW, Order, Socket};

impl Gateway {
    pub(super) async fn talk(&self, socket: &mut Socket) -> Option<()> {
        let mut orders = self.orders.subscribe();
        send(socket, json!({ "type": "event", "event": "connect.challenge", "payload": { "nonce": "n", "ts": NOW } }))
            .await?;
        let Message::Text(first) = socket.next().await?.ok()? else { return None };
        let first: Value = serde_json::from_str(&first).unwrap();
        assert_eq!(first["method"], "connect");
        let answer = self.greets(&first["params"]);
        let refused = answer.is_err();
        send(socket, answered(&first["id"], answer)).await?;
        if refused {
            socket.close(Some(CloseFrame { code: 1008.into(), reason: "no".into() })).await.ok()?;
            return None;
        }
        let mut seq = 0_u64;
        loop {
            tokio::select! {
                message = socket.next() => {
                    let Message::Text(text) = message?.ok()? else { continue };
                    let request: Value = serde_json::from_str(&text).unwrap();
                    let method = request["method"].as_str().unwrap().to_owned();
                    let answer = self.carries_out(&method, &request["params"]);
                    let is_lost = self.change(|memory| memory.lost.take_if(|lost| *lost == method).is_some());
                    if is_lost {
                        return None;
                    }
                    send(socket, answered(&request["id"], answer)).await?;
                }
                order = orders.recv() => match order.ok()? {
                    Order::Event(event, payload) => {
                        seq += 1;
                        send(socket, json!({ "type": "event", "event": event, "payload": payload, "seq": seq })).await?;
                    }
                    Order::Lose => seq += 1,
                    Order::Drop => return None,
                    Order::Restart => {
                        socket.close(Some(CloseFrame { code: 1012.into(), reason: "service restart".into() })).await.ok()?;
                        return None;
                    }
                },
            }
        }
    }

    fn greets(&self, params: &Value) -> Result<Value, Value> {
        let known =
            ["minProtocol", "maxProtocol", "client", "role", "scopes", "caps", "auth", "locale", "userAgent", "device"];
        strict(params, &known)?;
        assert_eq!((&params["client"]["id"], &params["client"]["mode"]), (&json!("gateway-client"), &json!("backend")));
        self.change(|memory| {
            if let Some(refusal) = &memory.refusal {
                return Err(refusal.clone());
            }
            let token = params["auth"]["token"].as_str();
            if token != Some(&memory.token) && (token.is_none() || token != memory.own.as_deref()) {
                return Err(json!({
                    "code": "INVALID_REQUEST", "message": "unauthorized: gateway token mismatch",
                    "details": { "code": "AUTH_TOKEN_MISMATCH", "canRetryWithDeviceToken": false },
                }));
            }
            if let Some(known) = &memory.devices {
                let id = device(&params["device"], params)?;
                if !known.contains(&id) {
                    memory.pairings.insert(id);
                    return Err(json!({
                        "code": "NOT_PAIRED", "message": "pairing required",
                        "details": { "code": "PAIRING_REQUIRED", "requestId": "pair-1" },
                    }));
                }
            }
            memory.greeted += 1;
            let gives = memory.gives.take();
            memory.own = gives.clone().or(memory.own.take());
            Ok(json!({
                "type": "hello-ok", "protocol": 4,
                "server": { "version": "2026.9.6", "bootId": format!("boot-{}", memory.boot), "connId": format!("conn-{}", memory.greeted) },
                "auth": { "role": "operator", "scopes": memory.scopes, "deviceToken": gives },
                "policy": { "maxPayload": 26_214_400, "tickIntervalMs": 30_000 },
            }))
        })
    }

    fn carries_out(&self, method: &str, params: &Value) -> Result<Value, Value> {
        self.change(|memory| memory.calls.push((method.to_owned(), params.clone())));
        if let Some((_, why)) = self.look(|memory| memory.refused.clone().filter(|(refused, _)| *refused == method)) {
            return Err(why);
        }
        let key = params["sessionKey"].as_str().or(params["key"].as_str()).unwrap_or_default().to_owned();
        match method {
            "sessions.subscribe" => strict(params, &[]).map(|()| json!({ "subscribed": true })),
            "agents.list" => {
                Ok(json!({ "agents": [{ "id": "main" }, { "id": "worker2", "identity": { "name": "Worker" } }] }))
            }
            "sessions.list" => {
                strict(params, &["limit"])?;
                Ok(self.look(|memory| json!({ "sessions": memory.sessions.values().collect::<Vec<_>>() })))
            }
            "exec.approval.list" | "plugin.approval.list" => {
                let kind = method.split('.').next().unwrap();
                let is_open = |asked: &&Value| asked["status"] == "pending" && asked["approvalKind"] == kind;
                let open = |memory: &Memory| memory.approvals.values().filter(is_open).cloned().collect();
                Ok(Value::Array(self.look(open)))
            }
            "question.list" | "question.get" | "question.resolve" => self.of_questions(method, params),
            "approval.get" => {
                strict(params, &["id"])?;
                let id = params["id"].as_str().unwrap();
                let asked = self.look(|memory| memory.approvals.get(id).cloned());
                asked.map(|asked| json!({ "approval": asked })).ok_or_else(not_found)
            }
            "approval.resolve" => {
                strict(params, &["id", "kind", "decision"])?;
                let id = params["id"].as_str().unwrap();
                if !self.look(|memory| memory.approvals.contains_key(id)) {
                    return Err(not_found());
                }
                Ok(self.decides(id, params["decision"].as_str().unwrap(), "sereno"))
            }
            "chat.history" => {
                strict(params, &["sessionKey", "limit", "offset"])?;
                Ok(self.look(|memory| {
                    let aborted = memory.sessions.get(&key).map(|row| row["abortedLastRun"].clone());
                    let all = memory.messages.get(&key).cloned().unwrap_or_default();
                    let number = |name: &str| usize::try_from(params[name].as_u64().unwrap_or(0)).unwrap();
                    let end = all.len().saturating_sub(number("offset"));
                    let start = end.saturating_sub(number("limit"));
                    json!({
                        "messages": all[start..end], "sessionId": transcript(&key),
                        "nextOffset": (start > 0).then(|| all.len() - start),
                        "pendingInputs": { "items": [] }, "sessionInfo": { "abortedLastRun": aborted },
                    })
                }))
            }
            "sessions.usage" => {
                strict(params, &["agentScope", "mode", "startDate", "endDate", "limit"])?;
                Ok(self.change(spent))
            }
            "sessions.usage.timeseries" => {
                strict(params, &["key", "agentId"])?;
                Ok(self.look(|memory| accounts(memory, &key)))
            }
            "chat.abort" => {
                strict(params, &["sessionKey"])?;
                let runs = self.aborts(&key);
                Ok(json!({ "ok": true, "aborted": !runs.is_empty(), "runIds": runs }))
            }
            "chat.send" => {
                strict(params, &["sessionKey", "message", "idempotencyKey"])?;
                Ok(self.hears(&key, params))
            }
            "agent" => {
                strict(params, &["message", "agentId", "sessionKey", "idempotencyKey", "model"])?;
                Ok(self.hears(&key, params))
            }
            "sessions.patch" => strict(params, &["key", "model"]).map(|()| json!({ "ok": true })),
            other => Err(json!({ "code": "INVALID_REQUEST", "message": format!("unknown method: {other}") })),
        }
    }
}

/// The device that has signed the challenge.
fn device(about: &Value, params: &Value) -> Result<String, Value> {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use ed25519_dalek::{Signature, Verifier as _, VerifyingKey};
    use sha2::{Digest as _, Sha256};

    let wrong = |code: &str| json!({ "code": "INVALID_REQUEST", "message": code, "details": { "code": code } });
    let bytes = |name: &str| URL_SAFE_NO_PAD.decode(about[name].as_str().unwrap_or_default()).unwrap_or_default();
    let key = <[u8; 32]>::try_from(bytes("publicKey")).map_err(|_| wrong("DEVICE_AUTH_PUBLIC_KEY_INVALID"))?;
    if about["id"] != hex::encode(Sha256::digest(key)) {
        return Err(wrong("DEVICE_AUTH_DEVICE_ID_MISMATCH"));
    }
    let challenge = Challenge { nonce: "n".into(), ts: NOW };
    let text = signed(
        about["id"].as_str().unwrap(),
        params["auth"]["token"].as_str().unwrap(),
        &["operator.admin"],
        &challenge,
    );
    let signature = Signature::from_slice(&bytes("signature")).map_err(|_| wrong("DEVICE_AUTH_SIGNATURE_INVALID"))?;
    let key = VerifyingKey::from_bytes(&key).unwrap();
    key.verify(text.as_bytes(), &signature).map_err(|_| wrong("DEVICE_AUTH_SIGNATURE_INVALID"))?;
    Ok(about["id"].as_str().unwrap().to_owned())
}

pub(super) fn strict(params: &Value, known: &[&str]) -> Result<(), Value> {
    match params.as_object().unwrap().keys().find(|key| !known.contains(&key.as_str())) {
        Some(key) => {
            let message = format!("invalid params: at root: unexpected property '{key}'");
            Err(json!({ "code": "INVALID_REQUEST", "message": message }))
        }
        None => Ok(()),
    }
}

fn not_found() -> Value {
    json!({ "code": "INVALID_REQUEST", "message": "approval not found", "details": { "reason": "APPROVAL_NOT_FOUND" } })
}

fn answered(id: &Value, answer: Result<Value, Value>) -> Value {
    match answer {
        Ok(payload) => json!({ "type": "res", "id": id, "ok": true, "payload": payload }),
        Err(error) => json!({ "type": "res", "id": id, "ok": false, "error": error }),
    }
}

async fn send(socket: &mut Socket, frame: Value) -> Option<()> {
    socket.send(Message::text(frame.to_string())).await.ok()
}
