//! Messages in the form of Discord's API: a content that stands on the lock screen, one embed with everything else,
//! rows of buttons.
//!
//! <https://discord.com/developers/docs/resources/message#create-message>. Nobody is ever mentioned, and no address
//! in a text is fetched, because none is active.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::receipt::Receipt;
use crate::channel::{DISCORD_TEXT, DrawnButton, Outgoing, PICTURE};
use crate::core::message::ButtonStyle;
use crate::core::text::{clip, utf16_len};
use crate::render::chart::Picture;
use crate::render::export::File;
use crate::render::markup::{Doc, text_of};
use crate::render::{discord, discord_escape, plain};

/// Only whoever is meant sees it.
pub const PRIVATE: u64 = 1 << 6;
/// It makes no sound.
const SILENT: u64 = 1 << 12;
/// UTF-16 units of a message's content.
const CONTENT: usize = 2000;
/// Buttons in a row, and rows. <https://discord.com/developers/docs/components/reference#action-row>
const ROW: usize = 5;
const ROWS: usize = 5;
/// Characters on a button.
const LABEL: usize = 80;
/// Characters that describe a file.
const ALT: usize = 1024;
/// Before the token of a button at which words are asked for.
pub const ASKS: char = '?';
/// Characters of a nonce; a message with one that was used in the last minutes is the message that used it.
const NONCE: usize = 24;

/// A message in two forms: as it shall look, and in plain words for when that is refused.
pub struct Drawn {
    pub full: Value,
    pub plain: Value,
}

/// What a message says and offers; not yet where it goes.
pub fn drawn(out: &Outgoing) -> Drawn {
    let text = discord(&out.doc, DISCORD_TEXT);
    // An action that is not shown whole is not approved here.
    let shown = |button: &&DrawnButton| text.whole || button.style != ButtonStyle::Approve;
    let buttons: Vec<&DrawnButton> = out.buttons.iter().filter(shown).collect();
    let left_out = buttons.len() > ROW * ROWS;
    let body = if left_out { format!("{}\n…", text.body).trim_start().to_owned() } else { text.body };
    let embed = json!({ "description": body, "color": colour(&out.doc) });
    let form = |content: String, embeds: Vec<Value>| {
        json!({
            "content": content,
            "embeds": embeds,
            "components": rows(&buttons),
            "allowed_mentions": { "parse": [] },
        })
    };
    let embeds = if body.trim().is_empty() { Vec::new() } else { vec![embed] };
    Drawn { full: form(text.title, embeds), plain: form(clipped(&plain(&out.doc)), Vec::new()) }
}

/// What makes a new message of a form: its sound, its place and the name by which its repetition is known.
pub fn posted(mut form: Value, out: &Outgoing, again: bool) -> Value {
    form["nonce"] = json!(nonce(&out.id, again));
    form["enforce_nonce"] = json!(true);
    if out.silent {
        form["flags"] = json!(SILENT);
    }
    if let Some(under) = out.under.as_deref().and_then(Receipt::parse) {
        form["message_reference"] = json!({
            "message_id": under.message.to_string(),
            "channel_id": under.channel.to_string(),
            "fail_if_not_exists": false,
        });
    }
    form
}

/// The form of a message with the picture that comes with it, under its text.
/// <https://discord.com/developers/docs/reference#uploading-files>
pub fn pictured(mut form: Value, picture: &Picture) -> Value {
    if let Some(embed) = form["embeds"].get_mut(0) {
        embed["image"] = json!({ "url": format!("attachment://{PICTURE}") });
    }
    form["attachments"] = json!([{ "id": 0, "filename": PICTURE, "description": clip(&picture.alt, ALT) }]);
    form
}

/// The form of a message with the file that it hands over.
pub fn with_file(mut form: Value, file: &File) -> Value {
    form["attachments"] = json!([{ "id": 0, "filename": file.name }]);
    form
}

/// A sentence that only whoever is meant sees.
pub fn whisper(text: &str) -> Value {
    json!({ "content": clipped(text), "flags": PRIVATE, "allowed_mentions": { "parse": [] } })
}

/// Whether a message that the platform shows says what `form` says.
pub fn says(message: &Value, form: &Value) -> bool {
    said(message) == said(form)
}

fn said(message: &Value) -> (String, String, Vec<&Value>) {
    // Discord takes away blank space at the ends.
    let text = |value: &Value| value.as_str().unwrap_or_default().split_whitespace().collect::<String>();
    let rows = message["components"].as_array().into_iter().flatten();
    let buttons = rows.flat_map(|row| row["components"].as_array().into_iter().flatten());
    let tokens = buttons.map(|button| &button["custom_id"]).collect();
    (text(&message["content"]), text(&message["embeds"][0]["description"]), tokens)
}

/// The name of a message that is sent for an outbox row; `again` when the one that had it is gone.
fn nonce(id: &str, again: bool) -> String {
    const DIGITS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let hash = Sha256::digest(if again { format!("{id}/again") } else { id.to_owned() });
    hash.iter().take(NONCE).map(|byte| char::from(DIGITS[usize::from(byte % 32)])).collect()
}

fn clipped(text: &str) -> String {
    let escaped = discord_escape(text);
    if utf16_len(&escaped) <= CONTENT {
        return escaped;
    }
    // A character is at most two units, and a sign that is escaped is one.
    discord_escape(&clip(text, CONTENT / 2))
}

fn rows(buttons: &[&DrawnButton]) -> Vec<Value> {
    let rows = buttons.chunks(ROW).take(ROWS);
    rows.map(|row| json!({ "type": 1, "components": row.iter().map(|b| button(b)).collect::<Vec<_>>() })).collect()
}

fn button(button: &DrawnButton) -> Value {
    let style = match button.style {
        ButtonStyle::Plain => 2,
        ButtonStyle::Approve => 3,
        ButtonStyle::Danger => 4,
    };
    let token = if button.asks_why { format!("{ASKS}{}", button.token) } else { button.token.clone() };
    json!({ "type": 2, "style": style, "label": clip(&button.label, LABEL), "custom_id": token })
}

/// The colour of the sign with which a title begins: it repeats what the words say.
fn colour(doc: &Doc) -> u32 {
    let title = text_of(&doc.title);
    let signs =
        [("🔴❌🛑⌛", 0x00D8_3C3E), ("🟠🟡⚠🔁📣", 0x00F0_B132), ("🟢✅", 0x002D_7D46), ("⏳❔⏸💤", 0x0058_65F2)];
    let first = title.chars().next();
    let found = signs.iter().find(|(signs, _)| first.is_some_and(|sign| signs.contains(sign)));
    found.map_or(0x004E_5058, |(_, colour)| *colour)
}
