//! The log channel: every message as a line of JSON on standard output, for scripts.

use std::sync::Mutex;

use async_trait::async_trait;
use serde_json::json;

use super::{Channel, Outgoing, Verdict, carries};
use crate::core::policy::ChannelPolicy;
use crate::render::markup::text_of;
use crate::render::plain;

/// Writes messages as lines of JSON.
pub struct LogChannel {
    out: Mutex<Box<dyn std::io::Write + Send>>,
}

impl LogChannel {
    /// Writes to `out`.
    pub fn new(out: Box<dyn std::io::Write + Send>) -> Self {
        Self { out: Mutex::new(out) }
    }

    fn write(&self, out: &Outgoing, what: &str) -> Verdict {
        let line = json!({
            "what": what,
            "copy": out.copy,
            "target": out.target,
            "title": text_of(&out.doc.title),
            "text": plain(&out.doc),
            "silent": out.silent,
        });
        let Ok(mut writer) = self.out.lock() else {
            return Verdict::not_sent("the log writer is gone");
        };
        match writeln!(writer, "{line}").and_then(|()| writer.flush()) {
            Ok(()) => Verdict::Sent(out.copy.to_string()),
            Err(error) => Verdict::not_sent(error.to_string()),
        }
    }
}

#[async_trait]
impl Channel for LogChannel {
    fn policy(&self) -> ChannelPolicy {
        carries("log")
    }

    async fn send(&self, out: &Outgoing) -> Verdict {
        self.write(out, "message")
    }

    async fn edit(&self, out: &Outgoing, _receipt: &str) -> Verdict {
        self.write(out, "edit")
    }
}
