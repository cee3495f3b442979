//! What people do on the fake server: they write, tap and forward; and how Telegram words it.

use serde_json::{Value, json};

use super::fake::{Fake, Message};

/// When everything happens, as Telegram counts.
const DATE: i64 = 1_795_165_200;

/// Chat and topic of `CHAT` or `CHAT/TOPIC`.
pub fn place(text: &str) -> Option<(i64, Option<i64>)> {
    match text.split_once('/') {
        Some((chat, topic)) => Some((chat.parse().ok()?, Some(topic.parse().ok()?))),
        None => Some((text.parse().ok()?, None)),
    }
}

pub fn bot() -> Value {
    json!({
        "id": 4242, "is_bot": true, "first_name": "sereno", "username": "sereno_bot", "can_join_groups": true,
        "can_read_all_group_messages": false, "supports_inline_queries": false,
        "can_connect_to_business": false, "has_main_web_app": false,
    })
}

fn user(id: i64) -> Value {
    json!({ "id": id, "is_bot": false, "first_name": format!("user {id}"), "language_code": "en" })
}

fn chat(id: i64, forum: bool) -> Value {
    if id > 0 {
        return json!({ "id": id, "type": "private", "first_name": format!("user {id}") });
    }
    json!({ "id": id, "type": "supergroup", "title": "crew", "is_forum": forum })
}

/// A message of the bot as the API returns it.
pub fn bot_message(chat_id: i64, message: &Message) -> Value {
    let row: Vec<Value> =
        message.buttons.iter().map(|(label, data)| json!({ "text": label, "callback_data": data })).collect();
    let mut value = json!({
        "message_id": message.id, "date": DATE, "chat": chat(chat_id, message.topic.is_some()),
        "from": bot(), "text": message.text,
    });
    if !row.is_empty() {
        value["reply_markup"] = json!({ "inline_keyboard": [row] });
    }
    if let Some(topic) = message.topic {
        value["message_thread_id"] = json!(topic);
        value["is_topic_message"] = json!(true);
    }
    value
}

impl Fake {
    /// Queues an update with these parts. Returns its number.
    pub fn update(&self, mut parts: Value) -> i64 {
        self.change(|memory| {
            let id = memory.next_id();
            parts["update_id"] = json!(id);
            memory.updates.push(parts);
            id
        })
    }

    /// A message of `user`, as an update without its number.
    pub fn message(&self, at: &str, from: i64, text: &str) -> Value {
        let (chat_id, topic) = place(at).unwrap();
        let id = self.change(super::fake::Memory::next_id);
        let mut message = json!({
            "message_id": id, "date": DATE, "chat": chat(chat_id, topic.is_some()), "from": user(from), "text": text,
        });
        if let Some(topic) = topic {
            message["message_thread_id"] = json!(topic);
            message["is_topic_message"] = json!(true);
        }
        json!({ "message": message })
    }

    /// Somebody writes. Returns the update's number.
    pub fn says(&self, at: &str, from: i64, text: &str) -> i64 {
        self.update(self.message(at, from, text))
    }

    /// Somebody answers a message of the bot.
    pub fn replies(&self, at: &str, from: i64, to: &Message, text: &str) -> i64 {
        let mut update = self.message(at, from, text);
        update["message"]["reply_to_message"] = bot_message(place(at).unwrap().0, to);
        self.update(update)
    }

    /// A tap as an update without its number: on `message`, with whatever data.
    pub fn tap(&self, at: &str, from: i64, message: &Message, data: &str) -> Value {
        let (chat_id, _) = place(at).unwrap();
        let query = self.change(|memory| {
            let query = format!("query-{}", memory.next_id());
            memory.queries.insert(query.clone());
            query
        });
        json!({ "callback_query": {
            "id": query, "from": user(from), "chat_instance": "1", "data": data,
            "message": bot_message(chat_id, message),
        }})
    }

    /// Somebody taps the first button whose label begins so. Returns the update's number.
    pub fn taps(&self, at: &str, from: i64, message: &Message, label: &str) -> i64 {
        self.update(self.tap(at, from, message, data(message, label)))
    }

    /// The same update comes once more, as it does when a confirmation is lost.
    pub fn repeats(&self, update: Value) {
        self.change(|memory| memory.again.push(update));
    }
}

/// The data of the first button whose label begins so.
pub fn data<'a>(message: &'a Message, label: &str) -> &'a str {
    let button = message.buttons.iter().find(|(have, _)| have.starts_with(label));
    &button.unwrap_or_else(|| panic!("no button {label} among {:?}", message.buttons)).1
}
