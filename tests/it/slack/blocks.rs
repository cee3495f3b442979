//! Block Kit, read as strictly as Slack reads it, and what people see of it.
//!
//! <https://docs.slack.dev/reference/block-kit>

use std::collections::BTreeSet;

use serde_json::Value;

/// What all texts of a message together may have; Slack says nothing of it, and refuses from some 12,000 on.
const ALL_TEXTS: usize = 12_000;

/// Checks blocks; the error is Slack's code.
pub fn check(blocks: &[Value]) -> Result<(), String> {
    let invalid = |_: String| "invalid_blocks".to_owned();
    if blocks.len() > 50 {
        return Err("invalid_blocks".into());
    }
    let mut ids = BTreeSet::new();
    for block in blocks {
        checked(block).map_err(invalid)?;
        if let Some(id) = block["block_id"].as_str()
            && (id.chars().count() > 255 || !ids.insert(id))
        {
            return Err("invalid_blocks".into());
        }
    }
    if text(blocks).len() > ALL_TEXTS {
        return Err("msg_blocks_too_long".into());
    }
    Ok(())
}

/// What is wrong with a block.
pub fn checked(block: &Value) -> Result<(), String> {
    match block["type"].as_str() {
        Some("header") => {
            only(block, &["type", "text"])?;
            plain(&block["text"], 150)
        }
        Some("rich_text") => {
            only(block, &["type", "elements"])?;
            each(block, 3_000, rich)
        }
        Some("actions") => {
            only(block, &["type", "block_id", "elements"])?;
            let mut ids = BTreeSet::new();
            each(block, 25, |element| {
                button(element)?;
                ids.insert(element["action_id"].clone().to_string()).then_some(()).ok_or("an action_id twice".into())
            })
        }
        other => Err(format!("a block of type {other:?}")),
    }
}

fn only(value: &Value, keys: &[&str]) -> Result<(), String> {
    let object = value.as_object().ok_or("no object")?;
    let extra = object.keys().find(|key| !keys.contains(&key.as_str()));
    extra.map_or(Ok(()), |key| Err(format!("{key} in {value}")))
}

fn each(value: &Value, most: usize, mut check: impl FnMut(&Value) -> Result<(), String>) -> Result<(), String> {
    let elements = value["elements"].as_array().ok_or("no elements")?;
    if !(1..=most).contains(&elements.len()) {
        return Err(format!("{} elements", elements.len()));
    }
    elements.iter().try_for_each(&mut check)
}

fn plain(text: &Value, most: usize) -> Result<(), String> {
    only(text, &["type", "text", "emoji"])?;
    let length = text["text"].as_str().ok_or("no text")?.chars().count();
    let fits = text["type"] == "plain_text" && text["emoji"] == false && (1..=most).contains(&length);
    fits.then_some(()).ok_or_else(|| format!("{text}"))
}

fn rich(element: &Value) -> Result<(), String> {
    match element["type"].as_str() {
        Some("rich_text_section" | "rich_text_quote" | "rich_text_preformatted") => {
            only(element, &["type", "elements"])?;
            each(element, 3_000, inline)
        }
        Some("rich_text_list") => {
            only(element, &["type", "style", "elements"])?;
            each(element, 3_000, |item| {
                (item["type"] == "rich_text_section").then_some(()).ok_or("an item that is no section")?;
                rich(item)
            })
        }
        other => Err(format!("rich text of type {other:?}")),
    }
}

/// Nothing but text: a mention, a link, an emoji or a date would be an element of another type.
fn inline(element: &Value) -> Result<(), String> {
    only(element, &["type", "text", "style"])?;
    let length = element["text"].as_str().ok_or("no text")?.chars().count();
    if element["type"] != "text" || !(1..=3000).contains(&length) {
        return Err(format!("{element:.80}"));
    }
    let style = element["style"].as_object().into_iter().flatten();
    let fits = |(name, on): (&String, &Value)| matches!(name.as_str(), "bold" | "italic" | "code") && *on == true;
    style.into_iter().all(fits).then_some(()).ok_or_else(|| format!("{element}"))
}

fn button(element: &Value) -> Result<(), String> {
    only(element, &["type", "action_id", "text", "value", "style"])?;
    plain(&element["text"], 75)?;
    let within = |key: &str, most: usize| element[key].as_str().is_some_and(|v| (1..=most).contains(&v.len()));
    let style = element["style"].as_str();
    let fits = element["type"] == "button" && within("action_id", 255) && within("value", 2000);
    let fits = fits && style.is_none_or(|style| matches!(style, "primary" | "danger"));
    fits.then_some(()).ok_or_else(|| format!("{element}"))
}

/// What people read.
pub fn text(blocks: &[Value]) -> String {
    let mut lines = Vec::new();
    for block in blocks {
        match block["type"].as_str() {
            Some("header") => lines.push(block["text"]["text"].as_str().unwrap().to_owned()),
            Some("rich_text") => lines.extend(block["elements"].as_array().unwrap().iter().map(rich_words)),
            _ => {}
        }
    }
    lines.join("\n")
}

fn rich_words(element: &Value) -> String {
    let parts = element["elements"].as_array().into_iter().flatten();
    match element["type"].as_str() {
        Some("rich_text_list") => parts.map(|item| format!("• {}", rich_words(item))).collect::<Vec<_>>().join("\n"),
        Some("text") => element["text"].as_str().unwrap().to_owned(),
        _ => parts.map(rich_words).collect(),
    }
}

/// Types and styles, without any text.
pub fn markup(blocks: &[Value]) -> Vec<String> {
    fn walk(value: &Value, found: &mut Vec<String>) {
        let style = value["style"].as_object().map(|style| style.keys().cloned().collect::<Vec<_>>().join("+"));
        found.push(format!("{} {}", value["type"].as_str().unwrap_or("?"), style.unwrap_or_default()));
        for element in value["elements"].as_array().into_iter().flatten() {
            walk(element, found);
        }
    }
    let mut found = Vec::new();
    for block in blocks.iter().filter(|block| block["type"] != "actions") {
        walk(block, &mut found);
    }
    found
}

/// Every button with its block.
pub fn buttons(blocks: &[Value]) -> Vec<(Value, Value)> {
    let rows = blocks.iter().filter(|block| block["type"] == "actions");
    rows.flat_map(|row| row["elements"].as_array().unwrap().iter().map(move |b| (row.clone(), b.clone()))).collect()
}
