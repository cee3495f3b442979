//! The window in which somebody writes why, before a tap counts.
//!
//! It must be opened within three seconds of the tap, and carries the tap with it. <https://docs.slack.dev/surfaces/modals>

use serde_json::{Value, json};
use slack_morphism::ClientResult;

use super::receive::{Ask, WHY_VIEW};
use super::{Slack, verdict};
use crate::core::policy::Lang;
use crate::core::text::clip;
use crate::render::Words;

/// Characters of a window's title and of its buttons. <https://docs.slack.dev/reference/views/modal-views>
const TITLE: usize = 24;
/// Characters of what can be written there; more would not be kept with a decision.
const WORDS: usize = 500;

impl Slack {
    /// Opens the window, or says that it could not be.
    pub(super) async fn ask_why(&self, ask: &Ask) {
        let lang = self.settings.lang_of(&ask.account);
        let opened: ClientResult<Value> =
            self.call("views.open", &json!({ "trigger_id": ask.trigger, "view": view(ask, lang) })).await;
        let Err(error) = opened else { return };
        tracing::debug!(channel = self.settings.name, error = verdict::words(&error), "a window was not opened");
        if let Some(to) = &ask.answer_to {
            self.whisper_to(to, Words::of(lang).get("slack.why_failed")).await;
        }
    }
}

fn view(ask: &Ask, lang: Lang) -> Value {
    let plain = |key: &str, limit: usize| {
        let text = clip(Words::of(lang).get(key), limit);
        json!({ "type": "plain_text", "text": text, "emoji": false })
    };
    json!({
        "type": "modal",
        "callback_id": WHY_VIEW,
        "private_metadata": ask.memo,
        "title": { "type": "plain_text", "text": clip(&ask.label, TITLE), "emoji": false },
        "submit": plain("slack.why_submit", TITLE),
        "close": plain("slack.why_close", TITLE),
        "blocks": [{
            "type": "input",
            "block_id": WHY_VIEW,
            "label": plain("slack.why_label", 2000),
            "element": {
                "type": "plain_text_input",
                "action_id": WHY_VIEW,
                "multiline": true,
                "max_length": WORDS,
                "focus_on_load": true,
            },
        }],
    })
}
