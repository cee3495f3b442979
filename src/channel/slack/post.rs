//! Messages on their way out: what is posted, edited and whispered, and the search for one that may have arrived.
//!
//! Each message carries the identity of its outbox row where only the app sees it, so that an attempt of which nobody
//! knows can be looked for before it is made again. <https://docs.slack.dev/messaging/message-metadata>

use serde::Deserialize;
use serde_json::{Value, json};
use slack_morphism::ClientResult;
use slack_morphism::errors::SlackClientError;

use super::names::{block_id, is_direct, is_home};
use super::receive::{TAP, WHY, receipt};
use super::{Slack, verdict};
use crate::channel::{DrawnButton, Outgoing, SLACK_TEXT, Verdict};
use crate::core::message::ButtonStyle;
use crate::core::text::clip;
use crate::render::markup::text_of;
use crate::render::{escape_slack, slack, slack_plain};

/// Buttons in a row.
const ROW: usize = 5;
/// Characters on a button. <https://docs.slack.dev/reference/block-kit/block-elements/button-element>
const LABEL: usize = 75;
/// Characters of the line that stands on a lock screen.
const FIRST_LINE: usize = 300;
/// What our metadata is called.
const EVENT: &str = "sereno";
/// How many of the newest messages are looked through for one that may have arrived.
const LOOK_BACK: u32 = 100;

/// How a message was called that was taken.
#[derive(Deserialize)]
struct Posted {
    channel: Option<String>,
    ts: Option<String>,
    /// Of a message that one reader alone sees.
    message_ts: Option<String>,
}

#[derive(Deserialize)]
struct History {
    messages: Vec<Past>,
}

#[derive(Deserialize)]
struct Past {
    ts: String,
    metadata: Option<Metadata>,
}

#[derive(Deserialize)]
struct Metadata {
    event_type: String,
    event_payload: Value,
}

#[derive(Deserialize)]
struct Opened {
    channel: Conversation,
}

#[derive(Deserialize)]
struct Conversation {
    id: String,
}

/// Buttons as blocks.
fn actions(out: &Outgoing) -> impl Iterator<Item = Value> {
    out.buttons.chunks(ROW).enumerate().map(|(row, buttons)| {
        let elements: Vec<Value> = buttons.iter().enumerate().map(|(place, b)| button(b, place)).collect();
        let id = block_id(&out.target, out.only.as_deref(), row);
        json!({ "type": "actions", "block_id": id, "elements": elements })
    })
}

fn button(button: &DrawnButton, place: usize) -> Value {
    let kind = if button.asks_why { WHY } else { TAP };
    let mut drawn = json!({
        "type": "button",
        "action_id": format!("{kind}.{place}"),
        "text": { "type": "plain_text", "text": clip(&button.label, LABEL), "emoji": false },
        "value": button.token,
    });
    match button.style {
        ButtonStyle::Plain => {}
        ButtonStyle::Approve => drawn["style"] = json!("primary"),
        ButtonStyle::Danger => drawn["style"] = json!("danger"),
    }
    drawn
}

/// What is said: in blocks, and as one line for notifications and screen readers.
pub fn content(out: &Outgoing) -> Value {
    let mut blocks = slack(&out.doc, SLACK_TEXT);
    blocks.extend(actions(out));
    unparsed(json!({ "text": escape_slack(&clip(&text_of(&out.doc.title), FIRST_LINE)), "blocks": blocks }))
}

/// The words alone, for when the blocks are refused.
fn plain_content(out: &Outgoing) -> Value {
    unparsed(json!({ "text": slack_plain(&out.doc, SLACK_TEXT), "blocks": [] }))
}

/// Nothing in it is looked for: no names, no links, no formats.
fn unparsed(mut content: Value) -> Value {
    content["parse"] = json!("none");
    content["link_names"] = json!(false);
    content["mrkdwn"] = json!(false);
    content
}

/// What only a message that everybody there sees can have: nothing in it is unfolded, and it says whose it is.
fn mark(message: &mut Value, out: &Outgoing) {
    message["unfurl_links"] = json!(false);
    message["unfurl_media"] = json!(false);
    message["metadata"] = json!({ "event_type": EVENT, "event_payload": { "id": out.id } });
}

/// Channel and time of a receipt.
pub(super) fn place_of(receipt: &str) -> Option<(&str, &str)> {
    receipt.split_once(':').filter(|(channel, ts)| !channel.is_empty() && ts.contains('.'))
}

impl Slack {
    /// Sends a message, unless it is there already.
    pub(super) async fn post(&self, out: &Outgoing) -> Verdict {
        if out.again
            && let Some(receipt) = self.find(out).await
        {
            return Verdict::Sent(receipt);
        }
        match self.post_content(out, content(out)).await {
            Verdict::Rejected(error) if verdict::is_drawing(&error) => self.post_content(out, plain_content(out)).await,
            Verdict::Gone(error) => {
                self.names.forget(&out.target);
                Verdict::Gone(error)
            }
            // There is none yet that could be lost.
            Verdict::EditLost => Verdict::Rejected("Slack does not know a message that is only now sent".into()),
            verdict => verdict,
        }
    }

