//! Messages and commands as Discord takes them: every limit, and nothing that is not known.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use sereno::core::text::utf16_len;

use super::fake::APPLICATION;
use super::faults::Refusal;
use super::markdown;

/// A message of the bot as people see it.
#[derive(Clone, Debug, Default)]
pub struct Message {
    pub id: u64,
    pub channel: u64,
    pub text: String,
    pub markup: Vec<&'static str>,
    /// Label and identity of each button.
    pub buttons: Vec<(String, String)>,
    pub silent: bool,
    pub under: Option<u64>,
    /// Only whoever asked sees it.
    pub private: bool,
    /// A picture, with what it shows in words.
    pub picture: Option<(Vec<u8>, String)>,
    /// A file: its name and its text.
    pub file: Option<(String, String)>,
    /// What it said before each edit.
    pub history: Vec<String>,
    /// As it was sent.
    pub form: Value,
}

impl Message {
    /// What the API shows of it.
    pub fn json(&self) -> Value {
        json!({
            "id": self.id.to_string(),
            "channel_id": self.channel.to_string(),
            "type": 0,
            "author": { "id": APPLICATION.to_string(), "username": "sereno", "discriminator": "0", "bot": true },
            "content": self.form["content"].as_str().unwrap_or_default().trim(),
            "timestamp": "2026-11-30T09:00:00.000000+00:00",
            "edited_timestamp": null,
            "tts": false,
            "mention_everyone": false,
            "mentions": [],
            "mention_roles": [],
            "attachments": [],
            "embeds": self.form["embeds"].as_array().cloned().unwrap_or_default(),
            "components": self.form["components"].as_array().cloned().unwrap_or_default(),
            "pinned": false,
            "flags": if self.private { 64 } else { 0 },
        })
    }

    pub fn change(&mut self, new: Self) {
        self.history.push(std::mem::replace(&mut self.text, new.text));
        self.markup = new.markup;
        self.buttons = new.buttons;
        self.picture = new.picture.or(self.picture.take());
        self.file = new.file.or(self.file.take());
        self.form = new.form;
    }

    /// The identity of the first button whose label begins with `start`.
    pub fn button(&self, start: &str) -> String {
        let found = self.buttons.iter().find(|(label, _)| label.starts_with(start));
        found.unwrap_or_else(|| panic!("no button {start} among {:?}", self.buttons)).1.clone()
    }
}

/// A number that is written as text.
pub fn number(value: &Value) -> u64 {
    value.as_str().unwrap_or_else(|| panic!("no number: {value}")).parse().unwrap()
}

fn bounded(path: &str, text: &str, most: usize) -> Result<(), Refusal> {
    if utf16_len(text) > most {
        return Err(Refusal::form(path, &format!("Must be {most} or fewer in length.")));
    }
    Ok(())
}

/// Reads a message's form; `flags` are those that may be set.
pub fn message(form: &Value, flags: u64) -> Result<Message, Refusal> {
    assert_eq!(form["allowed_mentions"], json!({ "parse": [] }), "nobody may be mentioned: {form}");
    assert_eq!(form["flags"].as_u64().unwrap_or(0) & !flags, 0, "{form}");
    let known = ["allowed_mentions", "components", "content", "embeds", "enforce_nonce", "flags", "message_reference"];
    let known: Vec<&str> = known.into_iter().chain(["attachments", "file", "nonce"]).collect();
    let unknown = form.as_object().unwrap().keys().find(|key| !known.contains(&key.as_str()));
    assert_eq!(unknown, None);
    let content = form["content"].as_str().unwrap_or_default();
    bounded("content", content, 2000)?;
    let mut texts = vec![content.to_owned()];
    let mut total = 0;
    for embed in form["embeds"].as_array().into_iter().flatten() {
        let description = embed["description"].as_str().unwrap();
        bounded("embeds.0.description", description, 4096)?;
        assert!(embed["color"].as_u64().unwrap() < 1 << 24);
        let image = embed.get("image");
        assert_eq!(embed.as_object().unwrap().len(), 2 + usize::from(image.is_some()), "{embed}");
        assert!(image.is_none_or(|image| image["url"] == "attachment://chart.png" && form["file"].is_object()));
        total += utf16_len(description);
        texts.push(description.to_owned());
    }
    if total > 6000 || texts.len() > 11 {
        return Err(Refusal::form("embeds", "Embed size exceeds maximum size of 6000"));
    }
    texts.retain(|text| !text.trim().is_empty());
    if texts.is_empty() {
        return Err(Refusal::new(400, 50_006, "Cannot send an empty message"));
    }
    let parsed: Vec<_> = texts.iter().map(|text| markdown::read(text.trim())).collect();
    Ok(Message {
        text: parsed.iter().map(|parsed| parsed.text.as_str()).collect::<Vec<_>>().join("\n"),
        markup: parsed.into_iter().flat_map(|parsed| parsed.markup).collect(),
        buttons: buttons(form)?,
        picture: picture(form)?,
        file: file(form),
        form: form.clone(),
        ..Message::default()
    })
}

