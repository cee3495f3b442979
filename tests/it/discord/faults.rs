//! What can go wrong between us and Discord, to be queued for a call of the fake server.

use serde_json::{Value, json};

/// Something that goes wrong once.
#[derive(Clone, Debug)]
pub enum Fault {
    /// 429 with what to wait, in seconds.
    Wait(f64),
    /// The API's own error: status, code and words.
    Refusal(u16, i64, &'static str),
    /// A status, a header field and a body as they are, whatever they are.
    Raw(u16, (&'static str, &'static str), &'static str),
    /// No answer at all.
    Silence,
    /// The connection breaks before anything is carried out.
    ResetBefore,
    /// The connection breaks after the request was carried out.
    ResetAfter,
}

/// A fault that waits for its call, such as `POST /channels/7/messages`; a prefix is enough.
#[derive(Clone, Debug)]
pub struct Planned {
    pub call: String,
    pub fault: Fault,
}

/// An error of the API.
#[derive(Clone, Debug)]
pub struct Refusal {
    pub status: u16,
    body: Value,
}

impl Refusal {
    pub fn new(status: u16, code: i64, message: &str) -> Self {
        Self { status, body: json!({ "code": code, "message": message }) }
    }

    /// A form that breaks a limit, with the place.
    pub fn form(path: &str, message: &str) -> Self {
        let mut errors = json!({ "_errors": [{ "code": "BASE_TYPE_BAD_LENGTH", "message": message }] });
        for key in path.rsplit('.') {
            errors = json!({ key: errors });
        }
        Self { status: 400, body: json!({ "code": 50_035, "message": "Invalid Form Body", "errors": errors }) }
    }

    pub fn body(&self) -> String {
        self.body.to_string()
    }
}