    async fn post_content(&self, out: &Outgoing, mut message: Value) -> Verdict {
        let root = out.under.as_deref().and_then(place_of).map(|(_, ts)| ts);
        if let Some(only) = out.only.as_deref().filter(|_| !is_home(&out.target)) {
            return self.whisper(out, only, root, message).await;
        }
        mark(&mut message, out);
        if let Some(root) = root {
            message["thread_ts"] = json!(root);
        }
        let channel = self.names.id_of(&out.target).unwrap_or_else(|| out.target.clone());
        match self.post_to(&channel, &mut message).await {
            Ok(posted) => self.posted(out, posted),
            // What it hung under is not there any more.
            Err(error) if root.is_some() && is_thread_gone(&error) => {
                message["thread_ts"] = Value::Null;
                self.post_to(&channel, &mut message)
                    .await
                    .map_or_else(|error| verdict::of(&error), |p| self.posted(out, p))
            }
            Err(error) => verdict::of(&error),
        }
    }

    async fn post_to(&self, channel: &str, message: &mut Value) -> ClientResult<Posted> {
        message["channel"] = json!(channel);
        self.call("chat.postMessage", message).await
    }

    fn posted(&self, out: &Outgoing, posted: Posted) -> Verdict {
        if let Some(channel) = &posted.channel {
            self.names.learn(&out.target, channel);
        }
        taken(posted)
    }

    /// Shows a message to one account alone; where that cannot be, it goes to the account itself.
    async fn whisper(&self, out: &Outgoing, only: &str, root: Option<&str>, mut message: Value) -> Verdict {
        let channel = self.names.id_of(&out.target).unwrap_or_else(|| out.target.clone());
        message["channel"] = json!(channel);
        message["user"] = json!(only);
        if let Some(root) = root {
            message["thread_ts"] = json!(root);
        }
        let error = match self.call::<Posted>("chat.postEphemeral", &message).await {
            Ok(posted) => {
                let ts = posted.message_ts.unwrap_or_default();
                return Verdict::Sent(receipt(&channel, &ts));
            }
            Err(error) => error,
        };
        match verdict::of(&error) {
            Verdict::Gone(_) => {
                for key in ["user", "thread_ts"] {
                    message.as_object_mut().map(|message| message.remove(key));
                }
                mark(&mut message, out);
                let posted = self.post_to(only, &mut message).await;
                posted.map_or_else(|error| verdict::of(&error), taken)
            }
            verdict => verdict,
        }
    }

    /// Changes a message in its place.
    pub(super) async fn change(&self, out: &Outgoing, receipt: &str) -> Verdict {
        let Some((channel, ts)) = place_of(receipt) else { return Verdict::EditLost };
        let change = async |mut message: Value| {
            message["channel"] = json!(channel);
            message["ts"] = json!(ts);
            match self.call::<Value>("chat.update", &message).await {
                Ok(_) => Verdict::Sent(receipt.to_owned()),
                Err(error) => verdict::of(&error),
            }
        };
        match change(content(out)).await {
            Verdict::Rejected(error) if verdict::is_drawing(&error) => change(plain_content(out)).await,
            verdict => verdict,
        }
    }

    /// A message that a former attempt has brought there. Whoever may not look finds nothing, and sends.
    async fn find(&self, out: &Outgoing) -> Option<String> {
        if out.only.is_some() && !is_home(&out.target) {
            return None;
        }
        let channel = self.conversation(&out.target).await?;
        let root = out.under.as_deref().and_then(place_of).map(|(_, ts)| ts);
        let mut query = vec![("channel", Some(channel.clone())), ("limit", Some(LOOK_BACK.to_string()))];
        query.push(("include_all_metadata", Some("true".into())));
        query.push(("ts", root.map(str::to_owned)));
        let method = if root.is_some() { "conversations.replies" } else { "conversations.history" };
        let found: ClientResult<History> = self.ask(method, &query).await;
        let past = match found {
            Ok(history) => history.messages,
            Err(error) => {
                tracing::debug!(channel = self.settings.name, error = verdict::words(&error), "nobody can look");
                return None;
            }
        };
        let is_ours = |past: &Past| {
            past.metadata.as_ref().is_some_and(|m| m.event_type == EVENT && m.event_payload["id"] == out.id.as_str())
        };
        past.iter().find(|past| is_ours(past)).map(|past| receipt(&channel, &past.ts))
    }

    /// The ID of a conversation whose past can be read.
    async fn conversation(&self, target: &str) -> Option<String> {
        if is_direct(target) || !is_home(target) {
            return self.names.id_of(target);
        }
        let opened: ClientResult<Opened> = self.call("conversations.open", &json!({ "users": target })).await;
        opened.ok().map(|opened| opened.channel.id)
    }
}

fn taken(posted: Posted) -> Verdict {
    match (posted.channel, posted.ts) {
        (Some(channel), Some(ts)) => Verdict::Sent(receipt(&channel, &ts)),
        _ => Verdict::uncertain("Slack did not say what it calls the message"),
    }
}

fn is_thread_gone(error: &SlackClientError) -> bool {
    matches!(verdict::code(error), Some("thread_not_found" | "cannot_reply_to_message" | "invalid_thread_ts"))
}
