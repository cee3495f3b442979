//! What can go wrong between us and Telegram, to be queued for a method of the fake server.

use serde_json::{Value, json};

/// Something that goes wrong once.
#[derive(Clone, Debug)]
pub enum Fault {
    /// 429 with `retry_after`.
    Wait(u32),
    /// The API's own error: code and description.
    Refusal(u16, &'static str),
    /// A status and a body as they are, whatever they are.
    Raw(u16, &'static str),
    /// 400: the group is a supergroup now.
    Migrated(i64),
    /// No answer at all.
    Silence,
    /// The connection breaks before the request's body is read.
    ResetBefore,
    /// The connection breaks after the request was carried out.
    ResetAfter,
}

/// A fault that waits for its request.
#[derive(Clone, Debug)]
pub struct Planned {
    /// The method in lower case.
    pub method: String,
    /// Only requests to this chat.
    pub chat: Option<i64>,
    pub fault: Fault,
}

/// An error of the API.
#[derive(Clone, Debug)]
pub struct Refusal {
    pub code: u16,
    pub description: String,
    pub parameters: Option<Value>,
}

impl Refusal {
    pub fn new(code: u16, description: impl Into<String>) -> Self {
        Self { code, description: description.into(), parameters: None }
    }

    pub fn bad(description: &str) -> Self {
        Self::new(400, format!("Bad Request: {description}"))
    }

    pub fn migrated(to: i64) -> Self {
        let parameters = Some(json!({ "migrate_to_chat_id": to }));
        Self { parameters, ..Self::bad("group chat was upgraded to a supergroup chat") }
    }

    pub fn wait(seconds: u32) -> Self {
        let parameters = Some(json!({ "retry_after": seconds }));
        Self { parameters, ..Self::new(429, format!("Too Many Requests: retry after {seconds}")) }
    }

    /// The answer's status and body.
    pub fn body(&self) -> (u16, String) {
        let mut body = json!({ "ok": false, "error_code": self.code, "description": self.description });
        if let Some(parameters) = &self.parameters {
            body["parameters"] = parameters.clone();
        }
        (self.code, body.to_string())
    }
}