fn file(form: &Value) -> Option<(String, String)> {
    let about = &form["attachments"][0];
    let name = about["filename"].as_str().filter(|name| *name != "chart.png")?;
    assert_eq!((about["id"].as_u64(), form["file"]["filename"].as_str()), (Some(0), Some(name)));
    let (name, _, text) = crate::multipart::text(&form["file"]);
    Some((name, text))
}

fn picture(form: &Value) -> Result<Option<(Vec<u8>, String)>, Refusal> {
    if form["file"].is_null() {
        assert!(form.get("attachments").is_none(), "{form}");
        return Ok(None);
    }
    if file(form).is_some() {
        return Ok(None);
    }
    let about = &form["attachments"][0];
    assert_eq!((about["id"].as_u64(), about["filename"].as_str()), (Some(0), Some("chart.png")));
    let words = about["description"].as_str().unwrap();
    bounded("attachments.0.description", words, 1024)?;
    Ok(Some((crate::multipart::picture(&form["file"]), words.to_owned())))
}

fn buttons(form: &Value) -> Result<Vec<(String, String)>, Refusal> {
    let rows = form["components"].as_array().cloned().unwrap_or_default();
    if rows.len() > 5 {
        return Err(Refusal::form("components", "Must be between 1 and 5 in length."));
    }
    let mut buttons = Vec::new();
    let mut known = BTreeSet::new();
    for row in &rows {
        assert_eq!(row["type"], 1);
        let row = row["components"].as_array().unwrap();
        if !(1..=5).contains(&row.len()) {
            return Err(Refusal::form("components.0.components", "Must be between 1 and 5 in length."));
        }
        for button in row {
            assert!(button["type"] == 2 && (1..=4).contains(&button["style"].as_u64().unwrap()), "{button}");
            let (label, id) = (button["label"].as_str().unwrap(), button["custom_id"].as_str().unwrap());
            bounded("components.0.components.0.label", label, 80)?;
            bounded("components.0.components.0.custom_id", id, 100)?;
            if label.is_empty() || id.is_empty() || !known.insert(id.to_owned()) {
                return Err(Refusal::form("components.0.components.0.custom_id", "Must be there once"));
            }
            buttons.push((label.to_owned(), id.to_owned()));
        }
    }
    Ok(buttons)
}

/// Checks a registration.
/// <https://discord.com/developers/docs/interactions/application-commands#application-command-object>
pub fn commands(body: &Value) -> Result<(), Refusal> {
    let is_name = |text: &str| {
        let letters = text.chars().all(|c| c.is_alphanumeric() || "-_'".contains(c));
        letters && (1..=32).contains(&text.chars().count()) && text.to_lowercase() == text
    };
    let commands = body.as_array().unwrap();
    let mut names = BTreeSet::new();
    for command in commands {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        assert!(names.insert(text(&command["name"])), "{command}");
        let options = command["options"].as_array().unwrap();
        if options.len() > 25 {
            return Err(Refusal::form("0.options", "Must be 25 or fewer in length."));
        }
        let mut optional = false;
        for thing in [command].into_iter().chain(options) {
            let localised = |key: &str| thing[key].as_object().into_iter().flatten().map(|(_, value)| text(value));
            let names = localised("name_localizations").chain([text(&thing["name"])]);
            let about = localised("description_localizations").chain([text(&thing["description"])]);
            if !names.into_iter().all(|name| is_name(&name)) {
                return Err(Refusal::form("0.name", "Command name is invalid"));
            }
            if !about.into_iter().all(|about| (1..=100).contains(&about.chars().count())) {
                return Err(Refusal::form("0.description", "Must be between 1 and 100 in length."));
            }
        }
        for option in options {
            if optional && option["required"] == true {
                return Err(Refusal::form("0.options", "Required options must be placed before non-required options"));
            }
            optional |= option["required"] != true;
        }
    }
    assert!(commands.len() <= 100);
    Ok(())
}
